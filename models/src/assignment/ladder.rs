//! The ladder: construct (or let what comes first take places of a start), take the best flow where the assignment is one, bound, solve exactly or improve (by patterns, moves and neighborhoods), stage by stage.
//!
//! # Guarantees
//! - The placement breaks no rule, and is lexicographically at least as good as the constructive one and as the start.
//! - Without a deadline equal input gives equal output: effort is limited by nodes and rounds, never by a clock.
//! - A solver that panics, hangs or is wrong costs exactness alone, and is reported.
//! - With a deadline it returns by then, as long as reading the data and the constructive method take less.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::bound::Room;
use super::construct::{Preference, construct, construct_by};
use super::displace::displace;
use super::evaluate::TIE;
use super::improve;
use super::least::Least;
use super::patterns;
use super::placement::Placement;
use super::prices::{Kept, PricedBound, Prices, Pricing};
use super::reduce::reduce;
use super::rounding::{Fractions, round};
use super::tally::Stop;
use super::traffic;
use super::transport::{Transported, transport};
use super::types::{Assignment, Objective, Stage};
use crate::guard::solve_guarded;
use crate::milp::{Milp, Sense};
use crate::outcome::{Outcome, Status, StopReason};
use crate::solver::{CancelToken, Limits, MilpSolver, SolverError};

/// Up to so many columns a stage that is solved whole may use all the nodes of [`LadderOptions::nodes`].
pub const COLUMNS_FOR_ALL_NODES: usize = 200;

/// How much effort [`solve`] makes.
#[derive(Clone)]
pub struct LadderOptions {
    /// The backend for integer programs.
    pub solver: Arc<dyn MilpSolver>,
    /// The moment at which the answer must be there.
    pub deadline: Option<Instant>,
    /// Until when the first answer may be constructed, though the deadline is over: any is worth more than none.
    pub first_by: Option<Instant>,
    /// Stops the work from outside.
    pub cancel: CancelToken,
    /// A stage is good enough at this gap.
    pub gap: f64,
    /// The seed of everything that is drawn at random.
    pub seed: u64,
    /// Assignments with at most so many columns (after merging alike items) are solved whole.
    pub exact_columns: usize,
    /// The same, for solvers that cannot limit their effort but by the clock, when there is no deadline.
    pub exact_columns_without_limits: usize,
    /// Nodes of the search tree for a stage that is solved whole and has few columns; of more than [`COLUMNS_FOR_ALL_NODES`]
    /// columns, nodes take longer, and there are as many fewer.
    pub nodes: i64,
    /// How many neighborhoods are solved for a stage.
    pub neighborhoods: usize,
    /// Columns of a neighborhood.
    pub neighborhood_columns: usize,
    /// Nodes of the search tree for a neighborhood.
    pub neighborhood_nodes: i64,
    /// How many local moves are tried for a stage.
    pub moves: usize,
}

impl LadderOptions {
    /// Options of moderate effort, with no deadline and no gap.
    #[must_use]
    pub fn new(solver: Arc<dyn MilpSolver>) -> Self {
        Self {
            solver,
            deadline: None,
            first_by: None,
            cancel: CancelToken::new(),
            gap: 0.0,
            seed: 0,
            exact_columns: 4_000,
            exact_columns_without_limits: 80,
            nodes: 500,
            neighborhoods: 30,
            neighborhood_columns: 200,
            neighborhood_nodes: 10,
            moves: 4_000,
        }
    }

    /// Up to so many columns, after merging alike items, an assignment is solved whole.
    #[must_use]
    pub fn columns_solved_whole(&self) -> usize {
        if self.is_limited() {
            self.exact_columns
        } else {
            (self.exact_columns).min(self.exact_columns_without_limits)
        }
    }

    /// What ends the first answer, where `stop` ends what comes after it.
    pub(crate) fn first(&self, stop: &Stop) -> Stop {
        Stop {
            deadline: stop
                .deadline
                .map(|by| self.first_by.map_or(by, |first| first.max(by))),
            cancel: stop.cancel.clone(),
        }
    }

    /// Whether a solve ends after some effort, or by the clock.
    fn is_limited(&self) -> bool {
        self.solver.capabilities().node_limit || self.deadline.is_some()
    }
}

