//! Synthetic clusters of any size: the same seed gives the same snapshot, and every snapshot is valid.
//!
//! Agents come in a dozen shapes and stand in racks of forty; a power circuit feeds a quarter of the
//! agents in each of eight racks, so circuits and racks cross; zones are runs of racks. A few agents
//! are dedicated or cordoned. Jobs are services whose sizes double in weight as they halve in number;
//! some state limits, spread rules, minimal availability, priorities, or a group over two tasks. The other
//! policies bring what they need: `ml` hosts of GPUs (`training.rs`), `mapreduce` blocks (`analytics.rs`), `storage` units
//! (`databases.rs`), `workflow` edges (`pipelines.rs`).

mod analytics;
mod databases;
mod pipelines;
mod training;

use std::collections::BTreeMap;

use apportion_cluster::file::{
    AgentFile, Amounts, ConstraintsFile, DataFile, FrameworkFile, JobFile, LimitFile,
    MinAvailableFile, RoleFile, SnapshotFile, SpreadFile, TaskFile, VERSION,
};
use apportion_policies::online::SplitMix64;

/// Agents in a rack.
const RACK: usize = 40;
/// Racks that share power circuits.
const ROW: usize = 8;
/// Power circuits in a row of racks.
const CIRCUITS: usize = 4;
/// At most this part of the smallest agent that could hold it is asked by one instance: 1 in so many.
const LEAST_PER_AGENT: i64 = 2;

/// What to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Agents, exactly.
    pub agents: usize,
    /// Jobs, exactly.
    pub jobs: usize,
    /// Frameworks, exactly; at least one for each policy if there are jobs.
    pub frameworks: usize,
    /// What frameworks do: each has the next of these, in turn; jobs are divided evenly among the policies.
    pub policies: Vec<Kind>,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Part of the capacity that is asked for in the scarcer of CPU and memory. It may not be reached
    /// when there are too few instances to fill the agents. `ml` asks for this part of the GPUs, the other policies
    /// together for this part of the agents without, in equal parts; `storage` also for this part of the units.
    pub load: f64,
    /// Instances over all jobs, exactly; as many as the load needs if absent.
    pub instances: Option<usize>,
    /// Distinct task shapes of each policy (amounts, devices and rules on agents), at most.
    pub shapes: usize,
    /// Storage units, for the policy `storage`; one for every eight agents if absent.
    pub units: Option<usize>,
}

/// What a framework does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Long-running services, of the policy `service`.
    Service,
    /// Training and inference on GPUs, of the policy `ml`.
    Ml,
    /// Maps over blocks, and what reduces them, of the policy `mapreduce`.
    MapReduce,
    /// Databases with replicas on storage units, of the policy `storage`.
    Storage,
    /// Streams and batches, of the policy `workflow`.
    Workflow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Service,
        Self::Ml,
        Self::MapReduce,
        Self::Storage,
        Self::Workflow,
    ];

    /// The name of its policy.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Ml => "ml",
            Self::MapReduce => "mapreduce",
            Self::Storage => "storage",
            Self::Workflow => "workflow",
        }
    }
}

impl GenerateOptions {
    /// The load in thousandths.
    fn load_milli(&self) -> i128 {
        (self.load.clamp(0.0, 1_000.0) * 1_000.0).round() as i128
    }

    /// The load of CPU and memory that each policy without GPUs asks for, in thousandths.
    fn part_milli(&self) -> i128 {
        let kinds = self.kinds();
        let plain = kinds.iter().filter(|kind| **kind != Kind::Ml);
        self.load_milli() / (plain.count().max(1) as i128)
    }

    /// Jobs of a kind, and their instances if they are stated.
    fn part(&self, kind: Kind) -> (usize, Option<usize>) {
        let kinds = self.kinds();
        let before = |at: usize, total: usize| total * at / kinds.len();
        let Some(at) = kinds.iter().position(|it| *it == kind) else {
            return (0, self.instances.map(|_| 0));
        };
        let jobs = before(at + 1, self.jobs) - before(at, self.jobs);
        let instances = self.instances.map(|instances| {
            // One for each job first, as far as they go. Where jobs are fewer than policies, each job is one's first.
            let first = instances.min(self.jobs);
            let beyond = instances - first;
            let part = before(at + 1, first) - before(at, first);
            let busy: Vec<usize> = (0..kinds.len())
                .filter(|&at| before(at + 1, self.jobs) > before(at, self.jobs))
                .collect();
            let turn = busy.binary_search(&at);
            part + turn.map_or(0, |turn| {
                beyond * (turn + 1) / busy.len() - beyond * turn / busy.len()
            })
        });
        (jobs, instances)
    }

