//! `storage`: database servers and replicas near the storage units that hold their data.
//!
//! Who wants it: databases. A server reads and writes all day; processors hardly matter, the way to its storage unit and the unit's
//! operations do. A disk that is full in one of three numbers takes no more, replicas in one rack die together, and data that has to
//! be copied takes hours.
//!
//! # Model
//! Sets: shards `s` (each wants some replicas; a replica is one instance), storage units `u`, classes `c` of agents that no rule and
//! no distance tells apart (each agent by itself, as long as there are few).
//! Columns: `x[s,c+u]`, replicas of `s` that run in `c` and keep all their volumes together on `u`.
//!
//! | row | rule |
//! |---|---|
//! | `unit[u,capacity_mib]`, `unit[u,iops]`, `unit[u,mib_s]` | what the replicas on `u` take is at most what is offered of it |
//! | `capacity[a,r]` | what is placed fits the offer of the agent, or the offers of the class together |
//! | `once[s]` | at most the pending replicas |
//! | `distinct_unit[s,L][g]`, `distinct_agent[s,L][g]` | no two replicas of `s` have their units, and no two their agents, in one domain of `L` |
//! | `gang[j]`, `limit[..]`, `spread[..]` | as in [`service`](crate::service), over the agents |
//!
//! That the volumes of a replica are together is in the columns. Classes are relaxed agents: what is placed in a class is dealt out to
//! its agents, and what fits on none of them goes to the nearest place where it does, or replicas take the places that the offer was made
//! for; others then leave a unit that this made the fullest, for one that costs them no more.
//!
//! Objective, stage by stage:
//! 1. `placed` and `min_available`: as in [`service`](crate::service).
//! 2. `distance` (minimize): `sum of io x hops + MiB copied`. `io` are the replica's operations per second (its MiB per second where
//!    it states none). Hops from an agent to a unit: 0 to one of its own; else 1, and one more for each level that lengthens the way
//!    and at which they are apart: the finest declared level, and those made of whole domains of it. With racks alone: 1 within the
//!    rack, 2 across. A replica copies the volumes of its shard that are somewhere, but not on its unit; one that stays copies nothing.
//! 3. `utilization` (minimize): the used part of the fullest unit in thousandths, of its operations or of its bandwidth, by the
//!    framework's own replicas.
//!
//! # Parameters
//! None.
//!
//! # Units
//! `placed` is in value, `distance` in operations per second times hops plus MiB, `utilization` in thousandths.
//!
//! # Smallest worked example
//! A volume of 60 MiB and one of 60 in a shard of one replica; units of 100 and 130 MiB: placed on the second.
//!
//! # Source
//! The model is apportion's own. Baselines: first fit decreasing; least loaded, as HDFS and Ceph weigh units; nearest.

mod dealing;
mod lift;
mod metrics;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, Framework, Proposal, Slice};
use apportion_models::assignment::Placement;

use crate::contract::{Bid, Formulation, ParameterFault, Policy, Standing, View};
use crate::error::PolicyError;
use crate::parameters;
use crate::rules::{self, Tables};

/// The policy `storage`; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Storage;

impl Policy for Storage {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn keeps_data(&self) -> bool {
        true
    }

    fn check(&self, _: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
        parameters::refuse_all("storage", framework)
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Bid::everything(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        let tables = Tables::new(slice);
        let mut stages = rules::placed(&tables);
        stages.extend(rules::min_available(&tables));
        let on_agents = rules::formulation(&tables, &stages);
        let mut lifted = lift::onto_units(slice, on_agents);
        stages::add(slice, &mut lifted);
        Ok(lifted)
    }

    fn decode(&self, formulation: &Formulation, answer: &Placement) -> Proposal {
        self.decode_near(formulation, answer, &Proposal::default())
    }

    fn decode_near(
        &self,
        formulation: &Formulation,
        answer: &Placement,
        start: &Proposal,
    ) -> Proposal {
        dealing::deal_out(formulation, answer, start)
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        metrics::all(standing)
    }
}