/// How a stage's bound is proved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By counting; recomputed from the assignment alone.
    Combinatorial,
    /// By prices of capacity; recomputed from the assignment and the prices.
    Multipliers(Prices),
    /// By branch and bound; claimed by the solver.
    Search,
}

/// What became of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageAnswer {
    /// The stage's name.
    pub name: String,
    /// Whether more or less is better.
    pub sense: Sense,
    /// The value reached.
    pub objective: f64,
    /// A value that no placement at least as good in the earlier stages is better than.
    pub bound: Option<f64>,
    /// How the bound is proved.
    pub proof: Option<Proof>,
    /// The value of the constructive method; `None` after the first stage at which that one is worse: values are then not comparable.
    pub greedy: Option<f64>,
}

impl StageAnswer {
    /// `|objective - bound| / max(|objective|, |bound|, 1)`.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        self.bound.map(|bound| gap(self.objective, bound))
    }
}

/// The answer of [`solve`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// The best placement found; it breaks no rule.
    pub placement: Placement,
    /// What became of each stage; empty where the time was over before that could be said.
    pub stages: Vec<StageAnswer>,
    /// The placement of the constructive method alone.
    pub greedy: Placement,
    /// The clock or the cancel token, if it cut short something that would have gone on.
    pub stopped: Option<StopReason>,
    /// What went wrong, in words; the placement stands all the same.
    pub failures: Vec<String>,
}

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
        let start = reduced.fold(start);
        let completed = construct(&reduced.assignment, Some(&start), &first);
        if run.stopped.is_some() {
            // What was cut short has placed what comes first, and hardly anything of the rest: it is no match for a start.
            run.values = reduced.assignment.values(&start);
            run.incumbent.clone_from(&start);
        }
        run.stopped = run.stopped.take().or(completed.stopped);
        // Equally good placements that keep the start are better. Adding to it harms where no early stage asks for more.
        run.accept(completed.placement, true);
        if lacks(&reduced.assignment, &start) && !run.must_stop() {
            // What a start lacks of what comes first is no reason to give up all of it.
            let displaced = displace(&reduced.assignment, &start, &stop);
            run.cut = run.cut.take().or(displaced.stopped);
            run.take(&displaced.placement);
        }
        run.accept(start, false);
    }
    if lacks(&reduced.assignment, &run.incumbent) && !run.must_stop() {
        let tight = construct_by(Preference::TightestFit, &reduced.assignment, None, &stop);
        run.stopped = run.stopped.take().or(tight.stopped);
        run.accept(tight.placement, false);
    }
    if opening_counts(&reduced.assignment) && !run.must_stop() {
        let few = construct_by(Preference::FewBins, &reduced.assignment, None, &stop);
        run.cut = run.cut.take().or(few.stopped);
        run.accept(few.placement, false);
    }
    for (stage, of_stage) in reduced.assignment.stages.iter().enumerate() {
        if matches!(of_stage.objective, Objective::Traffic(_))
            && !run.must_stop()
            && let Some(together) = traffic::partition(&reduced.assignment, stage, &stop)
        {
            let completed = construct(&reduced.assignment, Some(&together), &stop);
            run.cut = run.cut.take().or(completed.stopped);
            // A gang may be there in part.
            if run.assignment.faults(&completed.placement).is_empty() {
                run.accept(completed.placement, false);
            }
        }
    }
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

/// Whether a placement has not all that is wanted.
fn lacks(assignment: &Assignment, placement: &Placement) -> bool {
    let wanted: i64 = assignment.items.iter().map(|item| item.count).sum();
    placement.entries().iter().map(|entry| entry.2).sum::<i64>() < wanted
}

/// Whether a stage counts open bins, and bins differ in what they hold: which of them are opened then decides how many are.
fn opening_counts(assignment: &Assignment) -> bool {
    let is_opened = |stage: &Stage| matches!(stage.objective, Objective::Opened(_));
    let bins = &assignment.bins;
    assignment.stages.iter().any(is_opened)
        && bins
            .windows(2)
            .any(|pair| pair[0].capacity != pair[1].capacity)
}

