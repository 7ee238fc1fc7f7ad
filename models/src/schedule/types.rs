//! The parts of a [`Schedule`].

use std::sync::Arc;

use crate::assignment::{Bin, NO_GROUP};
use crate::milp::Sense;

/// Operations, bins, edges and stages; see the [module](crate::schedule).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// Names of the resources; every demand and capacity has this length.
    pub resources: Vec<String>,
    /// Classes of alike copies.
    pub operations: Vec<Operation>,
    /// Places. Their devices are not looked at.
    pub bins: Vec<Bin>,
    /// Group of each bin (shape: bins); [`NO_GROUP`] for bins that are near no other.
    pub group_of: Arc<Vec<u32>>,
    /// What follows what.
    pub edges: Vec<Edge>,
    /// How long it takes to hand something over.
    pub network: Network,
    /// Lexicographic objective, the most important first.
    pub stages: Vec<TimeStage>,
}

/// A class of alike copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Unique name.
    pub name: String,
    /// How many copies are wanted.
    pub count: i64,
    /// What one copy needs while it is in progress, by resource.
    pub demand: Vec<i64>,
    /// Bins that it may go to, ascending.
    pub eligible: Arc<Vec<u32>>,
    /// Milliseconds that one copy takes, at least 0 (shape: eligible).
    pub durations: Arc<Vec<i64>>,
    /// What a copy costs there, at least 0 (shape: eligible; empty for nothing anywhere).
    pub costs: Arc<Vec<i64>>,
    /// Worth of one copy, at least 0.
    pub value: i64,
    /// No copy starts earlier, in milliseconds from 0.
    pub release: i64,
    /// Of copies that may take turns, the more urgent come first.
    pub urgency: i64,
}

/// `to` follows `from`, which hands over an amount in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Operation position.
    pub from: u32,
    /// Operation position, another.
    pub to: u32,
    /// Amount, at least 0.
    pub amount: i64,
}

/// How fast amounts are handed over. Within a bin it takes no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Units per second between bins of one group; 0 is no time.
    pub within_group: i64,
    /// The same between groups.
    pub across: i64,
}

impl Network {
    /// Seconds that a unit takes at a rate.
    pub(super) fn seconds(rate: i64) -> f64 {
        if rate == 0 { 0.0 } else { 1.0 / rate as f64 }
    }
}

/// One stage of a lexicographic objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStage {
    /// Unique name.
    pub name: String,
    /// What is optimized; its sense follows from the kind.
    pub objective: TimeObjective,
}

/// The kinds of objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeObjective {
    /// Maximize the value of the copies placed.
    Value,
    /// Minimize the moment at which the last copy ends.
    Makespan,
    /// Minimize the sum of the moments at which copies end.
    Completion,
    /// Minimize the sum of what copies cost where they are.
    Cost,
    /// Minimize what is handed over between bins, weighted.
    Traffic {
        /// Weight of a unit between bins of one group, at least 0.
        within_group: i64,
        /// Weight of a unit between groups, at least 0.
        across: i64,
    },
}

impl TimeObjective {
    /// Whether more or less is better.
    #[must_use]
    pub fn sense(self) -> Sense {
        match self {
            Self::Value => Sense::Maximize,
            Self::Makespan | Self::Completion | Self::Cost | Self::Traffic { .. } => {
                Sense::Minimize
            }
        }
    }
}

/// How far two bins are from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Distance {
    /// The same bin.
    Same,
    /// Bins of one group.
    WithinGroup,
    /// Bins of different groups.
    Across,
}

impl Schedule {
    /// How far two bins are from each other.
    pub(super) fn distance(&self, one: u32, other: u32) -> Distance {
        let group = |bin: u32| self.group_of[bin as usize];
        if one == other {
            Distance::Same
        } else if group(one) == group(other) && group(one) != NO_GROUP {
            Distance::WithinGroup
        } else {
            Distance::Across
        }
    }

    /// Units per second from one bin to another; 0 where that takes no time, as within a bin.
    #[must_use]
    pub fn rate(&self, one: u32, other: u32) -> i64 {
        match self.distance(one, other) {
            Distance::Same => 0,
            Distance::WithinGroup => self.network.within_group,
            Distance::Across => self.network.across,
        }
    }

    /// Milliseconds until a copy in `other` has what a copy in `one` hands over to it.
    #[must_use]
    pub fn transfer(&self, edge: &Edge, one: u32, other: u32) -> i64 {
        self.transfer_at(edge, self.rate(one, other))
    }

    /// Milliseconds that what an edge hands over between two copies takes at so many units per second.
    pub(super) fn transfer_at(&self, edge: &Edge, rate: i64) -> i64 {
        if rate == 0 {
            return 0;
        }
        let count = |operation: u32| self.operations[operation as usize].count.max(1);
        let pairs = i128::from(count(edge.from)) * i128::from(count(edge.to));
        let whole = i128::from(edge.amount) * 1000;
        let parts = pairs * i128::from(rate);
        i64::try_from((whole + parts - 1) / parts).unwrap_or(i64::MAX)
    }
}

impl Operation {
    /// How long a copy takes in a bin, if it may go there.
    #[must_use]
    pub fn duration_in(&self, bin: u32) -> Option<i64> {
        let at = self.eligible.binary_search(&bin).ok()?;
        Some(self.durations[at])
    }

    /// What a copy costs in a bin; 0 where nothing is stated.
    #[must_use]
    pub fn cost_in(&self, bin: u32) -> i64 {
        let at = self.eligible.binary_search(&bin).ok();
        at.and_then(|at| self.costs.get(at)).copied().unwrap_or(0)
    }
}