    /// The kinds, each once.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for &kind in &self.policies {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            kinds.push(Kind::Service);
        }
        kinds
    }
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            agents: 100,
            jobs: 30,
            frameworks: 3,
            policies: vec![Kind::Service],
            seed: 1,
            load: 0.7,
            instances: None,
            shapes: 30,
            units: None,
        }
    }
}

/// A snapshot by these options.
#[must_use]
pub fn generate(options: &GenerateOptions) -> SnapshotFile {
    // A stream of chance for each part: changing one count leaves the other parts as they were.
    let stream = |part: u64| Random::new(options.seed, part);
    let mut agents = agents(options.agents, &mut stream(1));
    let (roles, frameworks) = accounts(options, &mut stream(2));
    let of = |kind: Kind| -> Vec<FrameworkFile> {
        let frameworks = frameworks.iter().filter(|it| it.policy == kind.policy());
        frameworks.cloned().collect()
    };
    if options.kinds().contains(&Kind::Ml) {
        training::add_devices(&mut agents, &mut stream(6));
    }
    let mut jobs = Vec::new();
    let mut data = DataFile::default();
    for kind in options.kinds() {
        let part = options.part(kind);
        let frameworks = of(kind);
        // The shapes of a policy's instances, and how many there are of each.
        let plain = |random: &mut Random| {
            let mut shapes = plain_shapes(options.shapes.max(1), random);
            let mut demands = weights(part.0, shapes.len(), random);
            fill(options, part.1, &agents, &mut shapes, &mut demands);
            (shapes, demands)
        };
        jobs.extend(match kind {
            Kind::Service => services(options, part, &frameworks, &agents),
            Kind::Ml => training::jobs(options, part, &frameworks, &agents, &mut stream(7)),
            Kind::MapReduce => {
                let random = &mut stream(8);
                let (shapes, demands) = plain(random);
                let (jobs, blocks) =
                    analytics::jobs(&demands, &shapes, &frameworks, &agents, random);
                data.blocks = blocks;
                jobs
            }
            Kind::Storage => {
                let random = &mut stream(9);
                let (shapes, demands) = plain(random);
                let n_units = options.units.unwrap_or(options.agents.div_ceil(8));
                data.units = databases::units(n_units, &agents, random);
                let n_racks = options.agents.div_ceil(RACK);
                let there = (&frameworks[..], &data.units[..], n_racks);
                databases::jobs(options.load_milli(), &demands, &shapes, there, random)
            }
            Kind::Workflow => {
                let random = &mut stream(10);
                let (shapes, demands) = plain(random);
                pipelines::jobs(&demands, &shapes, &frameworks, random)
            }
        });
    }
    SnapshotFile {
        version: VERSION.to_owned(),
        cluster: format!("generated-{}", options.seed),
        levels: ["zone", "power", "rack"].map(str::to_owned).to_vec(),
        agents,
        roles,
        frameworks,
        jobs,
        data,
        ..SnapshotFile::default()
    }
}

/// Jobs of services, which fill the agents without GPUs.
fn services(
    options: &GenerateOptions,
    (n_jobs, instances): (usize, Option<usize>),
    frameworks: &[FrameworkFile],
    agents: &[AgentFile],
) -> Vec<JobFile> {
    let stream = |part: u64| Random::new(options.seed, part);
    let mut shapes = shapes(options.shapes.max(1), &mut stream(3));
    let mut demands = weights(n_jobs, shapes.len(), &mut stream(4));
    fill(options, instances, agents, &mut shapes, &mut demands);
    jobs(&demands, &shapes, frameworks, agents.len(), &mut stream(5))
}

