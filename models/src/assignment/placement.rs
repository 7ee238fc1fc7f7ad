//! Where copies go.

use serde::{Deserialize, Serialize};

/// How many copies of which item are in which bin: sorted by item, then bin, each pair once, no zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Placement {
    entries: Vec<Entry>,
}

/// Item position, bin position, copies.
pub type Entry = (u32, u32, i64);

impl Placement {
    /// A placement of the entries, in any order; those of one item and bin are added together.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(|&(item, bin, _)| (item, bin));
        entries.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            same
        });
        entries.retain(|&(_, _, copies)| copies != 0);
        Self { entries }
    }

    /// The entries, sorted by item, then bin.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of one item, sorted by bin.
    #[must_use]
    pub fn of_item(&self, item: u32) -> &[Entry] {
        let start = self.entries.partition_point(|entry| entry.0 < item);
        let length = self.entries[start..].partition_point(|entry| entry.0 == item);
        &self.entries[start..start + length]
    }

    /// How many copies of one item are placed.
    #[must_use]
    pub fn copies_of(&self, item: u32) -> i64 {
        let copies = |total: i64, entry: &Entry| total.saturating_add(entry.2);
        self.of_item(item).iter().fold(0, copies)
    }

    /// Whether nothing is placed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl From<Vec<Entry>> for Placement {
    fn from(entries: Vec<Entry>) -> Self {
        Self::new(entries)
    }
}

impl From<Placement> for Vec<Entry> {
    fn from(placement: Placement) -> Self {
        placement.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_merged_and_found_by_item() {
        let placement = Placement::new(vec![(2, 1, 1), (0, 3, 2), (2, 0, 4), (0, 3, 1), (1, 0, 0)]);
        assert_eq!(placement.entries(), [(0, 3, 3), (2, 0, 4), (2, 1, 1)]);
        assert_eq!(placement.of_item(2), [(2, 0, 4), (2, 1, 1)]);
        assert_eq!((placement.copies_of(0), placement.copies_of(1)), (3, 0));
    }
}
