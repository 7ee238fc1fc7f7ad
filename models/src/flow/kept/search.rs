//! The nearest node that takes what another one has too much, or gives what it lacks.

use super::lists::{End, List};
use super::{Arc, Kept, LARGEST, Node};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;

const FAR: i64 = i64::MAX;
/// What marks bear in place of the number of a search: nothing, or that they are signposts.
const NOTHING: u32 = 0;
const SIGNPOSTS: [u32; 2] = [2, 3];
/// The number of the first search.
const FIRST: u32 = 4;
/// Neighbors whose prices are read at once, so that the waits for memory overlap.
const LOOKS_AT_ONCE: usize = 16;

/// What searches need, kept so that none has to allocate or clear anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// What marks of this search bear; one more, where the node is settled.
    number: u32,
    /// How far the search has come.
    distance: i64,
    /// How far away the nearest node is that will do.
    limit: i64,
    /// That node, the way by which the search came there, and what it met.
    met: Option<(u32, u32, Meeting)>,
    /// Nodes so far away, in the order in which they were found.
    level: VecDeque<u32>,
    /// Nodes farther away.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    settled: Vec<u32>,
    /// Ends of arcs that searches have looked at since the count was set back.
    pub(super) n_looks: usize,
    signposts: Signposts,
    /// The ways of the last path, in the direction of the flow.
    path: Vec<u32>,
}

/// What a search knows of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    distance: i64,
    /// The search that says so, or which kind of signpost it has left here.
    search: u32,
    /// The way by which it came.
    arrived: u32,
}

/// Marks that searches that gave up have left at nodes: the way by which they came, which cost nothing once prices were moved. A search the other way that
/// comes there need only follow them to where the other began; one the same way need not look beyond them. They are left as they are when things change: who follows them looks.
#[derive(Clone, Debug, Default)]
struct Signposts {
    /// The nodes that have some, by direction.
    placed: [Vec<u32>; 2],
    /// Those followed last.
    followed: Vec<(u32, u32)>,
}

impl Signposts {
    /// Whether signposts lead from a node to one that is wanted, or back to one that waits for the same, by ways that are open and cost nothing.
    /// Takes those away that do not.
    #[inline]
    fn lead(
        &mut self,
        from: u32,
        wanted: Wanted,
        nodes: &mut [Node],
        arcs: &[Arc],
    ) -> Option<Meeting> {
        let meeting = wanted.meeting(nodes[from as usize].mark.search)?;
        self.follow(from, (wanted, meeting), nodes, arcs)
    }

    fn follow(
        &mut self,
        from: u32,
        (wanted, meeting): (Wanted, Meeting),
        nodes: &mut [Node],
        arcs: &[Arc],
    ) -> Option<Meeting> {
        self.followed.clear();
        let mut node = from;
        loop {
            let mark = &mut nodes[node as usize].mark;
            if wanted.meeting(mark.search) != Some(meeting) {
                return None;
            }
            self.followed.push((node, mark.search));
            // Nobody comes here twice.
            mark.search = NOTHING;
            let way = mark.arrived;
            let arc = &arcs[way as usize / 2];
            let price = |node: u32| nodes[node as usize].price;
            let reduced = arc.is.cost + price(arc.is.tail) - price(arc.is.head);
            let flow = match meeting {
                Meeting::Wanted => wanted.flow_to(way),
                Meeting::Rival => wanted.flow_from(way),
            };
            if reduced != 0 || arc.room(flow) == 0 {
                return None;
            }
            node = arc.origin(way);
            let excess = nodes[node as usize].excess;
            let is_end = match meeting {
                Meeting::Wanted => wanted.is(node, excess),
                Meeting::Rival => wanted.has_rival(node, excess),
            };
            if is_end {
                break;
            }
        }
        for &(node, kind) in &self.followed {
            nodes[node as usize].mark.search = kind;
        }
        Some(meeting)
    }
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

    #[inline]
    fn position(self) -> usize {
        usize::from(self == Self::Backward)
    }

