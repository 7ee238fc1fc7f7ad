//! Copies of operations to bins that hold a number of them each, as many as can be and at the least cost: a flow.
//!
//! A wish has an arc to each bin that is cheap for it, one to each group of bins that is cheap as a whole, and one to all other bins: as
//! many arcs as it has bins near it, not as there are bins. Wishes have classes, the most pressing first: a bin has a number of places for
//! each class and those before it, and a node for each, from which its copies go on to the next.

use std::collections::BTreeMap;

use super::types::Schedule;
use crate::assignment::NO_GROUP;
use crate::flow::{FlowArc, FlowNetwork, FlowSolver, Simplex};
use crate::outcome::Status;
use crate::solver::Limits;

/// Copies that want a bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) copies: i64,
    /// Bins and what a copy costs there.
    pub(super) bins: Vec<(u32, i64)>,
    /// Wishes of one number have the same bins: what costs most, in all and in a group, is then reached through nodes that they share.
    pub(super) shared: Option<usize>,
    /// Position among the classes.
    pub(super) class: usize,
}

/// Where they go.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    /// By wish, bins and copies.
    pub(super) places: Vec<Vec<(u32, i64)>>,
    /// Copies without a place.
    pub(super) left_out: i64,
    /// What a place is worth in each bin to a copy of each class, at most what leaving out a copy costs.
    pub(super) prices: Vec<Vec<i64>>,
}

/// Grants as many wishes as the bins have places for each class and those before it, and of these ways the cheapest. `None` if `limits`
/// end it, or numbers are too large.
pub(super) fn grant(
    schedule: &Schedule,
    wishes: &[Wish],
    places: &[Vec<i64>],
    limits: &Limits,
) -> Option<Granted> {
    let mut network = Network::new(schedule, wishes, places);
    // No chain of changes costs as much as one copy more that is left out.
    let dearest = wishes.iter().flat_map(|wish| &wish.bins).map(|it| it.1);
    let dearest = dearest.max().unwrap_or(0);
    let left_out = dearest
        .checked_mul(places.len() as i64 + 1)?
        .checked_add(1)?;
    for &arc in &network.left_out {
        network.flow.arcs[arc].cost = left_out;
    }
    let outcome = Simplex.solve(&network.flow, limits).ok()?;
    if outcome.status != Status::Optimal {
        return None;
    }
    let flows = outcome.flows?;
    let potentials = outcome.potentials?;
    let price = |&node: &usize| (potentials[network.end] - potentials[node]).max(0);
    let prices = network.bins.iter();
    let prices = prices.map(|classes| classes.iter().map(price).collect());
    Some(Granted {
        left_out: network.left_out.iter().map(|&arc| flows[arc]).sum(),
        prices: prices.collect(),
        places: network.decode(wishes.len(), &flows),
    })
}

struct Network {
    flow: FlowNetwork,
    /// By bin and class.
    bins: Vec<Vec<usize>>,
    end: usize,
    /// By wish, the arc of what is left out.
    left_out: Vec<usize>,
    /// Arcs of wishes: position, wish, bin.
    direct: Vec<(usize, usize, u32)>,
    /// Arcs from wishes to what they share: position, wish, node.
    into: Vec<(usize, usize, usize)>,
    /// Arcs from there: position, node, bin.
    out_of: Vec<(usize, usize, u32)>,
    /// Nodes that wishes of a number and a class share: of a group, or of all bins.
    shared: BTreeMap<(usize, usize, Option<u32>), usize>,
    /// No more flows anywhere.
    all: i64,
}

impl Network {
    fn new(schedule: &Schedule, wishes: &[Wish], places: &[Vec<i64>]) -> Self {
        let all: i64 = wishes.iter().map(|wish| wish.copies).sum();
        let mut flow = FlowNetwork::new(0);
        let of_bin = |classes: &Vec<i64>| classes.iter().map(|_| flow.add_node(0)).collect();
        let bins: Vec<Vec<usize>> = places.iter().map(of_bin).collect();
        let end = flow.add_node(-all);
        let mut network = Self {
            flow,
            bins,
            end,
            left_out: Vec::new(),
            direct: Vec::new(),
            into: Vec::new(),
            out_of: Vec::new(),
            shared: BTreeMap::new(),
            all,
        };
        for (bin, places) in places.iter().enumerate() {
            for (class, &places) in places.iter().enumerate() {
                let next = network.bins[bin].get(class + 1).copied().unwrap_or(end);
                network.arc(network.bins[bin][class], next, places.clamp(0, all), 0);
            }
        }
        for (at, wish) in wishes.iter().enumerate() {
            let node = network.flow.add_node(wish.copies);
            let arc = network.arc(node, end, wish.copies, 0);
            network.left_out.push(arc);
            network.reach(schedule, (at, node), wish);
        }
        network
    }

