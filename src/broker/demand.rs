//! What bidding tasks could use: how much fits where, and the most of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{
    AgentIdx, Cluster, DomainIdx, GroupIdx, LevelIdx, LimitRule, Quantities, TaskIdx,
};
use apportion_policies::{Bid, BidClass};

use super::classes::Census;
use super::domains::{Cap, Counted, Domains, Special};

/// How much of one demand vector fits on agents of each kind, under one set of rules.
///
/// Shares are fractional, so an agent's *room* is the fraction `min_r C_r / d_r`. Rounding down is left to the integer
/// plan, but for the case that no sharing of the agent can mend: where only one instance fits, the room is 1.
#[derive(Debug)]
pub(super) struct Shape {
    /// Whole instances by kind; 0 where the rules forbid it.
    pub copies: Vec<i64>,
    /// Room by kind.
    rooms: Vec<f64>,
    /// By class that admits some: room on an agent, and how many agents.
    pub classes: Vec<(usize, Vec<(f64, f64)>)>,
}

/// A task's instances on an agent where it could not be placed anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stray {
    pub agent: AgentIdx,
    /// How many of them fit on the agent by size.
    pub fit: f64,
}

/// A bidding task.
#[derive(Debug)]
pub(super) struct Wanted {
    pub task: TaskIdx,
    /// Instances wanted, running ones included.
    pub instances: i64,
    /// Room for it on the empty cluster within its limits, at most what is wanted and at least what runs.
    pub most: f64,
    /// The same in whole instances.
    pub whole: f64,
    pub strays: Vec<Stray>,
    /// By class, ascending: the most there within its limits, where that is less than what fits.
    within: Vec<(usize, f64)>,
    /// Its limits, where classes tell domains apart.
    pub caps: Vec<Cap>,
    /// Whether an instance of it runs.
    pub runs: bool,
    pub shape: Arc<Shape>,
}

impl Wanted {
    /// Whether some agent holds an instance of it; what runs may be larger than its agent.
    pub fn fits_somewhere(&self) -> bool {
        !self.shape.classes.is_empty() || self.strays.iter().any(|stray| stray.fit > 0.0)
    }

    /// Room for the task on agents of a class, each agent taken alone, within the task's limits.
    pub fn fit(&self, class: usize, census: &Census) -> f64 {
        let room = self.room(class, census);
        match self.within.binary_search_by_key(&class, |entry| entry.0) {
            Ok(at) => room.min(self.within[at].1),
            Err(_) => room,
        }
    }

    /// Whether limits say anything beside what is wanted of it.
    pub fn has_limits(&self) -> bool {
        !self.within.is_empty() || !self.caps.is_empty()
    }

    /// Whether what fits in some set of domains, and is wanted, could be more than a limit lets in.
    fn can_reach(&self, cap: &Cap, census: &Census) -> bool {
        let classes = self.shape.classes.iter().map(|entry| entry.0);
        let strays = self.strays.iter();
        let strays = strays.map(|stray| census.class_of(stray.agent));
        let classes: BTreeSet<usize> = classes.chain(strays).collect();
        let mut fits = vec![0.0; cap.most.len()];
        for class in classes {
            fits[cap.sets.of_class[class]] += self.fit(class, census);
        }
        let mut pairs = fits.into_iter().zip(&cap.most);
        pairs.any(|(fit, &most)| fit.min(self.most) > most)
    }

    /// Whether it is its limits, and not the room on agents, that say what fits on a class.
    pub fn is_limited(&self, class: usize) -> bool {
        let within = self.within.binary_search_by_key(&class, |entry| entry.0);
        within.is_ok()
    }

    /// The same, its limits aside.
    pub fn room(&self, class: usize, census: &Census) -> f64 {
        let wanted = self.instances as f64;
        let open = match self
            .shape
            .classes
            .binary_search_by_key(&class, |entry| entry.0)
        {
            Ok(at) => self.shape.classes[at]
                .1
                .iter()
                .map(|&(room, agents)| agents * room.min(wanted))
                .sum(),
            Err(_) => 0.0,
        };
        let strays = self
            .strays
            .iter()
            .filter(|stray| census.class_of(stray.agent) == class);
        open + strays.map(|stray| stray.fit).sum::<f64>()
    }
}

/// A framework's bid, with what it could use of it.
pub(super) type Bidding = Vec<(BidClass, Wanted)>;

