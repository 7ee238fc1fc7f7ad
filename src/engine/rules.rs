//! The snapshot's rules on one framework's proposal, whoever's policy made it.
//!
//! A policy's model states these rules itself; this is the check that it did. A proposal that breaks one does
//! not count. Rules that the kept state breaks already are relaxed to what it is.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{
    AgentIdx, Cluster, DomainIdx, Eligibility, GroupIdx, LevelIdx, LimitRule, Proposal, Running,
    Slice, SpreadRule, Task, TaskIdx,
};

/// The first rule that a proposal breaks, in words.
pub(super) fn broken(slice: &Slice<'_>, proposal: &Proposal) -> Option<String> {
    let cluster = slice.cluster;
    let new = proposal.placements.iter();
    let refused = new.clone().find(|placed| {
        cluster
            .refusal(cluster.task(placed.task), placed.agent)
            .is_some()
    });
    if let Some(placed) = refused {
        let agent = &cluster.agent(placed.agent).id;
        return Some(format!(
            "{} may not be placed on {agent}",
            cluster.task_name(placed.task)
        ));
    }
    let state = After::new(cluster, by_task(slice.kept.iter()), by_task(new));
    let jobs = &cluster.framework(slice.framework).jobs;
    let tasks = || {
        jobs.iter()
            .flat_map(|&job| cluster.job(job).tasks.iter().copied())
    };
    let mut compared = Compared::new(cluster);
    let mut asked = BTreeSet::new();
    let limit = tasks().find_map(|task| state.limit(task, &mut asked));
    let spread = || tasks().find_map(|task| state.spread(task, &mut compared));
    let gang = || {
        jobs.iter().find_map(|&job| {
            let tasks = &cluster.job(job).tasks;
            let (kept, new) = (
                state.count(&state.kept, tasks),
                state.count(&state.new, tasks),
            );
            let partial = cluster
                .job(job)
                .gang_min
                .is_some_and(|min| new > 0 && kept + new < min);
            partial.then(|| format!("gang[{}]", cluster.job(job).id))
        })
    };
    limit
        .or_else(spread)
        .or_else(gang)
        .map(|rule| format!("{rule} does not hold"))
}

pub(super) type ByTask = BTreeMap<TaskIdx, Vec<(AgentIdx, i64)>>;

/// The domains that hard spreads compare, looked up once: those with an agent that the task's rules allow.
pub(super) struct Compared<'a> {
    cluster: &'a Cluster,
    domains: BTreeMap<(LevelIdx, Eligibility<'a>), BTreeSet<DomainIdx>>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            domains: BTreeMap::new(),
        }
    }

    pub(super) fn of(&mut self, task: TaskIdx, level: LevelIdx) -> &BTreeSet<DomainIdx> {
        let cluster = self.cluster;
        let of = cluster.task(task);
        self.domains
            .entry((level, of.eligibility()))
            .or_insert_with(|| {
                let agents = cluster
                    .agent_indices()
                    .filter(|&agent| cluster.broken_rule(of, agent).is_none());
                agents.map(|agent| cluster.domain(agent, level)).collect()
            })
    }
}

/// What stays and what would be new.
pub(super) struct After<'a> {
    cluster: &'a Cluster,
    pub(super) kept: ByTask,
    new: ByTask,
    /// Tasks with anything in place, by group.
    members: BTreeMap<GroupIdx, Vec<TaskIdx>>,
}

impl<'a> After<'a> {
    pub(super) fn new(cluster: &'a Cluster, kept: ByTask, new: ByTask) -> Self {
        let placed: BTreeSet<TaskIdx> = kept.keys().chain(new.keys()).copied().collect();
        let mut members: BTreeMap<GroupIdx, Vec<TaskIdx>> = BTreeMap::new();
        for task in placed {
            for &group in &cluster.task(task).groups {
                members.entry(group).or_default().push(task);
            }
        }
        Self {
            cluster,
            kept,
            new,
            members,
        }
    }

    fn count(&self, of: &ByTask, tasks: &[TaskIdx]) -> i64 {
        let here = tasks.iter().filter_map(|task| of.get(task)).flatten();
        here.map(|(_, instances)| instances).sum()
    }

    /// Tasks that a rule of `task` counts.
    pub(super) fn counted(&self, task: TaskIdx, group: Option<GroupIdx>) -> Vec<TaskIdx> {
        match group {
            Some(group) => self.members.get(&group).cloned().unwrap_or_default(),
            None => vec![task],
        }
    }

    pub(super) fn by_domain(
        &self,
        of: &ByTask,
        tasks: &[TaskIdx],
        level: LevelIdx,
    ) -> BTreeMap<DomainIdx, i64> {
        let mut sums = BTreeMap::new();
        for &(agent, instances) in tasks.iter().filter_map(|task| of.get(task)).flatten() {
            *sums.entry(self.cluster.domain(agent, level)).or_insert(0) += instances;
        }
        sums
    }

    /// The first limit of a task that does not hold. What counts over a group is the same for whichever task states it: `asked` has those
    /// that were looked at already.
    fn limit(&self, task: TaskIdx, asked: &mut BTreeSet<&'a LimitRule>) -> Option<String> {
        let cluster: &'a Cluster = self.cluster;
        let broken = cluster.task(task).limits.iter().find(|rule| {
            if rule.group.is_some() && !asked.insert(rule) {
                return false;
            }
            let counted = self.counted(task, rule.group);
            let kept = self.by_domain(&self.kept, &counted, rule.level);
            let new = self.by_domain(&self.new, &counted, rule.level);
            new.iter()
                .any(|(domain, new)| kept.get(domain).copied().unwrap_or(0) + new > rule.max)
        })?;
        Some(self.name("limit", task, broken.group, broken.level))
    }

    fn spread(&self, task: TaskIdx, compared: &mut Compared<'a>) -> Option<String> {
        let of: &'a Task = self.cluster.task(task);
        let mut uneven = |rule: &SpreadRule| {
            let counted = self.counted(task, rule.group);
            let new = self.by_domain(&self.new, &counted, rule.level);
            if new.is_empty() {
                return false;
            }
            let compared = compared.of(task, rule.level);
            let kept = self.by_domain(&self.kept, &counted, rule.level);
            let before = |domain: &DomainIdx| kept.get(domain).copied().unwrap_or(0);
            let after = |domain: &DomainIdx| before(domain) + new.get(domain).copied().unwrap_or(0);
            skew(compared.iter().map(after)) > rule.max_skew.max(skew(compared.iter().map(before)))
        };
        let broken = of.spreads.iter().find(|rule| rule.hard && uneven(rule))?;
        Some(self.name("spread", task, broken.group, broken.level))
    }

    fn name(&self, kind: &str, task: TaskIdx, group: Option<GroupIdx>, level: LevelIdx) -> String {
        let counted = match group {
            Some(group) => format!("group:{}", self.cluster.groups[group.at()]),
            None => self.cluster.task_name(task),
        };
        format!("{kind}[{counted},{}]", self.cluster.levels[level.at()].name)
    }
}

fn skew(counts: impl Iterator<Item = i64> + Clone) -> i64 {
    counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
}

pub(super) fn by_task<'r>(running: impl Iterator<Item = &'r Running>) -> ByTask {
    let mut by_task: ByTask = BTreeMap::new();
    for placed in running {
        by_task
            .entry(placed.task)
            .or_default()
            .push((placed.agent, placed.instances));
    }
    by_task
}
