//! Children that behave, and children that do not.

#![allow(clippy::unwrap_used)]
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use apportion_models::backends::GoodLp;
use apportion_models::{
    CancelToken, ColumnKind, Limits, Milp, MilpSolver, Outcome, Sense, SolverError, Status,
};

use super::serve::watch;
use super::{ChildSolver, Request, serve};

fn shell(script: &str) -> ChildSolver {
    ChildSolver {
        program: PathBuf::from("sh"),
        args: vec!["-c".to_owned(), script.to_owned()],
        capabilities: GoodLp.capabilities(),
        name: "child".to_owned(),
    }
}

fn model() -> Milp {
    let mut model = Milp::new("knapsack", Sense::Maximize);
    let x = model.add_column("x", 0.0, 3.0, ColumnKind::Integer, 2.0);
    model.add_row("r", f64::NEG_INFINITY, 5.0, [(x, 2.0)]);
    model
}

fn within(milliseconds: u64) -> Limits {
    Limits::within(Duration::from_millis(milliseconds))
}

fn message(answer: Result<Outcome, SolverError>) -> String {
    match answer {
        Err(SolverError::Crashed { message, .. }) => message,
        other => panic!("not a crash: {other:?}"),
    }
}

/// What `serve` answers to the request of `model`, as a child would write it.
fn served() -> String {
    let request = Request {
        model: model(),
        time_ms: None,
        nodes: None,
        relative_gap: 0.0,
        seed: 0,
        start: None,
    };
    let mut line = serde_json::to_vec(&request).unwrap();
    line.push(b'\n');
    let solver: Arc<dyn MilpSolver> = Arc::new(GoodLp);
    let mut output = Vec::new();
    // The input stays open, as a parent's pipe does.
    let open = io::Cursor::new(line).chain(NeverEnds);
    serve(open, &mut output, &solver, || {}).unwrap();
    String::from_utf8(output).unwrap()
}

struct NeverEnds;

impl Read for NeverEnds {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_secs(3600));
        Ok(0)
    }
}

#[test]
fn an_answer_comes_back_as_it_was_given() {
    let answer = served();
    let child = shell(&format!("read request; echo '{}'", answer.trim()));
    let outcome = child.solve(&model(), &Limits::default()).unwrap();
    assert_eq!(outcome.status, Status::Optimal);
    assert_eq!(outcome.solution, Some(vec![2.0]));
    assert_eq!(outcome.objective, Some(4.0));
}

#[test]
fn a_signal_is_a_crash_that_names_it() {
    let text = message(shell("kill -SEGV $$").solve(&model(), &within(10_000)));
    assert!(text.contains("signal 11"), "{text}");
}

#[test]
fn an_exit_code_is_a_crash_that_names_it_and_its_words() {
    let text = message(shell("echo out of luck >&2; exit 3").solve(&model(), &within(10_000)));
    assert!(
        text.contains("exit code 3") && text.contains("out of luck"),
        "{text}"
    );
}

#[test]
fn garbage_and_cut_off_answers_are_crashes() {
    let answer = served();
    let cut = &answer[..answer.len() / 2];
    for said in ["", "garbage", "{\"outcome\": 3}", cut] {
        let child = shell(&format!("read request; printf '%s' '{said}'"));
        let text = message(child.solve(&model(), &within(10_000)));
        assert!(text.contains("without a readable answer"), "{text}");
    }
}

#[test]
fn a_program_that_does_not_exist_is_a_crash() {
    let child = ChildSolver {
        program: PathBuf::from("/no/such/program"),
        ..shell("")
    };
    let text = message(child.solve(&model(), &within(1_000)));
    assert!(text.contains("could not be started"), "{text}");
}

#[test]
fn a_child_that_hangs_is_killed_when_its_time_is_over() {
    let started = Instant::now();
    let answer = shell("sleep 60").solve(&model(), &within(150));
    assert!(
        matches!(answer, Err(SolverError::Abandoned { .. })),
        "{answer:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_child_is_killed_when_the_solve_is_cancelled() {
    let limits = Limits::default();
    let cancel = limits.cancel.clone();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        cancel.cancel();
    });
    let started = Instant::now();
    let answer = shell("exec sleep 60").solve(&model(), &limits);
    assert!(
        matches!(answer, Err(SolverError::Abandoned { .. })),
        "{answer:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    canceller.join().unwrap();
}

#[test]
fn a_large_model_does_not_block_on_a_child_that_reads_nothing() {
    let mut large = model();
    for n in 0..20_000 {
        large.add_column(format!("column_{n}"), 0.0, 1.0, ColumnKind::Integer, 1.0);
    }
    let answer = shell("exec sleep 60").solve(&large, &within(150));
    assert!(
        matches!(answer, Err(SolverError::Abandoned { .. })),
        "{answer:?}"
    );
}

#[test]
fn memory_is_limited() {
    let limited = shell("ulimit -v").with_memory_limit(512);
    let text = message(limited.solve(&model(), &within(10_000)));
    assert!(text.contains("524288"), "{text}");
}

#[test]
fn a_child_whose_parent_is_gone_stops() {
    let (sender, orphaned) = channel();
    let solver: Arc<dyn MilpSolver> = Arc::new(GoodLp);
    let request = b"not a request\n".to_vec();
    assert!(serve(io::Cursor::new(request), io::sink(), &solver, || {}).is_err());
    watch(io::empty(), CancelToken::new(), move || {
        sender.send(()).unwrap();
    });
    orphaned.recv_timeout(Duration::from_secs(10)).unwrap();
}
