//! The central contract: bid, formulate, decode.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{
    AgentIdx, Cluster, DeviceIdx, DeviceUse, Framework, FrameworkIdx, Proposal, Quantities,
    Running, RunningDevices, RunningUnit, Slice, TaskIdx, Timed, UnitIdx,
};
use apportion_models::Sense;
use apportion_models::assignment::{Assignment, Placement};
use apportion_models::schedule::{Schedule, Timetable};

use crate::error::PolicyError;

/// What a framework wants, as a specification without a solver.
///
/// The engine calls, from any thread: `check` once per framework; `bid` once per plan; `formulate` once
/// per round with offers; `decode` once per answer; `metrics` once on the final state.
///
/// Guarantees asked of an implementation: pure and deterministic; no clock, no unseeded randomness, no
/// solver. A panic loses this framework's proposal, not the plan.
pub trait Policy: Send + Sync {
    /// The name that snapshots use.
    fn name(&self) -> &str;

    /// Whether answers name the single devices of each instance; tasks of other policies may not ask for any.
    fn places_devices(&self) -> bool {
        false
    }

    /// Whether it knows map and reduce tasks; those of other policies may not be any.
    fn reads_blocks(&self) -> bool {
        false
    }

    /// Whether plans look at the edges and the work of jobs; jobs of other policies may not have any.
    fn follows_edges(&self) -> bool {
        false
    }

    /// Whether it places replicas of shards with their data; jobs of other policies may not have shards.
    fn keeps_data(&self) -> bool {
        false
    }

    /// Everything that is wrong with a framework's parameters. Beside other faults of a snapshot it is asked too: the cluster then has its
    /// levels and frameworks, and nothing else.
    fn check(&self, cluster: &Cluster, framework: &Framework) -> Vec<ParameterFault>;

    /// What the framework can use, for the broker: in this version all that its tasks ask for at the values that
    /// they state ([`Bid::everything`]), in units of its own. Shares are computed from the tasks where a bid differs.
    fn bid(&self, view: &View<'_>) -> Bid;

    /// The model of one slice.
    ///
    /// # Errors
    /// If the slice asks for something that the policy cannot say.
    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError>;

    /// The wish that an answer stands for. Provided; override it only if columns are not placements.
    fn decode(&self, formulation: &Formulation, answer: &Placement) -> Proposal {
        let placed = answer
            .entries()
            .iter()
            .map(|&(item, bin, instances)| Running {
                task: formulation.items[item as usize],
                agent: formulation.bins[bin as usize],
                instances,
            });
        let mut placements: Vec<Running> = placed.collect();
        placements.sort_unstable();
        Proposal {
            placements,
            devices: formulation.devices(answer),
            times: Vec::new(),
            units: Vec::new(),
        }
    }

    /// The same for an answer that was found from `start`, a wish that fits the slice. Provided; override it where columns say less than
    /// placements do, so that an answer may fit in sum alone.
    fn decode_near(
        &self,
        formulation: &Formulation,
        answer: &Placement,
        start: &Proposal,
    ) -> Proposal {
        let _ = start;
        self.decode(formulation, answer)
    }

    /// Quality of a final state, by metric name.
    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64>;
}

/// One thing that is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterFault {
    /// The parameter.
    pub key: String,
    /// What is wrong.
    pub cause: String,
    /// How to mend it.
    pub action: String,
}

/// What a policy sees when it bids: the cluster and whose bid it is.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Who bids.
    pub framework: FrameworkIdx,
}

/// What a framework can use, class by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bid {
    /// Task classes with demand, by task.
    pub classes: Vec<BidClass>,
    /// Agents beside which the data of its pending tasks lies, ascending: it would rather run there. Empty if it does not matter.
    pub near: Vec<AgentIdx>,
}

impl Bid {
    /// Everything that the framework's tasks ask for, gangs as units.
    #[must_use]
    pub fn everything(view: &View<'_>) -> Self {
        let jobs = &view.cluster.framework(view.framework).jobs;
        let tasks = jobs.iter().flat_map(|&job| {
            view.cluster
                .job(job)
                .tasks
                .iter()
                .map(move |&task| (job, task))
        });
        let classes = tasks.filter_map(|(job, task)| {
            let wanted = view.cluster.task(task);
            (wanted.instances > 0).then(|| BidClass {
                task,
                instances: wanted.instances,
                value: wanted.value,
                unit: view
                    .cluster
                    .job(job)
                    .gang_min
                    .unwrap_or(1)
                    .clamp(1, wanted.instances),
            })
        });
        Self {
            classes: classes.collect(),
            near: Vec::new(),
        }
    }
}

