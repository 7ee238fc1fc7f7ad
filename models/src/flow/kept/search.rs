//! The nearest node that takes what another one has too much, or gives what it lacks.

use super::{Kept, LARGEST};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What searches need, kept so that none has to allocate or clear anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    number: u32,
    /// Nodes as far away as the search has come.
    level: Vec<u32>,
    /// Nodes farther away.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    settled: Vec<u32>,
    /// Ends of arcs that searches have looked at since the count was set back.
    pub(super) n_looks: usize,
}

/// Which way a search goes: from what is too much, or back from what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    #[inline]
    pub(super) fn sign(self) -> i64 {
        match self {
            Self::Forward => 1,
            Self::Backward => -1,
        }
    }
}

impl Kept {
    /// The nearest node whose excess has the other sign, or the hub. Prices are moved so that the way there costs nothing.
    ///
    /// # Source
    /// Successive shortest paths with reduced costs: Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7.
    pub(super) fn nearest(
        &mut self,
        from: u32,
        direction: Direction,
        hub: Option<u32>,
    ) -> Option<u32> {
        let (target, length) = self.look(from, direction, hub)?;
        let sign = direction.sign();
        for &node in &self.search.settled {
            let node = &mut self.nodes[node as usize];
            node.price += sign * (node.distance - length);
            self.lost |= node.price.abs() > LARGEST;
        }
        Some(target)
    }

    fn look(&mut self, from: u32, direction: Direction, hub: Option<u32>) -> Option<(u32, i64)> {
        let sign = direction.sign();
        let search = &mut self.search;
        search.number = search.number.checked_add(1).unwrap_or_else(|| {
            self.nodes.iter_mut().for_each(|node| node.search = 0);
            1
        });
        let number = search.number;
        let is_target =
            |node: u32, excess: i64| (sign * excess < 0 || Some(node) == hub) && node != from;
        search.level.clear();
        search.heap.clear();
        search.settled.clear();
        let start = &mut self.nodes[from as usize];
        (start.distance, start.search) = (0, number);
        let mut distance = 0;
        search.level.push(from);
        loop {
            let node = match search.level.pop() {
                Some(node) => node,
                None => {
                    let Reverse((farther, node)) = search.heap.pop()?;
                    let here = &self.nodes[node as usize];
                    if here.distance != farther {
                        continue;
                    }
                    distance = farther;
                    if is_target(node, here.excess) {
                        return Some((node, distance));
                    }
                    node
                }
            };
            search.settled.push(node);
            let base = self.nodes[node as usize].price;
            let list = &self.lists[node as usize];
            let ends = match direction {
                Direction::Forward => list.out(),
                Direction::Backward => list.into(),
            };
            search.n_looks += ends.len();
            for end in ends {
                let other = &mut self.nodes[end.other as usize];
                let length = distance + sign * (end.cost + base - other.price);
                if other.search == number && other.distance <= length {
                    continue;
                }
                (other.search, other.distance, other.arrived) = (number, length, end.way);
                if length > distance {
                    search.heap.push(Reverse((length, end.other)));
                } else if is_target(end.other, other.excess) {
                    return Some((end.other, distance));
                } else {
                    search.level.push(end.other);
                }
            }
        }
    }

    /// Every node that the ways open in a direction lead to.
    pub(super) fn reach(&mut self, from: &[u32], direction: Direction) -> Vec<usize> {
        let mut reached = vec![false; self.nodes.len()];
        let mut stack = from.to_vec();
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut reached[node as usize], true) {
                continue;
            }
            let list = &self.lists[node as usize];
            let ends = match direction {
                Direction::Forward => list.out(),
                Direction::Backward => list.into(),
            };
            stack.extend(ends.iter().map(|end| end.other));
        }
        (0..reached.len()).filter(|&node| reached[node]).collect()
    }
}
