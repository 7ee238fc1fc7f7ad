//! Agent classes and the rows of the certificate: what prices and duals stand for.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{ClassPrice, FairnessCertificate, RowDual};
use apportion_cluster::{DeviceIdx, IdleGuarantee, WHOLE_DEVICE};

use super::domains::CountedLimit;
use super::empty::EmptyCluster;
use super::report::Findings;
use super::rule::Rule;
use super::shares::Active;
use super::state::{State, known, known_agent, known_framework, known_resource, unique};
use super::tolerance::ROW_TOLERANCE;

/// Classes of agents, and what each task could hold on each.
pub(super) struct Market<'a> {
    pub state: &'a State<'a>,
    pub empty: &'a EmptyCluster<'a>,
    pub active: &'a [Active<'a>],
    /// Class of each agent; an agent in no class has a class of its own without a price.
    pub class_of: Vec<usize>,
    /// Names of the certificate's classes; those of agents without one follow, unnamed.
    names: BTreeMap<&'a str, usize>,
    pub n_classes: usize,
    /// By level and class: the domains that the class's agents lie in.
    domains: Vec<Vec<BTreeSet<usize>>>,
    /// Tasks with demand of active frameworks, with the position of the framework in `active`.
    pub tasks: Vec<(usize, usize)>,
    /// For each of `tasks`: the classes where it is eligible and the most it could hold there.
    pub fits: Vec<BTreeMap<usize, i128>>,
    /// For each of `tasks`: the `half` and `half_device` rows that count it, and how much of each one instance takes.
    pub halves: Vec<BTreeMap<Half, f64>>,
}

/// What a dual belongs to; tasks and frameworks by their position in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// All instances of a task.
    Demand(usize),
    /// Instances of a task on a class.
    Fit(usize, usize),
    /// Instances on a class of which no two are on one agent or device.
    Half(Half),
    /// Instances in all domains of a level in which a class has agents.
    Domain(Domain),
    /// What a subtree holds of a resource at most; by role and resource.
    Limit(usize, usize),
    /// What a subtree is sure to have of a resource; by role and resource.
    Hold(usize, usize),
    /// A framework's value is at least its floor.
    Floor(usize),
}

/// A row that counts, on the agents of a class, what cannot be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Half {
    pub class: usize,
    /// That of devices is their total.
    pub resource: usize,
    pub whole: Whole,
}

/// A row that counts, on the classes whose agents all lie in some domains, what a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Domain {
    pub counted: Counted,
    pub level: usize,
    /// The domains are those of this class's agents.
    pub class: usize,
}

/// What a limit counts: a task, by its position in the market, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Task(usize),
    Group(usize),
}

/// What cannot be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whole {
    /// An agent, by instances that take more than half of it.
    Agent,
    /// A device, by instances that take half of it or more.
    Device,
}

/// Prices and duals of one certificate, by position.
pub(super) struct Duals {
    /// By class and resource.
    pub prices: BTreeMap<(usize, usize), f64>,
    /// Value and right-hand side.
    pub rows: BTreeMap<Row, (f64, f64)>,
}