/// The moment at which constructing must end: bounds and reports need time as well.
fn for_construction(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

fn refused(faults: &[super::validate::AssignmentFault]) -> Solved {
    let failure = |fault: &super::validate::AssignmentFault| format!("not an assignment: {fault}");
    Solved {
        placement: Placement::default(),
        stages: Vec::new(),
        greedy: Placement::default(),
        stopped: None,
        failures: faults.iter().map(failure).collect(),
    }
}

/// The answers of the stages of a run that has ended.
fn stage_answers(
    greedy: Option<&Placement>,
    run: &Run<'_>,
    bounds: &Bounds<'_>,
) -> Vec<StageAnswer> {
    let greedy_values = greedy.map(|greedy| run.assignment.values(greedy));
    let mut is_comparable = true;
    (run.assignment.stages.iter().enumerate())
        .map(|(position, stage)| {
            let sense = stage.objective.sense();
            let objective = run.values[position];
            let (bound, proof) = match bounds.of_stage[position].clone() {
                Some((bound, proof)) => (Some(bound), Some(proof)),
                None => (None, None),
            };
            let greedy = greedy_values.as_ref().filter(|_| is_comparable);
            let greedy = greedy.map(|values| values[position]);
            is_comparable &= greedy.is_some_and(|greedy| !sense.is_better(objective, greedy, TIE));
            StageAnswer {
                name: stage.name.clone(),
                sense,
                objective,
                bound,
                proof,
                greedy,
            }
        })
        .collect()
}

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

/// `|objective - bound| / max(|objective|, |bound|, 1)`.
fn gap(objective: f64, bound: f64) -> f64 {
    (objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0)
}

/// The state of one [`solve`].
pub(super) struct Run<'a> {
    /// Over classes of alike items.
    pub(super) assignment: &'a Assignment,
    pub(super) options: &'a LadderOptions,
    /// Time kept for what comes after the search.
    reserve: Duration,
    /// One part in so many of the time that is left may go to the prices of a stage.
    price_share: u32,
    pub(super) incumbent: Placement,
    pub(super) values: Vec<f64>,
    /// Bounds by search.
    searched: Vec<Option<f64>>,
    /// Why everything must end.
    pub(super) stopped: Option<StopReason>,
    /// Why a single solve was cut short, though the rest went on.
    cut: Option<StopReason>,
    pub(super) failures: Vec<String>,
    /// Whether the solver may be called again.
    pub(super) is_usable: bool,
}

