//! Random clusters for tests: small, crowded, with every rule in use, and with a running state.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::file::{
    AgentFile, BlockFile, ConstraintsFile, DeviceFile, DeviceNeedFile, DevicesFile, FrameworkFile,
    GangFile, JobFile, LimitFile, MapFile, MinAvailableFile, ModelFile, PlacementFile, ReduceFile,
    RoleFile, SnapshotFile, SpreadFile, TaskFile,
};

use apportion_policies::online::SplitMix64;

use super::{naive, write};

/// Seeded draws: the same on every machine.
#[derive(Clone, Debug)]
pub struct Draw(SplitMix64);

impl Draw {
    /// The draws of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `low` to `high`, both included.
    pub fn from(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).unwrap();
        low + i64::try_from(self.bits() % span).unwrap()
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: i64) -> bool {
        self.from(1, n) == 1
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.from(0, choices.len() as i64 - 1)).unwrap()]
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, usize::try_from(self.from(0, last as i64)).unwrap());
        }
    }
}

/// How large a random cluster may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Most agents.
    pub agents: i64,
    /// Most instances, over all frameworks.
    pub instances: i64,
    /// Frameworks.
    pub frameworks: i64,
    /// Largest cpu and memory of an agent, in units of which tasks ask one to four.
    pub room: i64,
    /// Whether something may run already.
    pub running: bool,
}

/// A cluster with at most so many agents and instances: crowded more often than not.
pub fn snapshot(seed: u64, size: Size) -> SnapshotFile {
    let mut draw = Draw::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut file =
        write::snapshot(draw.one_of(&[&["rack"][..], &["rack", "zone"], &["rack", "agent"], &[]]));
    agents(&mut draw, size, &mut file);
    let mut left = draw.from(size.instances / 2, size.instances);
    for number in 0..size.frameworks {
        let id = format!("f{number}");
        let weight = draw.once_in(3).then(|| draw.from(2, 3) as f64);
        let role = draw.once_in(3).then(|| "shared/role".to_owned());
        let mut framework = FrameworkFile {
            weight,
            role,
            ..write::framework(&id, "service")
        };
        if draw.once_in(5) && file.levels.iter().any(|level| level == "rack") {
            framework
                .parameters
                .insert("level_weights".to_owned(), serde_json::json!({"rack": 2.5}));
        }
        file.frameworks.push(framework);
        let own = if number + 1 == size.frameworks {
            left
        } else {
            left / 2
        };
        left -= own;
        jobs(&mut draw, &id, own, &mut file);
    }
    if file.frameworks.iter().any(|it| it.role.is_some()) {
        file.roles.push(RoleFile {
            path: "shared/role".to_owned(),
            weight: Some(2.0),
            ..RoleFile::default()
        });
    }
    if size.running && draw.once_in(2) {
        run_something(&mut draw, &mut file);
    }
    file
}

/// The same for the policy `ml`: agents with devices of two models, tasks that need several, or a part of one.
pub fn with_devices(seed: u64, size: Size) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0x5eed);
    let mut file = without_running(seed, size);
    for framework in &mut file.frameworks {
        to_ml(framework);
    }
    add_devices(&mut draw, "gpu", 0, &mut file);
    file
}

/// The same with every second framework of the policy `service`, which needs no devices.
pub fn mixed(seed: u64, size: Size) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0x5eed);
    let mut file = without_running(seed, size);
    for framework in file.frameworks.iter_mut().step_by(2) {
        to_ml(framework);
    }
    add_devices(&mut draw, "gpu", 0, &mut file);
    file
}

/// One framework of the policy `ml` with up to four agents and eight tasks, few instances of each; in a part of them
/// something runs and holds devices.
pub fn tiny_with_devices(seed: u64) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0x9a75);
    let size = Size {
        agents: 4,
        instances: 11,
        frameworks: 1,
        // Devices bind in most of these, and cpu and memory in some.
        room: if seed.is_multiple_of(5) { 7 } else { 24 },
        running: false,
    };
    let mut file = snapshot(seed.wrapping_add(7000), size);
    to_ml(&mut file.frameworks[0]);
    for job in &mut file.jobs {
        let whole = std::mem::take(&mut job.tasks);
        for task in whole {
            split(&mut draw, task, &mut job.tasks);
        }
    }
    add_devices(&mut draw, "gpu", 1, &mut file);
    if draw.once_in(5) {
        add_devices(&mut draw, "fpga", 0, &mut file);
    }
    if draw.once_in(3) {
        run_something(&mut draw, &mut file);
    }
    file
}

