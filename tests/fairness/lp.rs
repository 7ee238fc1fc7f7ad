//! The market of a plan as linear programs, read from the snapshot and the certificate alone.

use std::collections::BTreeMap;

use super::counts::Counts;
use apportion_cluster::plan::{FairnessCertificate, GuaranteeResult, PlanFile, RowDual, Share};
use apportion_cluster::{Agent, Cluster, Fairness, FrameworkIdx, GroupIdx, Task};
use apportion_models::{ColumnKind, Limits, Milp, Sense, default_solver};

/// Relative: what two solvers may differ by.
const SLACK: f64 = 1e-5;

/// Terms of rows, by agent or role and by resource.
type Terms = BTreeMap<(usize, usize), Vec<(usize, f64)>>;

/// The most and the terms of rows by group, or else by first column, and by level and domain.
type Domains = BTreeMap<(Option<GroupIdx>, usize, usize, usize), (i64, Vec<(usize, f64)>)>;

/// A framework with a share.
struct Player<'a> {
    id: &'a str,
    framework: usize,
    share: &'a Share,
}

pub struct Market<'a> {
    cluster: &'a Cluster,
    plan: &'a PlanFile,
    certificate: &'a FairnessCertificate,
    players: Vec<Player<'a>>,
}

/// A part of the cluster for some players: amounts by agent and resource, and the parts of limits and of agents that may
/// hold large tasks.
struct Part {
    players: Vec<usize>,
    amounts: Vec<Vec<f64>>,
    /// Whether it is all of the cluster for everybody; else rows that some own are shared by their weight.
    is_whole: bool,
    /// The part of agents that may hold large tasks, where it is another.
    of_large: Option<f64>,
}

/// Devices that an instance has to itself, but for others of less than half a device; half of one of which it takes half.
fn of_devices(task: &Task) -> f64 {
    let needs = task.devices.iter();
    let devices = needs.map(|need| match need.milli {
        501.. => need.count as f64,
        500 => need.count as f64 / 2.0,
        _ => 0.0,
    });
    devices.sum()
}

impl<'a> Market<'a> {
    pub fn of(cluster: &'a Cluster, plan: &'a PlanFile) -> Self {
        let players = plan.frameworks.iter().filter_map(|result| {
            let share = result.share.as_ref()?;
            let framework = cluster
                .frameworks
                .iter()
                .position(|it| it.id == result.id)?;
            Some(Player {
                id: &result.id,
                framework,
                share,
            })
        });
        Self {
            cluster,
            plan,
            certificate: plan.fairness.as_ref().unwrap(),
            players: players.collect(),
        }
    }

