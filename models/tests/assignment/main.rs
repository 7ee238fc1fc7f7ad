//! The ladder against the slow twin, the constructive method's promises, and solvers that misbehave.
#![allow(clippy::unwrap_used)]

mod brute;
mod devices;
mod generate;
mod large;
mod patterns;
mod solvers;
mod traffic;
mod transport;
mod twin;

use std::sync::Arc;
use std::time::{Duration, Instant};

use apportion_models::assignment::{
    Assignment, Bin, Item, LadderOptions, Objective, Placement, Proof, Rate, Solved, Stage, Stop,
    Term, Yield, audit, construct, solve,
};
use apportion_models::backends::GoodLp;
use apportion_models::{Limits, MilpSolver, Status, StopReason, default_solver, solve_guarded};
use generate::{Size, TINY};
use solvers::{Misbehaving, Mischief};

fn exact() -> LadderOptions {
    LadderOptions::new(default_solver())
}

/// Nothing but the constructive method and the bounds that need no search.
fn without_search() -> LadderOptions {
    LadderOptions {
        exact_columns: 0,
        neighborhoods: 0,
        moves: 0,
        ..exact()
    }
}

fn improving() -> LadderOptions {
    LadderOptions {
        exact_columns: 0,
        neighborhoods: 6,
        ..exact()
    }
}

fn objectives(solved: &Solved) -> Vec<f64> {
    solved.stages.iter().map(|stage| stage.objective).collect()
}

fn assert_sound(assignment: &Assignment, solved: &Solved, seed: u64) {
    assert_eq!(assignment.faults(&solved.placement), [], "seed {seed}");
    assert_eq!(assignment.faults(&solved.greedy), [], "seed {seed}");
    assert_eq!(
        assignment.values(&solved.placement),
        objectives(solved),
        "seed {seed}"
    );
    assert_eq!(
        (&solved.failures, &solved.stopped),
        (&Vec::new(), &None),
        "seed {seed}"
    );
    let greedy = assignment.values(&solved.greedy);
    assert!(
        assignment.compare(&objectives(solved), &greedy).is_le(),
        "seed {seed}"
    );
}

fn assert_bounds_hold(
    assignment: &Assignment,
    solved: &Solved,
    placements: &[Placement],
    seed: u64,
) {
    for (position, stage) in solved.stages.iter().enumerate() {
        let best = brute::best_of_stage(assignment, placements, position, &objectives(solved));
        let bound = stage.bound.unwrap();
        let is_cut_off = stage.sense.is_better(best, bound, 1e-6);
        assert!(
            !is_cut_off,
            "seed {seed}: {best} is better than the bound of {stage:?}"
        );
    }
}

#[test]
fn tiny_assignments_are_solved_to_the_optimum_of_every_stage() {
    for seed in 0..400 {
        let assignment = generate::assignment(seed, &TINY);
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
fn bounds_without_search_hold_for_every_placement() {
    for seed in 0..1500 {
        let assignment = generate::assignment(seed, &TINY);
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &without_search());
        assert_sound(&assignment, &solved, seed);
        assert_bounds_hold(&assignment, &solved, &placements, seed);
    }
}

/// Of four units in one bin, one copy that comes first takes two: two of the others, worth 3 each, fit beside it, and prices prove
/// that more do not. Alone, all four would.
#[test]
fn what_earlier_stages_keep_is_there_for_nobody_else() {
    let item = |name: &str, count: i64, demand: i64| Item {
        name: name.to_owned(),
        count,
        demand: vec![demand],
        eligible: Arc::new(vec![0]),
        ..Item::default()
    };
    let stage = |name: &str, item: u32, value: i64| Stage {
        name: name.to_owned(),
        objective: Objective::Value(vec![Term { item, value }]),
    };
    let assignment = Assignment {
        resources: vec!["cpu".to_owned()],
        items: vec![item("first", 1, 2), item("then", 4, 1)],
        bins: vec![Bin {
            name: "bin".to_owned(),
            capacity: vec![4],
            ..Bin::default()
        }],
        stages: vec![stage("urgent", 0, 1), stage("placed", 1, 3)],
        ..Assignment::default()
    };
    let solved = solve(&assignment, None, &without_search());
    assert_eq!(objectives(&solved), [1.0, 6.0]);
    let bound = solved.stages[1].bound.unwrap();
    assert!((bound - 6.0).abs() < 1e-6, "{bound}");
    let Some(Proof::Multipliers(prices)) = &solved.stages[1].proof else {
        panic!("not by prices: {:?}", solved.stages[1]);
    };
    assert!(prices.kept[0] > 0.0, "{prices:?}");
    // Without the first stage, everything is within reach.
    let alone = Assignment {
        stages: assignment.stages[1..].to_vec(),
        ..assignment
    };
    assert_eq!(objectives(&solve(&alone, None, &without_search())), [12.0]);
}

#[test]
fn neighborhoods_keep_every_rule_and_never_harm() {
    for seed in 0..300 {
        let assignment = generate::assignment(seed, &TINY);
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &improving());
        assert_sound(&assignment, &solved, seed);
        assert_bounds_hold(&assignment, &solved, &placements, seed);
    }
}

