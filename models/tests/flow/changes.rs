//! Changes solved from the basis that there was, against a solve from scratch.

use super::draws::Random;
use super::random::{answer, arc, contended, network};
use super::{solved, twin};
use apportion_models::flow::{Change, FlowArc, FlowNetwork, NetworkSimplex, check};
use apportion_models::{Limits, Status};

/// A change of anything, of which the simplex may refuse what speaks of the dead.
fn change(random: &mut Random, n_nodes: usize, n_arcs: usize) -> Change {
    let node = random.whole(0, n_nodes as i64 - 1) as usize;
    let position = random.whole(0, n_arcs.max(1) as i64 - 1) as usize;
    match random.next() % 10 {
        0 if random.chance(30) => Change::RestoreNode {
            node,
            supply: random.whole(-1, 1),
        },
        0 => Change::AddNode {
            supply: random.whole(-1, 1),
        },
        1 => Change::RemoveNode { node },
        2 => Change::SetSupply {
            node,
            supply: random.whole(-3, 3),
        },
        3 | 4 => Change::AddArc(arc(random, n_nodes)),
        5 => Change::RemoveArc { arc: position },
        _ => {
            let new = arc(random, n_nodes);
            Change::SetArc {
                arc: position,
                lower: new.lower,
                capacity: new.capacity,
                cost: new.cost,
            }
        }
    }
}

/// What a change means, in the plainest way. Positions are used again as the simplex says.
fn apply(network: &mut FlowNetwork, change: &Change, added: Option<usize>) {
    match *change {
        Change::AddNode { supply } => {
            let node = added.unwrap();
            network
                .supplies
                .resize(network.supplies.len().max(node + 1), 0);
            network.supplies[node] = supply;
        }
        Change::RestoreNode { node, supply } => network.supplies[node] = supply,
        Change::RemoveNode { node } => {
            network.supplies[node] = 0;
            for arc in &mut network.arcs {
                if arc.tail as usize == node || arc.head as usize == node {
                    (arc.lower, arc.capacity, arc.cost) = (0, 0, 0);
                }
            }
        }
        Change::SetSupply { node, supply } => network.supplies[node] = supply,
        Change::AddArc(arc) => {
            let position = added.unwrap();
            network
                .arcs
                .resize(network.arcs.len().max(position + 1), arc);
            network.arcs[position] = arc;
        }
        Change::RemoveArc { arc } => {
            let arc = &mut network.arcs[arc];
            (arc.lower, arc.capacity, arc.cost) = (0, 0, 0);
        }
        Change::SetArc {
            arc,
            lower,
            capacity,
            cost,
        } => {
            let arc = &mut network.arcs[arc];
            (arc.lower, arc.capacity, arc.cost) = (lower, capacity, cost);
        }
    }
}

#[test]
fn after_random_changes_the_answer_is_that_of_a_solve_from_scratch() {
    let (mut n_applied, mut n_refused, mut n_optimal) = (0, 0, 0);
    for seed in 0..600 {
        let random = &mut Random(seed + 1_000_000);
        let mut plain = network(seed);
        let mut simplex = NetworkSimplex::new(&plain).unwrap();
        for step in 0..12 {
            for _ in 0..random.whole(1, 3) {
                let change = change(random, plain.supplies.len(), plain.arcs.len());
                match simplex.apply(&change) {
                    Ok(added) => {
                        apply(&mut plain, &change, added);
                        n_applied += 1;
                    }
                    Err(_) => n_refused += 1,
                }
            }
            simplex.solve(&Limits::default());
            let outcome = simplex.outcome();
            assert_eq!(simplex.network(), plain);
            assert_eq!(
                check(&plain, &outcome),
                [],
                "seed {seed}, step {step}: {plain:?}"
            );
            assert_eq!(
                answer(&outcome),
                twin::solve(&plain),
                "seed {seed}, step {step}: {plain:?}"
            );
            n_optimal += usize::from(outcome.objective.is_some());
        }
    }
    assert!(
        n_applied > 10_000 && n_refused > 500 && n_optimal > 600,
        "{n_applied} {n_refused} {n_optimal}"
    );
}

#[test]
fn a_part_of_many_competing_suppliers_is_replaced() {
    for seed in 0..8 {
        let network = contended(seed, 300);
        let sink = network.supplies.len() - 1;
        let mut simplex = NetworkSimplex::new(&network).unwrap();
        simplex.solve(&Limits::default());
        let random = &mut Random(seed);
        for _ in 0..5 {
            for _ in 0..3 {
                let node = random.whole(0, 299) as usize;
                let arcs: Vec<_> = (network.arcs.iter())
                    .filter(|arc| arc.tail as usize == node)
                    .copied()
                    .collect();
                if simplex.apply(&Change::RemoveNode { node }).is_err() {
                    continue;
                }
                let new = simplex
                    .apply(&Change::AddNode { supply: 1 })
                    .unwrap()
                    .unwrap();
                for mut arc in arcs {
                    (arc.tail, arc.cost) = (new as u32, random.whole(0, 1_000));
                    simplex.apply(&Change::AddArc(arc)).unwrap();
                }
            }
            simplex.solve(&Limits::default());
            let now = simplex.network();
            assert_eq!(now.supplies[sink], -300);
            let outcome = simplex.outcome();
            assert_eq!(check(&now, &outcome), []);
            assert_eq!(outcome.objective, solved(&now).objective);
        }
    }
}

