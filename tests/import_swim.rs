//! Days of a Hadoop cluster (SWIM) as snapshots: what becomes of each column, where copies of blocks are, what is refused and where, and
//! the public days where the data folder is at hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apportion::import::{ImportError, Imported, InputFault, SwimOptions, import, swim, swim_with};
use apportion::snapshot::resolve;
use apportion_cluster::Cluster;
use apportion_cluster::file::{BlockFile, JobFile, SnapshotFile};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// Three hours: a job of two and a half blocks that shuffles, one that reads the first of these, one of another file, and one that
/// reads nothing.
fn day() -> String {
    let rows = [
        ("long", 10, 320 * MIB, 2500 * MIB, 7, "logs"),
        ("short", 3700, MIB / 2, 0, 0, "logs"),
        ("other", 3800, 128 * MIB, 1, 0, "users"),
        ("idle", 7300, 0, 0, 0, ""),
    ];
    let mut text = String::new();
    for (name, submit, input, shuffle, output, path) in rows {
        writeln!(
            text,
            "{name}\t{submit}\t1\t{input}\t{shuffle}\t{output}\t{path}\t\t"
        )
        .unwrap();
    }
    text
}

fn options(agents: u64, racks: u64) -> SwimOptions {
    SwimOptions {
        agents,
        racks,
        ..SwimOptions::default()
    }
}

fn read(text: &str, options: &SwimOptions) -> SnapshotFile {
    let imported = swim_with(&[("day.tsv", text.as_bytes())], options).unwrap();
    imported.snapshot
}

/// The snapshot as a cluster: every name resolves, nothing is refused.
fn resolved(file: &SnapshotFile) -> Cluster {
    resolve(file).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(refused: Result<Imported, ImportError>) -> Vec<InputFault> {
    let Err(ImportError::Input(faults)) = refused else {
        panic!("input faults were expected")
    };
    faults
}

fn job<'s>(file: &'s SnapshotFile, id: &str) -> &'s JobFile {
    file.jobs.iter().find(|job| job.id == id).unwrap()
}

/// Blocks that the map tasks of a job read, and how long each takes beside it and longer elsewhere.
fn maps<'s>(file: &'s SnapshotFile, id: &str) -> Vec<(&'s str, i64, i64)> {
    let tasks = job(file, id).tasks.iter();
    let maps = tasks.filter_map(|task| task.map.as_ref());
    maps.map(|map| {
        let input = map.inputs.first().map_or("", String::as_str);
        (input, map.work_ms, map.remote_penalty_ms)
    })
    .collect()
}

/// Rack of each agent.
fn racks(file: &SnapshotFile) -> BTreeMap<&str, &str> {
    let agents = file.agents.iter();
    agents
        .map(|agent| (agent.id.as_str(), agent.domains["rack"].as_str()))
        .collect()
}

/// Three copies on distinct agents in two racks, the second and the third in one: as far as there are agents and racks.
fn assert_spread(file: &SnapshotFile) {
    let racks = racks(file);
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for rack in racks.values() {
        *sizes.entry(rack).or_insert(0) += 1;
    }
    for block in &file.data.blocks {
        let agents: BTreeSet<&String> = block.replicas.iter().collect();
        assert_eq!(
            (agents.len(), block.replicas.len()),
            (racks.len().min(3), racks.len().min(3)),
            "{block:?}"
        );
        let of: Vec<&str> = block.replicas.iter().map(|it| racks[it.as_str()]).collect();
        let distinct: BTreeSet<&&str> = of.iter().collect();
        assert!(
            distinct.len() >= sizes.len().min(of.len()).min(2),
            "{block:?}"
        );
        if sizes.len() > 1 && of.len() == 3 {
            assert_eq!(of[1] == of[2], sizes[of[1]] > 1, "{block:?}");
        }
    }
}

fn blocks(file: &SnapshotFile) -> BTreeMap<&str, &BlockFile> {
    let blocks = file.data.blocks.iter();
    blocks.map(|block| (block.id.as_str(), block)).collect()
}

