//! The openb trace (Alibaba, GPU cluster of 2023) as a snapshot: nodes with GPUs, pods that share them.
//!
//! | openb | snapshot |
//! |---|---|
//! | node | agent of that name, `cpu_milli`, `memory_mib`, devices `gpu` of its model |
//! | pod with GPUs | job of that name in the framework `ml` (policy `ml`): `num_gpu` devices, `gpu_milli` of each |
//! | `gpu_spec` | the models that it may use |
//! | pod without | job of that name in the framework `service` (policy `service`) |
//!
//! Values: a pod with GPUs is worth the thousandths of GPUs that it asks for, so that the value placed is the
//! GPU allocation that the trace's authors report; a pod without is worth 1.
//!
//! [`Resample`] makes the workload of the published experiments of a pod list: see `resample.rs`.
//!
//! Source: alibaba/clusterdata, `cluster-trace-gpu-v2023`: Weng et al., Beware of Fragmentation: Scheduling
//! GPU-Sharing Workloads with Fragmentation Gradient Descent, USENIX ATC 2023.

use std::collections::BTreeSet;

use apportion_cluster::file::{
    AgentFile, Amounts, DeviceNeedFile, DevicesFile, FrameworkFile, JobFile, ModelFile,
    SnapshotFile, TaskFile, VERSION,
};
use apportion_cluster::{MAX_DEVICES, MAX_QUANTITY, WHOLE_DEVICE};

use super::csv::{Columns, Faults, Record, Table};
use super::notes::{Notes, codes};
use super::{ImportError, Imported, Importer, Setting, Settings, Takes, named_files, stem};

mod resample;

pub use resample::Resample;

const NODES: Columns = Columns {
    needed: &["sn", "cpu_milli", "memory_mib", "gpu"],
    optional: &["model"],
    noted: &[],
};
const PODS: Columns = Columns {
    needed: &["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"],
    optional: &["gpu_spec"],
    noted: &[
        ("qos", QOS),
        ("pod_phase", PHASE),
        ("creation_time", TIMES),
        ("scheduled_time", TIMES),
        ("deletion_time", TIMES),
    ],
};

codes! {
    QOS NotExpressed "qos" "the class of service of pods; all pods of a framework are alike to it";
    TIMES NotExpressed "times" "when pods came and went: all of them are wanted now";
    PHASE Fact "pod-phase" "how pods ended; all of them are wanted, as in the published experiments";
    PART_OF_SEVERAL Fact "part-of-several" "a pod that asks for parts of several GPUs: taken as that part of each";
    SPEC_WITHOUT_GPU Fact "spec-without-gpu" "a pod that names models of GPU and asks for none";
    COLUMN NotExpressed "column" "a column that is not known here, not read";
    CPU_NODE NotExpressed "cpu-node" "a node without GPUs, left out as was asked for";
    RESAMPLED Fact "resampled" "pods are drawn from the list, with repetition, until they ask for so much";
    WORTH_NOTHING Reworded "worth-nothing" "pods without GPUs count for nothing in a resampled list: they have a lower priority than pods with GPUs";
}

/// What [`openb_with`] does beyond reading the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenbOptions {
    /// Whether nodes without GPUs are left out, as in the published experiments.
    pub gpu_nodes_only: bool,
    /// Pods drawn from the list, instead of the list.
    pub resample: Option<Resample>,
}

/// [`openb_with`] the lists as they are.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn openb(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    openb_with(inputs, &OpenbOptions::default())
}

/// Imports a node list and a pod list; no pod is placed.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn openb_with(
    inputs: &[(&str, &[u8])],
    options: &OpenbOptions,
) -> Result<Imported, ImportError> {
    let [nodes, pods] = named_files("openb", ["NODES.csv", "PODS.csv"], inputs)?;
    let mut faults = Faults::default();
    let mut notes = Notes::default();
    let nodes = Table::read(nodes.0, nodes.1, NODES, &mut faults);
    let pods_name = pods.0;
    let pods = Table::read(pods.0, pods.1, PODS, &mut faults);
    let mut agents = agents(&nodes, &mut faults);
    if options.gpu_nodes_only {
        leave_out_cpu_nodes(&mut agents, &mut notes);
    }
    let jobs = jobs(&pods, &mut notes, &mut faults);
    nodes.remark("nodes", COLUMN, &mut notes);
    pods.remark("pods", COLUMN, &mut notes);
    let mut jobs = faults.finish(jobs).map_err(ImportError::Input)?;
    if let Some(resample) = options.resample {
        jobs = resample.jobs(&jobs, &agents, &mut notes);
    }
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster: stem(pods_name, "openb"),
        agents,
        frameworks: frameworks(&jobs),
        jobs,
        ..SnapshotFile::default()
    };
    Ok(Imported {
        order: snapshot.jobs.iter().map(|job| job.id.clone()).collect(),
        snapshot,
        notes: notes.into_sorted(),
    })
}

fn leave_out_cpu_nodes(agents: &mut Vec<AgentFile>, notes: &mut Notes) {
    agents.retain(|agent| {
        if agent.devices.is_empty() {
            notes.add(CPU_NODE, &agent.id, "has no GPU");
        }
        !agent.devices.is_empty()
    });
}

