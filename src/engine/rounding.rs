//! Fractional shares in whole instances and whole gangs.
//!
//! # Model
//! The *units* of a share are single instances and, of a job that is a gang and does not run yet, the least that it takes. What a
//! unit is large by is the largest fraction of the cluster that it needs of a resource. From the largest unit to the
//! smallest, each is rounded to the nearest; what rounding leaves or takes is carried on to the next. So the whole share is as large as
//! the fractional one but for half of its smallest unit, and no gang is in it that is too small to start.

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, FrameworkIdx, Quantities, TaskIdx};

use super::state::State;
use crate::broker::Shares;

/// Half is rounded up, and solvers say 2.4999999 where they mean 2.5.
const HALF: f64 = 0.5 + 1e-6;

/// What the cluster has of each resource.
pub(super) fn total(cluster: &Cluster) -> Vec<f64> {
    let total = cluster.total().into_iter();
    total.map(|amount| amount as f64).collect()
}

/// A framework's share in whole pending instances by task; `total` is [what the cluster has](total).
pub(super) fn rounded_share(
    state: &State<'_>,
    shares: &Shares,
    framework: FrameworkIdx,
    total: &[f64],
) -> BTreeMap<TaskIdx, i64> {
    let mut fractional: BTreeMap<TaskIdx, f64> = BTreeMap::new();
    for &(task, _, instances) in &shares.frameworks[framework.at()].allocation {
        *fractional.entry(task).or_insert(0.0) += instances;
    }
    let mut kept: BTreeMap<TaskIdx, i64> = BTreeMap::new();
    for running in &state.kept[framework.at()] {
        *kept.entry(running.task).or_insert(0) += running.instances;
    }
    let pending = state.not_kept(framework).into_iter();
    let parts = pending.map(|(task, pending)| {
        let runs = kept.get(&task).copied().unwrap_or(0) as f64;
        let share = fractional.get(&task).copied().unwrap_or(0.0);
        let part = Part {
            task,
            share: (share - runs).max(0.0),
            pending,
            size: size(&state.cluster.task(task).demand, total),
        };
        (task, part)
    });
    let mut parts: BTreeMap<TaskIdx, Part> = parts.collect();
    let mut units = Vec::new();
    for &job in &state.cluster.framework(framework).jobs {
        let job = state.cluster.job(job);
        let own: Vec<Part> = (job.tasks.iter())
            .filter_map(|task| parts.remove(task))
            .collect();
        let runs: i64 = job.tasks.iter().filter_map(|task| kept.get(task)).sum();
        match job.gang_min.map_or(0, |least| least - runs) {
            least if least > 1 => units.push(Unit { least, parts: own }),
            _ => units.extend(own.into_iter().map(|part| Unit {
                least: 1,
                parts: vec![part],
            })),
        }
    }
    round(units)
}

/// The largest fraction of what the cluster has of a resource that an instance needs.
fn size(demand: &Quantities, total: &[f64]) -> f64 {
    let needs = demand.0.iter().zip(total).filter(|(need, _)| **need > 0);
    let fractions = needs.map(|(&need, &total)| need as f64 / total.max(1.0));
    fractions.fold(0.0, f64::max)
}

/// What a share has of one task.
struct Part {
    task: TaskIdx,
    share: f64,
    pending: i64,
    /// How large an instance is.
    size: f64,
}

/// Instances that are of use together only: at least so many.
struct Unit {
    least: i64,
    parts: Vec<Part>,
}

impl Unit {
    /// How large the least of it is that is of use; `None` if there are not so many instances.
    fn size(&self) -> Option<f64> {
        let mut open = self.least;
        let mut size = 0.0;
        for part in &self.parts {
            let count = part.pending.min(open);
            open -= count;
            size += count as f64 * part.size;
        }
        (open == 0).then_some(size)
    }
}

/// Whole instances by task; see the [module](self).
fn round(units: Vec<Unit>) -> BTreeMap<TaskIdx, i64> {
    let sized = units
        .into_iter()
        .filter_map(|unit| Some((unit.size()?, unit)));
    let mut sized: Vec<(f64, Unit)> = sized.collect();
    let first = |unit: &Unit| unit.parts.first().map(|part| part.task);
    sized.sort_by(|left, right| {
        (right.0.total_cmp(&left.0)).then_with(|| first(&left.1).cmp(&first(&right.1)))
    });
    let mut counts = BTreeMap::new();
    let mut owed = 0.0;
    for (size, unit) in sized {
        let due: f64 = unit.parts.iter().map(|it| it.share * it.size).sum();
        if unit.least > 1 && owed + due < (1.0 - HALF) * size {
            owed += due;
            continue;
        }
        let mut open = unit.least;
        for part in &unit.parts {
            let carried = if part.size > 0.0 {
                owed / part.size
            } else {
                0.0
            };
            let nearest = (part.share + carried + HALF).floor() as i64;
            let count = nearest.clamp(0, part.pending);
            owed += (part.share - count as f64) * part.size;
            open -= count;
            counts.insert(part.task, count);
        }
        // A gang that is rounded up has all that it takes.
        if unit.least > 1 {
            for part in &unit.parts {
                let count = counts.entry(part.task).or_insert(0);
                let more = (part.pending - *count).min(open).max(0);
                *count += more;
                open -= more;
                owed -= more as f64 * part.size;
            }
        }
    }
    counts.retain(|_, count| *count > 0);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(least: i64, parts: &[(u32, f64, i64, f64)]) -> Unit {
        let parts = parts.iter();
        let parts = parts.map(|&(task, share, pending, size)| Part {
            task: TaskIdx(task),
            share,
            pending,
            size,
        });
        Unit {
            least,
            parts: parts.collect(),
        }
    }

    fn counts(units: Vec<Unit>) -> Vec<(u32, i64)> {
        let counts = round(units).into_iter();
        counts.map(|(TaskIdx(task), count)| (task, count)).collect()
    }

    #[test]
    fn many_small_parts_keep_their_total() {
        let units = (0..10).map(|task| unit(1, &[(task, 0.3, 1, 1.0)]));
        let total: i64 = counts(units.collect()).iter().map(|it| it.1).sum();
        assert_eq!(total, 3);
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(counts(vec![unit(1, &[(0, 2.499_999_9, 9, 1.0)])]), [(0, 3)]);
        assert_eq!(counts(vec![unit(1, &[(0, 2.49, 9, 1.0)])]), [(0, 2)]);
    }

    #[test]
    fn alike_gangs_are_whole_or_not_there() {
        let units = (0..10).map(|task| unit(4, &[(task, 2.8, 4, 1.0)]));
        let counts = counts(units.collect());
        assert!(counts.iter().all(|it| it.1 == 4), "{counts:?}");
        assert_eq!(counts.len(), 7);
    }

    #[test]
    fn what_a_large_one_leaves_goes_to_small_ones() {
        let units = vec![unit(1, &[(0, 1.0, 9, 1.0)]), unit(1, &[(1, 2.4, 3, 8.0)])];
        // Two of the large one, and 0.4 of it are 3.2 small ones.
        assert_eq!(counts(units), [(0, 4), (1, 2)]);
    }

    #[test]
    fn a_gang_of_several_tasks_and_one_that_is_too_small() {
        let whole = unit(5, &[(0, 2.0, 3, 1.0), (1, 1.2, 2, 1.0)]);
        let never = unit(9, &[(2, 3.0, 4, 1.0)]);
        assert_eq!(counts(vec![whole, never]), [(0, 3), (1, 2)]);
    }
}
