//! Assignments that are flows: copies of one demand, so that a bin holds a number of them, and stages that add up over copies.
//!
//! # Model
//! A node for each item, which supplies its count, and for each bin; arcs item -> bin, bin -> end with as many copies as the bin
//! holds, item -> end for what is left out. An item under a limit of its own goes through a node for each of the limit's groups; a
//! limit on all items is a node between its bins and the end. Bins in which an item is worth the same and least are reached through a
//! node that all items of these bins share, so that an item has arcs only where it gains something.
//!
//! Stages are solved in order, each on the arcs that the ones before leave free: an arc whose reduced cost is not 0 keeps its flow, and
//! that is all that their optimum asks for. The prices of the nodes, with weights for the earlier stages that make up for the
//! arcs that were kept, prove a later stage's optimum among all plans that are as good in the earlier ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::placement::{Entry, Placement};
use super::prices::Prices;
use super::types::{Assignment, Limit, Objective};
use super::validate::NO_GROUP;
use crate::flow::{FlowArc, FlowNetwork, FlowSolver, Simplex};
use crate::outcome::Status;
use crate::solver::Limits;

/// More arcs are left to other methods.
const MOST_ARCS: usize = 30_000_000;

/// The best placement by the leading stages, and what proves it.
#[derive(Clone, Debug)]
pub(super) struct Transported {
    pub(super) placement: Placement,
    /// Of each leading stage, the prices of bins and of the stages before it.
    pub(super) prices: Vec<Prices>,
}

/// The best placement by the leading stages about values and costs, if the assignment is a flow up to the first stage about costs
/// and `limits` give the time.
pub(super) fn transport(assignment: &Assignment, limits: &Limits) -> Option<Transported> {
    let shape = Shape::of(assignment)?;
    let network = Network::new(assignment, &shape)?;
    let mut flow = network.flow.clone();
    let mut solved: Vec<StageFlow> = Vec::new();
    let mut flows = Vec::new();
    for stage in 0..shape.n_stages {
        for (arc, costs) in flow.arcs.iter_mut().zip(&network.costs) {
            arc.cost = costs.get(stage).copied().unwrap_or(0);
        }
        let outcome = Simplex.solve(&flow, limits).ok()?;
        if outcome.status != Status::Optimal {
            return None;
        }
        let potentials = outcome.potentials?;
        flows = outcome.flows?;
        let reduced: Vec<i128> = (flow.arcs.iter())
            .map(|arc| {
                i128::from(arc.cost) + i128::from(potentials[arc.tail as usize])
                    - i128::from(potentials[arc.head as usize])
            })
            .collect();
        let mut fixed = Vec::new();
        for (at, (arc, &flow)) in flow.arcs.iter_mut().zip(&flows).enumerate() {
            if reduced[at] != 0 && arc.lower < arc.capacity {
                fixed.push(at);
                (arc.lower, arc.capacity) = (flow, flow);
            }
        }
        solved.push(StageFlow { reduced, fixed });
    }
    let prices = (0..solved.len())
        .map(|stage| network.prices(assignment, &shape, &solved[..=stage]))
        .collect();
    Some(Transported {
        placement: network.decode(&flows),
        prices,
    })
}

/// What a stage's flow proves.
struct StageFlow {
    /// Reduced cost of every arc.
    reduced: Vec<i128>,
    /// Arcs that keep their flow from here on.
    fixed: Vec<usize>,
}

/// What makes an assignment a flow.
struct Shape<'a> {
    /// Stages that are solved.
    n_stages: usize,
    /// Copies that each bin holds, and the resource that runs out first, if any does.
    slots: Vec<(i64, Option<usize>)>,
    /// A limit of its own for each item, if it has one.
    own: Vec<Option<&'a Limit>>,
    /// A limit on all items.
    joint: Option<&'a Limit>,
    /// The most copies in all.
    most: Option<i64>,
}

impl<'a> Shape<'a> {
    fn of(assignment: &'a Assignment) -> Option<Self> {
        let first = assignment.items.first()?;
        let alike = (assignment.items.iter())
            .all(|item| item.devices.is_empty() && item.demand == first.demand);
        if !alike || !assignment.gangs.is_empty() || !assignment.balances.is_empty() {
            return None;
        }
        let adds_up = |objective: &Objective| {
            matches!(
                objective,
                Objective::Value(_) | Objective::Yield(_) | Objective::Cost(_)
            )
        };
        let stages = &assignment.stages;
        let leading = stages.iter().take_while(|stage| adds_up(&stage.objective));
        let is_cost = |at: &usize| matches!(stages[*at].objective, Objective::Cost(_));
        let n_stages = (0..leading.count()).rev().find(is_cost)? + 1;
        let mut own: Vec<Option<&Limit>> = vec![None; assignment.items.len()];
        let mut joint = None;
        for limit in &assignment.limits {
            let place = match limit.packing.items[..] {
                [item] => &mut own[item as usize],
                _ if limit.packing.items.len() == assignment.items.len() => &mut joint,
                [] => continue,
                _ => return None,
            };
            if place.replace(limit).is_some() {
                return None;
            }
        }
        let n_bins = assignment.bins.len();
        let is_whole = |cap: &super::types::Cap| {
            cap.weights.is_empty()
                && cap.items.len() == assignment.items.len()
                && cap.bins.len() == n_bins
        };
        if !assignment.caps.iter().all(is_whole) {
            return None;
        }
        let wanted: i64 = assignment.items.iter().map(|item| item.count).sum();
        let slots = assignment.bins.iter().map(|bin| {
            let needed = first.demand.iter().zip(&bin.capacity).enumerate();
            let held = needed.filter(|(_, (demand, _))| **demand > 0);
            let held = held.map(|(at, (demand, capacity))| (capacity / demand, Some(at)));
            held.min().unwrap_or((wanted, None))
        });
        Some(Self {
            n_stages,
            slots: slots.collect(),
            own,
            joint,
            most: assignment.caps.iter().map(|cap| cap.max).min(),
        })
    }
}

