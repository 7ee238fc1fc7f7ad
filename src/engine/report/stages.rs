//! Values and bounds of a framework's stages.

use apportion_cluster::plan::{Proof, StageResult, StageSense};
use apportion_cluster::{FrameworkIdx, Offer, Slice, TaskIdx};
use apportion_models::Sense;
use apportion_models::assignment::{self, Placement, StageAnswer};
use apportion_models::schedule::{self, TimedEntry, Timetable};
use apportion_policies::{Formulation, StageRole};

use super::proofs::{kept, of_places, proof};
use crate::engine::context::Context;
use crate::engine::options::Mode;
use crate::engine::rounds::Record;
use crate::engine::solve::{self, Answer, Rows};
use crate::engine::state::State;
use crate::engine::units;

/// The stages of a framework's result, and its gap.
pub(super) fn stages(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    record: &Record,
) -> (Vec<StageResult>, Option<f64>) {
    let offered = state.offered[framework.at()].iter();
    let offers: Vec<Offer> = offered.map(|(_, offer)| offer.clone()).collect();
    let mut slice = state.slice(framework, offers);
    (slice.units).clone_from(&state.offered_units[framework.at()]);
    if context.options.mode == Mode::Online {
        return valued(state, context, &slice).unwrap_or_default();
    }
    match &record.last {
        // What was solved last is what the framework was offered in all: its own bounds hold.
        Some((offers, answer)) if is_whole(&slice, offers, answer) => {
            finish(&slice, &answer.formulation, &answer.solved.stages)
        }
        // Bounds that come too late help nobody.
        _ if context.must_certify() => valued(state, context, &slice).unwrap_or_default(),
        _ => {
            let (mut stages, gap) = audited(state, context, &slice).unwrap_or_default();
            // Over several rounds not everything was on offer at once: where the baseline could use what others
            // hold by now, it is no measure.
            let beaten = stages.iter().position(is_beaten).filter(|_| !record.failed);
            for stage in &mut stages[beaten.unwrap_or(0)..] {
                if record.failed || beaten.is_some() {
                    stage.greedy = None;
                }
            }
            (stages, gap)
        }
    }
}

/// Whether the constructive baseline is better than the plan.
fn is_beaten(stage: &StageResult) -> bool {
    stage.greedy.is_some_and(|greedy| match stage.sense {
        StageSense::Maximize => greedy > stage.objective + 1e-9,
        StageSense::Minimize => greedy < stage.objective - 1e-9,
    })
}

/// Whether a formulation is the one of this slice, without budget and limits of roles.
fn is_whole(slice: &Slice<'_>, offers: &[Offer], answer: &Answer) -> bool {
    let formulation = &answer.formulation;
    let pending = slice.pending.iter().map(|&(task, count)| (task, count));
    let solved = formulation
        .items
        .iter()
        .zip(&formulation.assignment.items)
        .map(|(&task, item)| (task, item.count));
    slice.offers == offers
        && slice.units == answer.units
        && pending.eq(solved)
        && formulation
            .assignment
            .caps
            .iter()
            .all(|cap| !solve::is_added(cap))
}

/// Values and bounds of the final state over everything that was offered in all rounds.
fn audited(
    state: &State<'_>,
    context: &Context<'_>,
    slice: &Slice<'_>,
) -> Option<(Vec<StageResult>, Option<f64>)> {
    let policy = context.policy(slice.framework)?;
    let formulation = solve::formulate(&**policy, slice, &Rows::default()).ok()?;
    if let Some(model) = &formulation.schedule {
        let answers = schedule::audit(model, &timetable(state, &formulation, slice), None);
        return Some(finish(slice, &formulation, &answers));
    }
    let model = &formulation.assignment;
    let placement = formulation.placement(&state.proposal(slice.framework));
    let options = solve::audit_options(model, context.options);
    let greedy = || {
        let greedy = solve::construct_classes(model, &Placement::default(), context.options);
        // What the baseline reaches in too little time is no measure.
        greedy.stopped.is_none().then_some(greedy.placement)
    };
    let answers = assignment::audit(model, &placement, greedy, &options);
    Some(finish(slice, &formulation, &answers))
}

/// What a framework added in time, in the words of its model.
fn timetable(state: &State<'_>, formulation: &Formulation, slice: &Slice<'_>) -> Timetable {
    let times = state.added_times[slice.framework.at()].iter();
    let entries = times.filter_map(|timed| {
        let operation = formulation.items.binary_search(&timed.task).ok()?;
        let bin = formulation.bins.binary_search(&timed.agent).ok()?;
        Some(TimedEntry {
            operation: u32::try_from(operation).ok()?,
            bin: u32::try_from(bin).ok()?,
            start: timed.start_ms,
            end: timed.end_ms,
            copies: timed.instances,
        })
    });
    Timetable::new(entries.collect())
}

