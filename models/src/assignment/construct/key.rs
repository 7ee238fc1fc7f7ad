//! Keys of bins: what one more copy there harms, in the order in which that matters.

use std::cmp::Ordering;

use crate::assignment::types::{Assignment, Objective};

/// How many stages the key of a bin looks at.
pub(super) const STAGES: usize = 6;

/// How good a bin is for one more copy; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    /// What it adds to the first stages after the value stages.
    pub(super) raises: [f64; STAGES],
    /// How well what is left of the item fits where none of its kind is yet; 0 where some is, or where that does not matter.
    pub(super) fit: i64,
    /// Sum of the counts of its groups.
    pub(super) counts: i64,
    /// Whether the bin holds nothing yet.
    pub(super) closed: bool,
    /// Free capacity after the copy.
    pub(super) leftover: f64,
    pub(super) bin: u32,
}

impl Eq for Key {}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.raises != other.raises {
            for (left, right) in self.raises.iter().zip(&other.raises) {
                let order = left.total_cmp(right);
                if order.is_ne() {
                    return order;
                }
            }
        }
        (self.fit.cmp(&other.fit))
            .then_with(|| self.counts.cmp(&other.counts))
            .then_with(|| self.closed.cmp(&other.closed))
            .then_with(|| self.leftover.total_cmp(&other.leftover))
            .then_with(|| self.bin.cmp(&other.bin))
    }
}

impl Key {
    /// What a cell adds to what its zone has.
    #[inline]
    pub(super) fn within(mut self, zone: &Self) -> Self {
        for (of_cell, of_zone) in self.raises.iter_mut().zip(zone.raises) {
            *of_cell += of_zone;
        }
        self.counts += zone.counts;
        self
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of each stage in [`Key::raises`]. Values do not tell bins apart; stages in which they do by class share a
/// place, however many priorities there are.
pub(super) fn slots(assignment: &Assignment) -> Vec<Option<usize>> {
    let (mut n_slots, mut of_yields) = (0, None);
    let slots = assignment.stages.iter().map(|stage| {
        let shared = match stage.objective {
            Objective::Value(_) | Objective::Utility(_) => return None,
            Objective::Yield(_) => of_yields,
            _ => None,
        };
        if shared.is_some() || n_slots == STAGES {
            return shared;
        }
        n_slots += 1;
        if matches!(stage.objective, Objective::Yield(_)) {
            of_yields = Some(n_slots - 1);
        }
        Some(n_slots - 1)
    });
    slots.collect()
}
