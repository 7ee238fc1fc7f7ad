//! The mode `monolithic`: one model over the whole cluster, for the same welfare, under the same rules.
//!
//! # Model
//! All frameworks' models for everything that is free, side by side ([`joint`]): the bins, and what is free of their devices, are the same;
//! every rule of every policy holds. The first stages are the floors and the welfare `sum_p w_p ln u_p` ([`welfare`]); then each
//! policy's own stages, framework by framework, with all earlier values held.
//!
//! # Method
//! The plan of the brokered way is the start, made in a part of the time, so that the answer is never behind it. The joint model is
//! then answered by the ladder of `models`: whole where it is small, with a bound by search, as straight lines through
//! neighboring whole numbers are the logarithm itself; else by exchanging copies, and by exact solves of neighborhoods, bins and frameworks
//! together. In small models the policies' stages are part of the joint model; in the others, and for what only breaks ties, each
//! framework then rearranges its own instances within what it holds and what is free, its value held.
//!
//! Limits of roles cut the counts that a framework may place, as in the brokered way. What the start keeps free for guarantees
//! stays free, and an answer that would leave a guarantee with less than the start does is made again with the frameworks
//! below such roles left where they are.
//!
//! # Bounds
//! A stage's bound in the plan is over everything that is free beside what the others hold: what its framework could still
//! do by itself. The welfare has its own bound over the whole cluster: see [`brokering`](super::brokering).

mod joint;
mod welfare;

use std::collections::BTreeMap;
use std::time::Instant;

use apportion_cluster::{FrameworkIdx, Offer, Proposal, Quantities, Running, Slice};
use apportion_models::assignment::{Assignment, Curve, Placement, Solved, Stage, reduce, solve};

use super::Run;
use super::context::Context;
use super::devices;
use super::rounds::{self, Record};
use super::solve::{self as slices, Rows};
use super::state::State;
use crate::broker::Shares;
use joint::{Joint, Part};

/// One part in so many of the time for solving goes to the start.
const START_PART: u32 = 4;
/// The part of what is then left that goes to the joint model, before frameworks rearrange their own.
const JOINT_PART: f64 = 0.7;
/// How often a small model is solved, each time following the curves most closely where the last answer is.
const MOST_SOLVES: usize = 4;
/// Columns of a joint model that is solved whole by a solver that only a clock can stop, when there is none: curves are hard for it.
const COLUMNS_WITHOUT_LIMITS: usize = 40;
/// With a deadline, neighborhoods are tried until then, or until several in a row were in vain.
const NEIGHBORHOODS: usize = 100_000;

impl Run<'_> {
    /// The start, the joint model, and everybody's own rearrangement.
    pub(super) fn monolithic(&mut self) {
        let reserve = self.brokered(START_PART);
        self.context.keep_reserve(reserve);
        let Some((shares, proof)) = self.shares.take() else {
            return;
        };
        let begun = Instant::now();
        let (state, context) = (&mut self.state, &self.context);
        let everybody: Vec<FrameworkIdx> = context.planned().collect();
        let mut joining = everybody.clone();
        while !joining.is_empty() {
            match improve(state, context, &shares, &joining, &mut self.records) {
                Outcome::Done(bound) => {
                    self.welfare_bound = bound;
                    break;
                }
                Outcome::Guarantee => {
                    let n_before = joining.len();
                    joining.retain(|&framework| !state.roles.is_promised(framework));
                    if joining.len() == n_before {
                        break;
                    }
                }
                Outcome::Failed(failed) => joining.retain(|&framework| framework != failed),
            }
        }
        for (at, &framework) in everybody.iter().enumerate() {
            let record = &mut self.records[framework.at()];
            rounds::rearrange(state, context, framework, everybody.len() - at, record);
        }
        offer_what_is_there(state, &everybody);
        let before = self.timings.get("solve").copied().unwrap_or(0.0);
        self.timings.insert(
            "solve".to_owned(),
            before + begun.elapsed().as_secs_f64() * 1e3,
        );
        self.shares = Some((shares, proof));
    }
}

