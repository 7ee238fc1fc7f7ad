//! Operations that nothing tells apart, by what their copies want.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flow::Wish;
use super::places::fitting;
use super::types::{Operation, Schedule};

/// Operations that nothing tells apart.
pub(super) struct Kind {
    pub(super) operations: Vec<u32>,
    pub(super) copies: i64,
    /// The shortest duration.
    pub(super) shortest: i64,
    /// The least time from the end of a copy to the end of all.
    pub(super) tail: i64,
    /// Bins in which a copy is shortest and costs least; none where no bin has both.
    pub(super) near: Vec<u32>,
    /// What a copy costs at the least.
    pub(super) least_cost: i64,
    /// Number of its list of bins.
    shared: usize,
}

/// All kinds, the longest first.
pub(super) struct Kinds {
    pub(super) list: Vec<Kind>,
    /// Position in the list by operation; none where no bin holds a copy.
    pub(super) of: Vec<Option<usize>>,
}

impl Kinds {
    /// With the time that must be left after each operation.
    pub(super) fn of(schedule: &Schedule, tails: &[i64]) -> Self {
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        let mut lists: BTreeMap<usize, usize> = BTreeMap::new();
        let mut list: Vec<Kind> = Vec::new();
        for ((at, operation), &tail) in (0u32..).zip(&schedule.operations).zip(tails) {
            let fitting = fitting(schedule, operation);
            let Some(shortest) = fitting.iter().map(|it| it.1).min() else {
                continue;
            };
            let n_lists = lists.len();
            let shared = *lists
                .entry(Arc::as_ptr(&operation.eligible) as usize)
                .or_insert(n_lists);
            let key = (
                shared,
                tail,
                &operation.demand,
                &operation.durations,
                &operation.costs,
            );
            let kind = *known.entry(key).or_insert(list.len());
            if kind == list.len() {
                let cost = |bin: u32| operation.cost_in(bin);
                let costs = fitting.iter().map(|it| cost(it.0));
                let least_cost = costs.min().unwrap_or(0);
                let near = fitting.iter().filter(|it| it.1 == shortest).map(|it| it.0);
                list.push(Kind {
                    operations: Vec::new(),
                    copies: 0,
                    shortest,
                    tail,
                    near: near.filter(|&bin| cost(bin) == least_cost).collect(),
                    least_cost,
                    shared,
                });
            }
            list[kind].operations.push(at);
            list[kind].copies += operation.count;
        }
        list.sort_by_key(|kind| std::cmp::Reverse(kind.shortest));
        let mut of = vec![None; schedule.operations.len()];
        for (at, kind) in list.iter().enumerate() {
            for &operation in &kind.operations {
                of[operation as usize] = Some(at);
            }
        }
        Self { list, of }
    }
}

impl Kind {
    /// One of the operations, as they are alike.
    pub(super) fn operation<'s>(&self, schedule: &'s Schedule) -> &'s Operation {
        &schedule.operations[self.operations[0] as usize]
    }

    /// Any bin in which a copy fits, for so many copies.
    pub(super) fn wish(&self, schedule: &Schedule, copies: i64) -> Wish {
        let operation = self.operation(schedule);
        let bins: Vec<(u32, i64)> = fitting(schedule, operation)
            .into_iter()
            .map(|(bin, _)| (bin, operation.cost_in(bin)))
            .collect();
        // Bins that are shared are those of the list, as long as copies fit into all of them.
        let whole = bins.len() == operation.eligible.len();
        Wish {
            copies,
            bins,
            shared: whole.then_some(self.shared),
            class: 0,
        }
    }
}
