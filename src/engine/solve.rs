//! One slice: formulate, solve, decode, check. A failure here costs one framework its exactness or, at
//! worst, its proposal; never the plan.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use apportion_cluster::{Proposal, Quantities, Slice, UnitAmounts};
use apportion_models::assignment::{
    Assignment, Cap, Construction, LadderOptions, Placement, Solved, Stop, audit, construct,
    reduce, restate, solve,
};
use apportion_models::schedule::{self, Timetable};
use apportion_policies::{Formulation, Policy};

use super::ceilings::{Ceiling, is_ceiling};
use super::devices;
use super::options::{Mode, Options};
use super::roles::Counts;
use super::rules;
use super::times;
use super::units;

/// The name of the row that caps how many instances may be placed in all.
const BUDGET: &str = "budget";

/// What came of one slice.
pub(super) struct Answer {
    /// The model, kept for its names, stage roles and constants.
    pub formulation: Formulation,
    /// The solver's answer.
    pub solved: Solved,
    /// New placements, checked against the slice.
    pub proposal: Proposal,
    /// What was offered of each storage unit.
    pub units: Vec<UnitAmounts>,
}

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// The constructive method alone, without bounds.
    Sketch,
    /// The constructive method alone, from nothing.
    Construct,
    /// The whole ladder, until this moment.
    Ladder(Option<Instant>),
}

/// What the engine adds to a policy's model.
#[derive(Default)]
pub(super) struct Rows {
    /// How many instances may be placed in all.
    pub budget: Option<i64>,
    /// What limits of roles leave.
    pub ceilings: Vec<Ceiling>,
    /// The most of each task that keeps to them, for models that have no such rows.
    pub counts: Option<Counts>,
}

impl Rows {
    /// At most so many instances in all.
    pub fn budget(most: i64) -> Self {
        Self {
            budget: Some(most),
            ..Self::default()
        }
    }

    /// A proposal that goes beyond the limits of roles is refused.
    fn check(&self, slice: &Slice<'_>, proposal: &Proposal) -> Result<(), String> {
        let mut ceilings = self.ceilings.iter();
        let broken = ceilings.find(|ceiling| !ceiling.allows(slice.cluster, proposal));
        broken.map_or(Ok(()), |ceiling| {
            let role = &slice.cluster.roles[ceiling.role].path;
            Err(format!(
                "the policy's proposal goes beyond the limit of the role {role}"
            ))
        })
    }
}

/// Whether a row of a model is one that the engine added.
pub(super) fn is_added(cap: &Cap) -> bool {
    cap.name == BUDGET || is_ceiling(cap)
}

/// A slice with at most these counts of each task.
pub(super) fn cut<'a>(slice: &Slice<'a>, counts: &Counts) -> Slice<'a> {
    let mut slice = slice.clone();
    for (task, count) in &mut slice.pending {
        *count = counts.get(task).copied().unwrap_or(0).min(*count);
    }
    slice.pending.retain(|&(_, count)| count > 0);
    slice
}

/// Formulates a slice with a guard around the policy.
pub(super) fn formulate(
    policy: &dyn Policy,
    slice: &Slice<'_>,
    rows: &Rows,
) -> Result<Formulation, String> {
    let formulated = |slice: &Slice<'_>| {
        let formulated = catch_unwind(AssertUnwindSafe(|| policy.formulate(slice)));
        match formulated {
            Ok(Ok(formulation)) => Ok(formulation),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => Err(format!("the policy panicked: {}", panic_message(&*panic))),
        }
    };
    let mut formulation = formulated(slice)?;
    if let (Some(_), Some(counts)) = (&formulation.schedule, &rows.counts) {
        formulation = formulated(&cut(slice, counts))?;
    }
    let model = &mut formulation.assignment;
    // Over time there is room for all: what is made anew as a whole has no portions.
    let is_timed = formulation.schedule.is_some();
    if !is_timed && formulation.items.len() == model.items.len() {
        let ceilings = rows.ceilings.iter();
        let ceilings: Vec<Cap> = ceilings
            .flat_map(|ceiling| ceiling.rows(slice.cluster, model, &formulation.items))
            .collect();
        model.caps.extend(ceilings);
    }
    if let Some(max) = rows.budget.filter(|_| !is_timed) {
        model.caps.push(Cap {
            name: BUDGET.to_owned(),
            items: Arc::new((0..).take(model.items.len()).collect()),
            bins: Arc::new((0..).take(model.bins.len()).collect()),
            max,
            weights: Vec::new(),
        });
    }
    if let Err(faults) = model.validate() {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        return Err(format!("the policy's model is malformed: {first}"));
    }
    let n_places = formulation.places.bins.len();
    if formulation.items.len() != model.items.len()
        || formulation.bins.len() != model.bins.len()
        || (n_places > 0 && n_places != model.bins.len())
    {
        return Err(
            "the policy's model does not say which task or agent each item or bin is".to_owned(),
        );
    }
    if let Some(schedule) = &formulation.schedule {
        let model = &formulation.assignment;
        let pairs = schedule.operations.iter().zip(&model.items);
        let same = pairs
            .clone()
            .all(|(operation, item)| operation.count == item.count);
        if !same
            || schedule.operations.len() != model.items.len()
            || schedule.bins.len() != model.bins.len()
        {
            return Err("the policy's model in time has other items or bins".to_owned());
        }
    }
    let n_stages = formulation.stages().len();
    let lengths = [
        formulation.roles.len(),
        formulation.constants.len(),
        formulation.units.len(),
    ];
    if lengths != [n_stages; 3] || formulation.units.iter().any(|&unit| unit < 1) {
        return Err(
            "the policy's model states a role, a unit or a constant for some of its stages only"
                .to_owned(),
        );
    }
    Ok(formulation)
}