/// What every framework could use; what it does not want is left out.
pub(super) fn wanted(bids: &[Bid], demands: &mut Demands<'_>) -> Vec<Bidding> {
    let of_bid = |bid: &Bid| {
        let classes = bid.classes.iter();
        let classes = classes.filter(|class| class.instances > 0 && class.value > 0);
        classes
            .map(|class| (*class, demands.wanted(class)))
            .collect()
    };
    bids.iter().map(of_bid).collect()
}

/// Looks up what fits, and remembers it by shape and level.
pub(super) struct Demands<'a> {
    cluster: &'a Cluster,
    census: &'a Census,
    shapes: BTreeMap<(usize, &'a Quantities), Arc<Shape>>,
    levels: BTreeMap<LevelIdx, Domains>,
    running: Vec<Vec<(AgentIdx, i64)>>,
    groups: BTreeMap<GroupIdx, Vec<TaskIdx>>,
    /// Limits on each group, whichever task states them.
    group_limits: BTreeMap<GroupIdx, BTreeSet<LimitRule>>,
}

impl<'a> Demands<'a> {
    pub fn new(cluster: &'a Cluster, census: &'a Census) -> Self {
        let mut running = vec![Vec::new(); cluster.tasks.len()];
        for it in &cluster.running {
            running[it.task.at()].push((it.agent, it.instances));
        }
        let mut group_limits: BTreeMap<GroupIdx, BTreeSet<LimitRule>> = BTreeMap::new();
        for rule in cluster.tasks.iter().flat_map(|task| &task.limits) {
            if let Some(group) = rule.group {
                group_limits.entry(group).or_default().insert(rule.clone());
            }
        }
        let mut groups: BTreeMap<GroupIdx, Vec<TaskIdx>> = BTreeMap::new();
        for task in cluster.task_indices() {
            for &group in &cluster.task(task).groups {
                groups.entry(group).or_default().push(task);
            }
        }
        Self {
            cluster,
            census,
            shapes: BTreeMap::new(),
            levels: BTreeMap::new(),
            running,
            groups,
            group_limits,
        }
    }

    /// Limits that count the task, its own and those of its groups: of several on one count, the least.
    fn limits_on(&self, task: TaskIdx) -> Vec<(Counted, LimitRule)> {
        let it = self.cluster.task(task);
        let own = it.limits.iter().filter(|rule| rule.group.is_none());
        let of_groups = it
            .groups
            .iter()
            .filter_map(|group| self.group_limits.get(group))
            .flatten();
        let mut least: BTreeMap<(Counted, LevelIdx), &LimitRule> = BTreeMap::new();
        for rule in own.chain(of_groups) {
            let counted = rule.group.map_or(Counted::Task(task), Counted::Group);
            let known = least.entry((counted, rule.level)).or_insert(rule);
            if rule.max < known.max {
                *known = rule;
            }
        }
        let rules = least.into_iter();
        rules
            .map(|((counted, _), rule)| (counted, rule.clone()))
            .collect()
    }

    /// What one bidding task could use.
    pub fn wanted(&mut self, bid: &BidClass) -> Wanted {
        let shape = self.shape(bid.task);
        let demand = &self.cluster.task(bid.task).demand;
        let running = &self.running[bid.task.at()];
        let strays = running
            .iter()
            .filter(|(agent, _)| shape.copies[self.census.kind_of[agent.at()]] == 0);
        let strays = strays.map(|&(agent, runs)| {
            let copies = demand.copies_in(&self.cluster.agent(agent).capacity);
            Stray {
                agent,
                fit: copies.min(bid.instances).min(runs) as f64,
            }
        });
        let strays = strays.collect();
        let instances = bid.instances;
        let mut wanted = Wanted {
            task: bid.task,
            instances,
            most: 0.0,
            whole: 0.0,
            strays,
            within: Vec::new(),
            caps: Vec::new(),
            runs: !running.is_empty(),
            shape: Arc::clone(&shape),
        };
        let room = |kind: usize| shape.rooms[kind].min(instances as f64);
        let whole = |kind: usize| shape.copies[kind].min(instances) as f64;
        wanted.most = self.without_limits(&wanted, room);
        wanted.whole = self.without_limits(&wanted, whole);
        let mut by_class: BTreeMap<usize, f64> = BTreeMap::new();
        for (counted, rule) in self.limits_on(bid.task) {
            if counted == Counted::Task(bid.task) && rule.max >= instances {
                continue;
            }
            let special = self.special(counted, &rule, &wanted.strays);
            let (cluster, census) = (self.cluster, self.census);
            let domains = self
                .levels
                .entry(rule.level)
                .or_insert_with(|| Domains::of(cluster, census, rule.level));
            let max = rule.max as f64;
            let most = domains.within(census, room, max, &special);
            wanted.most = wanted.most.min(most.everywhere);
            for (class, most) in most.by_class.into_iter().enumerate() {
                let least = by_class.entry(class).or_insert(most);
                *least = least.min(most);
            }
            let most = domains.within(census, whole, max, &special);
            wanted.whole = wanted.whole.min(most.everywhere);
            wanted.caps.extend(domains.cap(counted, &rule, &special));
        }
        by_class.retain(|&class, most| *most < wanted.room(class, self.census));
        wanted.within = by_class.into_iter().collect();
        let runs: f64 = self.running[bid.task.at()]
            .iter()
            .map(|&(_, count)| count as f64)
            .sum();
        wanted.most = wanted.most.max(runs);
        wanted.whole = wanted.whole.max(runs);
        // What the task by itself cannot reach keeps it from being counted with others that are alike.
        let caps = std::mem::take(&mut wanted.caps);
        let alone = |cap: &Cap| !self.counts_several(cap.counted);
        let kept = caps
            .into_iter()
            .filter(|cap| !alone(cap) || wanted.can_reach(cap, self.census));
        wanted.caps = kept.collect();
        wanted
    }

