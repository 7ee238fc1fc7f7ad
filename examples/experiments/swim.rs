//! A day of a Hadoop cluster, hour by hour, on 600 agents in 30 racks: the plan beside Hadoop's queue and delay scheduling, on the same blocks.

use std::collections::BTreeMap;

use apportion_cluster::plan::StageResult;
use apportion_cluster::{
    AgentIdx, Cluster, FrameworkIdx, LevelIdx, Running, Slice, TaskIdx, Timed,
};
use apportion_models::schedule::{TimedEntry, Timetable};
use apportion_policies::baselines::MapReduceBaseline;
use apportion_policies::mapreduce::MapReduce;
use apportion_policies::{Policy, Standing};

use crate::run::{Judged, trace};
use crate::{Arguments, Failure};

/// The trace, and what all sizes are multiplied by, so that an hour is planned in seconds.
const FILE: &str = "swim/FB-2010_samples_24_times_1hr_withInputPaths_0.tsv";
const SCALE: &str = "0.05";
const HOURS: u64 = 24;

/// What is measured of a plan, in MiB and seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    node: f64,
    rack: f64,
    remote: f64,
    shuffled: f64,
    makespan: f64,
}

impl Measured {
    fn of(metrics: &BTreeMap<String, f64>) -> Self {
        let number = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
        Self {
            node: number("node_local_mib"),
            rack: number("rack_local_mib"),
            remote: number("remote_mib"),
            shuffled: number("cross_rack_mib[shuffle]"),
            makespan: number("makespan_ms") / 1000.0,
        }
    }

    fn add(&mut self, other: Self) {
        self.node += other.node;
        self.rack += other.rack;
        self.remote += other.remote;
        self.shuffled += other.shuffled;
        self.makespan += other.makespan;
    }

    /// The part that is read beside the map instances, in percent.
    fn local(&self) -> f64 {
        100.0 * self.node / (self.node + self.rack + self.remote).max(1.0)
    }
}

/// Every hour of the day; all jobs of an hour are planned at its end.
pub fn facebook(arguments: &Arguments) -> Result<(), Failure> {
    println!("Cells of three: the plan, FIFO, delay scheduling. GiB, seconds.\n");
    println!(
        "| hour | jobs | instances | node-local, % | rack-local | remote | shuffled across racks | makespan | gap | gap of network | gap of shuffle | planned in | verified in |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut sums = [Measured::default(); 3];
    let (mut took, mut n_jobs, mut n_instances) = (0.0, 0, 0);
    for hour in 0..HOURS {
        let hour = hour.to_string();
        let settings = [
            ("agents", "600"),
            ("racks", "30"),
            ("hour", hour.as_str()),
            ("scale", SCALE),
            ("seed", "1"),
        ];
        let trace = trace(arguments, "swim", &[FILE], &settings)?;
        let cluster = &trace.cluster;
        if cluster.jobs.is_empty() {
            continue;
        }
        let judged = trace.unlimited()?;
        let [fifo, delay] = MapReduceBaseline::ALL;
        let measured = [
            Measured::of(&judged.plan.frameworks[0].metrics),
            baseline(cluster, fifo)?,
            baseline(cluster, delay)?,
        ];
        let wanted: i64 = cluster.tasks.iter().map(|task| task.instances).sum();
        if judged.placed() != wanted {
            return Err(format!("hour {hour}: not everything is placed").into());
        }
        let counts = format!("{hour} | {} | {wanted}", cluster.jobs.len());
        println!("| {counts} | {} | {} |", cells(&measured), proved(&judged));
        for (sum, measured) in sums.iter_mut().zip(measured) {
            sum.add(measured);
        }
        took += judged.took.as_secs_f64();
        n_jobs += cluster.jobs.len();
        n_instances += wanted;
    }
    let counts = format!("all | {n_jobs} | {n_instances}");
    println!("| {counts} | {} | | | | {took:.1} | |", cells(&sums));
    Ok(())
}

fn cells(measured: &[Measured; 3]) -> String {
    let three = |of: &dyn Fn(&Measured) -> String| measured.each_ref().map(of).join(" / ");
    let gib = |mib: f64| format!("{:.1}", mib / 1024.0);
    [
        three(&|it| format!("{:.1}", it.local())),
        three(&|it| gib(it.rack)),
        three(&|it| gib(it.remote)),
        three(&|it| gib(it.shuffled)),
        three(&|it| format!("{:.1}", it.makespan)),
    ]
    .join(" | ")
}

/// The gaps of the stages, and how long planning and verifying took.
fn proved(judged: &Judged) -> String {
    let gap = |name: &str| {
        let stage = judged.stage("mapreduce", name);
        let gap = stage.and_then(|stage: &StageResult| stage.gap);
        gap.map_or_else(String::new, |gap| format!("{:.1} %", 100.0 * gap))
    };
    let gaps = ["makespan", "network", "shuffle"].map(gap).join(" | ");
    let verified = judged.verified.as_secs_f64();
    format!("{gaps} | {} | {verified:.1}", judged.seconds())
}

/// What a baseline does with everything, checked against the rows of the policy's model in time.
fn baseline(cluster: &Cluster, baseline: MapReduceBaseline) -> Result<Measured, Failure> {
    let slice = Slice::whole(cluster, FrameworkIdx(0));
    let mut levels = cluster.levels.iter();
    let rack = levels.position(|level| level.declared && level.name == "rack");
    let times = baseline.run(&slice, rack.map(LevelIdx::of));
    check(&slice, &times).map_err(|fault| format!("{}: {fault}", baseline.name()))?;
    let mut placements: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    for it in &times {
        *placements.entry((it.task, it.agent)).or_insert(0) += it.instances;
    }
    let placements: Vec<Running> = (placements.into_iter())
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        })
        .collect();
    Ok(Measured::of(&MapReduce.metrics(&Standing {
        units: &[],
        cluster,
        framework: FrameworkIdx::of(0),
        placements: &placements,
        devices: &[],
        times: &times,
        free_devices: &[],
        free: &[],
    })))
}

fn check(slice: &Slice<'_>, times: &[Timed]) -> Result<(), Failure> {
    let formulation = MapReduce.formulate(slice)?;
    let model = formulation.schedule.ok_or("there is no model in time")?;
    let position = |found: Result<usize, usize>| -> Result<u32, Failure> {
        Ok(u32::try_from(
            found.map_err(|_| "something unknown is placed")?,
        )?)
    };
    let mut entries = Vec::new();
    for it in times {
        entries.push(TimedEntry {
            operation: position(formulation.items.binary_search(&it.task))?,
            bin: position(formulation.bins.binary_search(&it.agent))?,
            start: it.start_ms,
            end: it.end_ms,
            copies: it.instances,
        });
    }
    let timetable = Timetable::new(entries);
    match model.faults(&timetable).first() {
        Some(fault) => Err(fault.to_string().into()),
        None if model.values(&timetable)[0] < everything_of(&model) => {
            Err("not everything is placed".into())
        }
        None => Ok(()),
    }
}

fn everything_of(model: &apportion_models::schedule::Schedule) -> f64 {
    let values = model.operations.iter();
    values.map(|it| (it.value * it.count) as f64).sum()
}
