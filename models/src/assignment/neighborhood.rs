//! A part of an assignment, with everything outside it held fixed: again an [`Assignment`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evaluate::PlacementFault;
use super::placement::{Entry, Placement};
use super::tally::{Rule, Tally};
use super::types::{
    Assignment, Balance, Bin, Cap, Curve, End, Flow, Gang, Item, Limit, Loss, Objective, Packing,
    Part, Peak, Probe, Rate, Span, Stage, Survival, Term, Traffic, Yield,
};
use super::validate::NO_GROUP;

/// Some items and bins of a placement, free to be placed anew.
#[derive(Debug)]
pub(super) struct Neighborhood {
    /// The part as an assignment of its own. Its stage values differ from the whole's by constants.
    pub(super) assignment: Assignment,
    /// Gangs that may not be absent, since copies outside count on them.
    pub(super) forced: Vec<usize>,
    /// What is placed there now, in positions of the part.
    pub(super) current: Placement,
    items: Vec<u32>,
    bins: Vec<u32>,
}

impl Neighborhood {
    /// Frees the copies of `items` in `bins` (both ascending).
    pub(super) fn cut(tally: &Tally<'_>, items: &[u32], bins: &[u32]) -> Self {
        let cut = Cut::new(tally, items, bins);
        let (gangs, forced) = cut.gangs();
        Self {
            assignment: Assignment {
                resources: tally.assignment.resources.clone(),
                items: cut.items(),
                bins: cut.bins(),
                caps: cut.caps().into_iter().map(|(_, cap)| cap).collect(),
                limits: cut.limits(),
                gangs,
                balances: cut.balances(),
                stages: cut.stages(),
            },
            forced,
            current: Placement::new(cut.freed.iter().map(|&(_, _, at)| at).collect()),
            items: items.to_vec(),
            bins: bins.to_vec(),
        }
    }

    /// The rules that a placement of the part breaks.
    pub(super) fn faults(&self, placement: &Placement) -> Vec<PlacementFault> {
        let mut faults = self.assignment.faults(placement);
        for &gang in &self.forced {
            let gang = &self.assignment.gangs[gang];
            let activity = gang
                .items
                .iter()
                .map(|&item| placement.copies_of(item))
                .sum();
            if activity == 0 {
                let (row, least) = (gang.name.clone(), gang.least());
                faults.push(PlacementFault::Partial {
                    row,
                    activity,
                    least,
                });
            }
        }
        faults
    }

    /// Changes the tally from the current placement of the part to another.
    pub(super) fn replace(&self, tally: &mut Tally<'_>, from: &Placement, to: &Placement) {
        for (placement, sign) in [(from, -1), (to, 1)] {
            for &(item, bin, copies) in placement.entries() {
                let (item, bin) = (self.items[item as usize], self.bins[bin as usize]);
                tally.change(item, bin, sign * copies);
            }
        }
    }
}

struct Cut<'a> {
    tally: &'a Tally<'a>,
    items: &'a [u32],
    bins: &'a [u32],
    /// Item and bin in the whole, and the same entry in positions of the part.
    freed: Vec<(u32, u32, Entry)>,
    /// Rules that speak of any of the items, ascending.
    rules: Vec<u32>,
}

impl<'a> Cut<'a> {
    fn new(tally: &'a Tally<'a>, items: &'a [u32], bins: &'a [u32]) -> Self {
        let mut freed = Vec::new();
        for (local_item, &item) in items.iter().enumerate() {
            for (local_bin, &bin) in bins.iter().enumerate() {
                if let Some(&copies) = tally.at[item as usize].get(&bin) {
                    freed.push((item, bin, (local_item as u32, local_bin as u32, copies)));
                }
            }
        }
        let rules_of = |item: &u32| tally.index.rules_of[*item as usize].iter().copied();
        let mut rules: Vec<u32> = items.iter().flat_map(rules_of).collect();
        rules.sort_unstable();
        rules.dedup();
        Self {
            tally,
            items,
            bins,
            freed,
            rules,
        }
    }

    /// Positions in the part of those of `whole` that are in it; both ascending.
    fn local(part: &[u32], whole: &[u32]) -> Vec<u32> {
        let position = |&of_whole: &u32| whole.binary_search(&of_whole).is_ok();
        (0_u32..)
            .zip(part)
            .filter(|&(_, of_part)| position(of_part))
            .map(|(local, _)| local)
            .collect()
    }

    fn freed_of_item(&self, item: u32) -> i64 {
        let entries = self.freed.iter().filter(|freed| freed.0 == item);
        entries.map(|freed| freed.2.2).sum()
    }

