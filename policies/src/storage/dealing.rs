//! From bins that are a unit and some agents back to single agents.
//!
//! What is placed in a class goes to the agent of it where it fits most tightly, large copies first. A class is as large as its agents
//! together, so that some of it may fit on none of them: such a copy takes the bin that costs least among those where it fits with all
//! rules, and only where there is none it is left out. Where an answer was found from a wish that fits, its replicas may also take the places
//! that others of the same demand have there, next to the units that the answer gives them; the better of the two counts. That may fill a unit
//! more than the answer did: replicas then leave the fullest unit, or are exchanged with ones that ask for less, as long as the way to the data
//! and what is copied get no worse. Each stays with its agent, so that nothing that is counted over agents changes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Proposal, Quantities, TaskIdx, UnitIdx};
use apportion_models::assignment::{Costs, NO_GROUP, Objective, Part, Peak, Placement};

use crate::contract::{CapRow, Formulation};

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

/// Places that are looked at to make the fullest unit emptier.
const LOOKS: usize = 5_000_000;

/// A replica on an agent of a bin.
#[derive(Clone, Copy)]
struct Dealt {
    item: u32,
    bin: u32,
    agent: AgentIdx,
}

/// What is dealt out, and what is left.
struct Table<'f> {
    formulation: &'f Formulation,
    /// What is free of each agent.
    room: BTreeMap<AgentIdx, Quantities>,
    dealt: Vec<Dealt>,
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
        self.put(Dealt { item, bin, agent });
        true
    }

    fn put(&mut self, dealt: Dealt) {
        self.count(dealt, 1);
        self.dealt.push(dealt);
    }

    /// The cheapest bin for a copy beside a unit, on one of some agents: what it costs, how full the unit is then, where.
    fn beside(
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
    fn rest(&mut self, left: Vec<u32>) {
        for item in left {
            self.deal_anywhere(item);
        }
        self.level();
    }

    /// Counts a replica in, or with -1 out.
    fn count(&mut self, Dealt { item, bin, agent }: Dealt, copies: i64) {
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

    /// What the way to the data and copies of it cost.
    fn costs(&self) -> Option<&'f Costs> {
        let mut stages = self.formulation.assignment.stages.iter();
        stages.find_map(|stage| match &stage.objective {
            Objective::Cost(costs) => Some(costs),
            _ => None,
        })
    }

    /// Moves replicas off the fullest unit as long as that helps and costs nothing.
    fn level(&mut self) {
        let mut stages = self.formulation.assignment.stages.iter();
        let peak = stages.find_map(|stage| match &stage.objective {
            Objective::Peak(peak) => Some(peak),
            _ => None,
        });
        let Some(peak) = peak else { return };
        let mut beside: BTreeMap<&[AgentIdx], Vec<u32>> = BTreeMap::new();
        for (bin, place) in (0_u32..).zip(&self.formulation.places.bins) {
            if place.unit.is_some() {
                beside.entry(&place.agents).or_default().push(bin);
            }
        }
        let mut looks = LOOKS;
        while let Some(part) = self.fullest(peak) {
            let cap = &self.formulation.assignment.caps[part.cap as usize];
            let on_it = (0..self.dealt.len()).filter(|&at| {
                let Dealt { item, bin, .. } = self.dealt[at];
                cap.weight(item) > 0 && cap.bins.binary_search(&bin).is_ok()
            });
            let mut on_it: Vec<usize> = on_it.collect();
            on_it.sort_by_key(|&at| (cap.weight(self.dealt[at].item), at));
            let most = self.filled(part);
            let ways = (&beside, peak, most);
            let moved = (on_it.iter()).any(|&at| self.leave(at, ways, &mut looks))
                || (on_it.iter().rev()).any(|&at| self.exchange(at, ways, part, &mut looks));
            if !moved {
                return;
            }
        }
    }

    /// How full a unit is in one resource.
    fn filled(&self, part: &Part) -> f64 {
        let cap = part.cap as usize;
        let max = self.formulation.assignment.caps[cap].max;
        part.used(i128::from(max - self.units[cap]))
    }

    /// The fullest unit, if it is fuller than what is outside of the offers.
    fn fullest<'p>(&self, peak: &'p Peak) -> Option<&'p Part> {
        let order = |left: &&Part, right: &&Part| {
            let order = self.filled(left).total_cmp(&self.filled(right));
            order.then(right.cap.cmp(&left.cap))
        };
        let fullest = peak.parts.iter().max_by(order)?;
        (self.filled(fullest) > peak.least).then_some(fullest)
    }

    /// How full the unit of a bin is, in the resource of which that is most.
    fn filled_most(&self, peak: &Peak, bin: u32) -> f64 {
        let rows = self.rows_of[bin as usize].iter();
        let parts = rows.filter_map(|&row| {
            let at = peak
                .parts
                .binary_search_by(|part| (part.cap as usize).cmp(&row));
            at.ok().map(|at| self.filled(&peak.parts[at]))
        });
        parts.fold(0.0, f64::max)
    }

    fn toll(&self, item: u32, bin: u32) -> i64 {
        self.costs().map_or(0, |costs| costs.of(item, bin))
    }

    /// Whether a bin takes the item, with every unit row and limit kept.
    fn takes(&self, item: u32, bin: u32) -> bool {
        let eligible = &self.formulation.assignment.items[item as usize].eligible;
        eligible.binary_search(&bin).is_ok() && self.is_allowed(item, bin)
    }

    /// Lets a replica keep its data on another unit, the one that is then least full, if that is less full than `most`.
    fn leave(&mut self, at: usize, (beside, peak, most): Ways<'_>, looks: &mut usize) -> bool {
        let here = self.dealt[at];
        let toll = self.toll(here.item, here.bin);
        let bins = &beside[&self.formulation.places.bins[here.bin as usize].agents[..]];
        self.count(here, -1);
        let mut best: Option<(f64, Dealt)> = None;
        for &bin in bins.iter().filter(|&&bin| bin != here.bin) {
            *looks = looks.saturating_sub(1);
            let there = Dealt { bin, ..here };
            if *looks == 0 || self.toll(here.item, bin) > toll || !self.takes(here.item, bin) {
                continue;
            }
            self.count(there, 1);
            let filled = self.filled_most(peak, bin);
            self.count(there, -1);
            if filled < most && best.is_none_or(|(least, _)| filled < least) {
                best = Some((filled, there));
            }
        }
        let there = best.map_or(here, |(_, there)| there);
        self.count(there, 1);
        self.dealt[at] = there;
        best.is_some()
    }

    /// Exchanges the units of two replicas, so that both are then less full than `most`.
    fn exchange(
        &mut self,
        at: usize,
        (beside, peak, most): Ways<'_>,
        part: &Part,
        looks: &mut usize,
    ) -> bool {
        let formulation = self.formulation;
        let (model, places) = (&formulation.assignment, &formulation.places.bins);
        let cap = &model.caps[part.cap as usize];
        let here = self.dealt[at];
        let bin_of = |dealt: &Dealt, unit: Option<UnitIdx>| {
            let bins = beside.get(&places[dealt.bin as usize].agents[..])?;
            bins.iter()
                .copied()
                .find(|&bin| places[bin as usize].unit == unit)
        };
        for with in 0..self.dealt.len() {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            let there = self.dealt[with];
            let unit = places[there.bin as usize].unit;
            let is_lighter = cap.weight(there.item) < cap.weight(here.item);
            if !is_lighter || cap.bins.binary_search(&there.bin).is_ok() || unit.is_none() {
                continue;
            }
            let to = bin_of(&here, unit);
            let back = bin_of(&there, places[here.bin as usize].unit);
            let Some((to, back)) = to.zip(back) else {
                continue;
            };
            let before = self.toll(here.item, here.bin) + self.toll(there.item, there.bin);
            if self.toll(here.item, to) + self.toll(there.item, back) > before {
                continue;
            }
            let exchanged = [Dealt { bin: to, ..here }, Dealt { bin: back, ..there }];
            self.count(here, -1);
            self.count(there, -1);
            let mut holds = self.takes(here.item, to);
            self.count(exchanged[0], 1);
            holds &= self.takes(there.item, back);
            self.count(exchanged[1], 1);
            holds &= [to, back]
                .iter()
                .all(|&bin| self.filled_most(peak, bin) < most);
            if holds {
                [self.dealt[at], self.dealt[with]] = exchanged;
                return true;
            }
            self.count(exchanged[0], -1);
            self.count(exchanged[1], -1);
            self.count(here, 1);
            self.count(there, 1);
        }
        false
    }

    fn proposal(self) -> Proposal {
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

/// Bins on units by their agents, the units to compare, and how full the fullest is.
type Ways<'w> = (&'w BTreeMap<&'w [AgentIdx], Vec<u32>>, &'w Peak, f64);
