//! Plans that break one rule, account, or stage.

use std::collections::BTreeMap;

use apportion::verify::{Rule, verify};
use apportion_cluster::file::DeviceFile;
use apportion_cluster::plan::{Note, OfferFile, PlanFile, PlanStatus, StageSense};
use apportion_cluster::{
    AttributeRule, Cluster, GroupIdx, LevelIdx, LimitRule, MinAvailable, SpreadRule,
};

use super::Mutation;
use super::build::{self, PLACED};
use super::devices::{self, gpu};

macro_rules! mutations {
    ($($name:literal => [$($rule:ident),+], $make:expr;)*) => {
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, rules: &[$(Rule::$rule),+], make: $make },)*
        ];
    };
}

/// The correct plan, changed.
fn changed(change: impl FnOnce(&mut PlanFile)) -> (Cluster, PlanFile) {
    let cluster = build::cluster();
    let mut plan = build::plan(&cluster, PLACED, &[]);
    change(&mut plan);
    (cluster, plan)
}

/// A consistent plan for a cluster with one more rule.
fn ruled(rule: impl FnOnce(&mut Cluster), placed: &[(usize, usize, i64)]) -> (Cluster, PlanFile) {
    let mut cluster = build::cluster();
    rule(&mut cluster);
    let plan = build::plan(&cluster, placed, &[]);
    (cluster, plan)
}

/// A consistent plan that moves the running instance to `b`.
fn moved(rule: impl FnOnce(&mut Cluster)) -> (Cluster, PlanFile) {
    moved_to(rule, &[(0, 1, 2), (0, 2, 2), (1, 0, 2)])
}

fn moved_to(
    rule: impl FnOnce(&mut Cluster),
    placed: &[(usize, usize, i64)],
) -> (Cluster, PlanFile) {
    let mut cluster = build::cluster();
    rule(&mut cluster);
    let plan = build::plan(&cluster, placed, &[(0, 0, 1, 1)]);
    (cluster, plan)
}

fn limit(cluster: &mut Cluster, max: i64) {
    cluster.tasks[0].limits.push(LimitRule {
        level: LevelIdx::of(0),
        max,
        group: None,
    });
}

fn group_limit(cluster: &mut Cluster, max: i64) {
    cluster.groups = vec!["g".to_owned()];
    for task in &mut cluster.tasks {
        task.groups = vec![GroupIdx::of(0)];
    }
    let group = Some(GroupIdx::of(0));
    cluster.tasks[0].limits.push(LimitRule {
        level: LevelIdx::of(0),
        max,
        group,
    });
}

fn spread(cluster: &mut Cluster, max_skew: i64) {
    let rule = SpreadRule {
        level: LevelIdx::of(0),
        max_skew,
        hard: true,
        group: None,
    };
    cluster.tasks[0].spreads.push(rule);
}

fn attribute(cluster: &mut Cluster, present: Option<bool>, any_of: &[&str], none_of: &[&str]) {
    cluster.agents[1]
        .attributes
        .insert("disk".to_owned(), "hdd".to_owned());
    let words = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
    cluster.tasks[0].attributes.push(AttributeRule {
        key: "disk".to_owned(),
        any_of: words(any_of),
        none_of: words(none_of),
        present,
    });
    // What runs on `a` is kept, whatever it breaks.
}

/// Offers another device, or another part of it, in the place of the one listed at `at`.
fn offer(plan: &mut PlanFile, at: usize, index: i64, milli: i64) {
    plan.offers[0].devices[at] = gpu(index, milli);
}

/// A note on a task of job `j`.
fn note(task: &str) -> Note {
    Note {
        job: "j".to_owned(),
        task: task.to_owned(),
        text: "choice 2 of 2".to_owned(),
        code: "choice".to_owned(),
        instances: 1,
    }
}

/// A plan of a batch, `a` and then `b`, changed.
fn batch(change: impl FnOnce(&mut PlanFile)) -> (Cluster, PlanFile) {
    let file = br#"{"version": "apportion/v1",
        "agents": [{"id": "n1", "resources": {"cpu_milli": 1000}}, {"id": "n2", "resources": {"cpu_milli": 1000}}],
        "frameworks": [{"id": "f", "policy": "workflow"}],
        "jobs": [{"id": "j", "framework": "f",
                  "tasks": [{"id": "a", "work_ms": 40, "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n1"]}},
                            {"id": "b", "work_ms": 20, "resources": {"cpu_milli": 1000}, "constraints": {"agents": ["n2"]}}],
                  "edges": [{"from": "a", "to": "b", "mib": 5}]}]}"#;
    let cluster = apportion::snapshot::read(file).unwrap();
    let mut plan =
        apportion::engine::plan(&cluster, &apportion::engine::Options::default()).unwrap();
    assert!(verify(&cluster, &plan).holds());
    change(&mut plan);
    (cluster, plan)
}