/// A task as the broker sees it: which agents are eligible follows from the task's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BidClass {
    /// The task: its demand vector and rules.
    pub task: TaskIdx,
    /// Most instances of use, running ones included.
    pub instances: i64,
    /// Value of one.
    pub value: i64,
    /// Instances that come together or not at all; 1 for all but gangs.
    pub unit: i64,
}

/// A policy's model of a slice.
#[derive(Clone, Debug)]
pub struct Formulation {
    /// The model: items are tasks, bins are agents.
    pub assignment: Assignment,
    /// Where instances follow one another: the model in time, whose operations are the items and whose bins are the bins. It then
    /// has the stages, and the assignment says what may be held at one moment, which offers are cut by.
    pub schedule: Option<Schedule>,
    /// The task behind each item.
    pub items: Vec<TaskIdx>,
    /// The agent behind each bin; where `places` says more, one of the agents.
    pub bins: Vec<AgentIdx>,
    /// What bins are, where they are not agents.
    pub places: Places,
    /// What each stage of the assignment is for.
    pub roles: Vec<StageRole>,
    /// What one unit of each stage's value is in the model, whose numbers are whole: 1, or 1000 for thousandths.
    pub units: Vec<i64>,
    /// Constant of each stage: what kept instances contribute to its value (added to values and bounds).
    pub constants: Vec<f64>,
}

/// Bins that are not agents. Empty where bins are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// One for each bin.
    pub bins: Vec<Place>,
    /// What each agent behind them is offered.
    pub room: BTreeMap<AgentIdx, Quantities>,
    /// What an instance of each item takes of its agent.
    pub demands: Vec<Quantities>,
    /// What each cap of the model holds.
    pub rows: Vec<CapRow>,
}

/// What a cap of a model over [`Places`] holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapRow {
    /// A resource of a unit, by position in [`UNIT_RESOURCES`](apportion_cluster::UNIT_RESOURCES).
    Unit(UnitIdx, usize),
    /// A resource of agents together.
    Agents(Arc<Vec<AgentIdx>>, usize),
}

/// A bin that stands for a storage unit and some agents that use it from equally far; or for agents alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where data is kept; instances that keep none have bins of their own.
    pub unit: Option<UnitIdx>,
    /// Where the instances run: on any of these, ascending.
    pub agents: Arc<Vec<AgentIdx>>,
}

impl Formulation {
    /// The agents behind a bin.
    #[must_use]
    pub fn agents_of(&self, bin: usize) -> &[AgentIdx] {
        match self.places.bins.get(bin) {
            Some(place) => &place.agents,
            None => std::slice::from_ref(&self.bins[bin]),
        }
    }

    /// The bin of each agent beside each unit, where the model's bins are places; of several the one with fewest agents, which says most.
    #[must_use]
    pub fn bins_by_place(&self) -> BTreeMap<(Option<UnitIdx>, AgentIdx), u32> {
        let mut bins: BTreeMap<(Option<UnitIdx>, AgentIdx), (usize, u32)> = BTreeMap::new();
        for (bin, place) in (0_u32..).zip(&self.places.bins) {
            for &agent in place.agents.iter() {
                let found = (place.agents.len(), bin);
                let best = bins.entry((place.unit, agent)).or_insert(found);
                *best = (*best).min(found);
            }
        }
        let bins = bins.into_iter();
        bins.map(|(place, (_, bin))| (place, bin)).collect()
    }

