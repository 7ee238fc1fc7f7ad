//! Preemption: frameworks under their guarantee take back what instances above theirs occupy.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use apportion::engine::Options;
use apportion::snapshot;
use apportion_cluster::file::{RoleFile, SnapshotFile};
use apportion_cluster::plan::{PlanFile, Victim};
use serde_json::{Value, json};

use common::{applied, cluster, cluster as cluster_of, planned, quiet, random};

fn parse(value: &Value) -> SnapshotFile {
    snapshot::parse(value.to_string().as_bytes()).unwrap()
}

fn preempting() -> Options {
    Options {
        preempt: true,
        ..quiet()
    }
}

fn plan(file: &SnapshotFile) -> PlanFile {
    planned(&cluster(file), &preempting())
}

fn victims(plan: &PlanFile) -> Vec<&Victim> {
    plan.preemptions.iter().flat_map(|it| &it.victims).collect()
}

/// The plan, which displaces nothing once it is applied.
fn settled(file: &SnapshotFile) -> PlanFile {
    let cluster = cluster(file);
    let plan = planned(&cluster, &preempting());
    let next = applied(file, &cluster, &plan);
    let again = self::plan(&next);
    assert!(
        again.preemptions.is_empty() && again.moves.is_empty(),
        "{:?}",
        again.preemptions
    );
    assert_eq!(again.placements, plan.placements);
    plan
}

/// `agents` with slots each; `low` runs one-slot instances on them, and `high` has a guarantee and a job that waits.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a job is written where the scene is"
)]
fn scene(agents: &[i64], running: &[i64], guarantee: i64, job: Value) -> Value {
    let list: Vec<Value> = (0..)
        .zip(agents)
        .map(|(at, slots)| json!({"id": format!("a{at}"), "resources": {"slots": slots}}))
        .collect();
    let runs: Vec<Value> = (0..).zip(running).filter(|(_, count)| **count > 0)
        .map(|(at, count): (i32, _)| json!({"job": "of-low", "task": "t", "agent": format!("a{at}"), "instances": count})).collect();
    json!({
        "version": "apportion/v1", "agents": list,
        "roles": [{"path": "high", "guarantee": {"slots": guarantee}}, {"path": "low"}],
        "frameworks": [{"id": "high", "policy": "service", "role": "high"}, {"id": "low", "policy": "service", "role": "low"}],
        "jobs": [job, {"id": "of-low", "framework": "low",
                       "tasks": [{"id": "t", "instances": running.iter().sum::<i64>(), "resources": {"slots": 1}}]}],
        "placements": runs,
    })
}

fn wants(instances: i64, slots: i64) -> Value {
    json!({"id": "of-high", "framework": "high", "tasks": [{"id": "t", "instances": instances, "resources": {"slots": slots}}]})
}

#[test]
fn nothing_is_displaced_unless_that_is_asked_for() {
    let file = parse(&scene(&[10], &[10], 4, wants(6, 1)));
    let plan = planned(&cluster(&file), &quiet());
    assert!(plan.preemptions.is_empty() && common::placed(&plan, |job| job == "of-high") == 0);
}

#[test]
fn a_framework_takes_back_its_guarantee_and_no_more() {
    let file = parse(&scene(&[10], &[10], 4, wants(6, 1)));
    let plan = settled(&file);
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 4);
    assert_eq!(common::placed(&plan, |job| job == "of-low"), 6);
    let waits = plan.unplaced.iter().find(|it| it.job == "of-low").unwrap();
    assert_eq!((waits.instances, &*waits.reason.code), (4, "preempted"));
    assert!(
        waits.reason.text.contains("of-high"),
        "{}",
        waits.reason.text
    );
    assert!(plan.warnings.iter().all(|it| it.code != "guarantee_short"));
}

#[test]
fn a_gang_is_placed_whole_or_nobody_goes() {
    let gang = |min: i64| {
        json!({"id": "of-high", "framework": "high", "gang": {"min_instances": min},
                                 "tasks": [{"id": "t", "instances": min, "resources": {"slots": 2}}]})
    };
    let plan = settled(&parse(&scene(&[4, 4], &[4, 4], 6, gang(3))));
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 3);
    assert_eq!(victims(&plan).iter().map(|it| it.instances).sum::<i64>(), 6);
    let plan = settled(&parse(&scene(&[4, 4], &[4, 4], 5, gang(3))));
    assert!(plan.preemptions.is_empty(), "a part of a gang is of no use");
}

