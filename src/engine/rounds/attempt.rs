//! One slice is asked about, within its part of the time.

use std::time::Instant;

use apportion_cluster::{Proposal, Slice};

use crate::engine::context::Context;
use crate::engine::options::Progress;
use crate::engine::solve::{self, Answer, Effort, Rows};

/// Without a deadline, slices of at most so many columns are searched again in later rounds; larger ones are only added to.
const COLUMNS_SEARCHED_AGAIN: usize = 600;

/// One slice, its failures turned into warnings.
pub(super) fn attempt(
    context: &Context<'_>,
    slice: &Slice<'_>,
    rows: &Rows,
    start: &Proposal,
    effort: Effort,
    first: bool,
) -> Option<Answer> {
    let framework = &context.cluster.framework(slice.framework).id;
    let policy = context.policy(slice.framework)?;
    let answer = solve::formulate(&**policy, slice, rows).and_then(|formulation| {
        // Later rounds add what is left over: searching a large slice again costs more than it finds, unless there
        // is time to be used up.
        let columns: usize = formulation
            .assignment
            .items
            .iter()
            .map(|item| item.eligible.len())
            .sum();
        let is_large = !first && columns > COLUMNS_SEARCHED_AGAIN;
        let effort = match effort {
            Effort::Ladder(None) if is_large => Effort::Sketch,
            effort => effort,
        };
        solve::answer(
            &**policy,
            slice,
            (formulation, rows),
            start,
            effort,
            context.options,
        )
    });
    match answer {
        Ok(answer) => {
            if first {
                solve::dump(context.options, framework, &answer);
            }
            for failure in &answer.solved.failures {
                context.warn(
                    "solver_failed",
                    framework,
                    format!("{failure}; the constructive answer stands"),
                );
            }
            let placed = answer
                .proposal
                .placements
                .iter()
                .map(|placed| placed.instances)
                .sum();
            let pending = slice.pending.iter().map(|(_, count)| count).sum();
            (context.options.progress)(Progress::Solved {
                framework: framework.clone(),
                placed,
                pending,
            });
            Some(answer)
        }
        Err(text) => {
            context.warn("policy_failed", framework, text);
            None
        }
    }
}

/// An even part of the time until `ends`, so many at once.
pub(super) fn own_part(ends: Option<Instant>, open: usize, at_once: usize) -> Option<Instant> {
    let now = Instant::now();
    let left = ends?.saturating_duration_since(now);
    let open = u32::try_from(open.max(1)).unwrap_or(u32::MAX);
    Some(now + left * u32::try_from(at_once).unwrap_or(1).min(open) / open)
}

/// A slice's own deadline: its part of the time that is left, so that one slice that explodes costs the
/// others nothing.
pub(super) fn own_deadline(
    context: &Context<'_>,
    open: usize,
    at_once: usize,
    share: f64,
) -> Option<Instant> {
    let now = Instant::now();
    let left = context.solve_by()?.saturating_duration_since(now);
    own_part(Some(now + left.mul_f64(share)), open, at_once)
}
