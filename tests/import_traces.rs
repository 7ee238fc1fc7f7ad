//! Imports of public traces: what becomes of each column, what is refused and where, and the traces themselves
//! where the data folder is at hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use apportion::import::{
    Code, ImportError, Imported, dlrm, import, importers, openb, vm_topology, wfcommons,
};
use apportion::snapshot::resolve;
use apportion_cluster::Cluster;
use apportion_cluster::file::{JobFile, SnapshotFile, TaskFile};

/// The snapshot as a cluster: every name resolves, nothing is refused.
fn resolved(file: &SnapshotFile) -> Cluster {
    resolve(file).unwrap_or_else(|faults| panic!("{faults}"))
}

fn notes(imported: &Imported) -> Vec<(&str, &str)> {
    let notes = imported.notes.iter();
    notes
        .map(|note| (note.code.name, note.subject.as_str()))
        .collect()
}

fn places(refused: Result<Imported, ImportError>) -> Vec<String> {
    let Err(ImportError::Input(faults)) = refused else {
        panic!("input faults were expected")
    };
    let places = faults.into_iter();
    places
        .map(|fault| format!("{}: {}", fault.file, fault.place))
        .collect()
}

fn task<'j>(jobs: &'j [JobFile], job: &str) -> &'j TaskFile {
    let job = jobs.iter().find(|it| it.id == job).unwrap();
    assert_eq!(job.tasks.len(), 1);
    assert_eq!(
        (job.tasks[0].id.as_str(), job.tasks[0].instances),
        (job.id.as_str(), 1)
    );
    &job.tasks[0]
}

fn amounts<'a>(stated: impl IntoIterator<Item = (&'a str, i64)>) -> BTreeMap<String, i64> {
    let stated = stated.into_iter();
    stated
        .map(|(name, amount)| (name.to_owned(), amount))
        .collect()
}

mod openb_trace {
    use super::*;

    const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn1,64000,262144,2,T4\nn2,32000,131072,0,\nn3,96000,786432,8,\n";
    const PODS: &str = "gpu_milli,name,cpu_milli,memory_mib,num_gpu,gpu_spec,qos,team
460,part,6000,12288,1,V100M16|V100M32|V100M16,LS,a
1000,whole,88000,327680,8,,BE,a
0,none,4000,15258,0,,Burstable,b
500,halves,1,2,2,nan,,
0,odd,1,2,0,T4,,
";

    fn read(nodes: &str, pods: &str) -> Result<Imported, ImportError> {
        openb(&[
            ("nodes.csv", nodes.as_bytes()),
            ("a/pods.csv.gz", pods.as_bytes()),
        ])
    }

    #[test]
    fn nodes_keep_their_names_and_their_gpus_become_devices() {
        let file = read(NODES, PODS).unwrap().snapshot;
        assert_eq!(file.cluster, "pods");
        let agents: Vec<_> = file
            .agents
            .iter()
            .map(|agent| {
                let devices = agent.devices.iter();
                let devices = devices.map(|it| (it.name.as_str(), it.model.as_deref(), it.count));
                (
                    agent.id.as_str(),
                    agent.resources.clone(),
                    devices.collect::<Vec<_>>(),
                )
            })
            .collect();
        let resources = |cpu, memory| amounts([("cpu_milli", cpu), ("memory_mib", memory)]);
        assert_eq!(
            agents,
            [
                (
                    "n1",
                    resources(64_000, 262_144),
                    vec![("gpu", Some("T4"), 2)]
                ),
                ("n2", resources(32_000, 131_072), vec![]),
                ("n3", resources(96_000, 786_432), vec![("gpu", None, 8)]),
            ]
        );
        resolved(&file);
    }

    #[test]
    fn pods_ask_for_parts_of_gpus_of_the_models_that_they_name() {
        let file = read(NODES, PODS).unwrap().snapshot;
        let part = task(&file.jobs, "part");
        let need = &part.devices[0];
        assert_eq!(
            (need.name.as_str(), need.count, need.milli),
            ("gpu", 1, 460)
        );
        let models = need.models.as_ref().unwrap().iter();
        let models: Vec<_> = models
            .map(|it| (it.model.as_str(), it.throughput))
            .collect();
        assert_eq!(models, [("V100M16", 1000), ("V100M32", 1000)]);
        assert_eq!(
            part.resources,
            amounts([("cpu_milli", 6000), ("memory_mib", 12_288)])
        );
        let whole = &task(&file.jobs, "whole").devices[0];
        assert_eq!((whole.count, whole.milli, &whole.models), (8, 1000, &None));
        let values: Vec<i64> = file.jobs.iter().map(|job| job.tasks[0].value).collect();
        assert_eq!(values, [460, 8000, 1, 1000, 1]);
    }

