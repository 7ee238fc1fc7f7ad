//! Prints the snapshot of a benchmark of Mesos's allocator: `cargo run --release --example multi_framework -- 80 > multi.json`.
//!
//! The number is that of agents; 80 have room for everything, 30 have not.

mod cluster;

use std::process::ExitCode;

fn main() -> ExitCode {
    let agents = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let Some(agents) = agents else {
        eprintln!("say how many agents: multi_framework 80");
        return ExitCode::from(2);
    };
    println!("{:#}", cluster::snapshot(agents));
    ExitCode::SUCCESS
}
