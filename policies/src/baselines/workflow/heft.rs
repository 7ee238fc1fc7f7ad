//! HEFT: ranks by the longest way to the end.

use apportion_models::schedule::{Edge, Schedule, Timetable};

use super::order::topological;
use super::plan::Plan;

/// The published method: upward ranks by mean durations and mean transfers, then each copy to the bin where it ends first.
pub(super) fn heft(model: &Schedule) -> Timetable {
    let n = model.operations.len();
    let edges: Vec<(u32, u32)> = model
        .edges
        .iter()
        .map(|edge| (edge.from, edge.to))
        .collect();
    let order = topological(n, &edges);
    let mut ranks = vec![0.0_f64; n];
    let mut after: Vec<Vec<&Edge>> = vec![Vec::new(); n];
    for edge in &model.edges {
        after[edge.from as usize].push(edge);
    }
    let mean_transfer = mean_transfer(model);
    for &operation in order.iter().rev() {
        let durations = &model.operations[operation as usize].durations;
        let mean = durations.iter().sum::<i64>() as f64 / durations.len().max(1) as f64;
        let next = after[operation as usize].iter();
        let next = next.map(|edge| edge.amount as f64 * mean_transfer + ranks[edge.to as usize]);
        ranks[operation as usize] = mean + next.fold(0.0, f64::max);
    }
    // Of equal ranks the order of the layers decides: an operation that takes no time still comes before what follows it.
    let mut ranked = order;
    ranked.sort_by(|&left, &right| ranks[right as usize].total_cmp(&ranks[left as usize]));
    let mut plan = Plan::new(model);
    for operation in ranked {
        let of = &model.operations[operation as usize];
        for _ in 0..of.count {
            let ways = of.eligible.iter().zip(of.durations.iter());
            let ways = ways.filter_map(|(&bin, duration)| {
                let start = plan.start(operation, bin)?;
                Some((start + duration, bin, start))
            });
            let Some((_, bin, start)) = ways.min() else {
                break;
            };
            plan.put(operation, bin, start);
        }
    }
    plan.timetable()
}

/// Milliseconds for one unit, mean over all pairs of different bins.
fn mean_transfer(model: &Schedule) -> f64 {
    let n = model.bins.len() as u32;
    let (mut sum, mut pairs) = (0.0, 0.0);
    for one in 0..n {
        for other in (0..n).filter(|&other| other != one) {
            let rate = model.rate(one, other);
            if rate > 0 {
                sum += 1000.0 / rate as f64;
            }
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}