    fn items(&self) -> Vec<Item> {
        (self.items.iter())
            .map(|&item| {
                let whole = &self.tally.assignment.items[item as usize];
                Item {
                    count: self.tally.remaining(item) + self.freed_of_item(item),
                    eligible: Arc::new(Self::local(self.bins, &whole.eligible)),
                    ..whole.clone()
                }
            })
            .collect()
    }

    fn bins(&self) -> Vec<Bin> {
        (self.bins.iter())
            .map(|&bin| {
                let mut capacity = self.tally.free(bin).to_vec();
                for &(item, _, (_, _, copies)) in self.freed.iter().filter(|freed| freed.1 == bin) {
                    let demand = &self.tally.assignment.items[item as usize].demand;
                    for (capacity, &demand) in capacity.iter_mut().zip(demand) {
                        *capacity += demand * copies;
                    }
                }
                Bin {
                    name: self.tally.assignment.bins[bin as usize].name.clone(),
                    capacity,
                    devices: self.devices(bin),
                }
            })
            .collect()
    }

    /// What is free of each device of the bin once the freed copies are out, while those that stay keep their devices.
    fn devices(&self, bin: u32) -> Vec<Vec<i64>> {
        let assignment = self.tally.assignment;
        let counts = self.tally.on_devices(bin);
        let Some(packed) = assignment.pack(bin, &counts) else {
            return self.tally.free_devices(bin).to_vec();
        };
        let mut free = assignment.bins[bin as usize].devices.clone();
        let stays = |item: u32| self.items.binary_search(&item).is_err();
        for copy in packed.iter().filter(|copy| stays(copy.item)) {
            let needs = &assignment.items[copy.item as usize].devices;
            for (need, devices) in needs.iter().zip(&copy.devices) {
                for &device in devices {
                    free[need.kind as usize][device] -= need.milli;
                }
            }
        }
        free
    }

    /// The caps that speak of the part, with their positions in the whole.
    fn caps(&self) -> Vec<(u32, Cap)> {
        let caps_in = |bin: &u32| self.tally.index.caps_in[*bin as usize].iter().copied();
        let mut caps: Vec<u32> = self.bins.iter().flat_map(caps_in).collect();
        caps.sort_unstable();
        caps.dedup();
        let of_part = |&cap: &u32| Some((cap, self.cap(cap)?));
        caps.iter().filter_map(of_part).collect()
    }

    /// The caps of the part, and how full the others are.
    fn peak(&self, whole: &Peak) -> Peak {
        let caps = self.caps();
        let mut least = whole.least;
        let mut parts = Vec::new();
        for part in &whole.parts {
            match caps.binary_search_by_key(&part.cap, |cap| cap.0) {
                Ok(local) => {
                    // What is placed under the cap and stays where it is.
                    let max = self.tally.assignment.caps[part.cap as usize].max;
                    parts.push(Part {
                        cap: local as u32,
                        base: part.base + max - caps[local].1.max,
                        ..*part
                    });
                }
                Err(_) => least = least.max(self.tally.used(part)),
            }
        }
        Peak { least, parts }
    }

    fn cap(&self, position: u32) -> Option<Cap> {
        let cap = &self.tally.assignment.caps[position as usize];
        let bins = Self::local(self.bins, &cap.bins);
        if bins.is_empty() {
            return None;
        }
        let items = Self::local(self.items, &cap.items);
        if items.is_empty() {
            return None;
        }
        let freed: i64 = (self.freed.iter())
            .filter(|freed| cap.bins.binary_search(&freed.1).is_ok())
            .map(|freed| cap.weight(freed.0) * freed.2.2)
            .sum();
        let weight = |&local: &u32| cap.weight(self.items[local as usize]);
        let weights = if cap.weights.is_empty() {
            Vec::new()
        } else {
            items.iter().map(weight).collect()
        };
        Some(Cap {
            name: cap.name.clone(),
            items: Arc::new(items),
            bins: Arc::new(bins),
            max: self.tally.cap_room(position) + freed,
            weights,
        })
    }

