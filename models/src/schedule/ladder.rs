//! Construct, bound, and what is known of the result.

use super::list::list_schedule;
use super::timetable::Timetable;
use super::types::Schedule;
use crate::assignment::{LadderOptions, Proof, StageAnswer, Stop, TIE};
use crate::outcome::StopReason;

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
    Scheduled {
        stages: audit(schedule, &greedy, Some(&greedy)),
        timetable: greedy,
        stopped: stop.reason(),
    }
}

/// What is known of a timetable: its values and their bounds, and the values of a baseline beside them, if there is one.
#[must_use]
pub fn audit(
    schedule: &Schedule,
    timetable: &Timetable,
    greedy: Option<&Timetable>,
) -> Vec<StageAnswer> {
    let greedy = greedy.map(|greedy| schedule.values(greedy));
    let mut is_comparable = true;
    let stages = schedule.stages.iter().zip(schedule.values(timetable));
    stages
        .enumerate()
        .map(|(at, (stage, objective))| {
            let sense = stage.objective.sense();
            let bound = schedule.bound(stage.objective);
            let greedy = greedy.as_ref().filter(|_| is_comparable);
            let greedy = greedy.map(|values| values[at]);
            is_comparable &= greedy.is_some_and(|greedy| !sense.is_better(objective, greedy, TIE));
            StageAnswer {
                name: stage.name.clone(),
                sense,
                objective,
                bound,
                proof: bound.map(|_| Proof::Combinatorial),
                greedy,
            }
        })
        .collect()
}