/// Shifts the start and the end of what `b` does.
fn shift(plan: &mut PlanFile, start: i64, end: i64) {
    let last = plan
        .placements
        .iter_mut()
        .find(|it| it.task == "b")
        .unwrap();
    last.start_ms = last.start_ms.map(|at| at + start);
    last.end_ms = last.end_ms.map(|at| at + end);
}

mutations! {
    "work that takes longer than it takes" => [Times, Objective], || batch(|it| shift(it, 0, 5));
    "what follows starts too early" => [Follows, Objective], || batch(|it| shift(it, -1, -1));
    "another version" => [Version], || changed(|it| it.version = "apportion/v0".to_owned());
    "another snapshot" => [Digest], || changed(|it| it.snapshot_digest = "d2".to_owned());
    "an offer to nobody" => [UnknownName], || changed(|it| {
        let mut offer = it.offers[0].clone();
        offer.framework = "nobody".to_owned();
        it.offers.insert(0, offer);
    });
    "an offer of nothing known" => [UnknownName], || changed(|it| {
        it.offers[0].resources.insert("wind".to_owned(), 1);
    });
    "a placement nowhere" => [UnknownName], || changed(|it| {
        let mut placed = it.placements[3].clone();
        placed.agent = "z".to_owned();
        it.placements.push(placed);
    });
    "a placement of an unknown task" => [UnknownName], || changed(|it| {
        let mut placed = it.placements[3].clone();
        placed.job = "z".to_owned();
        it.placements.push(placed);
    });
    "an unplaced stranger" => [UnknownName], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        let mut entry = plan.unplaced[0].clone();
        entry.job = "z".to_owned();
        plan.unplaced.push(entry);
        (cluster, plan)
    };
    "a result of nobody" => [UnknownName], || changed(|it| {
        let mut result = it.frameworks[0].clone();
        result.id = "z".to_owned();
        it.frameworks.push(result);
    });
    "an offer twice" => [Duplicate], || changed(|it| it.offers.insert(0, it.offers[0].clone()));
    "a placement twice" => [Duplicate], || changed(|it| it.placements.insert(0, it.placements[0].clone()));
    "a result twice" => [Duplicate], || changed(|it| it.frameworks.push(it.frameworks[0].clone()));
    "a reason twice" => [Duplicate], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        plan.unplaced.push(plan.unplaced[0].clone());
        (cluster, plan)
    };
    "nothing, placed" => [Instances], || changed(|it| {
        let mut placed = it.placements[3].clone();
        (placed.agent, placed.instances) = ("b".to_owned(), 0);
        it.placements.push(placed);
    });
    "more than can be counted" => [Instances], || changed(|it| {
        let mut placed = it.placements[3].clone();
        (placed.agent, placed.instances) = ("b".to_owned(), 1 << 62);
        it.placements.push(placed);
    });
    "a negative offer" => [Instances], || changed(|it| {
        it.offers[4].resources.insert("cpu".to_owned(), -4);
    });
    "placements out of order" => [Order], || changed(|it| it.placements.swap(0, 1));
    "offers out of order" => [Order], || changed(|it| it.offers.swap(0, 1));
    "more on an agent than it has" => [Capacity, Offers], || {
        ruled(|it| it.agents[2].capacity.0[0] = 3, PLACED)
    };
    "more than fits beside what stays" => [Capacity, Offers], || {
        ruled(|it| it.running[0].instances = 2, &[(0, 0, 2), (0, 2, 2), (1, 0, 2)])
    };
    "more instances than wanted" => [Once], || {
        ruled(|_| (), &[(0, 0, 1), (0, 1, 2), (0, 2, 2), (1, 0, 2)])
    };
    "on an agent dedicated to others" => [Eligibility], || {
        ruled(|_| (), &[(0, 0, 1), (0, 1, 1), (0, 3, 2), (1, 0, 2)])
    };
    "on a cordoned agent" => [Eligibility], || {
        ruled(|_| (), &[(0, 0, 1), (0, 1, 1), (0, 4, 2), (1, 0, 2)])
    };
    "beside what runs on a cordoned agent" => [Eligibility], || {
        ruled(|it| it.agents[0].cordoned = true, &[(0, 0, 2), (0, 2, 2), (1, 1, 2)])
    };
    "on an agent that is not named" => [Eligibility], || {
        ruled(|it| it.tasks[1].agents = Some(vec![apportion_cluster::AgentIdx::of(1)]), PLACED)
    };
    "on an agent with a refused attribute" => [Eligibility], || {
        ruled(|it| attribute(it, None, &[], &["hdd"]), PLACED)
    };
    "on an agent without a wanted attribute" => [Eligibility], || {
        ruled(|it| attribute(it, None, &["hdd"], &[]), PLACED)
    };
    "on an agent where an attribute must be absent" => [Eligibility], || {
        ruled(|it| attribute(it, Some(false), &[], &[]), PLACED)
    };
    "in the wrong domain" => [Eligibility], || {
        ruled(|it| {
            attribute(it, None, &["r1"], &[]);
            it.tasks[0].attributes[0].key = "rack".to_owned();
        }, PLACED)
    };
    "devices without a need" => [Devices], || changed(|it| it.placements[0].devices.push(gpu(0, 1)));
    "no devices where some are needed" => [Devices], || devices::changed(|it| it.placements[3].devices.clear());
    "two instances on one list of devices" => [Devices], || devices::changed(|it| {
        it.placements[0].instances = 2;
        it.placements.remove(1);
    });
    "too few devices" => [Devices], || devices::changed(|it| {
        it.placements[2].devices.pop();
    });
    "too many devices" => [Devices], || devices::changed(|it| it.placements[2].devices.push(gpu(4, 1000)));
    "one device twice" => [Devices, DeviceCapacity, OfferedDevices], || devices::changed(|it| {
        it.placements[2].devices[1].index = 1;
    });
    "less of a device than needed" => [Devices], || devices::changed(|it| {
        it.placements[3].devices[0].milli = 399;
    });
    "less than nothing of a device" => [Devices], || devices::changed(|it| {
        it.placements[3].devices[0].milli = -400;
    });
    "a kind that is not needed" => [Devices], || devices::changed(|it| {
        it.placements[3].devices.push(DeviceFile { name: "nic".to_owned(), index: 0, milli: 1 });
    });
    "a device beyond the last" => [Devices], || devices::changed(|it| {
        it.placements[2].devices[1].index = 5;
    });
    "a device before the first" => [Devices], || devices::changed(|it| {
        it.placements[3].devices[0].index = -1;
    });
    "more of a device than all of it" => [DeviceCapacity, OfferedDevices], || devices::changed(|it| {
        it.placements[3].devices[0].index = 1;
    });
    "on a model that is not allowed" => [Eligibility, Objective], || {
        let (mut cluster, plan) = devices::case();
        cluster.tasks[1].devices[0].models[0].model = "H100".to_owned();
        (cluster, plan)
    };
    "on an agent with too few devices" => [Eligibility, Devices, OfferedDevices], || {
        let (mut cluster, plan) = devices::case();
        cluster.agents[0].devices[0].count = 1;
        (cluster, plan)
    };
    "other devices than before" => [Stays], || devices::changed(|it| {
        it.placements[0].devices[0].index = 3;
        it.placements[1].devices[0].index = 4;
    });
    "instances on devices out of order" => [Order], || devices::changed(|it| it.placements.swap(0, 1));
    "an offer of a device beyond the last" => [OfferedDevices], || devices::changed(|it| {
        offer(it, 4, 5, 1000);
    });
    "an offer of what stays on a device" => [OfferedDevices], || devices::changed(|it| {
        offer(it, 0, 0, 500);
        offer(it, 4, 4, 900);
    });
    "new instances on more of a device than was offered" => [OfferedDevices], || devices::changed(|it| {
        offer(it, 3, 3, 599);
        it.offers[0].resources.insert("gpu_milli".to_owned(), 3999);
    });
    "new instances on a device that was not offered" => [OfferedDevices], || devices::changed(|it| {
        it.offers[0].devices.remove(3);
        it.offers[0].resources.insert("gpu_milli".to_owned(), 3400);
    });
    "a total that is not that of the devices" => [OfferedDevices], || devices::changed(|it| {
        it.offers[0].resources.insert("gpu_milli".to_owned(), 4399);
    });
    "a device offered twice" => [Duplicate], || devices::changed(|it| {
        it.offers[0].devices.push(gpu(4, 1000));
    });
    "a note on an unknown task" => [UnknownName], || changed(|it| it.notes.push(note("nobody")));
    "notes out of order" => [Order], || changed(|it| it.notes = vec![note("t"), note("t")].into_iter()
        .zip(["b", "a"])
        .map(|(note, text)| Note { text: text.to_owned(), ..note })
        .collect());
    "too many in a rack" => [Limit], || {
        ruled(|it| limit(it, 2), &[(0, 0, 1), (0, 1, 2), (0, 2, 1), (1, 0, 2)])
    };
    "too many of a group in a rack" => [Limit], || ruled(|it| group_limit(it, 3), PLACED);
    "more in a rack than already too many" => [Limit], || {
        ruled(|it| limit(it, 0), &[(0, 0, 1), (0, 1, 1), (1, 0, 2)])
    };
    "racks differ too much" => [Spread], || {
        ruled(|it| spread(it, 1), &[(0, 0, 1), (0, 1, 2), (0, 2, 1), (1, 0, 2)])
    };
    "half a gang" => [Gang], || {
        ruled(|it| it.jobs[1].gang_min = Some(2), &[(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 0, 1)])
    };
    "what runs is gone" => [Stays], || ruled(|_| (), &[(0, 1, 2), (0, 2, 2), (1, 0, 2)]);
    "more moves away than runs" => [Stays], || {
        let (cluster, mut plan) = moved(tolerant_exile);
        plan.moves[0].instances = 2;
        (cluster, plan)
    };
    "a move to where nothing is placed" => [Stays], || {
        let (cluster, mut plan) = moved(tolerant_exile);
        plan.moves[0].to = "d".to_owned();
        (cluster, plan)
    };
    "a move without a reason" => [Moves], || moved(|_| ());
    "more moves than the job allows" => [Moves], || moved(|it| {
        tolerant_exile(it);
        it.jobs[0].max_moves = Some(0);
    });
    "missing, and not listed" => [Unplaced], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        plan.unplaced.clear();
        (cluster, plan)
    };
    "listed without a reason" => [Unplaced], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        plan.unplaced[0].reason.text = " ".to_owned();
        (cluster, plan)
    };
    "listed with another count" => [Unplaced], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        plan.unplaced[0].instances = 1;
        (cluster, plan)
    };
    "complete with something missing" => [Status], || {
        let (cluster, mut plan) = ruled(|_| (), &PLACED[..3]);
        plan.status = PlanStatus::Complete;
        (cluster, plan)
    };
    "partial with nothing missing" => [Status], || changed(|it| it.status = PlanStatus::Partial);
    "a framework without a result" => [Frameworks], || changed(|it| it.frameworks.clear());
    "another policy" => [Frameworks], || changed(|it| it.frameworks[0].policy = "other".to_owned());
    "a count of placed" => [Counts], || changed(|it| it.frameworks[0].placed = 7);
    "a count of demand" => [Counts], || changed(|it| it.frameworks[0].demand = 7);
    "an offer beyond what is free" => [Offers], || changed(|it| {
        it.offers[0].resources.insert("cpu".to_owned(), 4);
    });
    "placed without an offer" => [Offers], || changed(|it| { it.offers.remove(1); });
    "placed beyond an offer" => [Offers], || changed(|it| {
        it.offers[2] = OfferFile { resources: BTreeMap::from([("cpu".to_owned(), 3)]), ..it.offers[2].clone() };
    });
    "a stage left out" => [Stages], || changed(|it| { it.frameworks[0].stages.pop(); });
    "stages in another order" => [Stages], || changed(|it| it.frameworks[0].stages.swap(1, 2));
    "the other sense" => [Stages], || changed(|it| it.frameworks[0].stages[2].sense = StageSense::Maximize);
    "more value than placed" => [Objective], || changed(|it| {
        let stage = &mut it.frameworks[0].stages[0];
        (stage.objective, stage.bound) = (11.0, Some(11.0));
    });
    "less loss than there is" => [Objective], || changed(|it| {
        let stage = &mut it.frameworks[0].stages[1];
        (stage.objective, stage.bound, stage.greedy) = (1.0, Some(1.0), None);
    });
    "fewer agents than opened" => [Objective], || changed(|it| {
        let stage = &mut it.frameworks[0].stages[2];
        (stage.objective, stage.bound) = (1.0, Some(1.0));
    });
    "fewer instances missing than are" => [Objective], || {
        let rule = MinAvailable { level: LevelIdx::of(0), instances: 3 };
        let (cluster, mut plan) = ruled(|it| it.jobs[0].min_available = Some(rule), PLACED);
        let stage = &mut plan.frameworks[0].stages[1];
        (stage.objective, stage.bound) = (0.0, Some(0.0));
        (cluster, plan)
    };
    "a bound on the wrong side" => [Bound, Gap], || changed(|it| it.frameworks[0].stages[0].bound = Some(9.0));
    "a bound without a proof" => [Bound], || changed(|it| it.frameworks[0].stages[0].proof = None);
    "no bound in a brokered plan" => [Bound], || {
        let (cluster, mut plan) = super::fair::case();
        let result = &mut plan.frameworks[0];
        (result.stages[0].bound, result.stages[0].gap, result.gap) = (None, None, None);
        (cluster, plan)
    };
    "a gap from nowhere" => [Gap], || changed(|it| it.frameworks[0].stages[2].gap = Some(0.1));
    "a gap that hides a stage's" => [Gap], || changed(|it| {
        let stage = &mut it.frameworks[0].stages[1];
        (stage.bound, stage.gap) = (Some(0.75), Some(0.5));
    });
    "a better baseline" => [Greedy], || changed(|it| it.frameworks[0].stages[0].greedy = Some(11.0));
}

