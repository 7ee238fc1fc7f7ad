//! Preemption: a framework under its guarantee takes back what instances above theirs occupy.
//!
//! # Rules
//! Let `usage` of a role be what its subtree holds, and `G` its guarantee, which speaks of the resources that it names.
//! - **Beneficiary**: a pending unit (one instance; of a gang, all that it lacks) that fits nowhere, and that some role `v` at
//!   or above its framework *covers*: it needs a resource that `G` of `v` names, and with it `usage <= G` in all of these
//!   that it needs.
//! - **Victims**: running instances of frameworks outside the subtree of `v`, such that no role ends below what is guaranteed
//!   to it and was used: `usage' >= min(usage, G)` in every named resource. A gang goes whole, unless enough of it stays; a
//!   job loses at most `max_moves` instances, and nothing that its `min_available` needs.
//! - **All or nothing**: victims go only if the whole unit is placed.
//! - **Inclusion-minimal**: without any one of its victims (any one gang) the unit could not be placed.
//! - **Order**: the lowest priority goes first, of one priority single instances before gangs, then frameworks furthest above
//!   their share, then the least value.
//!
//! Replicas of shards take no part: their data is where they are.
//!
//! Victims are placed again like anything pending; those that are show as moves, the others have the reason `preempted`.
//!
//! # Why there is no cycle
//! The sum over roles and named resources of `min(usage, G)` rises with every unit (in `v`, which was below `G`, by what the
//! unit needs) and falls with no victim. It is at most the sum of the guarantees: so there is an end, and a victim can never
//! take its place back from its beneficiary. Units are looked for until none is left, so the plan, once applied, displaces
//! nothing.
//!
//! ```text
//! rounds ──> everything is seated ──> a unit and its victims ──> it is seated, they are pending ─┐
//!                   ^       │none                        ^──────────────────────────────────────┘
//!                   │       └─> done                     │none more
//!                   └──────────── rounds: victims go elsewhere, leftovers are offered
//! ```

mod outcome;
mod pool;
mod seats;
mod unit;

use apportion_cluster::FrameworkIdx;

use super::context::Context;
use super::conversation;
use super::rounds::{self, Record};
use super::state::State;
use crate::broker::Shares;

pub(super) use outcome::{entries, reasons};
pub(super) use seats::Seats;

use pool::{Pool, Toll};
use unit::Unit;

/// Lets frameworks under their guarantee take back what is theirs, after the rounds.
pub(super) fn run(
    state: &mut State<'_>,
    context: &Context<'_>,
    shares: &Shares,
    records: &mut [Record],
) {
    if state
        .cluster
        .roles
        .iter()
        .all(|role| role.guarantee.is_zero())
    {
        return;
    }
    state.seat_all();
    let mut any = false;
    while displace(state, context, shares, records) | state.spare() {
        any = true;
        for record in &mut *records {
            record.forget();
        }
        rounds::again(state, context, Some(shares), records);
        state.seat_all();
    }
    state.unseat_all();
    state.cancel_returns();
    if any {
        state.clip_offers();
        // Answers were about what stayed before.
        for record in records {
            record.forget();
        }
    }
}

/// Units one after the other, until none more can be placed; whether any was.
fn displace(
    state: &mut State<'_>,
    context: &Context<'_>,
    shares: &Shares,
    records: &mut [Record],
) -> bool {
    let mut any = false;
    let frameworks: Vec<FrameworkIdx> = context.planned().collect();
    // Who leaves a place where it breaks a rule may have to go back there: nobody makes room for that, or for more beside it.
    for framework in frameworks {
        if state.is_moving(framework) {
            continue;
        }
        let mut refused = Vec::new();
        while let Some(unit) = Unit::next(state, framework, &refused) {
            if context.out_of_time() {
                records[framework.at()].stopped = true;
                return any;
            }
            let Some(found) = search(state, context, shares, &unit) else {
                refused.push(unit.key());
                continue;
            };
            conversation::preempted(state, context, &unit.job(state), &found.instances());

            state.displace(&unit, found);
            any = true;
        }
    }
    any
}

/// What makes room for a unit, and where it goes.
pub(super) struct Found {
    pub victims: Vec<pool::Instance>,
    pub fit: unit::Fit,
}

impl Found {
    fn instances(&self) -> Vec<(apportion_cluster::TaskIdx, apportion_cluster::AgentIdx)> {
        let victims = self.victims.iter();
        victims.map(|victim| (victim.task, victim.agent)).collect()
    }
}

/// What makes room for a unit: among all that may go at once, or else, for a single instance, agent by agent: what may
/// go elsewhere counts against what roles may lose.
fn search(state: &State<'_>, context: &Context<'_>, shares: &Shares, unit: &Unit) -> Option<Found> {
    let toll = Toll::of(state, unit);
    let among = |only| {
        let pool = Pool::of(state, shares, unit, toll.clone(), only);
        search_among(state, context, unit, &pool)
    };
    among(None).or_else(|| {
        let mut agents = state.cluster.agent_indices().filter(|_| unit.needed == 1);
        agents.find_map(|agent| {
            let here = unit.could_fit(state, agent);
            here.then(|| among(Some(agent))).flatten()
        })
    })
}

/// The victims that a unit needs: as many as suffice in the order of preference, then whoever can be spared is, the
/// dearest first.
fn search_among(
    state: &State<'_>,
    context: &Context<'_>,
    unit: &Unit,
    pool: &Pool<'_>,
) -> Option<Found> {
    let fits = |chosen: &[usize]| unit.fit(state, context, &pool.room(state, chosen));
    let all: Vec<usize> = (0..pool.instances.len()).collect();
    fits(&all)?;
    // The shortest run of preferred victims that suffices; gangs count as a whole.
    let (mut short, mut enough) = (0, pool.instances.len());
    while enough - short > 1 {
        let middle = usize::midpoint(short, enough);
        match fits(&all[..pool.whole(middle)]) {
            Some(_) => enough = middle,
            None => short = middle,
        }
    }
    let mut chosen = all[..pool.whole(enough)].to_vec();
    let mut fit = fits(&chosen)?;
    // Victims elsewhere than where the unit goes make no room for it.
    let near = pool.on(&chosen, &fit.agents());
    if let Some(there) = fits(&near) {
        (chosen, fit) = (near, there);
    }
    for spared in pool.parts(&chosen).into_iter().rev() {
        let rest: Vec<usize> = chosen
            .iter()
            .copied()
            .filter(|at| !spared.contains(at))
            .collect();
        if rest.len() < chosen.len()
            && pool.is_valid(&rest)
            && let Some(still) = fits(&rest)
        {
            (chosen, fit) = (rest, still);
        }
    }
    let victims: Vec<pool::Instance> = chosen
        .iter()
        .map(|&at| pool.instances[at].clone())
        .collect();
    unit.is_covered_with(state, &fit.proposal.placements)
        .then_some(Found { victims, fit })
}