#[test]
fn who_can_go_elsewhere_moves() {
    let mut job = wants(1, 2);
    job["tasks"][0]["constraints"] = json!({"agents": ["a0"]});
    let plan = settled(&parse(&scene(&[2, 1], &[2, 0], 2, job)));
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 1);
    assert_eq!(plan.moves.len(), 1);
    assert_eq!(
        (
            &*plan.moves[0].from,
            &*plan.moves[0].to,
            plan.moves[0].instances
        ),
        ("a0", "a1", 1)
    );
    assert_eq!(
        victims(&plan)
            .iter()
            .map(|it| (it.instances, it.moved))
            .collect::<Vec<_>>(),
        [(2, 1)]
    );
}

/// Several victims of one task that leave one agent for another are one move, as the verifier has it.
#[test]
fn victims_that_go_the_same_way_are_one_move() {
    let file = parse(&json!({
        "version": "apportion/v1",
        "agents": [{"id": "small", "resources": {"cpu": 8, "gpu": 4}}, {"id": "large", "resources": {"cpu": 20}}],
        "roles": [{"path": "promised", "guarantee": {"cpu": 6, "gpu": 3}}],
        "frameworks": [{"id": "low", "policy": "service"},
                       {"id": "high", "policy": "service", "role": "promised"}],
        "jobs": [{"id": "runs", "framework": "low",
                  "tasks": [{"id": "t", "instances": 8, "resources": {"cpu": 1}}]},
                 {"id": "waits", "framework": "high",
                  "tasks": [{"id": "t", "instances": 3, "resources": {"cpu": 2, "gpu": 1}}]}],
        "placements": [{"job": "runs", "task": "t", "agent": "small", "instances": 8}],
    }));
    let plan = settled(&file);
    let gone: i64 = victims(&plan).iter().map(|it| it.instances).sum();
    assert_eq!(gone, 6);
    assert_eq!(plan.moves.len(), 1, "{:?}", plan.moves);
    assert_eq!(plan.moves[0].instances, 6);
    assert!(plan.unplaced.is_empty());
}

#[test]
fn what_is_guaranteed_to_others_is_safe() {
    let mut scene = scene(&[10], &[10], 4, wants(4, 1));
    scene["roles"][1]["guarantee"] = json!({"slots": 6});
    assert_eq!(
        common::placed(&settled(&parse(&scene)), |job| job == "of-high"),
        4
    );
    // All of 10 slots is promised: what `low` uses beyond its 8 goes.
    scene["roles"][1]["guarantee"] = json!({"slots": 8});
    scene["roles"][0]["guarantee"] = json!({"slots": 2});
    assert_eq!(
        common::placed(&settled(&parse(&scene)), |job| job == "of-high"),
        2
    );
}

#[test]
fn a_guarantee_of_a_role_above_covers_those_below() {
    let mut scene = scene(&[10], &[10], 4, wants(6, 1));
    scene["roles"] =
        json!([{"path": "top", "guarantee": {"slots": 3}}, {"path": "top/high"}, {"path": "low"}]);
    scene["frameworks"][0]["role"] = json!("top/high");
    let plan = settled(&parse(&scene));
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 3);
    assert_eq!(plan.preemptions[0].role, "top");
    // Below the same role nobody takes from the other.
    scene["roles"] = json!([{"path": "top", "guarantee": {"slots": 3}}, {"path": "top/high"}, {"path": "top/low"}]);
    scene["frameworks"][1]["role"] = json!("top/low");
    assert!(settled(&parse(&scene)).preemptions.is_empty());
}

