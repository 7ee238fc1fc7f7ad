//! The slow twin: every placement there is.

use apportion_models::assignment::{Assignment, Placement};

/// Every placement that breaks no rule.
pub fn placements(assignment: &Assignment) -> Vec<Placement> {
    let columns: Vec<(u32, u32)> = (0_u32..)
        .zip(&assignment.items)
        .flat_map(|(item, of_item)| of_item.eligible.iter().map(move |&bin| (item, bin)))
        .collect();
    let mut found = Vec::new();
    extend(assignment, &columns, &mut Vec::new(), &mut found);
    found
}

fn extend(
    assignment: &Assignment,
    columns: &[(u32, u32)],
    entries: &mut Vec<(u32, u32, i64)>,
    found: &mut Vec<Placement>,
) {
    let Some((&(item, bin), rest)) = columns.split_first() else {
        let placement = Placement::new(entries.clone());
        if assignment.faults(&placement).is_empty() {
            found.push(placement);
        }
        return;
    };
    for copies in 0..=assignment.copies_that_fit(item, bin) {
        entries.push((item, bin, copies));
        extend(assignment, rest, entries, found);
        entries.pop();
    }
}

/// The lexicographically best stage values.
pub fn best(assignment: &Assignment, placements: &[Placement]) -> Vec<f64> {
    let mut best = assignment.values(&Placement::default());
    for placement in placements {
        let values = assignment.values(placement);
        if assignment.compare(&values, &best).is_lt() {
            best = values;
        }
    }
    best
}

/// The best value of one stage among placements at least as good as `reached` in every earlier stage.
pub fn best_of_stage(
    assignment: &Assignment,
    placements: &[Placement],
    stage: usize,
    reached: &[f64],
) -> f64 {
    let is_kept = |values: &[f64]| {
        (assignment.stages[..stage]
            .iter()
            .zip(values.iter().zip(reached)))
        .all(|(stage, (&value, &reached))| !stage.objective.sense().is_better(reached, value, 1e-9))
    };
    let sense = assignment.stages[stage].objective.sense();
    let mut best: Option<f64> = None;
    for placement in placements {
        let values = assignment.values(placement);
        if is_kept(&values) && best.is_none_or(|best| sense.is_better(values[stage], best, 0.0)) {
            best = Some(values[stage]);
        }
    }
    best.expect("the placement that reached the values is among them")
}
