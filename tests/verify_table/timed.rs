//! Plans of map and reduce tasks that follow one another, broken in one way each.

use apportion::verify::{Rule, verify};

use apportion_cluster::Cluster;
use apportion_cluster::file::PlacementFile;
use apportion_cluster::plan::{Multiplier, PlanFile, Proof, StageResult};

use super::Mutation;

/// Three slots in two racks, and all that waits bound to one of them: `long` runs on `n1`, `short` and then `far`, which reads a block of `n1`
/// across racks, on `n3`, and `reduce`, which pulls from all of them, on `n2` when the last has ended.
pub fn case() -> (Cluster, PlanFile) {
    let file = br#"{"version": "apportion/v1", "levels": ["rack"],
        "agents": [{"id": "n1", "domains": {"rack": "r1"}, "resources": {"cpu_milli": 1000}},
                   {"id": "n2", "domains": {"rack": "r1"}, "resources": {"cpu_milli": 1000}},
                   {"id": "n3", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 1000}}],
        "frameworks": [{"id": "f", "policy": "mapreduce"}],
        "data": {"blocks": [{"id": "b", "mib": 100, "replicas": ["n1"]}]},
        "jobs": [{"id": "j", "framework": "f", "tasks": [
            {"id": "far", "map": {"inputs": ["b"], "work_ms": 300, "remote_penalty_ms": 200},
             "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n3"]}},
            {"id": "long", "map": {"inputs": ["b"], "work_ms": 1000, "remote_penalty_ms": 200},
             "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n1"]}},
            {"id": "reduce", "reduce": {"shuffle_mib_total": 90, "work_ms": 400},
             "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n2"]}},
            {"id": "short", "map": {"inputs": [], "work_ms": 100},
             "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n3"]}}]}]}"#;
    let cluster = apportion::snapshot::read(file).unwrap();
    let plan = apportion::engine::plan(&cluster, &apportion::engine::Options::default()).unwrap();
    (cluster, plan)
}

fn changed(change: impl FnOnce(&mut PlanFile)) -> (Cluster, PlanFile) {
    let (cluster, mut plan) = case();
    change(&mut plan);
    (cluster, plan)
}

fn placed<'p>(plan: &'p mut PlanFile, task: &str) -> &'p mut PlacementFile {
    let mut placements = plan.placements.iter_mut();
    placements.find(|it| it.task == task).unwrap()
}

fn stage<'p>(plan: &'p mut PlanFile, name: &str) -> &'p mut StageResult {
    let mut stages = plan.frameworks[0].stages.iter_mut();
    stages.find(|it| it.name == name).unwrap()
}

/// Moves the start and the end of a task.
fn shift(plan: &mut PlanFile, task: &str, start: i64, end: i64) {
    let placed = placed(plan, task);
    placed.start_ms = placed.start_ms.map(|at| at + start);
    placed.end_ms = placed.end_ms.map(|at| at + end);
}

/// States a stage as reached and proved to be the best.
fn state(plan: &mut PlanFile, name: &str, value: f64) {
    let stage = stage(plan, name);
    (stage.objective, stage.bound, stage.gap) = (value, Some(value), Some(0.0));
    stage.greedy = None;
}

fn priced(plan: &mut PlanFile, name: &str, resource: &str, price: f64) {
    let stage = stage(plan, name);
    stage.proof = Some(Proof::Multipliers);
    stage.multipliers = Some(vec![Multiplier {
        agents: Vec::new(),
        resource: resource.to_owned(),
        price,
        ..Multiplier::default()
    }]);
}

fn metric(plan: &mut PlanFile, name: &str, value: f64) {
    let had = plan.frameworks[0].metrics.insert(name.to_owned(), value);
    assert!(had.is_some_and(|had| had != value), "{name}: {had:?}");
}

macro_rules! mutations {
    ($($name:literal => [$($rule:ident),+], $change:expr;)*) => {
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, rules: &[$(Rule::$rule),+], make: || changed($change) },)*
        ];
    };
}

