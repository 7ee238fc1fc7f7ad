//! What is wrong with the data of an [`Assignment`].

mod rules;
mod stages;

use std::collections::BTreeSet;

use super::types::{Assignment, Objective};

/// Quantities and counts beyond this are refused, so that sums of products stay exact.
pub const LARGEST_QUANTITY: i64 = 1_000_000_000_000_000;

/// Counts of copies beyond this are refused: an item's, and those in place already.
pub const LARGEST_COUNT: i64 = 1_000_000_000;

/// The position in [`Packing::group_of`](crate::assignment::Packing::group_of) that means "in no group".
pub const NO_GROUP: u32 = u32::MAX;

/// Why an [`Assignment`] means nothing. `place` says where, as in `item web: demand`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignmentFault {
    /// The divisions of one end of a flow do not count the same items.
    #[error("{place} counts other items in one division than in another")]
    Divided {
        /// Where.
        place: String,
    },
    /// A list has the wrong length.
    #[error("{place} has {given} entries instead of {expected}")]
    Length {
        /// Where.
        place: String,
        /// Its length.
        given: usize,
        /// What it should be.
        expected: usize,
    },
    /// A list of positions is not strictly ascending.
    #[error("{place} is not strictly ascending")]
    Unsorted {
        /// Where.
        place: String,
    },
    /// A position beyond the end.
    #[error("{place} speaks of position {position}, and there are {length}")]
    Position {
        /// Where.
        place: String,
        /// The position.
        position: u32,
        /// How many there are.
        length: usize,
    },
    /// A number is negative, not finite, or too large.
    #[error("{place} is {value}, outside {lower}..={upper}")]
    Number {
        /// Where.
        place: String,
        /// The number.
        value: f64,
        /// The smallest that is allowed.
        lower: f64,
        /// The largest that is allowed.
        upper: f64,
    },
    /// A name is empty or used twice.
    #[error("{place} has a name that is empty or used already")]
    Name {
        /// Where.
        place: String,
    },
    /// An item is in two gangs.
    #[error("item {item} is in more than one gang")]
    TwoGangs {
        /// The item's name.
        item: String,
    },
    /// The counts that are there already differ by more than a balance allows.
    #[error("balance {name} is broken by its base: {skew} > {max_skew}")]
    BrokenBalance {
        /// The balance's name.
        name: String,
        /// The difference of the base counts.
        skew: i64,
        /// The largest difference allowed.
        max_skew: i64,
    },
}

impl Assignment {
    /// Whether the data mean anything.
    ///
    /// # Errors
    /// Every fault, in the order of the fields.
    pub fn validate(&self) -> Result<(), Vec<AssignmentFault>> {
        let mut check = Check {
            assignment: self,
            faults: Vec::new(),
        };
        check.items_and_bins();
        check.caps_and_limits();
        check.gangs_and_balances();
        check.stages();
        check.names();
        if check.faults.is_empty() {
            Ok(())
        } else {
            Err(check.faults)
        }
    }
}

struct Check<'a> {
    assignment: &'a Assignment,
    faults: Vec<AssignmentFault>,
}

impl Check<'_> {
    /// Item, bin, rule and stage names are unique among their kind; the names of rules become row names.
    fn names(&mut self) {
        let assignment = self.assignment;
        self.unique(
            "item",
            assignment.items.iter().map(|item| item.name.as_str()),
        );
        self.unique("bin", assignment.bins.iter().map(|bin| bin.name.as_str()));
        let rules = (assignment.caps.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.limits.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.gangs.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.balances.iter().map(|rule| rule.name.as_str()));
        self.unique("rule", rules);
        self.unique(
            "stage",
            assignment.stages.iter().map(|stage| stage.name.as_str()),
        );
        let stages = || assignment.stages.iter().map(|stage| &stage.objective);
        let losses = stages().flat_map(|objective| match objective {
            Objective::WorstShare(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("loss", losses.map(|term| term.name.as_str()));
        let curves = stages().flat_map(|objective| match objective {
            Objective::Utility(curves) => curves.as_slice(),
            _ => &[],
        });
        self.unique("curve", curves.map(|curve| curve.name.as_str()));
        let survivals = stages().flat_map(|objective| match objective {
            Objective::Shortfall(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("survival", survivals.map(|term| term.name.as_str()));
        let spans = stages().flat_map(|objective| match objective {
            Objective::Span(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("span", spans.map(|term| term.name.as_str()));
    }

    fn unique<'n>(&mut self, kind: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (position, name) in names.enumerate() {
            if name.is_empty() || !seen.insert(name) {
                let place = format!("{kind} {position} `{name}`");
                self.faults.push(AssignmentFault::Name { place });
            }
        }
    }

    fn length(&mut self, place: impl Fn() -> String, given: usize, expected: usize) {
        if given != expected {
            self.faults.push(AssignmentFault::Length {
                place: place(),
                given,
                expected,
            });
        }
    }

    fn positions(&mut self, place: impl Fn() -> String, positions: &[u32], length: usize) {
        if !positions.is_sorted_by(|left, right| left < right) {
            self.faults
                .push(AssignmentFault::Unsorted { place: place() });
        }
        if let Some(&position) = positions.iter().find(|&&at| at as usize >= length) {
            self.faults.push(AssignmentFault::Position {
                place: place(),
                position,
                length,
            });
        }
    }

    fn amount(&mut self, place: impl Fn() -> String, value: i64) {
        self.number(place, value as f64, 0.0, LARGEST_QUANTITY as f64);
    }

    fn count(&mut self, place: impl Fn() -> String, value: i64) {
        self.number(place, value as f64, 0.0, LARGEST_COUNT as f64);
    }

    fn number(&mut self, place: impl Fn() -> String, value: f64, lower: f64, upper: f64) {
        if !(lower..=upper).contains(&value) {
            self.faults.push(AssignmentFault::Number {
                place: place(),
                value,
                lower,
                upper,
            });
        }
    }
}