    /// The packing of a rule in the part, and the group in the whole of each of its groups.
    fn packing(&self, rule: u32) -> (Packing, Vec<usize>) {
        let whole = self.tally.index.rules[rule as usize].packing(self.tally.assignment);
        let mut groups: Vec<usize> = Vec::new();
        let mut group_of = Vec::with_capacity(self.bins.len());
        for &bin in self.bins {
            group_of.push(match self.tally.group(rule, bin) {
                None => NO_GROUP,
                Some(group) => {
                    let known = groups.iter().position(|&other| other == group);
                    let local = known.unwrap_or(groups.len());
                    if local == groups.len() {
                        groups.push(group);
                    }
                    local as u32
                }
            });
        }
        let counts = &self.tally.counts[rule as usize].counts;
        let mut base: Vec<i64> = groups.iter().map(|&group| counts[group]).collect();
        for &(item, _, (_, local_bin, copies)) in &self.freed {
            let group = group_of[local_bin as usize];
            if group != NO_GROUP && whole.items.binary_search(&item).is_ok() {
                base[group as usize] -= copies;
            }
        }
        let packing = Packing {
            items: Arc::new(Self::local(self.items, &whole.items)),
            group_of: Arc::new(group_of),
            base,
        };
        (packing, groups)
    }

    /// The packing with one or two more groups, for the extreme counts of the groups outside.
    fn packing_with_rest(&self, rule: u32, with_least: bool) -> Packing {
        let (mut packing, groups) = self.packing(rule);
        let counts = &self.tally.counts[rule as usize].counts;
        let mut inside = vec![false; counts.len()];
        groups.iter().for_each(|&group| inside[group] = true);
        let outside = || (counts.iter().zip(&inside)).filter(|&(_, &inside)| !inside);
        packing
            .base
            .extend(outside().map(|(&count, _)| count).max());
        if with_least {
            packing
                .base
                .extend(outside().map(|(&count, _)| count).min());
        }
        packing
    }

