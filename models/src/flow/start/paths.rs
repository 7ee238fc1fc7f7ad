//! Shortest augmenting paths, one supply after the other, as long as the searches stay short.

use super::Stop;
use super::residual::Residual;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const FAR: i64 = i64::MAX;

/// The state of a search, cleared by what it touched.
struct Search {
    distances: Vec<i64>,
    /// The half by which a node was reached.
    arrived: Vec<u32>,
    touched: Vec<u32>,
    settled: Vec<u32>,
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    n_scanned: usize,
}

/// How much looking around paths are worth.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    /// Halves looked at by all searches.
    pub(super) total: usize,
    /// Halves looked at by [`WINDOW`] searches in a row.
    pub(super) window: usize,
}

/// Searches in a row that are judged together.
const WINDOW: usize = 64;

/// Sends excesses along shortest paths to where something is missing, as far as the budget goes. False if some excess is left. Prices support the
/// flow before and after.
///
/// # Source
/// Successive shortest paths with reduced costs: Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7.
pub(super) fn route(residual: &mut Residual, budget: Budget, stop: &Stop<'_>) -> bool {
    let n_nodes = residual.excesses.len();
    let mut search = Search {
        distances: vec![FAR; n_nodes],
        arrived: vec![0; n_nodes],
        touched: Vec::new(),
        settled: Vec::new(),
        heap: BinaryHeap::new(),
        n_scanned: 0,
    };
    let (mut n_searches, mut window_end) = (0, budget.window);
    #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
    for source in 0..n_nodes as u32 {
        while residual.excesses[source as usize] > 0 {
            let worth = search.n_scanned <= window_end.min(budget.total);
            if !worth || !search.augment(residual, source) {
                return false;
            }
            n_searches += 1;
            if n_searches % WINDOW == 0 {
                window_end = search.n_scanned + budget.window;
                if stop.reason().is_some() {
                    return false;
                }
            }
        }
    }
    true
}

impl Search {
    /// One path; false if there is none.
    fn augment(&mut self, residual: &mut Residual, source: u32) -> bool {
        let found = self.nearest(residual, source);
        if let Some(target) = found {
            let length = self.distances[target as usize];
            for &node in &self.settled {
                residual.potentials[node as usize] += self.distances[node as usize] - length;
            }
            self.send(residual, source, target);
        }
        for node in self.touched.drain(..) {
            self.distances[node as usize] = FAR;
        }
        found.is_some()
    }

    /// The nearest node where something is missing.
    fn nearest(&mut self, residual: &Residual, source: u32) -> Option<u32> {
        self.heap.clear();
        self.settled.clear();
        self.distances[source as usize] = 0;
        self.touched.push(source);
        self.heap.push(Reverse((0, source)));
        while let Some(Reverse((distance, node))) = self.heap.pop() {
            if distance > self.distances[node as usize] {
                continue;
            }
            if residual.excesses[node as usize] < 0 {
                return Some(node);
            }
            self.settled.push(node);
            let leaving = residual.leaving(node);
            self.n_scanned += leaving.len();
            let base = distance + residual.potentials[node as usize];
            for (position, half) in residual.halves[leaving.clone()].iter().enumerate() {
                if half.room == 0 {
                    continue;
                }
                let length = base + i64::from(half.cost) - residual.potentials[half.head as usize];
                let known = &mut self.distances[half.head as usize];
                if length < *known {
                    if *known == FAR {
                        self.touched.push(half.head);
                    }
                    *known = length;
                    #[expect(clippy::cast_possible_truncation, reason = "halves are below 2^31")]
                    let arrived = (leaving.start + position) as u32;
                    self.arrived[half.head as usize] = arrived;
                    self.heap.push(Reverse((length, half.head)));
                }
            }
        }
        None
    }

    fn send(&self, residual: &mut Residual, source: u32, target: u32) {
        let mut amount =
            residual.excesses[source as usize].min(-residual.excesses[target as usize]);
        let before = |residual: &Residual, node: u32| {
            let half = &residual.halves[self.arrived[node as usize] as usize];
            residual.halves[half.other as usize].head
        };
        let mut node = target;
        while node != source {
            let half = &residual.halves[self.arrived[node as usize] as usize];
            amount = amount.min(i64::from(half.room));
            node = before(residual, node);
        }
        node = target;
        while node != source {
            let half = self.arrived[node as usize] as usize;
            node = before(residual, node);
            residual.send(half, amount);
        }
        residual.excesses[source as usize] -= amount;
        residual.excesses[target as usize] += amount;
    }
}
