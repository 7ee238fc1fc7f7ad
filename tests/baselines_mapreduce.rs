//! Hadoop's queue and delay scheduling, each alone, and both against the rows of the policy's model in time.
#![allow(clippy::unwrap_used)]

mod common;

use apportion::snapshot;
use apportion_cluster::{Cluster, FrameworkIdx, LevelIdx, Slice, Timed};
use apportion_models::schedule::{TimedEntry, Timetable};
use apportion_policies::Policy;
use apportion_policies::baselines::MapReduceBaseline;
use apportion_policies::mapreduce::MapReduce;
use serde_json::{Value, json};

use common::random;

fn rack(cluster: &Cluster) -> Option<LevelIdx> {
    let mut levels = cluster.levels.iter();
    let at = levels.position(|level| level.declared && level.name == "rack");
    at.map(LevelIdx::of)
}

fn run(baseline: MapReduceBaseline, cluster: &Cluster) -> Vec<Timed> {
    baseline.run(&Slice::whole(cluster, FrameworkIdx(0)), rack(cluster))
}

/// `(task, agent, start, end)` by start, then task.
fn told(baseline: MapReduceBaseline, cluster: &Cluster) -> Vec<(String, String, i64, i64)> {
    let mut times = run(baseline, cluster);
    times.sort_by_key(|it| (it.start_ms, it.task, it.agent));
    let named = times.into_iter().map(|it| {
        let task = cluster.task(it.task).id.clone();
        (
            task,
            cluster.agent(it.agent).id.clone(),
            it.start_ms,
            it.end_ms,
        )
    });
    named.collect()
}

fn expected(rows: &[(&str, &str, i64, i64)]) -> Vec<(String, String, i64, i64)> {
    let rows = rows.iter();
    rows.map(|&(task, agent, start, end)| (task.to_owned(), agent.to_owned(), start, end))
        .collect()
}

/// Name, time waited, and tasks: name, and the agent whose block it reads, or `maps`.
type JobRow<'a> = (&'a str, i64, &'a [(&'a str, &'a str)]);

