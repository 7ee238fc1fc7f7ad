//! The README keeps its word: its commands run as written and print what it shows, and its links lead somewhere.
//!
//! To write the current output into the README: `APPORTION_UPDATE=1 cargo test --release --test cli readme`.

#![cfg_attr(
    not(all(unix, feature = "highs")),
    allow(dead_code, reason = "the output shown is that of HiGHS, in a shell")
)]

use std::path::Path;
use std::process::Command;

use super::root;
#[cfg(all(unix, feature = "highs"))]
use super::workspace;

/// A command of a `console` block, with the output shown below it.
struct Example {
    command: String,
    shown: String,
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example {
                    command: command.to_owned(),
                    shown: String::new(),
                }),
                (None, Some(example)) => example.shown.push_str(&format!("{line}\n")),
                (None, None) => {
                    panic!("a console block must begin with a command, not with `{line}`")
                }
            }
        }
    }
    examples
}

/// What a shell prints, without the times of the run.
fn printed(command: &str, folder: &Path) -> String {
    let programs = Path::new(assert_cmd::cargo::cargo_bin!("apportion"))
        .parent()
        .unwrap()
        .to_owned();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    )));
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path.unwrap())
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!words.contains("error"), "{command}: {words}");
    without_times(&String::from_utf8(output.stdout).unwrap())
}

fn without_times(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("Time: "))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The lines that the README promises. How many checks a certificate takes, and the last digits of its numbers, may change.
fn key_lines(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("  "));
    lines
        .map(|line| match line.split_once(": ") {
            Some((verdict, checks)) if checks.contains(" checks of ") => verdict,
            _ => line,
        })
        .collect()
}

#[cfg(all(unix, feature = "highs"))]
#[test]
fn the_readme_shows_what_its_commands_print() {
    let folder = workspace();
    let mut text = readme();
    let update = std::env::var_os("APPORTION_UPDATE").is_some();
    let examples = examples(&text);
    assert!(examples.len() >= 5, "{} commands", examples.len());
    for Example { command, shown } in examples {
        let printed = printed(&command, folder.path());
        if update {
            let before = format!("$ {command}\n{shown}");
            assert!(text.contains(&before), "{before}");
            text = text.replacen(&before, &format!("$ {command}\n{printed}"), 1);
        } else {
            assert_eq!(
                key_lines(&printed),
                key_lines(&without_times(&shown)),
                "{command}"
            );
        }
    }
    if update {
        std::fs::write(root().join("README.md"), text).unwrap();
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "docs/user-guide.md",
        "docs/decisions/README.md",
    ];
    for document in documents {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let folder = root().join(document).parent().unwrap().to_owned();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap();
            assert!(
                file.is_empty() || folder.join(file).exists(),
                "{document} links to {target}"
            );
        }
    }
}
