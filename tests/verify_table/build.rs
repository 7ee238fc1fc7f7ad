//! Tiny clusters and correct plans by hand: derived numbers are recomputed here by the plainest means, so
//! that a test may change one thing and keep the rest consistent. Bounds are `search` bounds that equal the
//! objective; bounds by counting and by prices have tests of their own.

use std::collections::BTreeMap;

use apportion_cluster::file::{DeviceFile, PlacementFile, VERSION};
use apportion_cluster::plan::{
    FrameworkResult, Move, OfferFile, PlanFile, PlanOptions, PlanStatus, Proof, Reason,
    StageResult, StageSense, Unplaced,
};
use apportion_cluster::{
    Agent, AgentIdx, Cluster, DomainIdx, Fairness, Framework, FrameworkIdx, Job, JobIdx, Level,
    Quantities, Role, RoleIdx, Running, Task, TaskIdx,
};

/// Agents `a`, `b` in rack `r1`; `c`, `d`, `e` in `r2`; 4 cpu each; `d` is dedicated, `e` is cordoned.
/// Framework `web`: job `j` wants 4 of task `t` (2 cpu), job `k` wants 2 of task `u` (1 cpu, value 3).
/// One `t` runs on `a`.
pub fn cluster() -> Cluster {
    let mut d = agent("d", 1);
    d.dedicated = Some("team-x".to_owned());
    let mut e = agent("e", 1);
    e.cordoned = true;
    let mut cluster = empty_cluster(vec![agent("a", 0), agent("b", 0), agent("c", 1), d, e]);
    cluster.levels = vec![Level {
        name: "rack".to_owned(),
        declared: true,
        domains: vec!["r1".to_owned(), "r2".to_owned()],
    }];
    add_framework(&mut cluster, "web");
    add_task(&mut cluster, "j", "t", 4, 1, &[2]);
    add_task(&mut cluster, "k", "u", 2, 3, &[1]);
    cluster.running = vec![running(0, 0, 1)];
    cluster
}

/// `t`: one on `a` (where it runs), one on `b`, two on `c`; `u`: two on `a`. Everything is placed.
pub const PLACED: &[(usize, usize, i64)] = &[(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 0, 2)];