/// One framework of the policy `mapreduce` with up to four agents and eight tasks, most of which read blocks, pull from the
/// others, or both wait; in a part of them something runs. With `alike` every task asks for the same.
pub fn tiny_with_blocks(seed: u64, alike: bool) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0xb10c);
    let size = Size {
        agents: 4,
        instances: 8,
        frameworks: 1,
        room: 9,
        running: false,
    };
    let mut file = snapshot(seed.wrapping_add(31_000), size);
    read_blocks(&mut draw, &mut file);
    for job in &mut file.jobs {
        let whole = std::mem::take(&mut job.tasks);
        for task in whole {
            split(&mut draw, task, &mut job.tasks);
        }
        phases(&mut draw, job);
        if alike {
            job.gang = None;
            for task in &mut job.tasks {
                task.resources = write::task(1, 2, 1).resources;
                task.constraints.spread.clear();
                task.constraints.limit.clear();
            }
        }
    }
    if draw.once_in(3) {
        run_something(&mut draw, &mut file);
    }
    file
}

/// Makes the frameworks those of the policy `mapreduce`, and puts up to three blocks onto agents of different speeds.
fn read_blocks(draw: &mut Draw, file: &mut SnapshotFile) {
    for framework in &mut file.frameworks {
        "mapreduce".clone_into(&mut framework.policy);
        framework.parameters = BTreeMap::from([("plan_ahead".to_owned(), false.into())]);
        if draw.once_in(3) {
            let percent = draw.one_of(&[0, 50, 100]);
            let parameters = &mut framework.parameters;
            parameters.insert("rack_percent".to_owned(), percent.into());
        }
    }
    for agent in &mut file.agents {
        agent.speed = draw.once_in(3).then(|| draw.one_of(&[500, 800, 2000]));
    }
    for at in 0..3 {
        let mut replicas: Vec<String> = file.agents.iter().map(|it| it.id.clone()).collect();
        draw.shuffle(&mut replicas);
        replicas.truncate(usize::try_from(draw.from(1, 2)).unwrap());
        file.data.blocks.push(BlockFile {
            id: format!("b{at}"),
            mib: draw.one_of(&[64, 128, 128]),
            replicas,
        });
    }
    for job in &mut file.jobs {
        job.waited_ms = draw.one_of(&[0, 0, 20_000, 90_000]);
    }
}

/// What the tasks of a job read and pull.
fn phases(draw: &mut Draw, job: &mut JobFile) {
    let last = job.tasks.len().saturating_sub(1);
    for (at, task) in job.tasks.iter_mut().enumerate() {
        let work_ms = draw.from(0, 4) * 500;
        if at == last && at > 0 && draw.once_in(2) {
            task.reduce = Some(ReduceFile {
                shuffle_mib_total: Some(draw.from(0, 3) * 100),
                work_ms,
                ..ReduceFile::default()
            });
        } else if !draw.once_in(6) {
            let mut inputs: Vec<String> = (0..draw.from(0, 2))
                .map(|_| format!("b{}", draw.from(0, 2)))
                .collect();
            inputs.sort();
            inputs.dedup();
            task.map = Some(MapFile {
                inputs,
                work_ms,
                remote_penalty_ms: draw.from(0, 2) * 250,
            });
        }
    }
    let maps = job.tasks.iter().filter(|task| task.map.is_some()).count();
    for reduce in job.tasks.iter_mut().filter_map(|task| task.reduce.as_mut()) {
        if draw.once_in(2) {
            reduce.shuffle_mib_total = None;
            reduce.shuffle_mib = Some((0..maps).map(|_| draw.from(0, 2) * 60).collect());
        }
    }
}

fn without_running(seed: u64, size: Size) -> SnapshotFile {
    let size = Size {
        running: false,
        ..size
    };
    snapshot(seed, size)
}

fn to_ml(framework: &mut FrameworkFile) {
    framework.policy = "ml".to_owned();
    framework.parameters.clear();
}

/// A task as it is, or as two that differ in what they will ask of devices.
fn split(draw: &mut Draw, task: TaskFile, tasks: &mut Vec<TaskFile>) {
    if task.instances < 2 || draw.once_in(3) {
        tasks.push(task);
        return;
    }
    let first = draw.from(1, task.instances - 1);
    for (letter, instances) in [("a", first), ("b", task.instances - first)] {
        tasks.push(TaskFile {
            id: format!("{}{letter}", task.id),
            instances,
            ..task.clone()
        });
    }
}

