//! Better timetables: many starts, then other orders, other bins for what is critical, and everything pushed late and early again.

use super::decode::Choice;
use super::ranks::MEASURES;
use super::slots::{Shop, Slot, Slots};
use super::types::TimeObjective;
use crate::assignment::Stop;

/// Placements of single operations that may be tried in all.
const EFFORT: usize = 1_500_000;
/// Rounds without success after which nothing more is tried.
const IDLE_ROUNDS: usize = 400;

/// The search for a better timetable.
pub(super) struct Search<'s> {
    shop: &'s Shop<'s>,
    pub(super) best: Slots,
    pub(super) values: Vec<f64>,
    bounds: Vec<f64>,
    effort: usize,
    random: Random,
    stop: Stop,
    /// Operations that hand anything over to each other, by any way.
    parts: Parts,
}

impl<'s> Search<'s> {
    pub(super) fn new(shop: &'s Shop<'s>, start: Slots, seed: u64, stop: &Stop) -> Self {
        let stages = shop.schedule.stages.iter();
        Self {
            shop,
            values: shop.values(&start),
            best: start,
            bounds: stages.map(|stage| shop.bound(stage.objective)).collect(),
            effort: EFFORT,
            random: Random::new(seed),
            stop: stop.clone(),
            parts: Parts::of(shop),
        }
    }

    pub(super) fn run(&mut self) {
        self.starts();
        let n = self.shop.topological.len().max(1);
        let mut idle = 0;
        while idle < IDLE_ROUNDS && self.effort > n && !self.is_done() {
            let improved = match self.random.below(4) {
                0 => self.other_order(),
                1 => self.justify(),
                _ => self.move_critical(),
            };
            idle = if improved { 0 } else { idle + 1 };
        }
    }

    fn is_done(&self) -> bool {
        let met = self.values.iter().zip(&self.bounds);
        self.stop.reason().is_some()
            || met
                .into_iter()
                .all(|(value, bound)| (value - bound).abs() <= 1e-9 * bound.abs().max(1.0))
    }

    /// Takes what is no worse; says whether it is better.
    fn take(&mut self, slots: Slots) -> bool {
        let values = self.shop.values(&slots);
        let order = self.shop.schedule.compare(&values, &self.values);
        if order.is_le() {
            self.values = values;
            self.best = slots;
        }
        order.is_lt()
    }

    fn spend(&mut self) -> bool {
        self.effort = self.effort.saturating_sub(self.shop.topological.len());
        self.effort > 0 && self.stop.reason().is_none()
    }

    /// The published order and its relatives, everywhere and within groups.
    fn starts(&mut self) {
        for measure in [self.shop.published(), MEASURES[0]] {
            if !self.spend() {
                return;
            }
            let order = self.shop.order(&self.shop.ranks(measure));
            let slots = self.shop.decode(&order, &Choice::Published);
            self.take(slots);
        }
        let free = vec![None; self.shop.schedule.operations.len()];
        let divisions: Vec<Vec<Option<u32>>> = match self.wants_groups() {
            true => vec![self.parts.spread(self.shop), free],
            false => vec![free],
        };
        for groups in &divisions {
            for measure in MEASURES {
                if !self.spend() {
                    return;
                }
                let order = self.shop.order(&self.shop.ranks(measure));
                let slots = self.shop.decode(&order, &Choice::EarliestEnd(groups));
                self.take(slots);
            }
        }
        if self.wants_groups() && self.parts.n == 1 {
            for group in self.parts.groups.clone() {
                if !self.spend() {
                    return;
                }
                let groups = vec![Some(group); self.shop.schedule.operations.len()];
                let order = self.shop.order(&self.shop.ranks(MEASURES[0]));
                let slots = self.shop.decode(&order, &Choice::EarliestEnd(&groups));
                self.take(slots);
            }
        }
        while self.spend() && self.justify() {}
    }

    /// Whether what crosses groups comes before the end of all.
    fn wants_groups(&self) -> bool {
        let stages = self.shop.schedule.stages.iter();
        let mut kinds = stages.map(|stage| stage.objective);
        let first = kinds.find(|it| !matches!(it, TimeObjective::Value));
        matches!(first, Some(TimeObjective::Traffic { .. }))
    }

