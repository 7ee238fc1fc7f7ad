//! The same assignment with an item split into two that no rule tells apart.

use std::sync::Arc;

use apportion_models::assignment::{Assignment, Objective, Packing, Rate, Term};

/// Splits item 0: one copy becomes an item of its own, at the end, in every rule and term of item 0.
pub fn split(assignment: &Assignment) -> Assignment {
    let mut split = assignment.clone();
    let twin = split.items.len() as u32;
    let mut item = split.items[0].clone();
    item.name = "twin".into();
    item.count = 1;
    split.items[0].count -= 1;
    split.items.push(item);
    let joined = |items: &[u32]| -> Vec<u32> {
        let also = items.contains(&0).then_some(twin);
        items.iter().copied().chain(also).collect()
    };
    let packing = |packing: &mut Packing| packing.items = Arc::new(joined(&packing.items));
    for cap in &mut split.caps {
        let first = cap
            .weights
            .first()
            .copied()
            .filter(|_| cap.items.contains(&0));
        cap.weights.extend(first);
        cap.items = Arc::new(joined(&cap.items));
    }
    split
        .limits
        .iter_mut()
        .for_each(|limit| packing(&mut limit.packing));
    split
        .gangs
        .iter_mut()
        .for_each(|gang| gang.items = joined(&gang.items));
    split
        .balances
        .iter_mut()
        .for_each(|balance| packing(&mut balance.packing));
    for stage in &mut split.stages {
        match &mut stage.objective {
            Objective::Value(terms) => {
                if let Some(&first) = terms.first().filter(|term| term.item == 0) {
                    terms.push(Term {
                        item: twin,
                        ..first
                    });
                }
            }
            Objective::Utility(curves) => {
                for curve in curves {
                    if let Some(&first) = curve.terms.first().filter(|term| term.item == 0) {
                        curve.terms.push(Term {
                            item: twin,
                            ..first
                        });
                    }
                }
            }
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                if let Some(first) = by_class.rates.first().filter(|rate| rate.item == 0) {
                    let values = first.values.clone();
                    by_class.rates.push(Rate { item: twin, values });
                }
            }
            Objective::Shortfall(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::WorstShare(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::Span(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::Traffic(traffic) => {
                let packings = traffic.ends.iter_mut().flat_map(|end| &mut end.packings);
                packings.for_each(packing);
            }
            Objective::Fragmentation(_) | Objective::Opened(_) | Objective::Peak(_) => {}
        }
    }
    split
}
