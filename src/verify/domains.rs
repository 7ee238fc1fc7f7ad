//! Rules that count over failure domains: limit and spread.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, GroupIdx, LimitRule, SpreadRule};

use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State};

/// The tasks that a rule counts: a group's, or the task's own.
pub(super) fn counted(cluster: &Cluster, task: usize, group: Option<GroupIdx>) -> Vec<usize> {
    let Some(group) = group else {
        return vec![task];
    };
    let tasks = cluster.tasks.iter().enumerate();
    let members = tasks.filter(|(_, it)| it.groups.contains(&group));
    members.map(|(at, _)| at).collect()
}

/// Instances of `tasks` by domain of a level; domains without any are absent.
pub(super) fn by_domain(
    cluster: &Cluster,
    counts: &Counts,
    tasks: &[usize],
    level: usize,
) -> BTreeMap<usize, i128> {
    let mut sums = BTreeMap::new();
    for &task in tasks {
        for (&agent, &count) in &counts[task] {
            let domain = cluster.agents[agent].domains[level].at();
            *sums.entry(domain).or_default() += count;
        }
    }
    sums
}

/// A limit rule with the tasks that it counts. A rule that several members of a group state is one.
pub(super) struct CountedLimit<'a> {
    pub rule: &'a LimitRule,
    pub tasks: Vec<usize>,
    /// The group, or the task.
    pub name: String,
    /// What runs, and what stays, by domain.
    pub running: BTreeMap<usize, i128>,
    pub kept: BTreeMap<usize, i128>,
}

impl CountedLimit<'_> {
    /// `max`, or what runs there already.
    pub(super) fn most(&self, domain: usize) -> i128 {
        let runs = self.running.get(&domain).copied().unwrap_or_default();
        runs.max(self.rule.max.into())
    }

    /// `max(0, max - kept)` in a domain.
    pub(super) fn room(&self, domain: usize) -> i128 {
        let kept = self.kept.get(&domain).copied().unwrap_or_default();
        (i128::from(self.rule.max) - kept).max(0)
    }
}

/// Every limit of the snapshot, once.
pub(super) fn limits<'a>(
    cluster: &'a Cluster,
    running: &Counts,
    kept: &Counts,
) -> Vec<CountedLimit<'a>> {
    let mut seen = BTreeSet::new();
    let mut limits = Vec::new();
    for (task, it) in cluster.tasks.iter().enumerate() {
        for rule in &it.limits {
            if rule.group.is_none() || seen.insert(rule) {
                let tasks = counted(cluster, task, rule.group);
                let level = rule.level.at();
                limits.push(CountedLimit {
                    rule,
                    name: counted_name(cluster, task, rule.group),
                    running: by_domain(cluster, running, &tasks, level),
                    kept: by_domain(cluster, kept, &tasks, level),
                    tasks,
                });
            }
        }
    }
    limits
}

fn counted_name(cluster: &Cluster, task: usize, group: Option<GroupIdx>) -> String {
    match group {
        Some(group) => format!("group:{}", cluster.groups[group.at()]),
        None => {
            let it = &cluster.tasks[task];
            format!("{}/{}", cluster.jobs[it.job.at()].id, it.id)
        }
    }
}

/// `limit[task,level=domain]`: at most `max`; where more runs, no more than that.
pub(super) fn check_limits(state: &State<'_>, findings: &mut Findings) {
    for limit in &state.limits {
        let level = limit.rule.level.at();
        let placed = by_domain(state.cluster, &state.placed, &limit.tasks, level);
        for (domain, count) in placed {
            let before = limit.running.get(&domain).copied().unwrap_or_default();
            let max = i128::from(limit.rule.max);
            findings.check(Rule::Limit, count <= max || count <= before, || {
                let it = &state.cluster.levels[level];
                let place = &it.domains[domain];
                let text = format!("too many instances in {} {place}", it.name);
                let subject = format!("{},{}={place}", limit.name, it.name);
                (subject, max, count, text)
            });
        }
    }
}

/// `spread[task,level]`: the largest and the least count differ by at most the skew; where what runs
/// differs by more, by no more than that.
pub(super) fn check_spreads(state: &State<'_>, findings: &mut Findings) {
    for (task, it) in state.cluster.tasks.iter().enumerate() {
        for rule in it.spreads.iter().filter(|rule| rule.hard) {
            let spread = Spread::of(state, task, rule);
            let (least, most) = spread.range(state, &state.placed);
            let (least_before, most_before) = spread.range(state, &state.running);
            let allowed = i128::from(rule.max_skew).max(most_before - least_before);
            findings.check(Rule::Spread, most - least <= allowed, || {
                let level = &state.cluster.levels[rule.level.at()].name;
                let name = counted_name(state.cluster, task, rule.group);
                let text = format!("a {level} holds {most} instances, another {least}");
                (format!("{name},{level}"), allowed, most - least, text)
            });
        }
    }
}

/// A hard spread rule with the domains that it compares and the tasks that it counts.
pub(super) struct Spread {
    level: usize,
    domains: BTreeSet<usize>,
    tasks: Vec<usize>,
}

impl Spread {
    /// The domains are those with an agent that the rules of `task` allow.
    pub(super) fn of(state: &State<'_>, task: usize, rule: &SpreadRule) -> Self {
        let level = rule.level.at();
        let agents = state.cluster.agents.iter().enumerate();
        let usable = agents.filter(|&(at, _)| state.allowed.allows(task, at));
        Self {
            level,
            domains: usable.map(|(_, it)| it.domains[level].at()).collect(),
            tasks: counted(state.cluster, task, rule.group),
        }
    }

    /// The least and the largest count of a domain.
    pub(super) fn range(&self, state: &State<'_>, counts: &Counts) -> (i128, i128) {
        let sums = by_domain(state.cluster, counts, &self.tasks, self.level);
        let of = |domain| sums.get(domain).copied().unwrap_or_default();
        let least = self.domains.iter().map(of).min().unwrap_or_default();
        let most = self.domains.iter().map(of).max().unwrap_or_default();
        (least, most)
    }

    /// Whether instances of `task` on `agent` count in a domain that holds too many in `counts`.
    pub(super) fn overfull(
        &self,
        state: &State<'_>,
        task: usize,
        agent: usize,
        max_skew: i64,
        counts: &Counts,
    ) -> bool {
        let domain = state.cluster.agents[agent].domains[self.level].at();
        let sums = by_domain(state.cluster, counts, &self.tasks, self.level);
        let here = sums.get(&domain).copied().unwrap_or_default();
        let (least, _) = self.range(state, counts);
        self.tasks.contains(&task)
            && self.domains.contains(&domain)
            && here - least > max_skew.into()
    }
}
