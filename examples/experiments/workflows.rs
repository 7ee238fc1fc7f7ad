//! Recorded workflows on 20 agents in 4 racks, under each of the two stage orders, beside the baselines.

use apportion_cluster::{Cluster, FrameworkIdx, Slice};
use apportion_models::schedule::{Schedule, TimeObjective, TimeStage, TimedEntry, Timetable};
use apportion_policies::Policy;
use apportion_policies::baselines::WorkflowBaseline;
use apportion_policies::workflow::Workflow;

use crate::run::{Judged, Trace, trace};
use crate::{Arguments, Failure};

/// What two plans of one workflow are compared by: the end of all, and MiB between racks.
#[derive(Clone, Copy, Debug)]
struct Measured {
    makespan: f64,
    across: f64,
}

impl Measured {
    /// Whether it is at least as good in both, and better in one.
    fn dominates(self, other: Self) -> bool {
        let (left, right) = ((self.makespan, self.across), (other.makespan, other.across));
        left.0 <= right.0 && left.1 <= right.1 && (left.0 < right.0 || left.1 < right.1)
    }
}

/// Every file; a claim that does not hold ends the run.
pub fn wfcommons(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.data.join("workflows");
    let mut files = Vec::new();
    for entry in
        std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        files.extend(name.ends_with(".json").then_some(name));
    }
    files.sort();
    println!(
        "| workflow | tasks | bound, s | HEFT, s | MiB | R-Storm, s | MiB | round robin, s | MiB | order makespan, s | MiB | gap | order traffic, s | MiB | gap |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for file in &files {
        row(arguments, file, &mut broken)?;
    }
    println!();
    if broken.is_empty() {
        println!(
            "All {} files, both orders: no claim is broken.",
            files.len()
        );
        return Ok(());
    }
    Err(broken.join("; ").into())
}

fn row(arguments: &Arguments, file: &str, broken: &mut Vec<String>) -> Result<(), Failure> {
    let path = format!("workflows/{file}");
    let of_order = |order: &str| -> Result<(Trace, Judged), Failure> {
        let settings = [("agents", "20"), ("racks", "4"), ("stage-order", order)];
        let trace = trace(arguments, "wfcommons", &[&path], &settings)?;
        let judged = trace.unlimited()?;
        Ok((trace, judged))
    };
    let (trace, by_makespan) = of_order("makespan")?;
    let (_, by_traffic) = of_order("traffic")?;
    let model = model(&trace.cluster)?;
    let measured = |timetable: &Timetable| {
        let values = model.values(timetable);
        Measured {
            makespan: values[0],
            across: values[1],
        }
    };
    let baselines = WorkflowBaseline::ALL.map(|it| measured(&it.schedule(&model)));
    let [round_robin, storm, heft] = baselines;
    let ours =
        [&by_makespan, &by_traffic].map(|judged| measured(&timetable(&trace.cluster, judged)));
    let bound = model.critical_path().max(model.work_over_capacity()) as f64;
    let name = file.trim_end_matches(".json");
    let mut claim = |holds: bool, what: &str| {
        if !holds {
            broken.push(format!("{name}: {what}"));
        }
    };
    claim(
        ours[0].makespan <= heft.makespan,
        "order makespan ends later than HEFT",
    );
    claim(
        ours[1].across <= storm.across,
        "order traffic sends more between racks than R-Storm",
    );
    for (plan, order) in ours.iter().zip(["makespan", "traffic"]) {
        for (baseline, of) in baselines.iter().zip(WorkflowBaseline::ALL) {
            claim(
                !baseline.dominates(*plan),
                &format!("{} dominates order {order}", of.name()),
            );
        }
    }
    let whole = trace.cluster.tasks.len() as i64;
    claim(
        by_makespan.placed() == whole && by_traffic.placed() == whole,
        "not everything is placed",
    );
    let cells = |it: Measured| format!("{:.1} | {:.0}", it.makespan / 1000.0, it.across);
    let with_gap = |it: Measured| {
        let gap = (it.makespan - bound) / it.makespan.max(1.0);
        format!("{} | {:.1} %", cells(it), 100.0 * gap)
    };
    println!(
        "| {name} | {whole} | {:.1} | {} | {} | {} | {} | {} |",
        bound / 1000.0,
        cells(heft),
        cells(storm),
        cells(round_robin),
        with_gap(ours[0]),
        with_gap(ours[1]),
    );
    Ok(())
}

/// The model of the whole cluster, with the two measures as stages: the estimate that all are held against.
fn model(cluster: &Cluster) -> Result<Schedule, Failure> {
    let mut model = Workflow
        .formulate(&Slice::whole(cluster, FrameworkIdx(0)))?
        .schedule
        .ok_or("a workflow has no model in time")?;
    let stage = |name: &str, objective| TimeStage {
        name: name.to_owned(),
        objective,
    };
    let across = TimeObjective::Traffic {
        within_group: 0,
        across: 1,
    };
    model.stages = vec![
        stage("makespan", TimeObjective::Makespan),
        stage("across", across),
    ];
    Ok(model)
}

/// A plan's times in the words of the model, whose operations are the tasks and whose bins are the agents.
fn timetable(cluster: &Cluster, judged: &Judged) -> Timetable {
    let placements = judged.plan.placements.iter();
    let entries = placements.filter_map(|placed| {
        let task = cluster.tasks.iter().position(|it| it.id == placed.task)?;
        let agent = cluster.agents.iter().position(|it| it.id == placed.agent)?;
        Some(TimedEntry {
            operation: u32::try_from(task).ok()?,
            bin: u32::try_from(agent).ok()?,
            start: placed.start_ms?,
            end: placed.end_ms?,
            copies: placed.instances,
        })
    });
    Timetable::new(entries.collect())
}
