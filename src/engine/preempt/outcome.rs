//! What preemption came to, for the plan file.

use std::collections::BTreeMap;

use apportion_cluster::file::PlacementFile;
use apportion_cluster::plan::{Move, Preemption, Reason, Victim};
use apportion_cluster::{AgentIdx, JobIdx, RunningDevices, TaskIdx};

use super::super::state::State;

/// An instance that had to go.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Displaced {
    pub task: TaskIdx,
    pub agent: AgentIdx,
    pub devices: Option<RunningDevices>,
    /// The job that it went for.
    pub job: JobIdx,
    /// The role that covers it.
    pub role: usize,
}

/// By job and role; `moves` are those of the plan.
pub(in crate::engine) fn entries(state: &State<'_>, moves: &[Move]) -> Vec<Preemption> {
    let cluster = state.cluster;
    let mut placed: BTreeMap<(JobIdx, usize), BTreeMap<(TaskIdx, AgentIdx), i64>> = BTreeMap::new();
    let mut gone = placed.clone();
    for it in &state.seats.displaced {
        let places = gone.entry((it.job, it.role)).or_default();
        *places.entry((it.task, it.agent)).or_default() += 1;
    }
    for (job, role, new) in &state.seats.units {
        let places = placed.entry((*job, *role)).or_default();
        *places.entry((new.task, new.agent)).or_default() += new.instances;
    }
    let name = |task: TaskIdx| {
        let of = cluster.task(task);
        (cluster.job(of.job).id.clone(), of.id.clone())
    };
    let mut moving: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for it in moves {
        let place = (it.job.clone(), it.task.clone(), it.from.clone());
        *moving.entry(place).or_default() += it.instances;
    }
    let mut victims = |places: &BTreeMap<(TaskIdx, AgentIdx), i64>| -> Vec<Victim> {
        let victim = |(&(task, agent), &instances): (&(TaskIdx, AgentIdx), &i64)| {
            let (job, task) = name(task);
            let agent = cluster.agent(agent).id.clone();
            let left = moving.get_mut(&(job.clone(), task.clone(), agent.clone()));
            let moved = left.map_or(0, |left| {
                let moved = instances.min(*left);
                *left -= moved;
                moved
            });
            Victim {
                job,
                task,
                agent,
                instances,
                moved,
            }
        };
        places.iter().map(victim).collect()
    };
    let entry = |((job, role), places): ((JobIdx, usize), BTreeMap<(TaskIdx, AgentIdx), i64>)| {
        let placed = placed[&(job, role)].iter();
        let placed = placed.map(|(&(task, agent), &instances)| PlacementFile {
            job: cluster.job(job).id.clone(),
            task: cluster.task(task).id.clone(),
            agent: cluster.agent(agent).id.clone(),
            instances,
            ..PlacementFile::default()
        });
        Preemption {
            job: cluster.job(job).id.clone(),
            role: cluster.roles[role].path.clone(),
            placed: placed.collect(),
            victims: victims(&places),
        }
    };
    gone.into_iter().map(entry).collect()
}

/// Why displaced instances wait, by task.
pub(in crate::engine) fn reasons(state: &State<'_>, moves: &[Move]) -> BTreeMap<TaskIdx, Reason> {
    let cluster = state.cluster;
    let mut waiting: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let mut roles: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let entries = entries(state, moves);
    for entry in &entries {
        for victim in entry.victims.iter().filter(|it| it.instances > it.moved) {
            let key = (victim.job.as_str(), victim.task.as_str());
            let text = format!(
                "{} ran on {} and made room for {}, which the guarantee of {} covers",
                victim.instances - victim.moved,
                victim.agent,
                entry.job,
                entry.role
            );
            waiting.entry(key).or_default().push(text);
            roles.entry(key).or_insert(&entry.role);
        }
    }
    let reason = |task: TaskIdx| {
        let of = cluster.task(task);
        let key = (cluster.job(of.job).id.as_str(), of.id.as_str());
        let texts = waiting.get(&key)?;
        let rule = format!("guarantee[{}]", roles[&key]);
        let reason = Reason {
            code: "preempted".to_owned(),
            text: texts.join("; "),
            rule,
        };
        Some((task, reason))
    };
    cluster.task_indices().filter_map(reason).collect()
}
