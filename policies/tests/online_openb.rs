//! Online planning on the openb GPU trace: needs the folder that `APPORTION_DATA` names.

#![allow(clippy::unwrap_used)]

#[path = "../examples/openb/trace.rs"]
mod trace;

use std::path::PathBuf;

use apportion_policies::online::{Planner, arrivals, rule};

/// Percent of the cluster's GPU thousandths that one sequence at 130 % demand allocates.
fn allocated(trace: &trace::Trace, name: &str, seed: u64) -> f64 {
    let rule = rule(name, &trace.fleet, &trace.population).unwrap();
    let mut planner = Planner::new(trace.fleet.clone(), rule, seed);
    for shape in arrivals(&trace.fleet, &trace.pods, 130, seed) {
        planner.place(shape).unwrap();
    }
    let fleet = planner.fleet();
    100.0 * fleet.allocated_milli() as f64 / fleet.device_milli() as f64
}

/// The published mean of each rule on the list `default`, give or take one point for a single sequence.
#[test]
fn published_rules_allocate_what_is_published_and_ours_more() {
    let Some(folder) = std::env::var_os("APPORTION_DATA") else {
        eprintln!("skipped: APPORTION_DATA is not set");
        return;
    };
    let trace = trace::read(&PathBuf::from(folder).join("openb-gpu"), "default").unwrap();
    assert_eq!(trace.fleet.device_milli(), 6_212_000);
    let published = [
        ("random", 87.47),
        ("dot_product", 90.85),
        ("clustering", 91.88),
        ("packing", 92.00),
        ("best_fit", 93.08),
        ("fgd", 95.39),
    ];
    for (name, figure) in published {
        let percent = allocated(&trace, name, 42);
        assert!(
            (percent - figure).abs() < 1.0,
            "{name}: {percent:.2}, published {figure}"
        );
    }
    let percent = allocated(&trace, "shadow_price", 42);
    assert!(percent > 95.8, "shadow_price: {percent:.2}");
}
