//! Counts by group, with their extremes.

/// Counts by group, with their extremes.
#[derive(Clone, Debug)]
pub(in crate::assignment) struct Counts {
    pub(in crate::assignment) counts: Vec<i64>,
    /// The largest count and how many groups have it.
    pub(in crate::assignment) most: (i64, usize),
    /// The smallest count and how many groups have it.
    pub(in crate::assignment) least: (i64, usize),
    /// How many groups have any.
    pub(in crate::assignment) n_used: usize,
}

impl Counts {
    pub(super) fn new(base: &[i64]) -> Self {
        let mut counts = Self {
            counts: base.to_vec(),
            most: (0, 0),
            least: (0, 0),
            n_used: base.iter().filter(|&&count| count > 0).count(),
        };
        counts.find_most();
        counts.find_least();
        counts
    }

    fn find_most(&mut self) {
        let most = self.counts.iter().copied().max().unwrap_or(0);
        self.most = (
            most,
            self.counts.iter().filter(|&&count| count == most).count(),
        );
    }

    fn find_least(&mut self) {
        let least = self.counts.iter().copied().min().unwrap_or(0);
        self.least = (
            least,
            self.counts.iter().filter(|&&count| count == least).count(),
        );
    }

    #[inline]
    pub(super) fn change(&mut self, group: usize, change: i64) {
        let before = self.counts[group];
        let after = before + change;
        self.counts[group] = after;
        self.n_used = self.n_used + usize::from(after > 0) - usize::from(before > 0);
        if before == self.most.0 {
            self.most.1 -= 1;
        }
        if before == self.least.0 {
            self.least.1 -= 1;
        }
        match after.cmp(&self.most.0) {
            std::cmp::Ordering::Greater => self.most = (after, 1),
            std::cmp::Ordering::Equal => self.most.1 += 1,
            std::cmp::Ordering::Less if self.most.1 == 0 => self.find_most(),
            std::cmp::Ordering::Less => {}
        }
        match after.cmp(&self.least.0) {
            std::cmp::Ordering::Less => self.least = (after, 1),
            std::cmp::Ordering::Equal => self.least.1 += 1,
            std::cmp::Ordering::Greater if self.least.1 == 0 => self.find_least(),
            std::cmp::Ordering::Greater => {}
        }
    }
}
