//! The hard rules, one function per named row family.

use std::collections::BTreeSet;
use std::sync::Arc;

use apportion_cluster::{GroupIdx, LevelIdx, TaskIdx};
use apportion_models::assignment::{Balance, Gang, Limit, Packing};

use super::tables::Tables;

/// Whose instances a rule counts: a group's, or one task's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    Group(GroupIdx),
    Task(TaskIdx),
}

impl Counted {
    fn of(task: TaskIdx, group: Option<GroupIdx>) -> Self {
        group.map_or(Self::Task(task), Self::Group)
    }

    fn counts(self, tables: &Tables<'_>, task: TaskIdx) -> bool {
        match self {
            Self::Group(group) => tables.slice.cluster.task(task).groups.contains(&group),
            Self::Task(only) => only == task,
        }
    }

    fn name(self, tables: &Tables<'_>) -> String {
        match self {
            Self::Group(group) => format!("group:{}", tables.slice.cluster.groups[group.at()]),
            Self::Task(task) => tables.slice.cluster.task_name(task),
        }
    }
}

/// `limit[..,L]`: at most `max` in each domain. Rules of tasks without pending instances bind as well,
/// where they count a group that has some.
pub(crate) fn limits(tables: &Tables<'_>) -> Vec<Limit> {
    let cluster = tables.slice.cluster;
    let mut rules: BTreeSet<(Counted, LevelIdx, i64)> = BTreeSet::new();
    for task in framework_tasks(tables) {
        for rule in &cluster.task(task).limits {
            rules.insert((Counted::of(task, rule.group), rule.level, rule.max));
        }
    }
    let mut limits: Vec<Limit> = Vec::new();
    for (counted, level, max) in rules {
        let counts = |task| counted.counts(tables, task);
        let items = tables.items_of(counts);
        let name = format!(
            "limit[{},{}]",
            counted.name(tables),
            cluster.levels[level.at()].name
        );
        // Of several maxima for the same count, the least (they are sorted) says it all.
        if items.is_empty() || limits.last().is_some_and(|known| known.name == name) {
            continue;
        }
        let (groups, packing) = tables.offered_packing(items, level, counts);
        limits.push(Limit {
            name,
            groups,
            packing,
            max,
        });
    }
    limits
}

/// `spread[..,L]`: counts of the domains that the task may use differ by at most `max_skew`.
pub(crate) fn spreads(tables: &Tables<'_>) -> Vec<Balance> {
    let cluster = tables.slice.cluster;
    let mut balances: Vec<Balance> = Vec::new();
    for task in framework_tasks(tables) {
        for rule in cluster.task(task).spreads.iter().filter(|rule| rule.hard) {
            let counted = Counted::of(task, rule.group);
            let items = tables.items_of(|task| counted.counts(tables, task));
            if items.is_empty() {
                continue;
            }
            let packing = usable_domains(tables, task, rule.level, counted, items);
            let skew =
                packing.base.iter().max().unwrap_or(&0) - packing.base.iter().min().unwrap_or(&0);
            let name = format!(
                "spread[{},{}]",
                counted.name(tables),
                cluster.levels[rule.level.at()].name
            );
            let balance = Balance {
                name,
                packing,
                max_skew: rule.max_skew.max(skew),
            };
            push_unless_known(&mut balances, balance);
        }
    }
    balances
}

/// Alike members of a group state the same rule: it is one row. Rules of one name that differ (in skew, or
/// in the domains that their task may use) are told apart by a number.
fn push_unless_known(balances: &mut Vec<Balance>, mut balance: Balance) {
    let stem = balance.name.clone();
    for number in 2.. {
        match balances.iter().find(|known| known.name == balance.name) {
            None => return balances.push(balance),
            Some(known) if *known == balance => return,
            Some(_) => balance.name = format!("{stem}#{number}"),
        }
    }
}

/// Counts over the domains of `level` with at least one agent whose rules let `task` in, offer or not.
fn usable_domains(
    tables: &Tables<'_>,
    task: TaskIdx,
    level: LevelIdx,
    counted: Counted,
    items: Arc<Vec<u32>>,
) -> Packing {
    let cluster = tables.slice.cluster;
    let usable = cluster
        .agent_indices()
        .filter(|&agent| cluster.broken_rule(cluster.task(task), agent).is_none());
    let domains: BTreeSet<_> = usable.map(|agent| cluster.domain(agent, level)).collect();
    let domains: Vec<_> = domains.into_iter().collect();
    let groups = tables.slice.offers.iter().map(|offer| {
        let group = domains
            .binary_search(&cluster.domain(offer.agent, level))
            .ok();
        group
            .and_then(|group| u32::try_from(group).ok())
            .unwrap_or(u32::MAX)
    });
    let kept = tables.kept_by_domain(level, |task| counted.counts(tables, task));
    let base = domains
        .iter()
        .map(|domain| kept.get(domain).copied().unwrap_or(0));
    Packing {
        items,
        group_of: Arc::new(groups.collect()),
        base: base.collect(),
    }
}

/// `gang[j]`: no instance of the job, or at least `min_instances`.
pub(crate) fn gangs(tables: &Tables<'_>) -> Vec<Gang> {
    let cluster = tables.slice.cluster;
    let gangs = tables.jobs.iter().filter_map(|(job, items)| {
        let min = cluster.job(*job).gang_min?;
        let base = tables.kept(|task| cluster.task(task).job == *job);
        let name = format!("gang[{}]", cluster.job(*job).id);
        (!items.is_empty() && base < min).then(|| Gang {
            name,
            items: items.clone(),
            min,
            base,
        })
    });
    gangs.collect()
}

fn framework_tasks<'t>(tables: &'t Tables<'_>) -> impl Iterator<Item = TaskIdx> + use<'t> {
    tables
        .jobs
        .iter()
        .flat_map(|(job, _)| tables.slice.cluster.job(*job).tasks.iter().copied())
}
