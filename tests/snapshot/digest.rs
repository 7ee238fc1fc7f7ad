//! Equal meaning, equal digest; another meaning, another digest.

use std::io::Write as _;

use apportion::snapshot::{digest, parse, read, resolve, to_json};
use apportion_cluster::file::SnapshotFile;
use flate2::{Compression, write::GzEncoder};

use crate::generated::{Draw, snapshot};

fn shuffled(mut file: SnapshotFile, seed: u64) -> SnapshotFile {
    let draw = &mut Draw::new(seed);
    draw.shuffle(&mut file.levels);
    draw.shuffle(&mut file.agents);
    for agent in &mut file.agents {
        draw.shuffle(&mut agent.devices);
    }
    draw.shuffle(&mut file.roles);
    draw.shuffle(&mut file.frameworks);
    draw.shuffle(&mut file.jobs);
    draw.shuffle(&mut file.placements);
    for task in file.jobs.iter_mut().flat_map(|job| &mut job.tasks) {
        draw.shuffle(&mut task.groups);
        draw.shuffle(&mut task.constraints.limit);
        draw.shuffle(&mut task.constraints.spread);
        draw.shuffle(&mut task.constraints.tolerates);
        task.constraints
            .attributes
            .values_mut()
            .for_each(|values| draw.shuffle(values));
        task.constraints
            .agents
            .iter_mut()
            .for_each(|agents| draw.shuffle(agents));
    }
    for job in &mut file.jobs {
        draw.shuffle(&mut job.tasks);
    }
    file
}

#[test]
fn the_order_of_lists_does_not_matter() {
    for seed in 0..100 {
        let file = snapshot(seed, 30, 12);
        let other = shuffled(file.clone(), seed);
        assert_ne!(file, other);
        assert_eq!(digest(&file), digest(&other), "seed {seed}");
        assert_eq!(
            resolve(&file).unwrap(),
            resolve(&other).unwrap(),
            "seed {seed}"
        );
    }
}

#[test]
fn defaults_written_out_do_not_matter() {
    let short = r#"{"version": "apportion/v1",
        "agents": [{"id": "a", "resources": {"cpu_milli": 1}}],
        "frameworks": [{"id": "f", "policy": "service"}],
        "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "constraints": {"spread": [{"level": "agent", "max_skew": 1}]}}]}]}"#;
    let long = r#"{"version": "apportion/v1", "cluster": "", "fairness": "nash", "levels": [],
        "agents": [{"id": "a", "domains": {}, "attributes": {}, "resources": {"cpu_milli": 1, "gpu_milli": 0}, "dedicated": null, "cordoned": false, "speed": 1000}],
        "roles": [{"path": "f", "weight": 1.0, "idle_guarantee": "hold"}],
        "frameworks": [{"id": "f", "policy": "service", "role": "f", "weight": 1, "parameters": {}}],
        "jobs": [{"id": "j", "framework": "f", "priority": 0, "min_available": null, "max_moves": null, "gang": null,
            "tasks": [{"id": "t", "instances": 1, "value": 1, "resources": {"cpu_milli": 0}, "groups": [],
                "constraints": {"attributes": {}, "limit": [], "agents": null, "tolerates": [],
                    "spread": [{"level": "agent", "max_skew": 1, "hard": true, "group": null}]}}]}],
        "placements": []}"#;
    let (short, long) = (
        read(short.as_bytes()).unwrap(),
        read(long.as_bytes()).unwrap(),
    );
    assert_eq!(short, long);
}

#[test]
fn what_means_something_changes_the_digest() {
    let file = snapshot(7, 30, 12);
    let changes: [fn(&mut SnapshotFile); 12] = [
        |f| f.cluster.push('x'),
        |f| f.agents[0].speed = Some(999),
        |f| *f.agents[1].resources.get_mut("cpu_milli").unwrap() += 1,
        |f| f.agents[2].cordoned = !f.agents[2].cordoned,
        |f| f.roles[0].weight = Some(2.0),
        |f| f.frameworks[0].weight = Some(1.5),
        |f| f.jobs[0].priority += 1,
        |f| f.jobs[0].tasks[0].instances += 1,
        |f| f.jobs[0].tasks[0].constraints.limit[0].max += 1,
        |f| f.jobs[0].tasks[0].constraints.tolerates.clear(),
        |f| f.placements[0].instances += 1,
        |f| f.levels.push("power".to_owned()),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = file.clone();
        change(&mut other);
        assert_ne!(digest(&file), digest(&other), "change {at}");
    }
}

#[test]
fn json_yaml_and_gzip_are_the_same_snapshot() {
    let json = to_json(&snapshot(3, 20, 6));
    let cluster = read(json.as_bytes()).unwrap();
    // JSON text is YAML too, once something makes it look like it.
    let yaml = format!("# as YAML\n---\n{json}");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json.as_bytes()).unwrap();
    assert_eq!(read(yaml.as_bytes()).unwrap(), cluster);
    assert_eq!(read(&encoder.finish().unwrap()).unwrap(), cluster);
    assert_eq!(
        parse(json.as_bytes()).unwrap(),
        parse(yaml.as_bytes()).unwrap()
    );
}

#[test]
fn the_digest_of_a_known_snapshot_is_known() {
    // Plans bear digests: a change here makes every stored plan stale. Recompute it with
    // `printf '%s' '{"version":"apportion/v1",...}' | sha256sum` on the canonical form.
    let file = parse(br#"{"version": "apportion/v1", "agents": [{"id": "a", "resources": {"cpu_milli": 1, "gpu_milli": 0}}]}"#).unwrap();
    let canonical = br#"{"version":"apportion/v1","cluster":"","agents":[{"id":"a","resources":{"cpu_milli":1}}],"frameworks":[],"jobs":[]}"#;
    assert_eq!(
        serde_json::to_vec(&apportion::snapshot::canonical(&file)).unwrap(),
        canonical
    );
    assert_eq!(
        digest(&file),
        "4aacb1a3c2c98ea875c11890c73d6a07dfd74ae318d5ecf5b41252fbdc088c5f"
    );
}
