//! What brokering costs: brokered plans against monolithic plans that had ten times as long.

use std::time::{Duration, Instant};

use apportion::engine::{Mode, Options, brokering};
use apportion::generate::{GenerateOptions, Kind, generate};
use apportion::snapshot;
use apportion::verify::verify_against;
use apportion_cluster::plan::{Brokering, PlanFile};

use crate::run::{Trace, trace};
use crate::{Arguments, Failure};

/// The part of the time that the brokered plan has of that of the monolithic one.
const PART: u32 = 10;

/// Clusters of 2,000 agents with services and training.
pub fn generated(arguments: &Arguments) -> Result<(), Failure> {
    header();
    for &load in &arguments.loads {
        for seed in &arguments.seeds {
            let file = generate(&GenerateOptions {
                agents: 2_000,
                jobs: 600,
                frameworks: 12,
                policies: vec![Kind::Service, Kind::Ml],
                load,
                seed: *seed,
                ..GenerateOptions::default()
            });
            let trace = Trace {
                cluster: snapshot::resolve(&file)?,
                order: Vec::new(),
            };
            row(arguments, &format!("load {load:.1}, seed {seed}"), &trace)?;
        }
    }
    Ok(())
}

/// The lists of openb: as they are, and drawn up to 130 % of the GPUs. Its pods are one framework's.
pub fn openb(arguments: &Arguments) -> Result<(), Failure> {
    header();
    let files = [
        "openb-gpu/openb_node_list_all_node.csv",
        "openb-gpu/openb_pod_list_default.csv",
    ];
    let whole = trace(arguments, "openb", &files, &[])?;
    row(arguments, "openb, default", &whole)?;
    let files = ["openb-gpu/openb_node_list_gpu_node.csv", files[1]];
    let drawn = [("demand", "1.3"), ("seed", "42")];
    let full = trace(arguments, "openb", &files, &drawn)?;
    row(arguments, "openb, default, 130 %", &full)
}

fn header() {
    println!(
        "| cluster | placed, brokered | monolithic | price | at most | by division | by solving | epsilon, one unit | seconds | monolithic |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
}

fn row(arguments: &Arguments, name: &str, trace: &Trace) -> Result<(), Failure> {
    let long = Duration::from_secs(arguments.seconds);
    let within = |mode: Mode, time: Duration| {
        trace.judged(|begun: Instant| Options {
            mode,
            deadline: Some(begun + time),
            deadline_ms: u64::try_from(time.as_millis()).ok(),
            ..Options::default()
        })
    };
    let mut brokered = within(Mode::Brokered, long / PART)?;
    let monolithic = within(Mode::Monolithic, long)?;
    brokering::compare(&mut brokered.plan, &monolithic.plan);
    let report = verify_against(&trace.cluster, &brokered.plan, &monolithic.plan);
    if let Some(violation) = report.violations.first() {
        return Err(format!("the verifier refuses a price: {violation}").into());
    }
    let section = (brokered.plan.brokering).ok_or("the plan says nothing of brokering")?;
    let one_unit = epsilon_one_unit(&brokered.plan);
    println!(
        "| {name} | {} | {} | {} | {} | {one_unit} | {} | {} |",
        brokered.placed(),
        monolithic.placed(),
        prices(&section),
        losses(&section),
        brokered.seconds(),
        monolithic.seconds(),
    );
    Ok(())
}

fn epsilon_one_unit(plan: &PlanFile) -> String {
    let epsilon = plan.fairness.as_ref().and_then(|it| it.epsilon_one_unit);
    epsilon.map_or_else(String::new, |epsilon| format!("{:.4}", epsilon.max(0.0)))
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

fn prices(section: &Brokering) -> String {
    let price = section.price.map_or_else(String::new, percent);
    format!("{price} | {}", percent(section.price_bound))
}

fn losses(section: &Brokering) -> String {
    let range = |[least, most]: [f64; 2]| format!("{} to {}", percent(least), percent(most));
    format!(
        "{} | {}",
        range(section.division_loss),
        range(section.solver_loss)
    )
}