/// Gives each demand its part of what is wanted, by its weight, where all of them ask for `asked` by theirs.
fn size(demands: &mut [Demand], wanted: i128, asked: i128) {
    /// Most instances of a job.
    const MOST: i128 = 1_000_000;
    for demand in demands {
        let instances = (demand.weight * wanted / asked).clamp(1, MOST);
        demand.instances = i64::try_from(instances).expect("it was clamped");
    }
}

/// One stream of seeded draws.
struct Random(SplitMix64);

impl Random {
    fn new(seed: u64, stream: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next_u64(); // So that neighboring seeds do not begin alike.
        Self(random)
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[self.below(table.len())]
    }
}

/// CPU cores, GiB of memory, GB of disk, MiB/s of network, disk, CPU class, relative speed.
type AgentShape = (i64, i64, i64, i64, &'static str, &'static str, i64);

const AGENT_SHAPES: [AgentShape; 12] = [
    (16, 64, 500, 625, "hdd", "slow", 800),
    (16, 128, 500, 625, "ssd", "standard", 1_000),
    (32, 64, 1_000, 1_250, "hdd", "standard", 1_000),
    (32, 128, 1_000, 1_250, "ssd", "standard", 1_000),
    (32, 128, 2_000, 1_250, "hdd", "slow", 800),
    (32, 256, 1_000, 1_250, "ssd", "standard", 1_000),
    (48, 192, 1_000, 1_250, "ssd", "fast", 1_250),
    (48, 384, 2_000, 1_250, "ssd", "standard", 1_000),
    (64, 256, 2_000, 3_125, "ssd", "fast", 1_250),
    (64, 512, 4_000, 3_125, "hdd", "standard", 1_000),
    (96, 384, 2_000, 3_125, "ssd", "fast", 1_250),
    (96, 768, 4_000, 3_125, "ssd", "standard", 1_000),
];

fn agents(n_agents: usize, random: &mut Random) -> Vec<AgentFile> {
    let n_racks = n_agents.div_ceil(RACK);
    let racks_per_zone = n_racks
        .div_ceil(n_racks.div_ceil(2 * ROW).clamp(1, 6))
        .max(1);
    // Machines are bought by the rack: a rack holds two shapes.
    let shapes: Vec<[&AgentShape; 2]> = (0..n_racks)
        .map(|_| [random.pick(&AGENT_SHAPES), random.pick(&AGENT_SHAPES)])
        .collect();
    let agent = |at: usize| {
        let rack = at / RACK;
        let power = rack / ROW * CIRCUITS + at % CIRCUITS;
        let (cores, memory, disk, network, disk_kind, class, speed) = *shapes[rack][at / 2 % 2];
        let domains = [
            ("zone", format!("zone-{}", rack / racks_per_zone + 1)),
            ("power", format!("power-{:03}", power + 1)),
            ("rack", format!("rack-{:04}", rack + 1)),
        ];
        let resources = [
            ("cpu_milli", cores * 1_000),
            ("memory_mib", memory * 1_024),
            ("disk_mib", disk * 1_000),
            ("network_mib_s", network),
        ];
        let attributes = [("disk", disk_kind), ("cpu_class", class)];
        AgentFile {
            id: format!("agent-{:05}", at + 1),
            domains: domains.map(|(k, v)| (k.to_owned(), v)).into(),
            attributes: attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            resources: resources.map(|(k, v)| (k.to_owned(), v)).into(),
            devices: Vec::new(),
            speed: (speed != 1_000).then_some(speed),
            ..AgentFile::default()
        }
    };
    let mut agents: Vec<AgentFile> = (0..n_agents).map(agent).collect();
    // One in a hundred is set aside for a team, one in two hundred is being emptied.
    for n in 0..n_agents / 100 {
        let team = format!("team-{}", n % 3 + 1);
        agents[random.below(n_agents)].dedicated = Some(team);
    }
    for _ in 0..n_agents / 200 {
        agents[random.below(n_agents)].cordoned = true;
    }
    agents
}

