//! The parent's side: a backend that is a process.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use apportion_models::{Capabilities, Limits, Milp, MilpSolver, Outcome, SolverError};

use super::{Answer, Request};

/// How long a child may take beyond its time limit before it is killed, at least.
///
/// Less than what [`solve_guarded`](apportion_models::solve_guarded) grants its thread, so that the child is dead before the thread is given up.
const SMALLEST_GRACE: Duration = Duration::from_millis(60);
/// How long it may take, as a part of the time limit.
const GRACE_DIVISOR: u32 = 100;
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
            let words = if words.is_empty() {
                String::new()
            } else {
                format!(": {words}")
            };
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
fn send(mut input: ChildStdin, line: Vec<u8>) -> Sender<()> {
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
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if bytes.len() > LONGEST_QUOTE {
        format!("{text}...")
    } else {
        text
    }
}

fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
