//! Snapshots in a few words.

use std::collections::BTreeMap;

use apportion_cluster::file::{
    AgentFile, Amounts, ConstraintsFile, FrameworkFile, GangFile, JobFile, LimitFile, SnapshotFile,
    TaskFile, VERSION,
};

/// An empty snapshot with these levels.
pub fn snapshot(levels: &[&str]) -> SnapshotFile {
    SnapshotFile {
        version: VERSION.to_owned(),
        cluster: "test".to_owned(),
        levels: levels.iter().map(ToString::to_string).collect(),
        ..SnapshotFile::default()
    }
}

/// Amounts by resource name.
pub fn amounts(amounts: &[(&str, i64)]) -> Amounts {
    amounts
        .iter()
        .map(|&(name, amount)| (name.to_owned(), amount))
        .collect()
}

/// An agent in a rack, with cpu and memory.
pub fn agent(id: &str, rack: &str, cpu_milli: i64, memory_mib: i64) -> AgentFile {
    AgentFile {
        id: id.to_owned(),
        domains: BTreeMap::from([("rack".to_owned(), rack.to_owned())]),
        resources: amounts(&[("cpu_milli", cpu_milli), ("memory_mib", memory_mib)]),
        ..AgentFile::default()
    }
}

/// A framework with a role of its own.
pub fn framework(id: &str, policy: &str) -> FrameworkFile {
    FrameworkFile {
        id: id.to_owned(),
        policy: policy.to_owned(),
        ..FrameworkFile::default()
    }
}

/// A task of `instances` that ask for cpu and memory.
pub fn task(instances: i64, cpu_milli: i64, memory_mib: i64) -> TaskFile {
    TaskFile {
        id: "task".to_owned(),
        instances,
        value: 1,
        resources: amounts(&[("cpu_milli", cpu_milli), ("memory_mib", memory_mib)]),
        ..TaskFile::default()
    }
}

/// A job of one task.
pub fn job(id: &str, framework: &str, task: TaskFile) -> JobFile {
    JobFile {
        id: id.to_owned(),
        framework: framework.to_owned(),
        tasks: vec![task],
        ..JobFile::default()
    }
}

/// The job as a gang of at least `min_instances`.
pub fn gang(job: JobFile, min_instances: i64) -> JobFile {
    JobFile {
        gang: Some(GangFile { min_instances }),
        ..job
    }
}

/// The task with at most `max` instances per domain.
pub fn limited(task: TaskFile, level: &str, max: i64) -> TaskFile {
    let rule = LimitFile {
        level: level.to_owned(),
        max,
        group: None,
    };
    let mut limit = task.constraints.limit.clone();
    limit.push(rule);
    TaskFile {
        constraints: ConstraintsFile {
            limit,
            ..task.constraints.clone()
        },
        ..task
    }
}
