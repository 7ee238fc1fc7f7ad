//! Instances that follow one another: what they hold on each agent at most, and at the moment that counts for shares.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, Proposal, Quantities, Running, Slice, TaskIdx, Timed};

/// The most that placements use of each agent at any moment.
pub(super) fn occupied(
    cluster: &Cluster,
    placements: &[Running],
    times: &[Timed],
) -> BTreeMap<AgentIdx, Quantities> {
    let mut occupied: BTreeMap<AgentIdx, Quantities> = BTreeMap::new();
    let none = || Quantities::zero(cluster.resources.len());
    if times.is_empty() {
        for placed in placements {
            let amounts = occupied.entry(placed.agent).or_insert_with(none);
            amounts.add(&cluster.task(placed.task).demand, placed.instances);
        }
        return occupied;
    }
    let mut by_agent: BTreeMap<AgentIdx, Vec<&Timed>> = BTreeMap::new();
    for timed in times {
        by_agent.entry(timed.agent).or_default().push(timed);
    }
    for (agent, timed) in by_agent {
        occupied.insert(agent, most(cluster, &timed));
    }
    occupied
}

/// The most that instances on one agent use at any moment, by resource.
fn most(cluster: &Cluster, times: &[&Timed]) -> Quantities {
    let none = Quantities::zero(cluster.resources.len());
    let (mut now, mut most) = (none.clone(), none);
    // Ends come before starts: what ends at a moment is not in the way of what starts then.
    let mut events: Vec<(i64, bool, &Timed)> = Vec::new();
    for &timed in times.iter().filter(|it| it.start_ms < it.end_ms) {
        events.push((timed.start_ms, true, timed));
        events.push((timed.end_ms, false, timed));
    }
    events.sort_unstable();
    for (_, starts, timed) in events {
        let demand = &cluster.task(timed.task).demand;
        if starts {
            now.add(demand, timed.instances);
        } else {
            now.subtract(demand, timed.instances);
        }
        for (most, now) in most.0.iter_mut().zip(&now.0) {
            *most = (*most).max(*now);
        }
    }
    // What takes no time at all has to fit by itself.
    for timed in times.iter().filter(|it| it.start_ms == it.end_ms) {
        for (most, need) in most.0.iter_mut().zip(&cluster.task(timed.task).demand.0) {
            *most = (*most).max(*need);
        }
    }
    most
}

/// What runs at the first of the moments at which most value is in progress, by (task, agent): this is what counts for shares.
pub(super) fn peak(cluster: &Cluster, times: &[Timed]) -> Vec<Running> {
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for timed in times.iter().filter(|it| it.start_ms < it.end_ms) {
        let value = cluster
            .task(timed.task)
            .value
            .saturating_mul(timed.instances);
        *changes.entry(timed.start_ms).or_insert(0) += value;
        *changes.entry(timed.end_ms).or_insert(0) -= value;
    }
    let (mut value, mut best) = (0_i64, (0_i64, 0_i64));
    for (&moment, change) in &changes {
        value += change;
        if value > best.0 {
            best = (value, moment);
        }
    }
    let mut counts: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    for timed in times.iter().filter(|timed| timed.runs_at(best.1)) {
        *counts.entry((timed.task, timed.agent)).or_insert(0) += timed.instances;
    }
    let counts = counts.into_iter();
    counts
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        })
        .collect()
}

/// Whether the times of a proposal are those of its placements, and stay within the offers at every moment.
pub(super) fn check(slice: &Slice<'_>, proposal: &Proposal) -> Result<(), String> {
    if proposal.times.is_empty() {
        return Ok(());
    }
    let cluster = slice.cluster;
    if !proposal.devices.is_empty() {
        return Err("the policy proposed devices for instances that follow one another".to_owned());
    }
    let mut counts: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    for timed in &proposal.times {
        let name = cluster.task_name(timed.task);
        if timed.start_ms < 0 || timed.end_ms < timed.start_ms || timed.instances < 1 {
            return Err(format!(
                "the policy proposed {} instances of {name} from {} to {} ms",
                timed.instances, timed.start_ms, timed.end_ms
            ));
        }
        *counts.entry((timed.task, timed.agent)).or_insert(0) += timed.instances;
    }
    let placed = proposal.placements.iter();
    let placed = placed.map(|placed| ((placed.task, placed.agent), placed.instances));
    if !counts.into_iter().eq(placed) {
        return Err("the policy proposed times of other instances than it places".to_owned());
    }
    for (agent, used) in occupied(cluster, &proposal.placements, &proposal.times) {
        let offer = slice.offers.iter().find(|offer| offer.agent == agent);
        if !offer.is_some_and(|offer| used.fits_in(&offer.resources)) {
            let id = &cluster.agent(agent).id;
            return Err(format!(
                "the policy proposed more on {id} at one moment than its offer holds"
            ));
        }
    }
    Ok(())
}
