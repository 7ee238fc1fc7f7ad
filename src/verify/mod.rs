//! The independent judge of plans.
//!
//! [`verify`] reads a snapshot and a plan and recomputes what the plan claims: every rule, every account,
//! every bound that can be recomputed, and the fairness certificate. It calls no solver and no policy, and
//! shares no helper with the engine: plain loops, in integers for everything that is an integer.
//! `docs/verify.md` states each check with its formula.

mod accounts;
mod ahead;
mod bounds;
mod certificate;
mod devices;
mod domains;
mod eligibility;
mod empty;
mod floors;
mod mapreduce;
mod market;
mod moves;
mod names;
mod offered_devices;
mod offers;
mod placements;
mod preemptions;
mod report;
mod roles;
mod rule;
mod shares;
mod stages;
mod state;
mod tolerance;
mod units;
mod units_bounds;
mod welfare;
mod workflow;

use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;

pub use report::{Check, Figure, Report, Violation};
pub use rule::Rule;
pub use tolerance::{
    COLUMN_TOLERANCE, EPSILON_TOLERANCE, ROW_TOLERANCE, SHARE_TOLERANCE, STAGE_TOLERANCE,
};
pub use welfare::verify_against;

/// Judges `plan` as an answer to `cluster`.
#[must_use]
pub fn verify(cluster: &Cluster, plan: &PlanFile) -> Report {
    let mut findings = report::Findings::default();
    check(cluster, plan, &mut findings);
    findings.into_report()
}

/// Every check of a plan; what was read of it.
fn check<'a>(
    cluster: &'a Cluster,
    plan: &'a PlanFile,
    findings: &mut report::Findings,
) -> state::State<'a> {
    let state = state::State::read(cluster, plan, findings);
    accounts::check(&state, findings);
    placements::check(&state, findings);
    devices::check(&state, findings);
    units::check(&state, findings);
    domains::check_limits(&state, findings);
    domains::check_spreads(&state, findings);
    moves::check(&state, findings);
    preemptions::check(&state, findings);
    workflow::check(&state, findings);
    ahead::check(&state, findings);
    offers::check(&state, findings);
    offered_devices::check(&state, findings);
    roles::check(&state, findings);
    stages::check(&state, findings);
    mapreduce::check_metrics(&state, findings);
    certificate::check(&state, findings);
    state
}
