//! Bounds by counting and by prices: numbers by hand, and never one that a feasible plan beats.

use apportion::verify::{Rule, verify};
use apportion_cluster::plan::{Multiplier, PartWeight, PlanFile, Proof, StageSense};
use apportion_cluster::{Cluster, LevelIdx, LimitRule, MinAvailable};

use super::build::{self, PLACED};
use super::devices;

/// Claims `bound` for a stage with this proof, gaps included.
fn claim(plan: &mut PlanFile, stage: &str, bound: f64, proof: Proof) {
    let result = &mut plan.frameworks[0];
    let claimed = result
        .stages
        .iter_mut()
        .find(|it| it.name == stage)
        .unwrap();
    let scale = claimed.objective.abs().max(bound.abs()).max(1.0);
    claimed.bound = Some(bound);
    claimed.gap = Some((claimed.objective - bound).abs() / scale);
    claimed.proof = Some(proof);
    let quality = result.stages.iter().filter(|it| it.name != "agents_used");
    result.gap = quality.filter_map(|it| it.gap).max_by(f64::total_cmp);
}

fn accepts(cluster: &Cluster, plan: &PlanFile) -> bool {
    let report = verify(cluster, plan);
    let only_bounds = report.violations.iter().all(|it| it.rule == Rule::Bound);
    assert!(only_bounds, "{report:#?}");
    report.holds()
}

/// The verifier accepts the claim `bound` by counting, and nothing tighter.
fn assert_tightest(cluster: &Cluster, placed: &[(usize, usize, i64)], stage: &str, bound: f64) {
    let mut plan = build::plan(cluster, placed, &[]);
    claim(&mut plan, stage, bound, Proof::Combinatorial);
    assert!(accepts(cluster, &plan), "{stage} {bound} is proved");
    let maximize = plan.frameworks[0]
        .stages
        .iter()
        .any(|it| it.name == stage && it.sense == StageSense::Maximize);
    let tighter = if maximize { bound - 0.01 } else { bound + 0.01 };
    claim(&mut plan, stage, tighter, Proof::Combinatorial);
    assert!(!accepts(cluster, &plan), "{stage} {tighter} is not proved");
}

#[test]
fn value_in_reach() {
    assert_tightest(&build::cluster(), &PLACED[..3], "placed", 10.0);
    // At most one `t` per rack, and one runs in `r1`: one more fits, in `r2`.
    let mut cluster = build::cluster();
    let rule = LimitRule {
        level: LevelIdx::of(0),
        max: 1,
        group: None,
    };
    cluster.tasks[0].limits.push(rule);
    assert_tightest(&cluster, &[(0, 0, 1), (1, 0, 1)], "placed", 8.0);
}

#[test]
fn water_filling_over_racks() {
    // j: 4 instances over two racks, at best 2 of 4 in one; k: 1 of 2.
    assert_tightest(&build::cluster(), PLACED, "spread", 0.5 + 0.5);
    // Plans of value 4 may place as little as the running instance of j, and none of k.
    assert_tightest(&build::cluster(), &PLACED[..3], "spread", 0.25);
}

#[test]
fn agents_opened_for_what_must_be_placed() {
    // 8 cpu for everything; `a`, where one runs, offers 2: `b` and `c` have to open.
    assert_tightest(&build::cluster(), PLACED, "agents_used", 2.0);
    // Value 4 needs one cpu more than what runs: `a` has it.
    assert_tightest(&build::cluster(), &PLACED[..3], "agents_used", 0.0);
}

#[test]
fn survivors_of_the_worst_rack() {
    let mut cluster = build::cluster();
    let rule = MinAvailable {
        level: LevelIdx::of(0),
        instances: 3,
    };
    cluster.jobs[0].min_available = Some(rule);
    assert_tightest(&cluster, PLACED, "min_available", 1.0);
}

