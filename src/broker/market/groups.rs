//! Tasks of one framework that are alike, and the classes that they may use.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, GroupIdx, LevelIdx, Quantities, TaskIdx};

use super::domain_rows::Limits;
use crate::broker::classes::Census;
use crate::broker::demand::Wanted;

/// Tasks of one framework that are alike to the broker: equal demand, value and rules. One column per class stands
/// for all of them; what fits and what is wanted adds up.
#[derive(Debug)]
pub(in crate::broker) struct Group {
    pub tasks: Vec<Wanted>,
    pub demand: Quantities,
    pub value: i64,
    /// `n`: the sum over the tasks.
    pub most: f64,
    /// By class, ascending.
    pub columns: Vec<Column>,
}

/// A group on a class.
#[derive(Debug)]
pub(in crate::broker) struct Column {
    pub class: usize,
    /// Room on the class's agents.
    pub room: f64,
    /// The same within limits per failure domain.
    pub fit: f64,
    /// Whether some share would be more than what fits.
    pub(super) is_reached: bool,
    /// Half rows that count it, by position in [`Market::halves`](super::Market::halves), and how much of each one instance takes.
    halves: Vec<(usize, f64)>,
    /// Rows of failure domains that count it, by position in [`Member::domains`](super::Member::domains).
    pub(super) domains: Vec<usize>,
}

impl Column {
    /// What a share may be at most.
    pub fn most(&self, limits: Limits) -> f64 {
        match limits == Limits::All || self.is_reached {
            true => self.fit,
            false => self.room,
        }
    }

    /// Of the first so many half rows, those that count it, and how much of each one instance takes.
    pub fn halves(&self, n_rows: usize) -> impl Iterator<Item = (usize, f64)> {
        let halves = self.halves.iter().copied();
        halves.take_while(move |&(half, _)| half < n_rows)
    }

    /// Has a half row count it, after those that do.
    pub fn add_half(&mut self, half: usize, count: f64) {
        self.halves.push((half, count));
    }
}

/// The resources that an instance needs, with amounts.
pub(in crate::broker) fn needs(demand: &Quantities) -> impl Iterator<Item = (usize, i64)> + '_ {
    demand
        .0
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, need)| need > 0)
}

/// Merges the tasks of one framework that are alike, in order of first appearance, higher priorities first within.
pub(super) fn groups(
    cluster: &Cluster,
    census: &Census,
    wanted: impl Iterator<Item = (i64, Wanted)>,
) -> Vec<Group> {
    type Limits = Vec<(Option<GroupIdx>, LevelIdx, i64)>;
    type Key = (usize, Quantities, i64, Option<TaskIdx>, Limits);
    let mut position: BTreeMap<Key, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (value, wanted) in wanted {
        let demand = &cluster.task(wanted.task).demand;
        // A task that runs where it could not be placed is like no other.
        let apart = (!wanted.strays.is_empty()).then_some(wanted.task);
        let limits = wanted.caps.iter();
        let limits = limits.map(|cap| (cap.group(), cap.level, cap.max));
        let rules = census.rules_of(wanted.task);
        let key = (rules, demand.clone(), value, apart, limits.collect());
        let at = *position.entry(key).or_insert_with(|| {
            let group = Group {
                tasks: Vec::new(),
                demand: demand.clone(),
                value,
                most: 0.0,
                columns: Vec::new(),
            };
            groups.push(group);
            groups.len() - 1
        });
        groups[at].most += wanted.most;
        groups[at].tasks.push(wanted);
    }
    for group in &mut groups {
        group.tasks.sort_by_key(|wanted| {
            let priority = cluster.job(cluster.task(wanted.task).job).priority;
            (std::cmp::Reverse(priority), wanted.task)
        });
        let first = &group.tasks[0];
        let open = first.shape.classes.iter().map(|entry| entry.0);
        let strays = first
            .strays
            .iter()
            .map(|stray| census.class_of(stray.agent));
        let classes: BTreeSet<usize> = open.chain(strays).collect();
        let columns = classes.into_iter().map(|class| {
            let tasks = group.tasks.iter();
            Column {
                class,
                room: tasks.clone().map(|wanted| wanted.room(class, census)).sum(),
                fit: tasks.map(|wanted| wanted.fit(class, census)).sum(),
                is_reached: false,
                halves: Vec::new(),
                domains: Vec::new(),
            }
        });
        group.columns = columns.collect();
    }
    groups.retain(|group| !group.columns.is_empty());
    groups
}
