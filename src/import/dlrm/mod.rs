//! The trace of disaggregated recommendation models (Alibaba, 2025) on the GPU nodes of another trace of the same
//! company (2026), as a snapshot.
//!
//! | trace | snapshot |
//! |---|---|
//! | node | agent of that name; `cpu_milli`, `gpu_milli` (1000 per GPU), attribute `gpu_model` |
//! | application's instances on GPU nodes (role HN) | job of the application's name in the framework `dlrm` (policy `service`), a task of the instance's name for each |
//! | application's instances on CPU nodes (role CN) | left out, as their nodes are not listed; with [`CpuNodes`], the job `<application>/CN` |
//! | `max_instance_per_node` | limit per agent over the job's group |
//!
//! GPUs are plain amounts here and not devices: every instance asks for whole ones, so that totals are exact.
//! `agent` is a declared level, so that the policy spreads an application's instances over agents. Memory,
//! disk and RDMA are left out of the demands, because the nodes do not state what they have; CPU nodes that are
//! made up here (`cpu_nodes.rs`) have memory, and their instances ask for it.
//!
//! Sources: alibaba/clusterdata, `cluster-trace-gpu-v2025` (Yang et al., GPU-Disaggregated Serving for Deep
//! Learning Recommendation Models at Scale, NSDI 2025) and `cluster-trace-v2026-spot-gpu`.

mod cpu_nodes;

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::{
    AgentFile, Amounts, ConstraintsFile, FrameworkFile, JobFile, LimitFile, SnapshotFile, TaskFile,
    VERSION,
};
use apportion_cluster::{MAX_DEVICES, MAX_INSTANCES, MAX_QUANTITY};

use super::csv::{Columns, Faults, Record, Table};
use super::notes::{Notes, codes};
use super::{Code, ImportError, Imported, Importer, Setting, Settings, Takes, named_files, stem};
use crate::snapshot::text::quote;

pub use cpu_nodes::CpuNodes;

/// Columns of instances that must be there; the last of them where CPU nodes are made up.
static READ: [&str; 7] = [
    "instance_sn",
    "role",
    "app_name",
    "cpu_request",
    "gpu_request",
    "max_instance_per_node",
    "memory_request",
];
/// Columns of instances that are noted; the first of them where no CPU nodes are made up.
static NOTED: [(&str, Code); 11] = [
    ("memory_request", UNKNOWN_CAPACITY),
    ("disk_request", UNKNOWN_CAPACITY),
    ("rdma_request", UNKNOWN_CAPACITY),
    ("cpu_limit", LIMITS),
    ("gpu_limit", LIMITS),
    ("rdma_limit", LIMITS),
    ("memory_limit", LIMITS),
    ("disk_limit", LIMITS),
    ("creation_time", TIMES),
    ("scheduled_time", TIMES),
    ("deletion_time", TIMES),
];
const NODES: Columns = Columns {
    needed: &["node_name", "gpu_model", "gpu_capacity_num", "cpu_num"],
    optional: &[],
    noted: &[],
};

codes! {
    CPU_NODES NotExpressed "cpu-nodes" "instances of the role CN: they belong on CPU nodes, which the trace does not list; left out";
    CPU_NODES_MADE_UP Fact "cpu-nodes-made-up" "CPU nodes that no trace lists: their number was asked for, their sizes are drawn";
    UNKNOWN_CAPACITY NotExpressed "unknown-capacity" "a resource that instances ask for and nodes do not state: not a constraint here";
    TIMES NotExpressed "times" "when instances came and went: all of them are wanted now";
    COLUMN NotExpressed "column" "a column that is not known here, not read";
    LEAST_LIMIT Reworded "least-limit" "an application whose instances state several limits per node: the least of them holds for all";
    LIMITS Fact "limits" "limits of use, which say nothing about placement";
}

/// What [`dlrm_with`] does beyond reading the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DlrmOptions {
    /// CPU nodes to make up for the instances that belong on them; those instances are left out if there are none.
    pub cpu_nodes: Option<CpuNodes>,
}

