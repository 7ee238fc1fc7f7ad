//! Imports, plans that are judged, and the cells of tables.

use std::time::{Duration, Instant};

use apportion::engine::{self, Listed, Mode, Online, Options, Order};
use apportion::import::{Imported, import};
use apportion::{snapshot, verify};
use apportion_cluster::Cluster;
use apportion_cluster::plan::{PlanFile, StageResult};

use crate::{Arguments, Failure};

/// An imported trace: the cluster, and its jobs in the order in which they arrive.
pub struct Trace {
    pub cluster: Cluster,
    pub order: Vec<String>,
}

/// A plan that the verifier accepted, and how long it took to make and to verify.
pub struct Judged {
    pub plan: PlanFile,
    pub took: Duration,
    pub verified: Duration,
}

/// `apportion import FORMAT FILES...` with settings.
pub fn trace(
    arguments: &Arguments,
    format: &str,
    files: &[&str],
    settings: &[(&str, &str)],
) -> Result<Trace, Failure> {
    if arguments.data.as_os_str().is_empty() {
        return Err("name the folder of the traces: --data DIR".into());
    }
    let mut inputs = Vec::new();
    for file in files {
        let path = arguments.data.join(file);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        inputs.push((*file, bytes));
    }
    let borrowed: Vec<(&str, &[u8])> = (inputs.iter())
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    let Imported {
        snapshot, order, ..
    } = import(format, &borrowed, settings)?;
    let cluster = snapshot::resolve(&snapshot)?;
    Ok(Trace { cluster, order })
}

impl Trace {
    /// `apportion plan --deadline SECONDS`.
    pub fn plan(&self, seconds: u64) -> Result<Judged, Failure> {
        self.judged(|begun| Options {
            deadline: Some(begun + Duration::from_secs(seconds)),
            deadline_ms: Some(seconds * 1000),
            ..Options::default()
        })
    }

    /// `apportion plan`.
    pub fn unlimited(&self) -> Result<Judged, Failure> {
        self.judged(|_| Options::default())
    }

    /// `apportion plan --mode greedy`.
    pub fn greedy(&self) -> Result<Judged, Failure> {
        self.judged(|_| Options {
            mode: Mode::Greedy,
            ..Options::default()
        })
    }

    /// `apportion plan --online ORDER --rule RULE --seed SEED`, with the order of the trace.
    pub fn online(&self, rule: &str, seed: u64) -> Result<Judged, Failure> {
        let order = Listed::read(&self.cluster, &self.order.join("\n"))?;
        self.judged(|_| Options {
            mode: Mode::Online,
            online: Online {
                order: Order::Listed(order),
                rule: rule.to_owned(),
            },
            seed,
            ..Options::default()
        })
    }

    /// A plan that the verifier accepts; its options are made when it begins.
    pub fn judged(&self, options: impl FnOnce(Instant) -> Options) -> Result<Judged, Failure> {
        let begun = Instant::now();
        let plan = engine::plan(&self.cluster, &options(begun))?;
        let took = begun.elapsed();
        let report = verify::verify(&self.cluster, &plan);
        let verified = begun.elapsed().saturating_sub(took);
        match report.violations.first() {
            None => Ok(Judged {
                plan,
                took,
                verified,
            }),
            Some(violation) => Err(format!("the verifier refuses a plan: {violation}").into()),
        }
    }
}

impl Judged {
    /// Instances that have a place.
    pub fn placed(&self) -> i64 {
        self.plan.placements.iter().map(|it| it.instances).sum()
    }

    /// A stage of a framework, if it has it.
    pub fn stage(&self, framework: &str, name: &str) -> Option<&StageResult> {
        let found = self.plan.frameworks.iter().find(|it| it.id == framework);
        found?.stages.iter().find(|it| it.name == name)
    }

    /// What a stage reached.
    pub fn value(&self, framework: &str, name: &str) -> f64 {
        let stage = self.stage(framework, name);
        stage.map_or(f64::NAN, |stage| stage.objective)
    }

    /// The wall-clock time, in seconds.
    pub fn seconds(&self) -> String {
        format!("{:.1}", self.took.as_secs_f64())
    }
}

/// Bound and gap of a stage, as two cells; empty where nothing is claimed.
pub fn bound_and_gap(stage: Option<&StageResult>, bound: impl Fn(f64) -> String) -> String {
    let claimed = stage.and_then(|stage| Some((stage.bound?, stage.gap?)));
    claimed.map_or_else(
        || " | ".to_owned(),
        |(at, gap)| format!("{} | {:.2} %", bound(at), 100.0 * gap),
    )
}
