//! The GPU trace openb: everything at once, and one pod at a time.

use apportion_policies::online::RULES;
use rayon::prelude::*;

use crate::published::PUBLISHED;
use crate::run::{Judged, Trace, bound_and_gap, trace};
use crate::{Arguments, Failure};

/// Thousandths of all GPUs.
const CAPACITY: f64 = 6_212_000.0;

/// The stage that counts GPU thousandths in a list that is drawn.
const DRAWN: &str = "placed:1";

fn list(
    arguments: &Arguments,
    nodes: &str,
    list: &str,
    settings: &[(&str, &str)],
) -> Result<Trace, Failure> {
    let nodes = format!("openb-gpu/openb_node_list_{nodes}.csv");
    let pods = format!("openb-gpu/openb_pod_list_{list}.csv");
    trace(arguments, "openb", &[&nodes, &pods], settings)
}

/// Thousandths of GPUs that are allocated.
fn allocated(judged: &Judged) -> f64 {
    let held = judged.plan.placements.iter().flat_map(|it| &it.devices);
    held.map(|device| device.milli).sum::<i64>() as f64
}

fn percent(milli: f64) -> String {
    format!("{:.2}", 100.0 * milli / CAPACITY)
}

/// The list as it is, on all nodes.
pub fn offline(arguments: &Arguments) -> Result<(), Failure> {
    println!("| list | made by | pods placed | GPU allocated, % | bound, % | gap | seconds |");
    println!("|---|---|---|---|---|---|---|");
    let trace = list(arguments, "all_node", "default", &[])?;
    let made = [
        ("`--mode greedy`", trace.greedy()?),
        ("`--online`, shadow_price", trace.online("shadow_price", 1)?),
        ("plan", trace.plan(arguments.seconds)?),
    ];
    for (by, judged) in made {
        let stage = judged.stage("ml", "placed");
        println!(
            "| default | {by} | {} | {} | {} | {} |",
            judged.placed(),
            percent(allocated(&judged)),
            bound_and_gap(stage, percent),
            judged.seconds()
        );
    }
    Ok(())
}

/// Pods drawn up to 130 %, one at a time: the published protocol.
pub fn online(arguments: &Arguments) -> Result<(), Failure> {
    println!("| list | | {} |", RULES.join(" | "));
    println!("|---|---{}|", "|---".repeat(RULES.len()));
    for (name, published) in PUBLISHED {
        let of_seed = |seed: &u64| -> Result<Vec<f64>, Failure> {
            let settings = [("demand", "1.3"), ("seed", &seed.to_string())];
            let trace = list(arguments, "gpu_node", name, &settings)?;
            let rules = RULES.iter();
            rules
                .map(|rule| Ok(allocated(&trace.online(rule, *seed)?)))
                .collect()
        };
        let runs: Vec<Vec<f64>> = arguments
            .seeds
            .par_iter()
            .map(of_seed)
            .collect::<Result<_, _>>()?;
        let cells = |cells: Vec<String>| cells.join(" | ");
        let published = published.map(|figure| format!("{figure:.2}"));
        let rest = vec![String::new(); RULES.len() - published.len()];
        let n_seeds = arguments.seeds.len() as f64;
        let mean = |at: usize| runs.iter().map(|of_rule| of_rule[at]).sum::<f64>() / n_seeds;
        let measured: Vec<String> = (0..RULES.len()).map(|at| percent(mean(at))).collect();
        println!(
            "| {name} | published | {} |",
            cells([&published[..], &rest].concat())
        );
        println!("| | measured | {} |", cells(measured));
    }
    Ok(())
}

/// Pods drawn up to 130 %, all at once.
pub fn full(arguments: &Arguments) -> Result<(), Failure> {
    println!(
        "| list | seed | shadow_price, one at a time, % | plan, % | bound, % | gap | seconds |"
    );
    println!("|---|---|---|---|---|---|---|");
    let Some(&seed) = arguments.seeds.first() else {
        return Ok(());
    };
    for (name, _) in PUBLISHED {
        let settings = [("demand", "1.3"), ("seed", &seed.to_string())];
        let trace = list(arguments, "gpu_node", name, &settings)?;
        let one_by_one = trace.online("shadow_price", seed)?;
        let planned = trace.plan(arguments.seconds)?;
        println!(
            "| {name} | {seed} | {} | {} | {} | {} |",
            percent(allocated(&one_by_one)),
            percent(allocated(&planned)),
            bound_and_gap(planned.stage("ml", DRAWN), percent),
            planned.seconds()
        );
    }
    Ok(())
}