fn agents(nodes: &Table<'_>, faults: &mut Faults) -> Vec<AgentFile> {
    let mut seen = BTreeSet::new();
    let agent = |node: Record<'_>, id: Option<&str>, faults: &mut Faults| {
        let resources = resources(&node, faults);
        let gpus = node.integer("gpu", 0..=MAX_DEVICES, faults);
        let model = Some(node.text("model")).filter(|model| !model.is_empty());
        let devices = DevicesFile {
            name: "gpu".to_owned(),
            model: model.map(str::to_owned),
            count: gpus?,
        };
        Some(AgentFile {
            id: id?.to_owned(),
            resources: resources?,
            devices: Some(devices)
                .filter(|it| it.count > 0)
                .into_iter()
                .collect(),
            ..AgentFile::default()
        })
    };
    let agents = nodes.records().filter_map(|node| {
        let id = node.new_name("sn", &mut seen, faults);
        agent(node, id, faults)
    });
    agents.collect()
}

fn resources(row: &Record<'_>, faults: &mut Faults) -> Option<Amounts> {
    let cpu = row.integer("cpu_milli", 0..=MAX_QUANTITY, faults);
    let memory = row.integer("memory_mib", 0..=MAX_QUANTITY, faults);
    let amounts = [("cpu_milli", cpu?), ("memory_mib", memory?)];
    Some(
        amounts
            .map(|(name, amount)| (name.to_owned(), amount))
            .into(),
    )
}

fn jobs(pods: &Table<'_>, notes: &mut Notes, faults: &mut Faults) -> Vec<JobFile> {
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    for pod in pods.records() {
        let name = pod.new_name("name", &mut seen, faults);
        let resources = resources(&pod, faults);
        let devices = devices(&pod, notes, faults);
        let (Some(name), Some(resources), Some(devices)) = (name, resources, devices) else {
            continue;
        };
        let milli = devices
            .iter()
            .map(|need| need.count * need.milli)
            .sum::<i64>();
        let framework = if devices.is_empty() { "service" } else { "ml" };
        let task = TaskFile {
            id: name.to_owned(),
            instances: 1,
            value: milli.max(1),
            resources,
            devices,
            ..TaskFile::default()
        };
        jobs.push(JobFile {
            id: name.to_owned(),
            framework: framework.to_owned(),
            tasks: vec![task],
            ..JobFile::default()
        });
    }
    jobs
}

/// The GPUs that a pod asks for: none, or so many thousandths of so many.
fn devices(
    pod: &Record<'_>,
    notes: &mut Notes,
    faults: &mut Faults,
) -> Option<Vec<DeviceNeedFile>> {
    let count = pod.integer("num_gpu", 0..=MAX_DEVICES, faults)?;
    let most = if count == 0 { 0 } else { WHOLE_DEVICE };
    let milli = pod.integer("gpu_milli", count.min(1)..=most, faults)?;
    let mut models: Vec<&str> = Vec::new();
    for model in pod.text("gpu_spec").split('|').filter(|it| !it.is_empty()) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    if count == 0 {
        if !models.is_empty() {
            notes.add(SPEC_WITHOUT_GPU, pod.text("name"), pod.text("gpu_spec"));
        }
        return Some(Vec::new());
    }
    if count > 1 && milli < WHOLE_DEVICE {
        let text = format!("{milli} thousandths of each of {count}");
        notes.add(PART_OF_SEVERAL, pod.text("name"), text);
    }
    let choice = |model: &str| ModelFile {
        model: model.to_owned(),
        throughput: 1000,
    };
    let models: Vec<ModelFile> = models.into_iter().map(choice).collect();
    Some(vec![DeviceNeedFile {
        name: "gpu".to_owned(),
        count,
        milli,
        models: Some(models).filter(|models| !models.is_empty()),
    }])
}

fn frameworks(jobs: &[JobFile]) -> Vec<FrameworkFile> {
    let ids: BTreeSet<&str> = jobs.iter().map(|job| job.framework.as_str()).collect();
    let framework = |id: &str| FrameworkFile {
        id: id.to_owned(),
        policy: id.to_owned(),
        ..FrameworkFile::default()
    };
    ids.into_iter().map(framework).collect()
}

/// The importer of this module, by name.
pub(super) struct Openb;

impl Importer for Openb {
    fn name(&self) -> &'static str {
        "openb"
    }

    fn about(&self) -> &'static str {
        "nodes and pods of the GPU trace openb (Alibaba 2023)"
    }

    fn inputs(&self) -> &'static str {
        "NODES.csv PODS.csv; .gz"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                key: "gpu-nodes-only",
                takes: Takes::Words(&["false", "true"]),
                needs: None,
                about: "nodes without GPUs are left out",
            },
            Setting {
                key: "demand",
                takes: Takes::Thousandths(10_000),
                needs: None,
                about: "pods are drawn from the list until they ask for so much of the GPUs",
            },
            Setting {
                key: "seed",
                takes: Takes::Whole(0, u64::MAX),
                needs: Some("demand"),
                about: "which pods are drawn, and in which order",
            },
        ]
    }

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError> {
        let resample = |demand_milli| Resample {
            demand_milli,
            seed: settings.number("seed").unwrap_or_default(),
        };
        let options = OpenbOptions {
            gpu_nodes_only: settings.word("gpu-nodes-only") == Some("true"),
            resample: settings.number("demand").map(resample),
        };
        openb_with(inputs, &options)
    }
}
