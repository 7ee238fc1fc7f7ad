//! Whatever the bytes are, reading them ends, and ends in a value: never in a panic.

use std::io::Write as _;

use apportion::snapshot::{parse, read, to_json};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use crate::generated::{Draw, snapshot};

/// Reads `bytes`; a refusal has sensible messages.
fn try_read(bytes: &[u8]) {
    if let Err(faults) = read(bytes) {
        assert!(!faults.0.is_empty());
        for fault in &faults.0 {
            assert!(fault.to_string().len() < 2_000, "{fault}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        try_read(&bytes);
    }

    #[test]
    fn arbitrary_text(text in "\\PC{0,200}") {
        try_read(text.as_bytes());
    }

    #[test]
    fn text_that_looks_like_yaml(text in "([a-c&*!?|>'\"#-]|: |- |\n|  |\\{|\\}|\\[|\\]|, ){0,60}") {
        try_read(text.as_bytes());
    }
}

/// Flips, drops, repeats and exchanges bytes of a valid file.
fn mutated(text: &str, draw: &mut Draw) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len());
        match draw.below(5) {
            0 => bytes[at] ^= 1 << draw.below(8),
            1 => drop(bytes.drain(at..(at + 1 + draw.below(20)).min(bytes.len()))),
            2 => bytes[at] = b"{}[]\",:-0e.\n"[draw.below(12)],
            3 => {
                let piece = bytes[at..(at + 30).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at + 1),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn mutations_of_valid_files() {
    let json = to_json(&snapshot(5, 6, 3));
    let yaml = format!("# yaml\n{json}");
    let block = "version: apportion/v1\nlevels: [rack]\nagents:\n  - id: a1\n    domains: &d {rack: r1}\n    resources: {cpu_milli: 1}\n  - {id: a2, domains: *d}\nframeworks:\n  - {id: f, policy: service}\njobs:\n  - id: j\n    framework: f\n    tasks: [{id: t, instances: 2}]\n";
    for seed in 0..600 {
        let draw = &mut Draw::new(seed);
        for text in [&json, &yaml, block] {
            try_read(&mutated(text, draw));
        }
    }
}

#[test]
fn mutations_of_compressed_files() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(to_json(&snapshot(5, 6, 3)).as_bytes())
        .unwrap();
    let packed = encoder.finish().unwrap();
    for seed in 0..300 {
        let draw = &mut Draw::new(seed);
        let mut bytes = packed.clone();
        let at = draw.below(bytes.len());
        bytes[at] ^= 1 << draw.below(8);
        try_read(&bytes);
    }
}

#[test]
fn megabytes_of_one_thing() {
    let long = "x".repeat(4 << 20);
    for text in [
        format!(r#"{{"version": "{long}"}}"#),
        format!(r#"{{"version": "apportion/v1", "{long}": 1}}"#),
        format!(r#"{{"version": "apportion/v1", "agents": [{{"id": "{long}", "speed": 0}}]}}"#),
        format!(
            r#"{{"version": "apportion/v1", "agents": [{{"id": "a", "speed": {}}}]}}"#,
            "9".repeat(4 << 20)
        ),
        format!("version: {long}"),
        format!("{long}: 1"),
        "- ".repeat(1 << 20),
        "[".repeat(4 << 20),
        "{\"a\":".repeat(1 << 20),
        "&a ".repeat(1 << 20),
        format!("a: {}", "\"".repeat(1 << 20)),
        long,
    ] {
        try_read(text.as_bytes());
    }
}

#[test]
fn aliases_do_not_multiply_without_bound() {
    let mut bomb = "version: apportion/v1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let faults = read(bomb.as_bytes()).unwrap_err();
    assert_eq!(faults.0[0].code, "E0107");
}

#[test]
fn both_roads_read_the_same() {
    for seed in 0..50 {
        let file = snapshot(seed, 12, 6);
        let fast = serde_json::to_string(&file).unwrap();
        // A list inside a parameter makes the fast reader hand over to the thorough one.
        assert_eq!(parse(fast.as_bytes()).unwrap(), file);
        let mut nested = file.clone();
        nested.frameworks[0].parameters.insert(
            "p".to_owned(),
            serde_json::json!([[1, -2.5], {"a": "é"}, null, true]),
        );
        let slow = serde_json::to_string(&nested).unwrap();
        assert_eq!(parse(slow.as_bytes()).unwrap(), nested);
    }
}

#[test]
fn faults_beyond_the_limit_are_counted() {
    let agents = vec![r#"{"id": "", "speed": 0}"#; 2_000].join(",");
    let faults = read(format!(r#"{{"version": "apportion/v1", "agents": [{agents}]}}"#).as_bytes())
        .unwrap_err();
    let last = faults.0.last().unwrap();
    assert_eq!((faults.0.len(), last.code), (1_001, "E0299"));
    assert!(last.cause.starts_with("3000 more"), "{last}");
}
