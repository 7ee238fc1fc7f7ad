//! The trace of disaggregated recommendation models (Alibaba, 2025) on the GPU nodes of another trace of the same
//! company (2026), as a snapshot.
//!
//! | trace | snapshot |
//! |---|---|
//! | node | agent of that name; `cpu_milli`, `gpu_milli` (1000 per GPU), attribute `gpu_model` |
//! | application's instances on GPU nodes (role HN) | job of the application's name in the framework `dlrm` (policy `service`), a task of the instance's name for each |
//! | `max_instance_per_node` | limit per agent over the application's group |
//! | instances on CPU nodes (role CN) | left out: their nodes are not listed |
//!
//! GPUs are plain amounts here and not devices: every instance asks for whole ones, so that totals are exact.
//! `agent` is a declared level, so that the policy spreads an application's instances over agents. Memory,
//! disk and RDMA are left out of the demands, because the nodes do not state what they have.
//!
//! Sources: alibaba/clusterdata, `cluster-trace-gpu-v2025` (Yang et al., GPU-Disaggregated Serving for Deep
//! Learning Recommendation Models at Scale, NSDI 2025) and `cluster-trace-v2026-spot-gpu`.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::{
    AgentFile, ConstraintsFile, FrameworkFile, JobFile, LimitFile, SnapshotFile, TaskFile, VERSION,
};
use apportion_cluster::{MAX_DEVICES, MAX_INSTANCES, MAX_QUANTITY};

use super::csv::{Columns, Faults, Record, Table};
use super::notes::{Notes, codes};
use super::{ImportError, Imported, Importer, named_files, stem};
use crate::snapshot::text::quote;

const INSTANCES: Columns = Columns {
    needed: &[
        "instance_sn",
        "role",
        "app_name",
        "cpu_request",
        "gpu_request",
        "max_instance_per_node",
    ],
    optional: &[
        "rdma_request",
        "memory_request",
        "disk_request",
        "cpu_limit",
        "gpu_limit",
        "rdma_limit",
        "memory_limit",
        "disk_limit",
        "creation_time",
        "scheduled_time",
        "deletion_time",
    ],
};
const NODES: Columns = Columns {
    needed: &["node_name", "gpu_model", "gpu_capacity_num", "cpu_num"],
    optional: &[],
};

codes! {
    CPU_NODES NotExpressed "cpu-nodes" "instances of the role CN: they belong on CPU nodes, which the trace does not list; left out";
    UNKNOWN_CAPACITY NotExpressed "unknown-capacity" "a resource that instances ask for and nodes do not state: not a constraint here";
    TIMES NotExpressed "times" "when instances came and went: all of them are wanted now";
    COLUMN NotExpressed "column" "a column that is not known here, not read";
    LEAST_LIMIT Reworded "least-limit" "an application whose instances state several limits per node: the least of them holds for all";
    LIMITS Fact "limits" "limits of use, which say nothing about placement";
}

/// Imports instances and nodes; no instance is placed.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn dlrm(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    let [instances, nodes] = named_files("dlrm", ["INSTANCES.csv", "NODES.csv"], inputs)?;
    let mut faults = Faults::default();
    let mut notes = Notes::default();
    let cluster = stem(instances.0, "dlrm");
    let instances = Table::read(instances.0, instances.1, INSTANCES, &mut faults);
    let nodes = Table::read(nodes.0, nodes.1, NODES, &mut faults);
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster,
        levels: vec!["agent".to_owned()],
        agents: agents(&nodes, &mut faults),
        frameworks: vec![FrameworkFile {
            id: "dlrm".to_owned(),
            policy: "service".to_owned(),
            ..FrameworkFile::default()
        }],
        jobs: jobs(&instances, &mut notes, &mut faults),
        ..SnapshotFile::default()
    };
    remark(&instances, &nodes, &mut notes);
    let imported = Imported {
        snapshot,
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
        let resources = [("cpu_milli", cpus? * 1000), ("gpu_milli", gpus? * 1000)];
        let attribute = (!model.is_empty()).then(|| ("gpu_model".to_owned(), model.to_owned()));
        Some(AgentFile {
            id: id?.to_owned(),
            attributes: attribute.into_iter().collect(),
            resources: resources
                .map(|(name, amount)| (name.to_owned(), amount))
                .into(),
            ..AgentFile::default()
        })
    };
    let agents = nodes.records().filter_map(|node| {
        let id = node.new_name("node_name", &mut seen, faults);
        agent(node, id, faults)
    });
    agents.collect()
}

/// The instances of one application on GPU nodes.
#[derive(Default)]
struct Application {
    tasks: Vec<TaskFile>,
    /// Distinct limits per node.
    limits: BTreeSet<i64>,
}

fn jobs(instances: &Table<'_>, notes: &mut Notes, faults: &mut Faults) -> Vec<JobFile> {
    let mut applications: BTreeMap<&str, Application> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut on_cpu_nodes = 0;
    for row in instances.records() {
        let name = row.new_name("instance_sn", &mut seen, faults);
        let app = row.name("app_name", faults);
        let cpus = row.integer("cpu_request", 0..=MAX_QUANTITY / 1000, faults);
        let gpus = row.integer("gpu_request", 0..=MAX_DEVICES, faults);
        let limit = row.integer("max_instance_per_node", -1..=MAX_INSTANCES, faults);
        match row.text("role") {
            "HN" => {}
            "CN" => {
                on_cpu_nodes += 1;
                continue;
            }
            role => {
                let cause = format!("{} is not a role", quote(role));
                row.fault("role", cause, "use `HN` or `CN`", faults);
            }
        }
        let (Some(name), Some(app), Some(cpus), Some(gpus), Some(limit)) =
            (name, app, cpus, gpus, limit)
        else {
            continue;
        };
        let application = applications.entry(app).or_default();
        application
            .limits
            .extend(Some(limit).filter(|limit| *limit >= 0));
        let resources = [("cpu_milli", cpus * 1000), ("gpu_milli", gpus * 1000)];
        application.tasks.push(TaskFile {
            id: name.to_owned(),
            instances: 1,
            value: 1,
            resources: resources
                .map(|(name, amount)| (name.to_owned(), amount))
                .into(),
            groups: vec![app.to_owned()],
            ..TaskFile::default()
        });
    }
    if on_cpu_nodes > 0 {
        notes.add(CPU_NODES, "CN", format!("{on_cpu_nodes} instances"));
    }
    let jobs = applications.into_iter();
    jobs.map(|(app, application)| application.into_job(app, notes))
        .collect()
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
                task.constraints = ConstraintsFile {
                    limit: vec![limit.clone()],
                    ..ConstraintsFile::default()
                };
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

fn remark(instances: &Table<'_>, nodes: &Table<'_>, notes: &mut Notes) {
    let columns = [
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
    for (column, code) in columns {
        let stating = instances.stating(column);
        if stating > 0 {
            notes.add(code, column, format!("stated for {stating} instances"));
        }
    }
    for column in instances.unknown().iter().chain(nodes.unknown()) {
        notes.add(COLUMN, column, "not read");
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

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        _: &BTreeMap<&'static str, &'static str>,
    ) -> Result<Imported, ImportError> {
        dlrm(inputs)
    }
}
