//! What is where while a plan is made.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{
    AgentIdx, Cluster, DeviceIdx, Eligibility, FrameworkIdx, JobIdx, Offer, Proposal, Quantities,
    Running, RunningDevices, RunningUnit, Slice, TaskIdx, Timed, UnitAmounts,
};

use super::devices::{self, Devices};
use super::preempt::Seats;
use super::roles::{Counts, Roles};
use super::rules;
use super::solve::{self, Rows};
use super::times;
use super::units;

/// Tasks with counts, those together that may use the same agents and need the same.
pub(super) fn by_shape(cluster: &Cluster, counts: &[(TaskIdx, i64)]) -> Vec<Vec<(TaskIdx, i64)>> {
    type Shape<'a> = (Eligibility<'a>, &'a Quantities);
    let mut shapes: BTreeMap<Shape<'_>, Vec<(TaskIdx, i64)>> = BTreeMap::new();
    for &(task, count) in counts {
        let of = cluster.task(task);
        let shape = shapes.entry((of.eligibility(), &of.demand)).or_default();
        shape.push((task, count));
    }
    shapes.into_values().collect()
}

/// The state between rounds: what stays, what was added, and what is free.
///
/// Invariant: `free` is capacity less everything kept, added, or reserved for released instances that may
/// have to go back where they run.
pub(super) struct State<'a> {
    pub cluster: &'a Cluster,
    /// Instances that stay where they run, by framework, each by (task, agent).
    pub kept: Vec<Vec<Running>>,
    /// Instances taken from their place because they break a hard rule there, by (task, agent).
    pub released: Vec<Running>,
    /// New placements by framework, each by (task, agent).
    pub added: Vec<Vec<Running>>,
    /// The devices of what was added, by framework, each sorted.
    pub added_devices: Vec<Vec<RunningDevices>>,
    /// When what was added runs, by framework, each sorted; empty where all of it starts now and stays.
    pub added_times: Vec<Vec<Timed>>,
    /// Where added replicas keep their data, by framework, each sorted.
    pub added_units: Vec<Vec<RunningUnit>>,
    /// What each storage unit has free; negative where the running state takes more than there is.
    pub free_units: Vec<UnitAmounts>,
    /// The most that each framework could use of each unit in any round, beside what is kept.
    pub offered_units: Vec<Vec<UnitAmounts>>,
    /// Free resources by agent; negative where the running state is over capacity.
    pub free: Vec<Quantities>,
    /// Free thousandths of each device, by agent.
    pub free_devices: Vec<Devices>,
    /// Agents on which something runs in the snapshot.
    pub occupied: Vec<bool>,
    /// What roles may hold, and what is kept free for them.
    pub roles: Roles<'a>,
    /// Who sits fast and who had to go, where preemption is allowed.
    pub seats: Seats,
    /// The most that each framework could use on each agent in any round, beside what is kept.
    pub offered: Vec<BTreeMap<AgentIdx, Offer>>,
    /// What the tasks of each framework need.
    uses: Vec<Uses>,
}

/// Resources and devices that some task of a framework needs.
#[derive(Clone, Default)]
struct Uses {
    resources: Vec<bool>,
    devices: BTreeSet<DeviceIdx>,
}

fn uses(cluster: &Cluster) -> Vec<Uses> {
    let nothing = Uses {
        resources: vec![false; cluster.resources.len()],
        devices: BTreeSet::new(),
    };
    let mut uses = vec![nothing; cluster.frameworks.len()];
    for task in cluster.task_indices() {
        let uses = &mut uses[cluster.framework_of(task).at()];
        let task = cluster.task(task);
        // Who needs nothing is offered an agent by what is free there.
        let is_anything = task.demand.is_zero();
        for (used, &need) in uses.resources.iter_mut().zip(&task.demand.0) {
            *used |= need > 0 || is_anything;
        }
        uses.devices
            .extend(task.devices.iter().map(|need| need.kind));
    }
    uses
}