/// The least priority goes first, then the least value; who must not move does not.
#[test]
fn victims_are_the_least_precious_that_may_go() {
    let victim_of = |jobs: &[Value]| {
        let mut all = vec![wants(1, 1)];
        all.extend_from_slice(jobs);
        let runs: Vec<Value> = jobs
            .iter()
            .map(|job| json!({"job": job["id"], "task": "t", "agent": "a0", "instances": 2}))
            .collect();
        let mut scene = scene(&[2 * jobs.len() as i64], &[0], 1, wants(1, 1));
        scene["jobs"] = json!(all);
        scene["placements"] = json!(runs);
        let plan = settled(&parse(&scene));
        victims(&plan)
            .iter()
            .map(|it| format!("{} {}", it.instances, it.job))
            .collect::<Vec<_>>()
    };
    let job = |id: &str, extra: Value| {
        let mut job = json!({"id": id, "framework": "low", "tasks": [{"id": "t", "instances": 2, "resources": {"slots": 1}}]});
        for (key, value) in extra.as_object().unwrap() {
            job[key] = value.clone();
        }
        job
    };
    let valued = |id: &str, value: i64| {
        let mut job = job(id, json!({}));
        job["tasks"][0]["value"] = json!(value);
        job
    };
    assert_eq!(
        victim_of(&[
            job("j", json!({"priority": 5})),
            job("k", json!({"priority": 1})),
            job("l", json!({"priority": 3}))
        ]),
        ["1 k"]
    );
    assert_eq!(
        victim_of(&[valued("j", 3), valued("k", 9), valued("l", 2)]),
        ["1 l"]
    );
    assert_eq!(
        victim_of(&[
            job("j", json!({"max_moves": 0})),
            job("k", json!({"priority": 1}))
        ]),
        ["1 k"]
    );
    let available = json!({"min_available": {"level": "agent", "instances": 0}});
    assert_eq!(victim_of(&[job("j", available)]), ["1 j"]);
    // A gang goes whole, and only where nobody else can.
    let gang = json!({"gang": {"min_instances": 2}});
    assert_eq!(victim_of(&[job("j", gang.clone())]), ["2 j"]);
    assert_eq!(victim_of(&[job("j", gang), job("k", json!({}))]), ["1 k"]);
    assert_eq!(
        victim_of(&[job("j", json!({"max_moves": 0}))]),
        Vec::<String>::new()
    );
}

#[test]
fn what_must_survive_a_loss_is_not_taken() {
    let mut scene = scene(&[1, 1, 1], &[1, 1, 1], 3, wants(3, 1));
    scene["jobs"][1]["min_available"] = json!({"level": "agent", "instances": 1});
    let plan = settled(&parse(&scene));
    assert_eq!(common::placed(&plan, |job| job == "of-low"), 2);
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 1);
}

#[test]
fn whole_devices_are_taken_back() {
    let gpu = |milli: i64| json!([{"name": "gpu", "count": 1, "milli": milli}]);
    let holds = |index: i64| {
        json!({"job": "of-low", "task": "t", "agent": "a", "instances": 1,
                                    "devices": [{"name": "gpu", "index": index, "milli": 500}]})
    };
    let file = parse(&json!({
        "version": "apportion/v1",
        "agents": [{"id": "a", "resources": {"cpu_milli": 8000}, "devices": [{"name": "gpu", "count": 2}]}],
        "roles": [{"path": "high", "guarantee": {"gpu_milli": 1000}}, {"path": "low"}],
        "frameworks": [{"id": "high", "policy": "ml", "role": "high"}, {"id": "low", "policy": "ml", "role": "low"}],
        "jobs": [{"id": "of-high", "framework": "high", "tasks": [{"id": "t", "resources": {"cpu_milli": 100}, "devices": gpu(1000)}]},
                 {"id": "of-low", "framework": "low", "tasks": [{"id": "t", "instances": 4, "resources": {"cpu_milli": 100}, "devices": gpu(500)}]}],
        "placements": [holds(0), holds(0), holds(1), holds(1)],
    }));
    let plan = settled(&file);
    assert_eq!(common::placed(&plan, |job| job == "of-high"), 1);
    // Both halves of one device, not one of each.
    assert_eq!(victims(&plan).iter().map(|it| it.instances).sum::<i64>(), 2);
}

