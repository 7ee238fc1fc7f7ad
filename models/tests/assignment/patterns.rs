//! Where patterns and lists of fillings give up exactness: bins of which no two are alike, and bins that may hold too much.

use std::sync::Arc;

use apportion_models::assignment::{
    Assignment, Bin, DeviceNeed, Item, LadderOptions, Objective, Packing, Probe, Rate, Span, Stage,
    Stop, Term, Yield, construct, solve,
};

use super::{assert_bounds_hold, assert_sound, brute, exact, large, objectives};

/// More bins than there may be classes, each with another capacity: what is free in all bins of a class counts, so that
/// what is placed fits, and patterns still find more than construction.
#[test]
fn bins_of_which_no_two_are_alike_share_classes() {
    let mut assignment = large::devices(4, 100, 130);
    for (position, bin) in (0_i64..).zip(&mut assignment.bins) {
        bin.capacity[0] -= position;
    }
    let options = LadderOptions {
        neighborhoods: 4,
        ..exact()
    };
    let solved = solve(&assignment, None, &options);
    assert_sound(&assignment, &solved, 4);
    let stage = &solved.stages[0];
    let by_construction = assignment.values(&solved.greedy)[0];
    println!("{by_construction} by construction, {:?}", stage.objective);
    assert!(stage.objective > by_construction, "{by_construction}");
    assert!(stage.gap().unwrap() < 0.03, "{stage:?}");
    assert_eq!(solve(&assignment, None, &options), solved);
}

fn part(milli: i64) -> Vec<DeviceNeed> {
    vec![DeviceNeed {
        kind: 0,
        count: 1,
        milli,
    }]
}

/// Three items of `copies` small parts each in a bin of one device, of which the first may also go to a bin of another.
fn many_fillings(copies: i64, probe_milli: i64) -> Assignment {
    let item = |name: &str, milli, eligible: &[u32]| Item {
        name: name.to_owned(),
        count: copies,
        eligible: Arc::new(eligible.to_vec()),
        devices: part(milli),
        ..Item::default()
    };
    let items = vec![
        item("a", 70, &[0, 1]),
        item("b", 50, &[0]),
        item("c", 30, &[0]),
    ];
    let bin = |name: &str, milli| Bin {
        name: name.to_owned(),
        devices: vec![vec![milli]],
        ..Bin::default()
    };
    let terms = (0..3).map(|item| Term { item, value: 1 });
    let probe = Probe {
        demand: Vec::new(),
        devices: part(probe_milli),
        eligible: Arc::new(vec![0, 1]),
        weight: 1,
    };
    let stage = |name: &str, objective| Stage {
        name: name.to_owned(),
        objective,
    };
    Assignment {
        items,
        bins: vec![bin("x", 1000), bin("y", 300)],
        stages: vec![
            stage("placed", Objective::Value(terms.collect())),
            stage("fragments", Objective::Fragmentation(vec![probe])),
        ],
        ..Assignment::default()
    }
}

/// A bin with more fillings than are listed adds nothing to the program of fragmentation: its bound holds, and what is
/// placed is no worse than by construction.
#[test]
fn bins_that_may_hold_too_much_are_not_listed_and_the_bound_holds() {
    for (copies, probe) in [(2, 400), (4, 400), (9, 400), (9, 900), (9, 250)] {
        let assignment = many_fillings(copies, probe);
        assignment.validate().unwrap();
        let placements = brute::placements(&assignment);
        let solved = solve(&assignment, None, &exact());
        let seed = (copies * 1000 + probe) as u64;
        assert_sound(&assignment, &solved, seed);
        assert_bounds_hold(&assignment, &solved, &placements, seed);
        // Up to 3 x 3 x 3 fillings everything is listed, and the program is exact; with 10 x 10 x 10 it is not.
        let best = brute::best(&assignment, &placements);
        if copies == 2 {
            assert_eq!(objectives(&solved), best, "seed {seed}");
        }
        let program = assignment.to_milp(1, &objectives(&solved)[..1]);
        let filled = program.milp.columns.iter();
        let filled = filled
            .filter(|column| column.name.starts_with("filled[x,"))
            .count();
        let is_listed = copies < 9;
        assert_eq!(filled > 0, is_listed, "seed {seed}: {filled} fillings");
    }
}

/// However many stages value copies by the class of their bin, later ones still decide between bins that are worth as
/// much: two bins, of which the second costs less to open.
#[test]
fn the_last_stage_decides_behind_many_stages_of_values() {
    for n_values in 0..7 {
        let item = Item {
            name: "i".to_owned(),
            count: 2,
            eligible: Arc::new(vec![0, 1]),
            ..Item::default()
        };
        let bin = |name: &str| Bin {
            name: name.to_owned(),
            ..Bin::default()
        };
        let by_class = Yield {
            class_of: Arc::new(vec![0, 0]),
            rates: vec![Rate {
                item: 0,
                values: vec![3],
            }],
        };
        let span = Span {
            name: "span".to_owned(),
            packing: Packing {
                items: Arc::new(vec![0]),
                group_of: Arc::new(vec![0, 1]),
                base: vec![0, 0],
            },
            weight: 1,
        };
        let values = (0..n_values).map(|_| Objective::Yield(by_class.clone()));
        let rest = [Objective::Span(vec![span]), Objective::Opened(vec![5, 1])];
        let stages = values.chain(rest).enumerate().map(|(at, objective)| Stage {
            name: format!("s{at}"),
            objective,
        });
        let assignment = Assignment {
            items: vec![item],
            bins: vec![bin("x"), bin("y")],
            stages: stages.collect(),
            ..Assignment::default()
        };
        assignment.validate().unwrap();
        let placed = construct(&assignment, None, &Stop::default()).placement;
        assert_eq!(placed.entries(), [(0, 1, 2)], "{n_values} stages of values");
    }
}