#[test]
fn a_file_is_cut_into_blocks_of_128_mib_and_jobs_of_one_path_read_the_same() {
    let file = read(&day(), &options(12, 4));
    let sizes: Vec<(&str, i64)> = blocks(&file).iter().map(|(id, it)| (*id, it.mib)).collect();
    let expected = [
        ("logs-00000", 128),
        ("logs-00001", 128),
        ("logs-00002", 64),
        ("users-00000", 128),
    ];
    assert_eq!(sizes, expected);
    // A MiB takes 20 ms, and half as much again from elsewhere.
    let long = [
        ("logs-00000", 2560, 1280),
        ("logs-00001", 2560, 1280),
        ("logs-00002", 1280, 640),
    ];
    assert_eq!(maps(&file, "long"), long);
    assert_eq!(maps(&file, "short"), [("logs-00000", 20, 10)]);
    assert_eq!(maps(&file, "other"), [("users-00000", 2560, 1280)]);
    assert_eq!(maps(&file, "idle"), [("", 20, 0)]);
    assert_eq!(resolved(&file).tasks.len(), 8);
}

#[test]
fn what_is_shuffled_becomes_a_reduce_instance_for_each_gib() {
    let file = read(&day(), &options(12, 4));
    let reduce = |id: &str| {
        let task = job(&file, id).tasks.iter().find(|it| it.id == "reduce")?;
        let reduce = task.reduce.as_ref().unwrap();
        Some((
            task.instances,
            reduce.shuffle_mib_total.unwrap(),
            reduce.work_ms,
        ))
    };
    assert_eq!(reduce("long"), Some((3, 2500, 2500 / 3 * 20)));
    // A single byte is a MiB that somebody pulls.
    assert_eq!(reduce("other"), Some((1, 1, 20)));
    assert_eq!((reduce("short"), reduce("idle")), (None, None));
}

#[test]
fn jobs_have_waited_since_they_were_submitted() {
    let waited = |file: &SnapshotFile| -> Vec<(String, i64)> {
        let jobs = file.jobs.iter();
        jobs.map(|job| (job.id.clone(), job.waited_ms / 1000))
            .collect()
    };
    let named = |expected: &[(&str, i64)]| -> Vec<(String, i64)> {
        let expected = expected.iter();
        expected.map(|(id, at)| ((*id).to_owned(), *at)).collect()
    };
    // To the end of what is read: the second after the last job, or the end of the last hour.
    let whole = read(&day(), &options(12, 4));
    let expected = [
        ("long", 7291),
        ("short", 3601),
        ("other", 3501),
        ("idle", 1),
    ];
    assert_eq!(waited(&whole), named(&expected));
    let hour = SwimOptions {
        hours: Some((1, 1)),
        ..options(12, 4)
    };
    let second = read(&day(), &hour);
    assert_eq!(waited(&second), named(&[("short", 3500), ("other", 3400)]));
    // Whichever hours are read, a block is where it is.
    let (all, some) = (blocks(&whole), blocks(&second));
    for (id, block) in some {
        assert_eq!(block.replicas, all[id].replicas, "{id}");
    }
}

#[test]
fn agents_are_made_up_and_go_round_the_racks() {
    let file = read(
        &day(),
        &SwimOptions {
            slots: 3,
            ..options(5, 2)
        },
    );
    let racks: Vec<&str> = racks(&file).into_values().collect();
    assert_eq!(
        racks,
        ["rack-000", "rack-001", "rack-000", "rack-001", "rack-000"]
    );
    let slots: i64 = file
        .agents
        .iter()
        .map(|it| it.resources["cpu_milli"])
        .sum::<i64>();
    let of_task = file.jobs[0].tasks[0].resources["cpu_milli"];
    assert_eq!(slots / of_task, 15);
    let usual = swim(&[("day.tsv", day().as_bytes())]).unwrap().snapshot;
    let names: BTreeSet<&str> = self::racks(&usual).into_values().collect();
    assert_eq!((usual.agents.len(), names.len()), (600, 30));
}

#[test]
fn copies_are_on_three_agents_of_two_racks_as_far_as_there_are_any() {
    let row = |at: u64| format!("j{at}\t{at}\t1\t{}\t0\t0\tfile{at}\n", 1000 * MIB);
    let text: String = (0..60).map(row).collect();
    for (agents, racks) in [
        (600, 30),
        (12, 4),
        (7, 3),
        (4, 2),
        (3, 2),
        (3, 3),
        (5, 1),
        (2, 2),
        (1, 1),
        (31, 30),
        (30, 30),
    ] {
        assert_spread(&read(&text, &options(agents, racks)));
    }
}

