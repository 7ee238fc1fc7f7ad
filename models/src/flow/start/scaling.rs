//! Cost scaling: push excesses along arcs that pay, lower prices where there are none.

use super::Stop;
use super::residual::Residual;

/// Relabels between two looks at the clock.
const RELABELS_PER_LOOK: usize = 4096;
/// Farther than any node may be from where something is missing, in steps of the slack.
const MOST_STEPS: i64 = 1 << 20;

/// Makes the flow complete and supported by the prices up to `slack`, starting from any flow and prices. False if it stopped before.
///
/// # Source
/// Goldberg: An efficient implementation of a scaling minimum-cost flow algorithm, Journal of Algorithms 22, 1997: refine, with price updates.
pub(super) fn refine(residual: &mut Residual, slack: i64, stop: &Stop<'_>) -> bool {
    saturate(residual);
    let mut refinement = Refinement::new(residual, slack);
    refinement.update_prices() && refinement.discharge_all(stop)
}

/// Fills every arc that pays: prices support the flow then, and excesses are what is left to do.
#[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
fn saturate(residual: &mut Residual) {
    for node in 0..residual.excesses.len() as u32 {
        let price = residual.potentials[node as usize];
        for position in residual.leaving(node) {
            let half = residual.halves[position];
            let reduced = i64::from(half.cost) + price - residual.potentials[half.head as usize];
            if half.room > 0 && reduced < 0 {
                let room = i64::from(half.room);
                residual.send(position, room);
                residual.excesses[node as usize] -= room;
                residual.excesses[half.head as usize] += room;
            }
        }
    }
}

struct Refinement<'a> {
    residual: &'a mut Residual,
    slack: i64,
    /// The half of each node to look at next.
    current: Vec<u32>,
    queue: std::collections::VecDeque<u32>,
    queued: Vec<bool>,
    steps: Vec<i64>,
    buckets: Vec<Vec<u32>>,
}

impl<'a> Refinement<'a> {
    fn new(residual: &'a mut Residual, slack: i64) -> Self {
        let n_nodes = residual.excesses.len();
        Self {
            slack,
            current: residual.first[..n_nodes].to_vec(),
            queue: std::collections::VecDeque::new(),
            queued: vec![false; n_nodes],
            steps: vec![0; n_nodes],
            buckets: vec![Vec::new()],
            residual,
        }
    }

    /// Lowers prices by how far each node is from where something is missing, so that excesses know the way. False if some excess has none.
    fn update_prices(&mut self) -> bool {
        const UNKNOWN: i64 = i64::MAX;
        let residual = &mut *self.residual;
        let mut n_missing = 0_usize;
        for (node, &excess) in residual.excesses.iter().enumerate() {
            self.steps[node] = if excess < 0 { 0 } else { UNKNOWN };
            #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
            if excess < 0 {
                self.buckets[0].push(node as u32);
            }
            n_missing += usize::from(excess > 0);
        }
        let mut step = 0;
        let mut farthest = 0;
        while step < self.buckets.len() && n_missing > 0 {
            let distance = step as i64;
            while let Some(node) = self.buckets[step].pop() {
                if self.steps[node as usize] != distance {
                    continue;
                }
                // Settled: below zero.
                self.steps[node as usize] = -1 - distance;
                n_missing -= usize::from(residual.excesses[node as usize] > 0);
                let price = residual.potentials[node as usize];
                for half in &residual.halves[residual.leaving(node)] {
                    let known = self.steps[half.head as usize];
                    if known <= distance || residual.halves[half.other as usize].room == 0 {
                        continue;
                    }
                    let reduced =
                        residual.potentials[half.head as usize] - i64::from(half.cost) - price;
                    let further = distance
                        + if reduced < 0 {
                            0
                        } else {
                            reduced / self.slack + 1
                        };
                    if further < known && further < MOST_STEPS {
                        self.steps[half.head as usize] = further;
                        #[expect(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            reason = "0 to 2^20"
                        )]
                        let bucket = further as usize;
                        if self.buckets.len() <= bucket {
                            self.buckets.resize_with(bucket + 1, Vec::new);
                        }
                        self.buckets[bucket].push(half.head);
                    }
                }
            }
            farthest = distance;
            step += 1;
        }
        self.buckets.iter_mut().for_each(Vec::clear);
        let n_nodes = residual.excesses.len();
        for (price, &steps) in residual.potentials.iter_mut().zip(&self.steps) {
            let steps = if steps < 0 { -1 - steps } else { farthest };
            *price -= steps * self.slack;
        }
        self.current.copy_from_slice(&residual.first[..n_nodes]);
        n_missing == 0
    }

    #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
    fn discharge_all(&mut self, stop: &Stop<'_>) -> bool {
        for node in 0..self.queued.len() {
            if self.residual.excesses[node] > 0 {
                self.queued[node] = true;
                self.queue.push_back(node as u32);
            }
        }
        let (mut n_relabels, mut next_look, mut next_update) =
            (0, RELABELS_PER_LOOK, self.queued.len());
        while let Some(node) = self.queue.pop_front() {
            self.queued[node as usize] = false;
            loop {
                self.push_from(node);
                if self.residual.excesses[node as usize] == 0 {
                    break;
                }
                if !self.relabel(node) {
                    return false;
                }
                n_relabels += 1;
                if n_relabels >= next_update {
                    next_update += self.queued.len();
                    if !self.update_prices() {
                        return false;
                    }
                }
            }
            if n_relabels >= next_look {
                next_look = n_relabels + RELABELS_PER_LOOK;
                if stop.reason().is_some() {
                    return false;
                }
            }
        }
        true
    }

    /// Sends the excess of a node along arcs that pay.
    #[inline]
    fn push_from(&mut self, node: u32) {
        let residual = &mut *self.residual;
        let place = node as usize;
        let price = residual.potentials[place];
        let end = residual.first[place + 1] as usize;
        let mut excess = residual.excesses[place];
        let mut position = self.current[place] as usize;
        while position < end {
            let half = residual.halves[position];
            if half.room > 0
                && i64::from(half.cost) + price < residual.potentials[half.head as usize]
            {
                let amount = excess.min(i64::from(half.room));
                residual.send(position, amount);
                excess -= amount;
                let head = half.head as usize;
                residual.excesses[head] += amount;
                if residual.excesses[head] > 0 && !self.queued[head] {
                    self.queued[head] = true;
                    self.queue.push_back(half.head);
                }
                if excess == 0 {
                    break;
                }
            }
            position += 1;
        }
        residual.excesses[place] = excess;
        #[expect(clippy::cast_possible_truncation, reason = "halves are below 2^31")]
        let current = position as u32;
        self.current[place] = current;
    }

    /// Lowers the price of a node until some arc pays. False if none leaves it.
    #[inline]
    fn relabel(&mut self, node: u32) -> bool {
        let residual = &mut *self.residual;
        let leaving = residual.leaving(node);
        let (mut best, mut at) = (i64::MIN, leaving.start);
        for (position, half) in residual.halves[leaving.clone()].iter().enumerate() {
            if half.room > 0 {
                let price = residual.potentials[half.head as usize] - i64::from(half.cost);
                if price > best {
                    (best, at) = (price, leaving.start + position);
                }
            }
        }
        if best == i64::MIN {
            return false;
        }
        residual.potentials[node as usize] = best - self.slack;
        #[expect(clippy::cast_possible_truncation, reason = "halves are below 2^31")]
        let current = at as u32;
        self.current[node as usize] = current;
        true
    }
}
