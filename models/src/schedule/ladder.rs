//! Construct, improve, try everything where that is little, and bound.
//!
//! # Guarantees
//! - The timetable breaks no row, and is stage by stage at least as good as that of [`list_schedule`].
//! - Without a deadline equal input gives equal output: effort is counted, never timed.

use super::exact;
use super::improve::Search;
use super::list::list_schedule;
use super::slots::{Shop, timetable};
use super::timetable::Timetable;
use super::types::Schedule;
use crate::assignment::{LadderOptions, Proof, StageAnswer, Stop, TIE};
use crate::outcome::StopReason;

/// Steps of the search that tries everything.
const EXACT_STEPS: usize = 60_000;

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
    let shop = Shop::new(schedule);
    let mut search = Search::new(&shop, shop.slots(&greedy), options.seed, &stop);
    if stop.reason().is_none() {
        search.run();
    }
    let mut best = search.best;
    let mut is_optimal = false;
    if stop.reason().is_none()
        && let Some((slots, finished)) = exact::search(&shop, &best, EXACT_STEPS)
    {
        (best, is_optimal) = (slots, finished);
    }
    let best = timetable(&best);
    let mut stages = audit(schedule, &best, Some(&greedy));
    if is_optimal {
        for stage in &mut stages {
            // What is counted is proved to anyone; only where that is not met the search has to be believed.
            let is_met = |bound: f64| (bound - stage.objective).abs() <= TIE * bound.abs().max(1.0);
            if !stage.bound.is_some_and(is_met) {
                stage.bound = Some(stage.objective);
                stage.proof = Some(Proof::Search);
            }
        }
    }
    Scheduled {
        stages,
        timetable: best,
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
    let shop = Shop::new(schedule);
    let greedy = greedy.map(|greedy| schedule.values(greedy));
    let mut is_comparable = true;
    // Bounds speak of timetables that place all that can be placed.
    let placed: i64 = timetable.entries().iter().map(|entry| entry.copies).sum();
    let wanted: i64 = (schedule.operations.iter().zip(&shop.ways))
        .filter(|(_, ways)| !ways.is_empty())
        .map(|(operation, _)| operation.count)
        .sum();
    let stages = schedule.stages.iter().zip(schedule.values(timetable));
    stages
        .enumerate()
        .map(|(at, (stage, objective))| {
            let sense = stage.objective.sense();
            let holds = placed == wanted || stage.objective == super::TimeObjective::Value;
            let bound = holds.then(|| shop.bound(stage.objective));
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
