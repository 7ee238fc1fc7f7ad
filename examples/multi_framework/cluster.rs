//! The case that Mesos's allocator is measured on with frameworks of several kinds.
//!
//! # Source
//! Apache Mesos, `src/tests/hierarchical_allocator_benchmarks.cpp`, `BENCHMARK_HierarchicalAllocations.MultiFrameworkAllocations`:
//! profiles of frameworks with many small, few large and some middling tasks, on equal agents.

use serde_json::{Value, json};

/// One kind of framework: a letter, how many there are, tasks of each, and what a task needs.
pub struct Profile {
    pub name: &'static str,
    pub frameworks: usize,
    pub tasks: i64,
    pub cpu_milli: i64,
    pub memory_mib: i64,
}

/// What an agent has.
pub const AGENT: (i64, i64) = (64_000, 488 * 1024);

/// All frameworks.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "a",
        frameworks: 4,
        tasks: 4000,
        cpu_milli: 70,
        memory_mib: 400,
    },
    Profile {
        name: "b",
        frameworks: 500,
        tasks: 5,
        cpu_milli: 100,
        memory_mib: 4000,
    },
    Profile {
        name: "c",
        frameworks: 50,
        tasks: 20,
        cpu_milli: 1000,
        memory_mib: 1000,
    },
];

/// A snapshot with so many agents; every framework has a role of its own.
#[must_use]
pub fn snapshot(n_agents: usize) -> Value {
    let (cpu, memory) = AGENT;
    let agents = (0..n_agents).map(|at| {
        json!({"id": format!("agent-{at:04}"), "resources": {"cpu_milli": cpu, "memory_mib": memory}})
    });
    let agents: Vec<Value> = agents.collect();
    let mut frameworks = Vec::new();
    let mut jobs = Vec::new();
    for profile in &PROFILES {
        for at in 0..profile.frameworks {
            let id = format!("{}-{at:03}", profile.name);
            let resources =
                json!({"cpu_milli": profile.cpu_milli, "memory_mib": profile.memory_mib});
            let task = json!({"id": "t", "instances": profile.tasks, "resources": resources});
            frameworks.push(json!({"id": id, "policy": "service", "role": id}));
            jobs.push(json!({"id": id, "framework": id, "tasks": [task]}));
        }
    }
    json!({"version": "apportion/v1", "agents": agents, "frameworks": frameworks, "jobs": jobs})
}
