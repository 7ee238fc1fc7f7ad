//! What is generated is valid, is as much as was asked for, and is the same each time.

use std::collections::BTreeSet;

use apportion_cluster::file::{AgentFile, JobFile, ShardFile, SnapshotFile, TaskFile};

use super::agents::ROW;
use super::random::Random;
use super::{GenerateOptions, Kind, generate};

fn options(agents: usize, jobs: usize, frameworks: usize, seed: u64) -> GenerateOptions {
    GenerateOptions {
        agents,
        jobs,
        frameworks,
        seed,
        ..GenerateOptions::default()
    }
}

fn instances(snapshot: &SnapshotFile) -> i64 {
    let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
    tasks.map(|task| task.instances).sum()
}

fn asked(snapshot: &SnapshotFile, resource: &str) -> i64 {
    let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
    tasks
        .map(|task| task.instances * task.resources[resource])
        .sum()
}

fn offered(snapshot: &SnapshotFile, resource: &str) -> i64 {
    snapshot
        .agents
        .iter()
        .map(|agent| agent.resources[resource])
        .sum()
}

#[test]
fn equal_seeds_give_equal_snapshots() {
    assert_eq!(
        generate(&options(90, 40, 5, 7)),
        generate(&options(90, 40, 5, 7))
    );
    assert_ne!(
        generate(&options(90, 40, 5, 7)),
        generate(&options(90, 40, 5, 8))
    );
}

#[test]
fn counts_are_exact() {
    for (agents, jobs, frameworks, wanted) in [
        (1, 1, 1, 1),
        (7, 3, 3, 10),
        (100, 30, 3, 31),
        (250, 10, 4, 5_000),
        (50, 20, 2, 20),
        (10, 5, 2, 3),
    ] {
        let snapshot = generate(&GenerateOptions {
            instances: Some(wanted),
            ..options(agents, jobs, frameworks, 3)
        });
        assert_eq!(snapshot.agents.len(), agents);
        assert_eq!(snapshot.jobs.len(), jobs);
        assert_eq!(snapshot.frameworks.len(), frameworks);
        assert_eq!(
            instances(&snapshot),
            i64::try_from(wanted).expect("it is small")
        );
    }
    let empty = generate(&options(0, 0, 0, 1));
    assert!(empty.agents.is_empty() && empty.jobs.is_empty() && empty.frameworks.is_empty());
}

#[test]
fn with_several_policies_counts_are_exact_too() {
    for (agents, jobs, frameworks, wanted) in [
        (1, 2, 2, 2),
        (7, 3, 3, 10),
        (100, 31, 5, 3_000),
        (50, 20, 2, 20),
    ] {
        let of = |policies: &[Kind]| {
            generate(&GenerateOptions {
                instances: Some(wanted),
                policies: policies.to_vec(),
                ..options(agents, jobs, frameworks, 3)
            })
        };
        let all = of(&Kind::ALL);
        assert_eq!(all.jobs.len(), jobs);
        assert_eq!(instances(&all), i64::try_from(wanted).expect("it is small"));
        let snapshot = of(&[Kind::Service, Kind::Ml]);
        let counts = (snapshot.agents.len(), snapshot.jobs.len());
        assert_eq!(counts, (agents, jobs));
        assert_eq!(snapshot.frameworks.len(), frameworks);
        let wanted = i64::try_from(wanted).expect("it is small");
        assert_eq!(instances(&snapshot), wanted);
        let policy_of = |id: &str| {
            let found = snapshot.frameworks.iter().find(|it| it.id == id);
            &found.expect("jobs belong to frameworks").policy
        };
        let ml = snapshot
            .jobs
            .iter()
            .filter(|it| policy_of(&it.framework) == "ml");
        assert_eq!(ml.count(), jobs - jobs / 2);
    }
}

#[test]
fn gpus_are_of_several_models_and_asked_for_in_every_way_up_to_the_load() {
    for (load, seed) in [(0.5, 1), (1.3, 2)] {
        let snapshot = generate(&GenerateOptions {
            load,
            policies: vec![Kind::Service, Kind::Ml],
            shapes: 40,
            ..options(1_000, 120, 6, seed)
        });
        let open = |it: &&AgentFile| it.dedicated.is_none() && !it.cordoned;
        let devices = snapshot
            .agents
            .iter()
            .filter(open)
            .flat_map(|it| &it.devices);
        let has: i64 = devices.map(|it| it.count * 1_000).sum();
        let models = snapshot.agents.iter().flat_map(|it| &it.devices);
        assert!(models.map(|it| &it.model).collect::<BTreeSet<_>>().len() > 2);
        let jobs = snapshot
            .jobs
            .iter()
            .filter(|it| !it.tasks[0].devices.is_empty());
        let jobs: Vec<&JobFile> = jobs.collect();
        let needs = |job: &JobFile| job.tasks[0].devices[0].clone();
        let asked = |job: &&JobFile| needs(job).count * needs(job).milli * job.tasks[0].instances;
        let reached = jobs.iter().map(asked).sum::<i64>() as f64 / has as f64;
        assert!((reached - load).abs() < 0.1 * load, "{load}: {reached}");
        let any = |test: &dyn Fn(&JobFile) -> bool| jobs.iter().any(|job| test(job));
        assert!(any(&|job| needs(job).milli < 1_000) && any(&|job| needs(job).count > 1));
        assert!(any(&|job| needs(job).models.is_none()));
        assert!(any(&|job| needs(job)
            .models
            .is_some_and(|it| it.len() == 2)));
        assert!(any(&|job| job.gang.is_some()) && any(&|job| job.gang.is_none()));
    }
}

