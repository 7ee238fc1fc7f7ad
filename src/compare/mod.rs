//! One snapshot planned in several ways, side by side: modes, fairness rules, and what else there is to compare with.
//!
//! Every plan passes the verifier before it becomes a row; the price of brokering is judged together with the monolithic plan that it
//! is compared with.

mod row;

use std::time::{Duration, Instant};

use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, Fairness};
use serde::Serialize;

use crate::engine::{self, EngineError, Mode, Options, brokering};
use crate::verify::{Report, verify, verify_against};

pub use row::{Quality, Row};

/// Ways to plan a snapshot, side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Digest of the snapshot.
    pub snapshot_digest: String,
    /// What each plan was given, in milliseconds; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// This engine's plans: brokered by each fairness rule, monolithic, greedy.
    pub plans: Vec<Row>,
    /// What other methods would do.
    pub baselines: Vec<Row>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// No plan could be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A plan does not hold what it claims.
    #[error("the verifier refuses the plan `{plan}`: {violation}")]
    Refused {
        /// Which plan.
        plan: String,
        /// The first violation.
        violation: String,
    },
}

/// The ways that are compared, in the order of their rows.
const WAYS: [(Mode, Fairness); 5] = [
    (Mode::Brokered, Fairness::Nash),
    (Mode::Brokered, Fairness::Maxmin),
    (Mode::Brokered, Fairness::Drf),
    (Mode::Monolithic, Fairness::Nash),
    (Mode::Greedy, Fairness::Nash),
];

/// A plan, how it was made, and how long that took.
struct Made {
    name: String,
    mode: Mode,
    plan: PlanFile,
    took: Duration,
}

/// Plans in every way with `options`, each within `deadline`; `progress` is told before each.
///
/// # Errors
/// If a plan cannot be made, or does not hold.
pub fn compare(
    cluster: &Cluster,
    options: &Options,
    deadline: Option<Duration>,
    progress: &dyn Fn(&str),
) -> Result<Comparison, CompareError> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut made = Vec::new();
    for (mode, fairness) in WAYS {
        let name = match mode {
            Mode::Brokered => format!("{} {}", mode.name(), fairness.name()),
            _ => mode.name().to_owned(),
        };
        progress(&name);
        let begun = Instant::now();
        let options = Options {
            mode,
            fairness: Some(fairness),
            deadline: deadline.map(|time| begun + time),
            deadline_ms: deadline.map(milliseconds),
            ..options.clone()
        };
        let plan = engine::plan(cluster, &options)?;
        let took = begun.elapsed();
        accept(&name, &verify(cluster, &plan))?;
        made.push(Made {
            name,
            mode,
            plan,
            took,
        });
    }
    price(cluster, &mut made)?;
    Ok(Comparison {
        snapshot_digest: cluster.digest.clone(),
        deadline_ms: deadline.map(milliseconds),
        plans: row::rows(cluster, &made),
        baselines: Vec::new(),
    })
}

/// States the price of brokering in every brokered plan.
fn price(cluster: &Cluster, made: &mut [Made]) -> Result<(), CompareError> {
    let monolithic = made.iter().find(|it| it.mode == Mode::Monolithic);
    let Some(monolithic) = monolithic.map(|it| it.plan.clone()) else {
        return Ok(());
    };
    for it in made.iter_mut().filter(|it| it.mode == Mode::Brokered) {
        brokering::compare(&mut it.plan, &monolithic);
        if it
            .plan
            .brokering
            .is_some_and(|section| section.price.is_some())
        {
            accept(&it.name, &verify_against(cluster, &it.plan, &monolithic))?;
        }
    }
    Ok(())
}

fn accept(name: &str, report: &Report) -> Result<(), CompareError> {
    match report.violations.first() {
        None => Ok(()),
        Some(violation) => Err(CompareError::Refused {
            plan: name.to_owned(),
            violation: violation.to_string(),
        }),
    }
}