/// [`dlrm_with`] what is listed and nothing else.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn dlrm(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    dlrm_with(inputs, &DlrmOptions::default())
}

/// Imports instances and nodes; no instance is placed.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn dlrm_with(inputs: &[(&str, &[u8])], options: &DlrmOptions) -> Result<Imported, ImportError> {
    let [instances, nodes] = named_files("dlrm", ["INSTANCES.csv", "NODES.csv"], inputs)?;
    let mut faults = Faults::default();
    let mut notes = Notes::default();
    let cluster = stem(instances.0, "dlrm");
    let has_cpu_nodes = options.cpu_nodes.is_some();
    let columns = instance_columns(has_cpu_nodes);
    let instances = Table::read(instances.0, instances.1, columns, &mut faults);
    let nodes = Table::read(nodes.0, nodes.1, NODES, &mut faults);
    let mut agents = agents(&nodes, &mut faults);
    if let Some(cpu_nodes) = options.cpu_nodes {
        cpu_nodes.add_to(&mut agents, &mut notes);
        let text = "not of instances on GPU nodes, which do not state theirs";
        notes.add(UNKNOWN_CAPACITY, "memory_request", text);
    }
    let mut order = Vec::new();
    let jobs = jobs(
        &instances,
        has_cpu_nodes,
        &mut order,
        &mut notes,
        &mut faults,
    );
    instances.remark("instances", COLUMN, &mut notes);
    nodes.remark("nodes", COLUMN, &mut notes);
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster,
        levels: vec!["agent".to_owned()],
        agents,
        frameworks: vec![FrameworkFile {
            id: "dlrm".to_owned(),
            policy: "service".to_owned(),
            ..FrameworkFile::default()
        }],
        jobs,
        ..SnapshotFile::default()
    };
    let imported = Imported {
        snapshot,
        order,
        notes: notes.into_sorted(),
    };
    faults.finish(imported).map_err(ImportError::Input)
}

fn agents(nodes: &Table<'_>, faults: &mut Faults) -> Vec<AgentFile> {
    let mut seen = BTreeSet::new();
    let agent = |node: Record<'_>, id: Option<&str>, faults: &mut Faults| {
        let gpus = node.integer("gpu_capacity_num", 0..=MAX_DEVICES, faults);
        let cpus = node.integer("cpu_num", 0..=MAX_QUANTITY / 1000, faults);
        let model = node.text("gpu_model");
        let attribute = (!model.is_empty()).then(|| ("gpu_model".to_owned(), model.to_owned()));
        Some(AgentFile {
            id: id?.to_owned(),
            attributes: attribute.into_iter().collect(),
            resources: amounts(cpus?, gpus?),
            ..AgentFile::default()
        })
    };
    let agents = nodes.records().filter_map(|node| {
        let id = node.new_name("node_name", &mut seen, faults);
        agent(node, id, faults)
    });
    agents.collect()
}

fn instance_columns(has_cpu_nodes: bool) -> Columns {
    let (needed, noted) = if has_cpu_nodes {
        (&READ[..], &NOTED[1..])
    } else {
        (&READ[..6], &NOTED[..])
    };
    Columns {
        needed,
        optional: &[],
        noted,
    }
}

/// The instances of one application on nodes of one kind.
#[derive(Default)]
struct Application {
    tasks: Vec<TaskFile>,
    /// Distinct limits per node.
    limits: BTreeSet<i64>,
}

