//! A checked file in canonical form into a [`Cluster`]: names become positions.

mod storage;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use apportion_cluster::file::{
    AgentFile, Amounts, DeviceFile, DeviceNeedFile, DevicesFile, EdgeFile, JobFile, MapFile,
    PlacementFile, ReduceFile, SnapshotFile, TaskFile,
};
use apportion_cluster::{
    Agent, AgentDevices, AgentIdx, AttributeRule, Block, BlockIdx, Cluster, DeviceIdx, DeviceNeed,
    DeviceUse, DomainIdx, Edge, EdgeLoad, Fairness, Framework, FrameworkIdx, GroupIdx,
    IdleGuarantee, Job, JobIdx, Level, LevelIdx, LimitRule, MapWork, MinAvailable, ModelChoice,
    Phase, Quantities, ReduceWork, Role, RoleIdx, Running, RunningDevices, Shuffle, SpreadRule,
    Task, TaskIdx, UnitIdx, WHOLE_DEVICE, device_resource,
};

use super::check::Words;
use super::phases::{Stated, map_tasks, stated};
use super::roles::ancestors;

/// The cluster that `file` describes. `file` is in canonical form and free of faults.
pub(super) fn build(file: &SnapshotFile, digest: String) -> Cluster {
    let words = Words::of(file);
    let positions = Positions::of(file, &words);
    let roles = roles(file, &positions);
    let mut groups: Vec<String> = words.groups.iter().map(|&name| name.to_owned()).collect();
    let (jobs, tasks) = work(file, &positions, &mut groups);
    let (running, running_devices) = running(file, &positions, &jobs, &tasks);
    let running_units = storage::running(file, &positions, &jobs, &tasks);
    let cluster = Cluster {
        levels: levels(file, &words),
        agents: Vec::new(),
        frameworks: frameworks(file, &roles, &jobs),
        running,
        running_devices,
        units: Vec::new(),
        running_units,
        resources: positions.resources.clone(),
        devices: positions
            .devices
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        groups,
        fairness: file
            .fairness
            .as_deref()
            .and_then(Fairness::named)
            .unwrap_or_default(),
        blocks: blocks(file, &positions),
        name: file.cluster.clone(),
        digest,
        roles,
        jobs,
        tasks,
    };
    let agents = agents(file, &cluster.levels, &positions);
    let units = storage::units(file, &cluster.levels, &agents, &positions);
    Cluster {
        agents,
        units,
        ..cluster
    }
}

/// Positions by name, as the cluster has them.
struct Positions<'f> {
    resources: Vec<String>,
    devices: Vec<&'f str>,
    levels: HashMap<&'f str, LevelIdx>,
    agents: HashMap<&'f str, AgentIdx>,
    units: HashMap<&'f str, UnitIdx>,
    frameworks: HashMap<&'f str, FrameworkIdx>,
    groups: HashMap<&'f str, GroupIdx>,
    blocks: HashMap<&'f str, BlockIdx>,
}

impl<'f> Positions<'f> {
    fn of(file: &'f SnapshotFile, words: &Words<'f>) -> Self {
        let tasks = || file.jobs.iter().flat_map(|job| &job.tasks);
        let amounts = file
            .agents
            .iter()
            .map(|a| &a.resources)
            .chain(tasks().map(|t| &t.resources))
            .chain(
                file.roles
                    .iter()
                    .flat_map(|role| role.guarantee.iter().chain(&role.limit)),
            );
        let stated: BTreeSet<&str> = amounts
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect();
        let had = file.agents.iter().flat_map(|agent| &agent.devices);
        let needed = tasks().flat_map(|task| &task.devices);
        let devices: BTreeSet<&str> = had
            .map(|devices| devices.name.as_str())
            .chain(needed.map(|need| need.name.as_str()))
            .collect();
        let totals = devices.iter().map(|kind| device_resource(kind));
        let mut resources: Vec<String> = stated.into_iter().map(str::to_owned).collect();
        resources.extend(totals);
        resources.sort_unstable();
        let levels = words.levels.iter().chain(&words.implicit).copied();
        Self {
            resources,
            devices: devices.into_iter().collect(),
            levels: levels.zip((0..).map(LevelIdx::of)).collect(),
            agents: file
                .agents
                .iter()
                .map(|a| a.id.as_str())
                .zip((0..).map(AgentIdx::of))
                .collect(),
            units: (file.data.units.iter().map(|unit| unit.id.as_str()))
                .zip((0..).map(UnitIdx::of))
                .collect(),
            frameworks: file
                .frameworks
                .iter()
                .map(|f| f.id.as_str())
                .zip((0..).map(FrameworkIdx::of))
                .collect(),
            groups: words
                .groups
                .iter()
                .copied()
                .zip((0..).map(GroupIdx::of))
                .collect(),
            blocks: file
                .data
                .blocks
                .iter()
                .map(|block| block.id.as_str())
                .zip((0..).map(BlockIdx::of))
                .collect(),
        }
    }

