//! Calling a backend so that whatever it does stays its own affair: it may panic, hang, or be wrong.

mod audit;
mod quiet;

use crate::milp::Milp;
use crate::outcome::{Outcome, Status, StopReason};
use crate::solver::{CancelToken, Limits, MilpSolver, SolverError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Deep recursions of a search need more than a thread's usual two megabytes.
const STACK_BYTES: usize = 64 << 20;
/// How long a backend that was asked to stop may take to come back with what it has, at least.
/// A slow machine must not cost a solve the solution that it has found.
const SMALLEST_GRACE: Duration = Duration::from_millis(200);
/// How long it may take, as a part of the time limit.
const GRACE_DIVISOR: u32 = 50;
/// How often cancellation is looked at while waiting.
const POLL: Duration = Duration::from_millis(10);

/// Solves a model on a thread of its own and checks the answer.
///
/// # Guarantees
/// - It returns within the time limit plus a grace (a fiftieth of the limit, at least 200 ms), and within that grace of a
///   cancellation. At the limit the backend is asked to stop through the cancel token; if it does not come back within the grace, it is left behind with its thread.
/// - What it returns stands up to the model: the solution is feasible within 1e-6 (see [`check`](crate::check::check)), the objective is
///   that of the solution, the bound is on its right side, and neither an "optimal" nor an "infeasible" is contradicted by the start.
/// - With a feasible start there is never less than the start: a solve that is stopped with less returns the start.
/// - A panic of the backend is an error and prints nothing.
///
/// # Errors
/// The faults of the model or the start, whatever went wrong with the backend, or what is wrong with its answer.
pub fn solve_guarded(
    solver: &Arc<dyn MilpSolver>,
    model: &Arc<Milp>,
    limits: &Limits,
) -> Result<Outcome, SolverError> {
    model
        .validate()
        .map_err(|faults| SolverError::InvalidModel { faults })?;
    if let Some(start) = &limits.start
        && start.len() != model.columns.len()
    {
        return Err(SolverError::StartLength {
            given: start.len(),
            expected: model.columns.len(),
        });
    }
    let start = audit::Start::read(model, limits.start.as_deref());
    if limits.cancel.is_cancelled() {
        let nothing =
            Outcome::without_solution(Status::NoSolution(StopReason::Cancelled), solver.name());
        return Ok(start.at_least(model, nothing));
    }
    let outcome = run_on_thread(solver, model, limits)?;
    audit::audit(model, limits, &start, &outcome).map_err(|faults| SolverError::WrongAnswer {
        backend: outcome.backend.clone(),
        faults,
    })?;
    Ok(start.at_least(model, outcome))
}

type Answer = Result<Outcome, SolverError>;

fn run_on_thread(
    solver: &Arc<dyn MilpSolver>,
    model: &Arc<Milp>,
    limits: &Limits,
) -> Result<Outcome, SolverError> {
    let inner = Limits {
        cancel: limits.cancel.child(),
        ..limits.clone()
    };
    let stop = inner.cancel.clone();
    let (sender, receiver) = channel();
    let (thread_solver, thread_model) = (Arc::clone(solver), Arc::clone(model));
    std::thread::Builder::new()
        .name(format!("solve {}", model.name.replace('\0', " ")))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let answer = answer_of(thread_solver.as_ref(), &thread_model, &inner);
            // Nobody listens any more when the thread was abandoned.
            let _ = sender.send(answer);
        })
        .map_err(|error| SolverError::Thread {
            message: error.to_string(),
        })?;
    let started = Instant::now();
    let Some(answer) = wait(&receiver, limits, started, &stop) else {
        return Err(SolverError::Abandoned {
            backend: solver.name().to_owned(),
            after: started.elapsed(),
        });
    };
    let mut outcome = answer?;
    // A backend that was asked to stop at the limit may not know why.
    if let Status::Feasible(reason) | Status::NoSolution(reason) = &mut outcome.status
        && *reason == StopReason::Cancelled
        && !limits.cancel.is_cancelled()
    {
        *reason = StopReason::Deadline;
    }
    Ok(outcome)
}

fn answer_of(solver: &dyn MilpSolver, model: &Milp, limits: &Limits) -> Answer {
    // Nothing that the backend may have left half done is seen again: the model is shared read-only and the solver keeps nothing.
    let attempt = quiet::capture(|| catch_unwind(AssertUnwindSafe(|| solver.solve(model, limits))));
    match attempt {
        (Ok(answer), _) => answer,
        (Err(payload), message) => Err(SolverError::Panicked {
            backend: solver.name().to_owned(),
            message: message.unwrap_or_else(|| quiet::payload_text(payload.as_ref()).to_owned()),
        }),
    }
}

/// The answer, or `None` when the time and the grace are over. At the end of the time, `stop` is set.
fn wait(
    receiver: &Receiver<Answer>,
    limits: &Limits,
    started: Instant,
    stop: &CancelToken,
) -> Option<Answer> {
    let grace = limits.time.map_or(SMALLEST_GRACE, |time| {
        (time / GRACE_DIVISOR).max(SMALLEST_GRACE)
    });
    // A limit too long to be an instant is no limit.
    let deadline = limits.time.and_then(|time| started.checked_add(time));
    let mut give_up = None;
    loop {
        let now = Instant::now();
        if give_up.is_none()
            && (limits.cancel.is_cancelled() || deadline.is_some_and(|deadline| now >= deadline))
        {
            stop.cancel();
            give_up = Some(now + grace);
        }
        let patience = match give_up.or(deadline) {
            Some(instant) if give_up.is_some() && instant <= now => {
                return receiver.try_recv().ok();
            }
            Some(instant) => POLL.min(instant.saturating_duration_since(now)),
            None => POLL,
        };
        match receiver.recv_timeout(patience) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("the thread sends its answer before it drops the sender")
            }
        }
    }
}
