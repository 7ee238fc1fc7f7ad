//! Online planning: what each rule chooses on tiny fleets, and what holds for every rule and every sequence.

#![allow(clippy::unwrap_used)]

mod always;
mod choice;
mod faults;
mod measure;

use apportion_policies::online::{
    Agent, Answer, Decision, Fleet, Planner, Population, Shape, rule,
};

fn shape(cpu_milli: i64, devices: usize, device_milli: i64) -> Shape {
    Shape {
        amounts: vec![cpu_milli],
        devices,
        device_milli,
        models: vec![],
    }
}

fn agent(cpu_milli: i64, n_devices: usize) -> Agent {
    Agent::empty(vec![cpu_milli], n_devices, None)
}

/// A planner for these agents; every shape arrives as often as every other.
fn planner(name: &str, agents: &[Agent], shapes: &[Shape]) -> Planner {
    let counts = vec![1.0; shapes.len()];
    seeded_planner(name, agents, shapes, &counts, 7)
}

/// A planner for these agents and for shapes that arrive in these proportions.
fn seeded_planner(
    name: &str,
    agents: &[Agent],
    shapes: &[Shape],
    counts: &[f64],
    seed: u64,
) -> Planner {
    let fleet = Fleet::new(agents.to_vec(), shapes.to_vec()).unwrap();
    let weighted: Vec<(Shape, f64)> = shapes.iter().cloned().zip(counts.iter().copied()).collect();
    let rule = rule(name, &fleet, &Population::new(&weighted).unwrap()).unwrap();
    Planner::new(fleet, rule, seed)
}

fn place(planner: &mut Planner, shape: usize) -> Decision {
    match planner.place(shape).unwrap() {
        Answer::Placed(decision) => decision,
        Answer::Refused => panic!("shape {shape} fits nowhere"),
    }
}
