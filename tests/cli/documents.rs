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

/// The lines that the README promises, space aside. How many checks a certificate takes, and the last digits of its numbers, may
/// change: numbers with a point count by what stands before it.
fn key_lines(text: &str) -> Vec<String> {
    let rows = |line: &&str| !line.contains(" checks of ") && !is_a_row_of_counts(line);
    let word = |word: &str| match word.split_once('.') {
        Some((whole, digits)) if digits.starts_with(|it: char| it.is_ascii_digit()) => {
            format!("{whole}.")
        }
        _ => word.to_owned(),
    };
    let lines = text.lines().filter(rows);
    lines
        .map(|line| {
            line.split_whitespace()
                .map(word)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

/// A row of how often each rule was checked: names and whole numbers by turns.
fn is_a_row_of_counts(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let counts = words.iter().skip(1).step_by(2);
    let is_count = |word: &&str| word.chars().all(|it| it.is_ascii_digit() || it == ',');
    line.starts_with("  ") && words.len() >= 4 && counts.clone().all(is_count)
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

/// Every Markdown file of the project.
fn documents(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(documents(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// As pages of Markdown name their headings.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = documents(&root());
    assert!(documents.len() > 20, "{documents:?}");
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let document = document.display();
        let folder = std::path::Path::new(&document.to_string())
            .parent()
            .unwrap()
            .to_owned();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = match file {
                "" => std::path::PathBuf::from(document.to_string()),
                _ => folder.join(file),
            };
            assert!(there.exists(), "{document} links to {target}");
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&there).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|heading| anchor_of(heading) == anchor),
                    "{document} links to {target}"
                );
            }
        }
    }
}

/// Lines that the terminal would break cannot be copied: every example of `--help` begins where examples begin.
#[test]
fn examples_of_the_help_stand_on_lines_of_their_own() {
    let help = |command: &[&str]| -> String {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("apportion"))
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let main = help(&[]);
    let commands = main.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"plan"), "{commands:?}");
    let mut n_examples = 0;
    for command in commands {
        let text = help(&[command]);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        let examples = text.lines().skip_while(|line| *line != "Examples:").skip(1);
        for line in examples.take_while(|line| !line.is_empty()) {
            let begins = ["  apportion ", "  kubectl ", "    "];
            assert!(
                begins.iter().any(|begin| line.starts_with(begin)),
                "{command}: {line}"
            );
            n_examples += 1;
        }
    }
    assert!(n_examples > 20, "{n_examples}");
}
