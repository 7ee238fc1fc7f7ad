//! What flows between copies: the ladder against every placement there is, and its worked example.

use std::sync::Arc;

use apportion_models::assignment::{
    Assignment, AssignmentFault, Bin, End, Flow, Item, NO_GROUP, Objective, Packing, Proof, Stage,
    Term, Traffic, solve,
};

use crate::generate::{self, Random, Size, TINY};
use crate::{
    assert_bounds_hold, assert_sound, brute, exact, improving, objectives, without_search,
};

const SMALL: Size = Size {
    bins: 3,
    items: 4,
    count: 2,
    capacity: 6,
};

/// A random assignment of which the last stage but those that break ties is about traffic.
fn with_traffic(seed: u64, size: &Size) -> Assignment {
    let mut assignment = generate::assignment(seed, size);
    let random = &mut Random::new(seed + 77_777);
    let n_bins = assignment.bins.len();
    let own: Arc<Vec<u32>> = Arc::new((0..n_bins as u32).collect());
    let group = |random: &mut Random| {
        if random.chance(10) {
            NO_GROUP
        } else {
            random.within(0, 1) as u32
        }
    };
    let racks: Arc<Vec<u32>> = Arc::new((0..n_bins).map(|_| group(random)).collect());
    // A rack that has no bin may hold copies too.
    let divisions = [(own, n_bins + 1), (racks, 3)];
    let weights: Vec<i64> = divisions.iter().map(|_| random.within(0, 3)).collect();
    let mut ends: Vec<End> = Vec::new();
    let mut end = |items: Vec<u32>, random: &mut Random| {
        let items = Arc::new(items);
        let packing = |(group_of, n): &(Arc<Vec<u32>>, usize), random: &mut Random| Packing {
            items: Arc::clone(&items),
            group_of: Arc::clone(group_of),
            base: (0..*n).map(|_| i64::from(random.chance(15))).collect(),
        };
        let packings: Vec<Packing> = divisions.iter().map(|it| packing(it, random)).collect();
        let base = packings.iter().map(|it| it.base.iter().sum::<i64>()).max();
        let counts = items
            .iter()
            .map(|&item| assignment.items[item as usize].count);
        ends.push(End {
            name: format!("e{}", ends.len()),
            total: (counts.sum::<i64>() + base.unwrap_or(0)).max(1),
            packings,
        });
    };
    for item in 0..assignment.items.len() as u32 {
        end(vec![item], random);
    }
    end(Vec::new(), random);
    let n_ends = ends.len() as i64;
    let flows = (0..random.within(1, 4)).map(|_| Flow {
        from: random.within(0, n_ends - 1) as u32,
        to: random.within(0, n_ends - 1) as u32,
        rate: random.within(0, 20),
    });
    let flows = flows.collect();
    let stage = Stage {
        name: "traffic".to_owned(),
        objective: Objective::Traffic(Traffic {
            weights,
            ends,
            flows,
        }),
    };
    let at = random.within(0, assignment.stages.len() as i64) as usize;
    assignment.stages.insert(at, stage);
    assignment
}

#[test]
fn an_end_counts_the_same_items_in_every_division() {
    let mut assignment = with_traffic(1, &TINY);
    assert_eq!(assignment.validate(), Ok(()));
    let stages = assignment.stages.iter_mut();
    let mut found = stages.filter_map(|stage| match &mut stage.objective {
        Objective::Traffic(traffic) => Some(&mut traffic.ends[0].packings[1].items),
        _ => None,
    });
    // As many, but another.
    *found.next().unwrap() = Arc::new(vec![1]);
    let faults = assignment.validate().unwrap_err();
    let is_divided = |fault: &AssignmentFault| matches!(fault, AssignmentFault::Divided { .. });
    assert!(faults.iter().any(is_divided), "{faults:?}");
}

#[test]
fn tiny_assignments_with_traffic_are_solved_to_the_optimum_of_every_stage() {
    for seed in 0..400 {
        let assignment = with_traffic(seed, &TINY);
        assignment.validate().unwrap();
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &exact());
        assert_sound(&assignment, &solved, seed);
        let best = brute::best(&assignment, &placements);
        assert!(
            assignment.compare(&objectives(&solved), &best).is_eq(),
            "seed {seed}: {:?} instead of {best:?}",
            objectives(&solved)
        );
        assert_bounds_hold(&assignment, &solved, &placements, seed);
        for stage in &solved.stages {
            assert!(
                stage.gap().unwrap() < 1e-6 || matches!(stage.proof, Some(Proof::Multipliers(_))),
                "seed {seed}: {stage:?}"
            );
        }
    }
}

#[test]
fn bounds_and_moves_hold_for_every_placement() {
    for seed in 0..400 {
        let assignment = with_traffic(seed, &SMALL);
        let placements = brute::placements(&assignment);
        for options in [without_search(), improving()] {
            let solved = solve(&assignment, None, &options);
            assert_sound(&assignment, &solved, seed);
            assert_bounds_hold(&assignment, &solved, &placements, seed);
        }
    }
}

