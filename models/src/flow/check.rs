//! What is wrong with an outcome. Naive on purpose: it knows the network and nothing of how it was solved.

use super::network::{FlowNetwork, UNLIMITED};
use super::outcome::{Cut, CutSide, FlowOutcome, Refutation};
use crate::outcome::Status;

/// How an outcome contradicts its network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowViolation {
    /// There are not as many values as arcs or nodes.
    #[error("{given} {what} for {expected}")]
    Length {
        /// `flows` or `potentials`.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many there should be.
        expected: usize,
    },
    /// What the status promises is not there.
    #[error("the outcome has no {0}")]
    Missing(&'static str),
    /// A flow is outside the bounds of its arc.
    #[error("arc {arc} carries {flow}, outside {lower}..{capacity}")]
    Bounds {
        /// The arc's position.
        arc: usize,
        /// What it carries.
        flow: i64,
        /// Its lower bound.
        lower: i64,
        /// Its capacity.
        capacity: i64,
    },
    /// What leaves a node less what enters it is not its supply.
    #[error("node {node} supplies {supply}, and {outflow} leaves it")]
    Balance {
        /// The node's position.
        node: usize,
        /// What it supplies.
        supply: i64,
        /// What leaves it less what enters it.
        outflow: i128,
    },
    /// The objective is not the cost of the flow.
    #[error("the objective is stated as {stated}, the flow costs {recomputed}")]
    Objective {
        /// What the outcome says.
        stated: i128,
        /// What the flow costs.
        recomputed: i128,
    },
    /// Prices do not support the flow: the arc should be full, or carry no more than it must.
    #[error("arc {arc} has the reduced cost {reduced} and carries {flow}")]
    Slackness {
        /// The arc's position.
        arc: usize,
        /// Its reduced cost.
        reduced: i128,
        /// What it carries.
        flow: i64,
    },
    /// The bound is not what the prices prove.
    #[error("the bound is stated as {stated}, the prices prove {}", proved.map_or_else(|| "none".to_owned(), |bound| bound.to_string()))]
    Bound {
        /// What the outcome says.
        stated: i128,
        /// What the prices prove, if anything.
        proved: Option<i128>,
    },
    /// The border of the cut is wide enough.
    #[error("the cut has the need {need}, and its border has room for {}", room.map_or_else(|| "any amount".to_owned(), |room| room.to_string()))]
    Cut {
        /// What has to go through the border.
        need: i128,
        /// What can, if that is limited.
        room: Option<i128>,
    },
    /// The cycle is none, or is not free and endless.
    #[error("the cycle of {n_arcs} arcs proves nothing: {cause}")]
    Cycle {
        /// How many arcs it has.
        n_arcs: usize,
        /// What is wrong with it.
        cause: &'static str,
    },
}

/// Everything that is wrong with what an outcome says about a valid network. Nothing, if its proofs hold.
#[must_use]
pub fn check(network: &FlowNetwork, outcome: &FlowOutcome) -> Vec<FlowViolation> {
    let mut violations = Vec::new();
    match &outcome.status {
        Status::Optimal | Status::Feasible(_) => check_flow(network, outcome, &mut violations),
        Status::Infeasible => match &outcome.refutation {
            Some(Refutation::Cut(cut)) => check_cut(network, cut, &mut violations),
            _ => violations.push(FlowViolation::Missing("cut")),
        },
        Status::Unbounded => match &outcome.refutation {
            Some(Refutation::Cycle(cycle)) => check_cycle(network, cycle, &mut violations),
            _ => violations.push(FlowViolation::Missing("cycle")),
        },
        Status::NoSolution(_) => {}
    }
    if let Some(stated) = outcome.bound {
        check_bound(network, outcome, stated, &mut violations);
    }
    violations
}

fn check_flow(network: &FlowNetwork, outcome: &FlowOutcome, violations: &mut Vec<FlowViolation>) {
    let Some(flows) = &outcome.flows else {
        violations.push(FlowViolation::Missing("flow"));
        return;
    };
    if flows.len() != network.arcs.len() {
        violations.push(FlowViolation::Length {
            what: "flows",
            given: flows.len(),
            expected: network.arcs.len(),
        });
        return;
    }
    let mut outflow = vec![0_i128; network.supplies.len()];
    for (position, (arc, &flow)) in network.arcs.iter().zip(flows).enumerate() {
        if flow < arc.lower || flow > arc.capacity {
            violations.push(FlowViolation::Bounds {
                arc: position,
                flow,
                lower: arc.lower,
                capacity: arc.capacity,
            });
        }
        outflow[arc.tail as usize] += i128::from(flow);
        outflow[arc.head as usize] -= i128::from(flow);
    }
    for (node, (&supply, outflow)) in network.supplies.iter().zip(outflow).enumerate() {
        if outflow != i128::from(supply) {
            violations.push(FlowViolation::Balance {
                node,
                supply,
                outflow,
            });
        }
    }
    let recomputed = network.cost(flows);
    match outcome.objective {
        None => violations.push(FlowViolation::Missing("objective")),
        Some(stated) if stated != recomputed => {
            violations.push(FlowViolation::Objective { stated, recomputed });
        }
        Some(_) => {}
    }
    if outcome.status == Status::Optimal {
        check_slackness(network, outcome, flows, violations);
    }
}