    /// The part of a proposal that the model has columns for.
    #[must_use]
    pub fn placement(&self, proposal: &Proposal) -> Placement {
        let item = |task: TaskIdx| u32::try_from(self.items.binary_search(&task).ok()?).ok();
        if self.places.bins.is_empty() {
            let entries = proposal.placements.iter().filter_map(|placed| {
                let bin = self.bins.binary_search(&placed.agent).ok()?;
                Some((
                    item(placed.task)?,
                    u32::try_from(bin).ok()?,
                    placed.instances,
                ))
            });
            return Placement::new(entries.collect());
        }
        let bins = self.bins_by_place();
        let is_held = |placed: &&Running| {
            let of_place = |held: &RunningUnit| (held.task, held.agent);
            let place = (placed.task, placed.agent);
            proposal
                .units
                .binary_search_by_key(&place, of_place)
                .is_ok()
        };
        let plain = proposal.placements.iter().filter(|placed| !is_held(placed));
        let plain = plain.map(|it| (it.task, it.agent, None, it.instances));
        let held = proposal.units.iter();
        let held = held.map(|it| (it.task, it.agent, Some(it.unit), it.instances));
        let entries = plain
            .chain(held)
            .filter_map(|(task, agent, unit, instances)| {
                let bin = *bins.get(&(unit, agent))?;
                Some((item(task)?, bin, instances))
            });
        Placement::new(entries.collect())
    }

    /// A stage's value in its own unit, what is kept included, from its value in the model.
    #[must_use]
    pub fn stage_value(&self, stage: usize, in_model: f64) -> f64 {
        in_model / self.units[stage] as f64 + self.constants[stage]
    }

    /// When the instances run that a timetable stands for, sorted.
    #[must_use]
    pub fn times(&self, timetable: &Timetable) -> Vec<Timed> {
        let entries = timetable.entries().iter();
        let mut times: Vec<Timed> = entries
            .map(|entry| Timed {
                task: self.items[entry.operation as usize],
                agent: self.bins[entry.bin as usize],
                start_ms: entry.start,
                end_ms: entry.end,
                instances: entry.copies,
            })
            .collect();
        times.sort_unstable();
        times
    }

    /// The names and senses of the stages of the model that answers.
    #[must_use]
    pub fn stages(&self) -> Vec<(&str, Sense)> {
        match &self.schedule {
            Some(schedule) => {
                let stages = schedule.stages.iter();
                stages
                    .map(|it| (it.name.as_str(), it.objective.sense()))
                    .collect()
            }
            None => {
                let stages = self.assignment.stages.iter();
                stages
                    .map(|it| (it.name.as_str(), it.objective.sense()))
                    .collect()
            }
        }
    }

    /// The devices of every instance that an answer places and that needs any, sorted.
    #[must_use]
    pub fn devices(&self, answer: &Placement) -> Vec<RunningDevices> {
        let mut by_bin: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for &(item, bin, copies) in answer.entries() {
            if !self.assignment.items[item as usize].devices.is_empty() {
                by_bin.entry(bin).or_default().push((item, copies));
            }
        }
        let mut held = Vec::new();
        for (bin, counts) in by_bin {
            // An answer for which there are no devices breaks a rule: the engine sees that they are missing.
            for packed in self.assignment.pack(bin, &counts).unwrap_or_default() {
                let needs = &self.assignment.items[packed.item as usize].devices;
                let uses = needs
                    .iter()
                    .zip(&packed.devices)
                    .flat_map(|(need, devices)| {
                        devices.iter().map(|&index| DeviceUse {
                            kind: DeviceIdx(need.kind),
                            index: index as i64,
                            milli: need.milli,
                        })
                    });
                held.push(RunningDevices {
                    task: self.items[packed.item as usize],
                    agent: self.bins[bin as usize],
                    devices: uses.collect(),
                });
            }
        }
        held.sort_unstable();
        held
    }
}

/// What a stage is for: whether its gap counts in the framework's gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageRole {
    /// Placing.
    Placed,
    /// The policy's own quality.
    Quality,
    /// Breaks ties; its bound may be unknown.
    TieBreak,
}

/// A framework's final state, for metrics.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Whose.
    pub framework: FrameworkIdx,
    /// Everything it has in place, by (task, agent).
    pub placements: &'a [Running],
    /// The devices that these hold, sorted.
    pub devices: &'a [RunningDevices],
    /// When those run that follow others, sorted; empty where nothing does.
    pub times: &'a [Timed],
    /// Thousandths that each device has free at the end, whoever holds the rest. Shape: by agent, by position in
    /// [`Agent::devices`](apportion_cluster::Agent::devices), by number of the device.
    pub free_devices: &'a [Vec<Vec<i64>>],
    /// Where its replicas keep their data, sorted.
    pub units: &'a [RunningUnit],
    /// What each agent has free at the end.
    pub free: &'a [Quantities],
}
