//! The ladder: construct (or let what comes first take places of a start), take the best flow where the assignment is one, bound, solve exactly or improve (by patterns, moves and neighborhoods), stage by stage.
//!
//! # Guarantees
//! - The placement breaks no rule, and is lexicographically at least as good as the constructive one and as the start.
//! - Without a deadline equal input gives equal output: effort is limited by nodes and rounds, never by a clock.
//! - A solver that panics, hangs or is wrong costs exactness alone, and is reported.
//! - With a deadline it returns by then, as long as reading the data and the constructive method take less.
mod answer;
mod audit;
mod bounds;
mod first;
mod options;
mod run;

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use self::answer::stage_answers;
pub use self::answer::{Proof, Solved, StageAnswer};
pub use self::audit::{audit, restate};
pub(super) use self::bounds::Bounds;
pub use self::options::{COLUMNS_FOR_ALL_NODES, LadderOptions};
pub(super) use self::run::Run;
use super::bound::Room;
use super::construct::construct;
use super::placement::Placement;
use super::reduce::reduce;
use super::tally::Stop;
use super::types::Assignment;
use super::validate::AssignmentFault;

/// Places the items as well as the effort allows, from `start` if it is given and breaks no rule.
#[must_use]
pub fn solve(
    assignment: &Assignment,
    start: Option<&Placement>,
    options: &LadderOptions,
) -> Solved {
    if let Err(faults) = assignment.validate() {
        return refused(&faults);
    }
    let mut failures = Vec::new();
    let start = start.filter(|start| {
        let faults = assignment.faults(start);
        failures.extend((faults.first()).map(|fault| format!("the start is not used: {fault}")));
        faults.is_empty()
    });
    let reduced = reduce(assignment);
    let stop = Stop {
        deadline: options.deadline.map(for_construction),
        cancel: options.cancel.clone(),
    };
    let first = options.first(&stop);
    let of_nothing = if start.is_none() { &first } else { &stop };
    let greedy = construct(&reduced.assignment, None, of_nothing);
    let mut run = Run {
        assignment: &reduced.assignment,
        options,
        reserve: Duration::ZERO,
        price_share: 4,
        values: reduced.assignment.values(&greedy.placement),
        incumbent: greedy.placement.clone(),
        searched: vec![None; assignment.stages.len()],
        stopped: greedy.stopped,
        cut: None,
        failures,
        is_usable: true,
    };
    if let Some(start) = start {
        run.take_start(reduced.fold(start), &first, &stop);
    }
    run.construct_otherwise(&stop);
    if run.must_stop() && options.first_by.is_some_and(|by| Instant::now() >= by) {
        // Not even bounds can be looked for any more.
        return Solved {
            stages: Vec::new(),
            placement: reduced.unfold(&run.incumbent, start),
            greedy: reduced.unfold(&greedy.placement, None),
            stopped: run.stopped,
            failures: run.failures,
        };
    }
    let began = Instant::now();
    let (room, merged) = (Room::new(assignment), OnceCell::new());
    let mut bounds = Bounds::new(&room, &reduced.assignment, &merged);
    run.flow(&mut bounds);
    bounds.update(&mut run, None);
    // What comes after the search takes about as long as this, but for the prices: these are found once.
    run.reserve = (began.elapsed() - bounds.spent_on_prices) * 3 + Duration::from_millis(10);
    run.improve(&mut bounds);
    bounds.update(&mut run, None);
    Solved {
        stages: stage_answers(Some(&greedy.placement), &run, &bounds),
        placement: reduced.unfold(&run.incumbent, start),
        greedy: reduced.unfold(&greedy.placement, None),
        stopped: run.stopped.or(run.cut),
        failures: run.failures,
    }
}

/// The moment at which constructing must end: bounds and reports need time as well.
fn for_construction(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

fn refused(faults: &[AssignmentFault]) -> Solved {
    let failure = |fault: &AssignmentFault| format!("not an assignment: {fault}");
    Solved {
        placement: Placement::default(),
        stages: Vec::new(),
        greedy: Placement::default(),
        stopped: None,
        failures: faults.iter().map(failure).collect(),
    }
}
