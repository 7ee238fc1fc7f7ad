//! Imports that make a published experiment of a trace: which pods are drawn, what is made up, and that `plan` keeps
//! every rule of it.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use apportion::engine::{Listed, Mode, Online, Options, Order};
use apportion::import::{Imported, import};
use apportion_cluster::plan::PlanFile;
use apportion_policies::online::resampled;

use common::{cluster, planned, quiet, stage};

fn imported(format: &str, files: &[&str], settings: &[(&str, &str)]) -> Imported {
    let names = ["one.csv", "two.csv", "three.csv"];
    let inputs = names.into_iter().zip(files.iter().map(|it| it.as_bytes()));
    let inputs: Vec<(&str, &[u8])> = inputs.collect();
    import(format, &inputs, settings).unwrap_or_else(|error| panic!("{error}"))
}

fn online(imported: &Imported, rule: &str, seed: u64) -> PlanFile {
    let cluster = cluster(&imported.snapshot);
    let order = Listed::read(&cluster, &imported.order.join("\n")).unwrap();
    let options = Options {
        mode: Mode::Online,
        online: Online {
            order: Order::Listed(order),
            rule: rule.to_owned(),
        },
        seed,
        ..quiet()
    };
    planned(&cluster, &options)
}

mod openb_experiment {
    use super::*;

    const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model
n1,64000,262144,4,T4\nn2,32000,131072,0,\nn3,96000,786432,8,V100\n";
    const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli
part,6000,12288,1,460\nwhole,8000,32768,2,1000\nnone,4000,15258,0,0\npart#2,1000,1024,1,250\n";
    const MILLI: [i64; 4] = [460, 2000, 0, 250];

    fn drawn(demand: &str, seed: &str) -> Imported {
        imported(
            "openb",
            &[NODES, PODS],
            &[("demand", demand), ("seed", seed)],
        )
    }

    /// What a name is a copy of, as a position in the list.
    fn original(name: &str) -> usize {
        let names = ["part", "whole", "none", "part#2"];
        let exact = names.iter().position(|it| *it == name);
        let cut = name.rsplit_once('#').map(|(name, _)| name);
        let copied = || names.iter().position(|it| Some(*it) == cut);
        exact.or_else(copied).unwrap()
    }

    #[test]
    fn the_pods_are_those_that_the_rules_are_measured_with() {
        for seed in [0, 42, 51] {
            let imported = drawn("1.3", &seed.to_string());
            let found: Vec<usize> = imported.order.iter().map(|it| original(it)).collect();
            assert_eq!(found, resampled(&MILLI, 12_000 * 13 / 10, seed));
            let jobs = imported.snapshot.jobs.iter();
            assert!(jobs.map(|job| &job.id).eq(&imported.order));
        }
        assert_ne!(drawn("1.3", "1").order, drawn("1.3", "2").order);
        assert_eq!(drawn("1.3", "1"), drawn("1.3", "1"));
    }

    #[test]
    fn copies_have_names_of_their_own_and_ask_for_the_same() {
        let imported = drawn("3", "7");
        let names: BTreeSet<&String> = imported.order.iter().collect();
        assert_eq!(names.len(), imported.order.len());
        assert!(names.contains(&"part".to_owned()) && names.contains(&"part#3".to_owned()));
        for job in &imported.snapshot.jobs {
            let at = original(&job.id);
            let needs = job.tasks[0].devices.iter();
            let milli: i64 = needs.map(|need| need.count * need.milli).sum();
            assert_eq!((milli, &job.tasks[0].id), (MILLI[at], &job.id));
        }
        cluster(&imported.snapshot);
    }

    #[test]
    fn the_first_stage_counts_gpu_thousandths_and_nothing_else() {
        let imported = drawn("1.3", "42");
        let cluster = cluster(&imported.snapshot);
        for plan in [
            planned(&cluster, &quiet()),
            online(&imported, "first_fit", 42),
        ] {
            let held = plan.placements.iter().flat_map(|it| &it.devices);
            let milli: i64 = held.map(|device| device.milli).sum();
            assert_eq!(stage(&plan, "ml", "placed:1").objective, milli as f64);
            assert!(milli > 6_000, "{milli}");
            assert_eq!(plan.frameworks.len(), 1);
        }
    }