impl Run<'_> {
    /// Takes a placement that breaks no rule if it is better, or as good and `on_tie`; says whether it did.
    pub(super) fn accept(&mut self, placement: Placement, on_tie: bool) -> bool {
        let values = self.assignment.values(&placement);
        let order = self.assignment.compare(&values, &self.values);
        let taken = order.is_lt() || (on_tie && order.is_eq());
        if taken {
            self.values = values;
            self.incumbent = placement;
        }
        taken
    }

    /// The time that a solver may take, guard included; `None` without a deadline. Sets `stopped` when none is left.
    pub(super) fn time(&mut self) -> Result<Option<Duration>, ()> {
        // A guarded solve returns within a fiftieth, at least 100 ms, of its limit.
        const GRACE: Duration = Duration::from_millis(110);
        const LEAST: Duration = Duration::from_millis(10);
        if self.stopped.is_none() && self.options.cancel.is_cancelled() {
            self.stopped = Some(StopReason::Cancelled);
        }
        if self.stopped.is_some() {
            return Err(());
        }
        let Some(deadline) = self.options.deadline else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let usable = left.saturating_sub(self.reserve + GRACE) * 49 / 50;
        if usable < LEAST {
            self.stopped = Some(StopReason::Deadline);
            return Err(());
        }
        Ok(Some(usable))
    }

    /// Whether whatever is under way must end.
    pub(super) fn must_stop(&mut self) -> bool {
        if self.stopped.is_none() {
            self.stopped = self.stop().reason();
        }
        self.stopped.is_some()
    }

    /// What ends the search.
    pub(super) fn stop(&self) -> Stop {
        let deadline = self.options.deadline;
        Stop {
            deadline: deadline.map(|at| at.checked_sub(self.reserve).unwrap_or(at)),
            cancel: self.options.cancel.clone(),
        }
    }

    /// What may be spent on the prices of a stage; nothing where the time is over.
    fn price_limits(&mut self) -> Option<Limits> {
        let time = self.time().ok()?;
        Some(Limits {
            time: time.map(|time| time / self.price_share),
            seed: self.options.seed,
            cancel: self.options.cancel.clone(),
            ..Limits::default()
        })
    }

    /// Solves a program by the backend, within `share` of the time that is left. Failures are written down.
    pub(super) fn call(
        &mut self,
        model: &Arc<Milp>,
        start: Option<Vec<f64>>,
        nodes: Option<i64>,
        share: u32,
    ) -> Option<Outcome> {
        let time = self.time().ok()?;
        if !self.is_usable {
            return None;
        }
        let limits = Limits {
            time: time.map(|time| time / share),
            nodes,
            relative_gap: self.options.gap,
            seed: self.options.seed,
            start,
            cancel: self.options.cancel.clone(),
        };
        match solve_guarded(&self.options.solver, model, &limits) {
            Ok(outcome) => {
                self.note_stop(outcome.status.stop_reason(), share);
                Some(outcome)
            }
            Err(error) => {
                self.fail(&model.name, &error);
                None
            }
        }
    }

    /// Notes that the clock cut something short, though the rest goes on.
    pub(super) fn note_cut(&mut self) {
        self.cut = Some(StopReason::Deadline);
    }

    fn note_stop(&mut self, reason: Option<&StopReason>, share: u32) {
        match reason {
            Some(StopReason::Cancelled) => self.stopped = Some(StopReason::Cancelled),
            Some(StopReason::Deadline) if share == 1 => self.stopped = Some(StopReason::Deadline),
            Some(StopReason::Deadline) => self.note_cut(),
            _ => {}
        }
    }

    pub(super) fn fail(&mut self, place: &str, error: &SolverError) {
        if let SolverError::Abandoned { .. } = error {
            // It was the clock that ended it, so that another run may answer otherwise.
            self.note_cut();
        }
        self.is_usable &= !matches!(
            error,
            SolverError::Panicked { .. }
                | SolverError::Abandoned { .. }
                | SolverError::Crashed { .. }
        );
        let failure = format!("{place}: {error}");
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    /// Takes the placement if it breaks no rule and is better.
    pub(super) fn take(&mut self, placement: &Placement) {
        match self.assignment.faults(placement).first() {
            Some(fault) => (self.failures).push(format!("an improvement is not used: {fault}")),
            None => {
                self.accept(placement.clone(), false);
            }
        }
    }

    /// Columns that a neighborhood may have.
    pub(super) fn part_columns(&self) -> usize {
        if self.options.is_limited() {
            self.options.neighborhood_columns
        } else {
            (self.options.neighborhood_columns).min(self.options.exact_columns_without_limits / 3)
        }
    }

    /// Takes the best flow, where the assignment is one.
    fn flow(&mut self, bounds: &mut Bounds<'_>) {
        let Ok(time) = self.time() else { return };
        let limits = Limits {
            time: time.map(|time| time / 2),
            cancel: self.options.cancel.clone(),
            ..Limits::default()
        };
        let flow = bounds.transported(self, &limits);
        if let Some(placement) = flow.map(|flow| flow.placement.clone()) {
            self.take(&placement);
        }
    }

    fn improve(&mut self, bounds: &mut Bounds<'_>) {
        let n_columns = self.assignment.n_columns() + self.assignment.n_pairs();
        let is_exact = n_columns <= self.options.columns_solved_whole();
        for stage in 0..self.assignment.stages.len() {
            bounds.update(self, Some(stage));
            if bounds.is_met(self, stage) {
                continue;
            }
            if let Some(rounded) = bounds.suggestion(self) {
                self.take(&rounded);
                bounds.update(self, Some(stage));
            }
            if is_exact {
                self.solve_whole(stage);
                bounds.update(self, Some(stage));
            }
            if !bounds.is_met(self, stage) && !self.must_stop() {
                patterns::improve(self, bounds, stage);
            }
            if !bounds.is_met(self, stage) && !self.must_stop() {
                improve::improve(self, bounds, stage);
            }
        }
    }

    /// Solves a stage by branch and bound.
    fn solve_whole(&mut self, stage: usize) {
        let model = self.assignment.to_milp(stage, &self.values);
        let start = model.encode(self.assignment, &self.incumbent);
        let stages_left = (self.assignment.stages.len() - stage) as u32;
        let size = model.columns.len().max(COLUMNS_FOR_ALL_NODES) as i64;
        let nodes = (self.options.nodes * COLUMNS_FOR_ALL_NODES as i64 / size).max(1);
        let Some(outcome) = self.call(&model.milp, Some(start), Some(nodes), stages_left) else {
            return;
        };
        if outcome.status == Status::Infeasible || outcome.status == Status::Unbounded {
            let status = &outcome.status;
            self.failures.push(format!(
                "{}: wrong answer: {status}, although a placement is known",
                model.milp.name
            ));
            return;
        }
        if let Some(solution) = &outcome.solution {
            let placement = model.decode(solution);
            match self.assignment.faults(&placement).first() {
                Some(fault) => self
                    .failures
                    .push(format!("{}: wrong answer: {fault}", model.milp.name)),
                None => {
                    self.accept(placement, false);
                }
            }
        }
        if let Some(bound) = outcome.dual_bound {
            self.take_bound(stage, model.stage_bound(bound));
        }
    }

    /// Notes a bound by search, unless the incumbent contradicts it.
    fn take_bound(&mut self, stage: usize, bound: f64) {
        let sense = self.assignment.stages[stage].objective.sense();
        let objective = self.values[stage];
        let margin = 1e-6 * objective.abs().max(1.0);
        if !bound.is_finite() {
            return;
        }
        if sense.is_better(objective, bound, margin) {
            let name = &self.assignment.stages[stage].name;
            self.failures.push(format!(
                "{name}: wrong answer: bound {bound} is beaten by {objective}"
            ));
            return;
        }
        // Within the margin the two are equal.
        let bound = if (objective - bound).abs() <= TIE * objective.abs().max(1.0)
            || sense.is_better(objective, bound, 0.0)
        {
            objective
        } else {
            bound
        };
        self.searched[stage] = Some(bound);
    }
}

