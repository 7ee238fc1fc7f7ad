//! A simulation for people: the conversation if it was asked for, the course of shares, and who was how far behind.

use std::collections::BTreeSet;

use crate::cli::console::{Tone, styled};
use crate::cli::numbers::{count, counted, percent, short};
use crate::cli::table::{self, Align, wrapped};
use crate::simulate::{Point, Step};

/// Moments that the table shows.
const MOST_ROWS: usize = 16;
/// Frameworks with a column of their own.
const MOST_COLUMNS: usize = 5;
/// Frameworks in the table of shares.
const MOST_FRAMEWORKS: usize = 20;
/// The longest name of a column, in characters.
const LONGEST: usize = 12;

pub(super) fn text(name: &str, n_events: usize, steps: &[Step], verified: bool) -> String {
    let mut parts = Vec::new();
    if steps.iter().any(|step| !step.transcript.is_empty()) {
        parts.push(transcript(steps));
    }
    parts.push(header(name, n_events, steps, verified));
    parts.push(course(steps));
    parts.push(frameworks(steps));
    parts.join("\n")
}

/// `90 s`, `1 h 5 min`: a moment as people say it.
pub(super) fn time(at_ms: i64) -> String {
    let seconds = at_ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", short((at_ms as f64 / 100.0).round() / 10.0)),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", count(days)),
    }
}

fn transcript(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push_str(&styled(Tone::Heading, &format!("at {}", time(step.at_ms))));
        text.push('\n');
        for line in &step.transcript {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn header(name: &str, n_events: usize, steps: &[Step], verified: bool) -> String {
    let last = steps.last().map_or(0, |step| step.at_ms);
    let preempted: i64 = steps.iter().map(|step| step.preempted).sum();
    let moved: i64 = steps.iter().map(|step| step.moves).sum();
    let judged = match verified {
        true => styled(Tone::Good, "each passed the verifier"),
        false => styled(Tone::Caution, "none was verified"),
    };
    let moved = match moved {
        0 => "nothing moved".to_owned(),
        moved => format!("{} moves of running instances", count(moved)),
    };
    let preempted = match preempted {
        0 => String::new(),
        preempted => format!("; {} displaced for guarantees", count(preempted)),
    };
    wrapped(&format!(
        "{}: {} in {}, {}; {judged}; {moved}{preempted}",
        styled(Tone::Heading, name),
        counted(n_events, "event"),
        time(last),
        counted(steps.len(), "plan"),
    ))
}

/// Some moments, evenly chosen, with what frameworks held of what they deserved.
fn course(steps: &[Step]) -> String {
    let ids = ids(steps);
    let shown: Vec<&str> = ids.iter().copied().take(MOST_COLUMNS).collect();
    let names: Vec<String> = shown.iter().map(|id| cut(id)).collect();
    let mut columns = vec![
        ("time", Align::Left),
        ("placed", Align::Right),
        ("wanted", Align::Right),
        ("lost agents", Align::Right),
    ];
    columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let rows: Vec<Vec<String>> = sampled(steps)
        .into_iter()
        .map(|step| {
            let mut row = vec![
                time(step.at_ms),
                count(step.placed),
                count(step.wanted),
                count(step.lost_agents as i64),
            ];
            row.extend(shown.iter().map(|id| match step.frameworks.get(*id) {
                Some(point) if point.wanted > 0 => {
                    format!("{}/{}", short(point.utility), tenth(point.deserved))
                }
                _ => "-".to_owned(),
            }));
            row
        })
        .collect();
    let mut text = styled(Tone::Heading, "Held / deserved over time, in value");
    if ids.len() > shown.len() {
        let more = counted(ids.len() - shown.len(), "more framework");
        text.push_str(&format!("; {more} with --json"));
    }
    text.push('\n');
    text.push_str(&table::render(&columns, &rows));
    text
}

/// The first moment, the last, and some between.
fn sampled(steps: &[Step]) -> Vec<&Step> {
    if steps.len() <= MOST_ROWS {
        return steps.iter().collect();
    }
    let at = |row: usize| row * (steps.len() - 1) / (MOST_ROWS - 1);
    (0..MOST_ROWS).map(|row| &steps[at(row)]).collect()
}

/// Over all plans: how each framework fared.
fn frameworks(steps: &[Step]) -> String {
    let columns = [
        ("framework", Align::Left),
        ("dominant share, mean", Align::Right),
        ("least held of deserved", Align::Right),
        ("shortfall, mean", Align::Right),
        ("cumulative, largest", Align::Right),
        ("in the end", Align::Right),
    ];
    let ids = ids(steps);
    let rows: Vec<Vec<String>> = ids
        .iter()
        .take(MOST_FRAMEWORKS)
        .map(|id| {
            let points: Vec<&Point> = steps
                .iter()
                .filter_map(|step| step.frameworks.get(*id))
                .collect();
            let n_points = points.len().max(1) as f64;
            let mean =
                |of: fn(&Point) -> f64| points.iter().map(|it| of(it)).sum::<f64>() / n_points;
            let most = points
                .iter()
                .map(|it| it.cumulative_shortfall)
                .fold(0.0, f64::max);
            let waiting = points
                .iter()
                .filter(|it| it.placed < it.wanted && it.deserved > 0.0);
            let least = waiting
                .map(|it| it.utility / it.deserved)
                .min_by(f64::total_cmp);
            vec![
                (*id).to_owned(),
                percent(mean(|it| it.dominant_share)),
                least.map_or_else(|| "never waited".to_owned(), percent),
                short(mean(|it| it.shortfall)),
                short(most),
                short(points.last().map_or(0.0, |it| it.cumulative_shortfall)),
            ]
        })
        .collect();
    let mut text = styled(
        Tone::Heading,
        "Shares over all plans, and what waited for them",
    );
    text.push('\n');
    text.push_str(&table::render(&columns, &rows));
    if ids.len() > MOST_FRAMEWORKS {
        let more = counted(ids.len() - MOST_FRAMEWORKS, "more framework");
        text.push_str(&format!("... {more} (all of them with --json)\n"));
    }
    text
}

fn ids(steps: &[Step]) -> Vec<&str> {
    let ids: BTreeSet<&str> = steps
        .iter()
        .flat_map(|step| step.frameworks.keys().map(String::as_str))
        .collect();
    ids.into_iter().collect()
}

fn tenth(number: f64) -> String {
    short((number * 10.0).round() / 10.0)
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
