//! Solving in a child process, where a crash, a hang or a hunger for memory stays outside.
//!
//! The parent ([`ChildSolver`]) starts a program, writes one line of JSON (the model and its limits) to its standard input,
//! and reads one line of JSON from its standard output. The child side is [`serve`]. Standard input stays open for as long as
//! the answer is wanted: when it closes, because the parent cancels or is gone, the child stops.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use apportion_models::{
    CancelToken, Capabilities, Limits, Milp, MilpSolver, Outcome, SolverError, solve_guarded,
};
use serde::{Deserialize, Serialize};

/// How long a child may take beyond its time limit before it is killed, at least.
///
/// Less than what [`solve_guarded`] grants its thread, so that the child is dead before the thread is given up.
const SMALLEST_GRACE: Duration = Duration::from_millis(60);
/// How long it may take, as a part of the time limit.
const GRACE_DIVISOR: u32 = 100;
/// How long a child whose parent is gone may still run.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);
/// How often cancellation is looked at while waiting.
const POLL: Duration = Duration::from_millis(5);
/// The longest piece of a child's words that a message repeats.
const LONGEST_QUOTE: usize = 200;

/// A backend in a process of its own.
///
/// # Guarantees
/// The child is dead when [`solve`](MilpSolver::solve) returns, whatever it did. A signal, an exit code, and an answer that is
/// garbage or cut off are [`SolverError::Crashed`]; a child that had to be killed is [`SolverError::Abandoned`].
#[derive(Clone, Debug)]
pub struct ChildSolver {
    /// The program to start.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What its answers can do: those of the backend inside.
    pub capabilities: Capabilities,
    /// The name that reports carry.
    pub name: String,
}

/// What the child is asked.
#[derive(Serialize, Deserialize)]
struct Request {
    model: Milp,
    time_ms: Option<u64>,
    nodes: Option<i64>,
    relative_gap: f64,
    seed: u64,
    start: Option<Vec<f64>>,
}

/// What the child answers.
#[derive(Serialize, Deserialize)]
enum Answer {
    #[serde(rename = "outcome")]
    Outcome(Outcome),
    #[serde(rename = "error")]
    Error(String),
}

impl ChildSolver {
    /// The same child with its memory (address space) limited to `mebibytes`, set by a shell's `ulimit` before it starts.
    #[must_use]
    pub fn with_memory_limit(self, mebibytes: u64) -> Self {
        let kibibytes = mebibytes.saturating_mul(1024);
        let script = format!("ulimit -v {kibibytes} && exec \"$0\" \"$@\"");
        let program = self.program.to_string_lossy().into_owned();
        let mut args = vec!["-c".to_owned(), script, program];
        args.extend(self.args);
        Self {
            program: PathBuf::from("sh"),
            args,
            ..self
        }
    }

    fn crashed(&self, message: impl Into<String>) -> SolverError {
        SolverError::Crashed {
            backend: self.name.clone(),
            message: message.into(),
        }
    }

    fn start(&self) -> Result<Child, SolverError> {
        Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let program = self.program.display();
                self.crashed(format!("`{program}` could not be started: {error}"))
            })
    }

    fn read_answer(&self, said: &Said, status: ExitStatus) -> Result<Outcome, SolverError> {
        if !status.success() {
            let ended = how_it_ended(status);
            let words = quote(&said.complaints);
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            return Err(self.crashed(format!("the process {ended}{words}")));
        }
        match serde_json::from_slice(&said.answer) {
            Ok(Answer::Outcome(outcome)) => Ok(outcome),
            Ok(Answer::Error(message)) => Err(SolverError::Backend {
                backend: self.name.clone(),
                message,
            }),
            Err(error) => Err(self.crashed(format!(
                "the process ended without a readable answer ({error}): {}",
                quote(&said.answer)
            ))),
        }
    }
}

impl MilpSolver for ChildSolver {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        let request = Request {
            model: model.clone(),
            time_ms: limits.time.map(whole_milliseconds),
            nodes: limits.nodes,
            relative_gap: limits.relative_gap,
            seed: limits.seed,
            start: limits.start.clone(),
        };
        let mut line = serde_json::to_vec(&request)
            .map_err(|error| self.crashed(format!("the model cannot be sent: {error}")))?;
        line.push(b'\n');

