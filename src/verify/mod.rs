//! The independent judge of plans.
//!
//! [`verify`] reads a snapshot and a plan and recomputes what the plan claims: every rule, every account,
//! every bound that can be recomputed, and the fairness certificate. It calls no solver and no policy, and
//! shares no helper with the engine: plain loops, in integers for everything that is an integer.
//! `docs/verify.md` states each check with its formula.

mod accounts;
mod bounds;
mod certificate;
mod devices;
mod domains;
mod eligibility;
mod empty;
mod floors;
mod market;
mod moves;
mod names;
mod offered_devices;
mod offers;
mod placements;
mod report;
mod roles;
mod rule;
mod shares;
mod stages;
mod state;
mod tolerance;
mod units;
mod units_bounds;

use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;

pub use report::{Check, Figure, Report, Violation};
pub use rule::Rule;
pub use tolerance::{
    COLUMN_TOLERANCE, EPSILON_TOLERANCE, ROW_TOLERANCE, SHARE_TOLERANCE, STAGE_TOLERANCE,
};

/// Judges `plan` as an answer to `cluster`.
#[must_use]
pub fn verify(cluster: &Cluster, plan: &PlanFile) -> Report {
    let mut findings = report::Findings::default();
    let state = state::State::read(cluster, plan, &mut findings);
    accounts::check(&state, &mut findings);
    placements::check(&state, &mut findings);
    devices::check(&state, &mut findings);
    units::check(&state, &mut findings);
    domains::check_limits(&state, &mut findings);
    domains::check_spreads(&state, &mut findings);
    moves::check(&state, &mut findings);
    offers::check(&state, &mut findings);
    offered_devices::check(&state, &mut findings);
    roles::check(&state, &mut findings);
    stages::check(&state, &mut findings);
    certificate::check(&state, &mut findings);
    findings.into_report()
}