#[test]
fn solving_again_without_changes_takes_no_pivot() {
    let mut simplex = NetworkSimplex::new(&contended(3, 200)).unwrap();
    simplex.solve(&Limits::default());
    let first = simplex.outcome();
    simplex.solve(&Limits::default());
    let again = simplex.outcome();
    assert_eq!((again.objective, again.pivots), (first.objective, Some(0)));
}

#[test]
fn positions_are_used_again_and_refusals_change_nothing() {
    let network = contended(3, 20);
    let mut simplex = NetworkSimplex::new(&network).unwrap();
    simplex.apply(&Change::RemoveNode { node: 4 }).unwrap();
    assert!(!simplex.has_node(4) && simplex.supply(4).is_none());
    assert!(
        simplex
            .apply(&Change::SetSupply { node: 4, supply: 1 })
            .is_err()
    );
    assert!(
        simplex
            .apply(&Change::RemoveArc { arc: usize::MAX })
            .is_err()
    );
    assert!(
        simplex
            .apply(&Change::SetSupply {
                node: 3,
                supply: i64::MIN
            })
            .is_err()
    );
    assert_eq!(simplex.supply(3), Some(1));
    assert_eq!(
        simplex.apply(&Change::AddNode { supply: 1 }).unwrap(),
        Some(4)
    );
    let arcs = simplex.arcs_between(3, 23);
    let expected = (0..network.arcs.len())
        .filter(|&arc| (network.arcs[arc].tail, network.arcs[arc].head) == (3, 23));
    assert_eq!(arcs, expected.collect::<Vec<_>>());
    assert_eq!(simplex.arcs_between(4, 23), []);
    assert_eq!(simplex.arc(0), Some(network.arcs[0]));
}

#[test]
fn a_node_that_comes_back_while_its_supply_is_stuck_loses_none_of_it() {
    let mut plain = FlowNetwork::new(4);
    plain.supplies = vec![1, -1, 5, -2];
    for (tail, head, capacity) in [(0, 1, 5), (2, 3, 2)] {
        plain.add_arc(limited(tail, head, capacity));
    }
    let mut simplex = NetworkSimplex::new(&plain).unwrap();
    assert_eq!(simplex.solve(&Limits::default()), &Status::Infeasible);
    simplex.apply(&Change::RemoveNode { node: 2 }).unwrap();
    let added = simplex.apply(&Change::AddNode { supply: 2 }).unwrap();
    assert_eq!(added, Some(2));
    for (tail, head) in [(2, 1), (1, 3)] {
        let arc = limited(tail, head, 10);
        simplex.apply(&Change::AddArc(arc)).unwrap();
    }
    simplex.solve(&Limits::default());
    let outcome = simplex.outcome();
    assert_eq!(check(&simplex.network(), &outcome), []);
    assert_eq!(outcome.objective, Some(5));
}

/// An arc of cost 1.
fn limited(tail: u32, head: u32, capacity: i64) -> FlowArc {
    FlowArc {
        tail,
        head,
        lower: 0,
        capacity,
        cost: 1,
    }
}

#[test]
fn nodes_that_come_back_after_an_infeasible_solve_are_solved_as_from_scratch() {
    let (mut n_back, mut n_mended) = (0, 0);
    for seed in 0..600 {
        let random = &mut Random(seed + 2_000_000);
        let mut plain = network(seed);
        let mut simplex = NetworkSimplex::new(&plain).unwrap();
        simplex.solve(&Limits::default());
        for step in 0..8 {
            let was_infeasible = *simplex.status() == Status::Infeasible;
            let n_nodes = plain.supplies.len();
            let mut make = |simplex: &mut NetworkSimplex, change: Change| {
                let added = simplex.apply(&change).unwrap();
                apply(&mut plain, &change, added);
            };
            // Now and then a supply that nothing may take, so that the next step begins with it.
            let total: i64 = simplex.network().supplies.iter().sum();
            let node = random.whole(0, n_nodes as i64 - 1) as usize;
            let wanted = if random.chance(50) { 0 } else { 3 };
            let supply = simplex.supply(node).unwrap() - total + wanted;
            if was_infeasible {
                make(&mut simplex, Change::RemoveNode { node });
                make(&mut simplex, Change::RestoreNode { node, supply });
                for _ in 0..random.whole(1, 4) {
                    let mut arc = arc(random, n_nodes);
                    if random.chance(50) {
                        arc.tail = node as u32;
                    } else {
                        arc.head = node as u32;
                    }
                    make(&mut simplex, Change::AddArc(arc));
                }
                n_back += 1;
            } else {
                make(&mut simplex, Change::SetSupply { node, supply });
            }
            simplex.solve(&Limits::default());
            let outcome = simplex.outcome();
            assert_eq!(simplex.network(), plain);
            assert_eq!(
                check(&plain, &outcome),
                [],
                "seed {seed}, step {step}: {plain:?}"
            );
            assert_eq!(
                answer(&outcome),
                twin::solve(&plain),
                "seed {seed}, step {step}: {plain:?}"
            );
            n_mended += usize::from(was_infeasible && outcome.objective.is_some());
        }
    }
    assert!(n_back > 1_000 && n_mended > 100, "{n_back} {n_mended}");
}
