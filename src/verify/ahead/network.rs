//! How little could be read over the network: by counting, and by prices.

use std::collections::BTreeMap;

use apportion_cluster::plan::Multiplier;

use super::Ahead;
use super::earliest::turns;
use crate::verify::mapreduce::mib;

/// What the resources of prices of places are called: of a place once, and of a millisecond of a place until a moment.
const PLACES: &str = "places";
const PLACE_MS: &str = "place_ms:";

impl Ahead<'_> {
    /// MiB: what stays, and everything that has a way where it costs least.
    pub(in crate::verify) fn least_network(&self) -> f64 {
        let mut sum = self.costs(&self.state.kept);
        if self.is_whole() {
            for task in self.placeable() {
                let agents = self.fits[&task].iter();
                let costs = agents.map(|&agent| self.hadoop.here(task, agent));
                sum += costs.min().unwrap_or(0) * self.pending(task);
            }
        }
        mib(sum)
    }

    /// `sum c K + sum_t P_t min_a (c_ta + pi_a + d_ta sum_(m >= due_t) mu_am) - sum_a (pi_a turns_a + sum_m mu_am places_a m)` for plans that
    /// end as early as this one, at `T`, where a task is due at `T` less what passes after it; absent where a price is of something else.
    pub(in crate::verify) fn least_network_at(&self, prices: &[Multiplier]) -> Option<f64> {
        let n_agents = self.state.cluster.agents.len();
        let mut once = vec![0.0; n_agents];
        let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for it in prices {
            let of = if it.resource == PLACES {
                &mut once
            } else {
                let moment: i64 = it.resource.strip_prefix(PLACE_MS)?.parse().ok()?;
                // Before the beginning nobody pays, and time that there is not would be paid for.
                if moment < 0 {
                    return None;
                }
                let of = by_time.entry(moment);
                of.or_insert_with(|| vec![0.0; n_agents])
            };
            if it.price < 0.0 {
                return None;
            }
            for agent in &it.agents {
                of[*self.state.names.agents.get(agent.as_str())?] = it.price;
            }
        }
        let mut sum = mib(self.costs(&self.state.kept));
        if !self.is_whole() {
            return Some(sum);
        }
        let placeable = self.placeable();
        let copies: i128 = placeable.iter().map(|&task| self.pending(task)).sum();
        let makespan = i128::from(self.makespan_ms());
        for &(agent, places, shortest) in &self.survey().places {
            sum -= once[agent] * turns(copies, places, shortest, makespan) as f64;
            for (&moment, prices) in &by_time {
                sum -= prices[agent] * (places * i128::from(moment)) as f64;
            }
        }
        let after = self.after();
        let mut by_due: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for task in placeable {
            let passes = after.get(&task).copied().unwrap_or(0);
            by_due
                .entry(self.makespan_ms() - passes)
                .or_default()
                .push(task);
        }
        // What a millisecond costs on each agent, from what is due last on.
        let mut paid = vec![0.0; n_agents];
        let mut moments = by_time.into_iter().rev().peekable();
        for (due, tasks) in by_due.into_iter().rev() {
            while let Some((_, prices)) = moments.next_if(|it| it.0 >= due) {
                for (paid, price) in paid.iter_mut().zip(prices) {
                    *paid += price;
                }
            }
            for task in tasks {
                let costs = self.fits[&task].iter().map(|&agent| {
                    let time = paid[agent] * self.hadoop.duration_ms(task, agent) as f64;
                    mib(self.hadoop.here(task, agent)) + once[agent] + time
                });
                sum += costs.fold(f64::INFINITY, f64::min) * self.pending(task) as f64;
            }
        }
        Some(sum)
    }
}