/// One beneficiary among instances of random sizes: without any part of its victims there is no room for it at all.
#[test]
fn no_smaller_set_of_victims_would_do() {
    let mut displaced = 0;
    for seed in 0..150 {
        let mut draws = random::Draw::new(seed);
        let n_agents = draws.from(1, 3);
        let slots: Vec<i64> = (0..n_agents).map(|_| draws.from(2, 6)).collect();
        let mut free = slots.clone();
        let (mut jobs, mut runs) = (Vec::new(), Vec::new());
        for (at, free) in free.iter_mut().enumerate() {
            while *free > 0 && jobs.len() < 9 && !draws.once_in(6) {
                let size = draws.from(1, (*free).min(3));
                *free -= size;
                let id = format!("l{}", jobs.len());
                let priority = draws.from(0, 2);
                jobs.push(json!({"id": id, "framework": "low", "priority": priority,
                                 "tasks": [{"id": "t", "value": draws.from(1, 3), "resources": {"slots": size}}]}));
                runs.push((at, size, id));
            }
        }
        let gang = draws.from(1, 3);
        let size = draws.from(1, 4);
        if gang * size >= slots.iter().sum() {
            continue;
        }
        jobs.push(
            json!({"id": "of-high", "framework": "high", "gang": {"min_instances": gang},
                         "tasks": [{"id": "t", "instances": gang, "resources": {"slots": size}}]}),
        );
        let mut scene = scene(&slots, &[], 1, wants(0, 1));
        scene["roles"][0]["guarantee"] = json!({"slots": (gang * size).min(slots.iter().sum())});
        scene["jobs"] = json!(jobs);
        scene["placements"] = runs.iter().map(|(at, _, id)| json!({"job": id, "task": "t", "agent": format!("a{at}"), "instances": 1})).collect();
        let plan = settled(&parse(&scene));
        let gone: Vec<&str> = victims(&plan).iter().map(|it| it.job.as_str()).collect();
        displaced += gone.len();
        let fits = |without: &dyn Fn(&str) -> bool| {
            let mut room = slots.clone();
            for (at, size, id) in &runs {
                room[*at] -= if without(id) { 0 } else { *size };
            }
            room.iter().map(|room| room / size).sum::<i64>() >= gang
        };
        let placed = common::placed(&plan, |job| job == "of-high");
        let covered = gang * size <= slots.iter().sum();
        // Everybody may go: what fits into the empty cluster and is covered is placed.
        assert_eq!(placed == gang, covered && fits(&|_| true), "seed {seed}");
        for spared in &gone {
            assert!(
                !fits(&|id| gone.contains(&id) && id != *spared),
                "seed {seed}: {spared} went in vain"
            );
        }
    }
    assert!(displaced > 60, "{displaced}");
}

/// Only the agent of the first rack would do, and who runs there may leave its rack two behind the other, or may not.
#[test]
fn a_hard_spread_is_left_as_even_as_it_says() {
    for (max_skew, displaced) in [(1, 0), (2, 1)] {
        let job = json!({"id": "of-high", "framework": "high",
                         "tasks": [{"id": "t", "instances": 1, "resources": {"slots": 1, "key": 1}}]});
        let mut scene = scene(&[1, 2], &[1, 2], 1, job);
        scene["levels"] = json!(["rack"]);
        scene["agents"][0]["domains"] = json!({"rack": "first"});
        scene["agents"][0]["resources"]["key"] = json!(1);
        scene["agents"][1]["domains"] = json!({"rack": "second"});
        scene["jobs"][1]["tasks"][0]["constraints"] =
            json!({"spread": [{"level": "rack", "max_skew": max_skew}]});
        let plan = settled(&parse(&scene));
        assert_eq!(victims(&plan).len(), displaced, "{max_skew}");
    }
}

/// Random clusters with everything that jobs may ask for, and guarantees at random: every plan holds, and there is no cycle.
#[test]
fn random_clusters_displace_once_and_then_nothing() {
    let sizes = [(6, 24, 3, 6), (10, 50, 4, 8)];
    let mut entries = 0;
    for seed in 0..100 {
        let (agents, instances, frameworks, room) = sizes[usize::from(seed % 5 == 0)];
        let size = random::Size {
            agents,
            instances,
            frameworks,
            room,
            running: true,
        };
        let mut file = match seed % 3 {
            0 => random::mixed(seed, size),
            _ => random::snapshot(seed, size),
        };
        // A crowd, in which somebody is promised something.
        let crowd = cluster_of(&file);
        file = applied(&file, &crowd, &planned(&crowd, &quiet()));
        guarantee(&mut file, seed);
        let cluster = cluster_of(&file);
        let plan = planned(&cluster, &preempting());
        entries += plan.preemptions.len();
        let next = applied(&file, &cluster, &plan);
        let again = self::plan(&next);
        assert!(
            again.preemptions.is_empty(),
            "seed {seed}: {:?} then {:?}",
            plan.preemptions,
            again.preemptions
        );
    }
    assert!(entries > 10, "{entries}");
}

