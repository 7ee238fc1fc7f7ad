//! The least time by what follows what, and by the places that run it.

use std::collections::BTreeMap;

use apportion_cluster::Edge;

use super::Flows;

impl Flows<'_> {
    pub(super) fn shortest(&self, ways: &BTreeMap<usize, Vec<usize>>, task: usize) -> i128 {
        let durations = ways[&task].iter().map(|&agent| self.duration(task, agent));
        durations.min().unwrap_or(0)
    }

    /// The earliest start of each task if capacity were no matter.
    pub(super) fn heads(&self, ways: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<usize, i128> {
        let released = ways.keys().map(|&task| (task, self.released(task)));
        let follows = self.edges().filter(|edge| self.joins_pending(edge));
        let follows = follows.map(|edge| {
            let (from, to) = (edge.from.at(), edge.to.at());
            let length = self.shortest(ways, from) + self.least_transfer(ways, edge);
            (from, to, length)
        });
        longest(released.collect(), &follows.collect::<Vec<_>>())
    }

    /// The least time from the end of each task to the end of all that follow it.
    fn tails(&self, ways: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<usize, i128> {
        let ends = ways.keys().map(|&task| (task, 0));
        let follows = self.edges().filter(|edge| self.joins_pending(edge));
        let placed = follows.filter(|edge| !ways[&edge.to.at()].is_empty());
        let back = placed.map(|edge| {
            let (from, to) = (edge.from.at(), edge.to.at());
            let length = self.least_transfer(ways, edge) + self.shortest(ways, to);
            (to, from, length)
        });
        longest(ends.collect(), &back.collect::<Vec<_>>())
    }

    fn least_transfer(&self, ways: &BTreeMap<usize, Vec<usize>>, edge: &Edge) -> i128 {
        let pairs = self.pairs_of(ways, edge).into_iter();
        let transfers = pairs.map(|(one, other)| self.transfer_between(edge, one, other));
        transfers.min().unwrap_or(0)
    }

    /// The least time by the number of instances: an agent has as many places as its offer holds of the least that any needs, and a place
    /// runs one instance after the other. All instances, by the shortest on each agent; and those after which at least so much time
    /// passes, by the time that they take, and those of them that take at least so long by their number.
    pub(super) fn in_turns(&self, ways: &BTreeMap<usize, Vec<usize>>) -> i128 {
        let offers = &self.state.offers[self.framework];
        let placed = ways.iter().filter(|(_, agents)| !agents.is_empty());
        let copies: i128 = placed.clone().map(|(&task, _)| self.pending(task)).sum();
        // Places of each agent, and the shortest instance there.
        let mut by_agent: BTreeMap<usize, (Vec<i64>, i128)> = BTreeMap::new();
        for (&task, agents) in placed.clone() {
            let demand = self.state.demand(task);
            for &agent in agents {
                let takes = self.duration(task, agent);
                let (least, shortest) = by_agent
                    .entry(agent)
                    .or_insert_with(|| (demand.to_vec(), takes));
                *shortest = takes.min(*shortest);
                for (least, &need) in least.iter_mut().zip(demand) {
                    *least = need.min(*least);
                }
            }
        }
        let places = by_agent.into_iter().map(|(agent, (least, shortest))| {
            let offer = offers.get(&agent);
            let has = |resource: usize| offer.map_or(0, |offer| offer[resource]);
            let needed = least.iter().enumerate().filter(|it| *it.1 > 0);
            let places = needed.map(|(resource, &need)| has(resource) / i128::from(need));
            (places.fold(copies, i128::min), shortest)
        });
        let places: Vec<(i128, i128)> = places.collect();
        let all = places.iter().map(|it| it.0).sum::<i128>().max(1);
        let tails = self.tails(ways);
        let mut by_tail: BTreeMap<i128, Vec<usize>> = BTreeMap::new();
        for (&task, _) in placed {
            by_tail.entry(tails[&task]).or_default().push(task);
        }
        let mut counts: BTreeMap<i128, i128> = BTreeMap::new();
        let mut least = 0;
        while let Some((passes, tasks)) = by_tail.pop_last() {
            for task in tasks {
                *counts.entry(self.shortest(ways, task)).or_insert(0) += self.pending(task);
            }
            let (mut area, mut longer) = (0, 0);
            for (&takes, &count) in counts.iter().rev() {
                area += takes * count;
                longer += count;
                least = least.max(passes + takes * ((longer + all - 1) / all));
            }
            least = least.max(passes + (area + all - 1) / all);
        }
        // The first moment by which all places together hold all.
        let holds = |ms: i128| {
            let held = places.iter().map(|&(places, shortest)| match shortest {
                0 => copies,
                _ => (places * (ms / shortest)).min(copies),
            });
            held.sum::<i128>() >= copies
        };
        let mut high = (self.makespan() as i128).max(least);
        while least < high {
            let middle = least + (high - least) / 2;
            if holds(middle) {
                high = middle;
            } else {
                least = middle + 1;
            }
        }
        least
    }

    pub(super) fn work_over_capacity(&self, ways: &BTreeMap<usize, Vec<usize>>) -> i128 {
        let offers = &self.state.offers[self.framework];
        let mut most = 0;
        for resource in 0..self.state.cluster.resources.len() {
            let capacity: i128 = offers.values().map(|amounts| amounts[resource]).sum();
            let mut work = 0;
            for &task in ways.keys() {
                let demand = i128::from(self.state.demand(task)[resource]);
                work += self.shortest(ways, task) * demand * self.pending(task);
            }
            if capacity > 0 {
                most = most.max((work + capacity - 1) / capacity);
            }
        }
        most
    }
}

/// The longest way to each task: from what it begins with, over arcs (from, to, length) without a cycle.
fn longest(begins: BTreeMap<usize, i128>, arcs: &[(usize, usize, i128)]) -> BTreeMap<usize, i128> {
    let mut ways = begins;
    loop {
        let mut settled = true;
        for &(from, to, length) in arcs {
            let arrives = ways[&from] + length;
            if arrives > ways[&to] {
                ways.insert(to, arrives);
                settled = false;
            }
        }
        if settled {
            return ways;
        }
    }
}
