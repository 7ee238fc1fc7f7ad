//! Measures the rules of online planning on the openb GPU trace, beside the published figures.
//!
//! `cargo run --release -p apportion-policies --example openb -- --data DIR [--seeds 42..51] [--list default]
//! [--policies fgd,best_fit]` prints a table: GPU thousandths allocated, in percent of the cluster's, after an
//! arrival sequence that asks for 130 % of it and, on the way, at 95 %; the demand at the first refusal; and the time
//! of one decision.

mod published;
mod trace;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apportion_policies::online::{Answer, Planner, RULES, arrivals, rule};

use published::PUBLISHED;

const DEMAND_PERCENT: i64 = 130;

/// About as much as the cluster could serve whole.
const EARLY_PERCENT: i64 = 95;

fn main() {
    if let Err(message) = run() {
        eprintln!("openb: {message}");
        std::process::exit(2);
    }
}

struct Arguments {
    folder: PathBuf,
    seeds: Vec<u64>,
    lists: Vec<String>,
    rules: Vec<String>,
    threads: usize,
}

fn arguments() -> Result<Arguments, String> {
    let mut folder = None;
    let mut seeds = (42..=51).collect();
    let mut lists: Vec<String> = PUBLISHED
        .iter()
        .map(|(list, _)| (*list).to_owned())
        .collect();
    let mut rules: Vec<String> = RULES.iter().map(|&name| name.to_owned()).collect();
    let mut threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        let value = given
            .next()
            .ok_or_else(|| format!("{option} needs a value"))?;
        let several = || value.split(',').map(str::to_owned).collect();
        match option.as_str() {
            "--data" => folder = Some(PathBuf::from(&value)),
            "--seeds" => seeds = seeds_of(&value)?,
            "--list" => lists = several(),
            "--policies" => rules = several(),
            "--threads" => {
                threads = threads_of(&value)?;
            }
            _ => return Err(format!("unknown option {option}")),
        }
    }
    let folder = folder.ok_or("name the folder of the CSV files: --data DIR")?;
    Ok(Arguments {
        folder,
        seeds,
        lists,
        rules,
        threads,
    })
}

fn threads_of(value: &str) -> Result<usize, String> {
    let threads = value.parse::<std::num::NonZero<usize>>();
    let threads = threads.map_err(|error| format!("--threads {value}: {error}"))?;
    Ok(threads.get())
}

/// `42..51`, both included, or `42`.
fn seeds_of(value: &str) -> Result<Vec<u64>, String> {
    let (first, last) = value.split_once("..").unwrap_or((value, value));
    let parse = |text: &str| {
        text.parse::<u64>()
            .map_err(|error| format!("--seeds {value}: {error}"))
    };
    Ok((parse(first)?..=parse(last)?).collect())
}

/// What one arrival sequence came to; percentages are of the cluster's GPU thousandths.
struct Run {
    /// Allocated at the end.
    percent: f64,
    /// Allocated when the demand had reached `EARLY_PERCENT`.
    early_percent: f64,
    /// The demand at the first refusal.
    first_refusal: f64,
    decisions: Vec<Duration>,
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    println!(
        "| list | rule | mean % | min % | max % | published % | at {EARLY_PERCENT} % demand | first refusal, % demand | decision mean ms | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for list in &arguments.lists {
        let trace = trace::read(&arguments.folder, list)?;
        for name in &arguments.rules {
            if rule(name, &trace.fleet, &trace.population).is_none() {
                return Err(format!("no rule {name}; there are {}", RULES.join(", ")));
            }
        }
        let runs = measure(&arguments, &trace);
        for (name, runs) in arguments.rules.iter().zip(runs) {
            print_row(list, name, &runs);
        }
    }
    Ok(())
}

/// One run per rule and seed, rules first.
fn measure(arguments: &Arguments, trace: &trace::Trace) -> Vec<Vec<Run>> {
    let n_seeds = arguments.seeds.len();
    let n_jobs = arguments.rules.len() * n_seeds;
    let done: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= n_jobs {
                        break;
                    }
                    let run = one_run(
                        trace,
                        &arguments.rules[job / n_seeds],
                        arguments.seeds[job % n_seeds],
                    );
                    done.lock()
                        .expect("no thread panics with the lock")
                        .push((job, run));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics with the lock");
    done.sort_by_key(|(job, _)| *job);
    let mut by_rule: Vec<Vec<Run>> = arguments.rules.iter().map(|_| Vec::new()).collect();
    for (job, run) in done {
        by_rule[job / n_seeds].push(run);
    }
    by_rule
}

fn one_run(trace: &trace::Trace, name: &str, seed: u64) -> Run {
    let rule = rule(name, &trace.fleet, &trace.population).expect("the name was looked up before");
    let mut planner = Planner::new(trace.fleet.clone(), rule, seed);
    let capacity = trace.fleet.device_milli();
    let percent = |milli: i64| 100.0 * milli as f64 / capacity as f64;
    let mut decisions = Vec::new();
    let mut demand = 0;
    let mut early = None;
    let mut first_refusal = None;
    for shape in arrivals(&trace.fleet, &trace.pods, DEMAND_PERCENT, seed) {
        let start = Instant::now();
        let answer = planner
            .place(shape)
            .expect("arrivals are shapes of the fleet");
        decisions.push(start.elapsed());
        demand += trace.fleet.shapes()[shape].total_milli();
        if answer == Answer::Refused {
            first_refusal.get_or_insert(demand);
        }
        if demand * 100 >= capacity * EARLY_PERCENT {
            early.get_or_insert_with(|| planner.fleet().allocated_milli());
        }
    }
    Run {
        percent: percent(planner.fleet().allocated_milli()),
        early_percent: percent(early.unwrap_or(0)),
        first_refusal: percent(first_refusal.unwrap_or(demand)),
        decisions,
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n_values = values.len() as f64;
    values.sum::<f64>() / n_values
}

fn print_row(list: &str, name: &str, runs: &[Run]) {
    let percents = || runs.iter().map(|run| run.percent);
    let min = percents().fold(f64::INFINITY, f64::min);
    let max = percents().fold(f64::NEG_INFINITY, f64::max);
    let average = mean(percents());
    let early = mean(runs.iter().map(|run| run.early_percent));
    let first_refusal = mean(runs.iter().map(|run| run.first_refusal));
    let all_times = runs.iter().flat_map(|run| &run.decisions);
    let mut times: Vec<f64> = all_times.map(|time| 1e3 * time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    let time = mean(times.iter().copied());
    let column = RULES.iter().position(|&rule| rule == name);
    let row = PUBLISHED.iter().find(|(published, _)| *published == list);
    let published = row
        .zip(column)
        .and_then(|((_, figures), column)| figures.get(column));
    let published = published.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"));
    println!(
        "| {list} | {name} | {average:.2} | {min:.2} | {max:.2} | {published} | {early:.2} | {first_refusal:.2} | {time:.3} | {p99:.3} |"
    );
}