/// Solves a formulated slice from what the framework has placed in it already.
pub(super) fn answer(
    policy: &dyn Policy,
    slice: &Slice<'_>,
    (formulation, rows): (Formulation, &Rows),
    start: &Proposal,
    effort: Effort,
    options: &Options,
) -> Result<Answer, String> {
    let placed = formulation.placement(start);
    let mut timetable = Timetable::default();
    let mut solved = match (effort, &formulation.schedule) {
        (_, Some(model)) => {
            let deadline = match effort {
                Effort::Ladder(deadline) => deadline,
                Effort::Sketch | Effort::Construct => options.deadline,
            };
            let rules = &formulation.assignment;
            let ladder = ladder_options(options, deadline);
            let scheduled = schedule::solve_within(model, rules, &ladder);
            timetable = scheduled.timetable;
            Solved {
                placement: timetable.placement(),
                stages: scheduled.stages,
                greedy: Placement::default(),
                stopped: scheduled.stopped,
                failures: Vec::new(),
            }
        }
        (Effort::Sketch, None) => {
            let constructed = construct_classes(&formulation.assignment, &placed, options);
            Solved {
                placement: constructed.placement,
                stages: Vec::new(),
                greedy: Placement::default(),
                stopped: constructed.stopped,
                failures: Vec::new(),
            }
        }
        (Effort::Construct, None) => construct_only(&formulation, options),
        (Effort::Ladder(deadline), None) => solve(
            &formulation.assignment,
            Some(&placed),
            &ladder_options(options, deadline),
        ),
    };
    // Where the time is over, a start that nothing better was found than is itself the wish: it says all that its policy has to.
    let is_start = formulation.schedule.is_none()
        && solved.stopped.is_some()
        && !start.placements.is_empty()
        && solved.placement == placed
        && check(slice, start).is_ok();
    let mut proposal = match is_start {
        true => start.clone(),
        false => decode(policy, &formulation, (&solved.placement, start))?,
    };
    proposal.times = formulation.times(&timetable);
    check(slice, &proposal)?;
    rows.check(slice, &proposal)?;
    if formulation.schedule.is_none() {
        // A policy may wish for something else than what the model placed: what was said of that is not said of this.
        let held = formulation.placement(&proposal);
        let is_other = held != solved.placement && !solved.stages.is_empty();
        if is_other && solved.stopped.is_some() && is_over(options) {
            // The report says what there is still time for.
            solved.stages = Vec::new();
        } else if is_other {
            let options = ladder_options(options, None);
            solved.stages = restate(&formulation.assignment, &held, &solved, &options);
        }
        solved.placement = held;
    }
    Ok(Answer {
        formulation,
        solved,
        proposal,
        units: slice.units.clone(),
    })
}

/// Whether the time of the whole plan is over.
fn is_over(options: &Options) -> bool {
    options.deadline.is_some_and(|by| Instant::now() >= by)
}

/// The wish that a placement found from `start` stands for, with a guard around the policy.
pub(super) fn decode(
    policy: &dyn Policy,
    formulation: &Formulation,
    (placement, start): (&Placement, &Proposal),
) -> Result<Proposal, String> {
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        policy.decode_near(formulation, placement, start)
    }));
    decoded.map_err(|panic| format!("the policy panicked: {}", panic_message(&*panic)))
}

/// The engine's options in the ladder's words.
pub(super) fn ladder_options(options: &Options, deadline: Option<Instant>) -> LadderOptions {
    LadderOptions {
        deadline,
        first_by: options.deadline.map(nearly),
        cancel: options.cancel.clone(),
        gap: options.gap,
        seed: options.seed,
        ..LadderOptions::new(Arc::clone(&options.solver))
    }
}