fn accounts(options: &GenerateOptions, random: &mut Random) -> (Vec<RoleFile>, Vec<FrameworkFile>) {
    let kinds = options.kinds();
    let least = if options.jobs > 0 { kinds.len() } else { 0 };
    let n_frameworks = options.frameworks.max(least);
    let n_roles = n_frameworks.div_ceil(3);
    let roles = (1..=n_roles).map(|n| RoleFile {
        path: format!("role-{n:02}"),
        weight: Some(*random.pick(&[1.0, 1.0, 1.0, 2.0, 3.0, 5.0])),
        ..RoleFile::default()
    });
    let roles: Vec<RoleFile> = roles.collect();
    let frameworks = (1..=n_frameworks).map(|n| FrameworkFile {
        id: format!("framework-{n:02}"),
        policy: kinds[(n - 1) % kinds.len()].policy().to_owned(),
        role: Some(format!("role-{:02}", (n - 1) % n_roles + 1)),
        weight: Some(*random.pick(&[1.0, 1.0, 1.0, 2.0])),
        ..FrameworkFile::default()
    });
    (roles, frameworks.collect())
}

/// What one instance needs, before it is scaled to the load.
struct Shape {
    resources: Amounts,
    attributes: BTreeMap<String, Vec<String>>,
    tolerates: Vec<String>,
}

fn shapes(n_shapes: usize, random: &mut Random) -> Vec<Shape> {
    let shape = |_| {
        let cpu = *random.pick(&[100, 250, 500, 500, 1_000, 1_000, 2_000, 4_000, 8_000]);
        // 1 to 8 GiB a core.
        let memory = cpu * *random.pick(&[1, 2, 2, 4, 4, 8]) * 1_024 / 1_000;
        let mut resources = Amounts::from([
            ("cpu_milli".to_owned(), cpu),
            ("memory_mib".to_owned(), memory),
        ]);
        if random.one_in(3) {
            let disk = *random.pick(&[1_000, 5_000, 20_000]);
            resources.insert("disk_mib".to_owned(), disk);
        }
        if random.one_in(4) {
            resources.insert("network_mib_s".to_owned(), *random.pick(&[1, 5, 10]));
        }
        let mut attributes = BTreeMap::new();
        let mut ask = |key: &str, value: &str| {
            attributes.insert(key.to_owned(), vec![value.to_owned()]);
        };
        match random.below(8) {
            0 => ask("disk", "ssd"),
            1 => ask("cpu_class", "!slow"),
            2 => ask("cpu_class", "fast"),
            _ => {}
        }
        let tolerates = if random.one_in(8) {
            vec![format!("team-{}", random.below(3) + 1)]
        } else {
            Vec::new()
        };
        Shape {
            resources,
            attributes,
            tolerates,
        }
    };
    (0..n_shapes).map(shape).collect()
}

/// Shapes of little but CPU and memory.
fn plain_shapes(n_shapes: usize, random: &mut Random) -> Vec<Shape> {
    let shape = |_| {
        let cpu = *random.pick(&[500, 1_000, 1_000, 2_000]);
        let memory = cpu * *random.pick(&[1, 2, 4]) * 1_024 / 1_000;
        let resources = [("cpu_milli", cpu), ("memory_mib", memory)];
        Shape {
            resources: resources
                .map(|(key, amount)| (key.to_owned(), amount))
                .into(),
            attributes: BTreeMap::new(),
            tolerates: Vec::new(),
        }
    };
    (0..n_shapes).map(shape).collect()
}

/// How many instances of which shape a job asks for.
struct Demand {
    shape: usize,
    weight: i128,
    instances: i64,
}

fn weights(n_jobs: usize, n_shapes: usize, random: &mut Random) -> Vec<Demand> {
    let demand = |at: usize| {
        // Each doubling of the size is half as likely.
        let doublings = random.next().trailing_zeros().min(8);
        let weight = (16 + i128::from(random.next() % 16)) << doublings;
        Demand {
            // Every shape is used before one is used again.
            shape: at % n_shapes,
            weight,
            instances: 0,
        }
    };
    (0..n_jobs).map(demand).collect()
}

