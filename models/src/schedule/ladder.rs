//! Construct, by a list and by queues; improve, try everything where that is little, let copies settle where they cost less, and bound.
//!
//! # Guarantees
//! - The timetable breaks no row, and is stage by stage at least as good as that of [`list_schedule`].
//! - Without a deadline equal input gives equal output: effort is counted, never timed.

use std::time::Instant;

use super::exact;
use super::improve::Search;
use super::independent::stronger;
use super::layers::queued;
use super::list::list_schedule;
use super::settle::settled;
use super::slots::{Shop, timetable};
use super::timetable::Timetable;
use super::types::Schedule;
use crate::assignment::{LadderOptions, Proof, StageAnswer, Stop, TIE};
use crate::outcome::StopReason;
use crate::solver::Limits;

/// Steps of the search that tries everything.
const EXACT_STEPS: usize = 60_000;
/// Schedules with more ways to place a copy are not searched.
const MOST_WAYS: i64 = 2_000_000;

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
    let greedy = list_schedule(schedule, &options.first(&stop));
    let limits = Limits {
        time: (options.deadline).map(|end| end.saturating_duration_since(Instant::now()) / 3),
        cancel: options.cancel.clone(),
        ..Limits::default()
    };
    let mut best = greedy.clone();
    if stop.reason().is_none()
        && let Some(better) = queued(schedule, &best, (&stop, &limits))
    {
        best = better;
    }
    let mut is_optimal = false;
    if stop.reason().is_none() && is_small(schedule) && !is_met(&audit(schedule, &best, None)) {
        let shop = Shop::new(schedule);
        let mut search = Search::new(&shop, shop.slots(&best), options.seed, &stop);
        search.run();
        let mut slots = search.best;
        if stop.reason().is_none()
            && let Some((found, finished)) = exact::search(&shop, &slots, EXACT_STEPS)
        {
            (slots, is_optimal) = (found, finished);
        }
        best = timetable(&slots);
    }
    if stop.reason().is_none()
        && let Some(settled) = settled(schedule, &best, &stop)
        && (schedule.compare(&schedule.values(&settled), &schedule.values(&best))).is_lt()
    {
        best = settled;
    }
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

/// Whether the copies have few enough bins to choose from in all.
fn is_small(schedule: &Schedule) -> bool {
    let ways = (schedule.operations.iter()).map(|it| {
        it.count
            .saturating_mul(i64::try_from(it.eligible.len()).unwrap_or(i64::MAX))
    });
    ways.fold(0, i64::saturating_add) <= MOST_WAYS
}

/// Whether no stage can be better.
fn is_met(stages: &[StageAnswer]) -> bool {
    let gaps = stages.iter().map(StageAnswer::gap);
    gaps.into_iter()
        .all(|gap| gap.is_some_and(|gap| gap <= TIE))
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
    // Bounds speak of timetables that place all that can be placed; of others it is only known that nothing is less than 0.
    let placed: i64 = timetable.entries().iter().map(|entry| entry.copies).sum();
    let wanted: i64 = (schedule.operations.iter().zip(&shop.ways))
        .filter(|(_, ways)| !ways.is_empty())
        .map(|(operation, _)| operation.count)
        .sum();
    // Whether nothing that fits is left out because of what it follows.
    let is_free = (schedule.operations.iter().zip(&shop.ways))
        .all(|(operation, ways)| !ways.is_empty() || !schedule.fits_anywhere(operation));
    let values = schedule.values(timetable);
    let stages = schedule.stages.iter().zip(values.iter().copied());
    stages
        .enumerate()
        .map(|(at, (stage, objective))| {
            let sense = stage.objective.sense();
            let holds = placed == wanted || stage.objective == super::TimeObjective::Value;
            let counted = if holds {
                shop.bound(stage.objective)
            } else {
                0.0
            };
            let better = (placed == wanted && is_free)
                .then(|| stronger(&shop, at, &values, counted))
                .flatten();
            let (bound, proof) = better.unwrap_or((counted, Proof::Combinatorial));
            let greedy = greedy.as_ref().filter(|_| is_comparable);
            let greedy = greedy.map(|values| values[at]);
            is_comparable &= greedy.is_some_and(|greedy| !sense.is_better(objective, greedy, TIE));
            StageAnswer {
                name: stage.name.clone(),
                sense,
                objective,
                bound: Some(bound),
                proof: Some(proof),
                greedy,
            }
        })
        .collect()
}