/// The most value that a framework could have within what it holds and what is free: a bound by counting or by prices where that
/// `is_cheap`, else all that it wants.
pub(in crate::engine) fn within_reach(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    is_cheap: bool,
) -> f64 {
    let cluster = state.cluster;
    let value = |task: TaskIdx| cluster.task(task).value;
    let waiting = state.pending(framework);
    let has = state.utility(framework);
    let demand = waiting.iter().map(|&(task, count)| value(task) * count);
    let all = (has + demand.sum::<i64>()) as f64;
    let formulation = || {
        let slice = state.slice(framework, state.everything(framework));
        let policy = context.policy(framework)?;
        solve::formulate(&**policy, &slice, &Rows::default()).ok()
    };
    if waiting.is_empty() || !is_cheap || context.is_late() {
        return all;
    }
    let Some(mut formulation) = formulation() else {
        return all;
    };
    let placement = formulation.placement(&state.proposal(framework));
    let terms = (0..).zip(&formulation.items);
    let terms = terms.map(|(item, &task)| assignment::Term {
        item,
        value: value(task),
    });
    formulation.assignment.stages = vec![assignment::Stage {
        name: "value".to_owned(),
        objective: assignment::Objective::Value(terms.collect()),
    }];
    let options = solve::ladder_options(context.options, context.options.deadline);
    let answers = assignment::audit(&formulation.assignment, &placement, || None, &options);
    let apart = answers
        .first()
        .and_then(|answer| Some(answer.bound? - answer.objective));
    apart.map_or(all, |apart| all.min(has as f64 + apart))
}

/// Values of the final state alone: nothing is known of the best for a framework that was offered nothing.
fn valued(
    state: &State<'_>,
    context: &Context<'_>,
    slice: &Slice<'_>,
) -> Option<(Vec<StageResult>, Option<f64>)> {
    let policy = context.policy(slice.framework)?;
    let id = &context.cluster.framework(slice.framework).id;
    let formulation = solve::formulate(&**policy, slice, &Rows::default())
        .map_err(|text| context.warn("policy_failed", id, text))
        .ok()?;
    let held = state.proposal(slice.framework);
    let values = match &formulation.schedule {
        Some(model) => model.values(&timetable(state, &formulation, slice)),
        None => formulation.assignment.values(&formulation.placement(&held)),
    };
    let values = formulation.stages().into_iter().zip(values);
    let answers: Vec<StageAnswer> = values
        .map(|((name, sense), objective)| StageAnswer {
            name: name.to_owned(),
            sense,
            objective,
            bound: None,
            proof: None,
            greedy: None,
        })
        .collect();
    Some(finish(slice, &formulation, &answers))
}

/// Adds what stays running to values and bounds, names the stages, and takes the largest gap.
fn finish(
    slice: &Slice<'_>,
    formulation: &Formulation,
    answers: &[StageAnswer],
) -> (Vec<StageResult>, Option<f64>) {
    let mut largest = Some(0.0_f64);
    let mut results = Vec::new();
    for ((at, answer), &role) in answers.iter().enumerate().zip(&formulation.roles) {
        let objective = formulation.stage_value(at, answer.objective);
        let bound = answer.bound.map(|bound| formulation.stage_value(at, bound));
        let gap = bound
            .map(|bound| (objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0));
        if role != StageRole::TieBreak {
            largest = largest.zip(gap).map(|(largest, gap)| largest.max(gap));
        }
        let unit = formulation.units[at] as f64;
        let of_answer = answer.bound.and(answer.proof.as_ref());
        let on_places = !formulation.places.bins.is_empty();
        let (proof, mut multipliers) = match of_answer {
            Some(assignment::Proof::Multipliers(all)) if on_places => {
                let multipliers = units::multipliers(slice, formulation, all, unit);
                (Some(Proof::Multipliers), Some(multipliers))
            }
            Some(assignment::Proof::Multipliers(all)) if formulation.schedule.is_some() => {
                (Some(Proof::Multipliers), Some(of_places(slice, all, unit)))
            }
            of_answer => proof(slice, of_answer, unit),
        };
        if let (Some(assignment::Proof::Multipliers(all)), Some(multipliers), false) =
            (&answer.proof, &mut multipliers, on_places)
        {
            multipliers.extend(kept(formulation, answers, all, unit));
        }
        results.push(StageResult {
            name: answer.name.clone(),
            sense: match answer.sense {
                Sense::Maximize => StageSense::Maximize,
                Sense::Minimize => StageSense::Minimize,
            },
            objective,
            bound,
            gap,
            proof,
            multipliers,
            greedy: answer
                .greedy
                .map(|greedy| formulation.stage_value(at, greedy)),
        });
    }
    (results, largest)
}
