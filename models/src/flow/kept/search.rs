//! The nearest node that takes what another one has too much, or gives what it lacks: a search from that node, and, once it gets long, another one
//! from all targets towards it.

use super::{Kept, LARGEST};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Looks that a search from one node is worth, for each target and altogether, before another one comes towards it.
const LOOKS_PER_TARGET: usize = 4;
const FREE_LOOKS: usize = 256;
const FAR: i64 = i64::MAX;
/// The way by which a search came to where it began.
const NOWHERE: u32 = u32::MAX;

/// What searches need, kept so that none has to allocate or clear anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    number: u32,
    sides: [Side; 2],
    /// Ends of arcs that searches have looked at since the count was set back.
    pub(super) n_looks: usize,
    /// Nodes that may have too much, and too little.
    pub(super) waiting: [Vec<u32>; 2],
}

/// A search from one side.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Nodes as far away as the search has come.
    level: Vec<u32>,
    distance: i64,
    /// Nodes farther away.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    settled: Vec<u32>,
    n_looks: usize,
}

/// What a search from one side knows of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    distance: i64,
    /// The search that says so.
    search: u32,
    /// The way by which it came.
    pub(super) arrived: u32,
}

/// Which way flow is sought to go: away from what is too much, or towards what is missing.
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

    /// The direction of a side of a search that goes this way.
    #[inline]
    pub(super) fn of_side(self, side: usize) -> Self {
        match (self, side) {
            (Self::Forward, 0) | (Self::Backward, 1) => Self::Forward,
            _ => Self::Backward,
        }
    }
}

/// The best way that a search knows.
#[derive(Clone, Copy)]
struct Meeting {
    length: i64,
    /// A node on it that both sides know, or a target.
    node: u32,
}

impl Side {
    fn clear(&mut self) {
        self.level.clear();
        self.distance = 0;
        self.heap.clear();
        self.settled.clear();
        self.n_looks = 0;
    }
}

impl Kept {
    /// The nearest node whose excess has the other sign, or the hub: a node on the way there that both sides of the search know.
    /// Prices are moved so that the way costs nothing.
    ///
    /// # Source
    /// Successive shortest paths with reduced costs: Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7. That both sides move prices, each as
    /// far as it has come: no arc is passed by both for more than its reduced cost, since no way is shorter than the best.
    pub(super) fn nearest(
        &mut self,
        from: u32,
        direction: Direction,
        hub: Option<u32>,
    ) -> Option<u32> {
        let (node, radii) = self.look(from, direction, hub)?;
        for (side, radius) in radii.into_iter().enumerate() {
            let sign = direction.of_side(side).sign();
            for &node in &self.search.sides[side].settled {
                let node = &mut self.nodes[node as usize];
                let nearer = (node.marks[side].distance - radius).min(0);
                node.price += sign * nearer;
                self.lost |= node.price.abs() > LARGEST;
            }
        }
        Some(node)
    }

    /// A node on the best way, and how far each side has to move prices: as far as it has settled everything, and together the length of the way.
    fn look(
        &mut self,
        from: u32,
        direction: Direction,
        hub: Option<u32>,
    ) -> Option<(u32, [i64; 2])> {
        self.search.number = self.search.number.checked_add(1).unwrap_or_else(|| {
            for node in &mut self.nodes {
                node.marks = [Mark::default(); 2];
            }
            1
        });
        self.search.sides.iter_mut().for_each(Side::clear);
        self.start(0, from);
        let targets = usize::from(direction == Direction::Forward);
        let patience = FREE_LOOKS + LOOKS_PER_TARGET * self.search.waiting[targets].len();
        let mut best = Meeting {
            length: FAR,
            node: from,
        };
        let mut both = false;
        loop {
            let [first, second] = &self.search.sides;
            if best.length != FAR && best.length - first.distance <= second.distance {
                let radius = first.distance.min(best.length);
                return Some((best.node, [radius, best.length - radius]));
            }
            if !both && first.n_looks > patience {
                both = true;
                self.start_from_targets(from, direction, hub);
            }
            let [first, second] = &self.search.sides;
            let side = usize::from(both && first.n_looks > second.n_looks);
            let opposite = self.search.sides[1 - side].distance;
            let next = self.next(side);
            let Some((distance, node)) = next.filter(|next| next.0 < best.length - opposite) else {
                // No way that is not known can be better.
                let mut radii = [opposite; 2];
                radii[side] = best.length - opposite;
                return Some((best.node, radii)).filter(|_| best.length != FAR);
            };
            self.search.sides[side].distance = distance;
            self.settle(node, side, direction, (from, hub, both), &mut best);
        }
    }

