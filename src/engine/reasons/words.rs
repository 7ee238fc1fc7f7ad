//! Numbers in the words of a reason.

use apportion_cluster::{AgentIdx, Cluster, DeviceNeed, Task, WHOLE_DEVICE};

/// `1 agent`, `2 agents`.
pub(super) fn agents_of(count: usize) -> String {
    counted_noun(count, "agent")
}

/// `1 domain`, `2 domains`.
pub(super) fn counted_noun(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// What one instance lacks of one resource on an agent: `disk_mib: 102400 free, needs 122880, short by 20480 (20 GiB);
/// 400 of 500 in use` where something is. Whole devices are counted as such.
pub(super) fn short_of(
    cluster: &Cluster,
    (task, resource): (&Task, usize),
    agent: AgentIdx,
    have: i64,
) -> String {
    let whole = |it: &&DeviceNeed| {
        cluster.device_total(it.kind) == Some(resource) && it.milli == WHOLE_DEVICE
    };
    let devices = task.devices.iter().find(whole);
    let (name, unit) = match devices {
        Some(need) => (&cluster.devices[need.kind.at()], WHOLE_DEVICE),
        None => (&cluster.resources[resource], 1),
    };
    let total = cluster.agent(agent).capacity.0[resource] / unit;
    let (need, have) = (task.demand.0[resource] / unit, have.max(0) / unit);
    let used = match total - have {
        0 => String::new(),
        used => format!(" ({used} of {total} in use)"),
    };
    let short = amount(name, need - have);
    format!("{name}: {have} free, needs {need}, short by {short}{used}")
}

/// A number of MiB in GiB as well.
pub(super) fn amount(resource: &str, number: i64) -> String {
    const MIB_PER_GIB: i64 = 1024;
    let is_size = resource.ends_with("_mib");
    if is_size && number >= MIB_PER_GIB {
        let tenths = i128::from(number) * 10 / i128::from(MIB_PER_GIB);
        let gib = match tenths % 10 {
            0 => (tenths / 10).to_string(),
            tenth => format!("{}.{tenth}", tenths / 10),
        };
        format!("{number} ({gib} GiB)")
    } else {
        number.to_string()
    }
}