#[test]
fn the_seed_decides_where_blocks_are_and_nothing_else() {
    let with = |seed: u64| {
        read(
            &day(),
            &SwimOptions {
                seed,
                ..options(100, 10)
            },
        )
    };
    let (first, again, other) = (with(1), with(1), with(2));
    assert_eq!(first, again);
    assert_ne!(first.data.blocks, other.data.blocks);
    assert_eq!(first.jobs, other.jobs);
    assert_eq!(first.agents, other.agents);
    let settings = [("seed", "1"), ("agents", "100"), ("racks", "10")];
    let day = day();
    let same = import("swim", &[("day.tsv", day.as_bytes())], &settings).unwrap();
    assert_eq!(same.snapshot, first);
}

#[test]
fn every_agent_is_as_likely_to_hold_a_copy() {
    let row = |at: u64| format!("j{at}\t{at}\t1\t{}\t0\t0\tfile{at}\n", 1280 * MIB);
    let text: String = (0..400).map(row).collect();
    let file = read(&text, &options(20, 5));
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    let replicas = file.data.blocks.iter().flat_map(|it| &it.replicas);
    for agent in replicas {
        *copies.entry(agent).or_insert(0) += 1;
    }
    // 12,000 copies on 20 agents: 600 each, with a deviation of 24.
    assert_eq!(copies.len(), 20);
    for (agent, count) in copies {
        assert!((480..=720).contains(&count), "{agent}: {count}");
    }
}

#[test]
fn a_scale_multiplies_all_sizes() {
    let half = SwimOptions {
        scale_milli: 500,
        ..options(12, 4)
    };
    let file = read(&day(), &half);
    let sizes: Vec<i64> = blocks(&file).values().map(|it| it.mib).collect();
    assert_eq!(sizes, [128, 32, 64]);
    let long = job(&file, "long").tasks.last().unwrap();
    let pulled = long.reduce.as_ref().unwrap().shuffle_mib_total;
    assert_eq!((long.instances, pulled), (2, Some(1250)));
}

#[test]
fn what_is_not_in_the_trace_is_noted() {
    let hour = SwimOptions {
        hours: Some((1, 2)),
        scale_milli: 1500,
        ..options(12, 4)
    };
    let imported = swim_with(&[("day.tsv", day().as_bytes())], &hour).unwrap();
    let noted: BTreeSet<&str> = imported.notes.iter().map(|note| note.code.name).collect();
    let expected = [
        "agents-made-up",
        "blocks-placed",
        "no-input",
        "other-hours",
        "output",
        "scaled",
        "times-made-up",
    ];
    assert_eq!(noted, expected.into_iter().collect());
    assert_eq!(imported.order, ["short", "other", "idle"]);
    let guide = include_str!("../docs/import-traces.md");
    let section = guide.split("## swim").nth(1).unwrap();
    for code in apportion::import::swim::CODES {
        let row = format!("| `{}` | {} |", code.name, code.weight);
        assert!(section.contains(&row), "{row}");
    }
}

#[test]
fn every_fault_is_reported_with_its_line_cause_and_action() {
    let text = "\
a\t1\t1\t10\t10\t10\tp
a\t2\t1\t10\t10\t10\tp

\t3\t1\t10\t10\t10\tp
b\t4\t1\t10
c\t-5\tx\t1e9\t1.5\t\tp
d\t99999999999999999\t0\t0\t0\t0
e\t6\t0\t99999999999999999999\t0\t0
";
    let found = faults(swim(&[("day.tsv", text.as_bytes())]));
    let places: Vec<(&str, &str)> = found
        .iter()
        .map(|fault| (fault.file.as_str(), fault.place.as_str()))
        .collect();
    let lines = [2, 4, 5, 6, 6, 6, 6, 6, 7, 8].map(|line| format!("line {line}"));
    let expected: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| ("day.tsv", line.as_str()))
        .collect();
    assert_eq!(places, expected);
    for (fault, words) in found.iter().zip([
        "`a` is there twice",
        "no name",
        "4 columns, 6 are needed",
        "column 2 (submit): `-5`",
        "column 3 (gap): `x`",
        "column 4 (input): `1e9`",
        "column 5 (shuffle): `1.5`",
        "column 6 (output): ``",
        "column 2 (submit)",
        "column 4 (input)",
    ]) {
        assert!(fault.cause.contains(words), "{fault:?}");
        assert!(!fault.action.is_empty(), "{fault:?}");
    }
}

