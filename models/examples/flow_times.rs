//! Solves a DIMACS minimum cost flow file and says how long it took, for comparisons with other solvers.
//!
//! ```text
//! cargo run --release -p apportion-models --example flow_times -- GRAPH.min RUNS [CHANGES]
//! ```
//!
//! Prints one line per run: objective, milliseconds of the solve alone, of which on a processor. With changes, each group of them is solved from
//! the last basis, and has a line, too; its objective is compared with a solve from scratch. At the end, the peak resident memory in KiB. Reads
//! times and memory from `/proc`.

use std::error::Error;
use std::time::Instant;

use apportion_models::flow::{FlowNetwork, NetworkSimplex, check};
use apportion_models::formats::dimacs;
use apportion_models::{Limits, Status};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (graph, runs, changes) = match arguments.as_slice() {
        [graph, runs] => (graph, runs, None),
        [graph, runs, changes] => (graph, runs, Some(changes)),
        _ => return Err("usage: flow_times GRAPH.min RUNS [CHANGES]".into()),
    };
    let network = dimacs::read(&std::fs::read(graph)?)?;
    let groups = match changes {
        Some(changes) => dimacs::changes::read(&std::fs::read(changes)?)?,
        None => Vec::new(),
    };
    for _ in 0..runs.parse()? {
        let clock = Clock::start()?;
        let mut simplex = NetworkSimplex::new(&network)?;
        simplex.solve(&Limits::default());
        print(clock.read()?, &network, &simplex)?;
        simplex.prepare_changes();
        let mut changer = dimacs::changes::Changer::new(&network);
        for group in &groups {
            let clock = Clock::start()?;
            changer.apply(group, &mut simplex)?;
            simplex.solve(&Limits::default());
            let times = clock.read()?;
            let now = simplex.network();
            print(times, &now, &simplex)?;
            let mut scratch = NetworkSimplex::new(&now)?;
            scratch.solve(&Limits::default());
            if scratch.objective() != simplex.objective() {
                return Err("a solve from scratch answers something else".into());
            }
        }
    }
    println!("peak {}", peak_kib()?);
    Ok(())
}

struct Clock {
    wall: Instant,
    processor_ms: f64,
}

impl Clock {
    fn start() -> Fallible<Self> {
        Ok(Self {
            wall: Instant::now(),
            processor_ms: processor_ms()?,
        })
    }

    /// Milliseconds by the clock, and on a processor.
    fn read(&self) -> Fallible<(f64, f64)> {
        let wall = self.wall.elapsed();
        Ok((
            wall.as_secs_f64() * 1e3,
            processor_ms()? - self.processor_ms,
        ))
    }
}

/// An answer without proof is not printed.
fn print(
    (wall, processor): (f64, f64),
    network: &FlowNetwork,
    simplex: &NetworkSimplex,
) -> Fallible<()> {
    let outcome = simplex.outcome();
    let (Status::Optimal, Some(objective), []) = (
        &outcome.status,
        outcome.objective,
        check(network, &outcome).as_slice(),
    ) else {
        return Err(format!("no proved optimum: {}", outcome.status).into());
    };
    println!("{objective} {wall:.3} {processor:.3}");
    Ok(())
}

/// The time of this thread on a processor.
fn processor_ms() -> Fallible<f64> {
    // The kernel brings the number up to date when a thread gives way.
    std::thread::yield_now();
    let times = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = times.split(' ').next().unwrap_or("").parse()?;
    Ok(nanoseconds / 1e6)
}

fn peak_kib() -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = (status.lines()).find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.ok_or("the peak of memory is not known")?;
    Ok(words.trim().trim_end_matches("kB").trim().parse()?)
}