/// `a` is dedicated to others: what runs there may leave.
fn tolerant_exile(cluster: &mut Cluster) {
    cluster.agents[0].dedicated = Some("x".to_owned());
    cluster.tasks[1].tolerates = vec!["x".to_owned()];
}

fn assert_holds((cluster, plan): &(Cluster, PlanFile)) {
    let report = verify(cluster, plan);
    assert!(report.holds(), "{report:#?}");
}

#[test]
fn what_the_running_state_breaks_is_excused_as_far_as_it_was() {
    // The running instance sits where its own rules forget it, and alone exceeds a limit of 0.
    assert_holds(&ruled(
        |it| attribute(it, None, &["ssd"], &[]),
        &[(0, 0, 1), (1, 0, 2)],
    ));
    assert_holds(&ruled(|it| limit(it, 0), &[(0, 0, 1), (1, 0, 2)]));
    assert_holds(&ruled(
        |it| it.agents[0].capacity.0[0] = 1,
        &[(0, 0, 1), (0, 2, 2), (1, 1, 2)],
    ));
    assert_holds(&ruled(
        |it| it.jobs[0].gang_min = Some(4),
        &[(0, 0, 1), (1, 0, 2)],
    ));
    // A skew of 2 runs already under a rule of 1: it may stay, not grow.
    let skewed = |it: &mut Cluster| {
        it.running[0].instances = 2;
        spread(it, 1);
    };
    assert_holds(&ruled(skewed, &[(0, 0, 2), (1, 1, 2)]));
}