    #[test]
    fn a_list_that_asks_for_too_much_is_cut_down() {
        let imported = drawn("0.1", "3");
        let asked: i64 = imported.order.iter().map(|it| MILLI[original(it)]).sum();
        assert!(asked <= 1_200 && imported.order.len() < 4, "{asked}");
        assert_eq!(drawn("0.001", "3").snapshot.agents.len(), 3);
    }

    #[test]
    fn nodes_without_gpus_are_left_out_when_asked() {
        let only = imported("openb", &[NODES, PODS], &[("gpu-nodes-only", "true")]);
        let agents = only.snapshot.agents.iter().map(|it| it.id.as_str());
        assert_eq!(agents.collect::<Vec<_>>(), ["n1", "n3"]);
        assert!(
            only.notes
                .iter()
                .any(|it| it.code.name == "cpu-node" && it.subject == "n2")
        );
        assert_eq!(only.order, ["part", "whole", "none", "part#2"]);
    }

    #[test]
    fn a_seed_without_a_demand_is_refused() {
        let inputs = [("n", NODES.as_bytes()), ("p", PODS.as_bytes())];
        let refused = import("openb", &inputs, &[("seed", "1")]).unwrap_err();
        assert!(refused.to_string().contains("only together with `demand`"));
        for demand in ["0", "-1", "1,3", "11", "many"] {
            assert!(
                import("openb", &inputs, &[("demand", demand)]).is_err(),
                "{demand}"
            );
        }
    }
}

mod dlrm_with_cpu_nodes {
    use super::*;

    const NODES: &str = "node_name,gpu_model,gpu_capacity_num,cpu_num
0,A10,1,128\n1,A10,1,128\n2,H800,8,192\ncpu-node-00002,A10,1,128\n";

    /// Twelve instances of each role; an application's CN instances may be two to a node.
    fn instances() -> String {
        let header = "instance_sn,role,app_name,cpu_request,gpu_request,memory_request,max_instance_per_node";
        let hn = (0..6).map(|it| format!("h{it},HN,a,8,1,40.0,3\n"));
        let cn = (0..12).map(|it| format!("c{it},CN,a,24,0,112.5,2\n"));
        format!("{header}\n") + &hn.chain(cn).collect::<String>()
    }

    fn read(nodes: &str, seed: &str) -> Imported {
        let settings = [("cpu-nodes", nodes), ("seed", seed)];
        imported("dlrm", &[&instances(), NODES], &settings)
    }

    #[test]
    fn nodes_are_made_up_with_names_that_no_node_has() {
        let file = read("20", "1").snapshot;
        let made_up = file
            .agents
            .iter()
            .filter(|it| it.attributes["nodes"] == "cpu");
        let made_up: Vec<_> = made_up.collect();
        assert_eq!(made_up.len(), 20);
        assert_eq!(
            (made_up[0].id.as_str(), made_up[1].id.as_str()),
            ("cpu-node-00001", "cpu-node-00003")
        );
        let sizes: BTreeSet<_> = made_up.iter().map(|it| it.resources.clone()).collect();
        assert_eq!(sizes.len(), 2);
        assert_eq!(file, read("20", "1").snapshot);
        assert_ne!(file, read("20", "2").snapshot);
        let said = read("20", "1").notes;
        assert!(said.iter().any(|it| it.code.name == "cpu-nodes-made-up"));
        assert!(said.iter().all(|it| it.code.name != "cpu-nodes"));
    }

    #[test]
    fn instances_keep_to_their_kind_of_node_and_their_limit_and_are_spread() {
        let imported = read("8", "1");
        let cluster = cluster(&imported.snapshot);
        let plan = planned(&cluster, &quiet());
        let mut on: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for placement in &plan.placements {
            *on.entry((&placement.job, &placement.agent)).or_default() += placement.instances;
        }
        let kind = |agent: &str| {
            let found = imported.snapshot.agents.iter().find(|it| it.id == agent);
            found.unwrap().attributes["nodes"].as_str()
        };
        let count = |job: &str| {
            on.iter()
                .filter(|it| it.0.0 == job)
                .map(|it| *it.1)
                .collect::<Vec<_>>()
        };
        assert!(
            on.keys()
                .all(|(job, agent)| kind(agent) == if *job == "a" { "gpu" } else { "cpu" })
        );
        // Twelve, two to a node and never more, on as few nodes as that allows. Six over three nodes with one GPU and one with eight.
        let (cn, hn) = (count("a/CN"), count("a"));
        assert_eq!(
            (cn.iter().sum::<i64>(), cn.len(), cn.iter().max()),
            (12, 6, Some(&2))
        );
        assert_eq!(
            (hn.iter().sum::<i64>(), hn.len(), hn.iter().max()),
            (6, 4, Some(&3))
        );
        // With five nodes, the limit leaves two out.
        let few = read("5", "1");
        let few = planned(&common::cluster(&few.snapshot), &quiet());
        assert_eq!(common::placed(&few, |job| job == "a/CN"), 10);
    }