/// One runs where it may not, and at most one goes on each agent: it moves or stays, and nobody makes room for another of its
/// kind beside it.
#[test]
fn who_leaves_a_broken_rule_is_no_beneficiary() {
    let file = |at_home: i64, wanted: i64, disk: &str| {
        parse(&json!({"version": "apportion/v1",
            "agents": [{"id": "n1", "resources": {"slots": 4}, "attributes": {"disk": "hdd"}},
                       {"id": "n2", "resources": {"slots": 3}, "attributes": {"disk": disk}}],
            "roles": [{"path": "r", "guarantee": {"slots": 5}}],
            "frameworks": [{"id": "f", "policy": "service", "role": "r"}],
            "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "instances": wanted, "resources": {"slots": 1},
                "constraints": {"limit": [{"level": "agent", "max": 1}], "attributes": {"disk": ["ssd", "none"]}}}]}],
            "placements": [{"job": "j", "task": "t", "agent": "n1", "instances": at_home}]}))
    };
    for (at_home, wanted) in [(1, 2), (2, 3), (3, 5)] {
        let plan = plan(&file(at_home, wanted, "ssd"));
        let placed: i64 = plan.placements.iter().map(|it| it.instances).sum();
        assert!(placed >= at_home, "{:?}", plan.placements);
        assert!(plan.preemptions.is_empty(), "{:?}", plan.preemptions);
    }
}

/// What `max_moves` keeps where it breaks a rule is told.
#[test]
fn what_may_not_move_yet_is_told() {
    let file = parse(&json!({"version": "apportion/v1",
        "agents": [{"id": "n1", "resources": {"slots": 4}}, {"id": "n2", "resources": {"slots": 4}},
                   {"id": "n3", "resources": {"slots": 4}}],
        "frameworks": [{"id": "f", "policy": "service"}],
        "jobs": [{"id": "j", "framework": "f", "max_moves": 1, "tasks": [{"id": "t", "instances": 3, "resources": {"slots": 1},
            "constraints": {"limit": [{"level": "agent", "max": 1}]}}]}],
        "placements": [{"job": "j", "task": "t", "agent": "n1", "instances": 3}]}));
    let told = |file: &SnapshotFile| {
        let plan = planned(&cluster(file), &quiet());
        let told = plan
            .warnings
            .iter()
            .map(|it| it.text.clone())
            .collect::<Vec<_>>();
        (plan, told)
    };
    let (plan, warnings) = told(&file);
    assert_eq!(plan.moves.len(), 1);
    let [text] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert!(
        text.starts_with("1 running on n1") && text.contains("max_moves = 1"),
        "{text}"
    );
    let next = applied(&file, &cluster(&file), &plan);
    let (plan, warnings) = told(&next);
    assert_eq!((plan.moves.len(), warnings.len()), (1, 0), "{warnings:?}");
}

/// Gives roles a part of the cluster each, together no more than all of it.
fn guarantee(file: &mut SnapshotFile, seed: u64) {
    let mut draws = random::Draw::new(seed ^ 77);
    let mut total: BTreeMap<String, i64> = BTreeMap::new();
    for agent in file.agents.iter().filter(|agent| !agent.cordoned) {
        for (name, amount) in &agent.resources {
            *total.entry(name.clone()).or_default() += amount;
        }
    }
    let mut distinct: Vec<String> = file
        .frameworks
        .iter()
        .map(|it| it.role.clone().unwrap_or_else(|| it.id.clone()))
        .collect();
    distinct.sort();
    distinct.dedup();
    let lucky = draws.from(1, 2) as usize;
    draws.shuffle(&mut distinct);
    for path in distinct.iter().take(lucky) {
        let part = draws.from(2, 8) / lucky as i64;
        let amounts = total
            .iter()
            .map(|(name, amount)| (name.clone(), amount * part / 10));
        let amounts = Some(amounts.filter(|(_, amount)| *amount > 0).collect());
        match file.roles.iter_mut().find(|role| role.path == *path) {
            Some(role) => role.guarantee = amounts,
            None => file.roles.push(RoleFile {
                path: path.clone(),
                guarantee: amounts,
                ..RoleFile::default()
            }),
        }
    }
}