impl<'a> Market<'a> {
    /// Reads the classes, which partition the agents.
    pub(super) fn read(
        state: &'a State<'a>,
        empty: &'a EmptyCluster<'a>,
        active: &'a [Active<'a>],
        certificate: &'a FairnessCertificate,
        findings: &mut Findings,
    ) -> Self {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut class_of = vec![None; state.cluster.agents.len()];
        for class in &certificate.classes {
            let next = names.len();
            let at = *names.entry(&class.name).or_insert(next);
            let subject = || format!("class {}", class.name);
            unique(at == next, subject, findings);
            for agent in &class.agents {
                let Some(agent) = known_agent(&state.names, agent, "classes", findings) else {
                    continue;
                };
                findings.check(Rule::Classes, class_of[agent].is_none(), || {
                    let text = "the agent is in more than one class".to_owned();
                    (
                        state.agent_name(agent).to_owned(),
                        "one class",
                        "several",
                        text,
                    )
                });
                class_of[agent].get_or_insert(at);
            }
        }
        let mut n_classes = names.len();
        let class_of = class_of.into_iter().enumerate().map(|(agent, class)| {
            findings.check(Rule::Classes, class.is_some(), || {
                let text = "the agent is in no class".to_owned();
                (
                    state.agent_name(agent).to_owned(),
                    "one class",
                    "none",
                    text,
                )
            });
            class.unwrap_or_else(|| {
                n_classes += 1;
                n_classes - 1
            })
        });
        let class_of: Vec<usize> = class_of.collect();
        let mut market = Self {
            state,
            empty,
            active,
            class_of,
            names,
            n_classes,
            domains: Vec::new(),
            tasks: Vec::new(),
            fits: Vec::new(),
            halves: Vec::new(),
        };
        market.read_domains();
        market.read_tasks();
        market
    }

    fn read_domains(&mut self) {
        let cluster = self.state.cluster;
        self.domains = vec![vec![BTreeSet::new(); self.n_classes]; cluster.levels.len()];
        for (agent, &class) in cluster.agents.iter().zip(&self.class_of) {
            for (domains, domain) in self.domains.iter_mut().zip(&agent.domains) {
                domains[class].insert(domain.at());
            }
        }
    }

    fn read_tasks(&mut self) {
        for (position, active) in self.active.iter().enumerate() {
            let tasks = self.state.tasks_of(active.framework).into_iter();
            let wanted = tasks.filter(|&task| self.state.wanted(task) > 0);
            self.tasks.extend(wanted.map(|task| (task, position)));
        }
        // Looked up by task; the jobs of several frameworks interleave.
        self.tasks.sort_unstable();
        self.fits = self
            .tasks
            .iter()
            .map(|&(task, _)| self.fits_of(task))
            .collect();
        self.halves = self
            .tasks
            .iter()
            .map(|&(task, _)| self.halves_of(task))
            .collect();
    }

    /// The name of a class; the id of an agent that is in none.
    pub(super) fn class_name(&self, class: usize) -> &'a str {
        let named = self.names.iter().find(|(_, at)| **at == class);
        let unnamed = || self.class_of.iter().position(|&of| of == class);
        match named {
            Some((name, _)) => name,
            None => unnamed().map_or("", |agent| self.state.agent_name(agent)),
        }
    }

    /// Whether instances of the task may be on the agent in some allocation.
    fn usable(&self, task: usize, agent: usize) -> bool {
        self.empty.fit(task, agent) > 0 || self.state.running[task].contains_key(&agent)
    }

    fn fits_of(&self, task: usize) -> BTreeMap<usize, i128> {
        let mut fits: BTreeMap<usize, Vec<(usize, i128)>> = BTreeMap::new();
        for (agent, &class) in self.class_of.iter().enumerate() {
            if self.usable(task, agent) {
                let fit = (agent, self.empty.fit(task, agent));
                fits.entry(class).or_default().push(fit);
            }
        }
        let within = |(class, fits): (usize, Vec<_>)| (class, self.empty.fit_within(task, &fits));
        fits.into_iter().map(within).collect()
    }

    /// Room by class for the fractional share of a task, by its position in `tasks`.
    pub(super) fn rooms_of(&self, at: usize) -> BTreeMap<usize, f64> {
        let task = self.tasks[at].0;
        let mut rooms: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for (agent, &class) in self.class_of.iter().enumerate() {
            let room = (agent, self.empty.room(task, agent));
            rooms.entry(class).or_default().push(room);
        }
        let within =
            |(class, rooms): (usize, Vec<_>)| (class, self.empty.room_within(task, &rooms));
        rooms.into_iter().map(within).collect()
    }

    /// The rows of failure domains that count task `at` on `class`, of those that have a dual.
    pub(super) fn domains_on<'d>(
        &'d self,
        duals: &'d Duals,
        at: usize,
        class: usize,
    ) -> impl Iterator<Item = f64> + 'd {
        let groups = self.state.cluster.tasks[self.tasks[at].0].groups.iter();
        let groups = groups.map(|group| Counted::Group(group.at()));
        let counted = std::iter::once(Counted::Task(at)).chain(groups);
        let rows = counted.flat_map(|counted| {
            let end = |level: usize, class: usize| {
                Row::Domain(Domain {
                    counted,
                    level,
                    class,
                })
            };
            duals.rows.range(end(0, 0)..=end(usize::MAX, usize::MAX))
        });
        rows.filter_map(move |(row, (value, _))| match row {
            Row::Domain(it) if self.lies_in(class, it) => Some(*value),
            _ => None,
        })
    }

    /// Whether all agents of a class lie in the row's domains.
    pub(super) fn lies_in(&self, class: usize, row: &Domain) -> bool {
        let domains = &self.domains[row.level];
        domains[class].is_subset(&domains[row.class])
    }

    /// The first class in the same domains of a level as each; `None` if classes do not tell its domains apart: some two share
    /// some of them and not all.
    pub(super) fn domain_sets(&self, level: usize) -> Option<Vec<usize>> {
        let domains = &self.domains[level];
        let first = |own: &BTreeSet<usize>| domains.iter().position(|other| other == own);
        let firsts: Vec<usize> = domains.iter().filter_map(first).collect();
        let told = domains.iter().zip(&firsts).all(|(own, &set)| {
            let mut others = domains.iter().zip(&firsts);
            others.all(|(other, &of)| of == set || own.is_disjoint(other))
        });
        told.then_some(firsts)
    }

    /// The most in the domains that the agents of a class lie in.
    pub(super) fn most_in_domains(&self, limit: &CountedLimit<'_>, class: usize) -> i128 {
        let domains = self.domains[limit.rule.level.at()][class].iter();
        domains.map(|&domain| limit.most(domain)).sum()
    }

    /// The limits that state a row.
    fn limits_of(&self, row: Domain) -> impl Iterator<Item = &CountedLimit<'a>> {
        self.state.limits.iter().filter(move |limit| {
            let counts = match (row.counted, limit.rule.group) {
                (Counted::Task(at), None) => limit.tasks == [self.tasks[at].0],
                (Counted::Group(group), Some(of)) => of.at() == group,
                _ => false,
            };
            counts && limit.rule.level.at() == row.level
        })
    }

    fn halves_of(&self, task: usize) -> BTreeMap<Half, f64> {
        let mut halves = BTreeMap::new();
        let mut not = BTreeSet::new();
        for (agent, &class) in self.class_of.iter().enumerate() {
            if !self.usable(task, agent) {
                continue;
            }
            let capacity = &self.state.cluster.agents[agent].capacity.0;
            let amounts = self.state.demand(task).iter().zip(capacity).enumerate();
            for (resource, (&need, &has)) in amounts {
                let row = Half {
                    class,
                    resource,
                    whole: Whole::Agent,
                };
                if 2 * i128::from(need) > i128::from(has) && need > 0 {
                    halves.insert(row, 1.0);
                } else {
                    not.insert(row);
                }
            }
            // Two that take more than half of a device are never on one; two that take half fill it.
            for need in &self.state.cluster.tasks[task].devices {
                let part = match 2 * need.milli {
                    ..WHOLE_DEVICE => continue,
                    WHOLE_DEVICE => 0.5,
                    _ => 1.0,
                };
                let row = Half {
                    class,
                    resource: self.total_of(need.kind),
                    whole: Whole::Device,
                };
                halves.insert(row, part * need.count as f64);
            }
        }
        halves.retain(|row, _| !not.contains(row));
        halves
    }

    /// The `half` and `half_device` rows of a class that count task `at`, and how much of each one instance takes.
    pub(super) fn halves_on(&self, at: usize, class: usize) -> impl Iterator<Item = (Half, f64)> {
        let halves = self.halves[at].iter().map(|(&row, &count)| (row, count));
        halves.filter(move |(row, _)| row.class == class)
    }

    /// The resource that totals the devices of a kind.
    fn total_of(&self, kind: DeviceIdx) -> usize {
        let name = format!("{}_milli", self.state.cluster.devices[kind.at()]);
        self.state.names.resources[name.as_str()]
    }

    /// The agents of the row's class, or their devices, that could hold what the row counts.
    pub(super) fn most_of_half(&self, row: Half) -> i128 {
        let members = (0..self.class_of.len()).filter(|&agent| self.class_of[agent] == row.class);
        let tasks = self.tasks.iter().zip(&self.halves);
        let tasks = tasks.filter(|(_, halves)| halves.contains_key(&row));
        let tasks: Vec<usize> = tasks.map(|((task, _), _)| *task).collect();
        let usable = members.filter(|&agent| tasks.iter().any(|&task| self.usable(task, agent)));
        let places = usable.map(|agent| match row.whole {
            Whole::Agent => 1,
            Whole::Device => {
                let total = self.state.cluster.agents[agent].capacity.0[row.resource];
                i128::from(total / WHOLE_DEVICE)
            }
        });
        places.sum()
    }

    /// Total capacity of a class.
    pub(super) fn capacity(&self) -> Vec<Vec<i128>> {
        let mut capacity = vec![vec![0; self.state.cluster.resources.len()]; self.n_classes];
        for (agent, &class) in self.class_of.iter().enumerate() {
            let amounts = &self.state.cluster.agents[agent].capacity.0;
            for (sum, &amount) in capacity[class].iter_mut().zip(amounts) {
                *sum += i128::from(amount);
            }
        }
        capacity
    }

    pub(super) fn class(&self, name: &str, place: &str, findings: &mut Findings) -> Option<usize> {
        known(
            self.names.get(name).copied(),
            "class",
            name,
            place,
            findings,
        )
    }

    /// Reads prices and duals: names, signs, owners and right-hand sides.
    pub(super) fn duals(
        &self,
        prices: &[ClassPrice],
        duals: &[RowDual],
        place: &str,
        findings: &mut Findings,
    ) -> Duals {
        let mut read = Duals {
            prices: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        for it in prices {
            let class = self.class(&it.class, place, findings);
            let resource = known_resource(&self.state.names, &it.resource, place, findings);
            let subject = || format!("{place} {},{}", it.class, it.resource);
            not_negative(it.price, subject, findings);
            if let Some(class) = class {
                self.agents(class, it, subject, findings);
            }
            if let (Some(class), Some(resource)) = (class, resource) {
                let new = read.prices.insert((class, resource), it.price.max(0.0));
                unique(new.is_none(), subject, findings);
            }
        }
        for it in duals {
            let subject = || format!("{place} {}", it.row);
            not_negative(it.value, subject, findings);
            let row = self.row(&it.row);
            let known = known(row.map(|_| 0), "row", &it.row, place, findings);
            if let (Some(row), Some(_)) = (row, known) {
                self.owners(row, it, findings);
                self.right_hand_side(row, it, findings);
                let new = read.rows.insert(row, (it.value.max(0.0), it.rhs));
                unique(new.is_none(), subject, findings);
            }
        }
        read
    }

    /// Where a price names agents, they are those of its class.
    fn agents(
        &self,
        class: usize,
        price: &ClassPrice,
        subject: impl Fn() -> String,
        findings: &mut Findings,
    ) {
        let of_class = |agent: &usize| self.class_of[*agent] == class;
        let own = (0..self.class_of.len()).filter(of_class);
        let own: BTreeSet<&str> = own.map(|agent| self.state.agent_name(agent)).collect();
        let named: BTreeSet<&str> = price.agents.iter().map(String::as_str).collect();
        findings.check(Rule::Classes, named.is_empty() || named == own, || {
            let text = "the agents that the price names are not those of its class".to_owned();
            (subject(), own.len() as i128, named.len() as i128, text)
        });
    }

    /// The row of a name.
    fn row(&self, name: &str) -> Option<Row> {
        let (kind, inner) = name.strip_suffix(']')?.split_once('[')?;
        match kind {
            "demand" => Some(Row::Demand(self.task_called(inner)?)),
            "fit" => {
                let (task, class) = inner.rsplit_once(',')?;
                Some(Row::Fit(self.task_called(task)?, *self.names.get(class)?))
            }
            "domain" => {
                let (inner, class) = inner.rsplit_once(',')?;
                let class = *self.names.get(class)?;
                let levels = self.state.cluster.levels.iter().enumerate();
                let mut rows = levels.filter_map(|(level, it)| {
                    let name = inner.strip_suffix(&it.name)?.strip_suffix(',')?;
                    let row = Domain {
                        counted: self.counted(name)?,
                        level,
                        class,
                    };
                    self.limits_of(row).next().map(|_| Row::Domain(row))
                });
                rows.next()
            }
            "half" | "half_device" => {
                let (class, resource) = inner.rsplit_once(',')?;
                let resource = *self.state.names.resources.get(resource)?;
                let class = *self.names.get(class)?;
                Some(Row::Half(Half {
                    class,
                    resource,
                    whole: match kind {
                        "half" => Whole::Agent,
                        _ => Whole::Device,
                    },
                }))
            }
            "limit" | "guarantee" => {
                let (path, resource) = inner.rsplit_once(',')?;
                let mut roles = self.state.cluster.roles.iter();
                let role = roles.position(|role| role.path == path)?;
                let resource = *self.state.names.resources.get(resource)?;
                let is_stated = match kind {
                    "limit" => self.empty.roles.limits[role][resource].is_some(),
                    _ => self.guarantee(role, resource).is_some(),
                };
                is_stated.then_some(match kind {
                    "limit" => Row::Limit(role, resource),
                    _ => Row::Hold(role, resource),
                })
            }
            "floor" => {
                let framework = self.state.names.frameworks.get(inner)?;
                let position = self.active.iter().position(|it| it.framework == *framework);
                Some(Row::Floor(position?))
            }
            _ => None,
        }
    }

    /// What a role is sure to have of a resource, if it is held.
    fn guarantee(&self, role: usize, resource: usize) -> Option<i64> {
        let it = &self.state.cluster.roles[role];
        let name = &self.state.cluster.resources[resource];
        let mut entries = self.state.plan.guarantees.iter();
        let entry = entries.find(|entry| entry.role == it.path)?;
        let held = it.idle_guarantee == IdleGuarantee::Hold;
        entry.amounts.get(name).copied().filter(|_| held)
    }

    /// The active frameworks below a role, by position.
    fn below(&self, role: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.active.len()).filter(move |&position| {
            let framework = self.active[position].framework;
            self.empty.roles.above(framework).contains(&role)
        })
    }

    fn counted(&self, name: &str) -> Option<Counted> {
        let group = name.strip_prefix("group:").and_then(|name| {
            let mut groups = self.state.cluster.groups.iter();
            groups.position(|group| group == name)
        });
        match group {
            Some(group) => Some(Counted::Group(group)),
            None => self.task_called(name).map(Counted::Task),
        }
    }

    fn task_called(&self, name: &str) -> Option<usize> {
        let [task] = self.state.names.tasks_called(name) else {
            return None;
        };
        self.tasks
            .binary_search_by_key(task, |(task, _)| *task)
            .ok()
    }

    /// The frameworks that a row binds.
    pub(super) fn owners_of(&self, row: Row) -> BTreeSet<usize> {
        match row {
            Row::Demand(task) | Row::Fit(task, _) => BTreeSet::from([self.tasks[task].1]),
            Row::Domain(Domain { counted, .. }) => {
                let tasks = self.tasks.iter().enumerate();
                let counts = |&(at, &(task, _)): &(usize, &(usize, usize))| match counted {
                    Counted::Task(only) => only == at,
                    Counted::Group(group) => {
                        let mut groups = self.state.cluster.tasks[task].groups.iter();
                        groups.any(|it| it.at() == group)
                    }
                };
                tasks
                    .filter(counts)
                    .map(|(_, &(_, active))| active)
                    .collect()
            }
            Row::Floor(active) => BTreeSet::from([active]),
            Row::Hold(role, _) => self.below(role).collect(),
            // Who needs nothing of the resource is not bound.
            Row::Limit(role, resource) => {
                let needs = |position: &usize| {
                    let mut tasks = self.tasks.iter().zip(&self.fits);
                    tasks.any(|(&(task, owner), fits)| {
                        owner == *position
                            && !fits.is_empty()
                            && self.state.demand(task)[resource] > 0
                    })
                };
                self.below(role).filter(needs).collect()
            }
            Row::Half(row) => {
                let tasks = self.tasks.iter().zip(&self.halves);
                let counted = tasks.filter(|(_, halves)| halves.contains_key(&row));
                counted.map(|((_, active), _)| *active).collect()
            }
        }
    }

    /// A row is owned by the frameworks that it binds, all of them.
    fn owners(&self, row: Row, dual: &RowDual, findings: &mut Findings) {
        for owner in &dual.owners {
            known_framework(&self.state.names, owner, "owners", findings);
        }
        let owners: BTreeSet<&str> = dual.owners.iter().map(String::as_str).collect();
        let binds = self.owners_of(row).into_iter();
        let binds: BTreeSet<&str> = binds.map(|it| self.active_name(it)).collect();
        findings.check(Rule::Rows, owners == binds, || {
            let names = |of: &BTreeSet<&str>| of.iter().copied().collect::<Vec<_>>().join(", ");
            let text = "the row's owners are not the frameworks that it binds".to_owned();
            (dual.row.clone(), names(&binds), names(&owners), text)
        });
    }

    pub(super) fn active_name(&self, position: usize) -> &'a str {
        let framework = self.active[position].framework;
        &self.state.cluster.frameworks[framework].id
    }

    /// No feasible allocation goes beyond the right-hand side. (Floors are judged with their witness.)
    fn right_hand_side(&self, row: Row, dual: &RowDual, findings: &mut Findings) {
        let least = match row {
            Row::Demand(task) => self.empty.most(self.tasks[task].0),
            Row::Fit(task, class) => self.fits[task].get(&class).copied().unwrap_or_default(),
            Row::Half(row) => self.most_of_half(row),
            Row::Domain(row) => {
                let most = self
                    .limits_of(row)
                    .map(|limit| self.most_in_domains(limit, row.class));
                most.min().unwrap_or_default()
            }
            Row::Limit(role, resource) => {
                self.empty.roles.limits[role][resource].unwrap_or_default()
            }
            Row::Hold(role, resource) => {
                // What is sure binds from the other side: no more may be asked than the plan holds.
                let most = self.guarantee(role, resource).unwrap_or_default() as f64;
                let holds = dual.rhs <= most + ROW_TOLERANCE * most.max(1.0);
                findings.check(Rule::Rows, holds, || {
                    let text = "the guarantee's row asks for more than is held".to_owned();
                    (dual.row.clone(), most, dual.rhs, text)
                });
                return;
            }
            Row::Floor(_) => return,
        };
        let least = least as f64;
        let holds = dual.rhs >= least - ROW_TOLERANCE * least.max(1.0);
        findings.check(Rule::Rows, holds, || {
            let text = "feasible allocations go beyond the right-hand side".to_owned();
            (dual.row.clone(), least, dual.rhs, text)
        });
    }
}

fn not_negative(number: f64, subject: impl Fn() -> String, findings: &mut Findings) {
    findings.check(Rule::Duals, number >= 0.0, || {
        (
            subject(),
            0.0,
            number,
            "a price or dual is negative".to_owned(),
        )
    });
}