/// The best bound known of each stage.
pub(super) struct Bounds<'a> {
    pub(super) room: &'a Room<'a>,
    /// What the search is about, and its room once somebody asked: both may be large, and alike items are merged here.
    reduced: &'a Assignment,
    merged: &'a OnceCell<Room<'a>>,
    of_stage: Vec<Option<(f64, Proof)>>,
    /// The values of the earlier stages for which the combinatorial bounds were computed.
    computed_for: Vec<f64>,
    /// The values of the earlier stages for which the prices of a stage were found.
    priced_for: Vec<Option<Vec<f64>>>,
    /// The prices found for a stage.
    prices: Vec<Option<PricedBound>>,
    /// The best flow, where the assignment is one; looked for once.
    transported: Option<Option<Transported>>,
    spent_on_prices: Duration,
    /// A stage's linear program, and the values of the stages that it was made for, until it is rounded.
    fractions: Option<(usize, Vec<f64>, Fractions)>,
}

impl<'a> Bounds<'a> {
    fn new(room: &'a Room<'a>, reduced: &'a Assignment, merged: &'a OnceCell<Room<'a>>) -> Self {
        let n_stages = room.assignment.stages.len();
        Self {
            room,
            reduced,
            merged,
            of_stage: vec![None; n_stages],
            computed_for: Vec::new(),
            priced_for: vec![None; n_stages],
            prices: vec![None; n_stages],
            transported: None,
            spent_on_prices: Duration::ZERO,
            fractions: None,
        }
    }

    /// Takes the prices of an answer about the same assignment.
    fn know(&mut self, answers: &[StageAnswer]) {
        let objectives: Vec<f64> = answers.iter().map(|answer| answer.objective).collect();
        for (stage, answer) in answers.iter().enumerate() {
            if let (Some(bound), Some(Proof::Multipliers(prices))) = (answer.bound, &answer.proof) {
                self.prices[stage] = Some(PricedBound {
                    bound,
                    prices: prices.clone(),
                });
                self.priced_for[stage] = Some(objectives[..stage].to_vec());
            }
        }
    }

    /// The room of what the search is about, alike items merged.
    fn merged(&self) -> &'a Room<'a> {
        if std::ptr::eq(self.reduced, self.room.assignment) {
            return self.room;
        }
        self.merged.get_or_init(|| Room::new(self.reduced))
    }

