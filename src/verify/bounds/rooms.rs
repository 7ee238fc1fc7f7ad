//! How much of a job its failure domains could hold: bounds of span, spread and survivors.

use std::collections::BTreeMap;

use super::Reach;
use crate::verify::domains::CountedLimit;
use crate::verify::stages::{job_by_domain, job_size, level_weight, span_levels};

impl Reach<'_> {
    /// Over jobs of several instances, and agents and levels: the fewest domains with room for what is certainly
    /// placed of the job, those that hold some already, then those with most room.
    pub(super) fn fewest_domains(&self) -> usize {
        let mut sum = 0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            if job_size(self.state, job.at()) > 1 {
                let placed = self.certainly_placed(job.at());
                sum += fewest(&self.job_room_on_agents(job.at()), placed);
                for level in span_levels(self.state) {
                    sum += fewest(&self.job_room(job.at(), level), placed);
                }
            }
        }
        sum
    }

    /// As [`Self::job_room`], agent by agent.
    fn job_room_on_agents(&self, job: usize) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for task in self.job_tasks(job) {
            for (&agent, &count) in &self.state.kept[task] {
                rooms.entry(agent).or_default().0 += count;
            }
        }
        for (task, alike) in self.job_shapes(job) {
            for &(agent, count) in self.copies(task) {
                let mut fit = count.min(self.most[&task]);
                for limit in self.limits(task) {
                    let level = limit.rule.level.at();
                    let domain = self.state.cluster.agents[agent].domains[level].at();
                    fit = fit.min(limit.room(domain));
                }
                rooms.entry(agent).or_default().1 += fit * alike;
            }
        }
        rooms.into_values().collect()
    }

    pub(super) fn job_tasks(&self, job: usize) -> Vec<usize> {
        let tasks = self.state.cluster.jobs[job].tasks.iter();
        tasks.map(|task| task.at()).collect()
    }

    /// A task of each shape in a job, and how many tasks have it.
    fn job_shapes(&self, job: usize) -> Vec<(usize, i128)> {
        let mut shapes: BTreeMap<usize, (usize, i128)> = BTreeMap::new();
        for task in self.job_tasks(job) {
            shapes.entry(self.shapes[&task]).or_insert((task, 0)).1 += 1;
        }
        shapes.into_values().collect()
    }

    /// Per domain what stays of a job, and how much more the domain could take.
    fn job_room(&self, job: usize, level: usize) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for (domain, have) in job_by_domain(self.state, job, level, &self.state.kept) {
            rooms.entry(domain).or_default().0 = have;
        }
        for (task, alike) in self.job_shapes(job) {
            let copies = self.copies(task);
            let mut fits = self.sum_by_domain(copies, level);
            for limit in self.limits(task) {
                let within = self.within_limit(copies, level, limit);
                for (domain, fit) in &mut fits {
                    *fit = (*fit).min(within[domain]);
                }
            }
            for (domain, fit) in fits {
                rooms.entry(domain).or_default().1 += fit.min(self.most[&task]) * alike;
            }
        }
        rooms.into_values().collect()
    }

    /// `sum_h min(max(0, max - base_h), copies in g and h)` over the limit's domains `h`, by domain `g`.
    fn within_limit(
        &self,
        copies: &[(usize, i128)],
        level: usize,
        limit: &CountedLimit<'_>,
    ) -> BTreeMap<usize, i128> {
        let mut both: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for &(agent, count) in copies {
            let domains = &self.state.cluster.agents[agent].domains;
            let pair = (domains[level].at(), domains[limit.rule.level.at()].at());
            *both.entry(pair).or_default() += count;
        }
        let mut sums = BTreeMap::new();
        for ((domain, of_limit), count) in both {
            *sums.entry(domain).or_default() += count.min(limit.room(of_limit));
        }
        sums
    }

    /// `sum_j sum_L w_L waterfill(j, L, q_j) / n_j`.
    pub(super) fn least_worst_shares(&self) -> f64 {
        let mut sum = 0.0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            let placed = self.certainly_placed(job.at());
            for (level, it) in self.state.cluster.levels.iter().enumerate() {
                if it.declared {
                    let worst = waterfill(&self.job_room(job.at(), level), placed);
                    let weight = level_weight(self.state, self.framework, level);
                    sum += weight * worst as f64 / job_size(self.state, job.at()) as f64;
                }
            }
        }
        sum
    }

    /// `sum_j max(0, m_j - (T_j - waterfill(j, L_j, T_j)))`.
    pub(super) fn least_shortfall(&self) -> i128 {
        let mut sum = 0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            let it = &self.state.cluster.jobs[job.at()];
            if let Some(rule) = it.min_available {
                let tasks = self.job_tasks(job.at());
                let most: i128 = tasks.iter().map(|t| self.kept[t] + self.most[t]).sum();
                let rooms = self.job_room(job.at(), rule.level.at());
                let most = most.min(rooms.iter().map(|(have, fit)| have + fit).sum());
                let survivors = most - waterfill(&rooms, most);
                sum += (i128::from(rule.instances) - survivors).max(0);
            }
        }
        sum
    }
}

/// How many domains (what is there, what fits beside it) hold `placed` at least.
fn fewest(rooms: &[(i128, i128)], placed: i128) -> usize {
    let used = || rooms.iter().filter(|(have, _)| *have > 0);
    let mut left = placed - used().map(|(have, fit)| have + fit).sum::<i128>();
    let unused = rooms.iter().filter(|(have, fit)| *have == 0 && *fit > 0);
    let mut fits: Vec<i128> = unused.map(|(_, fit)| *fit).collect();
    fits.sort_unstable();
    let mut sum = used().count();
    while left > 0
        && let Some(fit) = fits.pop()
    {
        left -= fit;
        sum += 1;
    }
    sum
}

/// The least worst count `s >= max have` with `sum_g min(s, have_g + fit_g) >= placed`; `placed` is cut to
/// what the domains hold together.
fn waterfill(rooms: &[(i128, i128)], placed: i128) -> i128 {
    let holds: i128 = rooms.iter().map(|(have, fit)| have + fit).sum();
    let placed = placed.min(holds);
    let mut least = rooms
        .iter()
        .map(|(have, _)| *have)
        .max()
        .unwrap_or_default();
    let mut enough = rooms
        .iter()
        .map(|(have, fit)| have + fit)
        .max()
        .unwrap_or_default();
    while least < enough {
        let middle = least + (enough - least) / 2;
        let level: i128 = rooms.iter().map(|(have, fit)| middle.min(have + fit)).sum();
        if level >= placed {
            enough = middle;
        } else {
            least = middle + 1;
        }
    }
    least
}
