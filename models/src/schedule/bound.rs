//! What no timetable is better than, by counting.

use super::slots::Shop;
use super::types::{Distance, Edge, Schedule, TimeObjective};

impl Shop<'_> {
    /// A value that no timetable that places all that has a way is better than in a stage; `None` where nothing is known.
    pub(super) fn bound(&self, objective: TimeObjective) -> f64 {
        match objective {
            TimeObjective::Value => self.placed(|at| self.schedule.operations[at].value as f64),
            TimeObjective::Makespan => self.critical_path().max(self.work_over_capacity()) as f64,
            TimeObjective::Completion => {
                let heads = self.heads();
                self.placed(|at| (heads[at] + self.shortest(at)) as f64)
            }
            TimeObjective::Cost => self.placed(|at| {
                let ways = self.ways[at].iter();
                let costs = ways.map(|way| self.schedule.operations[at].cost_in(way.0));
                costs.min().unwrap_or(0) as f64
            }),
            TimeObjective::Traffic {
                within_group,
                across,
            } => {
                let edges = self.schedule.edges.iter();
                edges
                    .map(|edge| {
                        let weight = match self.nearest(edge) {
                            None | Some(Distance::Same) => 0,
                            Some(Distance::WithinGroup) => within_group.min(across),
                            Some(Distance::Across) => across,
                        };
                        weight as f64 * edge.amount as f64
                    })
                    .sum()
            }
        }
    }

    /// The sum over the copies of all operations that have a way.
    fn placed(&self, of: impl Fn(usize) -> f64) -> f64 {
        let operations = self.schedule.operations.iter().enumerate();
        operations
            .filter(|(at, _)| !self.ways[*at].is_empty())
            .map(|(at, operation)| of(at) * operation.count as f64)
            .sum()
    }

    /// The least time that a copy takes; 0 without a way.
    fn shortest(&self, at: usize) -> i64 {
        self.ways[at].iter().map(|way| way.1).min().unwrap_or(0)
    }

    /// The least distance of two copies that an edge joins; `None` if the one that follows has no way.
    fn nearest(&self, edge: &Edge) -> Option<Distance> {
        let (from, to) = (&self.ways[edge.from as usize], &self.ways[edge.to as usize]);
        // Both ascend: a common bin is found in one walk.
        let (mut left, mut right) = (0, 0);
        while left < from.len() && right < to.len() {
            match from[left].0.cmp(&to[right].0) {
                std::cmp::Ordering::Equal => return Some(Distance::Same),
                std::cmp::Ordering::Less => left += 1,
                std::cmp::Ordering::Greater => right += 1,
            }
        }
        let pairs = from
            .iter()
            .flat_map(|one| to.iter().map(move |other| (one.0, other.0)));
        pairs
            .map(|(one, other)| self.schedule.distance(one, other))
            .min()
    }

    /// The least time that a transfer takes.
    fn least_transfer(&self, edge: &Edge) -> i64 {
        match self.nearest(edge) {
            None | Some(Distance::Same) => 0,
            Some(Distance::WithinGroup) => {
                let of = |rate: i64| self.schedule.transfer_at(edge, rate);
                let network = &self.schedule.network;
                of(network.within_group).min(of(network.across))
            }
            Some(Distance::Across) => self
                .schedule
                .transfer_at(edge, self.schedule.network.across),
        }
    }

    /// The earliest start of each operation if capacity were no matter.
    fn heads(&self) -> Vec<i64> {
        let mut heads: Vec<i64> = self
            .schedule
            .operations
            .iter()
            .map(|it| it.release)
            .collect();
        for &operation in &self.topological {
            for edge in &self.after[operation as usize] {
                let from = operation as usize;
                let arrives = heads[from] + self.shortest(from) + self.least_transfer(edge);
                let to = &mut heads[edge.to as usize];
                *to = arrives.max(*to);
            }
        }
        heads
    }

    /// The least time from the end of each operation to the end of all.
    pub(super) fn tails(&self) -> Vec<i64> {
        let mut tails = vec![0_i64; self.schedule.operations.len()];
        for &operation in self.topological.iter().rev() {
            for edge in &self.after[operation as usize] {
                let to = edge.to as usize;
                if !self.ways[to].is_empty() {
                    let rest = self.least_transfer(edge) + self.shortest(to) + tails[to];
                    let tail = &mut tails[operation as usize];
                    *tail = rest.max(*tail);
                }
            }
        }
        tails
    }

    /// The longest way through the edges.
    pub(super) fn critical_path(&self) -> i64 {
        let heads = self.heads();
        let placed = (0..heads.len()).filter(|&at| !self.ways[at].is_empty());
        placed
            .map(|at| heads[at] + self.shortest(at))
            .max()
            .unwrap_or(0)
    }

    /// What all copies need, amount times time, over what there is of it, for the scarcest resource.
    pub(super) fn work_over_capacity(&self) -> i64 {
        let n_resources = self.schedule.resources.len();
        let over = |resource: usize| {
            let operations = self.schedule.operations.iter().enumerate();
            let work = operations.map(|(at, operation)| {
                i128::from(self.shortest(at))
                    * i128::from(operation.demand[resource])
                    * i128::from(operation.count)
            });
            let work: i128 = work.sum();
            let bins = self.schedule.bins.iter();
            let capacity: i128 = bins.map(|bin| i128::from(bin.capacity[resource])).sum();
            if capacity > 0 {
                (work + capacity - 1) / capacity
            } else {
                0
            }
        };
        let most = (0..n_resources).map(over).max().unwrap_or(0);
        i64::try_from(most).unwrap_or(i64::MAX)
    }
}

/// The two bounds of the makespan.
impl Schedule {
    /// The longest way through the edges, each operation in its fastest bin and beside what it follows where that is possible.
    #[must_use]
    pub fn critical_path(&self) -> i64 {
        Shop::new(self).critical_path()
    }

    /// Amount times time of all copies over all capacity, for the scarcest resource.
    #[must_use]
    pub fn work_over_capacity(&self) -> i64 {
        Shop::new(self).work_over_capacity()
    }
}
