//! `workflow`: tasks that send data to each other, close together; streams that run for good, and batches in which one follows another.
//!
//! Who wants it: stream topologies (Storm, Flink), where data that crosses the network is the cost; scientific workflows and other
//! batches of tasks, where the end of all counts, or what crosses the network.
//!
//! # Which kind a framework is
//! Its jobs say it: `mib_s` on their edges makes it a *stream*, whose tasks run together for good; `work_ms` on their tasks makes it a
//! *batch*, whose tasks start when those before them have ended; `mib` without `work_ms` is an *exchange*: tasks that are there
//! together, and amounts instead of rates. All jobs of a framework are of one kind.
//!
//! # Model of streams and exchanges
//! Sets: tasks `t` of jobs `j` with `n_t` instances, edges `e = (t, t')` of rate `w_e`, agents `a` with an offer, racks `g`.
//! Columns: `x[t,a]`, whole instances of task `t` placed on agent `a` beside those that stay running.
//!
//! | row | rule |
//! |---|---|
//! | `capacity[a,r]`, `once[t]`, `limit[..]`, `spread[..]`, `gang[j]` | as in [`service`](crate::service) |
//!
//! An edge is spread evenly over all pairs of an instance of `t` and one of `t'` (shuffle grouping): the part within an agent is
//! `w_e x[t,a] x[t',a] / (n_t n_t')`. Instances without a place are apart from all others.
//!
//! Objective, stage by stage:
//! 1. `placed` (maximize), `min_available` (minimize): as in [`service`](crate::service).
//! 2. `traffic` (minimize): `agent_weight` times what flows between agents plus `rack_weight` times what flows between racks: with 1
//!    and 1 the MiB per second times the hops that they take, none within an agent, one within a rack, two across.
//! 3. `agents_used` (minimize, breaks ties): as in [`service`](crate::service).
//!
//! CPU is hard like everything else: no plan overcommits an agent. Who wants it soft, as R-Storm has it, asks for less of it.
//!
//! # Model of batches
//! Columns: for each instance its agent and its start, in milliseconds from now. It ends `work_ms / speed` later.
//!
//! | row | rule |
//! |---|---|
//! | `capacity[a,r]` | at every moment what is in progress fits the offer |
//! | `once[t]` | at most the pending instances |
//! | `edge[t,t']` | an instance of `t'` starts after every instance of `t` has ended and what it sends has arrived |
//! | `limit[..]`, `spread[..]`, `gang[j]` | as in [`service`](crate::service), over all instances, whenever they run |
//!
//! What an edge sends is split evenly over the pairs of instances. A part takes no time within an agent, its size over
//! `within_rack_mib_s` within a rack, and over `across_racks_mib_s` beyond. Transfers do not wait for each other. Instances of a batch
//! that run already are taken to end after their whole work from now, and what they send to cross racks.
//!
//! Where a rule on counts is broken by the schedule without it, how many instances go where is decided first, then when.
//!
//! Objective: `placed`; then, by the parameter `order`, `makespan` before `traffic` (MiB between racks; between agents where no level
//! counts as rack), or `traffic` before `makespan`; then `traffic_within` (MiB between agents of one rack), where a level counts as
//! rack, and `completion` (the sum of all ends).
//!
//! # Parameters
//! `order`: `makespan` (the default) or `traffic`, of batches. `level`: the declared level that counts as rack; `rack` if that is
//! declared, else none. `within_rack_mib_s`: by default the least `network_mib_s` of any agent that states it, 125 if none does.
//! `across_racks_mib_s`: by default half of that, in whole MiB per second, at least 1. `agent_weight`, `rack_weight`: of streams, 1 each.
//!
//! # Units
//! `placed` is in value, `traffic` in MiB per second (exchanges and batches: MiB) times weights, `makespan` and `completion` in
//! milliseconds.
//!
//! # Smallest worked example
//! `a -> c` and `b -> c`, 10 GB each. An agent with room for all three: nothing moves. Room for two: one of the edges crosses, 10 GB.
//!
//! # Source
//! Streams: Peng et al., "R-Storm: Resource-Aware Scheduling in Storm", Middleware 2015. Batches: Topcuoglu, Hariri and Wu,
//! "Performance-effective and low-complexity task scheduling for heterogeneous computing", IEEE TPDS 13(3), 2002. The model is
//! apportion's own.

mod batch;
pub(crate) mod graph;
mod metrics;
mod parameters;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, Framework, FrameworkIdx, Slice};

use crate::contract::{Bid, Formulation, ParameterFault, Policy, Standing, View};
use crate::error::PolicyError;
use crate::rules::{self, Tables};
pub use parameters::{Order, Parameters};

/// The policy `workflow`; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Workflow;

impl Policy for Workflow {
    fn name(&self) -> &'static str {
        "workflow"
    }

    fn follows_edges(&self) -> bool {
        true
    }

    fn check(&self, cluster: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
        Parameters::read(cluster, framework)
            .err()
            .unwrap_or_default()
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Bid::everything(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        let framework = slice.cluster.framework(slice.framework);
        let parameters = Parameters::read(slice.cluster, framework);
        let parameters = parameters.map_err(PolicyError::of_parameters)?;
        let tables = Tables::new(slice);
        if is_batch(slice.cluster, slice.framework) {
            return Ok(batch::formulation(&tables, &parameters));
        }
        let stages = stream::stages(&tables, &parameters);
        Ok(rules::formulation(&tables, &stages))
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        metrics::all(standing)
    }
}

/// Whether tasks of the framework follow one another.
#[must_use]
pub fn is_batch(cluster: &Cluster, framework: FrameworkIdx) -> bool {
    let jobs = cluster.framework(framework).jobs.iter();
    let mut tasks = jobs.flat_map(|&job| &cluster.job(job).tasks);
    tasks.any(|&task| cluster.task(task).work_ms.is_some())
}