    /// What the last linear program of a stage suggests, once.
    fn suggestion(&mut self, run: &Run<'_>) -> Option<Placement> {
        let (stage, values, fractions) = self.fractions.take()?;
        let least = Least::new(self.merged(), stage, &values);
        round(&least, &fractions, &run.stop())
    }

    /// The prices found for a stage that values items.
    pub(super) fn prices(&self, stage: usize) -> Option<&PricedBound> {
        self.prices[stage].as_ref()
    }

    /// Recomputes bounds for the values reached now, and takes those by search where they are better.
    ///
    /// Prices that depend on what earlier stages have reached are found anew for the stage `in_turn`: those before it are done.
    fn update(&mut self, run: &mut Run<'_>, in_turn: Option<usize>) {
        let is_new = self.computed_for != run.values;
        for (stage, of_stage) in self.room.assignment.stages.iter().enumerate() {
            let sense = of_stage.objective.sense();
            // Prices of what earlier stages have reached say less, or more, where these have reached something else.
            let is_priced = match &self.of_stage[stage] {
                Some((_, Proof::Multipliers(prices))) => prices.kept.is_empty(),
                _ => false,
            };
            // What must cross does not depend on what is reached, and takes long to say.
            let is_known = matches!(of_stage.objective, Objective::Traffic(_))
                && self.of_stage[stage].is_some();
            let depends = self.is_conditional(&of_stage.objective);
            if is_new && !is_known && (depends || !is_priced) {
                let bound = self.room.combinatorial(stage, &run.values);
                self.of_stage[stage] = Some((bound, Proof::Combinatorial));
            }
            if self.is_conditional(&of_stage.objective) {
                self.price_conditional(run, stage, is_new);
            } else {
                self.price(run, stage, in_turn == Some(stage));
            }
            if let (Some(searched), Some((bound, _))) = (run.searched[stage], &self.of_stage[stage])
                && sense.is_better(*bound, searched, TIE)
            {
                self.of_stage[stage] = Some((searched, Proof::Search));
            }
        }
        self.computed_for.clone_from(&run.values);
    }

    /// Tries for a bound by multipliers where the combinatorial one is not met: once, and anew where it is this stage's turn and earlier
    /// stages about values have reached something else.
    fn price(&mut self, run: &mut Run<'_>, stage: usize, is_in_turn: bool) {
        let stages = &self.room.assignment.stages;
        let Some(worth) = stages[stage].objective.worth() else {
            return;
        };
        if self.is_met(run, stage) {
            return;
        }
        let earlier = stages[..stage].iter().enumerate();
        let kept: Vec<Kept<'_>> = earlier
            .filter_map(|(at, earlier)| {
                Some(Kept {
                    stage: at,
                    worth: earlier.objective.worth()?,
                    reached: run.values[at],
                })
            })
            .collect();
        let differs = |then: &Vec<f64>| kept.iter().any(|it| then[it.stage] != it.reached);
        let priced_for = self.priced_for[stage].as_ref();
        if priced_for.is_none_or(|then| is_in_turn && differs(then))
            && let Some(limits) = run.price_limits()
        {
            let solver = run.is_usable.then_some(&run.options.solver);
            let began = Instant::now();
            let (priced, failure) =
                Pricing::new(self.room, worth, &kept).solve(solver, &limits, run.values[stage]);
            self.spent_on_prices += began.elapsed();
            if let Some(error) = failure {
                run.fail("prices", &error);
            }
            // Little time may have found worse prices than those known.
            let known = self.at_these(stage, &kept);
            if known.is_none_or(|known| priced.bound < known) {
                self.prices[stage] = Some(priced);
                self.priced_for[stage] = Some(run.values[..stage].to_vec());
            }
        }
        let Some((proved, priced)) = self.at_these(stage, &kept).zip(self.prices(stage)) else {
            return;
        };
        if let Some((bound, _)) = &self.of_stage[stage]
            && proved < bound - TIE
            && proved >= run.values[stage] - TIE * run.values[stage].max(1.0)
        {
            self.of_stage[stage] = Some((proved, Proof::Multipliers(priced.prices.clone())));
        }
    }

