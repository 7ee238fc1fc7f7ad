//! Instances that follow one another: a policy whose model is in time, beside one whose is not.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion::engine::{self, Options};
use apportion::{snapshot, verify};
use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, Framework, Slice};
use apportion_models::schedule::{Operation, Schedule, TimeObjective, TimeStage};
use apportion_policies::{
    Bid, Formulation, ParameterFault, Policy, PolicyError, Registry, StageRole, Standing, View,
    service::Service,
};

/// Every instance takes a second.
struct Seconds;

impl Policy for Seconds {
    fn name(&self) -> &'static str {
        "seconds"
    }

    fn check(&self, _: &Cluster, _: &Framework) -> Vec<ParameterFault> {
        Vec::new()
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Bid::everything(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        let mut formulation = Service.formulate(slice)?;
        let model = &formulation.assignment;
        let operations = model.items.iter().map(|item| Operation {
            name: item.name.clone(),
            count: item.count,
            demand: item.demand.clone(),
            eligible: Arc::clone(&item.eligible),
            durations: Arc::new(vec![1000; item.eligible.len()]),
            value: 1,
            ..Operation::default()
        });
        let stage = |name: &str, objective| TimeStage {
            name: name.to_owned(),
            objective,
        };
        formulation.schedule = Some(Schedule {
            resources: model.resources.clone(),
            operations: operations.collect(),
            bins: model.bins.clone(),
            group_of: Arc::new(vec![0; model.bins.len()]),
            stages: vec![
                stage("placed", TimeObjective::Value),
                stage("makespan", TimeObjective::Makespan),
            ],
            ..Schedule::default()
        });
        formulation.roles = vec![StageRole::Placed, StageRole::TieBreak];
        formulation.units = vec![1, 1];
        formulation.constants = vec![0.0, 0.0];
        Ok(formulation)
    }

    fn metrics(&self, _: &Standing<'_>) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }
}

fn cluster() -> Cluster {
    let file = br#"{"version": "apportion/v1",
        "agents": [{"id": "a", "resources": {"cpu_milli": 4000}}, {"id": "b", "resources": {"cpu_milli": 4000}}],
        "frameworks": [{"id": "batch", "policy": "seconds"}, {"id": "web", "policy": "service"}],
        "jobs": [{"id": "many", "framework": "batch", "tasks": [{"id": "t", "instances": 21, "resources": {"cpu_milli": 1000}}]},
                 {"id": "site", "framework": "web", "tasks": [{"id": "t", "instances": 9, "resources": {"cpu_milli": 1000}}]}]}"#;
    let registry = registry();
    snapshot::read_with(file, &registry).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register(Arc::new(Seconds));
    registry
}

fn plan(cluster: &Cluster) -> PlanFile {
    let options = Options {
        policies: registry(),
        ..Options::default()
    };
    engine::plan(cluster, &options).unwrap()
}

#[test]
fn what_does_not_fit_at_once_follows() {
    let cluster = cluster();
    let plan = plan(&cluster);
    let report = verify::verify(&cluster, &plan);
    assert!(report.holds(), "{report:?}");
    let batch = &plan.frameworks[0];
    assert_eq!((batch.placed, batch.demand), (21, 21));
    // Half of eight cpus: 21 instances in six waves, four at a time, and that is what its share is.
    assert_eq!(batch.stages[1].objective, 6000.0);
    assert_eq!(batch.share.as_ref().unwrap().utility, 4.0);
    let web: i64 = (plan.placements.iter())
        .filter(|placed| placed.job == "site")
        .map(|placed| placed.instances)
        .sum();
    assert_eq!(web, 4);
    assert!(
        plan.placements
            .iter()
            .all(|it| it.start_ms.is_some() == (it.job == "many"))
    );
}

#[test]
fn the_verifier_looks_at_every_moment() {
    let cluster = cluster();
    let plan = plan(&cluster);
    let rules = |plan: &PlanFile| {
        let report = verify::verify(&cluster, plan);
        let all = report.violations.iter();
        all.map(|violation| violation.rule.to_string())
            .collect::<Vec<_>>()
    };
    let at = plan
        .placements
        .iter()
        .position(|it| it.start_ms == Some(1000))
        .unwrap();
    let mut forged = plan.clone();
    forged.placements[at].start_ms = Some(1500);
    forged.placements[at].end_ms = Some(2500);
    let broken = rules(&forged);
    assert!(broken.contains(&"capacity".to_owned()), "{broken:?}");
    assert!(broken.contains(&"offers".to_owned()), "{broken:?}");
    let mut forged = plan;
    forged.placements[at].end_ms = Some(500);
    assert!(rules(&forged).contains(&"instances".to_owned()));
}

#[test]
fn applied_what_starts_now_runs() {
    let file = apportion_cluster::file::SnapshotFile {
        version: "apportion/v1".to_owned(),
        ..serde_json::from_str(r#"{"version": "apportion/v1"}"#).unwrap()
    };
    let cluster = cluster();
    let plan = plan(&cluster);
    let jobs = serde_json::from_str(r#"[{"id": "many", "framework": "batch", "tasks": [{"id": "t"}]}, {"id": "site", "framework": "web", "tasks": [{"id": "t"}]}]"#).unwrap();
    let agents = serde_json::from_str(r#"[{"id": "a"}, {"id": "b"}]"#).unwrap();
    let file = apportion_cluster::file::SnapshotFile {
        jobs,
        agents,
        ..file
    };
    let next = engine::apply(&file, &cluster, &plan).unwrap();
    let running: i64 = (next.placements.iter())
        .filter(|placed| placed.job == "many")
        .map(|placed| placed.instances)
        .sum();
    assert_eq!(running, 4);
    assert!(
        next.placements
            .iter()
            .all(|placed| placed.start_ms.is_none())
    );
}
