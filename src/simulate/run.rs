//! The loop over moments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use apportion_cluster::events::{EventFile, EventsFile};
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::PlanFile;

use super::steps::{Accounts, Step};
use super::world::World;
use crate::engine::{self, EngineError, Options, Said};
use crate::snapshot::{self, InputFaults};
use crate::verify::{self, Report};

/// How a cluster is simulated.
#[derive(Clone)]
pub struct SimulateOptions {
    /// How each plan is made; the credit and the listener are the simulation's own.
    pub plan: Options,
    /// Plans are made at multiples of this time only; at every moment at which something happens if absent.
    pub every_ms: Option<i64>,
    /// Whether who lost a rounding in one plan is first in the next.
    pub credit: bool,
    /// Whether every plan is judged by the verifier.
    pub verify: bool,
    /// Whether the conversation of offers is kept, see [`Step::transcript`].
    pub transcript: bool,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self {
            plan: Options::default(),
            every_ms: None,
            credit: true,
            verify: true,
            transcript: false,
        }
    }
}

/// Why a simulation ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// No plan could be made.
    #[error("no plan could be made")]
    Engine(#[from] EngineError),
    /// What events made of the snapshot is none: they were not read for it.
    #[error("after {at_ms} ms the cluster is no valid snapshot any more: {faults}")]
    Snapshot {
        /// The moment.
        at_ms: i64,
        /// What is wrong.
        faults: InputFaults,
    },
    /// A plan broke a rule or a claim.
    #[error("the plan after {at_ms} ms does not hold: {}", first(report))]
    Violation {
        /// The moment.
        at_ms: i64,
        /// The verifier's judgment.
        report: Box<Report>,
    },
}

fn first(report: &Report) -> String {
    let first = report.violations.first();
    first.map(ToString::to_string).unwrap_or_default()
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// One step for each plan.
    pub steps: Vec<Step>,
    /// The cluster in the end, with what runs there.
    pub end: SnapshotFile,
}

/// Simulates `snapshot` through `events`; `progress` hears of each step.
///
/// # Guarantees
/// Equal input and options give equal steps, unless plans have a deadline. With [`SimulateOptions::verify`] every plan
/// passed the verifier.
///
/// # Errors
/// If a plan cannot be made or does not hold, or the events do not fit the snapshot.
pub fn simulate(
    snapshot: &SnapshotFile,
    events: &EventsFile,
    options: &SimulateOptions,
    progress: &mut dyn FnMut(&Step),
) -> Result<Simulation, SimulateError> {
    let mut order: Vec<&EventFile> = events.events.iter().collect();
    order.sort_by_key(|event| event.at_ms);
    let mut open = order.into_iter().peekable();
    let mut run = Run {
        options,
        world: World::new(snapshot),
        credit: options.plan.credit.clone(),
        accounts: Accounts::default(),
    };
    let mut steps = Vec::new();
    let mut now = 0;
    loop {
        let mut happened = run.world.end_by_themselves(now);
        while let Some(event) = open.next_if(|event| event.at_ms <= now) {
            happened.push(run.world.happen(event));
        }
        let step = run.step(now, happened)?;
        progress(&step);
        steps.push(step);
        let Some(next) = open.peek() else { break };
        let ends = run.world.next_end().unwrap_or(i64::MAX);
        now = run.moment(next.at_ms.min(ends), now);
    }
    let end = run.world.snapshot();
    Ok(Simulation { steps, end })
}

struct Run<'a> {
    options: &'a SimulateOptions,
    world: World,
    credit: BTreeMap<String, f64>,
    accounts: Accounts,
}

impl Run<'_> {
    /// When the plan for what happens at `moment` is made: after `now`.
    fn moment(&self, moment: i64, now: i64) -> i64 {
        let moment = moment.max(now + 1);
        match self.options.every_ms {
            Some(every) if every > 1 => (moment + every - 1) / every * every,
            _ => moment,
        }
    }

    fn step(&mut self, now: i64, happened: Vec<String>) -> Result<Step, SimulateError> {
        let file = self.world.snapshot();
        let cluster = snapshot::resolve_with(&file, &self.options.plan.policies)
            .map_err(|faults| SimulateError::Snapshot { at_ms: now, faults })?;
        let (plan, said) = self.plan(&cluster)?;
        if self.options.verify {
            let report = verify::verify(&cluster, &plan);
            if !report.holds() {
                let report = Box::new(report);
                return Err(SimulateError::Violation { at_ms: now, report });
            }
        }
        self.world.carry_out(&plan, now);
        let mut step = self.accounts.step(now, &cluster, &plan, self.world.lost());
        if self.options.transcript {
            step.transcript = transcript(&happened, &said, &plan);
        }
        step.events = happened;
        Ok(step)
    }

    fn plan(
        &mut self,
        cluster: &apportion_cluster::Cluster,
    ) -> Result<(PlanFile, Vec<Said>), SimulateError> {
        let heard: Arc<Mutex<Vec<Said>>> = Arc::default();
        let ear = Arc::clone(&heard);
        let mut options = self.options.plan.clone();
        options.credit.clone_from(&self.credit);
        if self.options.transcript {
            options.listener = Some(Arc::new(move |said| {
                ear.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(said);
            }));
        }
        let plan = engine::plan(cluster, &options)?;
        if self.options.credit {
            self.credit = engine::credit(&plan);
        }
        let said = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((plan, said))
    }
}

/// What happened, what was said, and what waits in the end.
fn transcript(happened: &[String], said: &[Said], plan: &PlanFile) -> Vec<String> {
    let mut lines = happened.to_vec();
    lines.extend(said.iter().map(ToString::to_string));
    lines.extend(plan.unplaced.iter().map(|waiting| {
        let (job, task, count) = (&waiting.job, &waiting.task, waiting.instances);
        let verb = if count == 1 { "waits" } else { "wait" };
        format!(
            "in the end: {count} of {job}/{task} {verb}: {}",
            waiting.reason.text
        )
    }));
    lines
}
