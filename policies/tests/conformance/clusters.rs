//! Random clusters for the suite: a running state, every rule, and more than one framework.

use std::collections::BTreeMap;

use apportion_cluster::{
    Agent, AgentIdx, AttributeRule, Block, BlockIdx, Cluster, DomainIdx, Fairness, Framework,
    FrameworkIdx, GroupIdx, Job, JobIdx, Level, LevelIdx, LimitRule, MapWork, MinAvailable, Phase,
    Quantities, ReduceWork, Role, RoleIdx, Running, Shuffle, SpreadRule, Task, TaskIdx,
};
use apportion_policies::online::SplitMix64;

struct Draw(SplitMix64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.next_u64() % n as u64).unwrap()
    }

    fn count(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(usize::try_from(high - low + 1).unwrap())).unwrap()
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A random cluster whose frameworks all have the policy `policy`; about a third runs something already.
pub fn random(seed: u64, policy: &str) -> Cluster {
    let mut draw = Draw(SplitMix64::new(seed));
    let mut cluster = Cluster {
        name: "random".to_owned(),
        digest: String::new(),
        fairness: Fairness::Nash,
        resources: vec!["cpu_milli".to_owned(), "memory_mib".to_owned()],
        devices: Vec::new(),
        levels: levels(&mut draw),
        agents: Vec::new(),
        roles: vec![Role::new("all", 1.0, 2)],
        frameworks: Vec::new(),
        jobs: Vec::new(),
        tasks: Vec::new(),
        groups: (0..2).map(|framework| format!("g{framework}")).collect(),
        blocks: Vec::new(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: Vec::new(),
        running_units: Vec::new(),
    };
    for at in 0..2 + draw.below(6) {
        let agent = agent(&mut draw, at, &cluster.levels);
        cluster.agents.push(agent);
    }
    for framework in 0..2 {
        add_framework(&mut draw, &mut cluster, framework, policy);
    }
    if draw.once_in(3) {
        run_something(&mut draw, &mut cluster);
    }
    read_something(&mut draw, &mut cluster);
    cluster
}

/// Blocks, and for about half of the tasks what map and reduce tasks state.
fn read_something(draw: &mut Draw, cluster: &mut Cluster) {
    for at in 0..draw.below(4) {
        let mut replicas: Vec<AgentIdx> = (0..1 + draw.below(3))
            .map(|_| AgentIdx::of(draw.below(cluster.agents.len())))
            .collect();
        replicas.sort_unstable();
        replicas.dedup();
        cluster.blocks.push(Block {
            id: format!("b{at}"),
            mib: draw.count(0, 3) * 64,
            replicas,
        });
    }
    for agent in &mut cluster.agents {
        agent.speed = draw.count(1, 3) * 500;
    }
    for job in &mut cluster.jobs {
        job.waited_ms = draw.count(0, 2) * 1000;
    }
    for task in &mut cluster.tasks {
        let work_ms = draw.count(0, 3) * 1000;
        let inputs: Vec<BlockIdx> = (0..cluster.blocks.len())
            .filter(|_| draw.once_in(2))
            .map(BlockIdx::of)
            .collect();
        task.phase = match draw.below(4) {
            0 | 1 => Some(Phase::Map(MapWork {
                inputs,
                work_ms,
                remote_penalty_ms: draw.count(0, 2) * 100,
            })),
            2 => Some(Phase::Reduce(ReduceWork {
                shuffle: Shuffle::Total(draw.count(0, 100)),
                work_ms,
            })),
            _ => None,
        };
    }
}

fn levels(draw: &mut Draw) -> Vec<Level> {
    let level = |name: &str, declared, n: usize| Level {
        name: name.to_owned(),
        declared,
        domains: (0..n).map(|domain| format!("{name}{domain}")).collect(),
    };
    vec![
        level("rack", !draw.once_in(4), 3),
        level("zone", draw.once_in(2), 2),
    ]
}

fn agent(draw: &mut Draw, at: usize, levels: &[Level]) -> Agent {
    Agent {
        id: format!("a{at}"),
        capacity: Quantities(vec![draw.count(0, 9), draw.count(0, 9)]),
        devices: Vec::new(),
        domains: levels
            .iter()
            .map(|level| DomainIdx::of(draw.below(level.domains.len())))
            .collect(),
        attributes: BTreeMap::from([("disk".to_owned(), ["ssd", "hdd"][draw.below(2)].to_owned())]),
        dedicated: draw.once_in(8).then(|| "word".to_owned()),
        cordoned: draw.once_in(8),
        speed: 1000,
    }
}

fn add_framework(draw: &mut Draw, cluster: &mut Cluster, framework: usize, policy: &str) {
    let first_job = cluster.jobs.len();
    for number in 0..1 + draw.below(3) {
        let first_task = cluster.tasks.len();
        let job = JobIdx::of(cluster.jobs.len());
        for position in 0..1 + draw.below(2) {
            let task = task(draw, cluster, job, position, framework);
            cluster.tasks.push(task);
        }
        let wanted: i64 = cluster.tasks[first_task..]
            .iter()
            .map(|task| task.instances)
            .sum();
        let survive = MinAvailable {
            level: LevelIdx(0),
            instances: draw.count(0, wanted),
        };
        cluster.jobs.push(Job {
            id: format!("f{framework}-j{number}"),
            framework: FrameworkIdx::of(framework),
            priority: draw.count(0, 1) * 5,
            gang_min: draw.once_in(3).then(|| draw.count(1, wanted.max(1))),
            min_available: draw.once_in(3).then_some(survive),
            max_moves: None,
            waited_ms: 0,
            edges: Vec::new(),
            tasks: (first_task..cluster.tasks.len()).map(TaskIdx::of).collect(),
        });
    }
    cluster.frameworks.push(Framework {
        id: format!("f{framework}"),
        policy: policy.to_owned(),
        role: RoleIdx(0),
        weight: 1.0,
        parameters: BTreeMap::new(),
        jobs: (first_job..cluster.jobs.len()).map(JobIdx::of).collect(),
    });
}

fn task(
    draw: &mut Draw,
    cluster: &Cluster,
    job: JobIdx,
    position: usize,
    framework: usize,
) -> Task {
    let own = GroupIdx::of(framework);
    let groups = if draw.once_in(3) {
        vec![own]
    } else {
        Vec::new()
    };
    let group = groups.first().copied();
    let level = LevelIdx::of(draw.below(2));
    let rule = AttributeRule {
        key: "disk".to_owned(),
        any_of: if draw.once_in(2) {
            vec!["ssd".to_owned()]
        } else {
            Vec::new()
        },
        none_of: if draw.once_in(3) {
            vec!["hdd".to_owned()]
        } else {
            Vec::new()
        },
        present: draw.once_in(3).then_some(true),
    };
    let limit = LimitRule {
        level,
        max: draw.count(0, 3),
        group,
    };
    let spread = SpreadRule {
        level,
        max_skew: draw.count(1, 2),
        hard: !draw.once_in(3),
        group,
    };
    let named = (0..cluster.agents.len())
        .filter(|_| draw.once_in(2))
        .map(AgentIdx::of)
        .collect();
    Task {
        id: format!("t{position}"),
        job,
        instances: draw.count(0, 5),
        value: draw.count(1, 3),
        work_ms: None,
        demand: Quantities(vec![draw.count(0, 4), draw.count(0, 4)]),
        devices: Vec::new(),
        attributes: if draw.once_in(3) {
            vec![rule]
        } else {
            Vec::new()
        },
        agents: if draw.once_in(6) { Some(named) } else { None },
        tolerates: if draw.once_in(3) {
            vec!["word".to_owned()]
        } else {
            Vec::new()
        },
        groups,
        limits: if draw.once_in(3) {
            vec![limit]
        } else {
            Vec::new()
        },
        spreads: if draw.once_in(4) {
            vec![spread]
        } else {
            Vec::new()
        },
        phase: None,
        shard: None,
    }
}

/// Anything, also against the rules: what runs in a real cluster does not ask them.
fn run_something(draw: &mut Draw, cluster: &mut Cluster) {
    let mut counts: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for _ in 0..1 + draw.below(5) {
        let (task, agent) = (
            draw.below(cluster.tasks.len()),
            draw.below(cluster.agents.len()),
        );
        let running: i64 = counts
            .iter()
            .filter(|((it, _), _)| *it == task)
            .map(|(_, count)| count)
            .sum();
        if running < cluster.tasks[task].instances {
            *counts.entry((task, agent)).or_insert(0) += 1;
        }
    }
    let running = counts
        .into_iter()
        .map(|((task, agent), instances)| Running {
            task: TaskIdx::of(task),
            agent: AgentIdx::of(agent),
            instances,
        });
    cluster.running = running.collect();
}
