//! Making flow and prices right again after changes.

use super::search::{Direction, Found, Wanted};
use super::{Arc, Kept, LARGEST};
use crate::flow::network::{FlowArc, UNLIMITED};
use crate::flow::outcome::{Cut, CutSide};
use crate::flow::stop::Stop;
use crate::outcome::StopReason;

/// Looks at the ends of arcs that mending is worth, for each arc, and whatever their number.
const LOOKS_PER_ARC: usize = 64;
const FREE_LOOKS: usize = 1 << 16;
/// Searches between two looks at the clock.
const SEARCHES_PER_LOOK: usize = 64;
/// After how many looks a search gives up at first, and by how much that grows where less than one node of so many got what it needs.
const FIRST_PATIENCE: usize = 2048;
const PATIENCE_GROWTH: usize = 2;
const PART_SERVED: usize = 2;

/// What mending came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flow) enum Mended {
    /// The flow is complete, and prices support it.
    Optimal,
    /// Some amounts find no way.
    Infeasible(Cut),
    /// The clock or a cancellation came first. Prices support what there is of a flow.
    Stopped(StopReason),
}

/// Why it has not come to anything yet.
enum Break {
    Stopped(StopReason),
    TooLong,
}

impl Kept {
    /// Mends flow and prices; none if a solve from scratch is better, or is what it takes.
    ///
    /// Prices of new nodes come first, then flow on the arcs that changes have touched; both leave amounts at nodes, which are sent on along
    /// shortest paths.
    pub(in crate::flow) fn mend(&mut self, stop: &Stop<'_>) -> Option<Mended> {
        self.list_new();
        for node in std::mem::take(&mut self.fresh) {
            self.price_fresh(node);
        }
        let limited = self.support_touched();
        let sent = if self.lost {
            Err(Break::TooLong)
        } else {
            self.send_all(stop)
        };
        let unlimited = self.lift_limits(&limited);
        match sent {
            Ok(()) if unlimited && !self.lost => self.answer(limited.is_empty()),
            Err(Break::Stopped(reason)) if unlimited && !self.lost => Some(Mended::Stopped(reason)),
            _ => {
                self.lost = true;
                None
            }
        }
    }

    fn answer(&mut self, any_cut: bool) -> Option<Mended> {
        let nodes = &self.nodes;
        self.unbalanced
            .retain(|&node| nodes[node as usize].excess != 0);
        self.unbalanced.sort_unstable();
        self.unbalanced.dedup();
        let of_sign = |sign: i64| -> Vec<u32> {
            (self.unbalanced.iter().copied())
                .filter(|&node| sign * nodes[node as usize].excess > 0)
                .collect()
        };
        let (supplying, demanding) = (of_sign(1), of_sign(-1));
        let (nodes, side) = if !supplying.is_empty() {
            let nodes = self.reach(&supplying, Direction::Forward);
            (nodes, CutSide::Supply)
        } else if !demanding.is_empty() {
            let nodes = self.reach(&demanding, Direction::Backward);
            (nodes, CutSide::Demand)
        } else {
            return Some(Mended::Optimal);
        };
        // An arc without limit that was given one may be part of what is in the way.
        if !any_cut {
            self.lost = true;
            return None;
        }
        Some(Mended::Infeasible(Cut { nodes, side }))
    }

    /// Gives a new node the price at which its best arc costs nothing: one that leaves it, or, if it demands something, one that enters it.
    fn price_fresh(&mut self, node: u32) {
        if !self.has_node(node as usize) {
            return;
        }
        let (mut highest, mut lowest) = (None, None);
        for end in self.lists[node as usize].all() {
            if end.other == node || self.arcs[end.way as usize / 2].is.capacity == 0 {
                continue;
            }
            // Nothing is sent over it at these prices, one way or the other.
            let price = self.nodes[end.other as usize].price - end.cost;
            if end.way % 2 == 0 {
                highest = highest.max(Some(price));
            } else {
                lowest = Some(lowest.map_or(price, |lowest: i64| lowest.min(price)));
            }
        }
        let price = if self.supplies[node as usize] >= 0 {
            highest.or(lowest)
        } else {
            lowest.or(highest)
        };
        let price = price.unwrap_or(0);
        self.lost |= price.abs() > LARGEST;
        self.nodes[node as usize].price = price;
    }