impl<'a> State<'a> {
    pub(super) fn new(cluster: &'a Cluster, released: Vec<Running>) -> Self {
        let mut kept = vec![Vec::new(); cluster.frameworks.len()];
        let mut occupied = vec![false; cluster.agents.len()];
        for running in &cluster.running {
            occupied[running.agent.at()] = true;
            let gone = released
                .iter()
                .find(|r| (r.task, r.agent) == (running.task, running.agent));
            let instances = running.instances - gone.map_or(0, |gone| gone.instances);
            if instances > 0 {
                kept[cluster.framework_of(running.task).at()].push(Running {
                    instances,
                    ..*running
                });
            }
        }
        let roles = Roles::new(cluster, &released);
        Self {
            cluster,
            kept,
            released,
            added: vec![Vec::new(); cluster.frameworks.len()],
            added_devices: vec![Vec::new(); cluster.frameworks.len()],
            added_times: vec![Vec::new(); cluster.frameworks.len()],
            added_units: vec![Vec::new(); cluster.frameworks.len()],
            free_units: cluster.free_units(),
            offered_units: vec![vec![[0; 3]; cluster.units.len()]; cluster.frameworks.len()],
            free: cluster.free(),
            free_devices: cluster.free_devices(),
            occupied,
            roles,
            seats: Seats::default(),
            offered: vec![BTreeMap::new(); cluster.frameworks.len()],
            uses: uses(cluster),
        }
    }

    /// Instances of each of the framework's tasks that neither stay nor were added yet; never 0.
    pub(super) fn pending(&self, framework: FrameworkIdx) -> Vec<(TaskIdx, i64)> {
        let mut pending = self.wanted(framework);
        for added in &self.added[framework.at()] {
            *pending.entry(added.task).or_insert(0) -= added.instances;
        }
        pending
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .collect()
    }

    /// How many instances of a job go together or not at all: what a gang lacks, else 1.
    pub(super) fn lacking(&self, job: JobIdx) -> i64 {
        let cluster = self.cluster;
        let of = cluster.job(job);
        let own = |held: &&Running| cluster.task(held.task).job == job;
        let held = (self.kept[of.framework.at()].iter()).chain(&self.added[of.framework.at()]);
        let placed: i64 = held.filter(own).map(|it| it.instances).sum();
        (of.gang_min.unwrap_or(1) - placed).max(1)
    }

    /// Instances that do not stay running, whether added meanwhile or not; never 0.
    pub(super) fn not_kept(&self, framework: FrameworkIdx) -> Vec<(TaskIdx, i64)> {
        self.wanted(framework)
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .collect()
    }

    fn wanted(&self, framework: FrameworkIdx) -> BTreeMap<TaskIdx, i64> {
        let jobs = &self.cluster.framework(framework).jobs;
        let tasks = jobs.iter().flat_map(|&job| &self.cluster.job(job).tasks);
        let mut wanted: BTreeMap<TaskIdx, i64> = tasks
            .map(|&task| (task, self.cluster.task(task).instances))
            .collect();
        for kept in &self.kept[framework.at()] {
            *wanted.entry(kept.task).or_insert(0) -= kept.instances;
        }
        wanted
    }

    /// What the engine adds to the model of a framework that is asked alone: limits of roles, and the most instances in all.
    pub(super) fn rows(&self, framework: FrameworkIdx, budget: Option<i64>) -> Rows {
        let (kept, added) = (&self.kept[framework.at()], &self.added[framework.at()]);
        let pending = self.not_kept(framework);
        Rows {
            budget,
            ceilings: self.roles.ceilings(&[(framework, kept)]),
            counts: self.roles.allowance(framework, kept, &pending, added),
        }
    }