    fn limits(&self) -> Vec<Limit> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Limit(limit) => {
                    let whole = &self.tally.assignment.limits[limit];
                    let (packing, groups) = self.packing(rule);
                    let names = groups.iter().map(|&group| whole.groups[group].clone());
                    Some(Limit {
                        name: whole.name.clone(),
                        groups: Arc::new(names.collect()),
                        packing,
                        max: whole.max,
                    })
                }
                _ => None,
            })
            .collect()
    }

    fn gangs(&self) -> (Vec<Gang>, Vec<usize>) {
        let gang_of = |item: &u32| self.tally.index.gang_of[*item as usize];
        let mut positions: Vec<u32> = self.items.iter().filter_map(gang_of).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut forced = Vec::new();
        let mut gangs = Vec::new();
        for position in positions {
            let whole = &self.tally.assignment.gangs[position as usize];
            let freed: i64 = (whole.items.iter())
                .map(|&item| self.freed_of_item(item))
                .sum();
            let outside = self.tally.gangs[position as usize] - freed;
            if outside > 0 && outside < whole.least() {
                forced.push(gangs.len());
            }
            gangs.push(Gang {
                name: whole.name.clone(),
                items: Self::local(self.items, &whole.items),
                min: whole.min,
                base: whole.base + outside,
            });
        }
        (gangs, forced)
    }

    fn balances(&self) -> Vec<Balance> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Balance(balance) => {
                    let whole = &self.tally.assignment.balances[balance];
                    Some(Balance {
                        name: whole.name.clone(),
                        packing: self.packing_with_rest(rule, true),
                        max_skew: whole.max_skew,
                    })
                }
                _ => None,
            })
            .collect()
    }

    fn stages(&self) -> Vec<Stage> {
        (self.tally.assignment.stages.iter().enumerate())
            .map(|(position, stage)| Stage {
                name: stage.name.clone(),
                objective: match &stage.objective {
                    Objective::Value(terms) => Objective::Value(self.terms(terms)),
                    Objective::Yield(by_class) => Objective::Yield(self.by_class(by_class)),
                    Objective::Utility(curves) => {
                        Objective::Utility(curves.iter().map(|curve| self.curve(curve)).collect())
                    }
                    Objective::Cost(by_class) => Objective::Cost(self.by_class(by_class)),
                    Objective::Shortfall(terms) => {
                        Objective::Shortfall(self.survivals(position, terms))
                    }
                    Objective::WorstShare(terms) => {
                        Objective::WorstShare(self.losses(position, terms))
                    }
                    Objective::Span(terms) => Objective::Span(self.spans(position, terms)),
                    Objective::Traffic(whole) => Objective::Traffic(self.traffic(position, whole)),
                    Objective::Fragmentation(probes) => {
                        let local = |probe: &Probe| Probe {
                            eligible: Arc::new(Self::local(self.bins, &probe.eligible)),
                            ..probe.clone()
                        };
                        Objective::Fragmentation(probes.iter().map(local).collect())
                    }
                    Objective::Opened(costs) => Objective::Opened(self.opened(costs)),
                    Objective::Peak(peak) => Objective::Peak(self.peak(peak)),
                },
            })
            .collect()
    }

    fn terms(&self, whole: &[Term]) -> Vec<Term> {
        (0_u32..)
            .zip(self.items)
            .filter_map(|(local, &item)| {
                let found = whole.binary_search_by_key(&item, |term| term.item).ok()?;
                let value = whole[found].value;
                Some(Term { item: local, value })
            })
            .collect()
    }

    /// What is placed outside the part is there already.
    fn curve(&self, whole: &Curve) -> Curve {
        let (mut now, mut base) = (whole.base, whole.base);
        for term in &whole.terms {
            let placed = self.tally.placed[term.item as usize];
            now += term.value * placed;
            base += term.value * (placed - self.freed_of_item(term.item));
        }
        Curve {
            base,
            near: now,
            terms: self.terms(&whole.terms),
            ..whole.clone()
        }
    }

    fn by_class(&self, whole: &Yield) -> Yield {
        let class_of = |&bin: &u32| whole.class_of[bin as usize];
        let rates = (0_u32..).zip(self.items).filter_map(|(local, &item)| {
            let found = (whole.rates).binary_search_by_key(&item, |rate| rate.item);
            Some(Rate {
                item: local,
                values: whole.rates[found.ok()?].values.clone(),
            })
        });
        Yield {
            class_of: Arc::new(self.bins.iter().map(class_of).collect()),
            rates: rates.collect(),
        }
    }

    fn survivals(&self, position: usize, whole: &[Survival]) -> Vec<Survival> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Survival(stage, term) if stage == position => {
                    let packing = self.packing_with_rest(rule, false);
                    let freed: i64 = (whole[term].packing.items.iter())
                        .map(|&item| self.freed_of_item(item))
                        .sum();
                    let outside = self.tally.totals[rule as usize] - freed;
                    let counted: i64 = packing.base.iter().sum();
                    Some(Survival {
                        name: whole[term].name.clone(),
                        packing,
                        need: whole[term].need - outside + counted,
                    })
                }
                _ => None,
            })
            .collect()
    }

    fn losses(&self, position: usize, whole: &[Loss]) -> Vec<Loss> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Loss(stage, term) if stage == position => Some(Loss {
                    packing: self.packing_with_rest(rule, false),
                    ..whole[term].clone()
                }),
                _ => None,
            })
            .collect()
    }

    /// Groups outside stay as they are.
    fn spans(&self, position: usize, whole: &[Span]) -> Vec<Span> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Span(stage, term) if stage == position => Some(Span {
                    packing: self.packing(rule).0,
                    ..whole[term].clone()
                }),
                _ => None,
            })
            .collect()
    }

    /// Flows of which an end has copies in the part; ends whose copies are all outside are there by what they have in the groups.
    fn traffic(&self, position: usize, whole: &Traffic) -> Traffic {
        let rules = &self.tally.index.rules;
        let first = rules
            .iter()
            .position(|rule| *rule == Rule::End(position, 0, 0));
        let mut part = Traffic {
            weights: whole.weights.clone(),
            ..Traffic::default()
        };
        let Some(first) = first else {
            return part;
        };
        let n_divisions = whole.weights.len();
        let rule = |end: u32| (first + end as usize * n_divisions) as u32;
        let is_inside = |end: u32| self.rules.binary_search(&rule(end)).is_ok();
        let mut local: BTreeMap<u32, u32> = BTreeMap::new();
        for flow in &whole.flows {
            if !is_inside(flow.from) && !is_inside(flow.to) {
                continue;
            }
            let mut end = |end: u32| {
                *local.entry(end).or_insert_with(|| {
                    let packings = (0..n_divisions as u32).map(|it| self.packing(rule(end) + it).0);
                    part.ends.push(End {
                        packings: packings.collect(),
                        ..whole.ends[end as usize].clone()
                    });
                    part.ends.len() as u32 - 1
                })
            };
            let (from, to) = (end(flow.from), end(flow.to));
            part.flows.push(Flow { from, to, ..*flow });
        }
        part
    }

    /// A bin with copies that stay is open whatever happens.
    fn opened(&self, costs: &[i64]) -> Vec<i64> {
        (self.bins.iter())
            .map(|&bin| {
                let freed = self.freed.iter().filter(|freed| freed.1 == bin);
                let freed: i64 = freed.map(|freed| freed.2.2).sum();
                let stays = self.tally.load[bin as usize] > freed;
                if stays { 0 } else { costs[bin as usize] }
            })
            .collect()
    }
}