    fn quantities(&self, amounts: &Amounts) -> Quantities {
        let mut quantities = Quantities::zero(self.resources.len());
        for (resource, &amount) in amounts {
            quantities.0[self.resource(resource)] = amount;
        }
        quantities
    }

    fn resource(&self, name: &str) -> usize {
        let at = self.resources.binary_search_by(|it| it.as_str().cmp(name));
        at.expect("resources were collected from all amounts and devices")
    }

    fn device(&self, name: &str) -> DeviceIdx {
        let at = self.devices.binary_search(&name);
        DeviceIdx::of(at.expect("kinds of devices were collected from all agents and tasks"))
    }

    /// What an agent has: its plain resources, and 1000 per device.
    fn capacity(&self, agent: &AgentFile) -> Quantities {
        let mut capacity = self.quantities(&agent.resources);
        for devices in &agent.devices {
            let at = self.resource(&device_resource(&devices.name));
            capacity.0[at] = devices.count * WHOLE_DEVICE;
        }
        capacity
    }

    /// What an instance needs: its plain resources, and thousandths of all its devices.
    fn demand(&self, task: &TaskFile) -> Quantities {
        let mut demand = self.quantities(&task.resources);
        for need in &task.devices {
            let at = self.resource(&device_resource(&need.name));
            demand.0[at] = need.count * need.milli;
        }
        demand
    }

    fn devices(&self, devices: &DevicesFile) -> AgentDevices {
        AgentDevices {
            kind: self.device(&devices.name),
            model: devices.model.clone().unwrap_or_default(),
            count: devices.count,
        }
    }

    fn need(&self, need: &DeviceNeedFile) -> DeviceNeed {
        let models = need.models.iter().flatten().map(|choice| ModelChoice {
            model: choice.model.clone(),
            throughput: choice.throughput,
        });
        DeviceNeed {
            kind: self.device(&need.name),
            count: need.count,
            milli: need.milli,
            models: models.collect(),
        }
    }

    fn held(&self, device: &DeviceFile) -> DeviceUse {
        DeviceUse {
            kind: self.device(&device.name),
            index: device.index,
            milli: device.milli,
        }
    }

    fn group(&self, group: Option<&String>) -> Option<GroupIdx> {
        group.map(|group| self.groups[group.as_str()])
    }
}

/// The domain of `agent` at the level `name`: as it states it, or its own.
fn domain_of<'f>(agent: &'f AgentFile, name: &str, declared: bool) -> Cow<'f, str> {
    let stated = if declared {
        agent.domains.get(name)
    } else {
        agent.attributes.get(name)
    };
    match stated {
        _ if name == "agent" => Cow::Borrowed(&agent.id),
        Some(domain) => Cow::Borrowed(domain),
        None => Cow::Owned(format!("agent:{}", agent.id)),
    }
}

