//! The least that flows between agents, and between racks.

use std::collections::{BTreeMap, BTreeSet};

use super::Flows;
use crate::verify::bounds::Reach;

impl Flows<'_> {
    /// Everything, less half of what each instance could exchange with those that fit beside it.
    pub(super) fn least_stream_traffic(&self, reach: &Reach<'_>, agents: i128, racks: i128) -> f64 {
        let all: i128 = self.edges().map(Self::amount).sum();
        let mut least = 0.0;
        for (weight, by_rack) in [(agents, false), (self.beyond(racks), true)] {
            let half = self.most_exchanged(reach, by_rack) / 2.0;
            least += weight as f64 * (all as f64 - half).max(0.0);
        }
        least
    }

    /// The most that all instances exchange in their groups, agents or racks, each looked at alone.
    fn most_exchanged(&self, reach: &Reach<'_>, by_rack: bool) -> f64 {
        let offers = &self.state.offers[self.framework];
        let tasks = self.state.tasks_of(self.framework);
        let kept = tasks.iter().flat_map(|&task| self.state.kept[task].keys());
        let used: BTreeSet<usize> = offers.keys().chain(kept).copied().collect();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for agent in used {
            let known = groups
                .iter_mut()
                .find(|group| by_rack && self.are_near(group[0], agent));
            match known {
                Some(group) => group.push(agent),
                None => groups.push(vec![agent]),
            }
        }
        let mut sum = 0.0;
        for &task in &tasks {
            let mut partners: BTreeMap<usize, f64> = BTreeMap::new();
            for edge in self.edges() {
                let (from, to) = (edge.from.at(), edge.to.at());
                let pairs = self.wanted(from) * self.wanted(to);
                let each = Self::amount(edge) as f64 / pairs as f64;
                if from == task {
                    *partners.entry(to).or_insert(0.0) += each;
                }
                if to == task {
                    *partners.entry(from).or_insert(0.0) += each;
                }
            }
            if partners.is_empty() {
                continue;
            }
            let open = reach.agents(task);
            let to_itself = partners.get(&task).copied().unwrap_or(0.0);
            let mut best: f64 = 0.0;
            for group in &groups {
                let mut capacity = vec![0; self.state.cluster.resources.len()];
                for offer in group.iter().filter_map(|agent| offers.get(agent)) {
                    for (sum, amount) in capacity.iter_mut().zip(offer) {
                        *sum += amount;
                    }
                }
                let here = |task: usize| -> i128 {
                    let kept = &self.state.kept[task];
                    group.iter().filter_map(|agent| kept.get(agent)).sum()
                };
                let there: f64 = partners
                    .iter()
                    .map(|(&it, each)| each * here(it) as f64)
                    .sum();
                sum += here(task) as f64 * (there + self.filling(&partners, &capacity));
                if group.iter().any(|agent| open.contains(agent)) {
                    for (capacity, &need) in capacity.iter_mut().zip(self.state.demand(task)) {
                        *capacity -= i128::from(need);
                    }
                    if capacity.iter().all(|&left| left >= 0) {
                        best = best.max(to_itself + there + self.filling(&partners, &capacity));
                    }
                }
            }
            sum += best * self.pending(task) as f64;
        }
        sum
    }

    /// The most that pending instances in this much capacity are worth: the least over resources, each filled by parts of instances.
    fn filling(&self, partners: &BTreeMap<usize, f64>, capacity: &[i128]) -> f64 {
        let worth = partners
            .iter()
            .map(|(&task, each)| each * self.pending(task) as f64);
        let mut least: f64 = worth.sum();
        for (resource, &capacity) in capacity.iter().enumerate() {
            let mut left = capacity as f64;
            let mut sum = 0.0;
            let mut rest: Vec<(f64, f64, f64)> = Vec::new();
            for (&task, &each) in partners {
                let need = self.state.demand(task)[resource] as f64;
                let copies = self.pending(task) as f64;
                if need > 0.0 {
                    rest.push((each / need, need, copies));
                } else {
                    sum += each * copies;
                }
            }
            rest.sort_by(|left, right| right.0.total_cmp(&left.0));
            for (density, need, copies) in rest {
                let taken = left.min(need * copies);
                left -= taken;
                sum += density * taken;
            }
            least = least.min(sum);
        }
        least
    }
}
