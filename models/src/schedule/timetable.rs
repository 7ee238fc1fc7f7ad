//! An answer: which copies run where and when, and what that is worth.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::types::{Edge, Schedule, TimeObjective};
use crate::assignment::{NO_GROUP, Placement, TIE};

/// Copies of an operation in a bin, from `start` to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimedEntry {
    /// Operation position.
    pub operation: u32,
    /// Bin position.
    pub bin: u32,
    /// Milliseconds.
    pub start: i64,
    /// Milliseconds.
    pub end: i64,
    /// How many, at least 1.
    pub copies: i64,
}

/// Entries in ascending order, no two alike but for their copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timetable {
    entries: Vec<TimedEntry>,
}

impl Timetable {
    /// Sorts entries and merges those that differ in their copies only.
    #[must_use]
    pub fn new(mut entries: Vec<TimedEntry>) -> Self {
        entries.retain(|entry| entry.copies != 0);
        entries.sort_unstable();
        entries.dedup_by(|next, kept| {
            let alike = (next.operation, next.bin, next.start, next.end)
                == (kept.operation, kept.bin, kept.start, kept.end);
            if alike {
                kept.copies += next.copies;
            }
            alike
        });
        Self { entries }
    }

    /// The entries, ascending.
    #[must_use]
    pub fn entries(&self) -> &[TimedEntry] {
        &self.entries
    }

    /// Where how many copies run at some time.
    #[must_use]
    pub fn placement(&self) -> Placement {
        let entries = self.entries.iter();
        Placement::new(
            entries
                .map(|entry| (entry.operation, entry.bin, entry.copies))
                .collect(),
        )
    }
}

impl Schedule {
    /// The value of each stage.
    #[must_use]
    pub fn values(&self, timetable: &Timetable) -> Vec<f64> {
        let stages = self.stages.iter();
        stages
            .map(|stage| self.value(stage.objective, timetable))
            .collect()
    }

    fn value(&self, objective: TimeObjective, timetable: &Timetable) -> f64 {
        let entries = timetable.entries.iter();
        let operation = |entry: &TimedEntry| &self.operations[entry.operation as usize];
        let sum = |of: &dyn Fn(&TimedEntry) -> i64| -> f64 {
            let all = timetable.entries.iter();
            all.map(|entry| of(entry) as f64 * entry.copies as f64)
                .sum()
        };
        match objective {
            TimeObjective::Value => sum(&|entry| operation(entry).value),
            TimeObjective::Makespan => entries.map(|entry| entry.end).max().unwrap_or(0) as f64,
            TimeObjective::Completion => sum(&|entry| entry.end),
            TimeObjective::Cost => sum(&|entry| operation(entry).cost_in(entry.bin)),
            TimeObjective::Traffic {
                within_group,
                across,
            } => self.traffic(timetable, within_group as f64, across as f64),
        }
    }

    /// What is handed over between bins, weighted by how far they are from each other.
    fn traffic(&self, timetable: &Timetable, within_group: f64, across: f64) -> f64 {
        let of = |operation: u32| {
            let first = timetable
                .entries
                .partition_point(|e| e.operation < operation);
            let all = timetable.entries[first..].iter();
            all.take_while(move |entry| entry.operation == operation)
        };
        let mut before: BTreeMap<u32, Vec<&Edge>> = BTreeMap::new();
        for edge in self.edges.iter().filter(|edge| edge.amount > 0) {
            before.entry(edge.to).or_default().push(edge);
        }
        let mut sum = 0.0;
        for (to, edges) in before {
            let (mut all, mut by_bin, mut by_group) = (0.0, BTreeMap::new(), BTreeMap::new());
            for edge in edges {
                let count =
                    |operation: u32| self.operations[operation as usize].count.max(1) as f64;
                let part = edge.amount as f64 / (count(edge.from) * count(edge.to));
                for from in of(edge.from) {
                    let part = part * from.copies as f64;
                    all += part;
                    *by_bin.entry(from.bin).or_insert(0.0) += part;
                    *by_group
                        .entry(self.group_of[from.bin as usize])
                        .or_insert(0.0) += part;
                }
            }
            for entry in of(to) {
                let group = self.group_of[entry.bin as usize];
                let here = by_bin.get(&entry.bin).copied().unwrap_or(0.0);
                let near = match group {
                    NO_GROUP => here,
                    group => by_group.get(&group).copied().unwrap_or(0.0),
                };
                sum += entry.copies as f64 * ((near - here) * within_group + (all - near) * across);
            }
        }
        sum
    }

    /// Compares values stage by stage: `Less` is better.
    #[must_use]
    pub fn compare(&self, left: &[f64], right: &[f64]) -> Ordering {
        for (stage, (left, right)) in self.stages.iter().zip(left.iter().zip(right)) {
            let sense = stage.objective.sense();
            if sense.is_better(*left, *right, TIE) {
                return Ordering::Less;
            }
            if sense.is_better(*right, *left, TIE) {
                return Ordering::Greater;
            }
        }
        Ordering::Equal
    }
}