    /// Fills or empties arcs that changes have touched, as prices ask for. Arcs without limit that should be full get one that no bounded flow
    /// exceeds, and are returned.
    fn support_touched(&mut self) -> Vec<u32> {
        let mut limited = Vec::new();
        for position in std::mem::take(&mut self.touched) {
            let arc = position as usize;
            if !self.arcs[arc].exists {
                continue;
            }
            let reduced = self.reduced_cost(arc);
            let Arc { is, flow, .. } = &mut self.arcs[arc];
            if reduced < 0 && is.capacity == UNLIMITED {
                is.capacity = self.extent.total().max(*flow) + 1;
                limited.push(position);
            }
            let FlowArc {
                lower, capacity, ..
            } = *is;
            let flow = match reduced {
                ..0 => capacity,
                0 => continue,
                _ => lower,
            };
            if flow != self.arcs[arc].flow {
                self.set_flow(arc, flow);
            }
        }
        limited
    }

    /// Takes the limits away that arcs have got for a while. False if one of them mattered: costs may have no limit then.
    fn lift_limits(&mut self, limited: &[u32]) -> bool {
        let mut unlimited = true;
        for &position in limited {
            let arc = position as usize;
            unlimited &= self.arcs[arc].flow < self.arcs[arc].is.capacity;
            self.arcs[arc].is.capacity = UNLIMITED;
            self.relist(arc);
        }
        unlimited
    }

    /// Sends on what nodes have too much, and fetches what they have too little.
    ///
    /// The node of the largest supply or demand is a hub: the rest of the network is balanced with it first, so that searches need not go
    /// through it; what it is left with then has to go from there.
    fn send_all(&mut self, stop: &Stop<'_>) -> Result<(), Break> {
        self.search.n_looks = 0;
        let hub = self.hub();
        let nodes = self.unbalanced.clone();
        let mut n_searches = 0;
        let others = (nodes.iter().copied()).filter(|&node| Some(node) != hub);
        let mut sent = self.send_from_all(others.collect(), hub, stop, &mut n_searches);
        if sent.is_ok() {
            let all = nodes.into_iter().chain(hub).collect();
            sent = self.send_from_all(all, None, stop, &mut n_searches);
        }
        self.clear_signposts(Direction::Forward);
        self.clear_signposts(Direction::Backward);
        sent
    }

    /// Searches are short at first, and leave signposts where they give up. Those of one direction begin without any of their own, so that the
    /// first of them has no rival to wait for; they get longer where that serves few of them.
    fn send_from_all(
        &mut self,
        mut nodes: Vec<u32>,
        hub: Option<u32>,
        stop: &Stop<'_>,
        n_searches: &mut usize,
    ) -> Result<(), Break> {
        let mut patience = FIRST_PATIENCE;
        while !nodes.is_empty() {
            let mut waiting = Vec::new();
            for direction in [Direction::Forward, Direction::Backward] {
                self.clear_signposts(direction);
                for &node in &nodes {
                    if direction.sign() * self.nodes[node as usize].excess > 0
                        && !self.send_from(node, hub, patience, stop, n_searches)?
                    {
                        waiting.push(node);
                    }
                }
            }
            waiting.sort_unstable();
            waiting.dedup();
            waiting.retain(|&node| self.nodes[node as usize].excess != 0);
            if PART_SERVED * (nodes.len() - waiting.len()) < nodes.len() {
                patience = patience.saturating_mul(PATIENCE_GROWTH);
            }
            nodes = waiting;
        }
        Ok(())
    }

    fn hub(&mut self) -> Option<u32> {
        let amount = |node: &u32| self.supplies[*node as usize].unsigned_abs();
        let nodes = self.unbalanced.iter().chain(&self.hub).copied();
        self.hub = nodes.max_by_key(amount);
        self.hub
    }

    /// Sends from a node what it has too much, or to it what it has too little. False if it has to wait.
    fn send_from(
        &mut self,
        node: u32,
        hub: Option<u32>,
        patience: usize,
        stop: &Stop<'_>,
        n_searches: &mut usize,
    ) -> Result<bool, Break> {
        let worth = FREE_LOOKS + LOOKS_PER_ARC * self.arcs.len();
        loop {
            let direction = match self.nodes[node as usize].excess {
                0 => return Ok(true),
                1.. => Direction::Forward,
                _ => Direction::Backward,
            };
            let wanted = Wanted {
                from: node,
                direction,
                hub,
            };
            let found = self.send_to_nearest(wanted, patience);
            if self.search.n_looks > worth || self.lost {
                return Err(Break::TooLong);
            }
            match found {
                Found::Path { amount, target } => {
                    self.leave_at(node, -direction.sign() * amount);
                    self.leave_at(target, direction.sign() * amount);
                }
                Found::Nothing => return Ok(true),
                Found::NotYet => return Ok(false),
            }
            *n_searches += 1;
            if n_searches.is_multiple_of(SEARCHES_PER_LOOK)
                && let Some(reason) = stop.reason()
            {
                return Err(Break::Stopped(reason));
            }
        }
    }
}
