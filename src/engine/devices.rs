//! Single devices while a plan is made: what is free of each, and which instance holds which.

use apportion_cluster::{
    AgentIdx, Cluster, DeviceUse, Proposal, Running, RunningDevices, Slice, TaskIdx,
};

/// Thousandths of each device of one agent, as in [`Cluster::free_devices`].
pub(super) type Devices = Vec<Vec<i64>>;

/// Takes what an instance holds out of what is free on its agent.
pub(super) fn take(cluster: &Cluster, free: &mut [Devices], held: &RunningDevices) {
    change(cluster, &mut free[held.agent.at()], held, -1);
}

/// Gives back what an instance held.
pub(super) fn give(cluster: &Cluster, free: &mut [Devices], held: &RunningDevices) {
    change(cluster, &mut free[held.agent.at()], held, 1);
}

/// Takes what an instance holds out of the devices of its agent.
pub(super) fn take_from(cluster: &Cluster, devices: &mut Devices, held: &RunningDevices) {
    change(cluster, devices, held, -1);
}

/// Adds what an instance holds to the devices of an agent.
pub(super) fn add_to(cluster: &Cluster, devices: &mut Devices, held: &RunningDevices) {
    change(cluster, devices, held, 1);
}

fn change(cluster: &Cluster, devices: &mut Devices, held: &RunningDevices, sign: i64) {
    for device in &held.devices {
        if let Some(amount) = of(cluster, devices, held.agent, *device) {
            *amount += sign * device.milli;
        }
    }
}

fn of<'d>(
    cluster: &Cluster,
    devices: &'d mut Devices,
    agent: AgentIdx,
    device: DeviceUse,
) -> Option<&'d mut i64> {
    let at = cluster.agent(agent).device_position(device.kind)?;
    devices
        .get_mut(at)?
        .get_mut(usize::try_from(device.index).ok()?)
}

/// No device of an agent, in the shape of all of them.
pub(super) fn none(cluster: &Cluster, agent: AgentIdx) -> Devices {
    let kinds = cluster.agent(agent).devices.iter();
    let none = kinds.map(|it| vec![0; usize::try_from(it.count).unwrap_or_default()]);
    none.collect()
}

/// What running instances hold that stay: as many of each task and agent as are kept, without those that are `gone`.
pub(super) fn kept(
    cluster: &Cluster,
    kept: &[Vec<Running>],
    gone: &[RunningDevices],
) -> Vec<RunningDevices> {
    let mut gone = gone.to_vec();
    let mut staying = Vec::new();
    for running in kept.iter().flatten() {
        let key = (running.task, running.agent);
        let place = |it: &RunningDevices| (it.task, it.agent);
        let first = cluster
            .running_devices
            .partition_point(|it| place(it) < key);
        let alike = cluster.running_devices[first..]
            .iter()
            .take_while(|it| place(it) == key);
        let alike = alike.filter(|it| match gone.iter().position(|other| other == *it) {
            Some(at) => {
                gone.swap_remove(at);
                false
            }
            None => true,
        });
        let count = usize::try_from(running.instances).unwrap_or_default();
        staying.extend(alike.take(count).cloned());
    }
    staying
}

/// Every instance that needs devices names as many as its task asks for, different ones, within the offers.
pub(super) fn check(slice: &Slice<'_>, proposal: &Proposal) -> Result<(), String> {
    let cluster = slice.cluster;
    let name = |task: TaskIdx| cluster.task_name(task);
    let mut left: Vec<Devices> = slice
        .offers
        .iter()
        .map(|offer| offer.devices.clone())
        .collect();
    let mut held = proposal.devices.iter().peekable();
    let needing = proposal.placements.iter();
    for placed in needing.filter(|it| !cluster.task(it.task).devices.is_empty()) {
        for _ in 0..placed.instances {
            let missing = || {
                format!(
                    "the policy names no devices for an instance of {}",
                    name(placed.task)
                )
            };
            let of_place =
                |it: &&RunningDevices| (it.task, it.agent) == (placed.task, placed.agent);
            let own = held.next_if(of_place).ok_or_else(missing)?;
            let offer = slice
                .offers
                .binary_search_by_key(&placed.agent, |offer| offer.agent)
                .map_err(|_| missing())?;
            if !is_as_needed(cluster, own) {
                return Err(format!(
                    "the policy gives an instance of {} other devices than it needs",
                    name(placed.task)
                ));
            }
            for device in &own.devices {
                let free = of(cluster, &mut left[offer], placed.agent, *device);
                let enough = free.is_some_and(|free| {
                    *free -= device.milli;
                    *free >= 0
                });
                if !enough {
                    return Err(format!(
                        "the policy gives {} more of a device than its offer holds",
                        name(placed.task)
                    ));
                }
            }
        }
    }
    match held.next() {
        None => Ok(()),
        Some(own) => Err(format!(
            "the policy names devices for more of {} than it places",
            name(own.task)
        )),
    }
}

fn is_as_needed(cluster: &Cluster, held: &RunningDevices) -> bool {
    let needs = &cluster.task(held.task).devices;
    let of_need = |need: &apportion_cluster::DeviceNeed| {
        let own = held.devices.iter().filter(|it| it.kind == need.kind);
        let mut indices: Vec<i64> = own.map(|it| it.index).collect();
        indices.sort_unstable();
        indices.dedup();
        let milli = |it: &DeviceUse| it.kind != need.kind || it.milli == need.milli;
        indices.len() as i64 == need.count && held.devices.iter().all(milli)
    };
    let wanted: i64 = needs.iter().map(|need| need.count).sum();
    held.devices.len() as i64 == wanted && needs.iter().all(of_need)
}
