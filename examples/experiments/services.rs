//! Traces of services: virtual machines on servers with NUMA nodes, and recommendation models.

use crate::run::{Judged, Trace, bound_and_gap, trace};
use crate::{Arguments, Failure};

/// The two lists of virtual machines.
pub fn vm_topology(arguments: &Arguments) -> Result<(), Failure> {
    header("list");
    for list in ["C1", "C2"] {
        let vms = format!("vm-topology/vms_{list}.csv");
        let files = ["vm-topology/servers.csv", "vm-topology/racks.csv", &vms];
        rows(
            arguments,
            list,
            "vms",
            &trace(arguments, "vm-topology", &files, &[])?,
        )?;
    }
    Ok(())
}

/// Instances on GPU nodes, and all instances with CPU nodes that are made up.
pub fn dlrm(arguments: &Arguments) -> Result<(), Failure> {
    let files = [
        "alibaba-dlrm/disaggregated_DLRM_trace.csv",
        "alibaba-dlrm/node_info_df.csv",
    ];
    header("instances");
    let on_gpu_nodes = trace(arguments, "dlrm", &files, &[])?;
    rows(arguments, "on GPU nodes", "dlrm", &on_gpu_nodes)?;
    let made_up = [("cpu-nodes", "8000"), ("seed", "1")];
    let all = trace(arguments, "dlrm", &files, &made_up)?;
    rows(arguments, "all", "dlrm", &all)
}

fn header(what: &str) {
    println!("| {what} | made by | placed | losses | agents used | bound | gap | seconds |");
    println!("|---|---|---|---|---|---|---|---|");
}

fn rows(arguments: &Arguments, what: &str, framework: &str, trace: &Trace) -> Result<(), Failure> {
    let row = |by: &str, judged: &Judged| {
        println!(
            "| {what} | {by} | {} of {} | {:.1} | {} | {} | {} |",
            judged.placed(),
            trace
                .cluster
                .tasks
                .iter()
                .map(|it| it.instances)
                .sum::<i64>(),
            judged.value(framework, "spread"),
            judged.value(framework, "agents_used"),
            bound_and_gap(judged.stage(framework, "agents_used"), |bound| format!(
                "{bound:.0}"
            )),
            judged.seconds()
        );
    };
    for rule in ["first_fit", "best_fit", "tightest"] {
        row(&format!("`--online`, {rule}"), &trace.online(rule, 1)?);
    }
    row("`--mode greedy`", &trace.greedy()?);
    row("plan", &trace.plan(arguments.seconds)?);
    Ok(())
}