    #[test]
    fn pods_with_gpus_and_pods_without_belong_to_frameworks_of_their_own() {
        let file = read(NODES, PODS).unwrap().snapshot;
        let of: Vec<&str> = file.jobs.iter().map(|job| job.framework.as_str()).collect();
        assert_eq!(of, ["ml", "ml", "service", "ml", "service"]);
        let policies = file.frameworks.iter();
        let policies: Vec<_> = policies
            .map(|it| (it.id.as_str(), it.policy.as_str()))
            .collect();
        assert_eq!(policies, [("ml", "ml"), ("service", "service")]);
        let only = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,2,1,3\n";
        let file = read(NODES, only).unwrap().snapshot;
        assert_eq!(file.frameworks.len(), 1);
    }

    #[test]
    fn what_is_not_said_is_noted() {
        let imported = read(NODES, PODS).unwrap();
        let noted = notes(&imported);
        let expected = [
            ("column", "team"),
            ("part-of-several", "halves"),
            ("qos", "qos"),
            ("spec-without-gpu", "odd"),
        ];
        let expected: BTreeSet<_> = expected.into_iter().collect();
        assert_eq!(noted.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn every_fault_is_reported_with_line_and_column() {
        let nodes = NODES.replace("n2,32000,131072,0", "n1,32000,x,65");
        let pods = PODS
            .replace("0,none,4000", "460,none,4000")
            .replace("460,part", "0,part")
            .replace("1000,whole,88000", "1001,,-1");
        let expected = [
            "nodes.csv: line 3, column 1 (sn)",
            "nodes.csv: line 3, column 10 (memory_mib)",
            "nodes.csv: line 3, column 12 (gpu)",
            "a/pods.csv.gz: line 2, column 1 (gpu_milli)",
            "a/pods.csv.gz: line 3, column 6 (name)",
            "a/pods.csv.gz: line 3, column 7 (cpu_milli)",
            "a/pods.csv.gz: line 3, column 1 (gpu_milli)",
            "a/pods.csv.gz: line 4, column 1 (gpu_milli)",
        ];
        assert_eq!(places(read(&nodes, &pods)), expected);
        assert_eq!(places(read(PODS, NODES)).len(), 2 + 3);
        assert_eq!(
            places(openb(&[("nodes.csv", NODES.as_bytes())])),
            ["nodes.csv: "]
        );
    }
}

mod vm_topology_set {
    use super::*;

    const SERVERS: &str = "CPU1,RAM1,CPU2,RAM2\n16,32,32,64\n40,120,38,120\n8,8,0,0\n";
    const RACKS: &str = "host_id,rack_id\nhost-0,7\nhost-2,9\nhost-1,7\n";
    /// Two of a fault-domain group where each VM has a domain of its own; three where two share one.
    const VMS: &str = "flavor_vcpus,flavor_ram,numa,strategy,group,domain
32,64,2,,,
3,7,1,,,
8,16,1,anti-affinity,0.0,
8,16,1,anti-affinity,0.0,
8,16,1,affinity,0.0,
8,16,1,affinity,0.0,
4,8,1,affinity,1.0,
4,8,1,fault_domain,0.0,0.0
4,8,1,fault_domain,0.0,1.0
4,8,1,fault_domain,1.0,2.0
4,8,1,fault_domain,1.0,1.0
4,8,1,fault_domain,1.0,1.0
4,8,1,fault_domain,2.0,1.0
";

    fn read(servers: &str, racks: &str, vms: &str) -> Result<Imported, ImportError> {
        let texts = [("s.csv", servers), ("r.csv", racks), ("v.csv", vms)];
        vm_topology(&texts.map(|(name, text)| (name, text.as_bytes())))
    }

    #[test]
    fn servers_have_resources_per_numa_node_and_racks() {
        let file = read(SERVERS, RACKS, VMS).unwrap().snapshot;
        let server = &file.agents[1];
        let expected = [
            ("numa0_cpu_milli", 40_000),
            ("numa0_memory_mib", 122_880),
            ("numa1_cpu_milli", 38_000),
            ("numa1_memory_mib", 122_880),
        ];
        assert_eq!(
            (server.id.as_str(), &server.resources),
            ("host-1", &amounts(expected))
        );
        let racks: Vec<_> = file
            .agents
            .iter()
            .map(|it| it.domains["rack"].as_str())
            .collect();
        assert_eq!(racks, ["7", "7", "9"]);
        assert_eq!(resolved(&file).tasks.len(), 13);
    }

    #[test]
    fn a_vm_needs_half_of_its_demand_on_each_node_or_all_of_it_on_one() {
        let file = read(SERVERS, RACKS, VMS).unwrap().snapshot;
        let both = [
            ("numa0_cpu_milli", 16_000),
            ("numa0_memory_mib", 32_768),
            ("numa1_cpu_milli", 16_000),
            ("numa1_memory_mib", 32_768),
        ];
        assert_eq!(task(&file.jobs, "vm-0").resources, amounts(both));
        for job in &file.jobs[1..] {
            let needs = &job.tasks[0].resources;
            let nodes: BTreeSet<&str> = needs.keys().map(|name| &name[..5]).collect();
            assert_eq!((needs.len(), nodes.len()), (2, 1), "{}", job.id);
        }
        let sum = |node: &str| -> i64 {
            let needs = file.jobs.iter().map(|job| &job.tasks[0].resources);
            needs.filter_map(|it| it.get(node)).sum()
        };
        let (first, second) = (sum("numa0_cpu_milli"), sum("numa1_cpu_milli"));
        assert_eq!(first + second, 95_000);
        assert!(first > 16_000 && second > 16_000, "{first} {second}");
    }

    #[test]
    fn a_plan_that_fits_the_totals_of_each_node_fits_the_nodes() {
        // 38 cores on one node and 40 on the other: 39 on one node fit only there.
        let vms = "flavor_vcpus,flavor_ram,numa\n39,1,1\n";
        let file = read(
            "CPU1,RAM1,CPU2,RAM2\n40,9,38,9\n",
            "host_id,rack_id\nhost-0,0\n",
            vms,
        )
        .unwrap()
        .snapshot;
        assert_eq!(file.jobs[0].tasks[0].resources["numa0_cpu_milli"], 39_000);
    }

    #[test]
    fn placement_groups_become_limits_and_divided_racks() {
        let imported = read(SERVERS, RACKS, VMS).unwrap();
        let file = &imported.snapshot;
        let rules = |vm: usize| {
            let task = &file.jobs[vm].tasks[0];
            let limits = task.constraints.limit.iter();
            let limits: Vec<_> = limits
                .map(|it| (it.level.as_str(), it.max, it.group.as_deref().unwrap()))
                .collect();
            let only = task.constraints.attributes.get("fault_domain").cloned();
            (
                task.groups.join(" "),
                limits,
                only.unwrap_or_default().join(" "),
            )
        };
        let free = (String::new(), vec![], String::new());
        let apart = (
            "anti-affinity-0.0".to_owned(),
            vec![("agent", 1, "anti-affinity-0.0")],
            String::new(),
        );
        let racks = (
            "fault-domain-0.0".to_owned(),
            vec![("rack", 1, "fault-domain-0.0")],
            String::new(),
        );
        assert_eq!(
            (rules(0), rules(4), rules(6), rules(12)),
            (free.clone(), free.clone(), free.clone(), free)
        );
        assert_eq!((rules(2), rules(3)), (apart.clone(), apart));
        assert_eq!((rules(7), rules(8)), (racks.clone(), racks));
        assert_eq!(
            (rules(9).2, rules(10).2, rules(11).2),
            ("2".to_owned(), "1".to_owned(), "1".to_owned())
        );
        let classes = file
            .agents
            .iter()
            .map(|it| it.attributes["fault_domain"].as_str());
        assert_eq!(classes.collect::<Vec<_>>(), ["1", "1", "2"]);
        let noted = notes(&imported);
        assert!(noted.contains(&("affinity", "vm-4")) && !noted.contains(&("affinity", "vm-6")));
        assert!(
            noted.contains(&("racks-divided", "vm-11"))
                && !noted.contains(&("racks-divided", "vm-8"))
        );
        assert!(noted.contains(&("numa-node-missing", "host-2")));
        assert_eq!(noted.iter().filter(|it| it.0 == "numa-chosen").count(), 12);
    }

    #[test]
    fn fewer_racks_than_fault_domains_are_not_divided() {
        let racks = RACKS.replace('9', "7");
        let imported = read(SERVERS, &racks, VMS).unwrap();
        assert!(notes(&imported).contains(&("fault-domain", "vm-9")));
        assert!(
            imported
                .snapshot
                .agents
                .iter()
                .all(|agent| agent.attributes.is_empty())
        );
        resolved(&imported.snapshot);
    }

    #[test]
    fn every_fault_is_reported_with_line_and_column() {
        let servers = SERVERS.replace("8,8,0,0", "8,x,0,-1");
        let racks = RACKS.replace("host-1,7", "host-0,7") + "host-3,1\nhost-02,1\n";
        let vms = VMS
            .replace("3,7,1,,,", "3,7,3,nearby,,")
            .replace("anti-affinity,0.0,", "anti-affinity,,")
            .replace("fault_domain,2.0,1.0", "fault_domain,2.0,");
        let expected = [
            "r.csv: line 4, column 1 (host_id)",
            "r.csv: line 5, column 1 (host_id)",
            "r.csv: line 6, column 1 (host_id)",
            "s.csv: line 3, column 1 (CPU1)",
            "s.csv: line 4, column 3 (RAM1)",
            "s.csv: line 4, column 7 (RAM2)",
            "v.csv: line 3, column 5 (numa)",
            "v.csv: line 3, column 7 (strategy)",
            "v.csv: line 4, column 22 (group)",
            "v.csv: line 5, column 22 (group)",
            "v.csv: line 14, column 24 (domain)",
        ];
        assert_eq!(places(read(&servers, &racks, &vms)), expected);
    }

    #[test]
    fn files_in_the_wrong_order_are_said_to_be_and_nothing_else() {
        let expected = ["s.csv: line 1"; 4].into_iter().chain(["r.csv: line 1"; 2]);
        let found = places(read(RACKS, SERVERS, VMS));
        assert_eq!(found, expected.collect::<Vec<_>>());
        assert_eq!(places(read(SERVERS, VMS, RACKS)).len(), 2 + 3);
    }
}

mod dlrm_trace {
    use super::*;

    const INSTANCES: &str = "instance_sn,role,app_name,cpu_request,gpu_request,memory_request,max_instance_per_node,creation_time
i0,HN,a,12,1,120.0,8,
i1,HN,a,12,1,120.0,2,
i2,HN,b,16,1,937.5,-1,5.0
i3,CN,b,64,0,320.0,-1,
";
    const NODES: &str = "gpu_model,gpu_capacity_num,cpu_num,node_name\nA10,1,128,0\nH800,8,192,1\n";

    fn read(instances: &str, nodes: &str) -> Result<Imported, ImportError> {
        dlrm(&[("i.csv", instances.as_bytes()), ("n.csv", nodes.as_bytes())])
    }

    #[test]
    fn applications_become_jobs_and_instances_their_tasks() {
        let file = read(INSTANCES, NODES).unwrap().snapshot;
        let jobs: Vec<_> = file
            .jobs
            .iter()
            .map(|job| {
                (
                    job.id.as_str(),
                    job.tasks
                        .iter()
                        .map(|it| it.id.as_str())
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(jobs, [("a", vec!["i0", "i1"]), ("b", vec!["i2"])]);
        let demand = [("cpu_milli", 16_000), ("gpu_milli", 1000)];
        assert_eq!(file.jobs[1].tasks[0].resources, amounts(demand));
        let has = [("cpu_milli", 192_000), ("gpu_milli", 8000)];
        let node = &file.agents[1];
        assert_eq!((node.id.as_str(), &node.resources), ("1", &amounts(has)));
        assert_eq!(node.attributes["gpu_model"], "H800");
        assert_eq!(file.levels, ["agent"]);
        resolved(&file);
    }

    #[test]
    fn the_least_limit_per_node_holds_for_the_whole_application() {
        let imported = read(INSTANCES, NODES).unwrap();
        for task in &imported.snapshot.jobs[0].tasks {
            let limit = &task.constraints.limit[0];
            assert_eq!(
                (limit.level.as_str(), limit.max, limit.group.as_deref()),
                ("agent", 2, Some("a"))
            );
            assert_eq!(task.groups, ["a"]);
        }
        let free = &imported.snapshot.jobs[1].tasks[0];
        assert!(free.constraints.is_empty() && free.groups.is_empty());
        let noted: BTreeSet<_> = notes(&imported).into_iter().collect();
        let expected = [
            ("cpu-nodes", "CN"),
            ("least-limit", "a"),
            ("times", "creation_time"),
            ("unknown-capacity", "memory_request"),
        ];
        assert_eq!(noted, expected.into_iter().collect());
    }

    #[test]
    fn every_fault_is_reported_with_line_and_column() {
        let instances = INSTANCES
            .replace("i1,HN", "i0,GN")
            .replace(",-1,5.0", ",-2,5.0");
        let nodes = NODES.replace("A10,1", "A10,65").replace("192,1", "192,0");
        let expected = [
            "n.csv: line 2, column 5 (gpu_capacity_num)",
            "n.csv: line 3, column 12 (node_name)",
            "i.csv: line 3, column 1 (instance_sn)",
            "i.csv: line 3, column 4 (role)",
            "i.csv: line 4, column 20 (max_instance_per_node)",
        ];
        let found: BTreeSet<String> = places(read(&instances, &nodes)).into_iter().collect();
        assert_eq!(found, expected.map(str::to_owned).into());
    }
}

#[test]
fn the_importers_are_listed_and_take_no_settings_that_they_do_not_know() {
    let names: Vec<&str> = importers().iter().map(|importer| importer.name()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in ["openb", "vm-topology", "dlrm"] {
        assert!(names.contains(&name));
        let refused = import(name, &[], &[("unplace", "true")]).unwrap_err();
        let takes = match name {
            "openb" => "it takes: gpu-nodes-only=false|true, demand=0.001..10, seed=0..",
            "dlrm" => "it takes: cpu-nodes=1..1000000, seed=0..",
            _ => "it takes: nothing",
        };
        assert!(refused.to_string().ends_with(takes), "{refused}");
        let refused = import(name, &[], &[]).unwrap_err();
        assert!(refused.to_string().contains("0 are given"), "{refused}");
    }
}

#[test]
fn the_guide_lists_every_code() {
    let guide = include_str!("../docs/import-traces.md");
    let lists: [(&str, &[Code]); 3] = [
        ("## openb", apportion::import::openb::CODES),
        ("## vm-topology", apportion::import::vm_topology::CODES),
        ("## dlrm", apportion::import::dlrm::CODES),
    ];
    for (heading, codes) in lists {
        let section = guide.split(heading).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for code in codes {
            let row = format!("| `{}` | {} |", code.name, code.weight);
            assert!(section.contains(&row), "{heading} {row}");
        }
    }
}

/// The public traces, where they are at hand: read here by splitting lines, which they allow.
mod public {
    use super::*;

    type Rows = Vec<BTreeMap<String, String>>;

    /// The folder of a trace; says so if there is none.
    fn folder(name: &str) -> Option<String> {
        let Ok(data) = std::env::var("APPORTION_DATA") else {
            println!("skipped: APPORTION_DATA is not set");
            return None;
        };
        Some(format!("{data}/{name}"))
    }

    fn file(folder: &str, name: &str) -> (Vec<u8>, Rows) {
        let bytes = std::fs::read(format!("{folder}/{name}")).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let row = |line: &str| {
            let fields = header.iter().zip(line.split(','));
            fields
                .map(|(name, field)| ((*name).to_owned(), field.to_owned()))
                .collect()
        };
        (bytes, lines.map(row).collect())
    }

    fn sum(rows: &Rows, column: &str) -> i64 {
        rows.iter()
            .map(|row| row[column].parse::<i64>().unwrap())
            .sum()
    }

    fn total(cluster: &Cluster, resource: &str) -> (i64, i64) {
        let at = cluster
            .resources
            .iter()
            .position(|it| it == resource)
            .unwrap();
        let has = cluster.agents.iter().map(|it| it.capacity.0[at]).sum();
        (has, cluster.tasks.iter().map(|it| it.demand.0[at]).sum())
    }

    #[test]
    fn openb_whole() {
        let Some(folder) = folder("openb-gpu") else {
            return;
        };
        for (nodes, n_nodes) in [("all_node", 1523), ("gpu_node", 1213)] {
            let (nodes, hosts) = file(&folder, &format!("openb_node_list_{nodes}.csv"));
            assert_eq!((hosts.len(), sum(&hosts, "gpu")), (n_nodes, 6212));
            for list in ["default", "cpu100", "gpushare40", "gpuspec20", "multigpu20"] {
                let (pods, rows) = file(&folder, &format!("openb_pod_list_{list}.csv"));
                let imported = openb(&[("nodes.csv", &nodes), (list, &pods)]).unwrap();
                let cluster = resolved(&imported.snapshot);
                assert_eq!(
                    (cluster.agents.len(), cluster.tasks.len()),
                    (n_nodes, rows.len())
                );
                assert_eq!(
                    total(&cluster, "cpu_milli"),
                    (sum(&hosts, "cpu_milli"), sum(&rows, "cpu_milli"))
                );
                assert_eq!(
                    total(&cluster, "memory_mib"),
                    (sum(&hosts, "memory_mib"), sum(&rows, "memory_mib"))
                );
                let asked = rows.iter().map(|row| {
                    row["num_gpu"].parse::<i64>().unwrap()
                        * row["gpu_milli"].parse::<i64>().unwrap()
                });
                assert_eq!(total(&cluster, "gpu_milli"), (6_212_000, asked.sum()));
                let models = cluster
                    .tasks
                    .iter()
                    .flat_map(|it| &it.devices)
                    .filter(|it| !it.models.is_empty());
                let specs = rows
                    .iter()
                    .filter(|row| row.get("gpu_spec").is_some_and(|it| !it.is_empty()));
                assert_eq!(models.count(), specs.count(), "{list}");
            }
        }
    }

    #[test]
    fn vm_topology_whole() {
        let Some(folder) = folder("vm-topology") else {
            return;
        };
        let (servers, hosts) = file(&folder, "servers.csv");
        let (racks, _) = file(&folder, "racks.csv");
        for list in ["vms_C1.csv", "vms_C2.csv"] {
            let (vms, rows) = file(&folder, list);
            let imported = vm_topology(&[("s", &servers), ("r", &racks), (list, &vms)]).unwrap();
            let cluster = resolved(&imported.snapshot);
            assert_eq!(
                (cluster.agents.len(), cluster.levels[0].domains.len()),
                (1710, 100)
            );
            assert_eq!(cluster.tasks.len(), 4998);
            let (first, second) = (
                total(&cluster, "numa0_cpu_milli"),
                total(&cluster, "numa1_cpu_milli"),
            );
            assert_eq!(
                (first.0, second.0),
                (sum(&hosts, "CPU1") * 1000, sum(&hosts, "CPU2") * 1000)
            );
            assert_eq!(first.1 + second.1, sum(&rows, "flavor_vcpus") * 1000);
            let (first, second) = (
                total(&cluster, "numa0_memory_mib"),
                total(&cluster, "numa1_memory_mib"),
            );
            assert_eq!(first.1 + second.1, sum(&rows, "flavor_ram") * 1024);
            separated(&imported.snapshot, &rows);
        }
    }

    /// Two VMs of one group and different fault domains can never share a rack.
    fn separated(file: &SnapshotFile, rows: &Rows) {
        let mut groups: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        for (at, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row["strategy"] == "fault_domain")
        {
            groups
                .entry(&row["group"])
                .or_default()
                .push((at, &row["domain"]));
        }
        let racks_of = |vm: usize| -> BTreeSet<&str> {
            let wanted = file.jobs[vm].tasks[0]
                .constraints
                .attributes
                .get("fault_domain");
            let open = file.agents.iter().filter(|it| {
                wanted.is_none_or(|wanted| wanted.contains(&it.attributes["fault_domain"]))
            });
            open.map(|agent| agent.domains["rack"].as_str()).collect()
        };
        for members in groups.values() {
            for (at, &(vm, domain)) in members.iter().enumerate() {
                for &(other, _) in members[..at].iter().filter(|it| it.1 != domain) {
                    let limited = |vm: usize| &file.jobs[vm].tasks[0].constraints.limit;
                    let one = limited(vm).len() == 1
                        && limited(vm) == limited(other)
                        && limited(vm)[0].level == "rack";
                    assert!(
                        one || racks_of(vm).is_disjoint(&racks_of(other)),
                        "vm-{vm} vm-{other}"
                    );
                }
            }
        }
    }

    #[test]
    fn dlrm_whole() {
        let Some(folder) = folder("alibaba-dlrm") else {
            return;
        };
        let (instances, rows) = file(&folder, "disaggregated_DLRM_trace.csv");
        let (nodes, hosts) = file(&folder, "node_info_df.csv");
        let imported = dlrm(&[("i", &instances), ("n", &nodes)]).unwrap();
        let cluster = resolved(&imported.snapshot);
        assert_eq!(
            (
                cluster.agents.len(),
                cluster.jobs.len(),
                cluster.tasks.len()
            ),
            (4278, 156, 7386)
        );
        assert_eq!(
            total(&cluster, "gpu_milli"),
            (sum(&hosts, "gpu_capacity_num") * 1000, 7_386_000)
        );
        let rows: Rows = rows.into_iter().filter(|row| row["role"] == "HN").collect();
        assert_eq!(
            total(&cluster, "cpu_milli"),
            (
                sum(&hosts, "cpu_num") * 1000,
                sum(&rows, "cpu_request") * 1000
            )
        );
        for job in &imported.snapshot.jobs {
            let stated = rows
                .iter()
                .filter(|row| row["app_name"] == job.id)
                .map(|row| row["max_instance_per_node"].parse::<i64>().unwrap());
            let least = stated.filter(|limit| *limit > 0).min();
            let held = job.tasks[0]
                .constraints
                .limit
                .first()
                .map(|limit| limit.max);
            assert_eq!(held, least, "{}", job.id);
        }
    }
}

mod recorded_workflows {
    use super::*;

    const FILE: &str = r#"{"name": "n", "schemaVersion": "1.5", "workflow": {
      "specification": {
        "tasks": [{"name": "s", "id": "split", "children": ["work"], "parents": [], "inputFiles": ["in"], "outputFiles": ["x", "y"]},
                  {"name": "w", "id": "work", "children": ["join"], "parents": ["split"], "inputFiles": ["x", "x"], "outputFiles": ["z"]},
                  {"name": "j", "id": "join", "children": [], "parents": ["work"], "inputFiles": ["y", "z"], "outputFiles": []}],
        "files": [{"id": "in", "sizeInBytes": 9000000}, {"id": "x", "sizeInBytes": 1048577}, {"id": "y", "sizeInBytes": 1048576}, {"id": "z", "sizeInBytes": 0}]},
      "execution": {"makespanInSeconds": 3,
        "tasks": [{"id": "split", "runtimeInSeconds": 1.001, "coreCount": 2, "memoryInBytes": 1048577},
                  {"id": "work", "runtimeInSeconds": 0.0004, "avgCPU": 50},
                  {"id": "join", "runtimeInSeconds": 0}],
        "machines": [{"nodeName": "m1", "cpu": {"coreCount": 8}, "memoryInBytes": 4194303}]}}}"#;

    fn import_one(text: &str) -> Result<Imported, ImportError> {
        wfcommons(&[("folder/flow.json", text.as_bytes())])
    }

    #[test]
    fn each_field_becomes_what_the_documentation_says() {
        let imported = import_one(FILE).unwrap();
        let file = &imported.snapshot;
        resolved(file);
        assert_eq!(file.agents[0].id, "m1");
        assert_eq!(
            file.agents[0].resources,
            amounts([("cpu_milli", 8000), ("memory_mib", 3)])
        );
        assert_eq!(
            (
                file.frameworks[0].id.as_str(),
                file.frameworks[0].policy.as_str()
            ),
            ("workflows", "workflow")
        );
        let job = &file.jobs[0];
        assert_eq!(job.id, "flow");
        let tasks: Vec<_> = job
            .tasks
            .iter()
            .map(|it| (it.id.as_str(), it.work_ms, it.resources.clone()))
            .collect();
        assert_eq!(
            tasks,
            [
                (
                    "split",
                    Some(1001),
                    amounts([("cpu_milli", 2000), ("memory_mib", 2)])
                ),
                ("work", Some(1), amounts([("cpu_milli", 1000)])),
                ("join", Some(0), amounts([("cpu_milli", 1000)])),
            ]
        );
        let edges: Vec<_> = job
            .edges
            .iter()
            .map(|it| (it.from.as_str(), it.to.as_str(), it.mib))
            .collect();
        assert_eq!(
            edges,
            [
                ("split", "work", Some(2)),
                ("split", "join", Some(1)),
                ("work", "join", Some(0))
            ]
        );
        let codes: BTreeSet<&str> = notes(&imported).into_iter().map(|note| note.0).collect();
        assert_eq!(
            codes,
            BTreeSet::from(["cpu-use", "edge-of-files", "one-core", "rounded-up"])
        );
        let unstated = import_one(&FILE.replace(r#""coreCount": 8"#, "")).unwrap();
        assert_eq!(
            unstated.snapshot.agents[0].resources["cpu_milli"], 1000,
            "one core"
        );
        let codes: Vec<&str> = notes(&unstated).into_iter().map(|note| note.0).collect();
        assert!(codes.contains(&"machine-unstated"), "{codes:?}");
    }

    #[test]
    fn agents_can_be_made_up() {
        let settings = [
            ("agents", "5"),
            ("racks", "2"),
            ("cores", "3"),
            ("stage-order", "traffic"),
        ];
        let imported =
            import("wfcommons", &[("flow.json.gz", FILE.as_bytes())], &settings).unwrap();
        let file = &imported.snapshot;
        let cluster = resolved(file);
        assert_eq!(
            (cluster.agents.len(), cluster.levels[0].domains.len()),
            (5, 2)
        );
        assert_eq!(
            file.agents[0].resources,
            amounts([
                ("cpu_milli", 3000),
                ("memory_mib", 16384),
                ("network_mib_s", 125)
            ])
        );
        assert_eq!(file.frameworks[0].parameters["order"], "traffic");
        let alone = import(
            "wfcommons",
            &[("flow.json", FILE.as_bytes())],
            &[("racks", "2")],
        );
        assert!(matches!(alone, Err(ImportError::SettingAlone { .. })));
    }

    #[test]
    fn faults_are_refused_at_their_place() {
        let cases = [
            (
                r#""id": "join", "runtimeInSeconds": 0"#,
                r#""id": "joined", "runtimeInSeconds": 0"#,
                "workflow.execution.tasks[2].id",
            ),
            (
                r#""runtimeInSeconds": 1.001"#,
                r#""runtimeInSeconds": -1"#,
                "workflow.execution.tasks[0].runtimeInSeconds",
            ),
            (
                r#""runtimeInSeconds": 1.001"#,
                r#""runtimeInSeconds": 1e10"#,
                "workflow.execution.tasks[0].runtimeInSeconds",
            ),
            (
                r#""children": ["join"]"#,
                r#""children": ["jon"]"#,
                "workflow.specification.tasks[1].children[0]",
            ),
            (
                r#"["y", "z"]"#,
                r#"["y", "q"]"#,
                "workflow.specification.tasks[2].inputFiles[1]",
            ),
            (
                r#""sizeInBytes": 0"#,
                r#""sizeInBytes": -5"#,
                "workflow.specification.files[3].sizeInBytes",
            ),
            (
                r#""id": "work", "children""#,
                r#""id": "split", "children""#,
                "workflow.specification.tasks[1].id",
            ),
            (
                r#""children": [], "parents": ["work"]"#,
                r#""children": ["split"], "parents": ["work"]"#,
                "workflow.specification.tasks",
            ),
            (
                r#""schemaVersion": "1.5""#,
                r#""schemaVersion": "1.3""#,
                "schemaVersion",
            ),
            (
                r#""runtimeInSeconds": 0}"#,
                r#""runtimeInSeconds": "x"}"#,
                "workflow.execution.tasks[2].runtimeInSeconds",
            ),
            (r#""execution""#, r#""executed""#, "workflow"),
        ];
        for (whole, broken, place) in cases {
            let text = FILE.replacen(whole, broken, 1);
            assert_ne!(text, FILE, "{broken}");
            let places = places(import_one(&text));
            assert!(
                places.contains(&format!("folder/flow.json: {place}")),
                "{broken}: {places:?}"
            );
        }
        for text in ["", "{", "[]", "{}", "null"] {
            assert!(import_one(text).is_err(), "{text}");
        }
        // Each element that is wrong is told, and its kind in the words of JSON.
        let text = FILE
            .replace(r#""runtimeInSeconds": 1.001, "#, "")
            .replace(r#""sizeInBytes": 0"#, r#""sizeInBytes": "0""#)
            .replace(
                r#""id": "join", "children": []"#,
                r#""id": "join", "children": 3"#,
            )
            .replace(r#""machines": [{"#, r#""machines": [7, {"#);
        assert_eq!(
            places(import_one(&text)),
            [
                "specification.tasks[2].children",
                "specification.files[3].sizeInBytes",
                "execution.tasks[0]",
                "execution.machines[0]",
            ]
            .map(|place| format!("folder/flow.json: workflow.{place}"))
        );
        let message = import_one("[]").unwrap_err().to_string();
        assert!(message.contains("a list is no object"), "{message}");
        let twice = [
            ("a/flow.json", FILE.as_bytes()),
            ("b/flow.json", FILE.as_bytes()),
        ];
        assert_eq!(places(wfcommons(&twice)), ["b/flow.json: "]);
        assert!(wfcommons(&[]).is_err());
    }

    #[test]
    fn the_published_workflows_are_read() {
        let Some(folder) = std::env::var_os("APPORTION_DATA") else {
            println!("skipped: APPORTION_DATA is not set");
            return;
        };
        let folder = std::path::Path::new(&folder).join("workflows");
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "json") {
                files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
        files.sort();
        let inputs: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]))
            .collect();
        let imported = import("wfcommons", &inputs, &[("agents", "20"), ("racks", "4")]).unwrap();
        let cluster = resolved(&imported.snapshot);
        assert_eq!((cluster.jobs.len(), cluster.tasks.len()), (44, 7848));
        let edges: usize = cluster.jobs.iter().map(|job| job.edges.len()).sum();
        assert_eq!(edges, 16_365);
        // The machines that the files list are agents as well.
        resolved(&wfcommons(&inputs).unwrap().snapshot);
    }
}
