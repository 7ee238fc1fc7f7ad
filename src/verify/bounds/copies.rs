//! How many pending instances the offers hold, task by task.

use std::collections::BTreeMap;

use super::{Copies, Reach};
use crate::verify::domains::CountedLimit;

impl<'a> Reach<'a> {
    /// `copies[t,a]` where that is positive, at most `P_t` each.
    pub(super) fn copies(&self, task: usize) -> &Copies {
        self.copies[self.shapes[&task]].get_or_init(|| self.count_copies(task))
    }

    fn count_copies(&self, task: usize) -> Copies {
        let pending = self.pending(task);
        let demand = self.state.demand(task);
        let offers = &self.state.offers[self.framework];
        let mut copies = Vec::new();
        for (&agent, offer) in offers {
            let mut count = pending;
            for (&need, &have) in demand.iter().zip(offer).filter(|(need, _)| **need > 0) {
                count = count.min(have / i128::from(need));
            }
            count = count.min(self.device_copies(task, agent));
            if count > 0 && self.state.open(task, agent) {
                copies.push((agent, count));
            }
        }
        // What asks for nothing needs no offer where it is.
        if demand.iter().all(|&need| need <= 0) && pending > 0 {
            let placed = self.state.arriving[task].keys().copied();
            let beyond = placed
                .filter(|&agent| !offers.contains_key(&agent) && self.state.open(task, agent));
            copies.extend(beyond.map(|agent| (agent, pending)));
        }
        copies
    }

    /// Where one pending instance fits into what is offered there.
    pub(in crate::verify) fn agents(&self, task: usize) -> Vec<usize> {
        let copies = self.copies(task).iter();
        copies.map(|&(agent, _)| agent).collect()
    }

    /// The most pending instances that hold the devices that they need on those that are offered there: `n` do if
    /// the devices, each counted at most `n` times, have `n x count` places.
    fn device_copies(&self, task: usize, agent: usize) -> i128 {
        let offered = self.state.offered_devices[self.framework].get(&agent);
        let mut most = self.pending(task);
        for need in &self.state.cluster.tasks[task].devices {
            let of_kind = |kind: usize| kind == need.kind.at();
            let devices = offered.into_iter().flatten();
            let places: Vec<i128> = devices
                .filter(|((kind, _), _)| of_kind(*kind))
                .map(|(_, milli)| milli / i128::from(need.milli.max(1)))
                .collect();
            let holds = |n: i128| {
                let usable: i128 = places.iter().map(|&places| places.min(n)).sum();
                usable >= n * i128::from(need.count)
            };
            while most > 0 && !holds(most) {
                most = (most - 1).min(places.iter().sum());
            }
        }
        most
    }

    /// `B_t = min(P_t, sum_a copies, and per limit sum_g min(max(0, max - base_g), copies in g))`.
    pub(super) fn most_alone(&self, task: usize, copies: &[(usize, i128)]) -> i128 {
        let sum: i128 = copies.iter().map(|&(_, count)| count).sum();
        let mut most = self.pending(task).min(sum);
        for limit in self.limits(task) {
            let by_domain = self.sum_by_domain(copies, limit.rule.level.at());
            let within = by_domain
                .iter()
                .map(|(&domain, &sum)| sum.min(limit.room(domain)));
            most = most.min(within.sum());
        }
        most
    }

    /// The limits that count a task.
    pub(super) fn limits(&self, task: usize) -> impl Iterator<Item = &CountedLimit<'a>> {
        let limits = self.state.limits_on[task].iter();
        limits.map(|&limit| &self.state.limits[limit])
    }

    pub(super) fn sum_by_domain(
        &self,
        copies: &[(usize, i128)],
        level: usize,
    ) -> BTreeMap<usize, i128> {
        let mut sums = BTreeMap::new();
        for &(agent, count) in copies {
            let domain = self.state.cluster.agents[agent].domains[level].at();
            *sums.entry(domain).or_default() += count;
        }
        sums
    }
}