    /// A node from which a side of the search goes out; once, however often it is named.
    fn start(&mut self, side: usize, node: u32) {
        let mark = &mut self.nodes[node as usize].marks[side];
        if mark.search == self.search.number {
            return;
        }
        *mark = Mark {
            distance: 0,
            search: self.search.number,
            arrived: NOWHERE,
        };
        self.search.sides[side].level.push(node);
    }

    fn start_from_targets(&mut self, from: u32, direction: Direction, hub: Option<u32>) {
        let sign = direction.sign();
        let place = usize::from(direction == Direction::Forward);
        let mut targets = std::mem::take(&mut self.search.waiting[place]);
        targets.retain(|&node| sign * self.nodes[node as usize].excess < 0);
        for &node in targets.iter().chain(&hub) {
            if node != from {
                self.start(1, node);
            }
        }
        self.search.waiting[place] = targets;
    }

    /// The nearest node that a side has not settled, and how far away it is; none if there is none.
    #[inline]
    fn next(&mut self, side: usize) -> Option<(i64, u32)> {
        let here = &mut self.search.sides[side];
        if let Some(node) = here.level.pop() {
            return Some((here.distance, node));
        }
        loop {
            let Reverse((distance, node)) = here.heap.pop()?;
            if self.nodes[node as usize].marks[side].distance == distance {
                return Some((distance, node));
            }
        }
    }

    #[inline]
    fn settle(
        &mut self,
        node: u32,
        side: usize,
        direction: Direction,
        (from, hub, both): (u32, Option<u32>, bool),
        best: &mut Meeting,
    ) {
        let number = self.search.number;
        let target_sign = direction.sign();
        let direction = direction.of_side(side);
        let sign = direction.sign();
        let opposite = self.search.sides[1 - side].distance;
        let here = &mut self.search.sides[side];
        here.settled.push(node);
        let base = self.nodes[node as usize].price;
        let list = &self.lists[node as usize];
        let ends = match direction {
            Direction::Forward => list.out(),
            Direction::Backward => list.into(),
        };
        here.n_looks += ends.len();
        self.search.n_looks += ends.len();
        for end in ends {
            let other = &mut self.nodes[end.other as usize];
            let length = here.distance + sign * (end.cost + base - other.price);
            let known = other.marks[side];
            if known.search == number && known.distance <= length
                || length >= best.length - opposite
            {
                continue;
            }
            other.marks[side] = Mark {
                distance: length,
                search: number,
                arrived: end.way,
            };
            let beyond = other.marks[1 - side];
            let rest = if beyond.search == number {
                Some(beyond.distance)
            } else {
                let is_target = !both
                    && (target_sign * other.excess < 0 || Some(end.other) == hub)
                    && end.other != from;
                is_target.then_some(0)
            };
            if let Some(rest) = rest
                && length + rest < best.length
            {
                *best = Meeting {
                    length: length + rest,
                    node: end.other,
                };
            }
            if length > here.distance {
                here.heap.push(Reverse((length, end.other)));
            } else {
                here.level.push(end.other);
            }
        }
    }

    /// The way by which a side of the last search came to a node, and from which node; none where that side began.
    #[inline]
    pub(super) fn arrival(&self, node: u32, side: usize) -> Option<(u32, u32)> {
        let Mark {
            search, arrived, ..
        } = self.nodes[node as usize].marks[side];
        if search != self.search.number || arrived == NOWHERE {
            return None;
        }
        let arc = &self.arcs[arrived as usize / 2];
        let before = if arrived % 2 == 0 { arc.tail } else { arc.head };
        Some((arrived, before))
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
