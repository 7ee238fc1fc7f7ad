//! Orders and choices of bins into copies with times.

use super::slots::{Shop, Slot, Slots};

/// What decides where a copy goes.
pub(super) enum Choice<'c> {
    /// Where it ends first, among the bins of the group that is stated for its operation, if any of these can hold it; of equal ends
    /// the cheapest, then the closest to what it follows.
    EarliestEnd(&'c [Option<u32>]),
    /// Where it ends first, of equal ends the cheapest, then the first bin: the published rule.
    Published,
    /// The bins stated, copy by copy.
    Given(&'c Slots),
}

impl Shop<'_> {
    /// Operations in this order, each after all that it follows, as early as they fit; copies without a way are left out.
    pub(super) fn decode(&self, order: &[u32], choice: &Choice<'_>) -> Slots {
        let mut profiles = self.profiles();
        let mut slots: Slots = vec![Vec::new(); self.schedule.operations.len()];
        for &operation in order {
            let of = &self.schedule.operations[operation as usize];
            let ways = &self.ways[operation as usize];
            if ways.is_empty() {
                continue;
            }
            match choice {
                Choice::Given(given) => {
                    for slot in &given[operation as usize] {
                        let duration = slot.end - slot.start;
                        let ready = self.ready(&slots, operation, slot.bin);
                        let profile = &mut profiles[slot.bin as usize];
                        let Some(start) = profile.earliest(ready, duration, &of.demand) else {
                            continue;
                        };
                        profile.take(start, start + duration, &of.demand, 1);
                        let bin = slot.bin;
                        let end = start + duration;
                        slots[operation as usize].push(Slot { bin, start, end });
                    }
                }
                Choice::EarliestEnd(_) | Choice::Published => {
                    let published = matches!(choice, Choice::Published);
                    let near = |bin: u32| {
                        let Choice::EarliestEnd(groups) = choice else {
                            return true;
                        };
                        groups[operation as usize]
                            .is_none_or(|group| self.schedule.group_of[bin as usize] == group)
                    };
                    let any_near = ways.iter().any(|way| near(way.0));
                    let ways: Vec<(u32, i64, i64)> = (ways.iter())
                        .filter(|way| !any_near || near(way.0))
                        .map(|&(bin, duration)| (bin, duration, self.ready(&slots, operation, bin)))
                        .collect();
                    for _ in 0..of.count {
                        let mut best: Option<((i64, i64, i64, u32), Slot)> = None;
                        for &(bin, duration, ready) in &ways {
                            if best.is_some_and(|(key, _)| ready.saturating_add(duration) > key.0) {
                                continue;
                            }
                            let profile = &profiles[bin as usize];
                            let Some(start) = profile.earliest(ready, duration, &of.demand) else {
                                continue;
                            };
                            let end = start.saturating_add(duration);
                            // What is there already needs no transfer: the earlier it is ready, the closer it is.
                            let close = if published { 0 } else { ready };
                            let key = (end, of.cost_in(bin), close, bin);
                            if best.is_none_or(|(least, _)| key < least) {
                                best = Some((key, Slot { bin, start, end }));
                            }
                        }
                        let Some((_, slot)) = best else {
                            break;
                        };
                        profiles[slot.bin as usize].take(slot.start, slot.end, &of.demand, 1);
                        slots[operation as usize].push(slot);
                    }
                }
            }
        }
        slots
    }

    /// Operations by the start of their first copy; those that take no time after those that they follow.
    pub(super) fn by_start(&self, slots: &Slots) -> Vec<u32> {
        let start = |it: u32| slots[it as usize].iter().map(|slot| slot.start).min();
        let mut order = self.topological.clone();
        order.sort_by_key(|&it| start(it).unwrap_or(i64::MAX));
        order
    }

    /// The same copies in the same bins, pushed as late as they go before the end, then as early: never later on the whole.
    pub(super) fn justified(&self, slots: &Slots) -> Slots {
        let end = slots
            .iter()
            .flatten()
            .map(|slot| slot.end)
            .max()
            .unwrap_or(0);
        let mut order: Vec<u32> = self.topological.iter().rev().copied().collect();
        let last = |it: u32| {
            slots[it as usize]
                .iter()
                .map(|slot| slot.end)
                .max()
                .unwrap_or(0)
        };
        order.sort_by_key(|&it| std::cmp::Reverse(last(it)));
        // Time runs backwards: a copy is ready once all that follows it has begun.
        let mut profiles = self.profiles();
        let mut mirrored: Slots = vec![Vec::new(); slots.len()];
        for &operation in &order {
            let demand = &self.schedule.operations[operation as usize].demand;
            for slot in &slots[operation as usize] {
                let mut ready = 0;
                for edge in &self.after[operation as usize] {
                    for next in &mirrored[edge.to as usize] {
                        let transfer = self.schedule.transfer(edge, slot.bin, next.bin);
                        ready = ready.max(next.end.saturating_add(transfer));
                    }
                }
                let duration = slot.end - slot.start;
                let profile = &mut profiles[slot.bin as usize];
                let Some(start) = profile.earliest(ready, duration, demand) else {
                    return slots.clone();
                };
                profile.take(start, start + duration, demand, 1);
                mirrored[operation as usize].push(Slot {
                    bin: slot.bin,
                    start,
                    end: start + duration,
                });
            }
        }
        let late = |slot: &Slot| Slot {
            bin: slot.bin,
            start: end - slot.end,
            end: end - slot.start,
        };
        let late: Slots = mirrored
            .iter()
            .map(|copies| copies.iter().map(late).collect())
            .collect();
        self.decode(&self.by_start(&late), &Choice::Given(&late))
    }
}