/// Sizes jobs, or the amounts of their instances, so that they ask for a policy's part of the load of agents without GPUs.
fn fill(
    options: &GenerateOptions,
    instances: Option<usize>,
    agents: &[AgentFile],
    shapes: &mut [Shape],
    demands: &mut [Demand],
) {
    let load_milli = options.part_milli();
    let agents: Vec<&AgentFile> = agents.iter().filter(|it| it.devices.is_empty()).collect();
    let capacity = |resource: &str| -> i128 {
        let open = agents
            .iter()
            .filter(|a| a.dedicated.is_none() && !a.cordoned);
        open.map(|agent| i128::from(agent.resources[resource]))
            .sum()
    };
    let scarce = ["cpu_milli", "memory_mib"];
    // (asked, wanted) of the resource whose ratio is the largest.
    let ratio = |shapes: &[Shape], demands: &[Demand], count: &dyn Fn(&Demand) -> i128| {
        let ratios = scarce.map(|resource| {
            let each = |d: &Demand| i128::from(shapes[d.shape].resources[resource]) * count(d);
            let asked: i128 = demands.iter().map(each).sum();
            (asked.max(1), capacity(resource) * load_milli / 1_000)
        });
        let [(asked_0, wanted_0), (asked_1, wanted_1)] = ratios;
        if asked_0 * wanted_1 >= asked_1 * wanted_0 {
            ratios[0]
        } else {
            ratios[1]
        }
    };
    let Some(instances) = instances else {
        let (asked, wanted) = ratio(shapes, demands, &|d| d.weight);
        size(demands, wanted, asked);
        return;
    };
    share_out(instances, demands);
    let (asked, wanted) = ratio(shapes, demands, &|d| i128::from(d.instances));
    for shape in shapes {
        for resource in scarce {
            let most = |agent: &&AgentFile| agent.resources[resource] / LEAST_PER_AGENT;
            let most = agents.iter().map(most).min().unwrap_or(i64::MAX);
            let amount = shape.resources.entry(resource.to_owned()).or_insert(1);
            let scaled = (i128::from(*amount) * wanted / asked).clamp(1, i128::from(most.max(1)));
            *amount = i64::try_from(scaled).expect("it was clamped to an agent's amount");
        }
    }
}

/// Divides `instances` over the jobs by weight, one for each job first.
fn share_out(instances: usize, demands: &mut [Demand]) {
    let total: i128 = demands.iter().map(|demand| demand.weight).sum();
    let beyond = instances.saturating_sub(demands.len()) as i128;
    let mut left = instances;
    let mut give = |demand: &mut Demand, wanted: usize| {
        let given = wanted.min(left);
        left -= given;
        demand.instances += i64::try_from(given).expect("instances fit 63 bits");
    };
    for demand in demands.iter_mut() {
        let share = usize::try_from(beyond * demand.weight / total).expect("it is a part");
        give(demand, 1 + share);
    }
    // What rounding left: fewer than there are jobs.
    for demand in demands.iter_mut() {
        give(demand, 1);
    }
}

fn jobs(
    demands: &[Demand],
    shapes: &[Shape],
    frameworks: &[FrameworkFile],
    n_agents: usize,
    random: &mut Random,
) -> Vec<JobFile> {
    let job = |(at, demand): (usize, &Demand)| {
        // The first frameworks have more jobs; none has none as long as there are enough.
        let framework = if at < frameworks.len() {
            at
        } else {
            let bound = random.below(frameworks.len()) + 1;
            random.below(bound)
        };
        let mut job = JobFile {
            id: format!("job-{:05}", at + 1),
            framework: frameworks[framework].id.clone(),
            priority: *random.pick(&[0, 0, 0, 0, 0, 0, 0, 10, 10, 100]),
            ..JobFile::default()
        };
        add_tasks(&mut job, demand, &shapes[demand.shape], n_agents, random);
        job
    };
    demands.iter().enumerate().map(job).collect()
}