/// Devices of a kind for the agents, `least` or more, and for three of four tasks of frameworks that place any.
fn add_devices(draw: &mut Draw, kind: &str, least: i64, file: &mut SnapshotFile) {
    for agent in &mut file.agents {
        let count = draw.from(least, 3);
        let model = draw.one_of(&["old", "new"]).to_owned();
        agent.devices.extend((count > 0).then(|| DevicesFile {
            name: kind.to_owned(),
            model: Some(model),
            count,
        }));
    }
    let frameworks = file.frameworks.iter().filter(|it| it.policy == "ml");
    let placing: Vec<String> = frameworks.map(|it| it.id.clone()).collect();
    let jobs = file.jobs.iter_mut();
    let jobs = jobs.filter(|job| placing.contains(&job.framework));
    for task in jobs.flat_map(|job| &mut job.tasks) {
        if draw.once_in(4) {
            continue;
        }
        let choices: &[(&str, i64)] = match draw.from(0, 3) {
            0 => &[("new", 2000), ("old", 1000)],
            1 => &[("old", 500)],
            _ => &[],
        };
        let models = choices.iter().map(|&(model, throughput)| ModelFile {
            model: model.to_owned(),
            throughput,
        });
        let models: Vec<ModelFile> = models.collect();
        task.devices.push(DeviceNeedFile {
            name: kind.to_owned(),
            count: draw.one_of(&[1, 1, 1, 2]),
            milli: draw.one_of(&[1000, 1000, 300, 500, 600, 700]),
            models: (!models.is_empty()).then_some(models),
        });
    }
}

fn agents(draw: &mut Draw, size: Size, file: &mut SnapshotFile) {
    let n_racks = draw.one_of(&[1, 2, 2, 3, 4]);
    // A part of the clusters has room enough: there, rules bind rather than sizes.
    let room = size.room * draw.one_of(&[1, 1, 2]);
    for number in 0..draw.from(2.min(size.agents), size.agents) {
        let rack = draw.from(1, n_racks);
        let mut agent = AgentFile {
            attributes: BTreeMap::from([(
                "disk".to_owned(),
                draw.one_of(&["ssd", "hdd"]).to_owned(),
            )]),
            dedicated: draw.once_in(12).then(|| "special".to_owned()),
            cordoned: draw.once_in(12),
            ..write::agent(
                &format!("a{number:02}"),
                &format!("r{rack}"),
                draw.from(2, room),
                draw.from(2, room),
            )
        };
        agent
            .domains
            .insert("zone".to_owned(), format!("z{}", rack % 2));
        if draw.once_in(10) {
            agent.domains.clear();
        }
        agent.domains.retain(|level, _| file.levels.contains(level));
        file.agents.push(agent);
    }
}

fn jobs(draw: &mut Draw, framework: &str, mut left: i64, file: &mut SnapshotFile) {
    for number in 0.. {
        if left <= 0 {
            break;
        }
        let mut tasks = Vec::new();
        for position in 0..draw.from(1, 2) {
            let instances = draw.from(1, 5).min(left);
            left -= instances;
            if instances > 0 {
                tasks.push(task(draw, framework, position, instances, file));
            }
        }
        let total: i64 = tasks.iter().map(|task| task.instances).sum();
        let level = any_level(draw, file);
        file.jobs.push(JobFile {
            id: format!("{framework}-j{number}"),
            framework: framework.to_owned(),
            priority: draw.one_of(&[0, 0, 0, 5]),
            min_available: draw.once_in(4).then(|| MinAvailableFile {
                level,
                instances: draw.from(1, total),
            }),
            gang: draw.once_in(3).then(|| GangFile {
                min_instances: draw.from(1, total),
            }),
            tasks,
            ..JobFile::default()
        });
    }
}

fn task(
    draw: &mut Draw,
    framework: &str,
    position: i64,
    instances: i64,
    file: &SnapshotFile,
) -> TaskFile {
    let mut task = write::task(instances, draw.from(1, 4), draw.from(0, 4));
    task.id = format!("t{position}");
    task.value = draw.one_of(&[1, 1, 1, 3]);
    if draw.once_in(3) {
        task.groups.push(format!("group-{framework}"));
    }
    let group = task.groups.first().cloned().filter(|_| draw.once_in(2));
    let mut rules = ConstraintsFile::default();
    if draw.once_in(3) {
        let (level, max) = (any_level(draw, file), draw.from(1, 2));
        rules.limit.push(LimitFile {
            level,
            max,
            group: group.clone(),
        });
    }
    if draw.once_in(2) {
        let (level, max_skew) = (any_level(draw, file), draw.one_of(&[1, 1, 1, 2]));
        rules.spread.push(SpreadFile {
            level,
            max_skew,
            hard: !draw.once_in(4),
            group,
        });
    }
    if draw.once_in(4) {
        let wanted = draw.one_of(&["ssd", "hdd", "!ssd", "*"]).to_owned();
        rules.attributes.insert("disk".to_owned(), vec![wanted]);
    }
    if draw.once_in(10) {
        rules.agents = Some(
            file.agents
                .iter()
                .take(2)
                .map(|agent| agent.id.clone())
                .collect(),
        );
    }
    if draw.once_in(3) {
        rules.tolerates.push("special".to_owned());
    }
    task.constraints = rules;
    task
}