/// What the tests above rest on: hard cases do occur.
#[test]
fn the_generator_makes_contended_gang_and_infeasible_cases() {
    let (mut contended, mut gangs_left_out, mut better_than_greedy, mut priced) = (0, 0, 0, 0);
    for seed in 0..400 {
        let assignment = generate::assignment(seed, &TINY);
        let placements = brute::placements(&assignment);
        let best = brute::best(&assignment, &placements);
        let wanted: i64 = assignment.items.iter().map(|item| item.count).sum();
        let placed =
            |placement: &Placement| placement.entries().iter().map(|entry| entry.2).sum::<i64>();
        contended += usize::from(placements.iter().map(placed).max().unwrap() < wanted);
        let is_absent = |placement: &Placement| {
            (assignment.gangs.iter()).all(|gang| {
                gang.items
                    .iter()
                    .all(|&item| placement.copies_of(item) == 0)
            })
        };
        gangs_left_out +=
            usize::from(!assignment.gangs.is_empty() && placements.iter().all(is_absent));
        let solved = solve(&assignment, None, &without_search());
        better_than_greedy += usize::from(assignment.compare(&best, &objectives(&solved)).is_lt());
        priced += usize::from(
            solved
                .stages
                .iter()
                .any(|stage| matches!(stage.proof, Some(Proof::Multipliers(_)))),
        );
    }
    for (what, n) in [
        ("contended", contended),
        ("gangs left out", gangs_left_out),
        ("greedy is not best", better_than_greedy),
        ("priced", priced),
    ] {
        assert!(n >= 10, "{what}: {n} of 400");
    }
}

#[test]
fn construction_is_complete_and_only_adds() {
    let size = Size {
        bins: 6,
        items: 6,
        count: 5,
        capacity: 12,
    };
    for seed in 0..1000 {
        let assignment = generate::assignment(seed, &size);
        let whole = construct(&assignment, None, &Stop::default()).placement;
        assert_eq!(assignment.faults(&whole), [], "seed {seed}");
        assert_complete(&assignment, &whole, seed);
        let start = construct(&assignment, None, &Stop::default()).placement;
        let start = without_some(&assignment, &start, seed);
        let again = construct(&assignment, Some(&start), &Stop::default()).placement;
        assert_eq!(assignment.faults(&again), [], "seed {seed}");
        assert_complete(&assignment, &again, seed);
        for &(item, bin, copies) in start.entries() {
            let kept = again
                .of_item(item)
                .iter()
                .find(|entry| entry.1 == bin)
                .map_or(0, |entry| entry.2);
            assert!(kept >= copies, "seed {seed}");
        }
    }
}

fn assert_complete(assignment: &Assignment, placement: &Placement, seed: u64) {
    for (item, of_item) in (0_u32..).zip(&assignment.items) {
        let is_out = |gang: &&apportion_models::assignment::Gang| {
            gang.items.contains(&item)
                && gang.least() > 0
                && gang
                    .items
                    .iter()
                    .all(|&member| placement.copies_of(member) == 0)
        };
        if assignment.gangs.iter().any(|gang| is_out(&gang)) {
            continue;
        }
        for &bin in of_item.eligible.iter() {
            let mut entries = placement.entries().to_vec();
            entries.push((item, bin, 1));
            let faults = assignment.faults(&Placement::new(entries));
            assert!(
                !faults.is_empty(),
                "seed {seed}: item {item} fits into bin {bin}"
            );
        }
    }
}

/// The placement with some entries taken out, as long as no rule breaks.
fn without_some(assignment: &Assignment, placement: &Placement, seed: u64) -> Placement {
    let random = &mut generate::Random::new(seed + 77);
    let mut rest = placement.clone();
    for &entry in placement.entries() {
        if random.chance(50) {
            let entries = rest
                .entries()
                .iter()
                .copied()
                .filter(|&other| other != entry);
            let fewer = Placement::new(entries.collect());
            if assignment.faults(&fewer).is_empty() {
                rest = fewer;
            }
        }
    }
    rest
}