/// What an arc from an item stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Copies of an item in a bin.
    Placed(u32, u32),
    /// Copies of an item that go through a hub.
    Into(u32, usize),
    /// Copies from a hub into a bin.
    OutOf(usize, u32),
    /// Nothing by itself.
    None,
}

struct Network {
    flow: FlowNetwork,
    /// By arc, its cost in each stage; empty for none.
    costs: Vec<Vec<i64>>,
    meanings: Vec<Meaning>,
    /// The arc behind each bin that has one, which carries what is placed there.
    behind: Vec<Option<usize>>,
}

impl Network {
    fn new(assignment: &Assignment, shape: &Shape<'_>) -> Option<Self> {
        let mut network = Self {
            flow: FlowNetwork::new(0),
            costs: Vec::new(),
            meanings: Vec::new(),
            behind: vec![None; assignment.bins.len()],
        };
        let wanted = |item: u32| assignment.items[item as usize].count;
        let all: i64 = assignment.items.iter().map(|item| item.count).sum();
        let items: Vec<usize> = (assignment.items.iter())
            .map(|item| network.flow.add_node(item.count))
            .collect();
        let bins: Vec<usize> = (assignment.bins.iter())
            .map(|_| network.flow.add_node(0))
            .collect();
        let placed = network.flow.add_node(0);
        let end = network.flow.add_node(-all);
        network.join_bins(shape, &bins, placed, all);
        network.arc(placed, end, shape.most.unwrap_or(all).min(all));
        let mut hubs: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (at, item) in (0u32..).zip(&assignment.items) {
            network.arc(items[at as usize], end, item.count);
            let stages = || 0..shape.n_stages;
            let cost = |stage: usize, bin: u32| cost(&assignment.stages[stage].objective, at, bin);
            let costs_in = |bin: u32| -> Vec<i64> { stages().map(|it| cost(it, bin)).collect() };
            if let Some(limit) = shape.own[at as usize] {
                let mut groups: BTreeMap<u32, usize> = BTreeMap::new();
                for &bin in item.eligible.iter() {
                    let group = limit.packing.group_of[bin as usize];
                    let from = if group == NO_GROUP {
                        items[at as usize]
                    } else {
                        *groups.entry(group).or_insert_with(|| {
                            let node = network.flow.add_node(0);
                            let room = limit.room(group as usize).min(item.count);
                            network.arc(items[at as usize], node, room);
                            node
                        })
                    };
                    let (to, most) = (bins[bin as usize], wanted(at));
                    let arc = network.arc(from, to, most);
                    network.means(arc, Meaning::Placed(at, bin), costs_in(bin));
                }
            } else if !item.eligible.is_empty() {
                let costs: Vec<Vec<i64>> = item.eligible.iter().map(|&bin| costs_in(bin)).collect();
                let worst: Vec<i64> = stages()
                    .map(|it| costs.iter().map(|costs| costs[it]).max().unwrap_or(0))
                    .collect();
                let key = Arc::as_ptr(&item.eligible) as usize;
                let n_hubs = hubs.len();
                let (number, hub) = *hubs.entry(key).or_insert_with(|| {
                    let hub = network.flow.add_node(0);
                    for &bin in item.eligible.iter() {
                        let arc = network.arc(hub, bins[bin as usize], all);
                        network.means(arc, Meaning::OutOf(n_hubs, bin), Vec::new());
                    }
                    (n_hubs, hub)
                });
                for (&bin, costs) in item.eligible.iter().zip(costs) {
                    if costs != worst {
                        let arc = network.arc(items[at as usize], bins[bin as usize], item.count);
                        network.means(arc, Meaning::Placed(at, bin), costs);
                    }
                }
                let arc = network.arc(items[at as usize], hub, item.count);
                network.means(arc, Meaning::Into(at, number), worst);
            }
            if network.flow.arcs.len() > MOST_ARCS {
                return None;
            }
        }
        Some(network)
    }