#[test]
fn prices_bound_the_value() {
    // 1 runs; t is worth its price; u is worth 2.5 more, twice; 10 cpu on offer cost 5: 11 in all.
    let cluster = build::cluster();
    let mut plan = build::plan(&cluster, PLACED, &[]);
    for (bound, proved) in [(11.0, true), (10.99, false)] {
        claim(&mut plan, "placed", bound, Proof::Multipliers);
        plan.frameworks[0].stages[0].multipliers = Some(vec![Multiplier {
            units: Vec::new(),
            agents: ["a", "b", "c"].map(str::to_owned).to_vec(),
            resource: "cpu".to_owned(),
            price: 0.5,
            weights: Vec::new(),
        }]);
        assert_eq!(accepts(&cluster, &plan), proved, "{bound}");
    }
    plan.frameworks[0].stages[0].multipliers.as_mut().unwrap()[0].price = -0.5;
    assert!(!accepts(&cluster, &plan), "prices are not negative");
    plan.frameworks[0].stages[0].multipliers = None;
    assert!(!accepts(&cluster, &plan), "a proof by prices needs prices");
}

#[test]
fn what_earlier_priorities_hold_is_out_of_reach() {
    // 4 cpu: `t` comes first and takes 2 of them; of `u`, worth 3 each, two fit beside it.
    let mut cluster = build::empty_cluster(vec![build::agent("a", 0)]);
    cluster.agents[0].domains.clear();
    build::add_framework(&mut cluster, "web");
    build::add_task(&mut cluster, "j", "t", 1, 1, &[2]);
    build::add_task(&mut cluster, "k", "u", 4, 3, &[1]);
    cluster.jobs[0].priority = 1;
    let mut plan = build::plan(&cluster, &[(0, 0, 1), (1, 0, 2)], &[]);
    let price = |resource: &str, price: f64| Multiplier {
        resource: resource.to_owned(),
        price,
        ..Multiplier::default()
    };
    let mut accepted = |kept: Option<Multiplier>, bound: f64| {
        claim(&mut plan, "placed:0", bound, Proof::Multipliers);
        let cpu = Multiplier {
            agents: vec!["a".to_owned()],
            ..price("cpu", 3.0)
        };
        plan.frameworks[0].stages[1].multipliers = Some(kept.into_iter().chain([cpu]).collect());
        accepts(&cluster, &plan)
    };
    // 4 cpu at 3 each.
    assert!(accepted(None, 12.0));
    assert!(!accepted(None, 11.99));
    // A price of 6 for the value 1 of what is kept pays for the 2 cpu of it.
    assert!(accepted(Some(price("kept:placed:1", 6.0)), 6.0));
    assert!(!accepted(Some(price("kept:placed:1", 6.0)), 5.99));
    // Asking more for it makes nothing of what `t` could pay beyond its 2 cpu.
    assert!(accepted(Some(price("kept:placed:1", 7.0)), 6.0));
    assert!(!accepted(Some(price("kept:placed:1", 7.0)), 5.99));
    for (stage, amount) in [
        ("kept:placed:1", -6.0),
        ("kept:placed:0", 6.0),
        ("kept:placed", 6.0),
        ("kept:placed:2", 6.0),
        ("placed:1", 6.0),
    ] {
        let kept = Some(price(stage, amount));
        assert!(!accepted(kept, 12.0), "{amount} for {stage}");
    }
}

#[test]
fn weights_of_parts_bound_what_shares_devices() {
    // Two instances want 600 of a device each, and one device is offered, as 1000 thousandths, of which only a whole multiple of 600
    // counts: one of them. Weights that count each as a whole device say the same.
    let (cluster, mut plan) = devices::one_device(2, 600);
    let price = |price: f64, weights: &[(i64, i64)]| Multiplier {
        units: Vec::new(),
        agents: vec!["a".to_owned()],
        resource: "gpu_milli".to_owned(),
        price,
        weights: (weights.iter())
            .map(|&(milli, weight)| PartWeight { milli, weight })
            .collect(),
    };
    let mut accepted = |multiplier: Multiplier, bound: f64| {
        claim(&mut plan, "placed", bound, Proof::Multipliers);
        plan.frameworks[0].stages[0].multipliers = Some(vec![multiplier]);
        accepts(&cluster, &plan)
    };
    assert!(!accepted(price(1.0 / 600.0, &[]), 0.99));
    assert!(accepted(price(1.0 / 600.0, &[]), 1.0));
    assert!(accepted(price(1.0, &[(600, 1)]), 1.0));
    assert!(!accepted(price(1.0, &[(600, 1)]), 0.99));
    // With parts of 300 beside them, three weigh more than the one of 600.
    assert!(!accepted(price(1.0, &[(300, 1), (600, 1)]), 1.0));
    assert!(accepted(price(1.0, &[(300, 1), (600, 1)]), 3.0));
    // Weights out of range, of sizes out of range, or stated twice, and of what is no device.
    for weights in [
        [(600, 0), (500, 1)],
        [(600, 1), (1001, 1)],
        [(600, 1), (600, 2)],
    ] {
        assert!(!accepted(price(1.0, &weights), 3.0), "{weights:?}");
    }
    let cpu = Multiplier {
        units: Vec::new(),
        resource: "cpu".to_owned(),
        ..price(1.0, &[(600, 1)])
    };
    assert!(!accepted(cpu, 3.0));
}