    /// As [`State::slice`], with at most these counts of each task.
    pub(super) fn slice_within(
        &self,
        framework: FrameworkIdx,
        offers: Vec<Offer>,
        counts: Option<&Counts>,
    ) -> Slice<'a> {
        let slice = self.slice(framework, offers);
        match counts {
            Some(counts) => solve::cut(&slice, counts),
            None => slice,
        }
    }

    /// The slice of `framework` with these offers, its own additions up for rearrangement within them.
    pub(super) fn slice(&self, framework: FrameworkIdx, offers: Vec<Offer>) -> Slice<'a> {
        Slice {
            cluster: self.cluster,
            framework,
            offers,
            units: self.all_units(framework),
            kept_units: units::kept(self.cluster, &self.kept[framework.at()]),
            kept: self.kept[framework.at()].clone(),
            pending: self.not_kept(framework),
            occupied: self.occupied.clone(),
        }
    }

    /// What is free of each unit, and what the framework added there; nothing for those that keep no data.
    fn all_units(&self, framework: FrameworkIdx) -> Vec<UnitAmounts> {
        let mut units = self.free_units.clone();
        for held in &self.added_units[framework.at()] {
            units::change(self.cluster, &mut units, held, 1);
        }
        for amount in units.iter_mut().flatten() {
            *amount = (*amount).max(0);
        }
        if !self.keeps_data(framework) {
            units.fill([0; 3]);
        }
        units
    }

    /// Whether any task of the framework is a shard.
    pub(super) fn keeps_data(&self, framework: FrameworkIdx) -> bool {
        let jobs = &self.cluster.framework(framework).jobs;
        let mut tasks = jobs.iter().flat_map(|&job| &self.cluster.job(job).tasks);
        tasks.any(|&task| self.cluster.task(task).shard.is_some())
    }

    /// What a framework added, as its proposal.
    pub(super) fn proposal(&self, framework: FrameworkIdx) -> Proposal {
        Proposal {
            placements: self.added[framework.at()].clone(),
            devices: self.added_devices[framework.at()].clone(),
            units: self.added_units[framework.at()].clone(),
            times: self.added_times[framework.at()].clone(),
        }
    }

    /// Takes out of an offer what no task of the framework needs.
    pub(super) fn leave_useless(&self, framework: FrameworkIdx, offer: &mut Offer) {
        let uses = &self.uses[framework.at()];
        for (amount, &used) in offer.resources.0.iter_mut().zip(&uses.resources) {
            *amount *= i64::from(used);
        }
        let kinds = &self.cluster.agent(offer.agent).devices;
        for (devices, kind) in offer.devices.iter_mut().zip(kinds) {
            if !uses.devices.contains(&kind.kind) {
                devices.fill(0);
            }
        }
    }

    /// Everything that is free and of use to the framework, and what it added, agent by agent.
    pub(super) fn everything(&self, framework: FrameworkIdx) -> Vec<Offer> {
        let mut room = self.free.clone();
        for (agent, amounts) in self.occupied(framework) {
            room[agent.at()].add(&amounts, 1);
        }
        let mut devices = self.free_devices.clone();
        for held in &self.added_devices[framework.at()] {
            devices::give(self.cluster, &mut devices, held);
        }
        let offers = self.cluster.agent_indices().zip(room).zip(devices).map(
            |((agent, resources), devices)| {
                let mut offer = Offer {
                    agent,
                    devices,
                    resources: Quantities(
                        resources
                            .0
                            .into_iter()
                            .map(|amount| amount.max(0))
                            .collect(),
                    ),
                };
                self.roles.withhold(framework, &mut offer);
                self.leave_useless(framework, &mut offer);
                offer
            },
        );
        offers
            .filter(|offer| !self.cluster.agent(offer.agent).cordoned)
            .collect()
    }

    /// The slice of `framework` with what it was offered of agents and units, as far as it is its own or free.
    pub(super) fn slice_within_offers(&self, framework: FrameworkIdx) -> Slice<'a> {
        let mut slice = self.slice(framework, self.within_offers(framework));
        let most = self.offered_units[framework.at()].iter().flatten();
        for (amount, &most) in slice.units.iter_mut().flatten().zip(most) {
            *amount = (*amount).min(most);
        }
        slice
    }

    fn within_offers(&self, framework: FrameworkIdx) -> Vec<Offer> {
        let known = &self.offered[framework.at()];
        let mut offers = self.everything(framework);
        offers.retain_mut(|offer| {
            let Some(most) = known.get(&offer.agent) else {
                return false;
            };
            for (amount, &most) in offer.resources.0.iter_mut().zip(&most.resources.0) {
                *amount = (*amount).min(most);
            }
            let devices = offer.devices.iter_mut().flatten();
            for (amount, &most) in devices.zip(most.devices.iter().flatten()) {
                *amount = (*amount).min(most);
            }
            self.cluster.total_devices(offer);
            true
        });
        offers
    }

    /// Records what a framework may use on each agent and unit this round, what sits fast on agents included.
    pub(super) fn record(
        &mut self,
        framework: FrameworkIdx,
        offers: &[Offer],
        units: &[UnitAmounts],
    ) {
        let known = self.offered_units[framework.at()].iter_mut().flatten();
        for (most, &amount) in known.zip(units.iter().flatten()) {
            *most = (*most).max(amount);
        }
        let mut offers = offers.to_vec();
        self.add_seats(framework, &mut offers);
        for offer in &offers {
            let most = self.offered[framework.at()]
                .entry(offer.agent)
                .or_insert_with(|| offer.clone());
            let devices = most.devices.iter_mut().flatten();
            for (most, &amount) in devices.zip(offer.devices.iter().flatten()) {
                *most = (*most).max(amount);
            }
            for (most, &amount) in most.resources.0.iter_mut().zip(&offer.resources.0) {
                *most = (*most).max(amount);
            }
            self.cluster.total_devices(most);
        }
    }

    /// Replaces what a framework added.
    pub(super) fn commit(&mut self, framework: FrameworkIdx, proposal: Proposal) {
        self.replace(framework, proposal);
        self.settle(framework);
    }

    /// Replaces what several frameworks added, who may take each other's places.
    pub(super) fn exchange(&mut self, proposals: Vec<(FrameworkIdx, Proposal)>) {
        let frameworks: Vec<FrameworkIdx> = proposals.iter().map(|it| it.0).collect();
        for &framework in &frameworks {
            self.replace(framework, Proposal::default());
        }
        for (framework, proposal) in proposals {
            self.replace(framework, proposal);
        }
        // What is held for a role depends on all that is used below it: usage first.
        for _ in 0..2 {
            for &framework in &frameworks {
                self.settle(framework);
            }
        }
    }

    fn replace(&mut self, framework: FrameworkIdx, proposal: Proposal) {
        let Proposal {
            placements,
            devices,
            times,
            units,
        } = proposal;
        for old in &self.added_units[framework.at()] {
            units::change(self.cluster, &mut self.free_units, old, 1);
        }
        for new in &units {
            units::change(self.cluster, &mut self.free_units, new, -1);
        }
        self.added_units[framework.at()] = units;
        for old in &self.added_devices[framework.at()] {
            devices::give(self.cluster, &mut self.free_devices, old);
        }
        for new in &devices {
            devices::take(self.cluster, &mut self.free_devices, new);
        }
        self.added_devices[framework.at()] = devices;
        for (agent, amounts) in self.occupied(framework) {
            self.free[agent.at()].add(&amounts, 1);
        }
        self.added[framework.at()] = placements;
        self.added_times[framework.at()] = times;
        for (agent, amounts) in self.occupied(framework) {
            self.free[agent.at()].subtract(&amounts, 1);
        }
    }

    /// The most that what a framework added uses of each agent at any moment.
    fn occupied(&self, framework: FrameworkIdx) -> BTreeMap<AgentIdx, Quantities> {
        let (added, times) = (
            &self.added[framework.at()],
            &self.added_times[framework.at()],
        );
        times::occupied(self.cluster, added, times)
    }

    /// What a framework added, as it counts for shares: where instances follow one another, those at the moment of most value.
    pub(super) fn added_at_peak(&self, framework: FrameworkIdx) -> Cow<'_, [Running]> {
        match &self.added_times[framework.at()][..] {
            [] => Cow::Borrowed(&self.added[framework.at()][..]),
            times => Cow::Owned(times::peak(self.cluster, times)),
        }
    }

    /// Brings usage and what is held for roles up to date.
    pub(super) fn settle(&mut self, framework: FrameworkIdx) {
        let added = self.added_at_peak(framework).into_owned();
        let kept = &self.kept[framework.at()];
        self.roles.count(framework, kept, &added);
        self.roles.settle(framework, &self.free);
    }

    /// Whether instances of a framework were taken from their place because they break a rule there.
    pub(super) fn is_moving(&self, framework: FrameworkIdx) -> bool {
        let mut released = self.released.iter();
        released.any(|it| self.cluster.framework_of(it.task) == framework)
    }

    /// Lets a released instance stay where it runs after all; its resources were never given away.
    pub(super) fn keep(&mut self, framework: FrameworkIdx, running: Running) {
        stay(&mut self.kept[framework.at()], running);
    }

    /// What was released and found no other place stays where it runs, as far as that breaks no rule beside what was added: what would, has
    /// moved, as something of its task was added elsewhere. How much of each stays.
    pub(super) fn put_back(&mut self) -> Vec<Running> {
        let stays = loop {
            match self.staying() {
                Ok(stays) => break stays,
                // Nothing that runs is lost for what could be added.
                Err(framework) => self.commit(framework, Proposal::default()),
            }
        };
        for (released, stays) in self.released.iter_mut().zip(&stays) {
            released.instances -= stays.instances;
        }
        self.released.retain(|released| released.instances > 0);
        self.roles.set_released(&self.released);
        let stays: Vec<Running> = stays.into_iter().filter(|it| it.instances > 0).collect();
        for &running in &stays {
            self.keep(self.cluster.framework_of(running.task), running);
        }
        for framework in (0..self.cluster.frameworks.len()).map(FrameworkIdx::of) {
            self.settle(framework);
        }
        stays
    }

    /// How much of everything released stays, in its order; or a framework whose additions leave no room for what it runs.
    fn staying(&self) -> Result<Vec<Running>, FrameworkIdx> {
        let mut stays: Vec<Running> = Vec::new();
        let mut moved: BTreeMap<TaskIdx, i64> = BTreeMap::new();
        let mut roles = self.roles.clone();
        for &released in &self.released {
            let task = released.task;
            let framework = self.cluster.framework_of(task);
            let of_task = |running: &[Running]| -> i64 {
                let own = running.iter().filter(|it| it.task == task);
                own.map(|it| it.instances).sum()
            };
            let added = of_task(&self.added[framework.at()]);
            let stay_already = of_task(&stays);
            let open = self.cluster.task(task).instances
                - of_task(&self.kept[framework.at()])
                - stay_already
                - added;
            // Limits count of what was released and what was added the more: whatever is beyond that needs room of its own.
            let counted = added.max(of_task(&self.released));
            let beyond = |stay: i64| {
                let before = (stay_already + added - counted).max(0);
                (stay_already + added + stay - counted).max(0) - before
            };
            let moved = moved.entry(task).or_insert(0);
            let most = open.clamp(0, released.instances);
            let least = (released.instances - (added - *moved)).clamp(0, most);
            let staying = |instances: i64| Running {
                instances,
                ..released
            };
            let mut fitting = (least..=most).rev().map(staying);
            let stay = fitting
                .find(|it| {
                    roles.obstacle(task, beyond(it.instances)).is_none()
                        && !self.breaks_beside(framework, &stays, *it)
                })
                .ok_or(framework)?;
            roles.change(task, beyond(stay.instances));
            *moved += released.instances - stay.instances;
            stays.push(stay);
        }
        Ok(stays)
    }

    /// Whether a framework's additions break a rule beside what stays running, and more that does.
    fn breaks_beside(&self, framework: FrameworkIdx, stays: &[Running], more: Running) -> bool {
        let added = self.proposal(framework);
        if added.placements.is_empty() || more.instances == 0 {
            return false;
        }
        let mut slice = self.slice(framework, Vec::new());
        let own = stays.iter().chain([&more]);
        let own = own.filter(|it| self.cluster.framework_of(it.task) == framework);
        own.filter(|it| it.instances > 0)
            .for_each(|it| stay(&mut slice.kept, *it));
        slice.kept_units = units::kept(self.cluster, &slice.kept);
        rules::broken(&slice, &added).is_some() || units::together(&slice, &added).is_some()
    }

    /// Value that a framework has in place, as it counts for shares.
    pub(super) fn utility(&self, framework: FrameworkIdx) -> i64 {
        let added = self.added_at_peak(framework);
        let placed = self.kept[framework.at()].iter().chain(added.iter());
        placed
            .map(|placed| self.cluster.task(placed.task).value * placed.instances)
            .sum()
    }
}

/// Adds what stays to what is kept, by (task, agent).
fn stay(kept: &mut Vec<Running>, running: Running) {
    let place = (running.task, running.agent);
    match kept.binary_search_by_key(&place, |it| (it.task, it.agent)) {
        Ok(at) => kept[at].instances += running.instances,
        Err(at) => kept.insert(at, running),
    }
}