fn levels(file: &SnapshotFile, words: &Words<'_>) -> Vec<Level> {
    let declared = words.levels.iter().map(|&name| (name, true));
    let implicit = words.implicit.iter().map(|&name| (name, false));
    let level = |(name, declared): (&str, bool)| {
        let mut domains: Vec<Cow<'_, str>> = file
            .agents
            .iter()
            .map(|agent| domain_of(agent, name, declared))
            .collect();
        domains.extend(storage::domains_of_units(file, name, declared));
        domains.sort_unstable();
        domains.dedup();
        let domains = domains.into_iter().map(Cow::into_owned).collect();
        Level {
            name: name.to_owned(),
            declared,
            domains,
        }
    };
    declared.chain(implicit).map(level).collect()
}

fn agents(file: &SnapshotFile, levels: &[Level], positions: &Positions<'_>) -> Vec<Agent> {
    let domain = |agent: &AgentFile, level: &Level| {
        let name = domain_of(agent, &level.name, level.declared);
        let at = level
            .domains
            .binary_search_by(|domain| domain.as_str().cmp(&name));
        DomainIdx::of(at.expect("domains were collected from all agents"))
    };
    let agent = |agent: &AgentFile| Agent {
        id: agent.id.clone(),
        capacity: positions.capacity(agent),
        devices: agent
            .devices
            .iter()
            .map(|devices| positions.devices(devices))
            .collect(),
        domains: levels.iter().map(|level| domain(agent, level)).collect(),
        attributes: agent.attributes.clone(),
        dedicated: agent.dedicated.clone(),
        cordoned: agent.cordoned,
        speed: agent.speed.unwrap_or(1000),
    };
    file.agents.iter().map(agent).collect()
}

/// The declared roles, those that frameworks name, and everything above them.
fn roles(file: &SnapshotFile, positions: &Positions<'_>) -> Vec<Role> {
    let n_resources = positions.resources.len();
    let mut roles: BTreeMap<&str, Role> = BTreeMap::new();
    let declared = file.roles.iter().map(|role| role.path.as_str());
    let named = file
        .frameworks
        .iter()
        .map(|f| f.role.as_deref().unwrap_or(&f.id));
    for path in declared.chain(named) {
        for path in std::iter::once(path).chain(ancestors(path)) {
            roles
                .entry(path)
                .or_insert_with(|| Role::new(path, 1.0, n_resources));
        }
    }
    for stated in &file.roles {
        let role = roles
            .get_mut(stated.path.as_str())
            .expect("declared roles were collected");
        role.weight = stated.weight.unwrap_or(1.0);
        if let Some(guarantee) = &stated.guarantee {
            role.guarantee = positions.quantities(guarantee);
        }
        for (resource, &most) in stated.limit.iter().flatten() {
            role.limit[positions.resource(resource)] = Some(most);
        }
        if stated.idle_guarantee.as_deref() == Some("lend") {
            role.idle_guarantee = IdleGuarantee::Lend;
        }
    }
    roles.into_values().collect()
}

fn frameworks(file: &SnapshotFile, roles: &[Role], jobs: &[Job]) -> Vec<Framework> {
    let mut jobs_of = vec![Vec::new(); file.frameworks.len()];
    for (at, job) in jobs.iter().enumerate() {
        jobs_of[job.framework.at()].push(JobIdx::of(at));
    }
    let framework = |(framework, jobs): (&apportion_cluster::file::FrameworkFile, Vec<JobIdx>)| {
        let path = framework.role.as_deref().unwrap_or(&framework.id);
        let role = roles.binary_search_by(|role| role.path.as_str().cmp(path));
        Framework {
            id: framework.id.clone(),
            policy: framework.policy.clone(),
            role: RoleIdx::of(role.expect("roles were collected from all frameworks")),
            weight: framework.weight.unwrap_or(1.0),
            parameters: framework.parameters.clone(),
            jobs,
        }
    };
    file.frameworks.iter().zip(jobs_of).map(framework).collect()
}