    fn tasks(&self, player: usize) -> Vec<&'a Task> {
        let framework = FrameworkIdx::of(self.players[player].framework);
        let tasks = self.cluster.task_indices();
        let own = tasks.filter(|&task| self.cluster.framework_of(task) == framework);
        own.map(|task| self.cluster.task(task)).collect()
    }

    fn path(&self, player: usize) -> &str {
        let role = self.cluster.frameworks[self.players[player].framework].role;
        &self.cluster.roles[role.at()].path
    }

    fn below(&self, player: usize, role: &str) -> bool {
        let path = self.path(player);
        path == role || path.starts_with(&format!("{role}/"))
    }

    fn whole(&self, part: f64) -> Part {
        let agents = self.cluster.agents.iter();
        let amounts = agents.map(|it| it.capacity.0.iter().map(|&it| part * it as f64).collect());
        Part {
            players: (0..self.players.len()).collect(),
            amounts: amounts.collect(),
            is_whole: true,
            of_large: None,
        }
    }

    /// Whether the task's rules and size let it on an agent.
    fn fits(&self, player: usize, task: &Task, agent: &Agent) -> bool {
        let allowed = task.attributes.iter().all(|rule| {
            let value = agent.attributes.get(&rule.key);
            value.is_some_and(|value| rule.any_of.contains(value))
        });
        let devices = task.devices.iter();
        let enough = { devices }.all(|need| agent.devices[0].count >= need.count);
        allowed
            && enough
            && task.demand.copies_in(&agent.capacity) > 0
            && !self.shut_by_limit(player, task)
    }

    /// The feasible set: columns by player, task and agent; each has the player and the value. `gain` weighs players. With
    /// `held`, what roles are promised is used by them or kept free.
    fn program(
        &self,
        part: &Part,
        gain: &BTreeMap<usize, f64>,
        held: bool,
    ) -> (Milp, Vec<(usize, usize, f64)>) {
        let cluster = self.cluster;
        let mut model = Milp::new("fairness", Sense::Maximize);
        let mut columns = Vec::new();
        let mut capacity: Terms = BTreeMap::new();
        let mut large: Terms = BTreeMap::new();
        let mut devices: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        let mut limits: Terms = BTreeMap::new();
        let mut usage: Terms = BTreeMap::new();
        let mut domains: Domains = BTreeMap::new();
        for &player in &part.players {
            for task in self.tasks(player) {
                let mut all = Vec::new();
                for (agent, it) in cluster.agents.iter().enumerate() {
                    if !self.fits(player, task, it) {
                        continue;
                    }
                    let copies = task.demand.copies_in(&it.capacity);
                    // Where only one instance fits, not more than one; else as much as there is room for on the agent,
                    // however large the part is.
                    let rooms = task.demand.0.iter().zip(&it.capacity.0);
                    let rooms = rooms.filter(|(need, _)| **need > 0);
                    let room = rooms
                        .map(|(&need, &has)| has as f64 / need as f64)
                        .fold(task.instances as f64, f64::min);
                    let most = if copies == 1 { 1.0 } else { room };
                    let cost = gain.get(&player).copied().unwrap_or(0.0) * task.value as f64;
                    let column = model.add_column("x", 0.0, most, ColumnKind::Continuous, cost);
                    columns.push((column, player, task.value as f64));
                    all.push((column, 1.0));
                    for ((of, level), max) in self.limits_on(player, task) {
                        // A task is told apart from others by its first column.
                        let alone = if of.is_none() { all[0].0 } else { 0 };
                        let key = (of, alone, level, it.domains[level].at());
                        let row = domains.entry(key).or_insert((max, Vec::new()));
                        row.1.push((column, 1.0));
                    }
                    if of_devices(task) > 0.0 {
                        let entry = (column, of_devices(task));
                        devices.entry(agent).or_default().push(entry);
                    }
                    for (resource, &need) in task.demand.0.iter().enumerate().filter(|it| *it.1 > 0)
                    {
                        let entry = (column, need as f64);
                        capacity.entry((agent, resource)).or_default().push(entry);
                        if 2 * need > it.capacity.0[resource] {
                            large
                                .entry((agent, resource))
                                .or_default()
                                .push((column, 1.0));
                        }
                        for (role, limited) in cluster.roles.iter().enumerate() {
                            if self.below(player, &limited.path) {
                                usage.entry((role, resource)).or_default().push(entry);
                            }
                            if limited.limit[resource].is_some()
                                && self.below(player, &limited.path)
                            {
                                limits.entry((role, resource)).or_default().push(entry);
                            }
                        }
                    }
                }
                model.add_row("demand", 0.0, task.instances as f64, all);
            }
        }
        for (max, terms) in domains.into_values() {
            model.add_row("domain", 0.0, max as f64, terms);
        }
        if held {
            self.hold(&mut model, &mut capacity, &mut usage);
        }
        for ((agent, resource), terms) in capacity {
            model.add_row("capacity", 0.0, part.amounts[agent][resource], terms);
        }
        for ((agent, resource), terms) in large {
            let it = &cluster.agents[agent];
            let owns = |player: usize| {
                self.tasks(player).iter().any(|task| {
                    2 * task.demand.0[resource] > it.capacity.0[resource]
                        && self.fits(player, task, it)
                })
            };
            let most = part.of_large.unwrap_or_else(|| self.part_of(part, owns));
            model.add_row("large", 0.0, most, terms);
        }
        for (agent, terms) in devices {
            let it = &cluster.agents[agent];
            let owns = |player: usize| {
                let mut tasks = self.tasks(player).into_iter();
                tasks.any(|task| of_devices(task) > 0.0 && self.fits(player, task, it))
            };
            let most = part.of_large.unwrap_or_else(|| self.part_of(part, owns));
            model.add_row("devices", 0.0, most * it.devices[0].count as f64, terms);
        }
        for ((role, resource), terms) in limits {
            let limit = cluster.roles[role].limit[resource].unwrap() as f64;
            let owns = |player: usize| {
                let mut tasks = self.tasks(player).into_iter();
                self.below(player, &cluster.roles[role].path)
                    && tasks.any(|task| task.demand.0[resource] > 0)
            };
            let part = self.part_of(part, owns);
            model.add_row("limit", 0.0, limit * part, terms);
        }
        (model, columns)
    }

    /// The part of a row that some players own which is a part's: by the owners' weight.
    fn part_of(&self, part: &Part, owns: impl Fn(usize) -> bool) -> f64 {
        if part.is_whole {
            return 1.0;
        }
        let owners = (0..self.players.len()).filter(|&player| owns(player));
        let weight = |player: usize| self.players[player].share.weight;
        let all: f64 = owners.clone().map(weight).sum();
        let mine: f64 = owners
            .filter(|player| part.players.contains(player))
            .map(weight)
            .sum();
        mine / all
    }

    /// Limits per failure domain that count a task, once each: the group, the level, the least that is stated.
    fn limits_on(&self, player: usize, task: &Task) -> BTreeMap<(Option<GroupIdx>, usize), i64> {
        let tasks = self.tasks(player).into_iter();
        let rules = tasks.flat_map(|other| {
            let own = std::ptr::eq(other, task);
            let limits = other.limits.iter();
            limits.filter(move |rule| match rule.group {
                Some(group) => task.groups.contains(&group),
                None => own,
            })
        });
        let mut least = BTreeMap::new();
        for rule in rules {
            let known = least
                .entry((rule.group, rule.level.at()))
                .or_insert(rule.max);
            *known = rule.max.min(*known);
        }
        least
    }

    fn shut_by_limit(&self, player: usize, task: &Task) -> bool {
        self.cluster.roles.iter().any(|role| {
            let mut limits = role.limit.iter().zip(&task.demand.0);
            self.below(player, &role.path)
                && limits.any(|(limit, &need)| need > 0 && limit.is_some_and(|limit| limit < need))
        })
    }

    fn best(model: &Milp) -> f64 {
        let outcome = default_solver().solve(model, &Limits::default()).unwrap();
        outcome.objective.unwrap_or_else(|| panic!("{outcome:?}"))
    }

    /// The value of a player's smallest task or gang, of those that fit somewhere.
    fn unit(&self, player: usize) -> f64 {
        let tasks = self.tasks(player).into_iter();
        let usable = tasks.filter(|task| {
            let mut agents = self.cluster.agents.iter();
            agents.any(|agent| self.fits(player, task, agent))
        });
        let values = usable.map(|task| {
            let gang = self.cluster.job(task.job).gang_min.unwrap_or(1);
            task.value * gang.clamp(1, task.instances)
        });
        values.min().unwrap() as f64
    }

    /// What the published prices are about: what a player holds; with one unit more where somebody holds nothing.
    fn standing(&self, player: usize) -> f64 {
        let more = match self.certificate.epsilon {
            Some(_) => 0.0,
            None => self.unit(player),
        };
        self.players[player].share.utility + more
    }

    /// No allocation, with everybody above its floor, has a weighted average relative gain above epsilon.
    pub fn efficiency(&self, counts: &mut Counts) {
        if self.players.is_empty() {
            return;
        }
        let floors = self.certificate.rule != "drf";
        let starved = self
            .players
            .iter()
            .any(|player| player.share.utility == 0.0);
        assert_eq!(
            self.certificate.epsilon.is_none(),
            starved,
            "{}",
            self.text()
        );
        let mut gain = |name: &str, epsilon: f64, utility: &dyn Fn(usize) -> f64| {
            self.gain(name, epsilon, floors, utility);
            counts.count(name);
        };
        if let Some(epsilon) = self.certificate.epsilon {
            gain("epsilon", epsilon, &|at| self.players[at].share.utility);
        }
        let one_more = |at: usize| self.players[at].share.utility + self.unit(at);
        let one_unit = self.certificate.epsilon_one_unit.unwrap();
        gain("epsilon_one_unit", one_unit, &one_more);
        let fractional = self.certificate.epsilon_fractional;
        gain("epsilon_fractional", fractional, &|at| {
            self.players[at].share.deserved
        });
    }

    fn gain(&self, name: &str, epsilon: f64, floors: bool, utility: &dyn Fn(usize) -> f64) {
        let gain = self.players.iter().enumerate();
        let gain: BTreeMap<usize, f64> = gain
            .map(|(at, player)| (at, player.share.weight / utility(at)))
            .collect();
        let (mut model, columns) = self.program(&self.whole(1.0), &gain, true);
        for (at, player) in self.players.iter().enumerate().filter(|_| floors) {
            let own = columns.iter().filter(|(_, of, _)| *of == at);
            let terms: Vec<(usize, f64)> = own.map(|&(column, _, value)| (column, value)).collect();
            let floor = player.share.floor * (1.0 - 1e-7);
            model.add_row("floor", floor, f64::INFINITY, terms);
        }
        let best = Self::best(&model);
        assert!(
            best <= (1.0 + epsilon) * (1.0 + SLACK),
            "{name} {epsilon}: a gain of {best}\n{}",
            self.text()
        );
        // The shares are above the floors themselves: a gain of less than nothing would be no bound on them.
        assert!(
            name != "epsilon_fractional" || epsilon > -SLACK,
            "{name} {epsilon}"
        );
    }

    /// Fractional shares can be had all together, agent by agent, with what is held beside them. (They do not count devices.)
    pub fn reachable(&self, counts: &mut Counts) {
        if self.players.is_empty() || !self.cluster.devices.is_empty() {
            return;
        }
        let (mut model, columns) = self.program(&self.whole(1.0), &BTreeMap::new(), true);
        let t = model.add_column("t", 0.0, f64::INFINITY, ColumnKind::Continuous, 1.0);
        for (at, player) in self.players.iter().enumerate() {
            let own = columns.iter().filter(|(_, of, _)| *of == at);
            let mut terms: Vec<(usize, f64)> =
                own.map(|&(column, _, value)| (column, value)).collect();
            terms.push((t, -player.share.deserved));
            model.add_row("share", 0.0, f64::INFINITY, terms);
        }
        let part = Self::best(&model);
        assert!(part >= 1.0 - SLACK, "{part} of the shares\n{}", self.text());
        counts.count("shares can be had");
    }

    /// What is held takes room where something of the role fits, or anywhere if it has nothing; it counts for the role and
    /// those above it.
    fn hold(&self, model: &mut Milp, capacity: &mut Terms, usage: &mut Terms) {
        let cluster = self.cluster;
        let role_of = |path: &str| cluster.roles.iter().position(|role| role.path == path);
        let entries = self
            .plan
            .guarantees
            .iter()
            .filter(|entry| entry.idle == "hold");
        let entries: Vec<(usize, &GuaranteeResult)> = entries
            .map(|entry| (role_of(&entry.role).unwrap(), entry))
            .collect();
        for (_, entry) in &entries {
            let tasks = (0..cluster.frameworks.len()).flat_map(|framework| {
                let own = &cluster.roles[cluster.frameworks[framework].role.at()].path;
                let below = *own == entry.role || own.starts_with(&format!("{}/", entry.role));
                let tasks = cluster
                    .task_indices()
                    .filter(move |&task| below && cluster.framework_of(task).at() == framework);
                tasks.map(|task| cluster.task(task)).collect::<Vec<_>>()
            });
            let tasks: Vec<&Task> = tasks.collect();
            for name in entry.amounts.keys() {
                let resource = cluster.resources.iter().position(|it| it == name).unwrap();
                for (agent, it) in cluster.agents.iter().enumerate() {
                    let usable = tasks.is_empty()
                        || tasks.iter().any(|task| {
                            task.demand.fits_in(&it.capacity)
                                && task.attributes.iter().all(|rule| {
                                    let value = it.attributes.get(&rule.key);
                                    value.is_some_and(|value| rule.any_of.contains(value))
                                })
                        });
                    if !usable {
                        continue;
                    }
                    let free = f64::INFINITY;
                    let column = model.add_column("held", 0.0, free, ColumnKind::Continuous, 0.0);
                    capacity
                        .entry((agent, resource))
                        .or_default()
                        .push((column, 1.0));
                    for (role, other) in cluster.roles.iter().enumerate() {
                        let above = entry.role == other.path
                            || entry.role.starts_with(&format!("{}/", other.path));
                        if above {
                            usage
                                .entry((role, resource))
                                .or_default()
                                .push((column, 1.0));
                        }
                    }
                }
            }
        }
        for (role, entry) in entries {
            for (name, &amount) in &entry.amounts {
                let resource = cluster.resources.iter().position(|it| it == name).unwrap();
                let terms = usage.get(&(role, resource)).cloned().unwrap_or_default();
                model.add_row(
                    "guarantee",
                    amount as f64 * (1.0 - 1e-9),
                    f64::INFINITY,
                    terms,
                );
            }
        }
    }

    fn money(&self) -> f64 {
        let prices = self.certificate.prices.iter();
        prices
            .map(|it| {
                let resource = self
                    .cluster
                    .resources
                    .iter()
                    .position(|name| *name == it.resource);
                let class = self
                    .certificate
                    .classes
                    .iter()
                    .find(|class| class.name == it.class);
                let agents = &class.unwrap().agents;
                let amounts = self
                    .cluster
                    .agents
                    .iter()
                    .filter(|agent| agents.contains(&agent.id));
                let total: i64 = amounts
                    .map(|agent| agent.capacity.0[resource.unwrap()])
                    .sum();
                it.price * total as f64
            })
            .sum()
    }

    /// `si_p <= u_p (B + rent_p)`.
    pub fn sharing_incentive(&self, counts: &mut Counts) {
        let money = self.money();
        for (at, player) in self.players.iter().enumerate() {
            let mut part = self.whole(player.share.weight);
            part.players = vec![at];
            part.is_whole = false;
            let (model, _) = self.program(&part, &BTreeMap::from([(at, 1.0)]), false);
            let alone = Self::best(&model);
            let bound = self.standing(at) * (money + player.share.rent);
            assert!(
                alone <= bound * (1.0 + SLACK) + SLACK,
                "sharing incentive of {}: {alone} > {bound}\n{}",
                player.id,
                self.text()
            );
            counts.count("sharing incentive");
        }
    }

    /// The value of another's bundle, scaled to the weights, is within the published bound.
    pub fn envy(&self, counts: &mut Counts) {
        for entry in &self.certificate.envy {
            let position = |id: &str| self.players.iter().position(|it| it.id == id).unwrap();
            let (p, q) = (position(&entry.framework), position(&entry.other));
            let ratio = self.players[p].share.weight / self.players[q].share.weight;
            let mut amounts =
                vec![vec![0.0; self.cluster.resources.len()]; self.cluster.agents.len()];
            for placed in &self.plan.placements {
                let tasks = self.tasks(q).into_iter();
                let mut of = tasks.filter(|task| {
                    self.cluster.job(task.job).id == placed.job && task.id == placed.task
                });
                let Some(task) = of.next() else { continue };
                let agents = &self.cluster.agents;
                let agent = agents.iter().position(|it| it.id == placed.agent).unwrap();
                for (amount, &need) in amounts[agent].iter_mut().zip(&task.demand.0) {
                    *amount += ratio * need as f64 * placed.instances as f64;
                }
            }
            let part = Part {
                players: vec![p],
                amounts,
                is_whole: false,
                of_large: None,
            };
            let (model, _) = self.program(&part, &BTreeMap::from([(p, 1.0)]), false);
            let worth = Self::best(&model);
            let bound = self.standing(p) * (entry.priced_bundle + self.players[p].share.rent);
            assert!(
                (entry.bound - bound).abs() <= SLACK * (1.0 + bound),
                "{entry:?} {bound}"
            );
            assert!(
                worth <= entry.bound * (1.0 + SLACK) + SLACK,
                "envy of {} for {}: {worth} > {}\n{}",
                entry.framework,
                entry.other,
                entry.bound,
                self.text()
            );
            counts.count("envy");
        }
    }

    /// For each coalition, what all of it could gain with its part of the cluster.
    pub fn core(&self, counts: &mut Counts) {
        if self.players.is_empty() {
            return;
        }
        let money = self.money();
        for set in 1..1_usize << self.players.len() {
            let coalition: Vec<usize> = (0..self.players.len())
                .filter(|at| set >> at & 1 == 1)
                .collect();
            let weight: f64 = coalition
                .iter()
                .map(|&at| self.players[at].share.weight)
                .sum();
            let mut part = self.whole(weight);
            part.players.clone_from(&coalition);
            part.is_whole = false;
            let (mut model, columns) = self.program(&part, &BTreeMap::new(), false);
            let t = model.add_column("t", 0.0, f64::INFINITY, ColumnKind::Continuous, 1.0);
            for &at in &coalition {
                let own = columns.iter().filter(|(_, of, _)| *of == at);
                let mut terms: Vec<(usize, f64)> =
                    own.map(|&(column, _, value)| (column, value)).collect();
                terms.push((t, -self.standing(at)));
                model.add_row("gain", 0.0, f64::INFINITY, terms);
            }
            let best = Self::best(&model);
            let rents = coalition.iter().map(|&at| {
                let share = self.players[at].share;
                share.weight * share.rent
            });
            let bound = money + rents.sum::<f64>() / weight;
            assert!(
                best <= bound * (1.0 + SLACK) + SLACK,
                "core, coalition {coalition:?}: {best} > {bound}\n{}",
                self.text()
            );
            counts.count("core");
        }
    }

    /// Fractional shares are above the floors; where nothing is guaranteed, floors are at least what each could place in its
    /// fraction of the cluster.
    pub fn floors(&self, rule: Fairness, counts: &mut Counts) {
        let promised = self
            .cluster
            .roles
            .iter()
            .any(|role| !role.guarantee.is_zero());
        for (at, player) in self.players.iter().enumerate() {
            let share = player.share;
            if rule != Fairness::Drf {
                assert!(
                    share.deserved >= share.floor * (1.0 - SLACK),
                    "{}: {share:?}",
                    player.id
                );
                counts.count("above the floor");
            }
            if !promised {
                let mut part = self.whole(share.weight);
                part.players = vec![at];
                part.is_whole = false;
                part.of_large = Some(share.weight);
                let (model, _) = self.program(&part, &BTreeMap::from([(at, 1.0)]), false);
                let alone = Self::best(&model);
                // Classes are relaxations of their agents: the floor may be more, not less.
                assert!(
                    share.floor >= alone * (1.0 - SLACK) - SLACK,
                    "{}: alone {alone}, floor {}\n{}",
                    player.id,
                    share.floor,
                    self.text()
                );
                counts.count("floor of what it places alone");
            }
        }
    }

    fn text(&self) -> String {
        let duals: Vec<&RowDual> = self.certificate.duals.iter().collect();
        format!(
            "{}\n{duals:?}\n{:?}\n{}",
            serde_json::to_string(&self.plan.frameworks).unwrap(),
            self.certificate.prices,
            serde_json::to_string(&self.cluster).unwrap()
        )
    }
}
