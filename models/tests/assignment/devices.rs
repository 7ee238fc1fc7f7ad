//! Devices and values that differ by bin: packings against every way there is, the ladder and the programs against the slow twin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use apportion_models::assignment::{
    Assignment, Bin, DeviceNeed, Item, LadderOptions, Objective, Placement, Proof, Stage, Stop,
    Term, construct, solve,
};
use apportion_models::backends::GoodLp;
use apportion_models::{MilpSolver, StopReason, default_solver};

use super::generate::{Random, Size, TINY, with_devices};
use super::large;
use super::solvers::TiresOfPatterns;
use super::{
    assert_bounds_hold, assert_complete, assert_sound, brute, by_programs, exact, improving,
    objectives, twin, without_search,
};

const CASES: u64 = 300;

/// One bin and items that need its devices.
fn one_bin(random: &mut Random) -> (Assignment, Vec<(u32, i64)>) {
    let n_devices = random.within(1, 4);
    let devices = (0..n_devices).map(|_| [1000, 1000, 700, 400][random.within(0, 3) as usize]);
    let bin = Bin {
        name: "b".into(),
        devices: vec![devices.collect()],
        ..Bin::default()
    };
    let items: Vec<Item> = (0..random.within(1, 4))
        .map(|item| Item {
            name: format!("i{item}"),
            count: 3,
            eligible: Arc::new(vec![0]),
            devices: vec![DeviceNeed {
                kind: 0,
                count: random.within(1, 3),
                milli: 100 * random.within(1, 10),
            }],
            ..Item::default()
        })
        .collect();
    let counts = (0_u32..)
        .zip(&items)
        .map(|(item, _)| (item, random.within(0, 3)));
    let counts = counts.collect();
    let assignment = Assignment {
        items,
        bins: vec![bin],
        ..Assignment::default()
    };
    (assignment, counts)
}

/// Whether the copies that are left can be given devices, in any way at all.
fn has_packing(free: &mut [i64], copies: &[DeviceNeed]) -> bool {
    let Some((need, rest)) = copies.split_first() else {
        return true;
    };
    (0_u32..1 << free.len()).any(|set| {
        let takes = |at: &usize| set >> at & 1 == 1;
        let devices: Vec<usize> = (0..free.len()).filter(takes).collect();
        if devices.len() as i64 != need.count || devices.iter().any(|&at| free[at] < need.milli) {
            return false;
        }
        devices.iter().for_each(|&at| free[at] -= need.milli);
        let found = has_packing(free, rest);
        devices.iter().for_each(|&at| free[at] += need.milli);
        found
    })
}

#[test]
fn packings_are_found_exactly_when_there_are_any() {
    let random = &mut Random::new(5);
    let (mut packed, mut stuck) = (0, 0);
    for _ in 0..3000 {
        let (assignment, counts) = one_bin(random);
        let of_item = |&(item, n): &(u32, i64)| {
            std::iter::repeat_n(assignment.items[item as usize].devices[0], n as usize)
        };
        let copies: Vec<DeviceNeed> = counts.iter().flat_map(of_item).collect();
        let mut free = assignment.bins[0].devices[0].clone();
        let exists = has_packing(&mut free, &copies);
        let packing = assignment.pack(0, &counts);
        assert_eq!(packing.is_some(), exists, "{assignment:?} {counts:?}");
        let Some(packing) = packing else {
            stuck += 1;
            continue;
        };
        packed += 1;
        assert_eq!(packing.len(), copies.len());
        for (copy, need) in packing.iter().zip(&copies) {
            let devices = &copy.devices[0];
            assert!(devices.is_sorted_by(|left, right| left < right));
            assert_eq!(devices.len() as i64, need.count);
            devices.iter().for_each(|&at| free[at] -= need.milli);
        }
        assert!(
            free.iter().all(|&free| free >= 0),
            "{assignment:?} {counts:?}"
        );
    }
    assert!(
        packed > 500 && stuck > 500,
        "{packed} packed, {stuck} stuck"
    );
}

#[test]
fn what_the_first_way_cannot_pack_is_searched() {
    // The tightest device for a half is the one of 600, which two parts of 300 would fill.
    let need = |milli| DeviceNeed {
        kind: 0,
        count: 1,
        milli,
    };
    let item = |name: &str, milli| Item {
        name: name.into(),
        count: 9,
        eligible: Arc::new(vec![0]),
        devices: vec![need(milli)],
        ..Item::default()
    };
    let assignment = Assignment {
        items: vec![item("a", 500), item("b", 300), item("c", 400)],
        bins: vec![Bin {
            name: "b".into(),
            devices: vec![vec![1000, 900, 600]],
            ..Bin::default()
        }],
        ..Assignment::default()
    };
    assert!(assignment.pack(0, &[(0, 2), (1, 5)]).is_some());
    // Nothing may be left over, and no two of these are 600.
    assert!(assignment.pack(0, &[(0, 2), (1, 1), (2, 3)]).is_none());
}