    /// What the prices known of a stage prove: found for other values reached, they hold for these as well.
    fn at_these(&self, stage: usize, kept: &[Kept<'_>]) -> Option<f64> {
        let priced = self.prices(stage)?;
        let then = self.priced_for[stage].as_ref()?;
        let moved = kept.iter().map(|now| {
            let price = priced.prices.kept.get(now.stage).copied();
            price.unwrap_or(0.0) * (then[now.stage] - now.reached)
        });
        Some(priced.bound + moved.sum::<f64>())
    }

    /// Whether a stage is priced given what earlier stages have reached.
    fn is_conditional(&self, objective: &Objective) -> bool {
        let caps = &self.room.assignment.caps;
        match objective {
            Objective::Cost(_) | Objective::Peak(_) => true,
            other => other.worth().is_some() && caps.iter().any(|cap| !cap.weights.is_empty()),
        }
    }

    /// The same for a stage whose bound depends on what earlier stages have reached.
    fn price_conditional(&mut self, run: &mut Run<'_>, stage: usize, is_new: bool) {
        let earlier = run.values[..stage].to_vec();
        let is_known = self.priced_for[stage].as_ref() == Some(&earlier);
        if self.is_met(run, stage) || (is_known && !is_new) {
            return;
        }
        let sense = self.room.assignment.stages[stage].objective.sense();
        let values = run.values.clone();
        if !is_known {
            let began = Instant::now();
            // Merged items must place more together than each by itself: what anyone recomputes looks at them one by one.
            let alone = Least::new(self.room, stage, &values);
            // Prices found for other values reached hold for these as well.
            let before = self.prices[stage].take().map(|it| alone.at(it.prices));
            let found = self.least_prices(run, stage, &values);
            let found = found.map(|prices| alone.at(prices));
            let is_tighter =
                |it: &PricedBound, than: &PricedBound| sense.is_better(than.bound, it.bound, 0.0);
            self.prices[stage] = match (before, found) {
                (Some(before), Some(found)) if is_tighter(&before, &found) => Some(before),
                (before, found) => found.or(before),
            };
            self.priced_for[stage] = Some(earlier);
            self.spent_on_prices += began.elapsed();
        }
        if let (Some(priced), Some((bound, _))) = (&self.prices[stage], &self.of_stage[stage])
            && sense.is_better(*bound, priced.bound, TIE)
            && !sense.is_better(
                values[stage],
                priced.bound,
                TIE * values[stage].abs().max(1.0),
            )
        {
            self.of_stage[stage] = Some((priced.bound, Proof::Multipliers(priced.prices.clone())));
        }
    }

    /// Prices of a stage given what earlier ones have reached, if there is time; what its linear program suggests is kept.
    fn least_prices(&mut self, run: &mut Run<'_>, stage: usize, values: &[f64]) -> Option<Prices> {
        let limits = run.price_limits()?;
        let least = Least::new(self.merged(), stage, values);
        let by_flow = self
            .transported(run, &limits)
            .and_then(|it| it.prices.get(stage));
        let by_flow = by_flow.map(|prices| least.at(prices.clone()));
        let is_proof = |it: &PricedBound| it.bound >= values[stage] - TIE * values[stage].max(1.0);
        if let Some(priced) = by_flow.filter(is_proof) {
            return Some(priced.prices);
        }
        let solver = run.is_usable.then(|| Arc::clone(&run.options.solver));
        let answer = least.solve(solver.as_ref(), &limits, &run.incumbent);
        if let Some(error) = answer.failure {
            run.fail("prices", &error);
        }
        if let Some(fractions) = answer.fractions {
            self.fractions = Some((stage, values.to_vec(), fractions));
        }
        answer.priced.map(|priced| priced.prices)
    }

    /// The best flow, where the assignment is one.
    fn transported(&mut self, run: &Run<'_>, limits: &Limits) -> Option<&Transported> {
        let known = self
            .transported
            .get_or_insert_with(|| transport(run.assignment, limits));
        known.as_ref()
    }

    pub(super) fn is_met(&self, run: &Run<'_>, stage: usize) -> bool {
        self.of_stage[stage].as_ref().is_some_and(|&(bound, _)| {
            let objective = run.values[stage];
            let apart = (objective - bound).abs();
            apart <= TIE * objective.abs().max(1.0) || gap(objective, bound) <= run.options.gap
        })
    }
}
