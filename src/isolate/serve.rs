//! The child's side: one model in, one answer out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use apportion_models::{CancelToken, Limits, MilpSolver, solve_guarded};

use super::{Answer, Request};

/// How long a child whose parent is gone may still run.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);

/// Reads one request from `input`, solves it, and writes the answer to `output`.
///
/// When `input` closes before the answer is there, the solve is cancelled, and `orphaned` is called after a grace.
///
/// # Errors
/// If the request cannot be read or the answer cannot be written.
pub fn serve(
    input: impl Read + Send + 'static,
    mut output: impl Write,
    solver: &Arc<dyn MilpSolver>,
    orphaned: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    let cancel = CancelToken::new();
    watch(input, cancel.clone(), orphaned);
    let limits = Limits {
        time: request.time_ms.map(Duration::from_millis),
        nodes: request.nodes,
        relative_gap: request.relative_gap,
        seed: request.seed,
        start: request.start,
        cancel,
    };
    let answer = match solve_guarded(solver, &Arc::new(request.model), &limits) {
        Ok(outcome) => Answer::Outcome(outcome),
        Err(error) => Answer::Error(error.to_string()),
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.write_all(b"\n")?;
    output.flush()
}

pub(super) fn watch(
    mut input: impl Read + Send + 'static,
    cancel: CancelToken,
    orphaned: impl FnOnce() + Send + 'static,
) {
    thread::spawn(move || {
        let _ = io::copy(&mut input, &mut io::sink());
        cancel.cancel();
        thread::sleep(ORPHAN_GRACE);
        orphaned();
    });
}
