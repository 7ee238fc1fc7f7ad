//! From the fair fractional share to concrete, disjoint, whole-number offers.
//!
//! Each framework in turn says where it would put its rounded share if the rest of the cluster were its
//! own: its *witness*, made by its own model and the constructive method. An offer holds its witness, so
//! what is offered can be used: it honors the framework's limits and spreads, not only its totals. One after the other, such
//! witnesses may fill some agents with tasks of one shape and waste what these do not need: where shares are left short, they
//! are also placed on the classes of agents where the fractional shares lie, so that whoever may use many classes leaves those alone that
//! others need (and whoever needs no device leaves what stands [beside](super::beside) one); in other orders, with those first who came short; with [room]
//! made for these by others one by one; and class by class, agents in turn, so that shapes mix as they do in
//! the shares; the best counts. What nobody's share claims is then given out agent by agent: to the one framework with
//! more demand, or else in proportion to weight. What several want more of waits for the re-offers, which keep them level.

mod best;
mod claimant;
mod claims;
mod leftovers;
mod room;
mod sketch;
mod turns;

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Offer, Proposal, Quantities};

use super::context::Context;
use super::devices::{self, Devices};
use super::roles::Counts;
use super::state::State;
use crate::broker::Shares;
use best::best_claims;
use leftovers::hand_out;
use turns::in_turn;

pub(super) use sketch::Sketch;

/// What one framework is offered in the first round.
pub(super) struct FirstOffer {
    pub framework: FrameworkIdx,
    /// By agent, ascending.
    pub offers: Vec<Offer>,
    /// A wish inside the offers; it may lack what a policy must say beside placements.
    pub witness: Proposal,
    /// The most of each task that it may place in the first round, where others below a limit place beside it; else `None`.
    pub counts: Option<Counts>,
    /// Whether some of its demand is left open.
    pub unmet: bool,
    /// Whether a wall clock ended the claims while it came short.
    pub is_cut: bool,
}

/// What is free while offers are made, by agent.
#[derive(Clone)]
pub(super) struct Free {
    pub resources: Vec<Quantities>,
    pub devices: Vec<Devices>,
}

/// Disjoint offers for every framework with pending instances; together all that is free.
pub(super) fn first_offers(
    state: &State<'_>,
    shares: &Shares,
    context: &Context<'_>,
) -> Vec<FirstOffer> {
    let wanting: Vec<FrameworkIdx> = context
        .planned()
        .filter(|&p| !state.pending(p).is_empty())
        .collect();
    if let [only] = wanting[..] {
        return vec![FirstOffer {
            framework: only,
            offers: state.everything(only),
            witness: Proposal::default(),
            counts: None,
            unmet: false,
            is_cut: false,
        }];
    }
    let turns = in_turn(state, shares, context, &wanting);
    let claims = best_claims(state, shares, context, &turns);
    hand_out(state, context, claims)
}

/// Offers of what the instances of a proposal hold, and no more.
pub(super) fn of_proposal(cluster: &Cluster, proposal: &Proposal) -> BTreeMap<AgentIdx, Offer> {
    let mut offers: BTreeMap<AgentIdx, Offer> = BTreeMap::new();
    for placed in &proposal.placements {
        let offer = offers
            .entry(placed.agent)
            .or_insert_with(|| nothing(cluster, placed.agent));
        let demand = &cluster.task(placed.task).demand;
        offer.resources.add(demand, placed.instances);
    }
    for held in &proposal.devices {
        let offer = offers
            .entry(held.agent)
            .or_insert_with(|| nothing(cluster, held.agent));
        devices::add_to(cluster, &mut offer.devices, held);
    }
    offers
}

fn nothing(cluster: &Cluster, agent: AgentIdx) -> Offer {
    Offer {
        agent,
        resources: Quantities::zero(cluster.resources.len()),
        devices: devices::none(cluster, agent),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::broker;
    use crate::engine::{Options, release};

    /// Who has no turn before the time for claims is over is told so, and served by re-offers: what nobody claims is not lost.
    #[test]
    fn claims_that_a_clock_ended_are_told() {
        let file = br#"{"version": "apportion/v1",
            "agents": [{"id": "one", "resources": {"cpu_milli": 4000}}],
            "frameworks": [{"id": "f", "policy": "service"}, {"id": "g", "policy": "service"}],
            "jobs": [{"id": "j", "framework": "f",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]},
                     {"id": "k", "framework": "g",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]}]}"#;
        let cluster = crate::snapshot::read(file).expect("the snapshot is valid");
        let hour = Duration::from_secs(3600);
        for (reserve, is_cut) in [(hour / 2, false), (hour, true)] {
            let options = Options {
                deadline: Some(Instant::now() + hour),
                ..Options::default()
            };
            let mut context = Context::new(&cluster, &options);
            context.keep_reserve(reserve);
            let state = State::new(&cluster, release::released(&cluster));
            let shares = broker::shares(&cluster, &context.bids, context.fairness(), &|| false);
            let offers = first_offers(&state, &shares, &context);
            assert_eq!(offers.len(), 2);
            assert!(offers.iter().all(|offer| offer.is_cut == is_cut));
            let claimed = offers.iter().flat_map(|offer| &offer.witness.placements);
            let claimed: i64 = claimed.map(|it| it.instances).sum();
            assert_eq!(claimed, if is_cut { 0 } else { 4 });
        }
    }
}