/// The jobs, and in `order` their tasks in the order of the rows.
fn jobs(
    instances: &Table<'_>,
    has_cpu_nodes: bool,
    order: &mut Vec<String>,
    notes: &mut Notes,
    faults: &mut Faults,
) -> Vec<JobFile> {
    let mut applications: BTreeMap<String, Application> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut left_out = 0;
    for row in instances.records() {
        let name = row.new_name("instance_sn", &mut seen, faults);
        let app = row.name("app_name", faults);
        let cpus = row.integer("cpu_request", 0..=MAX_QUANTITY / 1000, faults);
        let gpus = row.integer("gpu_request", 0..=MAX_DEVICES, faults);
        let limit = row.integer("max_instance_per_node", -1..=MAX_INSTANCES, faults);
        let on_cpu_node = match row.text("role") {
            "HN" => false,
            "CN" => true,
            role => {
                let cause = format!("{} is not a role", quote(role));
                row.fault("role", cause, "use `HN` or `CN`", faults);
                continue;
            }
        };
        if on_cpu_node && !has_cpu_nodes {
            left_out += 1;
            continue;
        }
        let memory = if on_cpu_node {
            cpu_nodes::memory_mib(&row, faults)
        } else {
            Some(0)
        };
        let (Some(name), Some(app), Some(cpus), Some(gpus), Some(limit), Some(memory)) =
            (name, app, cpus, gpus, limit, memory)
        else {
            continue;
        };
        let mut resources = amounts(cpus, gpus);
        let mut constraints = ConstraintsFile::default();
        if has_cpu_nodes {
            constraints.attributes = cpu_nodes::kind(on_cpu_node)
                .map(|it| (it.0, vec![it.1]))
                .into();
        }
        let mut job = app.to_owned();
        if on_cpu_node {
            job.push_str("/CN");
            resources.insert(cpu_nodes::MEMORY.to_owned(), memory);
        }
        order.push(format!("{job}/{name}"));
        let application = applications.entry(job.clone()).or_default();
        application
            .limits
            .extend(Some(limit).filter(|limit| *limit >= 0));
        application.tasks.push(TaskFile {
            id: name.to_owned(),
            instances: 1,
            value: 1,
            resources,
            groups: vec![job],
            constraints,
            ..TaskFile::default()
        });
    }
    if left_out > 0 {
        notes.add(CPU_NODES, "CN", format!("{left_out} instances"));
    }
    let jobs = applications.into_iter();
    jobs.map(|(app, application)| application.into_job(&app, notes))
        .collect()
}

fn amounts(cpus: i64, gpus: i64) -> Amounts {
    let amounts = [("cpu_milli", cpus * 1000), ("gpu_milli", gpus * 1000)];
    amounts
        .map(|(name, amount)| (name.to_owned(), amount))
        .into()
}

impl Application {
    /// The job, with the least limit per node that an instance states on every task.
    fn into_job(mut self, name: &str, notes: &mut Notes) -> JobFile {
        if let Some(&least) = self.limits.first() {
            if self.limits.len() > 1 {
                let others: Vec<String> = self.limits.iter().map(ToString::to_string).collect();
                let text = format!("{least} to a node; instances state {}", others.join(", "));
                notes.add(LEAST_LIMIT, name, text);
            }
            let limit = LimitFile {
                level: "agent".to_owned(),
                max: least,
                group: Some(name.to_owned()),
            };
            for task in &mut self.tasks {
                task.constraints.limit.push(limit.clone());
            }
        } else {
            self.tasks.iter_mut().for_each(|task| task.groups.clear());
        }
        JobFile {
            id: name.to_owned(),
            framework: "dlrm".to_owned(),
            tasks: self.tasks,
            ..JobFile::default()
        }
    }
}

/// The importer of this module, by name.
pub(super) struct Dlrm;

impl Importer for Dlrm {
    fn name(&self) -> &'static str {
        "dlrm"
    }

    fn about(&self) -> &'static str {
        "instances of recommendation models on GPU nodes (Alibaba 2025, 2026)"
    }

    fn inputs(&self) -> &'static str {
        "INSTANCES.csv NODES.csv; .gz"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                key: "cpu-nodes",
                takes: Takes::Whole(1, cpu_nodes::MOST),
                needs: None,
                about: "so many CPU nodes are made up for the instances that belong on them",
            },
            Setting {
                key: "seed",
                takes: Takes::Whole(0, u64::MAX),
                needs: Some("cpu-nodes"),
                about: "the sizes of the CPU nodes",
            },
        ]
    }

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError> {
        let cpu_nodes = |count| CpuNodes {
            count,
            seed: settings.number("seed").unwrap_or_default(),
        };
        let options = DlrmOptions {
            cpu_nodes: settings.number("cpu-nodes").map(cpu_nodes),
        };
        dlrm_with(inputs, &options)
    }
}