#[test]
fn with_a_start_the_result_is_never_worse_than_it() {
    for seed in 0..200 {
        let assignment = generate::assignment(seed, &TINY);
        let placements = brute::placements(&assignment);
        let start = &placements[(seed as usize * 31) % placements.len()];
        for options in [exact(), without_search(), improving()] {
            let solved = solve(&assignment, Some(start), &options);
            assert_sound(&assignment, &solved, seed);
            let reached = assignment.values(start);
            assert!(
                assignment.compare(&objectives(&solved), &reached).is_le(),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn misbehaving_solvers_cost_exactness_alone_and_are_reported() {
    let size = Size {
        bins: 6,
        items: 6,
        count: 5,
        capacity: 12,
    };
    let all = [
        Mischief::Panic,
        Mischief::Hang,
        Mischief::Overfill,
        Mischief::Infeasible,
        Mischief::WrongBound,
        Mischief::NotANumber,
        Mischief::Nothing,
    ];
    for mischief in all {
        let mut n_reported = 0;
        for (seed, exact_columns) in [(0, 1000), (1, 1000), (2, 0), (3, 0), (4, 1000), (5, 0)] {
            let assignment = generate::assignment(seed, &size);
            let began = Instant::now();
            let options = LadderOptions {
                deadline: Some(began + Duration::from_millis(400)),
                exact_columns,
                ..LadderOptions::new(Arc::new(Misbehaving(mischief)))
            };
            let solved = solve(&assignment, None, &options);
            let took = began.elapsed();
            // Generous: the machine may be busy. A solver that hangs would never come back.
            assert!(
                took < Duration::from_millis(2_000),
                "{mischief:?}: {took:?}"
            );
            assert_eq!(assignment.faults(&solved.placement), []);
            let greedy = assignment.values(&solved.greedy);
            assert!(assignment.compare(&objectives(&solved), &greedy).is_le());
            n_reported += usize::from(!solved.failures.is_empty());
            if mischief == Mischief::Hang && !solved.failures.is_empty() {
                assert_eq!(solved.stopped, Some(StopReason::Deadline));
            }
            for stage in &solved.stages {
                let bound = stage.bound.unwrap();
                assert!(
                    !stage.sense.is_better(stage.objective, bound, 1e-6),
                    "{stage:?}"
                );
            }
        }
        assert!(
            n_reported >= 3,
            "{mischief:?} was reported {n_reported} times of 6"
        );
    }
}

#[test]
fn construction_is_quick_on_thousands_of_bins() {
    let assignment = large::spread(5_000, 2_000, 10, 70);
    let began = busy_time();
    let made = construct(&assignment, None, &Stop::default());
    let took = busy_time().saturating_sub(began);
    println!("constructed in {took:?}");
    assert_eq!(made.stopped, None);
    assert_eq!(assignment.faults(&made.placement), []);
    assert_eq!(assignment.values(&made.placement)[0], 20_000.0);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Time that this thread has run, where the system says so (others may be running as well), else time on the clock.
fn busy_time() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let began = BEGAN.get_or_init(Instant::now);
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = statistics.and_then(|line| line.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// What a construction places before it is cut short comes first, and is hardly anything of the rest: a start is not given up for it.
#[test]
fn a_start_is_kept_where_construction_is_cut_short() {
    const FIRST: u32 = 100;
    const ALL: u32 = 600;
    let eligible = Arc::new(vec![0]);
    let item = |at: u32| Item {
        name: format!("i{at:03}"),
        count: 1,
        demand: vec![1 + i64::from(at)],
        eligible: Arc::clone(&eligible),
        devices: Vec::new(),
    };
    let stage = |name: &str, items: u32| Stage {
        name: name.to_owned(),
        objective: Objective::Value((0..items).map(|item| Term { item, value: 1 }).collect()),
    };
    let assignment = Assignment {
        resources: vec!["cpu".to_owned()],
        items: (0..ALL).map(item).collect(),
        bins: vec![Bin {
            name: "b".to_owned(),
            capacity: vec![1_000_000],
            devices: Vec::new(),
        }],
        caps: Vec::new(),
        limits: Vec::new(),
        gangs: Vec::new(),
        balances: Vec::new(),
        stages: vec![stage("first", FIRST), stage("all", ALL)],
    };
    let start = Placement::new((1..ALL).map(|item| (item, 0, 1)).collect());
    let options = LadderOptions {
        deadline: Some(Instant::now()),
        ..LadderOptions::new(default_solver())
    };
    let solved = solve(&assignment, Some(&start), &options);
    assert_eq!(solved.stopped, Some(StopReason::Deadline));
    let greedy = assignment.values(&solved.greedy);
    assert!(greedy[0] > assignment.values(&start)[0] && greedy[1] < f64::from(ALL) / 2.0);
    assert!(assignment.values(&solved.placement)[1] >= f64::from(ALL - 1));
}

#[test]
fn a_deadline_is_kept_on_thousands_of_bins() {
    let assignment = large::spread(2_000, 400, 10, 97);
    let began = Instant::now();
    let limit = Duration::from_secs(6);
    let options = LadderOptions {
        deadline: Some(began + limit),
        ..exact()
    };
    let solved = solve(&assignment, None, &options);
    let took = began.elapsed();
    println!("{took:?} {:?} {:?}", solved.stopped, solved.failures);
    for stage in &solved.stages {
        println!(
            "{} {} {:?} {:?} greedy {:?}",
            stage.name,
            stage.objective,
            stage.bound,
            stage.gap(),
            stage.greedy
        );
    }
    assert!(took < limit, "{took:?}");
    assert_eq!(assignment.faults(&solved.placement), []);
}

/// Without the duals of programs, bounds are found step by step, each of which looks at every item and bin.
#[test]
fn a_deadline_is_kept_where_bounds_are_found_in_steps() {
    let (n_bins, n_items) = (4_000, 1_600);
    let mut assignment = large::spread(n_bins, n_items, 5, 97);
    let placed = construct(&assignment, None, &Stop::default()).placement;
    let n_classes = 50;
    let class = |bin: usize| (bin * 7 % n_classes) as u32;
    let rate = |item: usize| Rate {
        item: item as u32,
        values: (0..n_classes)
            .map(|class| ((item * 31 + class * 17) % 101) as i64)
            .collect(),
    };
    let costs = Yield {
        class_of: Arc::new((0..n_bins).map(class).collect()),
        rates: (0..n_items).map(rate).collect(),
    };
    assignment.stages.truncate(1);
    assignment.stages.push(Stage {
        name: "cost".to_owned(),
        objective: Objective::Cost(costs),
    });
    let began = Instant::now();
    let options = LadderOptions {
        deadline: Some(began + Duration::from_secs(1)),
        ..LadderOptions::new(Arc::new(Misbehaving(Mischief::Nothing)))
    };
    let stages = audit(&assignment, &placed, || None, &options);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(stages.iter().all(|stage| stage.bound.is_some()));
}

#[test]
fn a_cancelled_solve_still_answers() {
    let assignment = generate::assignment(7, &TINY);
    let options = exact();
    options.cancel.cancel();
    let solved = solve(&assignment, None, &options);
    assert_eq!(solved.stopped, Some(StopReason::Cancelled));
    assert_eq!(assignment.faults(&solved.placement), []);
}

/// The values of every stage by the program of the assignment as it is, without merging, starts and other bounds.
fn by_programs(assignment: &Assignment, solver: &Arc<dyn MilpSolver>) -> Option<Vec<f64>> {
    let mut values = Vec::new();
    for stage in 0..assignment.stages.len() {
        let model = assignment.to_milp(stage, &values);
        let limits = Limits::within(Duration::from_secs(3));
        let outcome = solve_guarded(solver, &model.milp, &limits).ok()?;
        if outcome.status != Status::Optimal {
            return None;
        }
        let placement = model.decode(&outcome.solution?);
        assert_eq!(assignment.faults(&placement), []);
        let value = assignment.values(&placement)[stage];
        assert!(
            (value * model.scale - outcome.objective?).abs()
                < 1e-6 * (value * model.scale).abs().max(1.0)
        );
        values.push(value);
    }
    Some(values)
}

#[test]
fn the_ladder_agrees_with_plain_programs_of_another_solver() {
    let size = Size {
        bins: 6,
        items: 4,
        count: 4,
        capacity: 9,
    };
    let other: Arc<dyn MilpSolver> = Arc::new(GoodLp);
    let mut n_compared = 0;
    for seed in 0..80 {
        let assignment = twin::split(&generate::assignment(seed, &size));
        assignment.validate().unwrap();
        let solved = solve(&assignment, None, &exact());
        assert_sound(&assignment, &solved, seed);
        if let Some(values) = by_programs(&assignment, &other) {
            n_compared += 1;
            let order = assignment.compare(&objectives(&solved), &values);
            assert!(
                order.is_eq(),
                "seed {seed}: {:?} instead of {values:?}",
                objectives(&solved)
            );
        }
    }
    assert!(
        n_compared >= 60,
        "{n_compared} of 80 were solved by the other solver"
    );
}

#[test]
fn equal_input_gives_equal_output() {
    let size = Size {
        bins: 8,
        items: 8,
        count: 6,
        capacity: 15,
    };
    for seed in 0..20 {
        let assignment = twin::split(&generate::assignment(seed, &size));
        for options in [exact(), improving()] {
            let first = solve(&assignment, None, &options);
            assert_eq!(solve(&assignment, None, &options), first, "seed {seed}");
        }
    }
}
