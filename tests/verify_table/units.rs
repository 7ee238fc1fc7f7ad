//! A plan with replicas on storage units, and what can be wrong with it.

use apportion::engine::{self, Options};
use apportion::snapshot;
use apportion::verify::Rule;
use apportion_cluster::Cluster;
use apportion_cluster::plan::{PlanFile, Proof};

use super::Mutation;

/// Two racks with an agent and a unit each, and two replicas in distinct racks, one of which runs.
const SNAPSHOT: &str = r#"{
    "version": "apportion/v1", "levels": ["rack"],
    "agents": [{"id": "a1", "domains": {"rack": "r1"}, "resources": {"cpu_milli": 8000}},
               {"id": "a2", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 8000}},
               {"id": "a3", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 8000}}],
    "frameworks": [{"id": "db", "policy": "storage"}],
    "jobs": [{"id": "pg", "framework": "db", "tasks": [{"id": "server", "resources": {"cpu_milli": 1000}}],
              "shards": [{"id": "s1", "replicas": 2, "distinct": "rack", "iops": 100, "mib_s": 20,
                          "volumes": [{"id": "data", "mib": 60, "unit": "u1"}]}]}],
    "data": {"units": [{"id": "u1", "agent": "a1", "capacity_mib": 130, "iops": 1000, "mib_s": 100},
                       {"id": "u2", "agent": "a2", "capacity_mib": 130, "iops": 1000, "mib_s": 100}]},
    "placements": [{"job": "pg", "task": "server", "shard": "s1", "agent": "a1", "unit": "u1", "instances": 1}]
}"#;

/// The engine's plan: the second replica on `a2` beside `u2`.
pub fn case() -> (Cluster, PlanFile) {
    let cluster = snapshot::read(SNAPSHOT.as_bytes()).unwrap();
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let plan = engine::plan(&cluster, &options).unwrap();
    (cluster, plan)
}

fn changed(change: impl FnOnce(&mut Cluster, &mut PlanFile)) -> (Cluster, PlanFile) {
    let (mut cluster, mut plan) = case();
    change(&mut cluster, &mut plan);
    (cluster, plan)
}

/// The same with another value or bound of a stage.
fn told(stage: &str, objective: f64, bound: f64) -> (Cluster, PlanFile) {
    changed(|_, plan| {
        let stages = plan.frameworks[0].stages.iter_mut();
        for it in stages.filter(|it| it.name == stage) {
            it.objective = objective;
            it.bound = Some(bound);
            it.proof = Some(Proof::Combinatorial);
            it.gap = Some((objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0));
        }
        let gaps = plan.frameworks[0].stages.iter().filter_map(|it| it.gap);
        plan.frameworks[0].gap = Some(gaps.fold(0.0, f64::max));
    })
}

macro_rules! mutations {
    ($($name:literal => [$($rule:ident),+], $make:expr;)*) => {
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, rules: &[$(Rule::$rule),+], make: $make },)*
        ];
    };
}

mutations! {
    "a replica without a unit" => [Unit, Objective], || changed(|_, it| it.placements[1].unit = None);
    "a unit that is not there" => [UnknownName, Objective], || changed(|_, it| {
        it.placements[1].unit = Some("u9".to_owned());
    });
    "new data on a unit that is being emptied" => [Unit, Eligibility, Bound], || changed(|cluster, _| {
        cluster.agents[1].cordoned = true;
    });
    "more data than a unit holds" => [UnitCapacity, UnitOffers], || changed(|cluster, _| {
        cluster.units[1].amounts[0] = 59;
    });
    "more operations than a unit does" => [UnitIops, UnitOffers, Objective], || changed(|cluster, _| {
        cluster.units[1].amounts[1] = 99;
    });
    "more bandwidth than a unit has" => [UnitBandwidth, UnitOffers, Objective], || changed(|cluster, _| {
        cluster.units[1].amounts[2] = 19;
    });
    "two replicas in one rack" => [Distinct, Objective], || changed(|_, it| {
        it.placements[1].unit = Some("u1".to_owned());
    });
    "replicas that stay and change their unit" => [Stays, Distinct, Objective], || changed(|_, it| {
        it.placements[0].unit = Some("u2".to_owned());
    });
    "more of a unit than was offered" => [UnitOffers, Bound], || changed(|_, it| {
        it.unit_offers.iter_mut().for_each(|offer| offer.iops = 99);
    });
    "more is offered of a unit than there is" => [UnitOffers], || changed(|_, it| {
        it.unit_offers.iter_mut().for_each(|offer| offer.mib_s = 101);
    });
    "a way that is told shorter than it is" => [Objective, Bound], || told("distance", 10.0, 10.0);
    "a way that is bounded beyond what is proved" => [Bound], || told("distance", 60.0, 61.0);
    "a unit that is told emptier than it is" => [Objective], || told("utilization", 150.0, 150.0);
    "a fullest unit that is bounded beyond what is proved" => [Bound], || told("utilization", 200.0, 201.0);
}
