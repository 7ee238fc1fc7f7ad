//! Which running instances have to leave: those that break a hard rule where they are.

use std::collections::BTreeMap;

use apportion_cluster::{
    Cluster, DomainIdx, GroupIdx, JobIdx, LevelIdx, Quantities, Running, TaskIdx,
};

/// The instances that break an eligibility rule, a limit or their agent's capacity, as few as a greedy
/// choice finds, by (task, agent). What a job's `max_moves` does not allow is not released.
///
/// A skew that is too large releases nothing: the rule is relaxed to what it is and never gets worse.
pub(super) fn released(cluster: &Cluster) -> Vec<Running> {
    listed(Release::of(cluster).out)
}

/// The instances that would be released too, did their jobs' `max_moves` allow more.
pub(super) fn beyond_moves(cluster: &Cluster) -> Vec<Running> {
    if cluster.jobs.iter().all(|job| job.max_moves.is_none()) {
        return Vec::new();
    }
    listed(Release::of(cluster).stuck)
}

fn listed(places: BTreeMap<Place, i64>) -> Vec<Running> {
    let places = places.into_iter().filter(|(_, instances)| *instances > 0);
    let running = places.map(|((task, agent), instances)| Running {
        task,
        agent,
        instances,
    });
    running.collect()
}

type Place = (TaskIdx, apportion_cluster::AgentIdx);

struct Release<'a> {
    cluster: &'a Cluster,
    /// Instances that still stay.
    left: BTreeMap<Place, i64>,
    /// Instances released.
    out: BTreeMap<Place, i64>,
    /// Instances that break a rule and may not move.
    stuck: BTreeMap<Place, i64>,
    /// Instances released by job.
    moves: BTreeMap<JobIdx, i64>,
}

impl<'a> Release<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        let mut release = Self {
            cluster,
            left: cluster
                .running
                .iter()
                .map(|running| ((running.task, running.agent), running.instances))
                .collect(),
            out: BTreeMap::new(),
            stuck: BTreeMap::new(),
            moves: BTreeMap::new(),
        };
        release.ineligible();
        release.over_limit();
        release.over_capacity();
        release
    }

    fn ineligible(&mut self) {
        let broken = self.left.iter().filter(|((task, agent), _)| {
            self.cluster
                .broken_rule(self.cluster.task(*task), *agent)
                .is_some()
        });
        let broken: Vec<(Place, i64)> = broken.map(|(&place, &count)| (place, count)).collect();
        for (place, count) in broken {
            let stuck = count - self.release(place, count);
            *self.stuck.entry(place).or_insert(0) += stuck;
        }
    }

    fn over_limit(&mut self) {
        for task in self.cluster.task_indices() {
            for rule in &self.cluster.task(task).limits {
                self.over_one_limit(task, rule.group, rule.level, rule.max);
            }
        }
    }

    fn over_one_limit(
        &mut self,
        task: TaskIdx,
        group: Option<GroupIdx>,
        level: LevelIdx,
        max: i64,
    ) {
        let counts = |other: TaskIdx| {
            group.map_or(other == task, |group| {
                self.cluster.task(other).groups.contains(&group)
            })
        };
        let mut by_domain: BTreeMap<DomainIdx, Vec<(Place, i64)>> = BTreeMap::new();
        for (&place, &count) in self.left.iter().filter(|((other, _), _)| counts(*other)) {
            by_domain
                .entry(self.cluster.domain(place.1, level))
                .or_default()
                .push((place, count));
        }
        for places in by_domain.into_values() {
            let mut excess = places.iter().map(|(_, count)| count).sum::<i64>() - max;
            for &(place, count) in places.iter().rev() {
                if excess <= 0 {
                    break;
                }
                excess -= self.release(place, count.min(excess));
            }
            if let (Some(&(place, _)), true) = (places.first(), excess > 0) {
                let stuck = self.stuck.entry(place).or_insert(0);
                *stuck = excess.max(*stuck);
            }
        }
    }

    fn over_capacity(&mut self) {
        let mut free: Vec<Quantities> = self
            .cluster
            .agents
            .iter()
            .map(|agent| agent.capacity.clone())
            .collect();
        let mut here: BTreeMap<apportion_cluster::AgentIdx, Vec<Place>> = BTreeMap::new();
        for (&place, &count) in &self.left {
            free[place.1.at()].subtract(&self.cluster.task(place.0).demand, count);
            here.entry(place.1).or_default().push(place);
        }
        for (agent, mut places) in here {
            let priority =
                |place: &Place| self.cluster.job(self.cluster.task(place.0).job).priority;
            places.sort_by_key(|place| (priority(place), std::cmp::Reverse(*place)));
            for &place in &places {
                let demand = &self.cluster.task(place.0).demand;
                let mut count = self.left[&place];
                while count > 0
                    && relieves(demand, &free[agent.at()])
                    && self.release(place, 1) == 1
                {
                    free[agent.at()].add(demand, 1);
                    count -= 1;
                }
            }
            let still = places.into_iter().find(|place| {
                let demand = &self.cluster.task(place.0).demand;
                self.left[place] > 0 && relieves(demand, &free[agent.at()])
            });
            if let Some(place) = still {
                self.stuck.entry(place).or_insert(1);
            }
        }
    }

    /// Releases up to `count` instances; returns how many the job's `max_moves` allowed.
    fn release(&mut self, place: Place, count: i64) -> i64 {
        let job = self.cluster.task(place.0).job;
        let moved = self.moves.entry(job).or_insert(0);
        let allowed = self
            .cluster
            .job(job)
            .max_moves
            .map_or(count, |most| count.min(most - *moved))
            .max(0);
        if allowed > 0 {
            *moved += allowed;
            *self.out.entry(place).or_insert(0) += allowed;
            *self.left.entry(place).or_insert(0) -= allowed;
        }
        allowed
    }
}

/// Whether taking one instance away frees a resource that is short.
fn relieves(demand: &Quantities, room: &Quantities) -> bool {
    demand
        .0
        .iter()
        .zip(&room.0)
        .any(|(&need, &have)| need > 0 && have < 0)
}