    /// Another order, near one of the measures or near the present one; each operation where it ends first.
    fn other_order(&mut self) -> bool {
        let n = self.shop.schedule.operations.len();
        let mut ranks = if self.random.below(2) == 0 {
            let measure = MEASURES[self.random.below(MEASURES.len())];
            self.shop.ranks(measure)
        } else {
            let start = |copies: &Vec<Slot>| copies.iter().map(|slot| slot.start).min();
            let starts = self
                .best
                .iter()
                .map(|copies| -(start(copies).unwrap_or(0) as f64));
            starts.collect()
        };
        let largest = ranks.iter().map(|it| it.abs()).fold(0.0, f64::max);
        let noise = largest * [0.02, 0.05, 0.1, 0.3][self.random.below(4)];
        for rank in &mut ranks {
            *rank += noise * (self.random.fraction() - 0.5);
        }
        let groups: Vec<Option<u32>> = if self.wants_groups() {
            self.parts.shuffled(self.shop, &self.best, &mut self.random)
        } else {
            vec![None; n]
        };
        if !self.spend() {
            return false;
        }
        let order = self.shop.order(&ranks);
        let slots = self.shop.decode(&order, &Choice::EarliestEnd(&groups));
        self.take(slots)
    }

    fn justify(&mut self) -> bool {
        if !self.spend() {
            return false;
        }
        let slots = self.shop.justified(&self.best);
        self.take(slots)
    }

    /// Another bin for a copy that the end of all hangs on, or for any; or two of them change places in the order.
    fn move_critical(&mut self) -> bool {
        let critical = self.critical();
        let any = self.random.below(4) == 0 || critical.is_empty();
        let operation = if any {
            self.shop.topological[self.random.below(self.shop.topological.len())]
        } else {
            critical[self.random.below(critical.len())]
        };
        let ways = &self.shop.ways[operation as usize];
        let copies = self.best[operation as usize].len();
        if copies == 0 {
            return false;
        }
        let copy = self.random.below(copies);
        let (bin, duration) = match self.random.below(3) {
            0 => match self.beside(operation) {
                Some(way) => way,
                None => return false,
            },
            _ => ways[self.random.below(ways.len())],
        };
        let mut given = self.best.clone();
        let slot = &mut given[operation as usize][copy];
        let moved = slot.bin != bin;
        *slot = Slot {
            bin,
            start: slot.start,
            end: slot.start + duration,
        };
        let mut order = self.shop.by_start(&given);
        if !moved || self.random.below(2) == 0 {
            self.pull_forward(&mut order, operation);
        }
        if !self.spend() {
            return false;
        }
        let slots = self.shop.decode(&order, &Choice::Given(&given));
        self.take(slots)
    }

    /// A bin of something that the operation follows or hands over to.
    fn beside(&mut self, operation: u32) -> Option<(u32, i64)> {
        let shop = self.shop;
        let before = shop.before[operation as usize].iter().map(|edge| edge.from);
        let after = shop.after[operation as usize].iter().map(|edge| edge.to);
        let mut near: Vec<u32> = before
            .chain(after)
            .flat_map(|it| self.best[it as usize].iter().map(|slot| slot.bin))
            .collect();
        near.sort_unstable();
        near.dedup();
        let bin = (!near.is_empty()).then(|| near[self.random.below(near.len())])?;
        let ways = &shop.ways[operation as usize];
        let at = ways.binary_search_by_key(&bin, |way| way.0).ok()?;
        Some(ways[at])
    }

    /// Puts an operation some places earlier in the order, though after all that it follows.
    fn pull_forward(&mut self, order: &mut Vec<u32>, operation: u32) {
        let Some(at) = order.iter().position(|&it| it == operation) else {
            return;
        };
        let before = &self.shop.before[operation as usize];
        let last = order[..at]
            .iter()
            .rposition(|it| before.iter().any(|edge| edge.from == *it));
        let earliest = last.map_or(0, |last| last + 1);
        if earliest < at {
            let to = earliest + self.random.below(at - earliest);
            order.remove(at);
            order.insert(to, operation);
        }
    }

