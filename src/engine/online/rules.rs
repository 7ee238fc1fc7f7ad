//! The snapshot's hard rules, kept up to date placement by placement: who may go where as things are now.
//!
//! A rule that the running state breaks already is never made worse.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use apportion_cluster::{
    AgentIdx, Cluster, DomainIdx, Eligibility, GroupIdx, LevelIdx, LimitRule, Running, SpreadRule,
    TaskIdx,
};

/// Limits, spreads and eligibility, with the counts that they look at.
pub(super) struct Rules<'a> {
    cluster: &'a Cluster,
    limits: Vec<Limit>,
    spreads: Vec<Spread>,
    /// Limits and spreads that count each task.
    limits_on: Vec<Vec<usize>>,
    spreads_on: Vec<Vec<usize>>,
    /// Agents that new instances of tasks that name none may use, by what decides it.
    open: BTreeMap<Eligibility<'a>, Rc<Vec<bool>>>,
}

/// Agents that new instances of one task may use, whatever else runs there.
#[derive(Clone)]
pub(super) enum Open {
    /// By agent.
    Table(Rc<Vec<bool>>),
    /// The task names its agents: these, ascending.
    Named(Vec<AgentIdx>),
}

impl Open {
    pub(super) fn contains(&self, agent: AgentIdx) -> bool {
        match self {
            Self::Table(table) => table[agent.at()],
            Self::Named(agents) => agents.binary_search(&agent).is_ok(),
        }
    }
}