#[test]
fn tiny_assignments_with_devices_are_solved_to_the_optimum_of_every_stage() {
    for seed in 0..CASES {
        let assignment = with_devices(seed, &TINY);
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
fn bounds_and_moves_with_devices_hold_for_every_placement() {
    for seed in 0..CASES {
        let assignment = with_devices(seed + 10_000, &TINY);
        let placements = brute::placements(&assignment);
        for options in [without_search(), improving()] {
            let solved = solve(&assignment, None, &options);
            assert_sound(&assignment, &solved, seed);
            assert_bounds_hold(&assignment, &solved, &placements, seed);
        }
    }
}

#[test]
fn programs_with_devices_agree_with_the_slow_twin() {
    let others: [Arc<dyn MilpSolver>; 2] = [default_solver(), Arc::new(GoodLp)];
    let mut n_compared = 0;
    for seed in 0..100 {
        let whole = with_devices(seed + 20_000, &TINY);
        let best = brute::best(&whole, &brute::placements(&whole));
        let split = twin::split(&whole);
        split.validate().unwrap();
        for solver in &others {
            if let Some(values) = by_programs(&split, solver) {
                n_compared += 1;
                let order = split.compare(&values, &best);
                assert!(order.is_eq(), "seed {seed}: {values:?} instead of {best:?}");
            }
        }
    }
    assert!(n_compared >= 180, "{n_compared} of 200 were solved");
}

#[test]
fn construction_with_devices_is_complete() {
    let size = Size {
        bins: 6,
        items: 6,
        count: 5,
        capacity: 12,
    };
    for seed in 0..500 {
        let assignment = with_devices(seed, &size);
        let made = construct(&assignment, None, &Stop::default()).placement;
        assert_eq!(assignment.faults(&made), [], "seed {seed}");
        assert_complete(&assignment, &made, seed);
    }
}

/// Whether placements that are best in all earlier stages differ in this one.
fn is_open(assignment: &Assignment, placements: &[Placement], stage: usize, best: &[f64]) -> bool {
    let values = placements
        .iter()
        .map(|placement| assignment.values(placement));
    let mut tied = values.filter(|values| {
        let earlier = values[..stage].iter().zip(best);
        earlier
            .clone()
            .all(|(value, best)| (value - best).abs() < 1e-9)
    });
    tied.any(|values| (values[stage] - best[stage]).abs() > 1e-9)
}

/// What the tests above rest on: devices, gangs and values that differ by bin do bind.
#[test]
fn the_generator_makes_devices_gangs_and_alternatives_bind() {
    let (mut shared, mut bound, mut gangs, mut yields) = (0, 0, 0, 0);
    let (mut spans, mut fragments) = (0, 0);
    for seed in 0..CASES {
        let assignment = with_devices(seed, &TINY);
        let placements = brute::placements(&assignment);
        let best = brute::best(&assignment, &placements);
        let best_without = |change: &dyn Fn(&mut Assignment)| {
            let mut without = assignment.clone();
            change(&mut without);
            let best = brute::best(&without, &brute::placements(&without));
            (without, best)
        };
        let is_better = |(without, other): (Assignment, Vec<f64>)| {
            usize::from(without.compare(&other, &best).is_lt())
        };
        bound += is_better(best_without(&|without| {
            (without.items.iter_mut()).for_each(|item| item.devices.clear());
        }));
        shared += is_better(best_without(&|without| {
            let needs = without.items.iter_mut().flat_map(|item| &mut item.devices);
            needs.for_each(|need| need.milli = need.milli.min(300));
        }));
        gangs += is_better(best_without(&|without| without.gangs.clear()));
        let is_low = |stage: &apportion_models::assignment::Stage| match &stage.objective {
            Objective::Yield(by_class) => {
                (by_class.rates.iter()).any(|rate| rate.values[0] != rate.values[1])
            }
            _ => false,
        };
        yields += usize::from(assignment.stages.iter().any(is_low));
        for (position, stage) in assignment.stages.iter().enumerate() {
            let is_open = usize::from(is_open(&assignment, &placements, position, &best));
            match stage.objective {
                Objective::Span(_) => spans += is_open,
                Objective::Fragmentation(_) => fragments += is_open,
                _ => {}
            }
        }
    }
    for (what, n) in [
        ("devices", bound),
        ("sizes of parts", shared),
        ("gangs", gangs),
        ("values by bin", yields),
        ("copies together", spans),
        ("fragmentation", fragments),
    ] {
        assert!(n >= 20, "{what}: {n} of {CASES}");
    }
}

fn limited(neighborhoods: usize) -> LadderOptions {
    LadderOptions {
        neighborhoods,
        ..exact()
    }
}

#[test]
fn hundreds_of_bins_with_devices_are_filled_nearly_as_far_as_the_bound_allows() {
    let assignment = large::devices(1, 150, 130);
    let solved = solve(&assignment, None, &limited(4));
    assert_sound(&assignment, &solved, 1);
    let stage = &solved.stages[0];
    println!("{stage:?}", stage = stage.objective);
    assert!(matches!(
        stage.proof,
        Some(Proof::Multipliers(_) | Proof::Combinatorial)
    ));
    let gap = stage.gap().unwrap();
    assert!(gap < 0.01, "{gap}");
    let by_construction = assignment.values(&solved.greedy)[0];
    assert!(
        stage.objective > 1.01 * by_construction,
        "{by_construction}"
    );
    assert_eq!(solve(&assignment, None, &limited(4)), solved);
}

#[test]
fn everything_is_placed_on_hundreds_of_bins_with_room_enough() {
    let assignment = large::devices(2, 150, 90);
    let solved = solve(&assignment, None, &limited(4));
    assert_sound(&assignment, &solved, 2);
    assert_eq!(solved.stages[0].gap(), Some(0.0));
}

#[test]
fn a_deadline_is_kept_while_patterns_are_searched() {
    let assignment = large::devices(3, 400, 130);
    let began = Instant::now();
    let limit = Duration::from_secs(3);
    let options = LadderOptions {
        deadline: Some(began + limit),
        ..exact()
    };
    let solved = solve(&assignment, None, &options);
    let took = began.elapsed();
    assert!(took < limit, "{took:?}");
    assert_eq!(assignment.faults(&solved.placement), []);
    assert_eq!(solved.failures, Vec::<String>::new());
}

/// A clock that ends the search for patterns leaves time to place by the prices that were found.
#[test]
fn patterns_are_placed_though_the_clock_ends_the_search_for_them() {
    let assignment = large::devices(3, 400, 130);
    let placed = |answers: usize, milliseconds: u64| {
        let options = LadderOptions {
            deadline: Some(Instant::now() + Duration::from_millis(milliseconds)),
            exact_columns: 0,
            neighborhoods: 0,
            moves: 0,
            ..LadderOptions::new(Arc::new(TiresOfPatterns::after(answers)))
        };
        let solved = solve(&assignment, None, &options);
        assert_eq!(solved.failures, Vec::<String>::new());
        assert_eq!(solved.stopped, Some(StopReason::Deadline));
        assert_eq!(assignment.faults(&solved.placement), []);
        solved.stages[0].objective
    };
    // A machine with other work takes longer until there are patterns.
    let placed_more = [2500, 5000, 10_000].into_iter().any(|milliseconds| {
        let (without, with) = (placed(0, milliseconds), placed(2, milliseconds));
        println!("{milliseconds} ms: {without} without patterns, {with}");
        with > without
    });
    assert!(placed_more);
}

/// Sixty-odd parts on eight devices: a packing exists, and neither the tightest devices first nor a search finds it soon.
#[test]
fn what_constructing_places_has_devices_even_where_they_are_hard_to_find() {
    let needs = [
        (94, 1, 7),
        (154, 1, 4),
        (253, 1, 9),
        (103, 1, 4),
        (11, 4, 7),
        (45, 2, 4),
        (31, 1, 12),
        (218, 1, 1),
        (178, 1, 12),
        (69, 1, 6),
    ];
    let items: Vec<Item> = needs
        .iter()
        .enumerate()
        .map(|(at, &(milli, count, copies))| Item {
            name: format!("i{at}"),
            count: copies,
            devices: vec![DeviceNeed {
                kind: 0,
                count,
                milli,
            }],
            eligible: Arc::new(vec![0]),
            ..Item::default()
        })
        .collect();
    let terms = (0..items.len() as u32).map(|item| Term { item, value: 1 });
    let assignment = Assignment {
        stages: vec![Stage {
            name: "placed".to_owned(),
            objective: Objective::Value(terms.collect()),
        }],
        items,
        bins: vec![Bin {
            name: "b".to_owned(),
            devices: vec![vec![1000; 8]],
            ..Bin::default()
        }],
        ..Assignment::default()
    };
    assignment.validate().unwrap();
    let counts: Vec<(u32, i64)> = (0..).zip(needs.map(|need| need.2)).collect();
    let packed = assignment.pack(0, &counts).expect("there is a packing");
    assert_eq!(packed.len(), 66);
    let placed = construct(&assignment, None, &Stop::default()).placement;
    assert_eq!(assignment.faults(&placed), []);
}
