//! Room under full caps: a copy that takes some of them goes elsewhere.
//!
//! Where caps hold what bins have together, the bin that a copy wants may be full because of copies in other bins. One of these goes to the
//! bin that costs it least of those that hold it, which may be any; an exchange of two places would be one of few such ways.

use super::inside;
use super::unplaced::give_way;
use crate::assignment::tally::Tally;
use crate::assignment::types::{Assignment, Objective};

/// Whether copies may change places without a look at the stages before `stage`: these value copies wherever they are.
pub(in crate::assignment) fn are_free(assignment: &Assignment, stage: usize) -> bool {
    let mut earlier = assignment.stages[..stage].iter();
    earlier.all(|stage| matches!(stage.objective, Objective::Value(_)))
}

/// Puts a copy of the item, which has one to place, into the bin: another that is under the same full caps goes where it costs at most `most`
/// more in the stage. Whether there was one; a look is a bin that is looked at.
pub(in crate::assignment) fn put_by_ejection(
    tally: &mut Tally<'_>,
    stage: usize,
    (item, bin): (u32, u32),
    most: i64,
    looks: &mut usize,
) -> bool {
    let objective = &tally.assignment.stages[stage].objective;
    for (other, from) in in_the_way(tally, item, bin) {
        if *looks == 0 {
            return false;
        }
        let eligible = &tally.assignment.items[other as usize].eligible;
        *looks = looks.saturating_sub(1 + eligible.len());
        let tolls = objective.tolls(other);
        let limit = tolls.of(from).saturating_add(most);
        let cheapest = |tally: &Tally<'_>| {
            let mut best: Option<(i64, u32)> = None;
            for &to in eligible.iter().filter(|&&to| to != from) {
                let toll = tolls.of(to);
                let is_less = best.map_or(toll <= limit, |best| toll < best.0);
                if is_less && tally.room(other, to) > 0 {
                    best = Some((toll, to));
                }
            }
            best.map(|(_, to)| to)
        };
        if give_way(tally, (item, bin), (other, from), cheapest) {
            return true;
        }
    }
    false
}

/// Copies of other items (and their bins), any of which leaves room under all caps that are full for the item in the bin; none if there is
/// no such cap.
fn in_the_way(tally: &Tally<'_>, item: u32, bin: u32) -> Vec<(u32, u32)> {
    let caps = &tally.assignment.caps;
    let lacks = |cap: u32| caps[cap as usize].weight(item) - tally.caps[cap as usize];
    let full: Vec<u32> = (tally.index.caps(item, bin))
        .filter(|&cap| lacks(cap) > 0)
        .collect();
    let Some(&smallest) = (full.iter()).min_by_key(|&&cap| caps[cap as usize].bins.len()) else {
        return Vec::new();
    };
    let is_under = |bin: u32| {
        let mut full = full.iter();
        full.all(|&cap| caps[cap as usize].bins.binary_search(&bin).is_ok())
    };
    let bins = caps[smallest as usize].bins.iter().copied();
    let bins = bins.filter(|&bin| is_under(bin));
    let copies = bins.flat_map(|bin| inside(tally, &[bin]).into_iter().map(move |it| (it, bin)));
    let frees = |other: u32| {
        let mut full = full.iter();
        full.all(|&cap| caps[cap as usize].weight(other) >= lacks(cap))
    };
    copies
        .filter(|&(other, _)| other != item && frees(other))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::put_by_ejection;
    use crate::assignment::tally::{Index, Tally};
    use crate::assignment::{
        Assignment, Bin, Cap, Costs, Item, Objective, Placement, Rate, Stage, Term, Yield,
    };

    /// Three bins. `a` costs 0, 10 and 10 in them; `b`, which may not have the second, 0, 9 and `last`. A cap holds one copy in the first
    /// bin, and nothing else is short.
    fn one_wants_the_place_of_another(last: i64) -> Assignment {
        let item = |name: &str, eligible: &[u32]| Item {
            name: name.to_owned(),
            count: 1,
            eligible: Arc::new(eligible.to_vec()),
            ..Item::default()
        };
        let rate = |item: u32, values: [i64; 3]| Rate {
            item,
            values: values.to_vec(),
        };
        let costs: Costs = Yield {
            class_of: Arc::new(vec![0, 1, 2]),
            rates: vec![rate(0, [0, 10, 10]), rate(1, [0, 9, last])],
        };
        let terms = [0, 1].map(|item| Term { item, value: 1 });
        let stage = |name: &str, objective: Objective| Stage {
            name: name.to_owned(),
            objective,
        };
        let assignment = Assignment {
            items: vec![item("a", &[0, 1, 2]), item("b", &[0, 2])],
            bins: ["x", "y", "z"]
                .map(|name| Bin {
                    name: name.to_owned(),
                    ..Bin::default()
                })
                .to_vec(),
            caps: vec![Cap {
                name: "first".to_owned(),
                items: Arc::new(vec![0, 1]),
                bins: Arc::new(vec![0]),
                max: 1,
                weights: vec![1, 1],
            }],
            stages: vec![
                stage("placed", Objective::Value(terms.to_vec())),
                stage("cost", Objective::Cost(costs)),
            ],
            ..Assignment::default()
        };
        assert!(assignment.validate().is_ok());
        assignment
    }

    #[test]
    fn who_is_in_the_way_goes_where_it_costs_least() {
        for (last, most, is_moved) in [(3, 9, true), (9, 9, true), (10, 9, false)] {
            let assignment = one_wants_the_place_of_another(last);
            let index = Index::new(&assignment);
            let before = Placement::new(vec![(1, 0, 1)]);
            let mut tally = Tally::new(&assignment, &index, &before);
            let mut looks = 100;
            let moved = put_by_ejection(&mut tally, 1, (0, 0), most, &mut looks);
            assert_eq!(moved, is_moved, "{last}");
            let after = Placement::new(vec![(0, 0, 1), (1, 2, 1)]);
            assert_eq!(tally.placement(), if moved { after } else { before });
            assert!(looks < 100);
        }
    }

    #[test]
    fn nobody_goes_where_no_look_is_left() {
        let assignment = one_wants_the_place_of_another(3);
        let index = Index::new(&assignment);
        let before = Placement::new(vec![(1, 0, 1)]);
        let mut tally = Tally::new(&assignment, &index, &before);
        assert!(!put_by_ejection(&mut tally, 1, (0, 0), 9, &mut 0));
        assert_eq!(tally.placement(), before);
    }
}