    /// What marks bear that searches this way have left as signposts.
    #[inline]
    fn signpost(self) -> u32 {
        SIGNPOSTS[self.position()]
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

    /// Whether a node waits for the same.
    #[inline]
    fn has_rival(&self, node: u32, excess: i64) -> bool {
        self.direction.sign() * excess > 0 && Some(node) != self.hub && node != self.from
    }

    /// What a mark may lead to, if it is a signpost.
    #[inline]
    fn meeting(&self, mark: u32) -> Option<Meeting> {
        let is_signpost = SIGNPOSTS.contains(&mark);
        is_signpost.then(|| {
            if mark == self.direction.signpost() {
                Meeting::Rival
            } else {
                Meeting::Wanted
            }
        })
    }

    /// The way that flow takes where this search has come by a way.
    #[inline]
    fn flow_from(&self, way: u32) -> u32 {
        way ^ u32::from(self.direction == Direction::Backward)
    }

    /// The way that flow takes where a search the other way has come by a way.
    #[inline]
    fn flow_to(&self, way: u32) -> u32 {
        way ^ u32::from(self.direction == Direction::Forward)
    }
}

/// What a search has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meeting {
    /// What it looks for, or signposts to it.
    Wanted,
    /// Where another one has looked for the same in vain. Whatever is beyond, that one finds sooner.
    Rival,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A path, along which so much was sent.
    Path { amount: i64, target: u32 },
    /// There is no path.
    Nothing,
    /// It was not worth going on yet.
    NotYet,
}

impl Kept {
    /// Sends something to the nearest node whose excess has the other sign, or to the hub. Prices are moved so that the way there costs nothing;
    /// if the search gives up after so many looks, so that all ways that it went cost nothing.
    ///
    /// # Source
    /// Successive shortest paths with reduced costs: Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7. Signposts are ours; with them,
    /// searches from both sides meet, although each looks from one node alone.
    pub(super) fn send_to_nearest(&mut self, wanted: Wanted, patience: usize) -> Found {
        self.begin_search(wanted);
        let most_looks = self.search.n_looks.saturating_add(patience);
        while self.search.limit > self.search.distance {
            let Some(node) = self.next() else {
                break;
            };
            if self.search.distance >= self.search.limit {
                break;
            }
            if self.search.n_looks >= most_looks {
                self.move_prices(wanted);
                self.leave_signposts(wanted);
                return Found::NotYet;
            }
            self.settle(node, wanted);
        }
        let Some((node, way, meeting)) = self.search.met else {
            return Found::Nothing;
        };
        self.search.distance = self.search.limit;
        self.move_prices(wanted);
        if meeting == Meeting::Rival {
            self.leave_signposts(wanted);
            return Found::NotYet;
        }
        self.send(wanted, node, way)
    }

    fn begin_search(&mut self, wanted: Wanted) {
        self.search.number = self.search.number.checked_add(2).unwrap_or_else(|| {
            for node in &mut self.nodes {
                node.mark = Mark::default();
            }
            FIRST
        });
        self.search.number = self.search.number.max(FIRST);
        let search = &mut self.search;
        (search.distance, search.limit, search.met) = (0, FAR, None);
        search.level.clear();
        search.heap.clear();
        search.settled.clear();
        let signposts = &mut search.signposts;
        if let Some(meeting) = signposts.lead(wanted.from, wanted, &mut self.nodes, &self.arcs) {
            (search.limit, search.met) = (0, Some((wanted.from, 0, meeting)));
            return;
        }
        let mark = &mut self.nodes[wanted.from as usize].mark;
        (mark.distance, mark.search) = (0, search.number);
        search.level.push_back(wanted.from);
    }

    /// Moves prices as far as the search has come.
    fn move_prices(&mut self, wanted: Wanted) {
        let sign = wanted.direction.sign();
        for &node in &self.search.settled {
            let distance = self.nodes[node as usize].mark.distance;
            let price = &mut self.nodes[node as usize].price;
            *price += sign * (distance - self.search.distance).min(0);
            self.lost |= price.abs() > LARGEST;
        }
    }

    fn leave_signposts(&mut self, wanted: Wanted) {
        let Search {
            signposts,
            settled,
            distance,
            ..
        } = &mut self.search;
        for &node in settled.iter().filter(|&&node| node != wanted.from) {
            let mark = &mut self.nodes[node as usize].mark;
            // Where a dead end took more into its price, the way there costs something.
            if mark.distance <= *distance {
                mark.search = wanted.direction.signpost();
                signposts.placed[wanted.direction.position()].push(node);
            }
        }
    }

