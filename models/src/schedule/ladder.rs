//! Construct, bound, and what is known of the result.

use std::time::Instant;

use super::independent::{makespan_is_first, queues};
use super::list::{complete, list_schedule};
use super::timetable::Timetable;
use super::types::Schedule;
use crate::assignment::{LadderOptions, StageAnswer, Stop, TIE};
use crate::outcome::StopReason;
use crate::solver::Limits;

/// The answer of [`solve`].
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// The best timetable found; it breaks no row.
    pub timetable: Timetable,
    /// What became of each stage.
    pub stages: Vec<StageAnswer>,
    /// The clock or the cancel token, if it cut something short.
    pub stopped: Option<StopReason>,
}

/// Schedules the operations as well as the effort allows.
#[must_use]
pub fn solve(schedule: &Schedule, options: &LadderOptions) -> Scheduled {
    let stop = Stop {
        deadline: options.deadline,
        cancel: options.cancel.clone(),
    };
    let greedy = list_schedule(schedule, &stop);
    let limits = Limits {
        time: (options.deadline).map(|end| end.saturating_duration_since(Instant::now()) / 2),
        cancel: options.cancel.clone(),
        ..Limits::default()
    };
    let queued = by_queues(schedule, &greedy, &stop, &limits);
    let better = queued.filter(|queued| {
        let values = schedule.values(queued);
        let order = schedule.compare(&values, &schedule.values(&greedy));
        schedule.faults(queued).is_empty() && order.is_lt()
    });
    let timetable = better.unwrap_or_else(|| greedy.clone());
    Scheduled {
        stages: audit_within(schedule, &timetable, Some(&greedy), &limits),
        timetable,
        stopped: stop.reason(),
    }
}

/// What follows nothing in queues, and the rest after it as it comes; where nothing follows what follows.
fn by_queues(
    schedule: &Schedule,
    greedy: &Timetable,
    stop: &Stop,
    limits: &Limits,
) -> Option<Timetable> {
    if !makespan_is_first(schedule) || stop.reason().is_some() {
        return None;
    }
    let mut follows = vec![false; schedule.operations.len()];
    for edge in &schedule.edges {
        follows[edge.to as usize] = true;
    }
    if schedule
        .edges
        .iter()
        .any(|edge| follows[edge.from as usize])
    {
        return None;
    }
    let first: Vec<u32> = (0u32..)
        .zip(&follows)
        .filter(|(_, follows)| !**follows)
        .map(|(at, _)| at)
        .collect();
    let alone = Schedule {
        operations: (first.iter())
            .map(|&at| schedule.operations[at as usize].clone())
            .collect(),
        edges: Vec::new(),
        ..schedule.clone()
    };
    let entries = greedy.entries().iter();
    let of_first = entries.filter(|entry| !follows[entry.operation as usize]);
    let most = of_first.map(|entry| entry.end).max().unwrap_or(0);
    let mut queued = queues(&alone, most, stop, limits)?.entries().to_vec();
    for entry in &mut queued {
        entry.operation = first[entry.operation as usize];
    }
    Some(complete(schedule, Timetable::new(queued), stop))
}

/// What is known of a timetable: its values and their bounds, and the values of a baseline beside them, if there is one.
#[must_use]
pub fn audit(
    schedule: &Schedule,
    timetable: &Timetable,
    greedy: Option<&Timetable>,
) -> Vec<StageAnswer> {
    audit_within(schedule, timetable, greedy, &Limits::default())
}

fn audit_within(
    schedule: &Schedule,
    timetable: &Timetable,
    greedy: Option<&Timetable>,
    limits: &Limits,
) -> Vec<StageAnswer> {
    let values = schedule.values(timetable);
    let greedy = greedy.map(|greedy| schedule.values(greedy));
    let mut is_comparable = true;
    let stages = schedule.stages.iter().zip(values.iter().copied());
    stages
        .enumerate()
        .map(|(at, (stage, objective))| {
            let sense = stage.objective.sense();
            let bound = schedule.bound(at, &values, limits);
            let (bound, proof) = bound.map_or((None, None), |it| (Some(it.0), Some(it.1)));
            let greedy = greedy.as_ref().filter(|_| is_comparable);
            let greedy = greedy.map(|values| values[at]);
            is_comparable &= greedy.is_some_and(|greedy| !sense.is_better(objective, greedy, TIE));
            StageAnswer {
                name: stage.name.clone(),
                sense,
                objective,
                bound,
                proof,
                greedy,
            }
        })
        .collect()
}
