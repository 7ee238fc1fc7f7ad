//! Notes on instances whose devices are not of the model that their task prefers: which choice it is, and what the
//! better ones lack.

use std::collections::BTreeMap;

use apportion_cluster::plan::Note;
use apportion_cluster::{
    AgentIdx, Cluster, DeviceNeed, Eligibility, Quantities, Refusal, Running, Task, TaskIdx,
    WHOLE_DEVICE,
};

use super::state::State;

/// Everything that decides a sentence: the task's shape, the kind of device, and the choice.
type Key<'a> = (Eligibility<'a>, &'a Quantities, usize, usize);

/// One note for each task and choice after the first, by job, task and text. Once `stop` says that the time is up, what
/// better choices lack is no longer looked for.
pub(super) fn notes(
    state: &State<'_>,
    placements: &[Running],
    stop: &dyn Fn() -> bool,
) -> Vec<Note> {
    let cluster = state.cluster;
    let mut counts: BTreeMap<(TaskIdx, usize, usize), i64> = BTreeMap::new();
    for placed in placements {
        for (position, need) in cluster.task(placed.task).devices.iter().enumerate() {
            let devices = cluster.devices_on(placed.agent, need.kind);
            let choice = devices.and_then(|it| need.choice(&it.model));
            if let Some(choice) = choice.filter(|&choice| choice > 0) {
                *counts.entry((placed.task, position, choice)).or_insert(0) += placed.instances;
            }
        }
    }
    let mut known: BTreeMap<Key<'_>, String> = BTreeMap::new();
    let notes = counts
        .into_iter()
        .map(|((at, position, choice), instances)| {
            let task = cluster.task(at);
            let key = (task.eligibility(), &task.demand, position, choice);
            let text = known
                .entry(key)
                .or_insert_with(|| sentence(state, task, &task.devices[position], choice, stop));
            Note {
                job: cluster.job(task.job).id.clone(),
                task: task.id.clone(),
                text: text.clone(),
                code: "choice".to_owned(),
                instances,
            }
        });
    let mut notes: Vec<Note> = notes.collect();
    notes.sort();
    notes
}

/// `choice 3 of 3, H100 short by 2, A100 has room, but not of cpu_milli`.
fn sentence(
    state: &State<'_>,
    task: &Task,
    need: &DeviceNeed,
    choice: usize,
    stop: &dyn Fn() -> bool,
) -> String {
    let better = need.models[..choice].iter().take_while(|_| !stop());
    let better = better.map(|it| format!(", {} {}", it.model, lacks(state, task, need, &it.model)));
    let better: String = better.collect();
    format!("choice {} of {}{better}", choice + 1, need.models.len())
}

/// What agents with a model lack, as the plan leaves them.
fn lacks(state: &State<'_>, task: &Task, need: &DeviceNeed, model: &str) -> String {
    let cluster = state.cluster;
    let with_model = cluster.agent_indices().filter(|&agent| {
        let devices = cluster.devices_on(agent, need.kind);
        devices.is_some_and(|devices| devices.model == model)
    });
    let with_model: Vec<AgentIdx> = with_model.collect();
    let usable = with_model.iter().copied();
    let usable: Vec<AgentIdx> = usable
        .filter(|&agent| match cluster.refusal(task, agent) {
            None => true,
            // That it has too few of them is told in numbers.
            Some(Refusal::TooFewDevices(of)) => of.kind == need.kind,
            Some(_) => false,
        })
        .collect();
    if usable.is_empty() {
        return match with_model.is_empty() {
            true => "is nowhere".to_owned(),
            false => "is only where its rules or its size forbid it".to_owned(),
        };
    }
    let free = |&agent: &AgentIdx| (free_devices(state, need, agent), agent);
    let most = usable.iter().map(free).max_by_key(|(free, _)| *free);
    let short = need.count - most.map_or(0, |(free, _)| free);
    if short > 0 {
        return match need.milli {
            WHOLE_DEVICE => format!("short by {short}"),
            milli => format!("short by {short} with {milli} thousandths free"),
        };
    }
    let with_devices = usable.into_iter();
    let with_devices = with_devices.filter(|&agent| free_devices(state, need, agent) >= need.count);
    let missing = with_devices.map(|agent| missing(cluster, task, &state.free[agent.at()]));
    match missing.min_by_key(Vec::len) {
        Some(names) if !names.is_empty() => format!("free, but short of {}", names.join(", ")),
        _ => "has room, but its rules or an earlier stage decided otherwise".to_owned(),
    }
}

/// The devices of an agent that have as much free as the task needs of each.
fn free_devices(state: &State<'_>, need: &DeviceNeed, agent: AgentIdx) -> i64 {
    let at = state.cluster.agent(agent).device_position(need.kind);
    let free = at.map(|at| &state.free_devices[agent.at()][at]);
    let enough = free
        .into_iter()
        .flatten()
        .filter(|&&free| free >= need.milli);
    enough.count() as i64
}

/// Resources of which there is too little.
fn missing<'c>(cluster: &'c Cluster, task: &Task, free: &Quantities) -> Vec<&'c str> {
    let needs = task.demand.0.iter().zip(&free.0).zip(&cluster.resources);
    let short = needs.filter(|((need, have), _)| **need > 0 && need > have);
    short.map(|(_, name)| name.as_str()).collect()
}
