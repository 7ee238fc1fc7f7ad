//! Generated databases on storage units, beside the baselines.

use apportion::generate::{GenerateOptions, Kind, generate};
use apportion::snapshot;
use apportion_cluster::{FrameworkIdx, Proposal, Slice};
use apportion_policies::baselines::StorageBaseline;
use apportion_policies::storage::Storage;
use apportion_policies::{Policy, Standing};

use crate::run::Trace;
use crate::{Arguments, Failure};

/// 500 agents, 60 units, 2,000 replicas, for each seed.
pub fn storage(arguments: &Arguments) -> Result<(), Failure> {
    println!(
        "| seed | method | placed | operations x hops | MiB copied | sum | gap | fullest unit | at least | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &seed in &arguments.seeds {
        let file = generate(&GenerateOptions {
            agents: 500,
            jobs: 40,
            frameworks: 1,
            policies: vec![Kind::Storage],
            instances: Some(2_000),
            units: Some(60),
            seed,
            ..GenerateOptions::default()
        });
        let trace = Trace {
            cluster: snapshot::resolve(&file)?,
            order: Vec::new(),
        };
        of_seed(arguments, seed, &trace)?;
    }
    Ok(())
}

fn of_seed(arguments: &Arguments, seed: u64, trace: &Trace) -> Result<(), Failure> {
    let judged = trace.plan(arguments.seconds)?;
    let result = &judged.plan.frameworks[0];
    let metric = |name: &str| result.metrics.get(name).copied().unwrap_or(f64::NAN);
    let cells = |metric: &dyn Fn(&str) -> f64, placed: i64| {
        let (hops, copied) = (metric("io_hops"), metric("copied_mib"));
        (
            format!("{placed} | {hops:.0} | {copied:.0} | {:.0}", hops + copied),
            format!("{:.1} %", 100.0 * metric("max_utilization")),
        )
    };
    let (way, fullest) = cells(&metric, judged.placed());
    let gap = judged.stage(&result.id, "distance").and_then(|it| it.gap);
    let gap = gap.map_or_else(|| "-".to_owned(), |gap| format!("{:.2} %", 100.0 * gap));
    let least = judged
        .stage(&result.id, "utilization")
        .and_then(|it| it.bound);
    let least = least.map_or_else(|| "-".to_owned(), |least| format!("{:.1} %", least / 10.0));
    println!(
        "| {seed} | apportion | {way} | {gap} | {fullest} | {least} | {} |",
        judged.seconds()
    );
    let slice = Slice::whole(&trace.cluster, FrameworkIdx(0));
    for baseline in StorageBaseline::ALL {
        let begun = std::time::Instant::now();
        let proposal = baseline.place(&slice);
        let took = begun.elapsed();
        keeps_every_rule(&slice, baseline.name(), &proposal)?;
        let metrics = Storage.metrics(&Standing {
            cluster: &trace.cluster,
            framework: slice.framework,
            placements: &proposal.placements,
            units: &proposal.units,
            devices: &[],
            times: &[],
            free: &trace.cluster.free(),
            free_devices: &trace.cluster.free_devices(),
        });
        let metric = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
        let placed = proposal.placements.iter().map(|it| it.instances).sum();
        let (way, fullest) = cells(&metric, placed);
        println!(
            "| {seed} | {} | {way} | | {fullest} | | {:.2} |",
            baseline.name(),
            took.as_secs_f64()
        );
    }
    Ok(())
}

/// The policy's own model judges a baseline.
fn keeps_every_rule(slice: &Slice<'_>, name: &str, proposal: &Proposal) -> Result<(), Failure> {
    let formulation = Storage.formulate(slice)?;
    let placement = formulation.placement(proposal);
    match formulation.assignment.faults(&placement).first() {
        None => Ok(()),
        Some(fault) => Err(format!("{name} breaks a rule: {fault}").into()),
    }
}
