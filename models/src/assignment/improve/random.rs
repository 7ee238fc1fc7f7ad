//! Numbers drawn at random, the same on every machine.

/// Xorshift: the same numbers for the same seed on every machine.
pub(in crate::assignment) struct Random(u64);

impl Random {
    pub(in crate::assignment) fn new(seed: u64, stage: usize) -> Self {
        let mixed = seed
            .wrapping_add(1 + stage as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(mixed.max(1))
    }

    #[inline]
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit as u64) as usize
    }

    pub(super) fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }

    /// Some entries, at most `n`, in random order.
    pub(in crate::assignment) fn some(&mut self, list: &[u32], n: usize) -> Vec<u32> {
        let mut some = Vec::new();
        for _ in 0..n {
            if let Some(&entry) = self.pick(list)
                && !some.contains(&entry)
            {
                some.push(entry);
            }
        }
        some
    }
}