    /// Arcs from a wish to its bins.
    fn reach(&mut self, schedule: &Schedule, (at, node): (usize, usize), wish: &Wish) {
        let group = |bin: u32| schedule.group_of[bin as usize];
        let worst = wish.bins.iter().map(|it| it.1).max().unwrap_or(0);
        // What costs most in each group that is not as far as any.
        let mut of_group: BTreeMap<u32, i64> = BTreeMap::new();
        if wish.shared.is_some() {
            for &(bin, cost) in &wish.bins {
                let most = of_group.entry(group(bin)).or_insert(cost);
                *most = cost.max(*most);
            }
            of_group.retain(|&group, most| group != NO_GROUP && *most < worst);
        }
        for &(bin, cost) in &wish.bins {
            let shared = wish.shared.map(|_| of_group.get(&group(bin)));
            let through = shared.map(|of_group| of_group.copied().unwrap_or(worst));
            if through.is_none_or(|through| cost < through) {
                let to = self.bins[bin as usize][wish.class];
                let arc = self.arc(node, to, wish.copies, cost);
                self.direct.push((arc, at, bin));
            }
        }
        let Some(number) = wish.shared.filter(|_| !wish.bins.is_empty()) else {
            return;
        };
        let groups = of_group
            .into_iter()
            .map(|(group, most)| (Some(group), most));
        for (of, cost) in groups.chain([(None, worst)]) {
            let hub = match self.shared.get(&(number, wish.class, of)) {
                Some(&hub) => hub,
                None => {
                    let hub = self.flow.add_node(0);
                    self.shared.insert((number, wish.class, of), hub);
                    let within = |bin: u32| of.is_none_or(|of| of == group(bin));
                    for &(bin, _) in wish.bins.iter().filter(|it| within(it.0)) {
                        let to = self.bins[bin as usize][wish.class];
                        let arc = self.arc(hub, to, self.all, 0);
                        self.out_of.push((arc, hub, bin));
                    }
                    hub
                }
            };
            let arc = self.arc(node, hub, wish.copies, cost);
            self.into.push((arc, at, hub));
        }
    }

    fn arc(&mut self, tail: usize, head: usize, capacity: i64, cost: i64) -> usize {
        let number = |node: usize| u32::try_from(node).expect("operations are counted in 32 bits");
        self.flow.add_arc(FlowArc {
            tail: number(tail),
            head: number(head),
            lower: 0,
            capacity,
            cost,
        })
    }

    fn decode(&self, n_wishes: usize, flows: &[i64]) -> Vec<Vec<(u32, i64)>> {
        let mut places: Vec<BTreeMap<u32, i64>> = vec![BTreeMap::new(); n_wishes];
        for &(arc, wish, bin) in &self.direct {
            *places[wish].entry(bin).or_insert(0) += flows[arc];
        }
        let mut waiting: BTreeMap<usize, Vec<(usize, i64)>> = BTreeMap::new();
        for &(arc, wish, hub) in &self.into {
            if flows[arc] > 0 {
                waiting.entry(hub).or_default().push((wish, flows[arc]));
            }
        }
        for &(arc, hub, bin) in &self.out_of {
            let mut left = flows[arc];
            let waiting = waiting.entry(hub).or_default();
            while left > 0
                && let Some((wish, copies)) = waiting.last_mut()
            {
                let moved = left.min(*copies);
                *places[*wish].entry(bin).or_insert(0) += moved;
                left -= moved;
                *copies -= moved;
                if *copies == 0 {
                    waiting.pop();
                }
            }
        }
        let positive = |places: BTreeMap<u32, i64>| {
            let all = places.into_iter().filter(|place| place.1 > 0);
            all.collect()
        };
        places.into_iter().map(positive).collect()
    }
}