#[test]
fn justified_moves_hold() {
    assert_holds(&moved(tolerant_exile));
    assert_holds(&moved_to(
        |it| it.agents[0].capacity.0[0] = 1,
        &[(0, 1, 2), (0, 2, 2)],
    ));
}

#[test]
fn stages_by_priority() {
    let case = ruled(|it| it.jobs[1].priority = 5, PLACED);
    assert_eq!(case.1.frameworks[0].stages[0].name, "placed:5");
    assert_holds(&case);
}

#[test]
fn a_baseline_counts_only_while_the_stages_before_are_equal() {
    assert_holds(&changed(|it| {
        it.frameworks[0].stages[0].greedy = Some(9.0);
        it.frameworks[0].stages[1].greedy = Some(0.0);
    }));
}

#[test]
fn level_weights_enter_the_spread() {
    let (mut cluster, mut plan) = changed(|_| ());
    let weights = serde_json::json!({"rack": 3.0});
    cluster.frameworks[0]
        .parameters
        .insert("level_weights".to_owned(), weights);
    let report = verify(&cluster, &plan);
    assert_eq!(report.violations[0].rule, Rule::Objective);
    let stage = &mut plan.frameworks[0].stages[1];
    for number in [
        &mut stage.objective,
        stage.bound.as_mut().unwrap(),
        stage.greedy.as_mut().unwrap(),
    ] {
        *number *= 3.0;
    }
    assert_holds(&(cluster, plan));
}

#[test]
fn bounds_by_search_are_claimed() {
    let (cluster, plan) = changed(|_| ());
    let report = verify(&cluster, &plan);
    assert_eq!(report.claimed.len(), 3, "{:?}", report.claimed);
    assert!(report.claimed[0].contains("web placed"));
}

#[test]
fn stages_of_an_unknown_policy_are_claimed() {
    let (mut cluster, mut plan) = changed(|it| it.frameworks[0].stages.truncate(1));
    cluster.frameworks[0].policy = "third-party".to_owned();
    plan.frameworks[0].policy = "third-party".to_owned();
    plan.frameworks[0].stages[0].name = "revenue".to_owned();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    assert!(report.claimed[0].contains("revenue"));
}