        let started = Instant::now();
        let mut child = self.start()?;
        let hear = listen(&mut child);
        let lifeline = child.stdin.take().map(|input| send(input, line));
        let heard = wait(&hear, limits, started, lifeline);
        if heard.is_none() {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
        }
        let status = child
            .wait()
            .map_err(|error| self.crashed(format!("the process cannot be waited for: {error}")))?;
        match heard {
            Some(said) => self.read_answer(&said, status),
            None => Err(SolverError::Abandoned {
                backend: self.name.clone(),
                after: started.elapsed(),
            }),
        }
    }
}

/// What a child wrote until it closed its outputs.
struct Said {
    answer: Vec<u8>,
    complaints: Vec<u8>,
}

/// Writes the request from a thread of its own: a child that reads slowly, or not at all, must not hold the caller.
/// Dropping the sender closes the child's standard input.
fn send(mut input: ChildStdin, line: Vec<u8>) -> std::sync::mpsc::Sender<()> {
    let (keep, dropped) = channel::<()>();
    thread::spawn(move || {
        // A child that does not want the request shows so by how it ends.
        let _ = input.write_all(&line).and_then(|()| input.flush());
        let _ = dropped.recv();
    });
    keep
}

/// Reads both outputs of the child until it closes them.
fn listen(child: &mut Child) -> Receiver<Said> {
    let (sender, receiver) = channel();
    let answer = child.stdout.take();
    let complaints = child.stderr.take();
    thread::spawn(move || {
        let second = thread::spawn(move || complaints.map_or_else(Vec::new, read_to_end));
        let answer = answer.map_or_else(Vec::new, read_to_end);
        let complaints = second.join().unwrap_or_default();
        // Nobody listens any more when the child was given up.
        let _ = sender.send(Said { answer, complaints });
    });
    receiver
}

fn read_to_end(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A stream that breaks off is an answer that is cut off: seen when it is read.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// What the child said, or `None` when it has to be killed. A cancellation closes the lifeline and grants the grace.
fn wait<L>(
    hear: &Receiver<Said>,
    limits: &Limits,
    started: Instant,
    lifeline: Option<L>,
) -> Option<Said> {
    let grace = limits.time.map_or(SMALLEST_GRACE, |time| {
        (time / GRACE_DIVISOR).max(SMALLEST_GRACE)
    });
    let mut give_up = limits
        .time
        .and_then(|time| started.checked_add(time)?.checked_add(grace));
    let mut lifeline = lifeline;
    let mut cancelled = false;
    loop {
        if !cancelled && limits.cancel.is_cancelled() {
            cancelled = true;
            lifeline = None;
            let latest = Instant::now() + grace;
            give_up = Some(give_up.map_or(latest, |moment| moment.min(latest)));
        }
        let now = Instant::now();
        let patience = match give_up {
            Some(moment) if moment <= now => return hear.try_recv().ok(),
            Some(moment) => POLL.min(moment - now),
            None => POLL,
        };
        match hear.recv_timeout(patience) {
            Ok(said) => {
                drop(lifeline);
                return Some(said);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "ended abnormally".to_owned(),
    }
}

/// The beginning of what a child wrote, fit for one line of a message.
fn quote(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(LONGEST_QUOTE)];
    let text: String = String::from_utf8_lossy(cut)
        .trim()
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if bytes.len() > LONGEST_QUOTE { format!("{text}...") } else { text }
}

fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The child's side: reads one request from `input`, solves it, and writes the answer to `output`.
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

fn watch(
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

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use apportion_models::backends::GoodLp;
    use apportion_models::{ColumnKind, Sense, Status};

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
        assert!(text.contains("exit code 3") && text.contains("out of luck"), "{text}");
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
        assert!(matches!(answer, Err(SolverError::Abandoned { .. })), "{answer:?}");
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
        assert!(matches!(answer, Err(SolverError::Abandoned { .. })), "{answer:?}");
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
        assert!(matches!(answer, Err(SolverError::Abandoned { .. })), "{answer:?}");
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
        watch(io::empty(), CancelToken::new(), move || sender.send(()).unwrap());
        orphaned.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