fn work(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    groups: &mut Vec<String>,
) -> (Vec<Job>, Vec<Task>) {
    let mut jobs = Vec::with_capacity(file.jobs.len());
    let mut tasks = Vec::new();
    for (at, job) in file.jobs.iter().enumerate() {
        let first = tasks.len();
        let mut shuffles: Option<Vec<TaskIdx>> = None;
        for (shape, shards) in job.shapes() {
            let phase = match stated(job, &shape) {
                Stated::Map(map) => Some(Phase::Map(map_work(map, positions))),
                Stated::Reduce(reduce) => {
                    let maps = shuffles.get_or_insert_with(|| {
                        let maps = map_tasks(job).into_iter();
                        maps.map(|task| TaskIdx::of(first + task)).collect()
                    });
                    Some(Phase::Reduce(reduce_work(reduce, maps)))
                }
                // Neither: what is unclear was refused.
                _ => None,
            };
            let mut plain = task(&shape, JobIdx::of(at), phase, positions);
            if shards.is_empty() {
                tasks.push(plain);
            } else {
                count_together(&mut plain, &job.id, groups);
                let shards = shards.iter();
                tasks.extend(shards.map(|shard| storage::shard(&plain, shard, positions)));
            }
        }
        jobs.push(Job {
            id: job.id.clone(),
            framework: positions.frameworks[job.framework.as_str()],
            priority: job.priority,
            gang_min: job.gang.as_ref().map(|gang| gang.min_instances),
            min_available: job.min_available.as_ref().map(|rule| MinAvailable {
                level: positions.levels[rule.level.as_str()],
                instances: rule.instances,
            }),
            max_moves: job.max_moves,
            waited_ms: job.waited_ms,
            tasks: (first..tasks.len()).map(TaskIdx::of).collect(),
            edges: edges(job, first),
        });
    }
    (jobs, tasks)
}

/// Rules of a task with shards count all of them: where they name no group, its shards are one.
fn count_together(task: &mut Task, job: &str, groups: &mut Vec<String>) {
    let limits = task.limits.iter_mut().map(|rule| &mut rule.group);
    let spreads = task.spreads.iter_mut().map(|rule| &mut rule.group);
    let alone: Vec<&mut Option<GroupIdx>> = limits
        .chain(spreads)
        .filter(|group| group.is_none())
        .collect();
    if alone.is_empty() {
        return;
    }
    let shards = GroupIdx::of(groups.len());
    for group in alone {
        *group = Some(shards);
    }
    groups.push(format!("{job}/{}[*]", task.id));
    task.groups.push(shards);
}

/// The edges of a job whose tasks, by id, start at the position `first`.
fn edges(job: &JobFile, first: usize) -> Vec<Edge> {
    let task = |id: &String| {
        let at = job.tasks.binary_search_by(|task| task.id.cmp(id));
        TaskIdx::of(first + at.expect("edges name tasks of their job"))
    };
    let edge = |edge: &EdgeFile| Edge {
        from: task(&edge.from),
        to: task(&edge.to),
        load: match (edge.mib_s, edge.mib) {
            (Some(rate), _) => EdgeLoad::MibPerSecond(rate),
            (None, amount) => EdgeLoad::Mib(amount.unwrap_or(0)),
        },
    };
    job.edges.iter().map(edge).collect()
}

fn blocks(file: &SnapshotFile, positions: &Positions<'_>) -> Vec<Block> {
    let blocks = file.data.blocks.iter().map(|block| {
        let replicas = block.replicas.iter();
        Block {
            id: block.id.clone(),
            mib: block.mib,
            replicas: replicas.map(|id| positions.agents[id.as_str()]).collect(),
        }
    });
    blocks.collect()
}

fn map_work(map: &MapFile, positions: &Positions<'_>) -> MapWork {
    let inputs = map.inputs.iter();
    MapWork {
        inputs: inputs.map(|id| positions.blocks[id.as_str()]).collect(),
        work_ms: map.work_ms,
        remote_penalty_ms: map.remote_penalty_ms,
    }
}

/// `maps` are the map tasks of the job, ascending, as the amounts are in canonical form.
fn reduce_work(reduce: &ReduceFile, maps: &[TaskIdx]) -> ReduceWork {
    let by_task = |amounts: &Vec<i64>| {
        let pairs = maps.iter().copied().zip(amounts.iter().copied());
        Shuffle::ByTask(pairs.collect())
    };
    let total = || Shuffle::Total(reduce.shuffle_mib_total.unwrap_or(0));
    ReduceWork {
        shuffle: (reduce.shuffle_mib.as_ref()).map_or_else(total, by_task),
        work_ms: reduce.work_ms,
    }
}

