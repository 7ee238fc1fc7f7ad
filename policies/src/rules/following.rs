//! What waits for something that has no place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{Slice, TaskIdx};

use crate::contract::Formulation;

/// The tasks of which the slice has less than is wanted: a limit of a role holds the rest back.
pub(crate) struct Short<'a> {
    slice: &'a Slice<'a>,
    there: BTreeMap<TaskIdx, i64>,
}

impl<'a> Short<'a> {
    pub(crate) fn of(slice: &'a Slice<'a>) -> Self {
        let mut there: BTreeMap<TaskIdx, i64> = slice.pending.iter().copied().collect();
        for kept in &slice.kept {
            *there.entry(kept.task).or_insert(0) += kept.instances;
        }
        Self { slice, there }
    }

    pub(crate) fn has(&self, task: TaskIdx) -> bool {
        let there = self.there.get(&task).copied().unwrap_or(0);
        there < self.slice.cluster.task(task).instances
    }
}

/// Leaves no bin to the items of tasks that follow one that is short: they have no moment at which they could start.
pub(crate) fn hold_back(formulation: &mut Formulation, tasks: &BTreeSet<TaskIdx>) {
    let items = formulation.assignment.items.iter_mut();
    for (item, task) in items.zip(&formulation.items) {
        if tasks.contains(task) {
            item.eligible = Arc::default();
        }
    }
}
