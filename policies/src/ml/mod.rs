//! `ml`: gangs of instances on GPUs and the like, in whole devices or parts of one, close together.
//!
//! Who wants it: training and inference. Half of a gang is worth nothing, two parts of 0.6 do not share a device, and
//! workers that talk to each other should not do so across racks.
//!
//! # Model
//! Sets: tasks `t` of jobs `j`, agents `a` with an offer, devices `d` of kind `k` on an agent, resources `r`.
//! Columns: `x[t,a]`, whole instances of task `t` placed on agent `a` beside those that stay running; a column exists
//! only where the task may go (its attributes, named agents, dedicated, cordon, and a device model that it allows).
//!
//! | row | rule |
//! |---|---|
//! | `capacity[a,r]` | what is placed fits the offer: cpu, memory, local disk, network |
//! | `device[a,k,d]` | each instance takes `count` different devices and `milli` of each; no device gives more than it has |
//! | `once[t]` | at most the pending instances |
//! | `gang[j]` | no instance of the job, or at least `min_instances`: a fixed gang where that is all of them, an elastic one where it is fewer |
//! | `limit[t,L][g]`, `limit[group:G,L][g]`, `spread[t,L]`, `spread[group:G,L]` | as in [`service`](crate::service) |
//!
//! A fast CPU is a rule on an attribute of the agent; local disk and the bandwidth to shared storage are resources.
//!
//! Objective, stage by stage:
//! 1. `placed` (maximize): value times throughput placed. Throughput is that of the agent's device model for the task: alternatives
//!    are ordered by it, and an instance on a model of throughput 2 is worth two. If there are several priorities, what waits and who
//!    is fast are told apart: value placed by priority from high to low (`placed:<priority>` each), then, where models differ, value
//!    times throughput in the same order (`throughput:<priority>` each), then over all.
//! 2. `min_available` (minimize): as in [`service`](crate::service), where a job asks for it.
//! 3. `span` (minimize), where a job wants several instances: `sum_j sum_L` of the domains that hold any of job `j`, `L`
//!    over agents and the declared levels: the same agent first, then the same rack.
//! 4. `fragmentation` (minimize, breaks ties), where tasks need devices: free thousandths that instances still to come
//!    could not use, `sum_a sum_t n_t F_a(t)` over the 16 shapes wanted most, with `n_t` instances wanted: if one of `t` does not fit what is left of `a`,
//!    all that is free of its devices; else what is free of devices too small for it.
//! 5. `holes` (minimize, breaks ties): agents used, each counted by the size of the free hole that it is part of (on the
//!    agent and in its domains, in thousandths of the largest offer), so that large holes stay whole.
//!
//! # Parameters
//! None.
//!
//! # Units
//! `placed` is in value (instances, where every value is 1 and every device runs at its usual speed), `min_available` in
//! instances. Devices are counted in thousandths.
//!
//! # Smallest worked example
//! One agent with two GPUs; three instances of 600 thousandths of a GPU and one of 400. Two of 600 take a device each, the
//! one of 400 fits beside either; the third of 600 does not, though 400 thousandths are free in all: placed 3.
//!
//! # Source
//! Parts of devices: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
//! Descent", USENIX ATC 2023. Throughput per model: Narayanan et al., "Heterogeneity-Aware Cluster Scheduling Policies
//! for Deep Learning Workloads", OSDI 2020. The model is apportion's own.

mod metrics;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, Framework, Slice};

use crate::contract::{Bid, Formulation, ParameterFault, Policy, Standing, View};
use crate::error::PolicyError;
use crate::parameters;
use crate::rules::{self, Tables};

/// The policy `ml`; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Ml;

impl Policy for Ml {
    fn name(&self) -> &'static str {
        "ml"
    }

    fn places_devices(&self) -> bool {
        true
    }

    fn check(&self, _: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
        parameters::refuse_all("ml", framework)
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Bid::everything(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        let tables = Tables::new(slice);
        let stages = stages::all(&tables);
        Ok(rules::formulation(&tables, &stages))
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        metrics::all(standing)
    }
}