#[test]
fn a_trace_without_jobs_or_with_too_many_blocks_is_refused() {
    let causes = |text: &[u8]| -> Vec<String> {
        let found = faults(swim(&[("day.tsv", text)])).into_iter();
        found.map(|fault| fault.cause).collect()
    };
    assert_eq!(causes(b"\n \n"), ["the input is empty"]);
    let large = format!("a\t1\t1\t{}\t0\t0\n", 1_u64 << 60);
    assert!(causes(large.as_bytes())[0].contains("above the most"));
    assert!(!causes(b"a\t1\t1\t\xff\t0\t0\n").is_empty());
    assert!(!faults(swim(&[])).is_empty());
    let refused = import("swim", &[("d", b"a\t1\t1\t1\t0\t0\n")], &[("hours", "2")]).unwrap_err();
    assert!(refused.to_string().contains("hour"), "{refused}");
}

#[test]
fn options_that_make_no_cluster_are_taken_as_the_least_that_do() {
    let none = SwimOptions {
        slots: 0,
        hours: Some((u64::MAX, u64::MAX)),
        ..options(0, 0)
    };
    let text = day();
    let imported = swim_with(&[("day.tsv", text.as_bytes())], &none).unwrap();
    assert_eq!(
        (imported.snapshot.agents.len(), imported.snapshot.jobs.len()),
        (1, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = swim(&[("x", &bytes)]);
    }

    /// Cuts and flips bytes of a day; whatever imports also resolves.
    #[test]
    fn no_damaged_text_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = day().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(imported) = swim_with(&[("x", &bytes)], &options(9, 3)) {
            resolved(&imported.snapshot);
        }
    }

    /// Any numbers of any cluster: whatever imports also resolves.
    #[test]
    fn no_number_panics(
        numbers in proptest::collection::vec((0_u64..64, 0_u64..64, 0_u64..64), 1..4),
        cluster in (1_u64..40, 1_u64..40),
        scale in 0_u32..6,
    ) {
        let mut text = String::new();
        for (at, (submit, input, shuffle)) in numbers.into_iter().enumerate() {
            // Small inputs: blocks take time to make.
            let (submit, input, shuffle) = (1_u64 << submit, (1_u64 << input).min(1 << 32), 1_u64 << shuffle);
            writeln!(text, "j{at}\t{submit}\t0\t{input}\t{shuffle}\t0").unwrap();
        }
        let options = SwimOptions { scale_milli: 10_u64.pow(scale), ..options(cluster.0, cluster.1) };
        if let Ok(imported) = swim_with(&[("x", text.as_bytes())], &options) {
            assert_spread(&imported.snapshot);
            resolved(&imported.snapshot);
        }
    }
}

/// The public days, read here by splitting lines, which they allow.
mod public {
    use super::*;

    fn whole(name: &str, jobs: usize) {
        let Ok(data) = std::env::var("APPORTION_DATA") else {
            println!("skipped: APPORTION_DATA is not set");
            return;
        };
        let text = std::fs::read_to_string(format!("{data}/swim/{name}")).unwrap();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(rows.len(), jobs);
        // As for a cluster of 600 machines: the recorded ones had 600 in 2009 and 3,000 in 2010.
        let fifth = SwimOptions {
            scale_milli: 200,
            hours: Some((9, 1)),
            seed: 1,
            ..SwimOptions::default()
        };
        let file = read(&text, &fifth);
        assert_spread(&file);
        let hour = |row: &&Vec<&str>| row[1].parse::<u64>().unwrap() / 3600 == 9;
        let (mut read, mut shuffled, mut n_jobs) = (0, 0, 0);
        for row in rows.iter().filter(hour) {
            let scaled = |column: usize| row[column].parse::<u64>().unwrap() * 200 / 1000;
            read += scaled(3).div_ceil(128 * MIB).max(1);
            shuffled += scaled(4).div_ceil(MIB);
            n_jobs += 1;
        }
        let cluster = resolved(&file);
        assert_eq!(cluster.jobs.len(), n_jobs);
        let tasks = || file.jobs.iter().flat_map(|job| &job.tasks);
        assert_eq!(tasks().filter(|it| it.map.is_some()).count() as u64, read);
        let pulled = tasks().filter_map(|it| it.reduce.as_ref()?.shuffle_mib_total);
        assert_eq!(pulled.sum::<i64>() as u64, shuffled);
    }

    #[test]
    fn facebook_2009() {
        whole("FB-2009_samples_24_times_1hr_0.tsv", 5894);
    }

    #[test]
    fn facebook_2010() {
        whole("FB-2010_samples_24_times_1hr_withInputPaths_0.tsv", 25428);
    }
}