#[test]
fn five_policies_ask_for_the_load_of_what_each_of_them_needs() {
    let snapshot = generate(&GenerateOptions {
        load: 0.8,
        policies: Kind::ALL.to_vec(),
        ..options(800, 100, 6, 4)
    });
    let open = |it: &&AgentFile| it.devices.is_empty() && it.dedicated.is_none() && !it.cordoned;
    let cpu: i64 = (snapshot.agents.iter().filter(open))
        .map(|agent| agent.resources["cpu_milli"])
        .sum();
    let policy_of = |job: &JobFile| {
        let found = snapshot.frameworks.iter().find(|it| it.id == job.framework);
        found.expect("jobs belong to frameworks").policy.clone()
    };
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Ml) {
        let jobs = snapshot
            .jobs
            .iter()
            .filter(|job| policy_of(job) == kind.policy());
        let tasks = jobs.flat_map(|job| &job.tasks);
        let asked: i64 = tasks
            .map(|task| task.instances * task.resources["cpu_milli"])
            .sum();
        let part = asked as f64 / cpu as f64;
        assert!((0.1..0.25).contains(&part), "{kind:?}: {part}");
    }
    let units = &snapshot.data.units;
    assert_eq!(units.len(), 100);
    assert!(units.iter().any(|unit| unit.agent.is_none()));
    let tasks = || snapshot.jobs.iter().flat_map(|job| &job.tasks);
    let shards = || tasks().flat_map(|task| &task.shards);
    type Ask = fn(&ShardFile) -> i64;
    let asks: [(Ask, i64); 3] = [
        (
            |it| it.disk_mib,
            units.iter().map(|it| it.capacity_mib).sum(),
        ),
        (|it| it.iops, units.iter().map(|it| it.iops).sum()),
        (|it| it.mib_s, units.iter().map(|it| it.mib_s).sum()),
    ];
    let loads = asks.map(|(ask, has)| {
        let asked: i64 = shards().map(|shard| shard.replicas * ask(shard)).sum();
        asked as f64 / has as f64
    });
    let most = loads.into_iter().fold(0.0, f64::max);
    assert!((0.6..=0.8).contains(&most), "{loads:?}");
    let volumes = || shards().flat_map(|shard| &shard.volumes);
    assert!(volumes().any(|it| it.unit.is_none()) && volumes().any(|it| it.unit.is_some()));
    let maps = tasks().filter(|task| task.map.is_some()).count();
    assert!(maps > 100 && snapshot.data.blocks.len() == maps);
    let edges = || snapshot.jobs.iter().flat_map(|job| &job.edges);
    assert!(edges().any(|it| it.mib_s.is_some()));
}

#[test]
fn the_load_is_met() {
    for (load, wanted) in [
        (0.3, None),
        (0.7, None),
        (0.7, Some(20_000)),
        (1.3, Some(20_000)),
    ] {
        let snapshot = generate(&GenerateOptions {
            load,
            instances: wanted,
            ..options(1_000, 60, 5, 11)
        });
        let ratio = |r| asked(&snapshot, r) as f64 / offered(&snapshot, r) as f64;
        let reached = ratio("cpu_milli").max(ratio("memory_mib"));
        assert!(
            (reached - load).abs() < 0.05 * load + 0.02,
            "{load} {wanted:?}: {reached}"
        );
    }
}

#[test]
fn shapes_are_bounded_and_circuits_cross_racks() {
    let snapshot = generate(&GenerateOptions {
        instances: Some(20_000),
        shapes: 30,
        ..options(5_000, 400, 10, 5)
    });
    let tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
    let shape = |task: &TaskFile| {
        let rules = &task.constraints;
        let stated = (&task.resources, &rules.attributes, &rules.tolerates);
        format!("{stated:?}")
    };
    assert!(tasks.map(shape).collect::<BTreeSet<_>>().len() <= 30);
    let racks_of = |power: &str| {
        let fed = snapshot
            .agents
            .iter()
            .filter(|agent| agent.domains["power"] == power);
        fed.map(|agent| &agent.domains["rack"])
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(racks_of("power-001"), ROW);
    let has = |test: &dyn Fn(&JobFile) -> bool| snapshot.jobs.iter().any(test);
    assert!(has(&|job| job.min_available.is_some()));
    assert!(has(
        &|job| job.tasks.len() == 2 && job.tasks[0].groups.len() == 1
    ));
    assert!(has(&|job| !job.tasks[0].constraints.limit.is_empty()));
    assert!(has(&|job| job.tasks[0]
        .constraints
        .spread
        .iter()
        .any(|s| s.hard)));
    assert!(
        snapshot
            .agents
            .iter()
            .any(|agent| agent.dedicated.is_some())
    );
    assert!(snapshot.agents.iter().any(|agent| agent.cordoned));
}

#[test]
fn every_snapshot_is_valid() {
    for seed in 0..60 {
        let mut random = Random::new(seed, 0);
        let snapshot = generate(&GenerateOptions {
            agents: random.below(400),
            jobs: random.below(60),
            frameworks: random.below(12),
            policies: [
                &[Kind::Service][..],
                &[Kind::Ml],
                &Kind::ALL,
                &Kind::ALL[2..],
            ][random.below(4)]
            .to_vec(),
            seed,
            load: [0.0, 0.5, 1.0, 3.0, f64::NAN][random.below(5)],
            instances: random.one_in(2).then(|| random.below(5_000)),
            shapes: random.below(40),
            units: random.one_in(2).then(|| random.below(30)),
        });
        if let Err(faults) = crate::snapshot::resolve(&snapshot) {
            panic!("seed {seed}: {faults}");
        }
    }
}