mutations! {
    "a reduce instance before its maps have ended" => [Follows, Objective, Metrics], |it| shift(it, "reduce", -1, -1);
    "a reduce instance without one of its maps" => [Follows, Unplaced, Counts, Status, Objective, Bound, Metrics, Share], |it| {
        it.placements.retain(|it| it.task != "short");
    };
    "a map instance that takes less than its read from afar" => [Times, Objective], |it| shift(it, "far", 0, -200);
    "an instance that takes longer than its work" => [Times, Objective, Metrics], |it| shift(it, "reduce", 0, 1);
    "a new instance without a start" => [Times, Objective, Follows], |it| {
        let placed = placed(it, "long");
        (placed.start_ms, placed.end_ms) = (None, None);
    };
    "two at once where there is room for one" => [Capacity, Offers, Objective, Share, Welfare, Envy], |it| shift(it, "far", -1, -1);
    "less read over the network than there is" => [Objective], |it| state(it, "network", 0.0);
    "less pulled across racks than there is" => [Objective], |it| state(it, "shuffle", 10.0);
    "an earlier end than there is" => [Objective], |it| state(it, "makespan", 1.3);
    "earlier ends than there are" => [Objective], |it| state(it, "completion", 2.0);
    "less placed than there is" => [Objective, Bound], |it| state(it, "placed", 3.0);
    "a bound that counting does not give" => [Bound, Gap], |it| {
        stage(it, "makespan").bound = Some(1.5);
        stage(it, "makespan").proof = Some(Proof::Combinatorial);
    };
    "a bound of what is read that no price gives" => [Bound], |it| {
        state(it, "network", 100.0);
        priced(it, "network", "kept:network", 1.0);
    };
    "a bound of what is read by a negative price" => [Bound], |it| {
        state(it, "network", 100.0);
        priced(it, "network", "place_ms:1400", -1.0);
    };
    "a bound of what is pulled by prices of places" => [Bound], |it| priced(it, "shuffle", "places", 1.0);
    "a bound of what is pulled by a negative price" => [Bound], |it| priced(it, "shuffle", "kept:network", -1.0);
    "no bound of what is read" => [Bound, Gap], |it| stage(it, "network").bound = None;
    "more map instances beside their data than there are" => [Metrics], |it| metric(it, "node_local_tasks", 3.0);
    "less read from other racks than there is" => [Metrics], |it| metric(it, "remote_mib", 0.0);
    "less pulled from other racks than there is" => [Metrics], |it| metric(it, "cross_rack_mib[shuffle]", 30.0);
    "an end of all that is not the last one" => [Metrics], |it| metric(it, "makespan_ms", 1000.0);
    "a stage of what is pulled left out" => [Stages], |it| {
        it.frameworks[0].stages.retain(|it| it.name != "shuffle");
    };
}

#[test]
fn the_plan_is_what_its_description_says() {
    let (cluster, mut plan) = case();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let times = |plan: &mut PlanFile, task: &str| {
        let placed = placed(plan, task);
        (placed.start_ms.unwrap(), placed.end_ms.unwrap())
    };
    // Whatever comes first on n3, both are over after 600 ms.
    assert_eq!(times(&mut plan, "long"), (0, 1000));
    assert_eq!(times(&mut plan, "reduce"), (1000, 1400));
    assert_eq!(times(&mut plan, "short"), (0, 100));
    assert_eq!(times(&mut plan, "far"), (100, 600));
    let values: Vec<(String, f64)> = (plan.frameworks[0].stages.iter())
        .map(|stage| (stage.name.clone(), stage.objective))
        .collect();
    let expected = [
        ("placed", 4.0),
        ("makespan", 1.4),
        ("network", 100.0),
        ("shuffle", 60.0),
        ("completion", 3.1),
    ];
    let expected: Vec<(String, f64)> = expected.map(|(name, it)| (name.to_owned(), it)).into();
    assert_eq!(values, expected);
    for stage in &plan.frameworks[0].stages {
        assert_eq!(stage.bound, Some(stage.objective), "{stage:?}");
    }
}

/// Forty instances read what is on one agent, which has time for a few of them; one that takes a millisecond makes their number say nothing.
#[test]
fn a_bound_by_prices_of_time_is_recomputed() {
    let agents = ["n1", "n2", "n3", "n4", "n5"].map(|id| {
        let cpu = if id == "n1" { 1000 } else { 3000 };
        serde_json::json!({"id": id, "domains": {"rack": format!("r-{id}")}, "resources": {"cpu_milli": cpu}})
    });
    let task = |id: &str, instances: i64, inputs: &[&str], work_ms: i64| {
        serde_json::json!({"id": id, "instances": instances, "resources": {"cpu_milli": 1000},
            "map": {"inputs": inputs, "work_ms": work_ms}})
    };
    let file = serde_json::json!({"version": "apportion/v1", "levels": ["rack"], "agents": agents,
        "frameworks": [{"id": "f", "policy": "mapreduce"}],
        "data": {"blocks": [{"id": "b", "mib": 100, "replicas": ["n1"]}]},
        "jobs": [{"id": "j", "framework": "f",
            "tasks": [task("hot", 40, &["b"], 10_000), task("short", 1, &[], 1)]}]});
    let cluster = apportion::snapshot::read(file.to_string().as_bytes()).unwrap();
    let plan = apportion::engine::plan(&cluster, &apportion::engine::Options::default()).unwrap();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let mut broken = plan;
    let network = stage(&mut broken, "network");
    let multipliers = network.multipliers.as_mut().unwrap();
    assert_eq!(multipliers[0].resource, "place_ms:40000");
    // 13 places for 41 instances: 40 s, in which the one beside the data holds 4.
    assert_eq!(network.objective, 3600.0);
    assert!(network.bound.unwrap() > 3590.0, "{:?}", network.bound);
    multipliers[0].price *= 1.5;
    let breaks_bound = |plan: &PlanFile| {
        let violations = verify(&cluster, plan).violations;
        violations.iter().any(|it| it.rule == Rule::Bound)
    };
    assert!(breaks_bound(&broken));
    // Time before the beginning has no price: nobody would pay it.
    let network = stage(&mut broken, "network");
    (network.bound, network.gap) = (Some(3600.0), Some(0.0));
    let multipliers = network.multipliers.as_mut().unwrap();
    multipliers.truncate(1);
    multipliers[0].resource = "place_ms:-1000".to_owned();
    multipliers[0].price = 3.6;
    assert!(breaks_bound(&broken));
}