/// `a -> c`, `b -> c`, 10 each.
fn two_into_one(room: i64) -> Assignment {
    let names = ["a", "b", "c"];
    let bins = 3;
    let eligible: Arc<Vec<u32>> = Arc::new((0..bins).collect());
    let end = |item: u32| End {
        name: names[item as usize].to_owned(),
        total: 1,
        packings: vec![Packing {
            items: Arc::new(vec![item]),
            group_of: Arc::clone(&eligible),
            base: vec![0; bins as usize],
        }],
    };
    let item = |name: &&str| Item {
        name: (*name).to_owned(),
        count: 1,
        demand: vec![1],
        eligible: Arc::clone(&eligible),
        ..Item::default()
    };
    let bin = |bin: u32| Bin {
        name: format!("b{bin}"),
        capacity: vec![room],
        ..Bin::default()
    };
    Assignment {
        resources: vec!["slots".to_owned()],
        items: names.iter().map(item).collect(),
        bins: (0..bins).map(bin).collect(),
        stages: vec![
            Stage {
                name: "placed".to_owned(),
                objective: Objective::Value((0..3).map(|item| Term { item, value: 1 }).collect()),
            },
            Stage {
                name: "traffic".to_owned(),
                objective: Objective::Traffic(Traffic {
                    weights: vec![1],
                    ends: (0..3).map(end).collect(),
                    flows: vec![
                        Flow {
                            from: 0,
                            to: 2,
                            rate: 10,
                        },
                        Flow {
                            from: 1,
                            to: 2,
                            rate: 10,
                        },
                    ],
                }),
            },
        ],
        ..Assignment::default()
    }
}

#[test]
fn two_into_one_cross_nothing_one_or_both() {
    for (room, crossing, bound) in [(3, 0.0, 0.0), (2, 10.0, 5.0), (1, 20.0, 20.0)] {
        let assignment = two_into_one(room);
        let solved = solve(&assignment, None, &exact());
        assert_eq!(objectives(&solved), [3.0, crossing], "room for {room}");
        assert_eq!(solved.stages[1].bound, Some(crossing), "room for {room}");
        // By counting alone: half of what each could exchange, from each side.
        let counted = solve(&assignment, None, &without_search());
        assert_eq!(counted.stages[1].bound, Some(bound), "room for {room}");
    }
}

#[test]
fn the_multilevel_partition_finds_hidden_clusters() {
    // Eight clusters of eight that exchange much within and little across, numbered in turn.
    let (n, room) = (64_u32, 8);
    let eligible: Arc<Vec<u32>> = Arc::new((0..8).collect());
    let racks: Arc<Vec<u32>> = Arc::new((0..8).map(|bin| bin / 4).collect());
    let packing = |item: u32, groups: &Arc<Vec<u32>>, n| Packing {
        items: Arc::new(vec![item]),
        group_of: Arc::clone(groups),
        base: vec![0; n],
    };
    let mut flows = Vec::new();
    for from in 0..n {
        for to in from + 1..n {
            let rate = match (from % 8 == to % 8, from % 8 / 4 == to % 8 / 4) {
                (true, _) => 100,
                (false, true) if (from + to) % 5 == 0 => 2,
                _ if (from + to) % 7 == 0 => 1,
                _ => continue,
            };
            flows.push(Flow { from, to, rate });
        }
    }
    let hidden: i64 = flows
        .iter()
        .map(|flow| {
            let apart = flow.from % 8 != flow.to % 8;
            let across = flow.from % 8 / 4 != flow.to % 8 / 4;
            flow.rate * (i64::from(apart) + i64::from(across))
        })
        .sum();
    let mut assignment = two_into_one(room);
    assignment.items = (0..n)
        .map(|item| Item {
            name: format!("i{item:02}"),
            count: 1,
            demand: vec![1],
            eligible: Arc::clone(&eligible),
            ..Item::default()
        })
        .collect();
    assignment.bins = (0..8)
        .map(|bin| Bin {
            name: format!("b{bin}"),
            capacity: vec![room],
            ..Bin::default()
        })
        .collect();
    assignment.stages[0].objective =
        Objective::Value((0..n).map(|item| Term { item, value: 1 }).collect());
    assignment.stages[1].objective = Objective::Traffic(Traffic {
        weights: vec![1, 1],
        ends: (0..n)
            .map(|item| End {
                name: format!("i{item:02}"),
                total: 1,
                packings: vec![packing(item, &eligible, 8), packing(item, &racks, 2)],
            })
            .collect(),
        flows,
    });
    assignment.validate().unwrap();
    let solved = solve(&assignment, None, &without_search());
    assert_eq!(solved.failures, [""; 0]);
    assert!(
        objectives(&solved)[1] <= hidden as f64,
        "{:?} above {hidden}",
        objectives(&solved)
    );
}
