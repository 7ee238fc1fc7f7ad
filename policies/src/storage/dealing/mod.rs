//! From bins that are a unit and some agents back to single agents.
//!
//! What is placed in a class goes to the agent of it where it fits most tightly, large copies first. A class is as large as its agents
//! together, so that some of it may fit on none of them: such a copy takes the bin that costs least among those where it fits with all
//! rules, and only where there is none it is left out. Where an answer was found from a wish that fits, its replicas may also take the places
//! that others of the same demand have there, next to the units that the answer gives them; the better of the two counts. That may fill a unit
//! more than the answer did: replicas then leave the fullest unit, or are exchanged with ones that ask for less, as long as the way to the data
//! and what is copied get no worse. Each stays with its agent, so that nothing that is counted over agents changes.

mod level;
mod table;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Proposal, Quantities, UnitIdx};
use apportion_models::assignment::Placement;
use table::{Dealt, Table};

use crate::contract::Formulation;

/// The wish that an answer stands for. Where it was found from a wish that fits, this is the better of what comes of dealing it out, and of
/// giving its replicas the places that others of the same demand have in `start`.
pub(super) fn deal_out(
    formulation: &Formulation,
    answer: &Placement,
    start: &Proposal,
) -> Proposal {
    let (table, is_answer) = each_where_it_fits(formulation, answer);
    let dealt = table.proposal();
    if is_answer || start.placements.is_empty() {
        return dealt;
    }
    let near = in_places(formulation, answer, start).proposal();
    let model = &formulation.assignment;
    let values = |it: &Proposal| model.values(&formulation.placement(it));
    if model.compare(&values(&near), &values(&dealt)).is_lt() {
        near
    } else {
        dealt
    }
}

/// Every copy of the answer on an agent of its bin, or elsewhere; and whether none had to go elsewhere.
fn each_where_it_fits<'f>(formulation: &'f Formulation, answer: &Placement) -> (Table<'f>, bool) {
    let mut table = Table::new(formulation);
    let mut entries: Vec<_> = answer.entries().to_vec();
    let size = |item: u32| {
        let demand = &formulation.places.demands[item as usize].0;
        demand.iter().sum::<i64>()
    };
    entries.sort_by_key(|&(item, bin, _)| {
        let n_agents = formulation.agents_of(bin as usize).len();
        (n_agents > 1, Reverse(size(item)), item, bin)
    });
    let mut left = Vec::new();
    for (item, bin, copies) in entries {
        for _ in 0..copies {
            if !table.deal(item, bin) {
                left.push(item);
            }
        }
    }
    let is_answer = left.is_empty();
    if !is_answer {
        table.rest(left);
    }
    (table, is_answer)
}

/// Every copy of the answer in a place that `start` has for one of its demand: in its bin, else beside its unit, else beside any. What
/// fits all places of `start` together is a whole of which little is free for anything else.
fn in_places<'f>(formulation: &'f Formulation, answer: &Placement, start: &Proposal) -> Table<'f> {
    let places = &formulation.places;
    let mut free: BTreeMap<&Quantities, BTreeMap<AgentIdx, i64>> = BTreeMap::new();
    for placed in &start.placements {
        if let Ok(item) = formulation.items.binary_search(&placed.task) {
            let of_demand = free.entry(&places.demands[item]).or_default();
            *of_demand.entry(placed.agent).or_insert(0) += placed.instances;
        }
    }
    let bin_of = formulation.bins_by_place();
    let units: BTreeSet<Option<UnitIdx>> = places.bins.iter().map(|place| place.unit).collect();
    let mut table = Table::new(formulation);
    let mut elsewhere = Vec::new();
    for &(item, bin, copies) in answer.entries() {
        let of_demand = free.entry(&places.demands[item as usize]).or_default();
        for _ in 0..copies {
            let agents = places.bins[bin as usize].agents.iter();
            let mut agents = agents.copied();
            match agents.find(|agent| of_demand.contains_key(agent)) {
                Some(agent) => {
                    take_place(of_demand, agent);
                    table.put(Dealt { item, bin, agent });
                }
                None => elsewhere.push((item, bin)),
            }
        }
    }
    let mut left = Vec::new();
    for (item, bin) in elsewhere {
        let of_demand = free.entry(&places.demands[item as usize]).or_default();
        let way = if table.is_balanced[item as usize] {
            None
        } else {
            let beside = |unit: Option<UnitIdx>| table.beside(item, unit, of_demand, &bin_of);
            let own = beside(places.bins[bin as usize].unit);
            own.or_else(|| units.iter().copied().filter_map(beside).min())
        };
        match way {
            Some((_, _, agent, bin)) => {
                take_place(of_demand, agent);
                table.put(Dealt { item, bin, agent });
            }
            None => left.push(item),
        }
    }
    table.rest(left);
    table
}

/// Takes one of the places of an agent.
fn take_place(free: &mut BTreeMap<AgentIdx, i64>, agent: AgentIdx) {
    if let Some(n) = free.get_mut(&agent) {
        *n -= 1;
        if *n <= 0 {
            free.remove(&agent);
        }
    }
}
