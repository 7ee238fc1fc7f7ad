//! What is dealt out, and what is left of agents, units and limits.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Proposal, Quantities, TaskIdx, UnitIdx};
use apportion_models::assignment::{NO_GROUP, Objective, Tolls};

use crate::contract::{CapRow, Formulation};

/// A replica on an agent of a bin.
#[derive(Clone, Copy)]
pub(super) struct Dealt {
    pub(super) item: u32,
    pub(super) bin: u32,
    pub(super) agent: AgentIdx,
}

/// What is dealt out, and what is left.
pub(super) struct Table<'f> {
    pub(super) formulation: &'f Formulation,
    /// What is free of each agent.
    room: BTreeMap<AgentIdx, Quantities>,
    pub(super) dealt: Vec<Dealt>,
    /// What is free of each row of a unit (shape: caps; 0 for those of agents).
    pub(super) units: Vec<i64>,
    /// Rows of units, by bin.
    pub(super) rows_of: Vec<Vec<usize>>,
    /// Counts of each limit's groups.
    counts: Vec<Vec<i64>>,
    /// Limits that count each item.
    limits_of: Vec<Vec<usize>>,
    /// Whether a hard spread counts the item: what is added could break it.
    pub(super) is_balanced: Vec<bool>,
    /// What the way to the data and copies of it cost, by item.
    tolls: Vec<Tolls<'f>>,
}

impl<'f> Table<'f> {
    pub(super) fn new(formulation: &'f Formulation) -> Self {
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
        let mut objectives = model.stages.iter().map(|stage| &stage.objective);
        let costs = objectives.find(|it| matches!(it, Objective::Cost(_)));
        Self {
            formulation,
            room: formulation.places.room.clone(),
            dealt: Vec::new(),
            units,
            rows_of,
            counts: model
                .limits
                .iter()
                .map(|it| it.packing.base.clone())
                .collect(),
            limits_of,
            is_balanced,
            tolls: costs.map_or_else(Vec::new, |costs| {
                let items = 0..model.items.len() as u32;
                items.map(|item| costs.tolls(item)).collect()
            }),
        }
    }

    /// Gives a copy to an agent of the bin, if it fits on one.
    pub(super) fn deal(&mut self, item: u32, bin: u32) -> bool {
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
        self.put(Dealt { item, bin, agent });
        true
    }

    pub(super) fn put(&mut self, dealt: Dealt) {
        self.count(dealt, 1);
        self.dealt.push(dealt);
    }

    /// The cheapest bin for a copy beside a unit, on one of some agents: what it costs, how full the unit is then, where.
    pub(super) fn beside(
        &self,
        item: u32,
        unit: Option<UnitIdx>,
        agents: &BTreeMap<AgentIdx, i64>,
        bin_of: &BTreeMap<(Option<UnitIdx>, AgentIdx), u32>,
    ) -> Option<(i64, i64, AgentIdx, u32)> {
        let agents = agents.keys().copied();
        let bins = agents.filter_map(|agent| Some((agent, *bin_of.get(&(unit, agent))?)));
        let allowed = bins.filter(|&(_, bin)| self.takes(item, bin));
        let ways =
            allowed.map(|(agent, bin)| (self.toll(item, bin), self.used(item, bin), agent, bin));
        ways.min()
    }

    /// Copies that fit where they should be on no agent; they may make a unit the fullest.
    pub(super) fn rest(&mut self, left: Vec<u32>) {
        for item in left {
            self.deal_anywhere(item);
        }
        self.level();
    }

    /// Counts a replica in, or with -1 out.
    pub(super) fn count(&mut self, Dealt { item, bin, agent }: Dealt, copies: i64) {
        let demand = &self.formulation.places.demands[item as usize];
        if let Some(room) = self.room.get_mut(&agent) {
            room.subtract(demand, copies);
        }
        let model = &self.formulation.assignment;
        for &row in &self.rows_of[bin as usize] {
            self.units[row] -= copies * model.caps[row].weight(item);
        }
        for &limit in &self.limits_of[item as usize] {
            let group = model.limits[limit].packing.group_of[bin as usize];
            if group != NO_GROUP {
                self.counts[limit][group as usize] += copies;
            }
        }
    }

    /// Gives a copy to the bin that costs least among those that hold it with all rules.
    fn deal_anywhere(&mut self, item: u32) {
        if self.is_balanced[item as usize] {
            return;
        }
        let model = &self.formulation.assignment;
        let eligible = model.items[item as usize].eligible.iter();
        let mut bins: Vec<(i64, i64, u32)> = eligible
            .filter(|&&bin| self.is_allowed(item, bin))
            .map(|&bin| (self.toll(item, bin), self.used(item, bin), bin))
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

    pub(super) fn toll(&self, item: u32, bin: u32) -> i64 {
        self.tolls.get(item as usize).map_or(0, |it| it.of(bin))
    }

    /// Whether a bin takes the item, with every unit row and limit kept.
    pub(super) fn takes(&self, item: u32, bin: u32) -> bool {
        let eligible = &self.formulation.assignment.items[item as usize].eligible;
        eligible.binary_search(&bin).is_ok() && self.is_allowed(item, bin)
    }

    pub(super) fn proposal(self) -> Proposal {
        let places = &self.formulation.places.bins;
        let mut copies: BTreeMap<(TaskIdx, AgentIdx, Option<UnitIdx>), i64> = BTreeMap::new();
        for Dealt { item, bin, agent } in self.dealt {
            let task = self.formulation.items[item as usize];
            let unit = places[bin as usize].unit;
            *copies.entry((task, agent, unit)).or_insert(0) += 1;
        }
        let copies = copies.into_iter();
        Proposal::on_units(copies.map(|((task, agent, unit), copies)| (task, agent, unit, copies)))
    }
}
