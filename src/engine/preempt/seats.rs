//! Instances that are placed and no more up for rearrangement, and those that had to go.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, FrameworkIdx, JobIdx, Offer, Running, RunningDevices, TaskIdx};

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
    /// What was placed for it: the job, the role that covers it, and where.
    pub units: Vec<(JobIdx, usize, Running)>,
}

impl State<'_> {
    /// Seats everything that was added: from here on it stays where it is. Not so tasks that a broken rule moves (what of
    /// them was released is still theirs), what follows in time, which keeps what it has on each agent at most, and replicas, whose
    /// data is where they are.
    pub(super) fn seat_all(&mut self) {
        let moving: BTreeSet<TaskIdx> = self.released.iter().map(|it| it.task).collect();
        for framework in (0..self.cluster.frameworks.len()).map(FrameworkIdx::of) {
            if !self.added_times[framework.at()].is_empty() || self.keeps_data(framework) {
                continue;
            }
            let added = std::mem::take(&mut self.added[framework.at()]);
            let devices = std::mem::take(&mut self.added_devices[framework.at()]);
            let seated = |task: TaskIdx| !moving.contains(&task);
            let (added, open) = added.into_iter().partition(|it| seated(it.task));
            let (devices, held) = devices.into_iter().partition(|it| seated(it.task));
            self.added[framework.at()] = open;
            self.added_devices[framework.at()] = held;
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

    /// Adds what of a framework is seated to its offers.
    pub(in crate::engine) fn add_seats(&self, framework: FrameworkIdx, offers: &mut [Offer]) {
        let seated = self.seats.seated.get(&framework).into_iter().flatten();
        for it in seated {
            if let Ok(at) = offers.binary_search_by_key(&it.agent, |offer| offer.agent) {
                let demand = &self.cluster.task(it.task).demand;
                offers[at].resources.add(demand, it.instances);
            }
        }
        let held = self.seats.devices.get(&framework).into_iter().flatten();
        for it in held {
            if let Ok(at) = offers.binary_search_by_key(&it.agent, |offer| offer.agent) {
                devices::add_to(self.cluster, &mut offers[at].devices, it);
            }
        }
    }

    /// Cuts offers to what is there beside what stays: who was displaced and came back takes up what was offered meanwhile.
    pub(super) fn clip_offers(&mut self) {
        let cluster = self.cluster;
        let (mut room, mut devices) = (self.free.clone(), self.free_devices.clone());
        for added in self.added.iter().flatten() {
            room[added.agent.at()].add(&cluster.task(added.task).demand, added.instances);
        }
        for held in self.added_devices.iter().flatten() {
            devices::give(cluster, &mut devices, held);
        }
        for offer in self.offered.iter_mut().flat_map(BTreeMap::values_mut) {
            let at = offer.agent.at();
            for (amount, &room) in offer.resources.0.iter_mut().zip(&room[at].0) {
                *amount = (*amount).min(room).max(0);
            }
            let kinds = offer.devices.iter_mut().flatten();
            for (amount, &room) in kinds.zip(devices[at].iter().flatten()) {
                *amount = (*amount).min(room).max(0);
            }
            cluster.total_devices(offer);
        }
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
        let mut any = false;
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
                });
                any = true;
            }
            self.settle(framework);
        }
        let proposal = found.fit.proposal;
        // Where only what this plan placed had to go, nobody was preempted.
        let placed = proposal.placements.iter().filter(|_| any);
        let placed = placed.map(|&it| (unit.job, unit.role, it));
        self.seats.units.extend(placed);
        self.record(unit.framework, &found.fit.offers, &[]);
        for placed in &proposal.placements {
            let demand = &cluster.task(placed.task).demand;
            self.free[placed.agent.at()].subtract(demand, placed.instances);
        }
        for held in &proposal.devices {
            devices::take(cluster, &mut self.free_devices, held);
        }
        self.seat(unit.framework, proposal.placements, proposal.devices);
    }

    /// Lets displaced instances stay after all that moved and would have room where they ran; whether there were any.
    ///
    /// Tasks that rules count over domains are left where they are.
    pub(super) fn spare(&mut self) -> bool {
        let displaced = std::mem::take(&mut self.seats.displaced);
        let n_displaced = displaced.len();
        for it in displaced {
            match self.seat_of(&it) {
                None => self.seats.displaced.push(it),
                Some(seat) => self.bring_back(&it, seat),
            }
        }
        self.seats.displaced.len() < n_displaced
    }

    /// Where a displaced instance sits now, with its devices, if it would have room where it ran.
    fn seat_of(&self, it: &Displaced) -> Option<(AgentIdx, Option<RunningDevices>)> {
        let cluster = self.cluster;
        let (task, framework) = (cluster.task(it.task), cluster.framework_of(it.task));
        let counted =
            !task.limits.is_empty() || !task.spreads.is_empty() || !task.groups.is_empty();
        let seated = self.seats.seated.get(&framework)?;
        let now = seated.iter().rev().find(|seat| seat.task == it.task)?;
        let free = &self.free[it.agent.at()];
        let has_room = task.demand.fits_in(free)
            && self
                .roles
                .leaves_room(framework, &task.demand, it.agent, free);
        let mut devices = self.free_devices[it.agent.at()].clone();
        if let Some(held) = &it.devices {
            devices::take_from(cluster, &mut devices, held);
        }
        let whole = devices.iter().flatten().all(|&left| left >= 0);
        let mut own = self.seats.devices.get(&framework).into_iter().flatten();
        let place = |own: &&RunningDevices| (own.task, own.agent) == (now.task, now.agent);
        let held = own.rfind(place);
        (!counted && has_room && whole && now.agent != it.agent).then(|| (now.agent, held.cloned()))
    }

    /// Puts a displaced instance back where it ran.
    fn bring_back(&mut self, it: &Displaced, (seat, held): (AgentIdx, Option<RunningDevices>)) {
        let cluster = self.cluster;
        let framework = cluster.framework_of(it.task);
        let demand = &cluster.task(it.task).demand;
        self.free[seat.at()].add(demand, 1);
        self.free[it.agent.at()].subtract(demand, 1);
        if let Some(held) = &held {
            devices::give(cluster, &mut self.free_devices, held);
            let own = self.seats.devices.entry(framework).or_default();
            if let Some(at) = own.iter().position(|other| other == held) {
                own.remove(at);
            }
        }
        if let Some(held) = &it.devices {
            devices::take(cluster, &mut self.free_devices, held);
        }
        let seated = self.seats.seated.entry(framework).or_default();
        change(seated, it.task, seat, -1);
        let kept = &mut self.kept[framework.at()];
        change(kept, it.task, seat, -1);
        change(kept, it.task, it.agent, 1);
        self.settle(framework);
    }

    /// A displaced instance that came back to its own agent stayed there; with devices it may hold others now, and has
    /// moved indeed.
    pub(super) fn cancel_returns(&mut self) {
        let displaced = std::mem::take(&mut self.seats.displaced);
        for it in displaced {
            let framework = self.cluster.framework_of(it.task);
            let back = count(&self.added[framework.at()], it.task, it.agent) > 0;
            if back && it.devices.is_none() {
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
