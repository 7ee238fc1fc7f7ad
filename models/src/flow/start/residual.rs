//! The residual network: for each node, the arcs along which more may flow out of it, and those along which flow may be taken back.

use super::{Start, View};

/// The largest amount, and the largest magnitude of a cost.
const LARGEST: i64 = 1 << 30;

/// One direction of an arc. In 32 bits, so that four fit a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    /// Where it goes.
    pub(super) head: u32,
    /// The position of the other direction.
    pub(super) other: u32,
    pub(super) cost: i32,
    /// How much more may flow.
    pub(super) room: i32,
}

pub(super) struct Residual {
    /// Where the halves of each node begin.
    pub(super) first: Vec<u32>,
    pub(super) halves: Vec<Half>,
    /// The half that goes the arc's own way, for each arc.
    forward: Vec<u32>,
    pub(super) potentials: Vec<i64>,
    pub(super) excesses: Vec<i64>,
}

impl Residual {
    /// The residual network, its costs multiplied by `factor`, without flow, but for arcs that pay for themselves, which are full. Prices are 0 and support it.
    #[expect(clippy::cast_possible_truncation, reason = "numbers are below 2^30")]
    pub(super) fn new(view: &View<'_>, mut excesses: Vec<i64>, factor: i64) -> Option<Self> {
        let largest_cost = view.costs.iter().map(|cost| cost.saturating_abs()).max()?;
        let total: i128 = excesses
            .iter()
            .map(|&excess| i128::from(excess.max(0)))
            .sum();
        let pays_too_much = (view.costs.iter().zip(view.capacities))
            .any(|(&cost, &capacity)| cost < 0 && capacity > LARGEST);
        if largest_cost > LARGEST / factor || total > i128::from(LARGEST) || pays_too_much {
            return None;
        }
        let (n_nodes, n_arcs) = (excesses.len(), view.tails.len());
        let mut first = vec![0_u32; n_nodes + 2];
        for (&tail, &head) in view.tails.iter().zip(view.heads) {
            first[tail as usize + 2] += 1;
            first[head as usize + 2] += 1;
        }
        for node in 2..first.len() {
            first[node] += first[node - 1];
        }
        let nothing = Half {
            head: 0,
            other: 0,
            cost: 0,
            room: 0,
        };
        let mut halves = vec![nothing; 2 * n_arcs];
        let mut forward = Vec::with_capacity(n_arcs);
        let mut place = |node: u32| {
            let next = &mut first[node as usize + 1];
            *next += 1;
            *next - 1
        };
        let ends = view.tails.iter().zip(view.heads);
        for ((&tail, &head), (&cost, &capacity)) in ends.zip(view.costs.iter().zip(view.capacities))
        {
            let (there, back) = (place(tail), place(head));
            forward.push(there);
            // A loop changes no balance; it is left to the simplex method.
            let room = if tail == head {
                0
            } else {
                capacity.min(LARGEST)
            };
            let full = cost < 0;
            if full {
                excesses[tail as usize] -= room;
                excesses[head as usize] += room;
            }
            let (room, cost) = (room as i32, (cost * factor) as i32);
            halves[there as usize] = Half {
                head,
                other: back,
                cost,
                room: if full { 0 } else { room },
            };
            halves[back as usize] = Half {
                head: tail,
                other: there,
                cost: -cost,
                room: if full { room } else { 0 },
            };
        }
        first.pop();
        Some(Self {
            first,
            halves,
            forward,
            potentials: vec![0; n_nodes],
            excesses,
        })
    }

    /// The halves that leave a node, by position.
    #[inline]
    pub(super) fn leaving(&self, node: u32) -> std::ops::Range<usize> {
        self.first[node as usize] as usize..self.first[node as usize + 1] as usize
    }

    /// Sends an amount along a half.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an amount is at most the room"
    )]
    pub(super) fn send(&mut self, half: usize, amount: i64) {
        let other = self.halves[half].other as usize;
        self.halves[half].room -= amount as i32;
        self.halves[other].room += amount as i32;
    }

    /// The flow and the prices, in the network's own units.
    pub(super) fn into_start(self, factor: i64, tolerance: i64) -> Start {
        let price = |&scaled: &i64| (scaled + factor / 2).div_euclid(factor);
        let flow = |&there: &u32| {
            let back = self.halves[there as usize].other;
            i64::from(self.halves[back as usize].room)
        };
        Start {
            flows: self.forward.iter().map(flow).collect(),
            potentials: self.potentials.iter().map(price).collect(),
            excesses: self.excesses,
            tolerance: tolerance / factor + i64::from(tolerance > 0),
        }
    }
}
