//! Random networks of every kind, against the slow twin and a linear program.

use super::draws::Random;
use super::solved;
use super::twin::{self, Answer};
use apportion_models::Status;
use apportion_models::flow::{FlowArc, FlowNetwork, FlowOutcome, UNLIMITED};

pub fn arc(random: &mut Random, n_nodes: usize) -> FlowArc {
    let node = |random: &mut Random| random.whole(0, n_nodes as i64 - 1) as u32;
    let (tail, head) = (node(random), node(random));
    let lower = if random.chance(20) {
        random.whole(0, 3)
    } else {
        0
    };
    let capacity = match random.next() % 10 {
        0 => lower,
        1 => UNLIMITED,
        _ => lower + random.whole(0, 8),
    };
    let cost = if random.chance(25) {
        random.whole(-6, 0)
    } else {
        random.whole(0, 10)
    };
    FlowArc {
        tail,
        head,
        lower,
        capacity,
        cost,
    }
}

/// A network of at most twelve nodes: parallel arcs, loops, arcs without capacity or without limit, lower bounds, costs of both signs; balanced
/// nine times in ten.
pub fn network(seed: u64) -> FlowNetwork {
    let random = &mut Random(seed);
    let n_nodes = random.whole(1, 12) as usize;
    let mut network = FlowNetwork::new(n_nodes);
    for _ in 0..random.whole(0, 3 * n_nodes as i64) {
        let arc = arc(random, n_nodes);
        network.add_arc(arc);
    }
    // Half of the networks have a flow for certain.
    if random.chance(50) {
        for arc in &network.arcs {
            let room = if arc.capacity == UNLIMITED {
                5
            } else {
                arc.capacity - arc.lower
            };
            let flow = arc.lower + random.whole(0, room);
            network.supplies[arc.tail as usize] += flow;
            network.supplies[arc.head as usize] -= flow;
        }
        return network;
    }
    for _ in 0..random.whole(0, 4) {
        let (from, to) = (
            random.whole(0, n_nodes as i64 - 1),
            random.whole(0, n_nodes as i64 - 1),
        );
        let amount = random.whole(0, 6);
        network.supplies[from as usize] += amount;
        network.supplies[to as usize] -= amount;
    }
    if random.chance(10) {
        network.supplies[0] += random.whole(-2, 2);
    }
    network
}

/// Many suppliers that compete for few places, so that shortest paths get long and cost scaling has to help.
pub fn contended(seed: u64, n_sources: usize) -> FlowNetwork {
    let random = &mut Random(seed);
    let n_places = n_sources / 8 + 1;
    let mut network = FlowNetwork::new(n_sources + n_places + 1);
    let sink = (n_sources + n_places) as u32;
    for source in 0..n_sources {
        network.supplies[source] = 1;
        for _ in 0..5 {
            let head = (n_sources as i64 + random.whole(0, n_places as i64 - 1)) as u32;
            let cost = random.whole(0, 1_000);
            network.add_arc(FlowArc {
                tail: source as u32,
                head,
                lower: 0,
                capacity: 1,
                cost,
            });
        }
        let cost = random.whole(2_000, 3_000);
        network.add_arc(FlowArc {
            tail: source as u32,
            head: sink,
            lower: 0,
            capacity: 1,
            cost,
        });
    }
    for place in 0..n_places {
        let tail = (n_sources + place) as u32;
        network.add_arc(FlowArc {
            tail,
            head: sink,
            lower: random.whole(0, 2),
            capacity: 7,
            cost: random.whole(0, 9),
        });
    }
    network.supplies[sink as usize] = -(n_sources as i64);
    network
}

pub fn answer(outcome: &FlowOutcome) -> Answer {
    match outcome.status {
        Status::Optimal => Answer::Optimal(outcome.objective.unwrap()),
        Status::Infeasible => Answer::Infeasible,
        Status::Unbounded => Answer::Unbounded,
        _ => panic!("{outcome:?}"),
    }
}

#[test]
fn ten_thousand_networks_agree_with_the_slow_twin() {
    let (mut n_optimal, mut n_infeasible, mut n_unbounded) = (0, 0, 0);
    for seed in 0..10_000 {
        let network = network(seed);
        let answer = answer(&solved(&network));
        assert_eq!(answer, twin::solve(&network), "seed {seed}: {network:?}");
        match answer {
            Answer::Optimal(_) => n_optimal += 1,
            Answer::Infeasible => n_infeasible += 1,
            Answer::Unbounded => n_unbounded += 1,
        }
    }
    assert!(
        n_optimal > 3_000 && n_infeasible > 2_000 && n_unbounded > 200,
        "{n_optimal} {n_infeasible} {n_unbounded}"
    );
}

#[cfg(feature = "highs")]
mod linear {
    use super::{contended, network};
    use crate::solved;
    use apportion_models::backends::Highs;
    use apportion_models::flow::{FlowNetwork, FlowSolver, Linear, check};
    use apportion_models::{Limits, Status, StopReason};
    use std::sync::Arc;

    /// HiGHS says of some models that they are infeasible or unbounded, and not which.
    fn agrees(network: &FlowNetwork) {
        let ours = solved(network);
        let twin = Linear(Arc::new(Highs))
            .solve(network, &Limits::default())
            .unwrap();
        if twin.status == Status::NoSolution(StopReason::InfeasibleOrUnbounded) {
            assert!(!ours.status.has_solution());
        } else {
            assert_eq!(
                (ours.status, ours.objective),
                (twin.status, twin.objective),
                "{network:?}"
            );
        }
    }

    #[test]
    fn small_networks_agree_with_a_linear_program() {
        (0..400).for_each(|seed| agrees(&network(seed)));
    }

    #[test]
    fn contended_networks_agree_with_a_linear_program() {
        for seed in 0..12 {
            agrees(&contended(seed, 40 + 30 * seed as usize));
        }
    }

    #[test]
    fn flows_of_a_linear_program_are_checked_too() {
        let network = contended(1, 50);
        let mut outcome = Linear(Arc::new(Highs))
            .solve(&network, &Limits::default())
            .unwrap();
        outcome.potentials = solved(&network).potentials;
        assert_eq!(check(&network, &outcome), []);
    }
}