/// A declared level, the agent, or an attribute.
fn any_level(draw: &mut Draw, file: &SnapshotFile) -> String {
    match draw.from(0, 5) {
        0 => "agent".to_owned(),
        1 => "disk".to_owned(),
        _ => file
            .levels
            .first()
            .cloned()
            .unwrap_or_else(|| "agent".to_owned()),
    }
}

/// Instances that run already: within capacities, and with no rule broken but gangs and skews. Each takes the first
/// devices that have room for it.
fn run_something(draw: &mut Draw, file: &mut SnapshotFile) {
    let cluster = super::cluster(file);
    let mut counts = naive::Counts::nothing(&cluster);
    let mut left = cluster.free_devices();
    for _ in 0..draw.from(2, 12) {
        let task = usize::try_from(draw.from(0, cluster.tasks.len() as i64 - 1)).unwrap();
        let agent = usize::try_from(draw.from(0, cluster.agents.len() as i64 - 1)).unwrap();
        counts.0[task][agent] += 1;
        let devices = naive::may_run(&cluster, &counts)
            .then(|| first_devices(&cluster, task, agent, &mut left[agent]))
            .flatten();
        let Some(devices) = devices else {
            counts.0[task][agent] -= 1;
            continue;
        };
        let of = &cluster.tasks[task];
        let place = PlacementFile {
            shard: None,
            unit: None,
            job: cluster.job(of.job).id.clone(),
            task: of.id.clone(),
            agent: cluster.agents[agent].id.clone(),
            instances: 1,
            devices,
            ..PlacementFile::default()
        };
        let same = |it: &&mut PlacementFile| {
            it.devices.is_empty()
                && (&it.job, &it.task, &it.agent) == (&place.job, &place.task, &place.agent)
        };
        match file.placements.iter_mut().find(same) {
            Some(listed) => listed.instances += 1,
            None => file.placements.push(place),
        }
    }
    file.placements.sort();
}

/// The first devices of an agent that have room for an instance, taken out of what is left there; `None` if there are
/// not enough.
fn first_devices(
    cluster: &Cluster,
    task: usize,
    agent: usize,
    left: &mut [Vec<i64>],
) -> Option<Vec<DeviceFile>> {
    let mut held = Vec::new();
    for need in &cluster.tasks[task].devices {
        let at = cluster.agents[agent].device_position(need.kind)?;
        let open = (0..).zip(&left[at]).filter(|it| *it.1 >= need.milli);
        let open = open.map(|(index, _)| (at, index, need.milli));
        let open: Vec<(usize, usize, i64)> =
            open.take(usize::try_from(need.count).unwrap()).collect();
        if (open.len() as i64) < need.count {
            return None;
        }
        held.extend(open);
    }
    let files = held.into_iter().map(|(at, index, milli)| {
        left[at][index] -= milli;
        let kind = cluster.agents[agent].devices[at].kind;
        DeviceFile {
            name: cluster.devices[kind.at()].clone(),
            index: i64::try_from(index).unwrap(),
            milli,
        }
    });
    Some(files.collect())
}

/// The same snapshot with every list whose order means nothing in another order.
pub fn shuffled(file: &SnapshotFile, seed: u64) -> SnapshotFile {
    let mut draw = Draw::new(seed);
    let mut file = file.clone();
    draw.shuffle(&mut file.agents);
    draw.shuffle(&mut file.roles);
    draw.shuffle(&mut file.frameworks);
    draw.shuffle(&mut file.placements);
    draw.shuffle(&mut file.jobs);
    for task in file.jobs.iter_mut().flat_map(|job| &mut job.tasks) {
        draw.shuffle(&mut task.groups);
        draw.shuffle(&mut task.constraints.limit);
        draw.shuffle(&mut task.constraints.spread);
        draw.shuffle(&mut task.constraints.tolerates);
        if let Some(named) = &mut task.constraints.agents {
            draw.shuffle(named);
        }
    }
    for job in &mut file.jobs {
        draw.shuffle(&mut job.tasks);
    }
    file
}
