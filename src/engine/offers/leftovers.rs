//! What nobody claims, agent by agent to those that may use it.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, Offer, Quantities, TaskIdx};

use super::claimant::Claimant;
use super::claims::Claims;
use super::{FirstOffer, nothing, of_proposal};
use crate::engine::context::Context;
use crate::engine::state::State;

/// Gives every agent's leftovers to one framework that may use them: that wants more, then that has data there.
pub(super) fn hand_out(
    state: &State<'_>,
    context: &Context<'_>,
    claims: Claims<'_>,
) -> Vec<FirstOffer> {
    let Claims {
        mut claimants,
        free,
        roles,
        is_cut,
    } = claims;
    claimants.sort_by_key(|claimant| claimant.framework);
    let cluster = context.cluster;
    let own = claimants.iter();
    let mut offers: Vec<BTreeMap<AgentIdx, Offer>> = own
        .map(|claimant| of_proposal(cluster, &claimant.witness))
        .collect();
    let free = free.resources.into_iter().zip(free.devices);
    for (agent, (leftover, devices)) in cluster.agent_indices().zip(free) {
        // What is held for a role is re-offered to those below it.
        let mut leftover = Offer {
            agent,
            resources: leftover,
            devices,
        };
        roles.withhold_all(&mut leftover);
        let usable = || {
            let open = |c: &usize| {
                let claimant = &claimants[*c];
                claimant.counts.is_none() && may_use(cluster, claimant, agent)
            };
            (0..claimants.len()).filter(open)
        };
        // What several still want is re-offered in small portions by need: a whole agent would be unfair.
        if usable().filter(|&c| claimants[c].unmet).nth(1).is_some() {
            continue;
        }
        let best = usable().min_by(|&left, &right| {
            let key = |c: usize| {
                let claimant = &claimants[c];
                let near = &context.bids[claimant.framework.at()].near;
                (
                    (!claimant.unmet, near.binary_search(&agent).is_err()),
                    !offers[c].contains_key(&agent),
                    claimant.given / claimant.weight,
                )
            };
            let (left, right) = (key(left), key(right));
            (left.0, left.1)
                .cmp(&(right.0, right.1))
                .then(left.2.total_cmp(&right.2))
        });
        if let Some(best) = best {
            state.leave_useless(claimants[best].framework, &mut leftover);
            claimants[best].given += fraction(&leftover.resources, &cluster.agent(agent).capacity);
            let offer = offers[best]
                .entry(agent)
                .or_insert_with(|| nothing(cluster, agent));
            add(offer, &leftover);
        }
    }
    let by_claimant = claimants
        .into_iter()
        .zip(offers)
        .map(|(claimant, offers)| FirstOffer {
            framework: claimant.framework,
            offers: offers.into_values().collect(),
            witness: claimant.witness,
            counts: claimant.counts,
            unmet: claimant.unmet,
            is_cut: is_cut && claimant.served < 1.0,
        });
    by_claimant.collect()
}

/// Adds what is left on an agent to what is offered of it.
fn add(offer: &mut Offer, leftover: &Offer) {
    offer.resources.add(&leftover.resources, 1);
    let offered = offer.devices.iter_mut().flatten();
    for (offered, left) in offered.zip(leftover.devices.iter().flatten()) {
        *offered += left;
    }
}

/// Whether a claimant may use what is left on an agent. One that was placed on a choice of agents and has its share takes
/// part in re-offers only.
fn may_use(cluster: &Cluster, claimant: &Claimant, agent: AgentIdx) -> bool {
    let of_task = |task: &TaskIdx| cluster.refusal(cluster.task(*task), agent).is_none();
    match &claimant.usable {
        Some(usable) => usable[agent.at()],
        None => {
            let jobs = &cluster.framework(claimant.framework).jobs;
            let mut tasks = jobs.iter().flat_map(|&job| &cluster.job(job).tasks);
            claimant.unmet && tasks.any(of_task)
        }
    }
}

/// The largest fraction of any resource of an agent that `part` is.
pub(super) fn fraction(part: &Quantities, whole: &Quantities) -> f64 {
    let fractions = part.0.iter().zip(&whole.0).filter(|(_, whole)| **whole > 0);
    fractions
        .map(|(&part, &whole)| part as f64 / whole as f64)
        .fold(0.0, f64::max)
}
