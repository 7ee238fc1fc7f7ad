//! Arrival sequences for measuring rules: a list of tasks, stretched to a multiple of the fleet.

use super::fleet::{Fleet, Shape, WHOLE_DEVICE};
use super::random::SplitMix64;

/// A sequence of shapes that asks for `percent` of the fleet's devices, made from the list `tasks` of shapes as
/// [`resampled`] says.
#[must_use]
pub fn arrivals(fleet: &Fleet, tasks: &[usize], percent: i64, seed: u64) -> Vec<usize> {
    let milli = |&task: &usize| fleet.shapes().get(task).map_or(0, Shape::total_milli);
    let milli: Vec<i64> = tasks.iter().map(milli).collect();
    let limit = fleet.device_milli() * percent / 100;
    let sequence = resampled(&milli, limit, seed).into_iter();
    sequence.map(|at| tasks[at]).collect()
}

/// Positions in a list of tasks, in a random order of arrival, that together ask for about `limit` thousandths of
/// devices, where the task at each position asks for `milli[position]`.
///
/// The list comes first, in random order; then tasks drawn from it with replacement, up to the last that keeps
/// the thousandths requested within `limit`. A list that asks for more than that is cut down by random removals
/// until it does not.
///
/// # Source
///
/// The workload tuning of hkust-adsl/kubernetes-scheduler-simulator, as used for the published figures.
#[must_use]
pub fn resampled(milli: &[i64], limit: i64, seed: u64) -> Vec<usize> {
    let mut random = SplitMix64::new(seed);
    let mut requested: i64 = milli.iter().sum();
    let mut sequence: Vec<usize> = (0..milli.len()).collect();
    random.shuffle(&mut sequence);
    if requested > limit {
        while requested > limit {
            let dropped = sequence.remove(random.below(sequence.len()));
            requested -= milli[dropped];
        }
        return sequence;
    }
    // Drawing from a list that asks for no device would not end; one that asks for few is cut off.
    let longest = if requested > 0 {
        longest(milli.len(), limit)
    } else {
        0
    };
    while sequence.len() < longest {
        let drawn = random.below(milli.len());
        if requested + milli[drawn] > limit {
            break;
        }
        requested += milli[drawn];
        sequence.push(drawn);
    }
    sequence
}

/// A bound on the length of a sequence, reached only if almost no task uses a device.
fn longest(n_tasks: usize, limit: i64) -> usize {
    let n_devices = usize::try_from(limit / WHOLE_DEVICE).unwrap_or(0);
    1000 * (n_tasks + n_devices)
}