    /// Operations on a chain without slack that ends last: each starts when something that it follows, or whose place it takes, ends.
    fn critical(&mut self) -> Vec<u32> {
        let slots = &self.best;
        let last = (0_u32..).zip(slots).filter_map(|(at, copies)| {
            let end = copies.iter().map(|slot| slot.end).max()?;
            Some((end, at))
        });
        let Some((_, mut at)) = last.max() else {
            return Vec::new();
        };
        let mut chain = vec![at];
        for _ in 0..slots.len() {
            let Some(first) = slots[at as usize]
                .iter()
                .max_by_key(|slot| slot.start)
                .copied()
            else {
                break;
            };
            let mut blocking: Vec<u32> = Vec::new();
            for edge in &self.shop.before[at as usize] {
                let arrives = slots[edge.from as usize].iter().any(|slot| {
                    slot.end + self.shop.schedule.transfer(edge, slot.bin, first.bin) >= first.start
                });
                if arrives {
                    blocking.push(edge.from);
                }
            }
            if blocking.is_empty() {
                let touching = (0_u32..).zip(slots).filter(|(_, copies)| {
                    copies.iter().any(|slot| {
                        slot.bin == first.bin && slot.end == first.start && slot.start < slot.end
                    })
                });
                blocking.extend(touching.map(|(it, _)| it));
            }
            if blocking.is_empty() {
                break;
            }
            at = blocking[self.random.below(blocking.len())];
            chain.push(at);
        }
        chain
    }
}

/// Operations by what they hand anything over to: those of one part are best kept in one group.
struct Parts {
    of: Vec<usize>,
    n: usize,
    groups: Vec<u32>,
}

impl Parts {
    fn of(shop: &Shop<'_>) -> Self {
        let n = shop.schedule.operations.len();
        let mut joined = petgraph::unionfind::UnionFind::new(n);
        for edge in shop.schedule.edges.iter().filter(|edge| edge.amount > 0) {
            joined.union(edge.from as usize, edge.to as usize);
        }
        let mut known: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
        let of = (0..n).map(|at| {
            let next = known.len();
            *known.entry(joined.find(at)).or_insert(next)
        });
        let of = of.collect();
        let mut groups: Vec<u32> = shop.schedule.group_of.iter().copied().collect();
        groups.sort_unstable();
        groups.dedup();
        Self {
            of,
            n: known.len(),
            groups,
        }
    }

    /// The parts over the groups, the largest first, each to where least work is per capacity.
    fn spread(&self, shop: &Shop<'_>) -> Vec<Option<u32>> {
        let mut work = vec![0_i64; self.n];
        for (at, ways) in shop.ways.iter().enumerate() {
            let shortest = ways.iter().map(|way| way.1).min().unwrap_or(0);
            work[self.of[at]] += shortest * shop.schedule.operations[at].count;
        }
        let mut order: Vec<usize> = (0..self.n).collect();
        order.sort_by_key(|&part| (std::cmp::Reverse(work[part]), part));
        let bins = |group: u32| {
            shop.schedule
                .group_of
                .iter()
                .filter(move |&&it| it == group)
                .count()
                .max(1)
        };
        let mut load = vec![0.0_f64; self.groups.len()];
        let mut group_of = vec![0; self.n];
        for part in order {
            let after = |at: usize| load[at] + work[part] as f64 / bins(self.groups[at]) as f64;
            let at = (0..self.groups.len()).min_by(|&left, &right| {
                self.strangers(shop, part, left)
                    .cmp(&self.strangers(shop, part, right))
                    .then(after(left).total_cmp(&after(right)))
            });
            let at = at.unwrap_or(0);
            load[at] = after(at);
            group_of[part] = at;
        }
        let group = |&part: &usize| self.groups.get(group_of[part]).copied();
        self.of.iter().map(group).collect()
    }

    /// Operations of a part that no bin of a group can hold.
    fn strangers(&self, shop: &Shop<'_>, part: usize, group: usize) -> usize {
        let group = self.groups[group];
        let members =
            (0..self.of.len()).filter(|&at| self.of[at] == part && !shop.ways[at].is_empty());
        members
            .filter(|&at| {
                shop.ways[at]
                    .iter()
                    .all(|way| shop.schedule.group_of[way.0 as usize] != group)
            })
            .count()
    }

    /// The groups that the parts are in now, with a part or two elsewhere.
    fn shuffled(&self, shop: &Shop<'_>, slots: &Slots, random: &mut Random) -> Vec<Option<u32>> {
        let mut group_of: Vec<Option<u32>> = vec![None; self.n];
        for (at, copies) in slots.iter().enumerate() {
            if let (None, Some(slot)) = (group_of[self.of[at]], copies.first()) {
                group_of[self.of[at]] = Some(shop.schedule.group_of[slot.bin as usize]);
            }
        }
        for _ in 0..random.below(3) {
            let (part, group) = (random.below(self.n), random.below(self.groups.len()));
            group_of[part] = Some(self.groups[group]);
        }
        self.of.iter().map(|&part| group_of[part]).collect()
    }
}

/// Xorshift: the same numbers for the same seed on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(
            seed.wrapping_add(1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .max(1),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn fraction(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 53) as f64
    }
}