/// One task, or two of a group: a small canary beside the rest.
fn add_tasks(
    job: &mut JobFile,
    demand: &Demand,
    shape: &Shape,
    n_agents: usize,
    random: &mut Random,
) {
    let n_racks = i64::try_from(n_agents.div_ceil(RACK))
        .unwrap_or(i64::MAX)
        .max(1);
    let instances = demand.instances;
    let canary = if instances >= 20 && random.one_in(10) {
        instances / 20
    } else {
        0
    };
    let group = (canary > 0).then(|| job.id.clone());
    let mut constraints = ConstraintsFile {
        attributes: shape.attributes.clone(),
        tolerates: shape.tolerates.clone(),
        ..ConstraintsFile::default()
    };
    // Three times the even share leaves room to choose.
    let even = (instances + n_racks - 1) / n_racks;
    if instances >= 4 && n_racks >= 4 && random.one_in(2) {
        constraints.limit.push(LimitFile {
            level: "rack".to_owned(),
            max: 3 * even,
            group: group.clone(),
        });
    }
    if instances >= 4 && random.one_in(5) {
        constraints.spread.push(SpreadFile {
            level: random.pick(&["zone", "power", "rack"]).to_string(),
            max_skew: (instances / 10).max(1),
            hard: random.one_in(3),
            group: group.clone(),
        });
    }
    if instances >= 8 && n_racks >= 8 && random.one_in(12) {
        job.min_available = Some(MinAvailableFile {
            level: "rack".to_owned(),
            instances: instances - (instances + 3) / 4,
        });
    }
    let task = |id: &str, instances: i64| TaskFile {
        id: id.to_owned(),
        instances,
        resources: shape.resources.clone(),
        groups: group.clone().into_iter().collect(),
        constraints: constraints.clone(),
        value: 1,
        ..TaskFile::default()
    };
    job.tasks.push(task("main", instances - canary));
    if canary > 0 {
        job.tasks.push(task("canary", canary));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use apportion_cluster::file::ShardFile;

    fn options(agents: usize, jobs: usize, frameworks: usize, seed: u64) -> GenerateOptions {
        GenerateOptions {
            agents,
            jobs,
            frameworks,
            seed,
            ..GenerateOptions::default()
        }
    }

    fn instances(snapshot: &SnapshotFile) -> i64 {
        let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
        tasks.map(|task| task.instances).sum()
    }

    fn asked(snapshot: &SnapshotFile, resource: &str) -> i64 {
        let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
        tasks
            .map(|task| task.instances * task.resources[resource])
            .sum()
    }

    fn offered(snapshot: &SnapshotFile, resource: &str) -> i64 {
        snapshot
            .agents
            .iter()
            .map(|agent| agent.resources[resource])
            .sum()
    }

    #[test]
    fn equal_seeds_give_equal_snapshots() {
        assert_eq!(
            generate(&options(90, 40, 5, 7)),
            generate(&options(90, 40, 5, 7))
        );
        assert_ne!(
            generate(&options(90, 40, 5, 7)),
            generate(&options(90, 40, 5, 8))
        );
    }

    #[test]
    fn counts_are_exact() {
        for (agents, jobs, frameworks, wanted) in [
            (1, 1, 1, 1),
            (7, 3, 3, 10),
            (100, 30, 3, 31),
            (250, 10, 4, 5_000),
            (50, 20, 2, 20),
            (10, 5, 2, 3),
        ] {
            let snapshot = generate(&GenerateOptions {
                instances: Some(wanted),
                ..options(agents, jobs, frameworks, 3)
            });
            assert_eq!(snapshot.agents.len(), agents);
            assert_eq!(snapshot.jobs.len(), jobs);
            assert_eq!(snapshot.frameworks.len(), frameworks);
            assert_eq!(
                instances(&snapshot),
                i64::try_from(wanted).expect("it is small")
            );
        }
        let empty = generate(&options(0, 0, 0, 1));
        assert!(empty.agents.is_empty() && empty.jobs.is_empty() && empty.frameworks.is_empty());
    }

    #[test]
    fn with_several_policies_counts_are_exact_too() {
        for (agents, jobs, frameworks, wanted) in [
            (1, 2, 2, 2),
            (7, 3, 3, 10),
            (100, 31, 5, 3_000),
            (50, 20, 2, 20),
        ] {
            let of = |policies: &[Kind]| {
                generate(&GenerateOptions {
                    instances: Some(wanted),
                    policies: policies.to_vec(),
                    ..options(agents, jobs, frameworks, 3)
                })
            };
            let all = of(&Kind::ALL);
            assert_eq!(all.jobs.len(), jobs);
            assert_eq!(instances(&all), i64::try_from(wanted).expect("it is small"));
            let snapshot = of(&[Kind::Service, Kind::Ml]);
            let counts = (snapshot.agents.len(), snapshot.jobs.len());
            assert_eq!(counts, (agents, jobs));
            assert_eq!(snapshot.frameworks.len(), frameworks);
            let wanted = i64::try_from(wanted).expect("it is small");
            assert_eq!(instances(&snapshot), wanted);
            let policy_of = |id: &str| {
                let found = snapshot.frameworks.iter().find(|it| it.id == id);
                &found.expect("jobs belong to frameworks").policy
            };
            let ml = snapshot
                .jobs
                .iter()
                .filter(|it| policy_of(&it.framework) == "ml");
            assert_eq!(ml.count(), jobs - jobs / 2);
        }
    }

    #[test]
    fn gpus_are_of_several_models_and_asked_for_in_every_way_up_to_the_load() {
        for (load, seed) in [(0.5, 1), (1.3, 2)] {
            let snapshot = generate(&GenerateOptions {
                load,
                policies: vec![Kind::Service, Kind::Ml],
                shapes: 40,
                ..options(1_000, 120, 6, seed)
            });
            let open = |it: &&AgentFile| it.dedicated.is_none() && !it.cordoned;
            let devices = snapshot
                .agents
                .iter()
                .filter(open)
                .flat_map(|it| &it.devices);
            let has: i64 = devices.map(|it| it.count * 1_000).sum();
            let models = snapshot.agents.iter().flat_map(|it| &it.devices);
            assert!(models.map(|it| &it.model).collect::<BTreeSet<_>>().len() > 2);
            let jobs = snapshot
                .jobs
                .iter()
                .filter(|it| !it.tasks[0].devices.is_empty());
            let jobs: Vec<&JobFile> = jobs.collect();
            let needs = |job: &JobFile| job.tasks[0].devices[0].clone();
            let asked =
                |job: &&JobFile| needs(job).count * needs(job).milli * job.tasks[0].instances;
            let reached = jobs.iter().map(asked).sum::<i64>() as f64 / has as f64;
            assert!((reached - load).abs() < 0.1 * load, "{load}: {reached}");
            let any = |test: &dyn Fn(&JobFile) -> bool| jobs.iter().any(|job| test(job));
            assert!(any(&|job| needs(job).milli < 1_000) && any(&|job| needs(job).count > 1));
            assert!(any(&|job| needs(job).models.is_none()));
            assert!(any(&|job| needs(job)
                .models
                .is_some_and(|it| it.len() == 2)));
            assert!(any(&|job| job.gang.is_some()) && any(&|job| job.gang.is_none()));
        }
    }

    #[test]
    fn five_policies_ask_for_the_load_of_what_each_of_them_needs() {
        let snapshot = generate(&GenerateOptions {
            load: 0.8,
            policies: Kind::ALL.to_vec(),
            ..options(800, 100, 6, 4)
        });
        let open =
            |it: &&AgentFile| it.devices.is_empty() && it.dedicated.is_none() && !it.cordoned;
        let cpu: i64 = (snapshot.agents.iter().filter(open))
            .map(|agent| agent.resources["cpu_milli"])
            .sum();
        let policy_of = |job: &JobFile| {
            let found = snapshot.frameworks.iter().find(|it| it.id == job.framework);
            found.expect("jobs belong to frameworks").policy.clone()
        };
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Ml) {
            let jobs = snapshot
                .jobs
                .iter()
                .filter(|job| policy_of(job) == kind.policy());
            let tasks = jobs.flat_map(|job| &job.tasks);
            let asked: i64 = tasks
                .map(|task| task.instances * task.resources["cpu_milli"])
                .sum();
            let part = asked as f64 / cpu as f64;
            assert!((0.1..0.25).contains(&part), "{kind:?}: {part}");
        }
        let units = &snapshot.data.units;
        assert_eq!(units.len(), 100);
        assert!(units.iter().any(|unit| unit.agent.is_none()));
        let tasks = || snapshot.jobs.iter().flat_map(|job| &job.tasks);
        let shards = || tasks().flat_map(|task| &task.shards);
        type Ask = fn(&ShardFile) -> i64;
        let asks: [(Ask, i64); 3] = [
            (
                |it| it.disk_mib,
                units.iter().map(|it| it.capacity_mib).sum(),
            ),
            (|it| it.iops, units.iter().map(|it| it.iops).sum()),
            (|it| it.mib_s, units.iter().map(|it| it.mib_s).sum()),
        ];
        let loads = asks.map(|(ask, has)| {
            let asked: i64 = shards().map(|shard| shard.replicas * ask(shard)).sum();
            asked as f64 / has as f64
        });
        let most = loads.into_iter().fold(0.0, f64::max);
        assert!((0.6..=0.8).contains(&most), "{loads:?}");
        let volumes = || shards().flat_map(|shard| &shard.volumes);
        assert!(volumes().any(|it| it.unit.is_none()) && volumes().any(|it| it.unit.is_some()));
        let maps = tasks().filter(|task| task.map.is_some()).count();
        assert!(maps > 100 && snapshot.data.blocks.len() == maps);
        let edges = || snapshot.jobs.iter().flat_map(|job| &job.edges);
        assert!(edges().any(|it| it.mib_s.is_some()));
    }

    #[test]
    fn the_load_is_met() {
        for (load, wanted) in [
            (0.3, None),
            (0.7, None),
            (0.7, Some(20_000)),
            (1.3, Some(20_000)),
        ] {
            let snapshot = generate(&GenerateOptions {
                load,
                instances: wanted,
                ..options(1_000, 60, 5, 11)
            });
            let ratio = |r| asked(&snapshot, r) as f64 / offered(&snapshot, r) as f64;
            let reached = ratio("cpu_milli").max(ratio("memory_mib"));
            assert!(
                (reached - load).abs() < 0.05 * load + 0.02,
                "{load} {wanted:?}: {reached}"
            );
        }
    }

    #[test]
    fn shapes_are_bounded_and_circuits_cross_racks() {
        let snapshot = generate(&GenerateOptions {
            instances: Some(20_000),
            shapes: 30,
            ..options(5_000, 400, 10, 5)
        });
        let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
        let shape = |task: &TaskFile| {
            let rules = &task.constraints;
            let stated = (&task.resources, &rules.attributes, &rules.tolerates);
            format!("{stated:?}")
        };
        assert!(tasks.map(shape).collect::<BTreeSet<_>>().len() <= 30);
        let racks_of = |power: &str| {
            let fed = snapshot
                .agents
                .iter()
                .filter(|agent| agent.domains["power"] == power);
            fed.map(|agent| &agent.domains["rack"])
                .collect::<BTreeSet<_>>()
                .len()
        };
        assert_eq!(racks_of("power-001"), ROW);
        let has = |test: &dyn Fn(&JobFile) -> bool| snapshot.jobs.iter().any(test);
        assert!(has(&|job| job.min_available.is_some()));
        assert!(has(
            &|job| job.tasks.len() == 2 && job.tasks[0].groups.len() == 1
        ));
        assert!(has(&|job| !job.tasks[0].constraints.limit.is_empty()));
        assert!(has(&|job| job.tasks[0]
            .constraints
            .spread
            .iter()
            .any(|s| s.hard)));
        assert!(
            snapshot
                .agents
                .iter()
                .any(|agent| agent.dedicated.is_some())
        );
        assert!(snapshot.agents.iter().any(|agent| agent.cordoned));
    }

    #[test]
    fn every_snapshot_is_valid() {
        for seed in 0..60 {
            let mut random = Random::new(seed, 0);
            let snapshot = generate(&GenerateOptions {
                agents: random.below(400),
                jobs: random.below(60),
                frameworks: random.below(12),
                policies: [
                    &[Kind::Service][..],
                    &[Kind::Ml],
                    &Kind::ALL,
                    &Kind::ALL[2..],
                ][random.below(4)]
                .to_vec(),
                seed,
                load: [0.0, 0.5, 1.0, 3.0, f64::NAN][random.below(5)],
                instances: random.one_in(2).then(|| random.below(5_000)),
                shapes: random.below(40),
                units: random.one_in(2).then(|| random.below(30)),
            });
            if let Err(faults) = crate::snapshot::resolve(&snapshot) {
                panic!("seed {seed}: {faults}");
            }
        }
    }
}
