//! What is known of placements that are not to be changed.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use super::answer::stage_answers;
use super::{Bounds, LadderOptions, Run, Solved, StageAnswer};
use crate::assignment::bound::Room;
use crate::assignment::placement::Placement;
use crate::assignment::reduce::reduce;
use crate::assignment::types::Assignment;

/// What is known of a placement that is not to be changed: its values and their bounds, and beside them the values of a baseline, if
/// there is one. The bounds are computed first: should time be short, the baseline gets what they leave.
///
/// `placement` and the baseline must break no rule. With a deadline that is near, bounds by prices are left out.
#[must_use]
pub fn audit(
    assignment: &Assignment,
    placement: &Placement,
    greedy: impl FnOnce() -> Option<Placement>,
    options: &LadderOptions,
) -> Vec<StageAnswer> {
    audit_with(assignment, placement, greedy, &[], options)
}

/// The same of a placement that came of an answer about the same assignment, by the prices of that answer: nothing is solved.
#[must_use]
pub fn restate(
    assignment: &Assignment,
    placement: &Placement,
    solved: &Solved,
    options: &LadderOptions,
) -> Vec<StageAnswer> {
    let options = LadderOptions {
        deadline: Some(Instant::now()),
        ..options.clone()
    };
    let greedy = || Some(solved.greedy.clone());
    audit_with(assignment, placement, greedy, &solved.stages, &options)
}

fn audit_with(
    assignment: &Assignment,
    placement: &Placement,
    greedy: impl FnOnce() -> Option<Placement>,
    known: &[StageAnswer],
    options: &LadderOptions,
) -> Vec<StageAnswer> {
    let reduced = reduce(assignment);
    let mut run = Run {
        assignment: &reduced.assignment,
        options,
        reserve: Duration::ZERO,
        price_share: 2,
        values: assignment.values(placement),
        incumbent: reduced.fold(placement),
        searched: vec![None; assignment.stages.len()],
        stopped: None,
        cut: None,
        failures: Vec::new(),
        is_usable: true,
    };
    let (room, merged) = (Room::new(assignment), OnceCell::new());
    let mut bounds = Bounds::new(&room, &reduced.assignment, &merged);
    bounds.know(known);
    bounds.update(&mut run, None);
    let greedy = greedy().map(|greedy| reduced.fold(&greedy));
    stage_answers(greedy.as_ref(), &run, &bounds)
}