    #[test]
    fn memory_has_to_be_stated_for_them() {
        let stated = instances();
        let inputs = |text: &str| {
            import(
                "dlrm",
                &[("i.csv", text.as_bytes()), ("n.csv", NODES.as_bytes())],
                &[("cpu-nodes", "3")],
            )
        };
        let refused = inputs(&stated.replace("memory_request", "memory")).unwrap_err();
        assert!(
            refused.to_string().contains("no column `memory_request`"),
            "{refused}"
        );
        let refused =
            inputs(&stated.replace("c3,CN,a,24,0,112.5", "c3,CN,a,24,0,much")).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("line 11, column 14 (memory_request)"),
            "{refused}"
        );
    }
}

#[test]
fn files_may_be_gzipped() {
    let sets: [(&str, &[&str]); 3] = [
        (
            "openb",
            &[
                "sn,cpu_milli,memory_mib,gpu\nn,1,2,3\n",
                "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,1,1,5\n",
            ],
        ),
        (
            "vm-topology",
            &[
                "CPU1,RAM1,CPU2,RAM2\n1,2,3,4\n",
                "host_id,rack_id\nhost-0,1\n",
                "flavor_vcpus,flavor_ram,numa\n1,1,1\n",
            ],
        ),
        (
            "dlrm",
            &[
                "instance_sn,role,app_name,cpu_request,gpu_request,max_instance_per_node\ni,HN,a,1,1,1\n",
                "node_name,gpu_model,gpu_capacity_num,cpu_num\n0,A,1,1\n",
            ],
        ),
    ];
    for (format, files) in sets {
        let packed: Vec<Vec<u8>> = files.iter().map(|text| gzipped(text.as_bytes())).collect();
        let names = ["one.csv.gz", "two.csv.gz", "three.csv.gz"];
        let inputs: Vec<(&str, &[u8])> = names
            .into_iter()
            .zip(packed.iter().map(Vec::as_slice))
            .collect();
        assert_eq!(
            import(format, &inputs, &[]).unwrap(),
            imported(format, files, &[])
        );
        // Half of a file is a fault that names it.
        let cut: Vec<(&str, &[u8])> = inputs
            .iter()
            .map(|(name, bytes)| (*name, &bytes[..bytes.len() / 2]))
            .collect();
        let refused = import(format, &cut, &[]).unwrap_err().to_string();
        assert!(
            refused.lines().count() == files.len() && refused.contains("one.csv.gz: "),
            "{refused}"
        );
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The public virtual machines, where they are at hand: all of them have a place, on fewer servers than with one decision
/// after the other in the order of the list.
#[test]
fn vm_topology_needs_fewer_servers_than_first_fit_and_best_fit() {
    let Ok(data) = std::env::var("APPORTION_DATA") else {
        println!("skipped: APPORTION_DATA is not set");
        return;
    };
    let read = |name: &str| std::fs::read_to_string(format!("{data}/vm-topology/{name}")).unwrap();
    let files = ["servers.csv", "racks.csv", "vms_C2.csv"].map(read);
    let imported = imported("vm-topology", &files.each_ref().map(String::as_str), &[]);
    let servers = |plan: &PlanFile| {
        assert_eq!(common::placed(plan, |_| true), 4998);
        stage(plan, "vms", "agents_used").objective
    };
    let planned = servers(&planned(&cluster(&imported.snapshot), &quiet()));
    for (rule, part) in [("first_fit", 0.75), ("best_fit", 0.75), ("tightest", 1.0)] {
        let one_by_one = servers(&online(&imported, rule, 1));
        println!("{rule}: {one_by_one} servers, planned: {planned}");
        assert!(
            planned < part * one_by_one,
            "{rule}: {one_by_one}, {planned}"
        );
    }
}