/// What became of a joint model.
enum Outcome {
    /// It is in place; with a bound on the welfare, where there is one.
    Done(Option<f64>),
    /// A guarantee would have had less than before: everything is as it was.
    Guarantee,
    /// The policy of a framework makes no sense of its part: everything is as it was.
    Failed(FrameworkIdx),
}

/// Solves the joint model of some frameworks, and commits what comes out.
fn improve(
    state: &mut State<'_>,
    context: &Context<'_>,
    shares: &Shares,
    frameworks: &[FrameworkIdx],
    records: &mut [Record],
) -> Outcome {
    if context.out_of_time() {
        records.iter_mut().for_each(|record| record.stopped = true);
        return Outcome::Done(None);
    }
    let joint = join(state, context, frameworks);
    let of_welfare = |one_more: bool| welfare::stages(&joint, state, shares, one_more);
    let own = of_welfare(false);
    let mut options = slices::ladder_options(context.options, deadline(context));
    let (mut model, is_small) = staged(&joint, own, options.columns_solved_whole());
    if options.deadline.is_some() {
        options.neighborhoods = NEIGHBORHOODS;
    }
    options.exact_columns_without_limits = COLUMNS_WITHOUT_LIMITS;
    let mut placement = joint.placement(&state.added);
    let mut bound = None;
    let mut one_more = false;
    for solves in 1.. {
        let is_starved =
            welfare::is_anybody_starved(&model.stages, &|curve| curve.total(&placement));
        if is_starved != one_more {
            one_more = is_starved;
            let own = of_welfare(one_more);
            for (stage, own) in model.stages.iter_mut().zip(own) {
                *stage = own;
            }
        }
        let solved = solve(&model, Some(&placement), &options);
        for record in records.iter_mut() {
            record.stopped |= solved.stopped.is_some();
        }
        for failure in &solved.failures {
            context.warn("solver_failed", "monolithic", failure.clone());
        }
        bound = whole_bound(state, &joint, frameworks, context, &solved);
        placement = solved.placement;
        let total = |curve: &Curve| curve.total(&placement);
        let moved = welfare::look_near(&mut model.stages, &total);
        let is_starved = welfare::is_anybody_starved(&model.stages, &total);
        let most = if is_small { MOST_SOLVES } else { 1 };
        let goes_on = (is_starved != one_more && solves <= most) || (moved && solves < most);
        if !goes_on || solved.stopped.is_some() {
            break;
        }
    }
    commit(state, context, &joint, &placement).unwrap_or(Outcome::Done(bound))
}

/// The joint model with the stages of the welfare; and with the policies' own, where it is small enough for that. Says whether it is
/// small enough to be solved whole.
fn staged(joint: &Joint<'_>, own: Vec<Stage>, exact_columns: usize) -> (Assignment, bool) {
    let fits = |model: &Assignment| reduce(model).assignment.n_columns() <= exact_columns;
    let mut model = joint.model.assignment.clone();
    model.stages = own;
    let is_small = fits(&model);
    if is_small {
        let before = model.clone();
        model.stages.extend(joint.quality());
        if !fits(&model) {
            model = before;
        }
    }
    (model, is_small)
}

/// The bound on the welfare, if it is over everything that could be planned: nothing was cut or left out of the model.
fn whole_bound(
    state: &State<'_>,
    joint: &Joint<'_>,
    frameworks: &[FrameworkIdx],
    context: &Context<'_>,
    solved: &Solved,
) -> Option<f64> {
    let takes_part = |framework: FrameworkIdx| {
        let mut parts = joint.parts.iter();
        parts.any(|part| part.framework() == framework) || state.not_kept(framework).is_empty()
    };
    let is_whole = state.roles.are_free()
        && state.released.is_empty()
        && context.planned().count() == frameworks.len()
        && frameworks.iter().all(|&framework| takes_part(framework));
    let stage = solved.stages.get(welfare::WELFARE)?;
    stage.bound.filter(|_| is_whole)
}

/// When the joint model must be answered.
fn deadline(context: &Context<'_>) -> Option<Instant> {
    let by = context.solve_by()?;
    let now = Instant::now();
    Some(now + by.saturating_duration_since(now).mul_f64(JOINT_PART))
}

