//! Numbers at the edge, limits of time, and broken outcomes.

use super::draws::Random;
use super::random::{contended, network};
use super::solved;
use apportion_models::flow::{
    Change, Cut, CutSide, FlowArc, FlowError, FlowFault, FlowNetwork, FlowOutcome, FlowSolver,
    FlowViolation, LARGEST_PRICE, LARGEST_TOTAL, NetworkSimplex, Refutation, Simplex, UNLIMITED,
    check,
};
use apportion_models::{CancelToken, Limits, Status, StopReason};
use std::time::Duration;

fn pair(supply: i64, lower: i64, capacity: i64, cost: i64) -> FlowNetwork {
    FlowNetwork {
        supplies: vec![supply, supply.checked_neg().unwrap_or(0)],
        arcs: vec![FlowArc {
            tail: 0,
            head: 1,
            lower,
            capacity,
            cost,
        }],
    }
}

#[test]
fn the_largest_numbers_that_are_let_in_are_computed_with() {
    let amount = LARGEST_TOTAL / 3;
    let outcome = solved(&pair(amount, 0, amount, LARGEST_PRICE / 3));
    assert_eq!(
        outcome.objective,
        Some(i128::from(amount) * i128::from(LARGEST_PRICE / 3))
    );
    let dear = solved(&pair(amount / 2, amount / 4, UNLIMITED, -LARGEST_PRICE / 3));
    assert_eq!(
        dear.objective,
        Some(-i128::from(amount / 2) * i128::from(LARGEST_PRICE / 3))
    );
}

#[test]
fn every_fault_is_named_at_once() {
    let mut network = pair(i64::MIN, -1, -2, i64::MIN);
    network.add_arc(FlowArc {
        tail: 7,
        head: 1,
        lower: 0,
        capacity: 1,
        cost: 0,
    });
    let Err(FlowError::InvalidNetwork { faults }) = Simplex.solve(&network, &Limits::default())
    else {
        panic!("it was let in");
    };
    assert!(
        matches!(
            faults[..],
            [
                FlowFault::NegativeLower { arc: 0, .. },
                FlowFault::CrossedBounds { arc: 0, .. },
                FlowFault::UnknownNode {
                    arc: 1,
                    node: 7,
                    n_nodes: 2
                },
                FlowFault::Amounts { .. },
                FlowFault::Costs { .. }
            ]
        ),
        "{faults:?}"
    );
}

#[test]
fn random_numbers_of_any_size_do_no_harm() {
    let random = &mut Random(5);
    let mut n_valid = 0;
    for _ in 0..5_000 {
        let mut network = network(random.next());
        let any = |random: &mut Random| (random.next() as i64) >> random.whole(0, 63);
        for supply in &mut network.supplies {
            *supply = any(random);
        }
        for arc in &mut network.arcs {
            (arc.lower, arc.capacity, arc.cost) = (any(random), any(random), any(random));
            if random.chance(80) {
                arc.lower = arc
                    .lower
                    .saturating_abs()
                    .min(arc.capacity.saturating_abs());
                arc.capacity = arc.capacity.saturating_abs();
            }
        }
        if network.validate().is_ok() {
            solved(&network);
            n_valid += 1;
        }
        if let Ok(mut simplex) = NetworkSimplex::new(&network) {
            for _ in 0..4 {
                let _ = simplex.apply(&Change::SetSupply {
                    node: 0,
                    supply: any(random),
                });
                let (lower, capacity, cost) = (any(random), any(random), any(random));
                let _ = simplex.apply(&Change::SetArc {
                    arc: 0,
                    lower,
                    capacity,
                    cost,
                });
                simplex.solve(&Limits::default());
                assert_eq!(check(&simplex.network(), &simplex.outcome()), []);
            }
        }
    }
    assert!(n_valid > 500, "{n_valid}");
}

#[test]
fn a_cancelled_solve_says_so_and_keeps_a_bound() {
    let cancel = CancelToken::new();
    cancel.cancel();
    let limits = Limits {
        cancel,
        ..Limits::default()
    };
    let network = contended(2, 400);
    let outcome = Simplex.solve(&network, &limits).unwrap();
    assert_eq!(outcome.status.stop_reason(), Some(&StopReason::Cancelled));
    assert_eq!(check(&network, &outcome), []);
    let best = solved(&network).objective.unwrap();
    assert!(outcome.bound.is_none_or(|bound| bound <= best));
}

