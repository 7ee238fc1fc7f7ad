//! Snapshots made from a seed, for the properties and the speed test.

use apportion_cluster::file::{
    AgentFile, ConstraintsFile, DevicesFile, FrameworkFile, GangFile, JobFile, LimitFile,
    MinAvailableFile, PlacementFile, RoleFile, SnapshotFile, SpreadFile, TaskFile,
};
use apportion_policies::online::SplitMix64;

/// Seeded draws.
pub struct Draw(SplitMix64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// A valid snapshot that uses every part of the format, of about `n_agents` agents and `n_jobs` jobs.
pub fn snapshot(seed: u64, n_agents: usize, n_jobs: usize) -> SnapshotFile {
    let draw = &mut Draw::new(seed);
    let frameworks = ["aurora", "marathon", "chronos"];
    let mut file = SnapshotFile {
        version: "apportion/v1".to_owned(),
        cluster: "generated".to_owned(),
        levels: vec!["zone".to_owned(), "rack".to_owned()],
        roles: vec![
            RoleFile {
                path: "prod".to_owned(),
                weight: Some(3.0),
                ..RoleFile::default()
            },
            RoleFile {
                path: "prod/web".to_owned(),
                weight: Some(0.5),
                ..RoleFile::default()
            },
        ],
        ..SnapshotFile::default()
    };
    for (at, id) in frameworks.into_iter().enumerate() {
        file.frameworks.push(FrameworkFile {
            id: id.to_owned(),
            policy: "service".to_owned(),
            role: (at == 0).then(|| "prod/web".to_owned()),
            weight: (at > 0).then_some(at as f64),
            ..FrameworkFile::default()
        });
    }
    file.agents = (0..n_agents).map(|at| agent(at, draw)).collect();
    file.jobs = (0..n_jobs)
        .map(|at| job(at, frameworks[at % 3], n_agents, draw))
        .collect();
    for job in &file.jobs {
        file.placements.push(PlacementFile {
            shard: None,
            unit: None,
            job: job.id.clone(),
            task: job.tasks[0].id.clone(),
            agent: format!("agent-{}", draw.below(n_agents)),
            instances: 1,
            ..PlacementFile::default()
        });
    }
    file
}

fn names<const N: usize>(pairs: [(&str, String); N]) -> std::collections::BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn amounts<const N: usize>(pairs: [(&str, i64); N]) -> apportion_cluster::file::Amounts {
    pairs
        .into_iter()
        .map(|(key, amount)| (key.to_owned(), amount))
        .collect()
}

fn agent(at: usize, draw: &mut Draw) -> AgentFile {
    let mut domains = names([("rack", format!("r{}", at / 20))]);
    if draw.below(10) > 0 {
        domains.insert("zone".to_owned(), format!("z{}", at % 3));
    }
    AgentFile {
        id: format!("agent-{at}"),
        domains,
        attributes: names([
            ("disk", ["ssd", "hdd"][draw.below(2)].to_owned()),
            ("generation", format!("g{}", draw.below(4))),
        ]),
        resources: amounts([("cpu_milli", 64_000), ("memory_mib", 262_144)]),
        devices: if at.is_multiple_of(5) {
            vec![devices("gpu", 4), devices("fpga", 1)]
        } else {
            Vec::new()
        },
        dedicated: (draw.below(20) == 0).then(|| "batch".to_owned()),
        cordoned: draw.below(50) == 0,
        speed: (draw.below(4) == 0).then_some(1_200),
    }
}

fn devices(name: &str, count: i64) -> DevicesFile {
    DevicesFile {
        name: name.to_owned(),
        model: Some(format!("{name}-model")),
        count,
    }
}

fn job(at: usize, framework: &str, n_agents: usize, draw: &mut Draw) -> JobFile {
    let tasks: Vec<TaskFile> = (0..5)
        .map(|task_at| task(at, task_at, n_agents, draw))
        .collect();
    JobFile {
        shards: Vec::new(),
        id: format!("job-{at}"),
        framework: framework.to_owned(),
        priority: draw.below(3) as i64,
        min_available: (draw.below(3) == 0).then(|| MinAvailableFile {
            level: "zone".to_owned(),
            instances: 2,
        }),
        max_moves: (draw.below(4) == 0).then_some(3),
        gang: (draw.below(5) == 0).then_some(GangFile { min_instances: 2 }),
        edges: Vec::new(),
        tasks,
        ..JobFile::default()
    }
}

fn task(job: usize, at: usize, n_agents: usize, draw: &mut Draw) -> TaskFile {
    let group = format!("group-{job}");
    TaskFile {
        shards: Vec::new(),
        id: format!("task-{at}"),
        instances: 1 + draw.below(8) as i64,
        work_ms: None,
        value: 1 + draw.below(2) as i64,
        resources: amounts([
            ("cpu_milli", 100 * (1 + draw.below(40) as i64)),
            ("memory_mib", 512),
        ]),
        devices: Vec::new(),
        groups: vec![group.clone(), "all".to_owned() + &(job % 3).to_string()],
        constraints: ConstraintsFile {
            attributes: [(
                "disk".to_owned(),
                vec!["ssd".to_owned(), "!hdd".to_owned(), "*".to_owned()],
            )]
            .into(),
            limit: vec![
                LimitFile {
                    level: "rack".to_owned(),
                    max: 4,
                    group: None,
                },
                LimitFile {
                    level: "generation".to_owned(),
                    max: 9,
                    group: Some(group),
                },
            ],
            spread: vec![SpreadFile {
                level: "zone".to_owned(),
                max_skew: 2,
                hard: at == 0,
                group: None,
            }],
            agents: (draw.below(8) == 0).then(|| {
                (0..3.min(n_agents))
                    .map(|at| format!("agent-{at}"))
                    .collect()
            }),
            tolerates: vec!["batch".to_owned(), "night".to_owned()],
        },
        ..TaskFile::default()
    }
}
