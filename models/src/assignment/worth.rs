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

impl Objective {
    /// What a copy of the item in the bin is worth less than in the best class of bins, or what it costs there.
    pub(super) fn toll(&self, item: u32, bin: u32) -> i64 {
        match self {
            Self::Yield(by_class) => by_class.lost(item, bin),
            Self::Cost(by_class) => by_class.of(item, bin),
            _ => 0,
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

    /// What a copy in the bin is worth less than in the best class.
    fn lost(&self, item: u32, bin: u32) -> i64 {
        self.values_of(item).map_or(0, |values| {
            let best = values.iter().copied().max().unwrap_or(0);
            best - values[self.class_of[bin as usize] as usize]
        })
    }
}