impl<'a> Rules<'a> {
    /// The rules of a cluster with what runs counted in.
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        let mut rules = Self {
            cluster,
            limits: Vec::new(),
            spreads: Vec::new(),
            limits_on: vec![Vec::new(); cluster.tasks.len()],
            spreads_on: vec![Vec::new(); cluster.tasks.len()],
            open: BTreeMap::new(),
        };
        let members = members(cluster);
        rules.state_limits(&members);
        rules.state_spreads(&members);
        for &Running {
            task,
            agent,
            instances,
        } in &cluster.running
        {
            rules.change(task, agent, instances);
        }
        rules
    }

    /// Agents that new instances of `task` may use: capacities, limits and spreads aside.
    pub(super) fn open(&mut self, task: TaskIdx) -> Open {
        let cluster = self.cluster;
        let of = cluster.task(task);
        let open = |agent: &AgentIdx| {
            !cluster.agent(*agent).cordoned && cluster.broken_rule(of, *agent).is_none()
        };
        if let Some(named) = &of.agents {
            return Open::Named(named.iter().copied().filter(open).collect());
        }
        let table = self
            .open
            .entry(of.eligibility())
            .or_insert_with(|| Rc::new(cluster.agent_indices().map(|it| open(&it)).collect()));
        Open::Table(Rc::clone(table))
    }

    /// Whether one more instance of `task` on `agent` keeps every limit and every hard spread.
    pub(super) fn allow(&self, task: TaskIdx, agent: AgentIdx) -> bool {
        let domain = |level| self.cluster.domain(agent, level);
        let limits = self.limits_on[task.at()].iter().map(|&at| &self.limits[at]);
        let spreads = self.spreads_on[task.at()]
            .iter()
            .map(|&at| &self.spreads[at]);
        limits
            .clone()
            .all(|limit| limit.allows(domain(limit.level)))
            && spreads
                .clone()
                .all(|spread| spread.allows(domain(spread.level)))
    }

    /// Counts `instances` more (or less) of `task` on `agent`.
    pub(super) fn change(&mut self, task: TaskIdx, agent: AgentIdx, instances: i64) {
        for &at in &self.limits_on[task.at()] {
            let domain = self.cluster.domain(agent, self.limits[at].level);
            *self.limits[at].counts.entry(domain).or_insert(0) += instances;
        }
        for &at in &self.spreads_on[task.at()] {
            let domain = self.cluster.domain(agent, self.spreads[at].level);
            self.spreads[at].change(domain, instances);
        }
    }

    fn state_limits(&mut self, members: &[Vec<TaskIdx>]) {
        let cluster = self.cluster;
        let mut seen: BTreeSet<&LimitRule> = BTreeSet::new();
        for task in cluster.task_indices() {
            for rule in &cluster.task(task).limits {
                // A limit of a group is one, however many of its tasks state it.
                if rule.group.is_some() && !seen.insert(rule) {
                    continue;
                }
                for counted in counted(members, task, rule.group) {
                    self.limits_on[counted.at()].push(self.limits.len());
                }
                self.limits.push(Limit {
                    level: rule.level,
                    max: rule.max,
                    counts: BTreeMap::new(),
                });
            }
        }
    }

    fn state_spreads(&mut self, members: &[Vec<TaskIdx>]) {
        let cluster = self.cluster;
        let mut seen: BTreeSet<(&SpreadRule, Eligibility<'_>)> = BTreeSet::new();
        let mut usable: BTreeMap<(LevelIdx, Eligibility<'_>), Rc<BTreeSet<DomainIdx>>> =
            BTreeMap::new();
        for task in cluster.task_indices() {
            let of = cluster.task(task);
            for rule in of.spreads.iter().filter(|rule| rule.hard) {
                let key = of.eligibility();
                if rule.group.is_some() && !seen.insert((rule, key)) {
                    continue;
                }
                let usable = usable.entry((rule.level, key)).or_insert_with(|| {
                    let agents = cluster.agent_indices();
                    let allowed = agents.filter(|&agent| cluster.broken_rule(of, agent).is_none());
                    let domains = allowed.map(|agent| cluster.domain(agent, rule.level));
                    Rc::new(domains.collect())
                });
                for counted in counted(members, task, rule.group) {
                    self.spreads_on[counted.at()].push(self.spreads.len());
                }
                self.spreads.push(Spread::new(rule, Rc::clone(usable)));
            }
        }
    }
}

/// The tasks of each group.
fn members(cluster: &Cluster) -> Vec<Vec<TaskIdx>> {
    let mut members = vec![Vec::new(); cluster.groups.len()];
    for task in cluster.task_indices() {
        for group in &cluster.task(task).groups {
            members[group.at()].push(task);
        }
    }
    members
}

/// The tasks that a rule of `task` counts.
fn counted(members: &[Vec<TaskIdx>], task: TaskIdx, group: Option<GroupIdx>) -> Vec<TaskIdx> {
    group.map_or_else(|| vec![task], |group| members[group.at()].clone())
}

/// At most `max` in each domain of `level`.
struct Limit {
    level: LevelIdx,
    max: i64,
    counts: BTreeMap<DomainIdx, i64>,
}

impl Limit {
    fn allows(&self, domain: DomainIdx) -> bool {
        let here = self.counts.get(&domain).copied().unwrap_or(0);
        here < self.max
    }
}

/// Even counts over the domains that a task may use.
struct Spread {
    level: LevelIdx,
    max_skew: i64,
    usable: Rc<BTreeSet<DomainIdx>>,
    counts: BTreeMap<DomainIdx, i64>,
    /// How many usable domains have each count.
    domains_with: BTreeMap<i64, usize>,
}

impl Spread {
    fn new(rule: &SpreadRule, usable: Rc<BTreeSet<DomainIdx>>) -> Self {
        let domains_with = if usable.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(0, usable.len())])
        };
        Self {
            level: rule.level,
            max_skew: rule.max_skew,
            usable,
            counts: BTreeMap::new(),
            domains_with,
        }
    }

    fn here(&self, domain: DomainIdx) -> i64 {
        self.counts.get(&domain).copied().unwrap_or(0)
    }

    /// Whether one more in `domain` keeps the skew, or at least makes it no worse.
    fn allows(&self, domain: DomainIdx) -> bool {
        let range = self
            .domains_with
            .first_key_value()
            .zip(self.domains_with.last_key_value());
        let Some(((&least, &at_least), (&most, _))) = range else {
            return true;
        };
        if !self.usable.contains(&domain) {
            return true;
        }
        let after = self.here(domain) + 1;
        let least_after = if after == least + 1 && at_least == 1 {
            let above = (Bound::Excluded(least), Bound::Unbounded);
            let second = self.domains_with.range(above).next();
            second.map_or(after, |(&second, _)| second.min(after))
        } else {
            least
        };
        most.max(after) - least_after <= self.max_skew.max(most - least)
    }

    fn change(&mut self, domain: DomainIdx, instances: i64) {
        if !self.usable.contains(&domain) {
            return;
        }
        let before = self.here(domain);
        let after = before + instances;
        self.counts.insert(domain, after);
        if let Some(domains) = self.domains_with.get_mut(&before) {
            *domains -= 1;
            if *domains == 0 {
                self.domains_with.remove(&before);
            }
        }
        *self.domains_with.entry(after).or_insert(0) += 1;
    }
}