#[test]
fn without_time_there_is_no_answer_and_with_more_it_goes_on() {
    let network = contended(2, 2_000);
    let mut simplex = NetworkSimplex::new(&network).unwrap();
    simplex.solve(&Limits::within(Duration::ZERO));
    assert_eq!(simplex.status().stop_reason(), Some(&StopReason::Deadline));
    assert_eq!(check(&network, &simplex.outcome()), []);
    assert_eq!(simplex.solve(&Limits::default()), &Status::Optimal);
    assert_eq!(simplex.objective(), solved(&network).objective);
}

/// What is wrong after something was done to a right outcome.
fn spoiled(
    network: &FlowNetwork,
    outcome: &FlowOutcome,
    spoil: impl Fn(&mut FlowOutcome),
) -> Vec<FlowViolation> {
    let mut outcome = outcome.clone();
    spoil(&mut outcome);
    check(network, &outcome)
}

#[test]
fn each_rule_of_the_check_fires() {
    let network = FlowNetwork {
        supplies: vec![2, -2],
        arcs: vec![
            FlowArc {
                tail: 0,
                head: 1,
                lower: 0,
                capacity: 1,
                cost: 1,
            },
            FlowArc {
                tail: 0,
                head: 1,
                lower: 0,
                capacity: 5,
                cost: 3,
            },
        ],
    };
    let right = solved(&network);
    let fires = |spoil: fn(&mut FlowOutcome), name: &str| {
        let violations = spoiled(&network, &right, spoil);
        assert!(
            violations
                .iter()
                .any(|violation| format!("{violation:?}").starts_with(name)),
            "{name}: {violations:?}"
        );
    };
    fires(|outcome| outcome.flows = Some(vec![2, 0]), "Bounds");
    fires(|outcome| outcome.flows = Some(vec![1, 2]), "Balance");
    fires(|outcome| outcome.flows = Some(vec![0, 2]), "Slackness");
    fires(|outcome| outcome.flows = Some(vec![0]), "Length");
    fires(|outcome| outcome.flows = None, "Missing");
    fires(|outcome| outcome.objective = Some(3), "Objective");
    fires(|outcome| outcome.bound = Some(5), "Bound");
    fires(|outcome| outcome.potentials = Some(vec![0, 0]), "Slackness");
    fires(|outcome| outcome.potentials = Some(vec![0]), "Length");
    fires(|outcome| outcome.potentials = None, "Missing");
    fires(|outcome| outcome.status = Status::Infeasible, "Missing");
    fires(|outcome| outcome.status = Status::Unbounded, "Missing");
}

#[test]
fn cuts_and_cycles_that_prove_nothing_are_found_out() {
    let narrow = pair(5, 0, 4, 1);
    let outcome = solved(&narrow);
    assert_eq!(outcome.status, Status::Infeasible);
    let cut = |nodes: Vec<usize>, side| {
        move |outcome: &mut FlowOutcome| {
            outcome.refutation = Some(Refutation::Cut(Cut {
                nodes: nodes.clone(),
                side,
            }));
        }
    };
    assert_eq!(
        spoiled(&narrow, &outcome, cut(vec![0], CutSide::Supply)),
        []
    );
    assert_eq!(
        spoiled(&narrow, &outcome, cut(vec![1], CutSide::Demand)),
        []
    );
    for (nodes, side) in [
        (vec![0], CutSide::Demand),
        (vec![1], CutSide::Supply),
        (vec![], CutSide::Supply),
        (vec![0, 1], CutSide::Supply),
    ] {
        assert!(matches!(
            spoiled(&narrow, &outcome, cut(nodes, side))[..],
            [FlowViolation::Cut { .. }]
        ));
    }
    let mut wide = pair(5, 0, 5, 1);
    wide.add_arc(FlowArc {
        tail: 1,
        head: 1,
        lower: 0,
        capacity: UNLIMITED,
        cost: -1,
    });
    wide.add_arc(FlowArc {
        tail: 1,
        head: 0,
        lower: 0,
        capacity: UNLIMITED,
        cost: -1,
    });
    let outcome = solved(&wide);
    assert_eq!(outcome.status, Status::Unbounded);
    for cycle in [vec![], vec![0], vec![0, 2], vec![9]] {
        let spoil =
            |outcome: &mut FlowOutcome| outcome.refutation = Some(Refutation::Cycle(cycle.clone()));
        assert!(!spoiled(&wide, &outcome, spoil).is_empty(), "{cycle:?}");
    }
}
