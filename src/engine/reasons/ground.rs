//! What reasons of all tasks look up: where everything is, and which rules count whom.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::{
    Cluster, DomainIdx, GroupIdx, LevelIdx, LimitRule, Phase, Running, SpreadRule, TaskIdx,
};

use super::super::state::State;

type ByDomain = BTreeMap<DomainIdx, i64>;

/// The final state with its indices.
pub(super) struct Ground<'a> {
    pub state: &'a State<'a>,
    /// Instances in place, by job.
    placed: Vec<i64>,
    /// What each task of a batch follows.
    follows: BTreeMap<TaskIdx, Vec<TaskIdx>>,
    /// Placements of each task, as positions in `placements`.
    of_task: Vec<Vec<usize>>,
    placements: &'a [Running],
    members: BTreeMap<GroupIdx, Vec<TaskIdx>>,
    /// Limits and hard spreads that count a group, whoever of it states them.
    limits_of: BTreeMap<GroupIdx, BTreeSet<&'a LimitRule>>,
    spreads_of: BTreeMap<GroupIdx, BTreeSet<&'a SpreadRule>>,
    /// Instances per domain of each group, as they are asked for.
    counts: RefCell<BTreeMap<(GroupIdx, LevelIdx), Rc<ByDomain>>>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(state: &'a State<'a>, placements: &'a [Running]) -> Self {
        let cluster = state.cluster;
        let mut ground = Self {
            state,
            placed: vec![0; cluster.jobs.len()],
            follows: BTreeMap::new(),
            of_task: vec![Vec::new(); cluster.tasks.len()],
            placements,
            members: BTreeMap::new(),
            limits_of: BTreeMap::new(),
            spreads_of: BTreeMap::new(),
            counts: RefCell::default(),
        };
        for edge in cluster.jobs.iter().flat_map(|job| &job.edges) {
            if cluster.task(edge.to).work_ms.is_some() {
                ground.follows.entry(edge.to).or_default().push(edge.from);
            }
        }
        for (at, placed) in placements.iter().enumerate() {
            ground.placed[cluster.task(placed.task).job.at()] += placed.instances;
            ground.of_task[placed.task.at()].push(at);
        }
        for at in cluster.task_indices() {
            let task = cluster.task(at);
            for &group in &task.groups {
                ground.members.entry(group).or_default().push(at);
            }
            for rule in &task.limits {
                let group = rule.group.map(|it| ground.limits_of.entry(it).or_default());
                group.map(|rules| rules.insert(rule));
            }
            for rule in task.spreads.iter().filter(|rule| rule.hard) {
                let group = rule
                    .group
                    .map(|it| ground.spreads_of.entry(it).or_default());
                group.map(|rules| rules.insert(rule));
            }
        }
        ground
    }

    pub(super) fn cluster(&self) -> &'a Cluster {
        self.state.cluster
    }

    /// Instances of the task's job in place.
    pub(super) fn placed_of_job(&self, task: TaskIdx) -> i64 {
        self.placed[self.cluster().task(task).job.at()]
    }

    /// A task that this one waits for, of which not all have a place, with how many have none. Reduce tasks wait where something is planned ahead.
    pub(super) fn waits_for(&self, task: TaskIdx) -> Option<(TaskIdx, i64)> {
        let cluster = self.cluster();
        let of = cluster.task(task);
        let framework = cluster.framework_of(task);
        let is_ahead = matches!(of.phase, Some(Phase::Reduce(_)))
            && !self.state.added_times[framework.at()].is_empty();
        let maps = cluster.map_tasks(of.job).filter(|_| is_ahead);
        let before = self.follows.get(&task).into_iter().flatten().copied();
        let missing = |task: TaskIdx| {
            let placed = self.of_task[task.at()].iter();
            let placed = placed.map(|&at| self.placements[at].instances);
            cluster.task(task).instances - placed.sum::<i64>()
        };
        let mut before = before.chain(maps).map(|task| (task, missing(task)));
        before.find(|&(_, missing)| missing > 0)
    }

    /// Limits that count a task: its own, and those of its groups, stated by whichever member.
    pub(super) fn limits_on(&self, task: TaskIdx) -> Vec<&'a LimitRule> {
        let of = self.cluster().task(task);
        let own = of.limits.iter().filter(|rule| rule.group.is_none());
        let groups = of.groups.iter().filter_map(|it| self.limits_of.get(it));
        own.chain(groups.flatten().copied()).collect()
    }

    /// Hard spreads that count a task, as [`Ground::limits_on`].
    pub(super) fn spreads_on(&self, task: TaskIdx) -> Vec<&'a SpreadRule> {
        let of = self.cluster().task(task);
        let own = of.spreads.iter().filter(|it| it.hard && it.group.is_none());
        let groups = of.groups.iter().filter_map(|it| self.spreads_of.get(it));
        own.chain(groups.flatten().copied()).collect()
    }

    /// Instances per domain of everything that a rule on `task` counts.
    pub(super) fn counts(
        &self,
        task: TaskIdx,
        group: Option<GroupIdx>,
        level: LevelIdx,
    ) -> Rc<ByDomain> {
        let Some(group) = group else {
            return Rc::new(self.by_domain(&[task], level));
        };
        // A group's counts serve all its members.
        let mut known = self.counts.borrow_mut();
        let counts = known.entry((group, level));
        let count = || Rc::new(self.by_domain(&self.members[&group], level));
        Rc::clone(counts.or_insert_with(count))
    }

    fn by_domain(&self, tasks: &[TaskIdx], level: LevelIdx) -> ByDomain {
        let mut counts = BTreeMap::new();
        for &at in tasks.iter().flat_map(|task| &self.of_task[task.at()]) {
            let placed = self.placements[at];
            let domain = self.cluster().domain(placed.agent, level);
            *counts.entry(domain).or_insert(0) += placed.instances;
        }
        counts
    }

    /// `limit[job/task,rack]`, `spread[group:g,rack]`: rows as the policies name them.
    pub(super) fn rule_name(
        &self,
        kind: &str,
        task: TaskIdx,
        group: Option<GroupIdx>,
        level: LevelIdx,
    ) -> String {
        let counted = match group {
            Some(group) => format!("group:{}", self.cluster().groups[group.at()]),
            None => self.cluster().task_name(task),
        };
        format!(
            "{kind}[{counted},{}]",
            self.cluster().levels[level.at()].name
        )
    }
}