/// The joint model of these frameworks over what is free and what they have placed. Of a framework whose policy fails, or whose model has
/// other bins than agents, everything stays where it is.
fn join<'a>(state: &State<'a>, context: &Context<'_>, frameworks: &[FrameworkIdx]) -> Joint<'a> {
    let mut parts: Vec<FrameworkIdx> = (frameworks.iter().copied())
        .filter(|&framework| !state.not_kept(framework).is_empty())
        .collect();
    loop {
        let offers = open(state, &parts);
        let mut formulated: Vec<(Slice<'a>, _)> = Vec::new();
        let mut failed: Option<FrameworkIdx> = None;
        for &framework in &parts {
            let slice = state.slice(framework, offers.clone());
            let policy = context.policy(framework);
            match policy.map(|policy| slices::formulate(&**policy, &slice, &Rows::default())) {
                Some(Ok(formulation)) if joint::is_joinable(&slice, &formulation) => {
                    formulated.push((slice, formulation));
                }
                Some(Ok(_)) => failed = Some(framework),
                Some(Err(text)) => {
                    let id = &state.cluster.framework(framework).id;
                    context.warn("policy_failed", id, text);
                    failed = Some(framework);
                }
                None => failed = Some(framework),
            }
        }
        match failed {
            Some(failed) => parts.retain(|&framework| framework != failed),
            None => {
                let stays =
                    |&framework: &FrameworkIdx| (framework, &state.kept[framework.at()][..]);
                let parts: Vec<(FrameworkIdx, &[Running])> = parts.iter().map(stays).collect();
                return Joint::of(formulated, &state.roles.ceilings(&parts));
            }
        }
    }
}

/// What is free beside what is kept for guarantees, with what these frameworks have placed.
fn open(state: &State<'_>, frameworks: &[FrameworkIdx]) -> Vec<Offer> {
    let cluster = state.cluster;
    let mut room = state.free.clone();
    let mut free_devices = state.free_devices.clone();
    for framework in frameworks {
        for added in &state.added[framework.at()] {
            room[added.agent.at()].add(&cluster.task(added.task).demand, added.instances);
        }
        for held in &state.added_devices[framework.at()] {
            devices::give(cluster, &mut free_devices, held);
        }
    }
    let agents = cluster.agent_indices().zip(room).zip(free_devices);
    let offers = agents.map(|((agent, room), devices)| {
        let amounts = room.0.into_iter().map(|amount| amount.max(0));
        let mut offer = Offer {
            agent,
            resources: Quantities(amounts.collect()),
            devices,
        };
        state.roles.withhold_all(&mut offer);
        offer
    });
    offers
        .filter(|offer| !cluster.agent(offer.agent).cordoned)
        .collect()
}

/// Puts an answer in the place of what the frameworks have; or says why not.
fn commit(
    state: &mut State<'_>,
    context: &Context<'_>,
    joint: &Joint<'_>,
    placement: &Placement,
) -> Option<Outcome> {
    let proposals = match joint.proposals(context, placement) {
        Ok(proposals) => proposals,
        Err((framework, text)) => {
            let id = &state.cluster.framework(framework).id;
            context.warn("policy_failed", id, text);
            return Some(Outcome::Failed(framework));
        }
    };
    let before = joint
        .parts
        .iter()
        .map(|part| state.proposal(part.framework()));
    let before: Vec<Proposal> = before.collect();
    let missing = state.roles.missing();
    let frameworks = || joint.parts.iter().map(Part::framework);
    state.exchange(frameworks().zip(proposals).collect());
    if state.roles.missing() <= missing {
        return None;
    }
    state.exchange(frameworks().zip(before).collect());
    Some(Outcome::Guarantee)
}

/// What each framework was offered, in the end: what it holds, and everything that is free.
fn offer_what_is_there(state: &mut State<'_>, frameworks: &[FrameworkIdx]) {
    state.offered = vec![BTreeMap::new(); state.cluster.frameworks.len()];
    for &framework in frameworks {
        if !state.not_kept(framework).is_empty() {
            let offers = state.everything(framework);
            state.record(framework, &offers, &[]);
        }
    }
}