fn task(task: &TaskFile, job: JobIdx, phase: Option<Phase>, positions: &Positions<'_>) -> Task {
    let rules = &task.constraints;
    let limits = rules.limit.iter().map(|rule| LimitRule {
        level: positions.levels[rule.level.as_str()],
        max: rule.max,
        group: positions.group(rule.group.as_ref()),
    });
    let spreads = rules.spread.iter().map(|rule| SpreadRule {
        level: positions.levels[rule.level.as_str()],
        max_skew: rule.max_skew,
        hard: rule.hard,
        group: positions.group(rule.group.as_ref()),
    });
    let agents = |agents: &Vec<String>| {
        agents
            .iter()
            .map(|id| positions.agents[id.as_str()])
            .collect()
    };
    Task {
        id: task.id.clone(),
        job,
        instances: task.instances,
        value: task.value,
        work_ms: task.work_ms,
        demand: positions.demand(task),
        devices: task
            .devices
            .iter()
            .map(|need| positions.need(need))
            .collect(),
        attributes: rules
            .attributes
            .iter()
            .flat_map(|(key, values)| attribute_rules(key, values))
            .collect(),
        agents: rules.agents.as_ref().map(agents),
        tolerates: rules.tolerates.clone(),
        groups: task
            .groups
            .iter()
            .map(|group| positions.groups[group.as_str()])
            .collect(),
        limits: limits.collect(),
        spreads: spreads.collect(),
        phase,
        shard: None,
    }
}

/// The rule that a list of values states; two if it asks for both presence and absence.
fn attribute_rules(key: &str, values: &[String]) -> Vec<AttributeRule> {
    let mut rule = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: None,
    };
    let mut absent = false;
    for value in values {
        match value.strip_prefix('!') {
            Some("*") => absent = true,
            Some(value) => rule.none_of.push(value.to_owned()),
            None if value == "*" => rule.present = Some(true),
            None => rule.any_of.push(value.clone()),
        }
    }
    if !absent {
        return vec![rule];
    }
    if rule.present.is_none() {
        rule.present = Some(false);
        return vec![rule];
    }
    let absence = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: Some(false),
    };
    vec![absence, rule]
}

/// What runs, one entry per task and agent; and the devices of each instance that holds any.
fn running(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    jobs: &[Job],
    tasks: &[Task],
) -> (Vec<Running>, Vec<RunningDevices>) {
    let mut running: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    let mut devices = Vec::new();
    for placement in &file.placements {
        let task = task_of(placement, jobs, tasks);
        let agent = positions.agents[placement.agent.as_str()];
        *running.entry((task, agent)).or_default() += placement.instances;
        if !placement.devices.is_empty() {
            let mut held: Vec<DeviceUse> = placement
                .devices
                .iter()
                .map(|device| positions.held(device))
                .collect();
            held.sort_unstable();
            devices.push(RunningDevices {
                task,
                agent,
                devices: held,
            });
        }
    }
    devices.sort_unstable();
    let running = running
        .into_iter()
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        });
    (running.collect(), devices)
}

fn task_of(placement: &PlacementFile, jobs: &[Job], tasks: &[Task]) -> TaskIdx {
    let job = jobs.binary_search_by(|job| job.id.as_str().cmp(&placement.job));
    let job = &jobs[job.expect("placements name jobs that exist")];
    let name = (placement.task.as_str(), placement.shard.as_deref());
    let task = (job.tasks).binary_search_by(|task| name_in_file(&tasks[task.at()]).cmp(&name));
    job.tasks[task.expect("placements name tasks that exist")]
}

/// The ids of a task and of its shard.
fn name_in_file(task: &Task) -> (&str, Option<&str>) {
    let shard = task.shard.as_ref().map(|shard| shard.id.as_str());
    (task.file_id(), shard)
}
