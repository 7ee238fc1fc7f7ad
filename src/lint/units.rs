//! Amounts that look like another unit than the one in the resource's name.

use apportion_cluster::file::Amounts;

use super::{Findings, Subject, code};

/// An agent with less than half a core likely counts cores, and so do tasks of which none wants more than a hundredth.
const FEW_MILLI_AGENT: i64 = 512;
const FEW_MILLI_TASK: i64 = 10;
/// A PiB in MiB: larger than any machine's memory; a disk array may have 64.
const MANY_MIB: i64 = 1 << 30;
/// A machine with less memory than this likely counts GiB.
const FEW_MIB_AGENT: i64 = 128;

/// Amounts, and the path of who states them.
type Stated<'s> = (String, &'s Amounts);

/// One finding per resource and kind, at the first amount, with the number of amounts alike.
pub(super) fn units(subject: &Subject<'_>, findings: &mut Findings) {
    let agents = subject.file.agents.iter().enumerate();
    let agents: Vec<Stated<'_>> = agents
        .map(|(at, agent)| (format!("agents[{at}]"), &agent.resources))
        .collect();
    let mut tasks: Vec<Stated<'_>> = Vec::new();
    for (at, job) in subject.file.jobs.iter().enumerate() {
        for (task_at, task) in job.tasks.iter().enumerate() {
            tasks.push((format!("jobs[{at}].tasks[{task_at}]"), &task.resources));
        }
    }
    let cores = "state thousandths of a core: one core is 1000";
    suspect(
        &agents,
        "cpu_milli",
        1..=FEW_MILLI_AGENT,
        code::CPU_UNIT,
        "whole cores",
        cores,
        findings,
    );
    // A few tasks that ask for next to nothing are real; whoever counts cores does so everywhere.
    let largest = tasks
        .iter()
        .filter_map(|(_, stated)| stated.get("cpu_milli"));
    if largest
        .max()
        .is_some_and(|&largest| largest <= FEW_MILLI_TASK)
    {
        suspect(
            &tasks,
            "cpu_milli",
            1..=FEW_MILLI_TASK,
            code::CPU_UNIT,
            "whole cores",
            cores,
            findings,
        );
    }
    for resource in ["memory_mib", "disk_mib"] {
        let most = if resource == "disk_mib" {
            64 * MANY_MIB
        } else {
            MANY_MIB
        };
        for amounts in [&agents, &tasks] {
            suspect(
                amounts,
                resource,
                most..=i64::MAX,
                code::BYTES,
                "bytes",
                "state MiB: divide by 1048576",
                findings,
            );
        }
    }
    let gib = "state MiB: one GiB is 1024";
    suspect(
        &agents,
        "memory_mib",
        1..=FEW_MIB_AGENT,
        code::GIBIBYTES,
        "GiB",
        gib,
        findings,
    );
}

fn suspect(
    amounts: &[Stated<'_>],
    resource: &str,
    range: std::ops::RangeInclusive<i64>,
    code: &'static str,
    unit: &str,
    action: &str,
    findings: &mut Findings,
) {
    let found = |(path, amounts): &Stated<'_>| {
        let amount = *amounts.get(resource)?;
        range
            .contains(&amount)
            .then(|| (format!("{path}.resources.{resource}"), amount))
    };
    let mut suspects = amounts.iter().filter_map(found);
    if let Some((path, amount)) = suspects.next() {
        let more = suspects.count();
        let others = if more == 0 {
            String::new()
        } else {
            format!(" (and {more} more like it)")
        };
        findings.warn(
            code,
            path,
            format!("{resource} {amount} looks like {unit}{others}"),
            action,
        );
    }
}
