//! One generated cluster with all five policies.

use apportion::generate::{GenerateOptions, Kind, generate};
use apportion::snapshot;

use crate::run::Trace;
use crate::{Arguments, Failure};

/// 1,000 agents, 10,000 instances, a framework for each policy: every stage of the verified plan.
pub fn five(arguments: &Arguments) -> Result<(), Failure> {
    let file = generate(&GenerateOptions {
        agents: 1_000,
        jobs: 200,
        frameworks: 5,
        policies: Kind::ALL.to_vec(),
        instances: Some(10_000),
        seed: arguments.seeds[0],
        ..GenerateOptions::default()
    });
    let trace = Trace {
        cluster: snapshot::resolve(&file)?,
        order: Vec::new(),
    };
    let judged = trace.plan(arguments.seconds)?;
    println!("Planned in {} s, verified.\n", judged.seconds());
    println!("| policy | placed | of | stage | reached | bound | gap |");
    println!("|---|---|---|---|---|---|---|");
    for result in &judged.plan.frameworks {
        let mut whose = format!("{} | {} | {}", result.policy, result.placed, result.demand);
        for stage in &result.stages {
            let bound = stage
                .bound
                .map_or_else(|| "-".to_owned(), |it| format!("{it:.1}"));
            let gap = stage
                .gap
                .map_or_else(|| "-".to_owned(), |it| format!("{:.2} %", 100.0 * it));
            println!(
                "| {whose} | {} | {:.1} | {bound} | {gap} |",
                stage.name, stage.objective
            );
            whose = " | | ".to_owned();
        }
    }
    Ok(())
}