    /// Whether a limit counts more than one task.
    fn counts_several(&self, counted: Counted) -> bool {
        match counted {
            Counted::Task(_) => false,
            Counted::Group(group) => self.groups.get(&group).is_some_and(|it| it.len() > 1),
        }
    }

    fn shape(&mut self, task: TaskIdx) -> Arc<Shape> {
        let (cluster, census) = (self.cluster, self.census);
        let demand = &cluster.task(task).demand;
        let shape = self
            .shapes
            .entry((census.rules_of(task), demand))
            .or_insert_with(|| {
                let admits = census.admits(task).iter().zip(&census.kinds);
                let copies: Vec<i64> = admits
                    .map(|(&admits, kind)| {
                        if admits {
                            demand.copies_in(&kind.capacity)
                        } else {
                            0
                        }
                    })
                    .collect();
                let rooms = copies
                    .iter()
                    .zip(&census.kinds)
                    .map(|(&copies, kind)| room(demand, &kind.capacity, copies));
                let rooms: Vec<f64> = rooms.collect();
                let mut classes: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
                for (&room, kind) in rooms
                    .iter()
                    .zip(&census.kinds)
                    .filter(|(room, _)| **room > 0.0)
                {
                    classes
                        .entry(kind.class)
                        .or_default()
                        .push((room, kind.agents.len() as f64));
                }
                Arc::new(Shape {
                    copies,
                    rooms,
                    classes: classes.into_iter().collect(),
                })
            });
        Arc::clone(shape)
    }

    /// The most of the task alone on the empty cluster, its limits aside; `fit` is the most of it on an agent of a kind.
    fn without_limits(&self, wanted: &Wanted, fit: impl Fn(usize) -> f64) -> f64 {
        let kinds = self.census.kinds.iter().enumerate();
        let open: f64 = kinds
            .map(|(at, kind)| kind.agents.len() as f64 * fit(at))
            .sum();
        let strays: f64 = wanted.strays.iter().map(|stray| stray.fit).sum();
        (open + strays).min(wanted.instances as f64)
    }

    /// Domains in which something is special to a limit.
    fn special(
        &self,
        counted: Counted,
        rule: &LimitRule,
        strays: &[Stray],
    ) -> BTreeMap<DomainIdx, Special> {
        let alone;
        let tasks = match counted {
            Counted::Group(group) => self.groups.get(&group).map_or(&[][..], Vec::as_slice),
            Counted::Task(task) => {
                alone = [task];
                &alone
            }
        };
        let mut special: BTreeMap<DomainIdx, Special> = BTreeMap::new();
        for &(agent, instances) in tasks.iter().flat_map(|task| &self.running[task.at()]) {
            let domain = self.cluster.domain(agent, rule.level);
            special.entry(domain).or_default().runs += instances as f64;
        }
        for stray in strays {
            let domain = self.cluster.domain(stray.agent, rule.level);
            let here = &mut special.entry(domain).or_default().strays;
            here.push((self.census.class_of(stray.agent), stray.fit));
        }
        special
    }
}

/// See [`Shape`].
fn room(demand: &Quantities, capacity: &Quantities, copies: i64) -> f64 {
    if copies <= 1 || demand.is_zero() {
        return copies as f64;
    }
    let amounts = demand
        .0
        .iter()
        .zip(&capacity.0)
        .filter(|(need, _)| **need > 0);
    amounts
        .map(|(&need, &has)| has as f64 / need as f64)
        .fold(f64::INFINITY, f64::min)
}