    /// The arcs from bins on, through the groups of a limit on all items.
    fn join_bins(&mut self, shape: &Shape<'_>, bins: &[usize], placed: usize, all: i64) {
        let mut groups: BTreeMap<u32, usize> = BTreeMap::new();
        for (bin, &node) in bins.iter().enumerate() {
            let group = shape.joint.map(|limit| {
                let group = limit.packing.group_of[bin];
                (group, limit)
            });
            let to = match group {
                Some((group, limit)) if group != NO_GROUP => {
                    *groups.entry(group).or_insert_with(|| {
                        let node = self.flow.add_node(0);
                        self.arc(node, placed, limit.room(group as usize).min(all));
                        node
                    })
                }
                _ => placed,
            };
            self.behind[bin] = Some(self.arc(node, to, shape.slots[bin].0.min(all)));
        }
    }

    fn arc(&mut self, tail: usize, head: usize, capacity: i64) -> usize {
        let number = |node: usize| u32::try_from(node).expect("the number of arcs is limited");
        self.costs.push(Vec::new());
        self.meanings.push(Meaning::None);
        self.flow.add_arc(FlowArc {
            tail: number(tail),
            head: number(head),
            lower: 0,
            capacity,
            cost: 0,
        })
    }

    fn means(&mut self, arc: usize, meaning: Meaning, costs: Vec<i64>) {
        self.meanings[arc] = meaning;
        self.costs[arc] = costs;
    }

    /// The placement that a flow is. What goes through a hub goes anywhere beyond it, at the same cost.
    fn decode(&self, flows: &[i64]) -> Placement {
        let mut placed: BTreeMap<(u32, u32), i64> = BTreeMap::new();
        let mut into: BTreeMap<usize, Vec<(u32, i64)>> = BTreeMap::new();
        for (&meaning, &flow) in self.meanings.iter().zip(flows) {
            match meaning {
                Meaning::Placed(item, bin) => *placed.entry((item, bin)).or_insert(0) += flow,
                Meaning::Into(item, hub) if flow > 0 => {
                    into.entry(hub).or_default().push((item, flow));
                }
                _ => {}
            }
        }
        for (&meaning, &flow) in self.meanings.iter().zip(flows) {
            let Meaning::OutOf(hub, bin) = meaning else {
                continue;
            };
            let mut left = flow;
            while left > 0
                && let Some(waiting) = into.get_mut(&hub)
                && let Some((item, copies)) = waiting.last_mut()
            {
                let moved = left.min(*copies);
                *placed.entry((*item, bin)).or_insert(0) += moved;
                *copies -= moved;
                left -= moved;
                if *copies == 0 {
                    waiting.pop();
                }
            }
        }
        let entries = placed.into_iter().filter(|entry| entry.1 > 0);
        let entries: Vec<Entry> = entries
            .map(|((item, bin), copies)| (item, bin, copies))
            .collect();
        Placement::new(entries)
    }

    /// The prices that prove the last of these stages.
    fn prices(&self, assignment: &Assignment, shape: &Shape<'_>, solved: &[StageFlow]) -> Prices {
        let last = solved.len() - 1;
        let mut kept = vec![0_i128; last];
        let mut reduced = solved[last].reduced.clone();
        // From the latest stage back: each outweighs what the later ones would rather do with the arcs that it fixed.
        for stage in (0..last).rev() {
            let own = &solved[stage].reduced;
            for &arc in &solved[stage].fixed {
                if (own[arc] < 0) != (reduced[arc] < 0) && reduced[arc] != 0 {
                    let weight = (reduced[arc].abs() + own[arc].abs() - 1) / own[arc].abs();
                    kept[stage] = kept[stage].max(weight);
                }
            }
            for (sum, own) in reduced.iter_mut().zip(own) {
                *sum += kept[stage] * own;
            }
        }
        let n_priced = assignment.resources.len() + assignment.n_kinds();
        let by_bin = self.behind.iter().zip(&shape.slots).map(|(behind, slots)| {
            let mut prices = vec![0.0; n_priced];
            if let (Some(arc), (_, Some(resource))) = (behind, slots) {
                let demand = assignment.items[0].demand[*resource];
                prices[*resource] = (-reduced[*arc]).max(0) as f64 / demand as f64;
            }
            prices
        });
        Prices {
            by_bin: by_bin.collect(),
            counts: Vec::new(),
            counts_of: vec![Vec::new(); assignment.bins.len()],
            kept: kept.into_iter().map(|weight| weight as f64).collect(),
            caps: vec![0.0; assignment.caps.len()],
            parts: Vec::new(),
            until: Vec::new(),
        }
    }
}

/// What a copy of an item costs in a bin; what it is worth, taken negatively.
fn cost(objective: &Objective, item: u32, bin: u32) -> i64 {
    match (objective, objective.worth()) {
        (Objective::Cost(costs), _) => costs.of(item, bin),
        (_, Some(worth)) => -worth.of(item, bin),
        _ => 0,
    }
}
