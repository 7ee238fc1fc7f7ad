//! What bidding tasks could use: how much fits where, and the most of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{
    AgentIdx, Cluster, DomainIdx, GroupIdx, LevelIdx, LimitRule, Quantities, TaskIdx,
};
use apportion_policies::{Bid, BidClass};

use super::classes::Census;

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
    /// Whether an instance of it runs.
    pub runs: bool,
    pub shape: Arc<Shape>,
}

impl Wanted {
    /// Whether some agent holds an instance of it; what runs may be larger than its agent.
    pub fn fits_somewhere(&self) -> bool {
        !self.shape.classes.is_empty() || self.strays.iter().any(|stray| stray.fit > 0.0)
    }

    /// Room for the task on agents of a class, each agent taken alone.
    pub fn fit(&self, class: usize, census: &Census) -> f64 {
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

/// The domains of a level, by what kinds of agents they hold.
#[derive(Debug)]
struct Domains {
    /// Agents by kind in each domain.
    contents: Vec<BTreeMap<usize, u32>>,
    /// Distinct contents, and how many domains have them.
    distinct: Vec<(BTreeMap<usize, u32>, u32)>,
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

    /// Limits that count the task: its own, and those of its groups.
    fn limits_on(&self, task: TaskIdx) -> Vec<LimitRule> {
        let task = self.cluster.task(task);
        let own = task.limits.iter().filter(|rule| rule.group.is_none());
        let of_groups = task
            .groups
            .iter()
            .filter_map(|group| self.group_limits.get(group))
            .flatten();
        own.chain(of_groups).cloned().collect()
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
            runs: !running.is_empty(),
            shape: Arc::clone(&shape),
        };
        wanted.most = self.most(&wanted, |kind| shape.rooms[kind].min(instances as f64));
        wanted.whole = self.most(&wanted, |kind| shape.copies[kind].min(instances) as f64);
        wanted
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

    /// The most of the task alone on the empty cluster, within its own limits, and at least what runs; `fit` is the
    /// most of it on an agent of a kind.
    fn most(&mut self, wanted: &Wanted, fit: impl Fn(usize) -> f64) -> f64 {
        let cluster = self.cluster;
        let kinds = self.census.kinds.iter().enumerate();
        let open: f64 = kinds
            .map(|(at, kind)| kind.agents.len() as f64 * fit(at))
            .sum();
        let strays: f64 = wanted.strays.iter().map(|stray| stray.fit).sum();
        let mut most = (open + strays).min(wanted.instances as f64);
        for rule in self.limits_on(wanted.task) {
            let alone = [wanted.task];
            let counted = match rule.group {
                Some(group) => self.groups.get(&group).map_or(&alone[..], Vec::as_slice),
                None => &alone,
            };
            // Domains in which something is special, with what runs there and what strays there.
            let mut special: BTreeMap<DomainIdx, (f64, f64)> = BTreeMap::new();
            for &(agent, instances) in counted.iter().flat_map(|task| &self.running[task.at()]) {
                special
                    .entry(cluster.domain(agent, rule.level))
                    .or_default()
                    .0 += instances as f64;
            }
            for stray in &wanted.strays {
                special
                    .entry(cluster.domain(stray.agent, rule.level))
                    .or_default()
                    .1 += stray.fit;
            }
            let census = self.census;
            let domains = self
                .levels
                .entry(rule.level)
                .or_insert_with(|| Domains::of(cluster, census, rule.level));
            most = most.min(domains.within(&fit, rule.max as f64, &special));
        }
        let runs: f64 = self.running[wanted.task.at()]
            .iter()
            .map(|&(_, count)| count as f64)
            .sum();
        most.max(runs)
    }
}

impl Domains {
    fn of(cluster: &Cluster, census: &Census, level: LevelIdx) -> Self {
        let mut contents = vec![BTreeMap::new(); cluster.levels[level.at()].domains.len()];
        for agent in cluster.agent_indices() {
            let domain: &mut BTreeMap<usize, u32> =
                &mut contents[cluster.domain(agent, level).at()];
            *domain.entry(census.kind_of[agent.at()]).or_insert(0) += 1;
        }
        let mut distinct: BTreeMap<&BTreeMap<usize, u32>, u32> = BTreeMap::new();
        for content in &contents {
            *distinct.entry(content).or_insert(0) += 1;
        }
        let distinct = distinct
            .into_iter()
            .map(|(content, count)| (content.clone(), count))
            .collect();
        Self { contents, distinct }
    }

    /// The most over all domains if each holds at most `max`, or what runs there; `special` are domains with what
    /// runs there of all that the limit counts, and what strays there.
    fn within(
        &self,
        fit: impl Fn(usize) -> f64,
        max: f64,
        special: &BTreeMap<DomainIdx, (f64, f64)>,
    ) -> f64 {
        let fit = |content: &BTreeMap<usize, u32>| -> f64 {
            content
                .iter()
                .map(|(&kind, &agents)| f64::from(agents) * fit(kind))
                .sum()
        };
        let mut total: f64 = self
            .distinct
            .iter()
            .map(|(content, count)| f64::from(*count) * fit(content).min(max))
            .sum();
        for (domain, &(runs, strays)) in special {
            let fit = fit(&self.contents[domain.at()]);
            total += (fit + strays).min(max.max(runs)) - fit.min(max);
        }
        total
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
