//! Assignments that are flows: answered without a search, with prices that prove it.

use std::sync::Arc;

use apportion_models::assignment::{
    Assignment, Bin, Cap, Costs, Item, Limit, NO_GROUP, Objective, Packing, Proof, Rate, Stage,
    Term, Yield, solve,
};

use crate::generate::Random;
use crate::{assert_bounds_hold, assert_sound, brute, objectives, without_search};

/// Items of one demand, up to three bins, and stages that add up over copies.
fn flow(seed: u64) -> Assignment {
    let random = &mut Random::new(seed + 77_000);
    let n_bins = random.within(1, 3) as usize;
    let n_items = random.within(1, 3) as usize;
    let demand = [random.within(0, 3), random.within(1, 2)];
    let bins = (0..n_bins).map(|bin| Bin {
        name: format!("b{bin}"),
        capacity: demand
            .iter()
            .map(|it| it * random.within(0, 3) + random.within(0, 1))
            .collect(),
        ..Bin::default()
    });
    let bins: Vec<Bin> = bins.collect();
    let shared = Arc::new((0..n_bins as u32).collect::<Vec<u32>>());
    let items = (0..n_items).map(|item| Item {
        name: format!("i{item}"),
        count: random.within(1, 3),
        demand: demand.to_vec(),
        eligible: if random.chance(60) {
            Arc::clone(&shared)
        } else {
            Arc::new((0..n_bins as u32).filter(|_| random.chance(70)).collect())
        },
        ..Item::default()
    });
    let mut assignment = Assignment {
        resources: vec!["r0".to_owned(), "r1".to_owned()],
        items: items.collect(),
        bins,
        ..Assignment::default()
    };
    for item in 0..n_items as u32 {
        if random.chance(30) {
            assignment
                .limits
                .push(limit(random, n_bins, vec![item], item as usize));
        }
    }
    let numbers = |random: &mut Random, most: i64| -> Yield {
        let rates = (0..n_items as u32).map(|item| Rate {
            item,
            values: (0..n_bins).map(|_| random.within(0, most)).collect(),
        });
        Costs {
            class_of: Arc::clone(&shared),
            rates: rates.collect(),
        }
    };
    let mut stages = Vec::new();
    if random.chance(40) {
        let term = |random: &mut Random, item| Term {
            item,
            value: random.within(0, 2),
        };
        let first = (0..n_items as u32)
            .filter(|_| random.chance(50))
            .collect::<Vec<_>>();
        let terms = first.into_iter().map(|item| term(random, item)).collect();
        stages.push(Objective::Value(terms));
    }
    if random.chance(30) {
        stages.push(Objective::Yield(numbers(random, 2)));
    }
    let terms = (0..n_items as u32).map(|item| Term {
        item,
        value: 1 + i64::from(random.chance(20)),
    });
    stages.push(Objective::Value(terms.collect()));
    if random.chance(30) {
        stages.push(Objective::Cost(numbers(random, 2)));
    }
    stages.push(Objective::Cost(numbers(random, 9)));
    assignment.stages = (stages.into_iter().enumerate())
        .map(|(at, objective)| Stage {
            name: format!("s{at}"),
            objective,
        })
        .collect();
    assignment
}

fn limit(random: &mut Random, n_bins: usize, items: Vec<u32>, at: usize) -> Limit {
    let groups = ["g0".to_owned(), "g1".to_owned()];
    let group_of = (0..n_bins).map(|_| match random.within(0, 4) {
        0 => NO_GROUP,
        group => (group % 2) as u32,
    });
    Limit {
        name: format!("limit{at}"),
        groups: Arc::new(groups.to_vec()),
        packing: Packing {
            items: Arc::new(items),
            group_of: Arc::new(group_of.collect()),
            base: vec![random.within(0, 1), 0],
        },
        max: random.within(1, 2),
    }
}

#[test]
fn flows_are_answered_without_a_search_and_prices_prove_their_costs() {
    let mut by_prices = 0;
    for seed in 0..600 {
        let assignment = flow(seed);
        assignment.validate().unwrap();
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &without_search());
        assert_sound(&assignment, &solved, seed);
        assert_eq!(
            objectives(&solved),
            brute::best(&assignment, &placements),
            "seed {seed}"
        );
        assert_bounds_hold(&assignment, &solved, &placements, seed);
        // Prices know the limit of an item as a whole, not what it is worth in each of its groups.
        if assignment.limits.is_empty() {
            for (stage, of) in solved.stages.iter().zip(&assignment.stages) {
                if matches!(of.objective, Objective::Cost(_)) {
                    assert!(stage.gap().unwrap() < 1e-9, "seed {seed}: {stage:?}");
                    by_prices += i32::from(matches!(stage.proof, Some(Proof::Multipliers(_))));
                }
            }
        }
    }
    assert!(by_prices > 60, "{by_prices}");
}

#[test]
fn limits_on_all_items_and_on_their_number_are_flows_too() {
    for seed in 0..300 {
        let mut assignment = flow(seed);
        let random = &mut Random::new(seed + 99_000);
        let (n_items, n_bins) = (assignment.items.len(), assignment.bins.len());
        if n_items > 1 && random.chance(70) {
            let all = (0..n_items as u32).collect();
            let joint = limit(random, n_bins, all, 9);
            assignment.limits.push(joint);
        }
        if random.chance(50) {
            assignment.caps.push(Cap {
                weights: Vec::new(),
                name: "budget".to_owned(),
                items: Arc::new((0..n_items as u32).collect()),
                bins: Arc::new((0..n_bins as u32).collect()),
                max: random.within(0, 3),
            });
        }
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &without_search());
        assert_sound(&assignment, &solved, seed);
        assert_eq!(
            objectives(&solved),
            brute::best(&assignment, &placements),
            "seed {seed}"
        );
        assert_bounds_hold(&assignment, &solved, &placements, seed);
    }
}
