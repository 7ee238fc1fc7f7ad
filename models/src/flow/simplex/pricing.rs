//! Which arc enters next.

use super::Core;

/// Blocks of fewer arcs are not worth their overhead.
const SMALLEST_BLOCK: usize = 32;

impl Core {
    /// The arc that violates optimality most among the first block of arcs that has any, from where the last search ended; none at an optimum.
    ///
    /// # Source
    /// Block search: Grigoriadis: An efficient implementation of the network simplex method, Mathematical Programming Study 26, 1986.
    pub(super) fn entering(&mut self) -> Option<u32> {
        let n_arcs = self.tails.len();
        let block = ((n_arcs as f64).sqrt() as usize).max(SMALLEST_BLOCK);
        let mut n_scanned = 0;
        while n_scanned < n_arcs {
            let begin = if self.cursor < n_arcs { self.cursor } else { 0 };
            let end = (begin + block).min(n_arcs);
            n_scanned += end - begin;
            self.cursor = end;
            if let Some(arc) = self.most_violated(begin, end) {
                return Some(arc);
            }
        }
        None
    }

    #[inline]
    fn most_violated(&self, begin: usize, end: usize) -> Option<u32> {
        let potentials = &self.potentials[1..];
        let arcs = (self.tails[begin..end].iter())
            .zip(&self.heads[begin..end])
            .zip(&self.costs[begin..end])
            .zip(&self.states[begin..end]);
        let (mut least, mut best) = (0, None);
        for (offset, (((&tail, &head), &cost), &state)) in arcs.enumerate() {
            // Nothing overflows: costs and potentials are below the penalty and a path's cost.
            let reduced = cost
                .wrapping_add(potentials[tail as usize])
                .wrapping_sub(potentials[head as usize]);
            let violation = i64::from(state).wrapping_mul(reduced);
            if violation < least {
                (least, best) = (violation, Some(offset));
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "positions of arcs are below 2^30"
        )]
        best.map(|offset| (begin + offset) as u32)
    }
}
