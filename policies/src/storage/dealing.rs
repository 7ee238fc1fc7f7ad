//! From bins that are a unit and some agents back to single agents.
//!
//! What is placed in a class goes to the agent of it where it fits most tightly, large copies first. A class is as large as its agents
//! together, so that some of it may fit on none of them: such a copy takes the bin that costs least among those where it fits with all
//! rules, and only where there is none it is left out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Proposal, Quantities, TaskIdx, UnitIdx};
use apportion_models::assignment::{NO_GROUP, Objective, Placement};

use crate::contract::{CapRow, Formulation};

/// The wish that an answer stands for.
pub(super) fn deal_out(formulation: &Formulation, answer: &Placement) -> Proposal {
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
    for item in left {
        table.deal_anywhere(item);
    }
    table.proposal()
}

/// What is dealt out, and what is left.
struct Table<'f> {
    formulation: &'f Formulation,
    /// What is free of each agent.
    room: BTreeMap<AgentIdx, Quantities>,
    dealt: BTreeMap<(TaskIdx, AgentIdx, Option<UnitIdx>), i64>,
    /// What is free of each row of a unit (shape: caps; 0 for those of agents).
    units: Vec<i64>,
    /// Rows of units, by bin.
    rows_of: Vec<Vec<usize>>,
    /// Counts of each limit's groups.
    counts: Vec<Vec<i64>>,
    /// Limits that count each item.
    limits_of: Vec<Vec<usize>>,
    /// Whether a hard spread counts the item: what is added could break it.
    is_balanced: Vec<bool>,
}

impl<'f> Table<'f> {
    fn new(formulation: &'f Formulation) -> Self {
        let model = &formulation.assignment;
        let mut rows_of = vec![Vec::new(); model.bins.len()];
        let mut units = vec![0; model.caps.len()];
        for (at, (cap, row)) in model.caps.iter().zip(&formulation.places.rows).enumerate() {
            if let CapRow::Unit(..) = row {
                units[at] = cap.max;
                cap.bins
                    .iter()
                    .for_each(|&bin| rows_of[bin as usize].push(at));
            }
        }
        let mut limits_of = vec![Vec::new(); model.items.len()];
        for (at, limit) in model.limits.iter().enumerate() {
            let items = limit.packing.items.iter();
            items.for_each(|&item| limits_of[item as usize].push(at));
        }
        let mut is_balanced = vec![false; model.items.len()];
        for balance in &model.balances {
            let items = balance.packing.items.iter();
            items.for_each(|&item| is_balanced[item as usize] = true);
        }
        Self {
            formulation,
            room: formulation.places.room.clone(),
            dealt: BTreeMap::new(),
            units,
            rows_of,
            counts: model
                .limits
                .iter()
                .map(|it| it.packing.base.clone())
                .collect(),
            limits_of,
            is_balanced,
        }
    }

    /// Gives a copy to an agent of the bin, if it fits on one.
    fn deal(&mut self, item: u32, bin: u32) -> bool {
        let demand = &self.formulation.places.demands[item as usize];
        let place = &self.formulation.places.bins[bin as usize];
        let fits = place.agents.iter().filter_map(|agent| {
            let free = self.room.get(agent)?;
            let left = free.0.iter().zip(&demand.0).map(|(free, need)| free - need);
            demand.fits_in(free).then(|| (left.sum::<i64>(), *agent))
        });
        let Some((_, agent)) = fits.min() else {
            return false;
        };
        if let Some(room) = self.room.get_mut(&agent) {
            room.subtract(demand, 1);
        }
        let model = &self.formulation.assignment;
        for &row in &self.rows_of[bin as usize] {
            self.units[row] -= model.caps[row].weight(item);
        }
        for &limit in &self.limits_of[item as usize] {
            let group = model.limits[limit].packing.group_of[bin as usize];
            if group != NO_GROUP {
                self.counts[limit][group as usize] += 1;
            }
        }
        let task = self.formulation.items[item as usize];
        *self.dealt.entry((task, agent, place.unit)).or_insert(0) += 1;
        true
    }

    /// Gives a copy to the bin that costs least among those that hold it with all rules.
    fn deal_anywhere(&mut self, item: u32) {
        if self.is_balanced[item as usize] {
            return;
        }
        let model = &self.formulation.assignment;
        let cost = model
            .stages
            .iter()
            .find_map(|stage| match &stage.objective {
                Objective::Cost(costs) => Some(costs),
                _ => None,
            });
        let toll = |bin: u32| cost.map_or(0, |costs| costs.of(item, bin));
        let eligible = model.items[item as usize].eligible.iter();
        let mut bins: Vec<(i64, i64, u32)> = eligible
            .filter(|&&bin| self.is_allowed(item, bin))
            .map(|&bin| (toll(bin), self.used(item, bin), bin))
            .collect();
        bins.sort_unstable();
        for (_, _, bin) in bins {
            if self.deal(item, bin) {
                return;
            }
        }
    }

    /// Whether the unit and every limit have room for one more copy.
    fn is_allowed(&self, item: u32, bin: u32) -> bool {
        let model = &self.formulation.assignment;
        let mut rows = self.rows_of[bin as usize].iter();
        let mut limits = self.limits_of[item as usize].iter();
        rows.all(|&row| model.caps[row].weight(item) <= self.units[row])
            && limits.all(|&limit| {
                let of = &model.limits[limit];
                let group = of.packing.group_of[bin as usize];
                group == NO_GROUP || self.counts[limit][group as usize] < of.max
            })
    }

    /// How much of the offer of the unit would be used with one more copy, in millionths, of the resource of which that is most.
    fn used(&self, item: u32, bin: u32) -> i64 {
        let model = &self.formulation.assignment;
        let rows = self.rows_of[bin as usize].iter();
        let used = rows.map(|&row| {
            let cap = &model.caps[row];
            let used = cap.max - self.units[row] + cap.weight(item);
            (1e6 * used as f64 / cap.max.max(1) as f64) as i64
        });
        used.max().unwrap_or(0)
    }

    fn proposal(self) -> Proposal {
        let dealt = self.dealt.into_iter();
        Proposal::on_units(dealt.map(|((task, agent, unit), copies)| (task, agent, unit, copies)))
    }
}
