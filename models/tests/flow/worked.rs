//! Networks small enough to be solved by hand.

use super::solved;
use apportion_models::Status;
use apportion_models::flow::{FlowArc, FlowNetwork, UNLIMITED};

fn network(supplies: &[i64], arcs: &[(u32, u32, i64, i64, i64)]) -> FlowNetwork {
    let arcs = arcs
        .iter()
        .map(|&(tail, head, lower, capacity, cost)| FlowArc {
            tail,
            head,
            lower,
            capacity,
            cost,
        });
    FlowNetwork {
        supplies: supplies.to_vec(),
        arcs: arcs.collect(),
    }
}

#[test]
fn nothing_and_almost_nothing() {
    assert_eq!(solved(&network(&[], &[])).objective, Some(0));
    assert_eq!(solved(&network(&[0], &[])).objective, Some(0));
    assert_eq!(solved(&network(&[1], &[])).status, Status::Infeasible);
    assert_eq!(solved(&network(&[-1], &[])).status, Status::Infeasible);
    assert_eq!(solved(&network(&[1, -1], &[])).status, Status::Infeasible);
}

#[test]
fn loops_run_full_where_they_pay() {
    assert_eq!(
        solved(&network(&[0], &[(0, 0, 1, 7, -2)])).flows,
        Some(vec![7])
    );
    assert_eq!(
        solved(&network(&[0], &[(0, 0, 1, 7, 2)])).flows,
        Some(vec![1])
    );
    assert_eq!(
        solved(&network(&[0], &[(0, 0, 0, UNLIMITED, -1)])).status,
        Status::Unbounded
    );
}

#[test]
fn parallel_arcs_fill_from_the_cheapest() {
    let outcome = solved(&network(
        &[6, -6],
        &[(0, 1, 0, 2, 5), (0, 1, 0, 3, 1), (0, 1, 0, UNLIMITED, 9)],
    ));
    assert_eq!(outcome.flows, Some(vec![2, 3, 1]));
}

#[test]
fn a_lower_bound_forces_a_detour() {
    let outcome = solved(&network(
        &[1, 0, -1],
        &[(0, 2, 0, 1, 1), (0, 1, 1, 1, 4), (1, 2, 0, 1, 4)],
    ));
    assert_eq!(outcome.objective, Some(8));
}

#[test]
fn a_cycle_that_pays_is_used_up_to_its_limit_and_no_further() {
    let limited = [(0, 1, 0, 4, -3), (1, 0, 0, UNLIMITED, 1)];
    assert_eq!(solved(&network(&[0, 0], &limited)).objective, Some(-8));
    let endless = [(0, 1, 0, UNLIMITED, -3), (1, 0, 0, UNLIMITED, 1)];
    assert_eq!(
        solved(&network(&[0, 0], &endless)).status,
        Status::Unbounded
    );
    assert_eq!(
        solved(&network(&[0, 0, 1], &endless)).status,
        Status::Infeasible
    );
}