    /// Takes the signposts away that searches in a direction have left.
    pub(super) fn clear_signposts(&mut self, direction: Direction) {
        let placed = &mut self.search.signposts.placed;
        for node in placed[direction.position()].drain(..) {
            let mark = &mut self.nodes[node as usize].mark;
            if mark.search == direction.signpost() {
                mark.search = NOTHING;
            }
        }
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

    /// Reads where the lists of the nodes begin whose turn is next, so that the wait for them passes while another one is looked at.
    #[inline]
    fn expect(&self, direction: Direction) {
        let level = &self.search.level;
        if let Some(&next) = level.front() {
            let mut ends = direction.ends(&self.lists[next as usize]);
            black_box(ends.next().map_or(0, |end| end.way));
            // On the line of memory after that.
            black_box(ends.nth(LOOKS_AT_ONCE / 2 - 1).map_or(0, |end| end.way));
        }
        if let Some(&after) = level.get(1) {
            black_box(self.lists[after as usize].len());
        }
    }

    /// Looks at the neighbors of a node, until one will do and none can be nearer.
    ///
    /// Where all ways on cost something, the price of the node moves by the least of it, so that later searches pay on the way in, and come here
    /// only if there is nothing better.
    #[inline]
    fn settle(&mut self, node: u32, wanted: Wanted) {
        let search = &mut self.search;
        let number = search.number;
        self.nodes[node as usize].mark.search = number + 1;
        let (base, sign) = (self.nodes[node as usize].price, wanted.direction.sign());
        search.settled.push(node);
        self.expect(wanted.direction);
        let search = &mut self.search;
        let mut least = FAR;
        let mut ends = wanted.direction.ends(&self.lists[node as usize]);
        let mut batch = [(End::default(), 0); LOOKS_AT_ONCE];
        let mut looks = 0..0;
        loop {
            if looks.is_empty() {
                // Their prices first: nothing has to wait for another.
                let read = batch.iter_mut().zip(&mut ends);
                looks = 0..read.fold(0, |n, (look, end)| {
                    *look = (*end, self.nodes[end.other as usize].price);
                    n + 1
                });
            }
            let Some(look) = looks.next() else {
                break;
            };
            let (end, price) = batch[look];
            search.n_looks += 1;
            let reduced = sign * (end.cost + base - price);
            let length = search.distance + reduced;
            if end.other != node {
                least = least.min(reduced);
            }
            if length >= search.limit {
                continue;
            }
            let other = &self.nodes[end.other as usize];
            if other.mark.search >= number && other.mark.distance <= length {
                continue;
            }
            let mark = Mark {
                distance: length,
                search: number,
                arrived: end.way,
            };
            let meeting = if wanted.is(end.other, other.excess) {
                Some(Meeting::Wanted)
            } else {
                (search.signposts).lead(end.other, wanted, &mut self.nodes, &self.arcs)
            };
            if let Some(meeting) = meeting {
                (search.limit, search.met) = (length, Some((end.other, end.way, meeting)));
                if reduced == 0 {
                    return;
                }
                continue;
            }
            self.nodes[end.other as usize].mark = mark;
            if reduced > 0 {
                search.heap.push(Reverse((length, end.other)));
            } else {
                search.level.push_back(end.other);
            }
        }
        if least > 0 && least != FAR && node != wanted.from {
            let price = &mut self.nodes[node as usize].price;
            *price -= sign * least;
            self.lost |= price.abs() > LARGEST;
            self.nodes[node as usize].mark.distance += least;
        }
    }

    /// Sends as much as there is room for by the last search's way to where it met what was wanted, on the last arc by `last`, and on along
    /// signposts if there are any.
    fn send(&mut self, wanted: Wanted, met: u32, last: u32) -> Found {
        let path = &mut self.search.path;
        path.clear();
        let (mut node, mut way) = (met, last);
        while node != wanted.from {
            path.push(wanted.flow_from(way));
            node = self.arcs[way as usize / 2].origin(way);
            way = self.nodes[node as usize].mark.arrived;
        }
        let mut target = met;
        while !wanted.is(target, self.nodes[target as usize].excess) {
            let way = self.nodes[target as usize].mark.arrived;
            path.push(wanted.flow_to(way));
            target = self.arcs[way as usize / 2].origin(way);
        }
        let mut amount = self.nodes[wanted.from as usize].excess.abs();
        if Some(target) != wanted.hub {
            amount = amount.min(self.nodes[target as usize].excess.abs());
        }
        for &way in &self.search.path {
            amount = amount.min(self.arcs[way as usize / 2].room(way));
        }
        for step in 0..self.search.path.len() {
            let way = self.search.path[step];
            let position = way as usize / 2;
            let arc = &mut self.arcs[position];
            let was = arc.is_open();
            arc.flow += if way.is_multiple_of(2) {
                amount
            } else {
                -amount
            };
            self.lost |= arc.flow > LARGEST;
            if arc.is_open() != was {
                self.relist(position);
            }
        }
        Found::Path { amount, target }
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