/// Three quarters of the time that is left: what is made by then has to be reported, too.
fn nearly(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) * 3 / 4
}

/// Hands the caller the model of each stage, with the values reached in earlier stages as rows.
pub(super) fn dump(options: &Options, framework: &str, answer: &Answer) {
    let Some(dump) = &options.dump else { return };
    let model = &answer.formulation.assignment;
    let reached: Vec<f64> = answer
        .solved
        .stages
        .iter()
        .map(|stage| stage.objective)
        .collect();
    // A model in time is no integer program.
    let is_static = answer.formulation.schedule.is_none();
    for (at, stage) in model.stages.iter().enumerate().filter(|_| is_static) {
        dump(
            &format!("{framework}.{}", stage.name),
            &model.to_milp(at, &reached[..at]).milp,
        );
    }
}

/// The constructive method over classes of alike items, which takes much less time where there are many alike.
pub(super) fn construct_classes(
    model: &Assignment,
    start: &Placement,
    options: &Options,
) -> Construction {
    let reduced = reduce(model);
    let start = reduced.fold(start);
    let constructed = construct(&reduced.assignment, Some(&start), &stop(options));
    Construction {
        placement: reduced.unfold(&constructed.placement, None),
        ..constructed
    }
}

/// What ends a constructive method: most of the time until the deadline of the whole plan.
fn stop(options: &Options) -> Stop {
    Stop {
        deadline: options.deadline.map(nearly),
        cancel: options.cancel.clone(),
    }
}

/// Columns of a model beyond which the baseline is not bounded by prices.
const COLUMNS_PRICED: usize = 200_000;

/// Options for the bounds of a placement that is there. The baseline is quick: where prices would take many times as long as it,
/// it is bounded by counting.
pub(super) fn audit_options(model: &Assignment, options: &Options) -> LadderOptions {
    let is_large = options.mode == Mode::Greedy && model.n_columns() > COLUMNS_PRICED;
    let by = if is_large {
        Some(Instant::now())
    } else {
        options.deadline
    };
    ladder_options(options, by)
}

/// The constructive method alone, from nothing, as an answer of the ladder.
fn construct_only(formulation: &Formulation, options: &Options) -> Solved {
    let model = &formulation.assignment;
    let constructed = construct_classes(model, &Placement::default(), options);
    let placement = constructed.placement;
    let ladder = audit_options(model, options);
    Solved {
        stages: audit(model, &placement, || Some(placement.clone()), &ladder),
        greedy: placement.clone(),
        placement,
        stopped: constructed.stopped,
        failures: Vec::new(),
    }
}

/// A proposal stays inside its slice (known pairs, pending counts, offered amounts) and keeps the snapshot's rules.
pub(super) fn check(slice: &Slice<'_>, proposal: &Proposal) -> Result<(), String> {
    let pairs = || {
        proposal
            .placements
            .iter()
            .map(|placed| (placed.task, placed.agent))
    };
    if !pairs()
        .zip(pairs().skip(1))
        .all(|(left, right)| left < right)
    {
        return Err(
            "the policy proposed placements that are not by task and agent, each pair once"
                .to_owned(),
        );
    }
    let mut pending = slice.pending.clone();
    let mut room: Vec<Quantities> = slice
        .offers
        .iter()
        .map(|offer| offer.resources.clone())
        .collect();
    for placed in &proposal.placements {
        let task = pending.binary_search_by_key(&placed.task, |&(task, _)| task);
        let offer = slice
            .offers
            .binary_search_by_key(&placed.agent, |offer| offer.agent);
        let (Ok(task), Ok(offer)) = (task, offer) else {
            return Err(
                "the policy proposed a task that is not pending, or an agent that was not offered"
                    .to_owned(),
            );
        };
        let name = slice.cluster.task_name(placed.task);
        if placed.instances < 1 || placed.instances > pending[task].1 {
            return Err(format!(
                "the policy proposed {} instances of {name}",
                placed.instances
            ));
        }
        pending[task].1 -= placed.instances;
        if !proposal.times.is_empty() {
            continue;
        }
        let demand = &slice.cluster.task(placed.task).demand;
        if demand.copies_in(&room[offer]) < placed.instances {
            return Err(format!(
                "the policy proposed more of {name} than its offer holds"
            ));
        }
        room[offer].subtract(demand, placed.instances);
    }
    times::check(slice, proposal)?;
    devices::check(slice, proposal)?;
    units::check(slice, proposal)?;
    let broken = rules::broken(slice, proposal);
    broken.map_or(Ok(()), |rule| {
        Err(format!("the policy's proposal breaks a rule: {rule}"))
    })
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
