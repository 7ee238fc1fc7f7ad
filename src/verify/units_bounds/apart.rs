//! Rules that keep replicas of a task apart, and how many they let in.

use std::collections::BTreeMap;

use super::DataReach;

/// A rule that keeps replicas apart.
pub(super) struct Apart {
    pub by_unit: bool,
    pub level: usize,
    max: i128,
    base: BTreeMap<usize, i128>,
}

impl Apart {
    pub(super) fn room(&self, domain: usize) -> i128 {
        (self.max - self.base.get(&domain).copied().unwrap_or(0)).max(0)
    }
}

impl DataReach<'_> {
    /// The least of: what is pending; what agents, and what units, hold; and for each rule that keeps replicas apart, the sum over its
    /// domains of what they may take.
    pub(super) fn most_alone(
        &self,
        task: usize,
        on_agents: &[(usize, i128)],
        on_units: &[(usize, i128)],
    ) -> i128 {
        let held: i128 = on_agents.iter().map(|it| it.1).sum();
        let mut kept: i128 = on_units.iter().map(|it| it.1).sum();
        if self.state.cluster.tasks[task].shard.is_none() {
            // What keeps no data needs no unit.
            kept = self.pending(task);
        }
        let mut most = self.pending(task).min(held).min(kept);
        for apart in self.apart(task) {
            let mut sums: BTreeMap<usize, i128> = BTreeMap::new();
            let (places, beside) = if apart.by_unit {
                (on_units, held)
            } else {
                (on_agents, kept)
            };
            for &(place, count) in places {
                let domain = if apart.by_unit {
                    self.state.cluster.units[place].domains[apart.level]
                } else {
                    self.state.cluster.agents[place].domains[apart.level]
                };
                *sums.entry(domain.at()).or_insert(0) += count.min(beside);
            }
            let within = sums
                .iter()
                .map(|(&domain, &sum)| sum.min(beside).min(apart.room(domain)));
            most = most.min(within.sum());
        }
        most
    }

    /// The rules that keep replicas of a task apart.
    pub(super) fn apart(&self, task: usize) -> Vec<Apart> {
        let state = self.state;
        let mut all = Vec::new();
        let shard = state.cluster.tasks[task].shard.as_ref();
        if let Some(level) = shard.and_then(|shard| shard.distinct) {
            for by_unit in [true, false] {
                let mut base: BTreeMap<usize, i128> = BTreeMap::new();
                for (&(other, agent, unit), &count) in &state.kept_on_units {
                    if other == task {
                        let domain = if by_unit {
                            state.cluster.units[unit].domains[level.at()]
                        } else {
                            state.cluster.agents[agent].domains[level.at()]
                        };
                        *base.entry(domain.at()).or_insert(0) += count;
                    }
                }
                all.push(Apart {
                    by_unit,
                    level: level.at(),
                    max: 1,
                    base,
                });
            }
        }
        for &limit in &state.limits_on[task] {
            let limit = &state.limits[limit];
            let level = limit.rule.level.at();
            let domains = 0..state.cluster.levels[level].domains.len();
            // What a limit leaves, as one that allows as much on top of nothing.
            let most = i128::from(limit.rule.max);
            let base = domains
                .map(|domain| (domain, most - limit.room(domain)))
                .collect();
            all.push(Apart {
                by_unit: false,
                level,
                max: most,
                base,
            });
        }
        all
    }
}
