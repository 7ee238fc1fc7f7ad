//! The benchmark of Mesos's allocator with many frameworks of three kinds on equal agents.

use apportion::snapshot;

#[path = "../multi_framework/cluster.rs"]
mod case;

use crate::run::Trace;
use crate::{Arguments, Failure};

/// Agents with room for everything, and agents without.
const AGENTS: [usize; 2] = [80, 30];

/// Plans without a deadline, each judged by the verifier.
pub fn multi_framework(_: &Arguments) -> Result<(), Failure> {
    println!(
        "| agents | placed | of | largest gap | epsilon | of the shares | with one unit more | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let profiles = case::PROFILES.iter();
    let wanted: i64 = profiles.map(|it| it.frameworks as i64 * it.tasks).sum();
    for agents in AGENTS {
        let file = case::snapshot(agents).to_string();
        let trace = Trace {
            cluster: snapshot::read(file.as_bytes())?,
            order: Vec::new(),
        };
        let judged = trace.unlimited()?;
        let gaps = judged.plan.frameworks.iter().filter_map(|it| it.gap);
        let gap = gaps.fold(0.0, f64::max);
        let fairness = judged.plan.fairness.as_ref();
        let fairness = fairness.ok_or("the plan has no certificate")?;
        let cell = |epsilon: Option<f64>| {
            epsilon.map_or_else(String::new, |it| format!("{:.4}", it.max(0.0)))
        };
        println!(
            "| {agents} | {} | {wanted} | {:.2} % | {} | {} | {} | {} |",
            judged.placed(),
            100.0 * gap,
            cell(fairness.epsilon),
            cell(Some(fairness.epsilon_fractional)),
            cell(fairness.epsilon_one_unit),
            judged.seconds(),
        );
    }
    Ok(())
}