#[test]
fn no_false_bound_is_accepted() {
    let mut contended = 0;
    for seed in 1..=40 {
        let (cluster, feasible) = small_case(seed);
        let value = |plan: &PlanFile, stage: &str| {
            let stages = &plan.frameworks[0].stages;
            stages.iter().find(|it| it.name == stage).unwrap().objective
        };
        let best = feasible
            .iter()
            .map(|it| value(it, "placed"))
            .fold(0.0, f64::max);
        contended += usize::from(best < 9.0);
        for plan in &feasible {
            let as_good = || {
                feasible
                    .iter()
                    .filter(|it| value(it, "placed") >= value(plan, "placed"))
            };
            let least = |stage: &str| {
                as_good()
                    .map(|it| value(it, stage))
                    .fold(f64::INFINITY, f64::min)
            };
            let false_claims = [
                ("placed", best - 0.01),
                ("spread", least("spread") + 0.01),
                ("min_available", least("min_available") + 0.01),
                ("agents_used", least("agents_used") + 0.01),
            ];
            for (stage, bound) in false_claims {
                let mut plan = plan.clone();
                claim(&mut plan, stage, bound, Proof::Combinatorial);
                assert!(
                    !accepts(&cluster, &plan),
                    "seed {seed}: {stage} {bound} is false"
                );
            }
        }
    }
    assert!(contended > 8, "the cases are contended: {contended}");
}

/// Three agents in two racks, two tasks in one job and one in another, and every plan that the verifier accepts.
fn small_case(seed: u64) -> (Cluster, Vec<PlanFile>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from((state >> 20) % n).unwrap()
    };
    let mut cluster = build::cluster();
    cluster.agents.truncate(3);
    for agent in &mut cluster.agents {
        agent.capacity.0[0] = 1 + draw(5);
    }
    cluster.agents[1].cordoned = draw(4) == 0;
    cluster.tasks[0].instances = 1 + draw(3);
    cluster.tasks[1].instances = 1 + draw(2);
    for task in &mut cluster.tasks {
        task.value = 1 + draw(3);
        task.demand.0[0] = 1 + draw(3);
        if draw(3) == 0 {
            let rule = LimitRule {
                level: LevelIdx::of(0),
                max: 1 + draw(2),
                group: None,
            };
            task.limits.push(rule);
        }
    }
    cluster.jobs[0].min_available = Some(MinAvailable {
        level: LevelIdx::of(0),
        instances: 1 + draw(2),
    });
    if draw(3) == 0 {
        cluster.running.clear();
    }
    let mut feasible = Vec::new();
    let counts = |task: usize| 0..=cluster.tasks[task].instances;
    for (a, b, c) in triples(counts(0)) {
        for (d, e, f) in triples(counts(1)) {
            let all = [
                (0, 0, a),
                (0, 1, b),
                (0, 2, c),
                (1, 0, d),
                (1, 1, e),
                (1, 2, f),
            ];
            let placed: Vec<_> = all.into_iter().filter(|it| it.2 > 0).collect();
            let plan = build::plan(&cluster, &placed, &[]);
            if verify(&cluster, &plan).holds() {
                feasible.push(plan);
            }
        }
    }
    (cluster, feasible)
}

fn triples(range: std::ops::RangeInclusive<i64>) -> Vec<(i64, i64, i64)> {
    let mut triples = Vec::new();
    for a in range.clone() {
        for b in range.clone() {
            triples.extend(range.clone().map(|c| (a, b, c)));
        }
    }
    triples
}
