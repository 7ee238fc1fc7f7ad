//! Writes a seeded flow network of the shape that cluster schedulers solve, and changes to it.
//!
//! ```text
//! cargo run --release -p apportion-models --example quincy -- MACHINES TASKS SEED GRAPH.min [CHANGES.txt PERCENT]
//! ```
//!
//! Every task sends one unit to the sink: through the aggregator of its job's unscheduled tasks, through the cluster, through one of two racks,
//! or straight through one of six machines that it prefers. A machine has twelve slots. The changes replace so many percent of the tasks by
//! new ones, in one group.
//!
//! # Source
//! The shape: Isard, Prabhakaran, Currey, Wieder, Talwar, Goldberg: Quincy: fair scheduling for distributed computing clusters, SOSP 2009,
//! section 4. Sizes, costs and random choices are ours.

use std::error::Error;
use std::fmt::Write as _;

const SLOTS_PER_MACHINE: u64 = 12;
const MACHINES_PER_RACK: u64 = 40;
const MACHINES_PER_JOB: u64 = 125;
const PREFERRED_RACKS: u64 = 2;
const PREFERRED_MACHINES: u64 = 6;
const ARCS_PER_TASK: u64 = 2 + PREFERRED_RACKS + PREFERRED_MACHINES;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [machines, tasks, seed, graph, changes @ ..] = arguments.as_slice() else {
        return Err("usage: quincy MACHINES TASKS SEED GRAPH.min [CHANGES.txt PERCENT]".into());
    };
    let mut cluster = Cluster {
        machines: machines.parse()?,
        tasks: tasks.parse()?,
        random: Random(seed.parse()?),
    };
    if cluster.machines == 0 || cluster.tasks == 0 {
        return Err("there must be machines and tasks".into());
    }
    std::fs::write(graph, cluster.graph()?)?;
    if let [changes, percent] = changes {
        std::fs::write(changes, cluster.changes(percent.parse()?)?)?;
    }
    Ok(())
}

struct Cluster {
    machines: u64,
    tasks: u64,
    random: Random,
}

/// Nodes in the order of the file: sink, cluster, racks, machines, aggregators of unscheduled tasks, tasks.
impl Cluster {
    fn racks(&self) -> u64 {
        self.machines.div_ceil(MACHINES_PER_RACK)
    }

    fn jobs(&self) -> u64 {
        self.machines.div_ceil(MACHINES_PER_JOB)
    }

    fn rack(&self, rack: u64) -> u64 {
        3 + rack
    }

    fn machine(&self, machine: u64) -> u64 {
        self.rack(self.racks()) + machine
    }

    fn job(&self, job: u64) -> u64 {
        self.machine(self.machines) + job
    }

    fn graph(&mut self) -> Result<String, std::fmt::Error> {
        let (sink, cluster) = (1, 2);
        let first_task = self.job(self.jobs());
        let n_nodes = first_task - 1 + self.tasks;
        let n_arcs = self.tasks * ARCS_PER_TASK + self.racks() + 2 * self.machines + self.jobs();
        let mut text = format!("p min {n_nodes} {n_arcs}\nn {sink} -{}\n", self.tasks);
        for task in 0..self.tasks {
            writeln!(text, "n {} 1", first_task + task)?;
        }
        for rack in 0..self.racks() {
            let slots = SLOTS_PER_MACHINE * MACHINES_PER_RACK;
            writeln!(text, "a {cluster} {} 0 {slots} 0", self.rack(rack))?;
        }
        for machine in 0..self.machines {
            let (rack, machine) = (
                self.rack(machine / MACHINES_PER_RACK),
                self.machine(machine),
            );
            writeln!(text, "a {rack} {machine} 0 {SLOTS_PER_MACHINE} 0")?;
            writeln!(text, "a {machine} {sink} 0 {SLOTS_PER_MACHINE} 0")?;
        }
        for job in 0..self.jobs() {
            writeln!(text, "a {} {sink} 0 {} 0", self.job(job), self.tasks)?;
        }
        for task in 0..self.tasks {
            self.arcs_of_task(&mut text, first_task + task)?;
        }
        Ok(text)
    }

    /// The nearer the choice is to the data, the less it costs.
    fn arcs_of_task(&mut self, text: &mut String, task: u64) -> std::fmt::Result {
        let (job, wait) = (self.random.below(self.jobs()), self.random.below(500));
        writeln!(text, "a {task} {} 0 1 {}", self.job(job), 1_000 + wait)?;
        writeln!(text, "a {task} 2 0 1 {}", 300 + self.random.below(200))?;
        for _ in 0..PREFERRED_RACKS {
            let rack = self.random.below(self.racks());
            writeln!(
                text,
                "a {task} {} 0 1 {}",
                self.rack(rack),
                100 + self.random.below(200)
            )?;
        }
        for _ in 0..PREFERRED_MACHINES {
            let machine = self.random.below(self.machines);
            writeln!(
                text,
                "a {task} {} 0 1 {}",
                self.machine(machine),
                self.random.below(150)
            )?;
        }
        Ok(())
    }

    fn changes(&mut self, percent: f64) -> Result<String, Box<dyn Error>> {
        let first_task = self.job(self.jobs());
        let n_changed = ((self.tasks as f64 * percent / 100.0).round() as u64).clamp(1, self.tasks);
        let mut text = format!("c {n_changed} tasks of {} are replaced\n", self.tasks);
        let stride = self.tasks / n_changed;
        for changed in 0..n_changed {
            writeln!(text, "r {}", first_task + changed * stride)?;
        }
        for _ in 0..n_changed {
            writeln!(text, "d 1 0 {ARCS_PER_TASK}")?;
            self.arcs_of_task(&mut text, 0)?;
        }
        text.push_str("c EOI\n");
        Ok(text)
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}