pub fn empty_cluster(agents: Vec<Agent>) -> Cluster {
    Cluster {
        name: "hand-made".to_owned(),
        digest: "d1".to_owned(),
        fairness: Fairness::Nash,
        resources: vec!["cpu".to_owned()],
        devices: Vec::new(),
        levels: Vec::new(),
        agents,
        roles: vec![role("r", 1.0)],
        frameworks: Vec::new(),
        jobs: Vec::new(),
        tasks: Vec::new(),
        groups: Vec::new(),
        blocks: Vec::new(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: Vec::new(),
        running_units: Vec::new(),
    }
}

pub fn role(path: &str, weight: f64) -> Role {
    // As many resources as the largest cluster by hand has.
    Role::new(path, weight, 2)
}

pub fn agent(id: &str, rack: usize) -> Agent {
    Agent {
        id: id.to_owned(),
        capacity: Quantities(vec![4]),
        devices: Vec::new(),
        domains: vec![DomainIdx::of(rack)],
        attributes: BTreeMap::new(),
        dedicated: None,
        cordoned: false,
        speed: 1000,
    }
}

pub fn running(task: usize, agent: usize, instances: i64) -> Running {
    Running {
        task: TaskIdx::of(task),
        agent: AgentIdx::of(agent),
        instances,
    }
}

/// Frameworks are added in the order of their ids.
pub fn add_framework(cluster: &mut Cluster, id: &str) {
    cluster.frameworks.push(Framework {
        id: id.to_owned(),
        policy: "service".to_owned(),
        role: RoleIdx::of(0),
        weight: 1.0,
        parameters: BTreeMap::new(),
        jobs: Vec::new(),
    });
}

/// A task in a job of its own, of the framework added last. Jobs are added in the order of their ids.
pub fn add_task(
    cluster: &mut Cluster,
    job: &str,
    id: &str,
    instances: i64,
    value: i64,
    demand: &[i64],
) {
    let framework = cluster.frameworks.len() - 1;
    let job_idx = JobIdx::of(cluster.jobs.len());
    cluster.frameworks[framework].jobs.push(job_idx);
    cluster.jobs.push(Job {
        id: job.to_owned(),
        framework: FrameworkIdx::of(framework),
        priority: 0,
        gang_min: None,
        min_available: None,
        max_moves: None,
        waited_ms: 0,
        edges: Vec::new(),
        tasks: vec![TaskIdx::of(cluster.tasks.len())],
    });
    cluster.tasks.push(Task {
        id: id.to_owned(),
        job: job_idx,
        instances,
        value,
        work_ms: None,
        demand: Quantities(demand.to_vec()),
        devices: Vec::new(),
        attributes: Vec::new(),
        agents: None,
        tolerates: Vec::new(),
        groups: Vec::new(),
        limits: Vec::new(),
        spreads: Vec::new(),
        phase: None,
        shard: None,
    });
}

/// A consistent plan with these placements (task, agent, instances) and moves (task, from, to, instances).
pub fn plan(
    cluster: &Cluster,
    placements: &[(usize, usize, i64)],
    moves: &[(usize, usize, usize, i64)],
) -> PlanFile {
    let mut plan = PlanFile {
        version: VERSION.to_owned(),
        snapshot_digest: cluster.digest.clone(),
        options: PlanOptions {
            mode: "greedy".to_owned(),
            online: None,
            fairness: "nash".to_owned(),
            deadline_ms: None,
            gap: 0.0,
            seed: 0,
            credit: BTreeMap::new(),
            replan: "keep".to_owned(),
            preempt: false,
            solver: "none".to_owned(),
        },
        status: PlanStatus::Complete,
        placements: placements
            .iter()
            .map(|it| placement(cluster, *it))
            .collect(),
        unplaced: unplaced(cluster, placements),
        moves: moves.iter().map(|it| a_move(cluster, *it)).collect(),
        frameworks: Vec::new(),
        preemptions: Vec::new(),
        offers: offers(cluster, moves),
        unit_offers: Vec::new(),
        fairness: None,
        welfare: None,
        brokering: None,
        notes: Vec::new(),
        guarantees: Vec::new(),
        warnings: Vec::new(),
        timings_ms: None,
    };
    if !plan.unplaced.is_empty() {
        plan.status = PlanStatus::Partial;
    }
    for framework in 0..cluster.frameworks.len() {
        plan.frameworks.push(result(cluster, framework, placements));
    }
    plan
}

fn job_of(cluster: &Cluster, task: usize) -> String {
    cluster.jobs[cluster.tasks[task].job.at()].id.clone()
}

pub fn placement(cluster: &Cluster, placed: (usize, usize, i64)) -> PlacementFile {
    PlacementFile {
        shard: None,
        unit: None,
        job: job_of(cluster, placed.0),
        task: cluster.tasks[placed.0].id.clone(),
        agent: cluster.agents[placed.1].id.clone(),
        instances: placed.2,
        ..PlacementFile::default()
    }
}

fn a_move(cluster: &Cluster, moved: (usize, usize, usize, i64)) -> Move {
    Move {
        shard: None,
        job: job_of(cluster, moved.0),
        task: cluster.tasks[moved.0].id.clone(),
        from: cluster.agents[moved.1].id.clone(),
        to: cluster.agents[moved.2].id.clone(),
        instances: moved.3,
    }
}

fn count(placements: &[(usize, usize, i64)], task: usize) -> i64 {
    let of = placements.iter().filter(|it| it.0 == task);
    of.map(|it| it.2).sum()
}

fn unplaced(cluster: &Cluster, placements: &[(usize, usize, i64)]) -> Vec<Unplaced> {
    let missing = cluster.tasks.iter().enumerate().map(|(task, it)| Unplaced {
        shard: None,
        job: job_of(cluster, task),
        task: it.id.clone(),
        instances: it.instances - count(placements, task),
        reason: Reason {
            code: "no_room".to_owned(),
            text: "no agent has room".to_owned(),
            rule: "capacity".to_owned(),
        },
    });
    missing.filter(|it| it.instances > 0).collect()
}

/// What stays running: (task, agent) to instances.
fn kept(cluster: &Cluster, moves: &[(usize, usize, usize, i64)]) -> BTreeMap<(usize, usize), i64> {
    let mut kept = BTreeMap::new();
    for it in &cluster.running {
        kept.insert((it.task.at(), it.agent.at()), it.instances);
    }
    for &(task, from, _, instances) in moves {
        *kept.entry((task, from)).or_insert(0) -= instances;
    }
    kept
}

/// Every framework is offered all that is free beside what stays.
fn offers(cluster: &Cluster, moves: &[(usize, usize, usize, i64)]) -> Vec<OfferFile> {
    let mut offers = Vec::new();
    for framework in &cluster.frameworks {
        for (at, agent) in cluster.agents.iter().enumerate() {
            let mut free = agent.capacity.0.clone();
            for ((task, _), instances) in kept(cluster, moves).iter().filter(|it| it.0.1 == at) {
                for (free, need) in free.iter_mut().zip(&cluster.tasks[*task].demand.0) {
                    *free -= need * instances;
                }
            }
            let amounts = cluster.resources.iter().cloned().zip(free);
            offers.push(OfferFile {
                framework: framework.id.clone(),
                agent: agent.id.clone(),
                resources: amounts.filter(|(_, amount)| *amount > 0).collect(),
                devices: free_devices(cluster, at),
            });
        }
    }
    offers
}

/// What running instances leave of each device of an agent; those of these tables all stay.
fn free_devices(cluster: &Cluster, agent: usize) -> Vec<DeviceFile> {
    let mut free = Vec::new();
    for devices in &cluster.agents[agent].devices {
        for index in 0..devices.count {
            let here = cluster.running_devices.iter();
            let here = here.filter(|it| it.agent.at() == agent);
            let held = here.flat_map(|it| &it.devices);
            let held = held.filter(|it| it.kind == devices.kind && it.index == index);
            let milli = 1000 - held.map(|it| it.milli).sum::<i64>();
            free.push(DeviceFile {
                name: cluster.devices[devices.kind.at()].clone(),
                index,
                milli,
            });
        }
    }
    free.retain(|device| device.milli > 0);
    free
}

fn result(
    cluster: &Cluster,
    framework: usize,
    placements: &[(usize, usize, i64)],
) -> FrameworkResult {
    let it = &cluster.frameworks[framework];
    let tasks: Vec<usize> = it
        .jobs
        .iter()
        .flat_map(|job| &cluster.jobs[job.at()].tasks)
        .map(|task| task.at())
        .collect();
    FrameworkResult {
        id: it.id.clone(),
        policy: it.policy.clone(),
        placed: tasks.iter().map(|&task| count(placements, task)).sum(),
        demand: tasks
            .iter()
            .map(|&task| cluster.tasks[task].instances)
            .sum(),
        stages: stages(cluster, framework, placements),
        gap: Some(0.0),
        metrics: BTreeMap::new(),
        share: None,
    }
}

fn stages(
    cluster: &Cluster,
    framework: usize,
    placements: &[(usize, usize, i64)],
) -> Vec<StageResult> {
    let jobs = &cluster.frameworks[framework].jobs;
    let worst = |job: JobIdx, level: usize| {
        let mut sums: BTreeMap<DomainIdx, i64> = BTreeMap::new();
        for &(task, agent, n) in placements
            .iter()
            .filter(|it| cluster.tasks[it.0].job == job)
        {
            assert!(task < cluster.tasks.len(), "known tasks only");
            *sums
                .entry(cluster.agents[agent].domains[level])
                .or_default() += n;
        }
        sums.into_values().max().unwrap_or_default()
    };
    let placed_by = |priority: Option<i64>| -> i64 {
        let jobs = jobs
            .iter()
            .filter(|job| priority.is_none_or(|p| cluster.jobs[job.at()].priority == p));
        let tasks = jobs.flat_map(|job| &cluster.jobs[job.at()].tasks);
        tasks
            .map(|task| cluster.tasks[task.at()].value * count(placements, task.at()))
            .sum()
    };
    let mut priorities: Vec<i64> = jobs
        .iter()
        .map(|job| cluster.jobs[job.at()].priority)
        .collect();
    priorities.sort_unstable_by(|left, right| right.cmp(left));
    priorities.dedup();
    let mut stages = Vec::new();
    if priorities.len() > 1 {
        for &priority in &priorities {
            let value = placed_by(Some(priority)) as f64;
            stages.push(stage(
                &format!("placed:{priority}"),
                StageSense::Maximize,
                value,
            ));
        }
    }
    stages.push(stage(
        "placed",
        StageSense::Maximize,
        placed_by(None) as f64,
    ));
    let mut short = None;
    for &job in jobs {
        if let Some(rule) = cluster.jobs[job.at()].min_available {
            let placed: i64 = cluster.jobs[job.at()]
                .tasks
                .iter()
                .map(|task| count(placements, task.at()))
                .sum();
            let survivors = placed - worst(job, rule.level.at());
            *short.get_or_insert(0) += (rule.instances - survivors).max(0);
        }
    }
    stages
        .extend(short.map(|short: i64| stage("min_available", StageSense::Minimize, short as f64)));
    if cluster.levels.iter().any(|level| level.declared) {
        let mut sum = 0.0;
        for &job in jobs {
            let wanted = cluster.jobs[job.at()]
                .tasks
                .iter()
                .map(|task| cluster.tasks[task.at()].instances);
            let wanted = wanted.sum::<i64>() as f64;
            let declared =
                (0..cluster.levels.len()).filter(|&level| cluster.levels[level].declared);
            sum += declared
                .map(|level| worst(job, level) as f64 / wanted)
                .sum::<f64>();
        }
        stages.push(stage("spread", StageSense::Minimize, sum));
    }
    let occupied = |agent: usize| cluster.running.iter().any(|it| it.agent.at() == agent);
    let mut opened: Vec<usize> = placements
        .iter()
        .filter(|it| jobs.contains(&cluster.tasks[it.0].job) && !occupied(it.1))
        .map(|it| it.1)
        .collect();
    opened.sort_unstable();
    opened.dedup();
    stages.push(stage(
        "agents_used",
        StageSense::Minimize,
        opened.len() as f64,
    ));
    stages
}

fn stage(name: &str, sense: StageSense, objective: f64) -> StageResult {
    StageResult {
        name: name.to_owned(),
        sense,
        objective,
        bound: Some(objective),
        gap: Some(0.0),
        proof: Some(Proof::Search),
        multipliers: None,
        greedy: Some(objective),
    }
}
