//! The canonical form of a snapshot, and its digest.
//!
//! Two snapshots that mean the same have the same canonical form: lists whose order means nothing are
//! sorted, repetitions in sets are dropped, and what a default says is left out. The digest is the
//! SHA-256 of that form as compact JSON, keys in the order of the format's documentation.

use std::io;

use apportion_cluster::file::{
    Amounts, JobFile, MapFile, ReduceFile, RoleFile, ShardFile, SnapshotFile, TaskFile,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::phases::map_tasks;

/// The canonical form of `file`.
#[must_use]
pub fn canonical(file: &SnapshotFile) -> SnapshotFile {
    let mut file = file.clone();
    canonicalize(&mut file);
    file
}

/// Brings `file` into canonical form.
pub(super) fn canonicalize(file: &mut SnapshotFile) {
    file.fairness.take_if(|rule| rule == "nash");
    set(&mut file.levels);
    for agent in &mut file.agents {
        nonzero(&mut agent.resources);
        agent.devices.sort_by(|a, b| a.name.cmp(&b.name));
        agent.speed.take_if(|speed| *speed == 1000);
    }
    file.agents.sort_by(|a, b| a.id.cmp(&b.id));
    file.roles.iter_mut().for_each(role);
    file.roles.retain(|role| {
        *role
            != RoleFile {
                path: role.path.clone(),
                ..RoleFile::default()
            }
    });
    file.roles.sort_by(|a, b| a.path.cmp(&b.path));
    for framework in &mut file.frameworks {
        framework.weight.take_if(|weight| *weight == 1.0);
        framework.role.take_if(|role| *role == framework.id);
        framework.parameters.values_mut().for_each(sort_keys);
    }
    file.frameworks.sort_by(|a, b| a.id.cmp(&b.id));
    file.jobs.iter_mut().for_each(job);
    file.jobs.sort_by(|a, b| a.id.cmp(&b.id));
    for block in &mut file.data.blocks {
        set(&mut block.replicas);
    }
    file.data.blocks.sort_by(|a, b| a.id.cmp(&b.id));
    file.data.units.sort_by(|a, b| a.id.cmp(&b.id));
    for placement in &mut file.placements {
        placement.devices.sort();
    }
    file.placements.sort();
}

/// SHA-256 of the canonical form of `file`, in hexadecimal.
#[must_use]
pub fn digest(file: &SnapshotFile) -> String {
    digest_of(&canonical(file))
}

/// The digest of a file in canonical form.
pub(super) fn digest_of(canonical: &SnapshotFile) -> String {
    let mut hasher = io::BufWriter::with_capacity(1 << 16, Hasher(Sha256::new()));
    serde_json::to_writer(&mut hasher, canonical).expect("a hasher takes everything");
    let hasher = hasher
        .into_inner()
        .unwrap_or_else(|_| unreachable!("a hasher takes everything"));
    let bytes = hasher.0.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn role(role: &mut RoleFile) {
    role.weight.take_if(|weight| *weight == 1.0);
    role.idle_guarantee.take_if(|word| word == "hold");
    // A limit of 0 forbids what no limit allows; a guarantee of 0 says nothing.
    role.guarantee.iter_mut().for_each(nonzero);
    for amounts in [&mut role.guarantee, &mut role.limit] {
        amounts.take_if(|amounts| amounts.is_empty());
    }
}

fn job(job: &mut JobFile) {
    job.tasks.iter_mut().for_each(task);
    job.map.iter_mut().for_each(map);
    sort_shuffles(job);
    job.tasks.sort_by(|a, b| a.id.cmp(&b.id));
    job.edges.sort();
    shards(&mut job.shards);
}

fn map(map: &mut MapFile) {
    set(&mut map.inputs);
}

/// What is pulled from each map task follows these as they are sorted.
fn sort_shuffles(job: &mut JobFile) {
    let listed = |reduce: &Option<ReduceFile>| {
        (reduce.as_ref()).is_some_and(|reduce| reduce.shuffle_mib.is_some())
    };
    if !listed(&job.reduce) && !job.tasks.iter().any(|task| listed(&task.reduce)) {
        return;
    }
    let maps = map_tasks(job);
    let mut order: Vec<usize> = (0..maps.len()).collect();
    order.sort_by(|&a, &b| job.tasks[maps[a]].id.cmp(&job.tasks[maps[b]].id));
    let of_tasks = job.tasks.iter_mut().filter_map(|task| task.reduce.as_mut());
    for reduce in job.reduce.iter_mut().chain(of_tasks) {
        // Of another length only in what is not valid.
        if let Some(amounts) = reduce.shuffle_mib.as_mut()
            && amounts.len() == order.len()
        {
            *amounts = order.iter().map(|&at| amounts[at]).collect();
            reduce.shuffle_mib_total = None;
        }
    }
}

fn shards(shards: &mut [ShardFile]) {
    for shard in shards.iter_mut() {
        shard.volumes.sort_by(|a, b| a.id.cmp(&b.id));
    }
    shards.sort_by(|a, b| a.id.cmp(&b.id));
}

fn task(task: &mut TaskFile) {
    nonzero(&mut task.resources);
    if !task.shards.is_empty() {
        // What may be left out says nothing.
        task.instances = 1;
    }
    shards(&mut task.shards);
    task.devices.sort_by(|a, b| a.name.cmp(&b.name));
    set(&mut task.groups);
    task.map.iter_mut().for_each(map);
    let rules = &mut task.constraints;
    rules.attributes.values_mut().for_each(set);
    rules.agents.iter_mut().for_each(set);
    set(&mut rules.tolerates);
    rules
        .limit
        .sort_by(|a, b| (&a.level, &a.group, a.max).cmp(&(&b.level, &b.group, b.max)));
    rules.limit.dedup();
    rules.spread.sort_by(|a, b| {
        (&a.level, &a.group, a.max_skew, a.hard).cmp(&(&b.level, &b.group, b.max_skew, b.hard))
    });
    rules.spread.dedup();
}

fn nonzero(amounts: &mut Amounts) {
    amounts.retain(|_, amount| *amount != 0);
}

fn set(names: &mut Vec<String>) {
    names.sort_unstable();
    names.dedup();
}

/// Sorts the keys of every object in `value`, whichever order the map type keeps.
fn sort_keys(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort_keys),
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.iter_mut().for_each(|(_, value)| sort_keys(value));
            *map = entries.into_iter().collect();
        }
        _ => {}
    }
}