fn check_slackness(
    network: &FlowNetwork,
    outcome: &FlowOutcome,
    flows: &[i64],
    violations: &mut Vec<FlowViolation>,
) {
    let Some(potentials) = prices(network, outcome, violations) else {
        return;
    };
    for (position, (arc, &flow)) in network.arcs.iter().zip(flows).enumerate() {
        let reduced = reduced_cost(arc.cost, arc.tail, arc.head, potentials);
        if (reduced < 0 && flow != arc.capacity) || (reduced > 0 && flow != arc.lower) {
            violations.push(FlowViolation::Slackness {
                arc: position,
                reduced,
                flow,
            });
        }
    }
    if outcome.bound != outcome.objective {
        violations.push(FlowViolation::Missing("bound that meets the objective"));
    }
}

fn prices<'a>(
    network: &FlowNetwork,
    outcome: &'a FlowOutcome,
    violations: &mut Vec<FlowViolation>,
) -> Option<&'a [i64]> {
    let Some(potentials) = &outcome.potentials else {
        violations.push(FlowViolation::Missing("potentials"));
        return None;
    };
    if potentials.len() != network.supplies.len() {
        violations.push(FlowViolation::Length {
            what: "potentials",
            given: potentials.len(),
            expected: network.supplies.len(),
        });
        return None;
    }
    Some(potentials)
}

fn reduced_cost(cost: i64, tail: u32, head: u32, potentials: &[i64]) -> i128 {
    i128::from(cost) + i128::from(potentials[tail as usize]) - i128::from(potentials[head as usize])
}

/// For any prices, each arc at the end of its bounds that its reduced cost prefers, less the value of all supplies, is no more than any flow costs.
fn check_bound(
    network: &FlowNetwork,
    outcome: &FlowOutcome,
    stated: i128,
    violations: &mut Vec<FlowViolation>,
) {
    let Some(potentials) = prices(network, outcome, violations) else {
        return;
    };
    let mut proved = Some(0_i128);
    for arc in &network.arcs {
        let reduced = reduced_cost(arc.cost, arc.tail, arc.head, potentials);
        let term = if reduced >= 0 {
            Some(reduced * i128::from(arc.lower))
        } else if arc.capacity == UNLIMITED {
            None
        } else {
            Some(reduced * i128::from(arc.capacity))
        };
        proved = match (proved, term) {
            (Some(sum), Some(term)) => Some(sum + term),
            _ => None,
        };
    }
    for (&supply, &potential) in network.supplies.iter().zip(potentials) {
        proved = proved.map(|sum| sum - i128::from(supply) * i128::from(potential));
    }
    if proved.is_none_or(|proved| proved < stated) {
        violations.push(FlowViolation::Bound { stated, proved });
    }
}

fn check_cut(network: &FlowNetwork, cut: &Cut, violations: &mut Vec<FlowViolation>) {
    let mut inside = vec![false; network.supplies.len()];
    for &node in &cut.nodes {
        match inside.get_mut(node) {
            Some(place) => *place = true,
            None => violations.push(FlowViolation::Missing("node of the cut")),
        }
    }
    let supply: i128 = (network.supplies.iter().zip(&inside))
        .filter(|(_, inside)| **inside)
        .map(|(&supply, _)| i128::from(supply))
        .sum();
    let mut room = Some(0_i128);
    for arc in &network.arcs {
        let leaves = inside[arc.tail as usize];
        if leaves == inside[arc.head as usize] {
            continue;
        }
        let with = leaves == (cut.side == CutSide::Supply);
        room = match room {
            Some(_) if with && arc.capacity == UNLIMITED => None,
            Some(sum) if with => Some(sum + i128::from(arc.capacity)),
            Some(sum) => Some(sum - i128::from(arc.lower)),
            None => None,
        };
    }
    let need = match cut.side {
        CutSide::Supply => supply,
        CutSide::Demand => -supply,
    };
    if room.is_none_or(|room| need <= room) {
        violations.push(FlowViolation::Cut { need, room });
    }
}

fn check_cycle(network: &FlowNetwork, cycle: &[usize], violations: &mut Vec<FlowViolation>) {
    let mut fault = |cause| {
        violations.push(FlowViolation::Cycle {
            n_arcs: cycle.len(),
            cause,
        });
    };
    let mut arcs = Vec::with_capacity(cycle.len());
    for &position in cycle {
        match network.arcs.get(position) {
            Some(arc) => arcs.push(arc),
            None => return fault("an arc does not exist"),
        }
    }
    let (Some(first), Some(last)) = (arcs.first(), arcs.last()) else {
        return fault("it is empty");
    };
    if last.head != first.tail || arcs.windows(2).any(|pair| pair[0].head != pair[1].tail) {
        fault("its arcs do not meet");
    }
    if arcs.iter().any(|arc| arc.capacity != UNLIMITED) {
        fault("an arc has a limit");
    }
    if arcs.iter().map(|arc| i128::from(arc.cost)).sum::<i128>() >= 0 {
        fault("it costs something");
    }
}
