//! Instances that are placed and no more up for rearrangement, and those that had to go.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, FrameworkIdx, Running, RunningDevices, TaskIdx};

use super::super::devices;
use super::super::state::State;
use super::Found;
use super::outcome::Displaced;
use super::pool::Instance;
use super::unit::Unit;

/// What preemption adds to the state of a plan.
#[derive(Default)]
pub(in crate::engine) struct Seats {
    /// Instances among those kept that do not run yet, by framework.
    seated: BTreeMap<FrameworkIdx, Vec<Running>>,
    /// Their devices.
    devices: BTreeMap<FrameworkIdx, Vec<RunningDevices>>,
    /// Who had to go, in order.
    pub displaced: Vec<Displaced>,
}

impl State<'_> {
    /// Seats everything that was added: from here on it stays where it is.
    pub(super) fn seat_all(&mut self) {
        for framework in (0..self.cluster.frameworks.len()).map(FrameworkIdx::of) {
            let added = std::mem::take(&mut self.added[framework.at()]);
            let devices = std::mem::take(&mut self.added_devices[framework.at()]);
            self.seat(framework, added, devices);
        }
    }

    fn seat(&mut self, framework: FrameworkIdx, added: Vec<Running>, held: Vec<RunningDevices>) {
        for it in &added {
            change(
                &mut self.kept[framework.at()],
                it.task,
                it.agent,
                it.instances,
            );
        }
        let seated = self.seats.seated.entry(framework).or_default();
        for it in added {
            change(seated, it.task, it.agent, it.instances);
        }
        self.seats
            .devices
            .entry(framework)
            .or_default()
            .extend(held);
        self.settle(framework);
    }

    /// Makes what is seated an addition again: what a plan adds to what stays running.
    pub(super) fn unseat_all(&mut self) {
        for (framework, seated) in std::mem::take(&mut self.seats.seated) {
            for it in seated {
                change(
                    &mut self.kept[framework.at()],
                    it.task,
                    it.agent,
                    -it.instances,
                );
                change(
                    &mut self.added[framework.at()],
                    it.task,
                    it.agent,
                    it.instances,
                );
            }
        }
        for (framework, held) in std::mem::take(&mut self.seats.devices) {
            let devices = &mut self.added_devices[framework.at()];
            devices.extend(held);
            devices.sort_unstable();
        }
        for framework in (0..self.cluster.frameworks.len()).map(FrameworkIdx::of) {
            self.settle(framework);
        }
    }

    /// Every instance in place, one by one.
    pub(super) fn instances(&self) -> Vec<Instance> {
        let mut all = Vec::new();
        let gone: Vec<RunningDevices> = self.gone_devices();
        for (at, kept) in self.kept.iter().enumerate() {
            let framework = FrameworkIdx::of(at);
            let seated = self
                .seats
                .seated
                .get(&framework)
                .map_or(&[][..], Vec::as_slice);
            for it in kept {
                let n_seated = count(seated, it.task, it.agent);
                let own = Running {
                    instances: it.instances - n_seated,
                    ..*it
                };
                let mut held = devices::kept(self.cluster, &[vec![own]], &gone).into_iter();
                let mut new = self.seats.devices.get(&framework).into_iter().flatten();
                for number in 0..it.instances {
                    let is_seated = number >= own.instances;
                    let place = |it: &&RunningDevices| (it.task, it.agent);
                    let devices = match is_seated {
                        false => held.next(),
                        true => new.find(|new| place(new) == (it.task, it.agent)).cloned(),
                    };
                    all.push(Instance {
                        framework,
                        task: it.task,
                        agent: it.agent,
                        devices,
                        seated: is_seated,
                    });
                }
            }
        }
        all
    }

    /// The devices that displaced instances held.
    pub(in crate::engine) fn gone_devices(&self) -> Vec<RunningDevices> {
        let displaced = self.seats.displaced.iter();
        displaced.filter_map(|it| it.devices.clone()).collect()
    }

    /// Tasks of displaced instances, one by one.
    pub(super) fn displaced(&self) -> impl Iterator<Item = TaskIdx> + '_ {
        self.seats.displaced.iter().map(|it| it.task)
    }

    /// Places a unit in the room of its victims, who are pending from here on.
    pub(super) fn displace(&mut self, unit: &Unit, found: Found) {
        let cluster = self.cluster;
        for victim in found.victims {
            let framework = victim.framework;
            self.free[victim.agent.at()].add(&cluster.task(victim.task).demand, 1);
            if let Some(held) = &victim.devices {
                devices::give(cluster, &mut self.free_devices, held);
            }
            change(
                &mut self.kept[framework.at()],
                victim.task,
                victim.agent,
                -1,
            );
            if victim.seated {
                let seated = self.seats.seated.entry(framework).or_default();
                change(seated, victim.task, victim.agent, -1);
                let devices = self.seats.devices.entry(framework).or_default();
                let at = devices
                    .iter()
                    .position(|held| Some(held) == victim.devices.as_ref());
                if let Some(at) = at {
                    devices.remove(at);
                }
            } else {
                self.seats.displaced.push(Displaced {
                    task: victim.task,
                    agent: victim.agent,
                    devices: victim.devices,
                    job: unit.job,
                    role: unit.role,
                    placements: Vec::new(),
                });
            }
            self.settle(framework);
        }
        let proposal = found.fit.proposal;
        if let Some(last) = self.seats.displaced.last_mut() {
            last.placements.extend_from_slice(&proposal.placements);
        }
        self.record(unit.framework, &found.fit.offers);
        for placed in &proposal.placements {
            let demand = &cluster.task(placed.task).demand;
            self.free[placed.agent.at()].subtract(demand, placed.instances);
        }
        for held in &proposal.devices {
            devices::take(cluster, &mut self.free_devices, held);
        }
        self.seat(unit.framework, proposal.placements, proposal.devices);
    }

    /// A displaced instance that came back to its own agent stayed there; with devices it may hold others now, and has
    /// moved indeed.
    pub(super) fn cancel_returns(&mut self) {
        let displaced = std::mem::take(&mut self.seats.displaced);
        for it in displaced {
            let framework = self.cluster.framework_of(it.task);
            let back = count(&self.added[framework.at()], it.task, it.agent) > 0;
            if back && it.devices.is_none() && it.placements.is_empty() {
                change(&mut self.added[framework.at()], it.task, it.agent, -1);
                change(&mut self.kept[framework.at()], it.task, it.agent, 1);
            } else {
                self.seats.displaced.push(it);
            }
        }
    }
}

/// Adds to the count of a place in a list by (task, agent); places without instances are left out.
fn change(list: &mut Vec<Running>, task: TaskIdx, agent: AgentIdx, instances: i64) {
    match list.binary_search_by_key(&(task, agent), |it| (it.task, it.agent)) {
        Ok(at) => {
            list[at].instances += instances;
            if list[at].instances == 0 {
                list.remove(at);
            }
        }
        Err(at) => list.insert(
            at,
            Running {
                task,
                agent,
                instances,
            },
        ),
    }
}

fn count(list: &[Running], task: TaskIdx, agent: AgentIdx) -> i64 {
    list.iter()
        .filter(|it| (it.task, it.agent) == (task, agent))
        .map(|it| it.instances)
        .sum()
}
