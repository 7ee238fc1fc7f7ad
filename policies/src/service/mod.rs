//! `service`: long-running identical instances that should survive the loss of a failure domain.
//!
//! Who wants it: web servers, queues, anything with replicas. Five hundred instances in one rack die
//! with one breaker.
//!
//! # Model
//! Sets: tasks `t` of jobs `j`, agents `a` with an offer, domains `g` of a level `L`, resources `r`.
//! Columns: `x[t,a]`, whole instances of task `t` placed on agent `a` beside those that stay running;
//! a column exists only where the task may go (attributes, named agents, dedicated, cordon).
//!
//! | row | rule |
//! |---|---|
//! | `capacity[a,r]` | what is placed fits the offer |
//! | `once[t]` | at most the pending instances |
//! | `limit[t,L][g]`, `limit[group:G,L][g]` | at most `max` in domain `g`, those that stay included |
//! | `spread[t,L]`, `spread[group:G,L]` | hard: counts of the domains that the task may use differ by at most `max_skew` |
//! | `gang[j]` | no instance of the job, or at least `min_instances` |
//!
//! A rule that the running state breaks already is relaxed to what it is: it never gets worse.
//!
//! Objective, stage by stage:
//! 1. `placed` (maximize): value placed, by priority from high to low (`placed:<priority>` each, if there
//!    are several), then over all.
//! 2. `min_available` (minimize): instances missing from what must survive the loss of any one domain,
//!    `sum_j max(0, m_j - (placed_j - max_g x_jg))`.
//! 3. `spread` (minimize): the worst fraction lost with one domain, `sum_j sum_L w_L max_g x_jg / n_j`,
//!    over the declared levels.
//! 4. `agents_used` (minimize, breaks ties): agents opened on which nothing runs, so that large holes stay large.
//!
//! Placing comes before `min_available`: an instance never stays away because another would not survive.
//!
//! # Parameters
//! `level_weights`: weight `w_L` per level, a number of at least 0; 1 for levels not named.
//!
//! # Units
//! `placed` is in value (instances, where every value is 1), `min_available` in instances, `spread` in
//! lost fractions of a job summed over jobs and levels, `agents_used` in agents.
//!
//! # Smallest worked example
//! Racks `r1` (agents `a`, `b`) and `r2` (agent `c`), one level `rack`; one job of 3 instances, each agent
//! has room for two. Placed 3; the worst rack holds 2 of 3, so `spread` is 2/3; two agents suffice.
//!
//! # Source
//! Rules: Apache Aurora's value and limit constraints and dedicated agents; Kubernetes' topology spread
//! constraints (`max_skew`). Objective: apportion's own.

mod metrics;
mod parameters;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, Framework, Slice};

use crate::contract::{Bid, Formulation, ParameterFault, Policy, Standing, View};
use crate::error::PolicyError;
use crate::rules::{self, Tables};
use parameters::Parameters;

/// The policy `service`; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Service;

impl Policy for Service {
    fn name(&self) -> &'static str {
        "service"
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
        let stages = stages::all(&tables, &parameters);
        Ok(rules::formulation(&tables, &stages))
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        metrics::all(standing)
    }
}
