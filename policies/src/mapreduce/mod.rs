//! `mapreduce`: many short tasks that read blocks of data, and tasks that pull what these put out.
//!
//! Who wants it: batch jobs over files that lie in blocks on the agents themselves. A task is fast beside its data and on a
//! fast agent; but a free slot far away is better than a long wait: locality has a price, and no timeout.
//!
//! # Model
//! Sets: tasks `t` of jobs `j`, agents `a` with an offer, racks `g` (the domains of the level `rack_level`), resources `r`.
//! Columns: `x[t,a]`, whole instances of task `t` placed on agent `a` beside those that stay running; a column exists
//! only where the task may go (its attributes, named agents, dedicated, cordon).
//!
//! | row | rule |
//! |---|---|
//! | `capacity[a,r]` | what is placed fits the offer |
//! | `once[t]` | at most the pending instances |
//! | `gang[j]`, `limit[t,L][g]`, `limit[group:G,L][g]`, `spread[t,L]`, `spread[group:G,L]` | as in [`service`](crate::service) |
//!
//! Objective, stage by stage:
//! 1. `placed` (maximize): value placed, by priority from high to low (`placed:<priority>` each, if there are several), then over all.
//! 2. `min_available` (minimize): as in [`service`](crate::service), where a job asks for it.
//! 3. `network` (minimize): what instances read over the network, and what is counted as if they did, in MiB across racks:
//!    `sum_t sum_a x[t,a] (read[t,a] + slow[t,a] + queue[t])`, where
//!    - `read` of a map task is, over its inputs, 0 if a copy is on `a`, `rack_percent` hundredths of the block if one is in its
//!      rack, else the block; of a reduce task, if all map instances of its job run already, what it pulls across racks: `(M - m_g)/R` with
//!      `m_g` the output of those in its rack, `M` that of all and `R` the reduce instances wanted;
//!    - `slow` is the time that `a` takes longer than an agent of the usual speed, at `slow_mib_per_s`;
//!    - `queue` is the time by which the job waited less than the one that waited longest, at `waiting_mib_per_s`: as long
//!      as not all have a place, who waited longer goes first, unless the network says otherwise.
//! 4. `shuffle` (minimize), where a job's map instances do not all run and it has reduce tasks: what these pull across racks, in MiB, of
//!    all that they are to pull: `sum over pairs of a map and a reduce task of M (1 - sum_g m_g r_g / (m r))`, with `m_g`, `r_g` the instances
//!    in rack `g` and `m`, `r` those wanted. What is not in place yet counts as apart.
//!
//! # Ahead
//! Where `plan_ahead` says so (as it does by default), every task states how long it runs, and none has a rule about what is in place at
//! one time (`gang`, `min_available`, `limit`, hard `spread`), tasks may follow one another: columns are then an agent and a start for
//! each instance, `capacity[a,r]` holds at every moment, and a reduce instance starts when all map instances of its job have ended
//! (`edge[t,t']`). An instance runs `(work_ms + remote_penalty_ms x part of its input that is elsewhere) / speed`. Stages:
//! 1. `placed` (maximize): value placed: all that fits an agent's offer;
//! 2. `makespan` (minimize): when the last instance ends, in seconds;
//! 3. `network` (minimize): as above, `queue` aside;
//! 4. `shuffle` (minimize), where the level `rack_level` is declared: MiB that reduce instances pull across racks;
//! 5. `completion` (minimize, breaks ties): the sum of the moments at which instances end, in seconds.
//!
//! On each place of an agent the job of higher priority comes first, then the one that waited longer, as far as the end of all allows.
//!
//! # One shape
//! With tasks of one shape this is a flow from tasks to agents, and the optimum comes with prices that prove it.
//!
//! # Parameters
//! - `plan_ahead`: whether tasks may follow one another; true.
//! - `rack_level`: the level at which agents are near each other; `rack` if the snapshot declares it.
//! - `rack_percent`: cost of a MiB within a rack, in hundredths of one across racks; 10.
//! - `slow_mib_per_s`: what a second of run time is worth that a slow agent adds, in MiB across racks; 100.
//! - `waiting_mib_per_s`: what a second of waiting is worth, in MiB across racks; 1.
//!
//! # Units
//! `placed` is in value (instances, where every value is 1), `network` in MiB.
//!
//! # Smallest worked example
//! Two agents in two racks, with a slot each; two tasks that read a block of 100 MiB, whose only copy is on the first agent. Both are
//! placed, one reads 100 MiB across racks: network 100.
//!
//! # Source
//! Isard et al., "Quincy: Fair Scheduling for Distributed Computing Clusters", SOSP 2009: locality as costs of a flow. Delay
//! scheduling, the baseline: Zaharia et al., EuroSys 2010.

mod ahead;
mod data;
mod metrics;
mod parameters;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, Framework, Slice};

use self::parameters::Parameters;
use crate::contract::{Bid, Formulation, ParameterFault, Policy, Standing, View};
use crate::error::PolicyError;
use crate::rules::{self, Tables};

/// The policy `mapreduce`; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct MapReduce;

impl Policy for MapReduce {
    fn name(&self) -> &'static str {
        "mapreduce"
    }

    fn reads_blocks(&self) -> bool {
        true
    }

    fn check(&self, cluster: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
        match Parameters::read(cluster, framework) {
            Ok(parameters) => parameters.beyond(cluster, framework),
            Err(faults) => faults,
        }
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        let jobs = view.cluster.framework(view.framework).jobs.iter();
        let tasks = jobs.flat_map(|&job| &view.cluster.job(job).tasks);
        let near = data::holders(view.cluster, tasks.copied());
        Bid {
            near: near.into_iter().collect(),
            ..Bid::everything(view)
        }
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        let framework = slice.cluster.framework(slice.framework);
        let parameters = Parameters::read(slice.cluster, framework);
        let parameters = parameters.map_err(PolicyError::of_parameters)?;
        let tables = Tables::new(slice);
        let stages = stages::all(&tables, &parameters);
        let mut formulation = rules::formulation(&tables, &stages);
        if ahead::plans_ahead(slice.cluster, framework, &parameters) {
            ahead::add(&mut formulation, &tables, &parameters);
        }
        Ok(formulation)
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        let framework = standing.cluster.framework(standing.framework);
        match Parameters::read(standing.cluster, framework) {
            Ok(parameters) => metrics::all(standing, &parameters),
            Err(_) => BTreeMap::new(),
        }
    }
}
