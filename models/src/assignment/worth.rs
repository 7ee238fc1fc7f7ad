//! What placed copies are worth, whether or not their bin matters.

use std::borrow::Cow;

use super::types::{Assignment, Objective, Term, Yield};

/// A stage that maximizes the value of what is placed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Worth<'a> {
    /// The bin does not matter.
    Flat(&'a [Term]),
    /// The class of the bin matters.
    ByClass(&'a Yield),
}

impl Objective {
    /// The values, if that is what the stage is about.
    pub(super) fn worth(&self) -> Option<Worth<'_>> {
        match self {
            Self::Value(terms) => Some(Worth::Flat(terms)),
            Self::Yield(by_class) => Some(Worth::ByClass(by_class)),
            _ => None,
        }
    }
}

/// What copies of one item cost in the bins, or are worth less there than in the best class of bins.
#[derive(Clone, Copy, Debug)]
pub struct Tolls<'a> {
    class_of: &'a [u32],
    /// By class; empty if there are none.
    values: &'a [i64],
    /// The value that they are less than.
    best: Option<i64>,
}

impl Tolls<'_> {
    /// Whether there are any; else all are 0.
    #[must_use]
    pub fn are_any(&self) -> bool {
        !self.values.is_empty()
    }

    /// The toll of a copy in the bin, at least 0.
    #[inline]
    #[must_use]
    pub fn of(&self, bin: u32) -> i64 {
        if self.values.is_empty() {
            return 0;
        }
        let value = self.values[self.class_of[bin as usize] as usize];
        self.best.map_or(value, |best| best - value)
    }
}

impl Objective {
    /// The tolls of an item. To be asked once for many bins.
    #[must_use]
    pub fn tolls(&self, item: u32) -> Tolls<'_> {
        let (by_class, is_worth) = match self {
            Self::Yield(by_class) => (Some(by_class), true),
            Self::Cost(by_class) => (Some(by_class), false),
            _ => (None, false),
        };
        let values = by_class.and_then(|by_class| by_class.values_of(item));
        let values = values.unwrap_or(&[]);
        Tolls {
            class_of: by_class.map_or(&[], |by_class| &by_class.class_of),
            values,
            best: (values.iter().copied().max()).filter(|_| is_worth),
        }
    }
}

impl<'a> Worth<'a> {
    /// The value of a copy of the item in the bin.
    pub(super) fn of(self, item: u32, bin: u32) -> i64 {
        match self {
            Self::Flat(terms) => {
                let found = terms.binary_search_by_key(&item, |term| term.item);
                found.map_or(0, |position| terms[position].value)
            }
            Self::ByClass(by_class) => by_class.of(item, bin),
        }
    }

    /// For every item with a value, the most that a copy is worth in any bin that it may go to.
    pub(super) fn best(self, assignment: &Assignment) -> Cow<'a, [Term]> {
        match self {
            Self::Flat(terms) => Cow::Borrowed(terms),
            Self::ByClass(by_class) => Cow::Owned(
                (by_class.rates.iter())
                    .map(|rate| {
                        let eligible = assignment.items[rate.item as usize].eligible.iter();
                        let of_bin =
                            |&bin: &u32| rate.values[by_class.class_of[bin as usize] as usize];
                        Term {
                            item: rate.item,
                            value: eligible.map(of_bin).max().unwrap_or(0),
                        }
                    })
                    .collect(),
            ),
        }
    }
}

impl Yield {
    /// The value (or cost) of a copy of the item in the bin.
    #[must_use]
    pub fn of(&self, item: u32, bin: u32) -> i64 {
        self.values_of(item)
            .map_or(0, |values| values[self.class_of[bin as usize] as usize])
    }

    /// The values of the item by class, if it has a rate.
    pub(super) fn values_of(&self, item: u32) -> Option<&[i64]> {
        let found = self.rates.binary_search_by_key(&item, |rate| rate.item);
        found
            .ok()
            .map(|position| self.rates[position].values.as_slice())
    }
}