/// Agents `a` and `b` in one rack and `c` in another, a slot each; a block `on-x` on each; jobs of tasks of a second, half a second more
/// where the block is elsewhere.
fn cluster(jobs: &[JobRow<'_>]) -> Cluster {
    let agent = |id: &str, rack: &str| json!({"id": id, "domains": {"rack": rack}, "resources": {"cpu_milli": 1000}});
    let block = |on: &str| json!({"id": format!("on-{on}"), "mib": 100, "replicas": [on]});
    let task = |&(id, reads): &(&str, &str)| {
        let phase = match reads {
            "maps" => json!({"reduce": {"shuffle_mib_total": 10, "work_ms": 1000}}),
            on => {
                json!({"map": {"inputs": [format!("on-{on}")], "work_ms": 1000, "remote_penalty_ms": 500}})
            }
        };
        let mut task = json!({"id": id, "resources": {"cpu_milli": 1000}});
        let phase = phase.as_object().unwrap().clone();
        task.as_object_mut().unwrap().extend(phase);
        task
    };
    let jobs = jobs.iter().map(|&(id, waited_ms, tasks)| {
        let tasks: Vec<Value> = tasks.iter().map(task).collect();
        json!({"id": id, "framework": "f", "waited_ms": waited_ms, "tasks": tasks})
    });
    let file = json!({"version": "apportion/v1", "levels": ["rack"],
        "agents": [agent("a", "r1"), agent("b", "r1"), agent("c", "r2")],
        "frameworks": [{"id": "f", "policy": "mapreduce"}],
        "data": {"blocks": [block("a"), block("b"), block("c")]},
        "jobs": jobs.collect::<Vec<Value>>()});
    snapshot::read(file.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{faults}"))
}

const WAITS: MapReduceBaseline = MapReduceBaseline::Delay { wait_ms: 5000 };
const HASTY: MapReduceBaseline = MapReduceBaseline::Delay { wait_ms: 400 };

#[test]
fn the_queue_takes_any_slot_at_once() {
    let cluster = cluster(&[("j", 0, &[("t1", "a"), ("t2", "a"), ("t3", "a")])]);
    let all = [
        ("t1", "a", 0, 1000),
        ("t2", "b", 0, 1500),
        ("t3", "c", 0, 1500),
    ];
    assert_eq!(told(MapReduceBaseline::Fifo, &cluster), expected(&all));
}

#[test]
fn the_queue_takes_the_nearest_of_the_first_job_and_never_a_later_one() {
    // The first job has nothing for c but takes its slot. Of the second, what b holds is nearer to a than what c holds.
    let cluster = cluster(&[
        ("late", 10, &[("l1", "c"), ("l2", "b")]),
        ("soon", 20, &[("s1", "b"), ("s2", "a"), ("s3", "a")]),
    ]);
    let all = [
        ("s1", "b", 0, 1000),
        ("s2", "a", 0, 1000),
        ("s3", "c", 0, 1500),
        ("l1", "b", 1000, 2500),
        ("l2", "a", 1000, 2500),
    ];
    assert_eq!(told(MapReduceBaseline::Fifo, &cluster), expected(&all));
}

#[test]
fn delay_waits_for_the_agent_of_the_data() {
    let cluster = cluster(&[("j", 0, &[("t1", "a"), ("t2", "a"), ("t3", "a")])]);
    let all = [
        ("t1", "a", 0, 1000),
        ("t2", "a", 1000, 2000),
        ("t3", "a", 2000, 3000),
    ];
    assert_eq!(told(WAITS, &cluster), expected(&all));
}

#[test]
fn delay_goes_to_the_rack_after_one_wait_and_anywhere_after_two() {
    // After 400 ms b takes t2: the job is at the level of racks, and after 400 ms more c takes t3.
    let cluster = cluster(&[("j", 0, &[("t1", "a"), ("t2", "a"), ("t3", "a")])]);
    let all = [
        ("t1", "a", 0, 1000),
        ("t2", "b", 400, 1900),
        ("t3", "c", 800, 2300),
    ];
    assert_eq!(told(HASTY, &cluster), expected(&all));
    let at_once = MapReduceBaseline::Delay { wait_ms: 0 };
    let fifo = told(MapReduceBaseline::Fifo, &cluster);
    assert_eq!(told(at_once, &cluster), fifo);
}

#[test]
fn delay_lets_the_job_with_the_fewest_running_go_first() {
    let cluster = cluster(&[
        ("late", 10, &[("l1", "b")]),
        ("soon", 20, &[("s1", "a"), ("s2", "b")]),
    ]);
    let all = [
        ("l1", "b", 0, 1000),
        ("s1", "a", 0, 1000),
        ("s2", "b", 1000, 2000),
    ];
    assert_eq!(told(WAITS, &cluster), expected(&all));
    let fifo = told(MapReduceBaseline::Fifo, &cluster);
    assert!(
        fifo.contains(&("s2".to_owned(), "b".to_owned(), 0, 1000)),
        "{fifo:?}"
    );
}

#[test]
fn reduce_tasks_start_when_the_maps_of_their_job_have_ended() {
    let cluster = cluster(&[("j", 0, &[("t1", "a"), ("t2", "a"), ("u", "maps")])]);
    for (baseline, start) in [(MapReduceBaseline::Fifo, 1500), (WAITS, 2000)] {
        let told = told(baseline, &cluster);
        let (task, _, begun, _) = told.last().unwrap();
        assert_eq!((task.as_str(), *begun), ("u", start));
    }
}

/// Places what the model places at most, and breaks none of its rows.
#[test]
fn baselines_keep_every_row_of_the_model() {
    let (mut planned, mut longer, mut waited) = (0, 0, 0);
    for seed in 0..600 {
        let mut file = random::tiny_with_blocks(seed, seed % 2 == 0);
        for framework in &mut file.frameworks {
            framework.parameters.remove("plan_ahead");
        }
        for job in &mut file.jobs {
            (job.gang, job.min_available) = (None, None);
            for task in &mut job.tasks {
                task.constraints.limit.clear();
                task.constraints.spread.clear();
                task.map.iter_mut().for_each(|it| it.work_ms += 1);
                task.reduce.iter_mut().for_each(|it| it.work_ms += 1);
            }
        }
        let cluster = common::cluster(&file);
        let slice = Slice::whole(&cluster, FrameworkIdx(0));
        let formulation = MapReduce.formulate(&slice).unwrap();
        let Some(model) = &formulation.schedule else {
            continue;
        };
        planned += 1;
        let mut makespans = Vec::new();
        for baseline in [MapReduceBaseline::Fifo, HASTY, WAITS] {
            let times = baseline.run(&slice, rack(&cluster));
            let entries = times.iter().map(|it| {
                let operation = formulation.items.binary_search(&it.task).unwrap();
                let bin = formulation.bins.binary_search(&it.agent).unwrap();
                TimedEntry {
                    operation: operation as u32,
                    bin: bin as u32,
                    start: it.start_ms,
                    end: it.end_ms,
                    copies: it.instances,
                }
            });
            let timetable = Timetable::new(entries.collect());
            assert_eq!(
                model.faults(&timetable),
                [],
                "seed {seed} {}",
                baseline.name()
            );
            let values = model.values(&timetable);
            let stages = apportion_models::schedule::audit(model, &timetable, None);
            assert_eq!(Some(values[0]), stages[0].bound, "seed {seed}");
            makespans.push(values[1] as i64);
            longer += i32::from(values[1] > stages[1].bound.unwrap());
        }
        waited += i32::from(makespans[0] != makespans[2]);
    }
    println!("{planned} {longer} {waited}");
    assert!(
        planned > 200 && longer > 100 && waited > 30,
        "{planned} {longer} {waited}"
    );
}
