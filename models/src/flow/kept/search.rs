//! The nearest node that takes what another one has too much, or gives what it lacks.

use super::lists::{End, List};
use super::{Kept, LARGEST};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const FAR: i64 = i64::MAX;

/// What searches need, kept so that none has to allocate or clear anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// What marks of this search bear; one more, where the node is settled.
    number: u32,
    /// How far the search has come.
    distance: i64,
    /// How far away the nearest node is that is known to be wanted.
    limit: i64,
    /// Nodes so far away, in the order in which they were found.
    level: VecDeque<u32>,
    /// Nodes farther away.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    settled: Vec<u32>,
    /// Ends of arcs that searches have looked at since the count was set back.
    pub(super) n_looks: usize,
}

/// What a search knows of a node.
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

    /// The ends over which something may go this way, those where it may also go back first: they cost nothing.
    #[inline]
    fn ends(self, list: &List) -> impl Iterator<Item = &End> {
        let (out, into): (&[End], &[End]) = match self {
            Self::Forward => (list.out(), &[]),
            Self::Backward => (&[], list.into()),
        };
        out.iter().rev().chain(into)
    }
}

/// Where a search begins, and what it looks for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) from: u32,
    pub(super) direction: Direction,
    /// A node that will do whatever it has.
    pub(super) hub: Option<u32>,
}

impl Wanted {
    #[inline]
    fn is(&self, node: u32, excess: i64) -> bool {
        (self.direction.sign() * excess < 0 || Some(node) == self.hub) && node != self.from
    }
}

impl Kept {
    /// The nearest node whose excess has the other sign, or the hub. Prices are moved so that the way there costs nothing.
    ///
    /// # Source
    /// Successive shortest paths with reduced costs: Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7.
    pub(super) fn nearest(&mut self, wanted: Wanted) -> Option<u32> {
        self.search.number = self.search.number.checked_add(2).unwrap_or_else(|| {
            for node in &mut self.nodes {
                node.mark = Mark::default();
            }
            2
        });
        (self.search.distance, self.search.limit) = (0, FAR);
        self.search.level.clear();
        self.search.heap.clear();
        self.search.settled.clear();
        let mark = &mut self.nodes[wanted.from as usize].mark;
        (mark.distance, mark.search) = (0, self.search.number);
        self.search.level.push_back(wanted.from);
        let target = loop {
            let node = self.next()?;
            if wanted.is(node, self.nodes[node as usize].excess) {
                break node;
            }
            if let Some(target) = self.settle(node, wanted) {
                break target;
            }
        };
        let sign = wanted.direction.sign();
        for &node in &self.search.settled {
            let node = &mut self.nodes[node as usize];
            node.price += sign * (node.mark.distance - self.search.distance).min(0);
            self.lost |= node.price.abs() > LARGEST;
        }
        Some(target)
    }

    /// The nearest node that is not settled; none if there is none.
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let search = &mut self.search;
        if let Some(node) = search.level.pop_front() {
            return Some(node);
        }
        loop {
            let Reverse((distance, node)) = search.heap.pop()?;
            let mark = self.nodes[node as usize].mark;
            if mark.distance == distance && mark.search == search.number {
                search.distance = distance;
                return Some(node);
            }
        }
    }

    /// Looks at the neighbors of a node. Returns one that is wanted if none can be nearer.
    ///
    /// Where all ways on cost something, the price of the node moves by the least of it, so that later searches pay on the way in, and come here
    /// only if there is nothing better.
    #[inline]
    fn settle(&mut self, node: u32, wanted: Wanted) -> Option<u32> {
        let search = &mut self.search;
        let number = search.number;
        let here = &mut self.nodes[node as usize];
        here.mark.search = number + 1;
        let (base, sign) = (here.price, wanted.direction.sign());
        search.settled.push(node);
        let mut least = FAR;
        for end in wanted.direction.ends(&self.lists[node as usize]) {
            search.n_looks += 1;
            let other = &mut self.nodes[end.other as usize];
            let reduced = sign * (end.cost + base - other.price);
            let length = search.distance + reduced;
            if end.other != node {
                least = least.min(reduced);
            }
            if length >= search.limit
                || other.mark.search >= number && other.mark.distance <= length
            {
                continue;
            }
            other.mark = Mark {
                distance: length,
                search: number,
                arrived: end.way,
            };
            let is_wanted = wanted.is(end.other, other.excess);
            if is_wanted {
                search.limit = length;
            }
            if reduced > 0 {
                search.heap.push(Reverse((length, end.other)));
            } else if is_wanted {
                return Some(end.other);
            } else {
                search.level.push_back(end.other);
            }
        }
        if least > 0 && least != FAR && node != wanted.from {
            let here = &mut self.nodes[node as usize];
            here.price -= sign * least;
            here.mark.distance += least;
            self.lost |= here.price.abs() > LARGEST;
        }
        None
    }

    /// Every node that the ways open in a direction lead to.
    pub(super) fn reach(&self, from: &[u32], direction: Direction) -> Vec<usize> {
        let mut reached = vec![false; self.nodes.len()];
        let mut stack = from.to_vec();
        while let Some(node) = stack.pop() {
            if !std::mem::replace(&mut reached[node as usize], true) {
                let ends = direction.ends(&self.lists[node as usize]);
                stack.extend(ends.map(|end| end.other));
            }
        }
        (0..reached.len()).filter(|&node| reached[node]).collect()
    }
}
