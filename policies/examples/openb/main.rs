//! Measures the rules of online planning on the openb GPU trace, beside the published figures.
//!
//! `cargo run --release -p apportion-policies --example openb -- --data DIR [--seeds 42..51] [--list default]
//! [--policies fgd,best_fit]` prints a table: GPU thousandths allocated, in percent of the cluster's, after an
//! arrival sequence that asks for 130 % of it; and the time of one decision.

mod trace;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apportion_policies::online::{Planner, RULES, arrivals, rule};

/// Percent allocated at 130 % demand, mean of ten seeds, rules in the order of `RULES` up to `fgd`: the expected
/// results that hkust-adsl/kubernetes-scheduler-simulator publishes.
const PUBLISHED: [(&str, [f64; 6]); 5] = [
    ("default", [87.47, 90.85, 91.88, 92.00, 93.08, 95.39]),
    ("cpu100", [89.11, 91.96, 92.64, 92.72, 93.44, 95.35]),
    ("gpushare40", [86.00, 89.56, 90.02, 90.03, 91.69, 94.15]),
    ("gpuspec20", [87.24, 89.97, 92.24, 92.94, 93.30, 94.84]),
    ("multigpu20", [88.69, 92.06, 93.56, 93.71, 93.93, 95.65]),
];

const DEMAND_PERCENT: i64 = 130;

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
    let mut lists: Vec<String> = PUBLISHED.iter().map(|(list, _)| (*list).to_owned()).collect();
    let mut rules: Vec<String> = RULES.iter().map(|&name| name.to_owned()).collect();
    let mut threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        let value = given.next().ok_or_else(|| format!("{option} needs a value"))?;
        let several = || value.split(',').map(str::to_owned).collect();
        match option.as_str() {
            "--data" => folder = Some(PathBuf::from(&value)),
            "--seeds" => seeds = seeds_of(&value)?,
            "--list" => lists = several(),
            "--policies" => rules = several(),
            "--threads" => threads = value.parse().map_err(|error| format!("--threads: {error}"))?,
            _ => return Err(format!("unknown option {option}")),
        }
    }
    let folder = folder.ok_or("name the folder of the CSV files: --data DIR")?;
    Ok(Arguments { folder, seeds, lists, rules, threads })
}

/// `42..51`, both included, or `42`.
fn seeds_of(value: &str) -> Result<Vec<u64>, String> {
    let (first, last) = value.split_once("..").unwrap_or((value, value));
    let parse = |text: &str| text.parse::<u64>().map_err(|error| format!("--seeds {value}: {error}"));
    Ok((parse(first)?..=parse(last)?).collect())
}

struct Run {
    percent: f64,
    decisions: Vec<Duration>,
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    println!("| list | rule | mean % | min % | max % | published % | decision mean ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|---|");
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
                    let run = one_run(trace, &arguments.rules[job / n_seeds], arguments.seeds[job % n_seeds]);
                    done.lock().expect("no thread panics with the lock").push((job, run));
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
    let mut decisions = Vec::new();
    for shape in arrivals(&trace.fleet, &trace.pods, DEMAND_PERCENT, seed) {
        let start = Instant::now();
        planner.place(shape).expect("arrivals are shapes of the fleet");
        decisions.push(start.elapsed());
    }
    let fleet = planner.fleet();
    Run {
        percent: 100.0 * fleet.allocated_milli() as f64 / fleet.device_milli() as f64,
        decisions,
    }
}

fn print_row(list: &str, name: &str, runs: &[Run]) {
    let percents: Vec<f64> = runs.iter().map(|run| run.percent).collect();
    let mean = percents.iter().sum::<f64>() / percents.len() as f64;
    let min = percents.iter().copied().fold(f64::INFINITY, f64::min);
    let max = percents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut times: Vec<f64> = runs.iter().flat_map(|run| &run.decisions).map(|time| 1e3 * time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    let p99 = times[(times.len() * 99 / 100).min(times.len() - 1)];
    let time = times.iter().sum::<f64>() / times.len() as f64;
    let column = RULES.iter().position(|&rule| rule == name);
    let row = PUBLISHED.iter().find(|(published, _)| *published == list);
    let published = row.zip(column).and_then(|((_, figures), column)| figures.get(column));
    let published = published.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"));
    println!("| {list} | {name} | {mean:.2} | {min:.2} | {max:.2} | {published} | {time:.3} | {p99:.3} |");
}
