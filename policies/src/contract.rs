//! The central contract: bid, formulate, decode.

use std::collections::BTreeMap;

use apportion_cluster::{
    AgentIdx, Cluster, Framework, FrameworkIdx, Proposal, Running, Slice, TaskIdx,
};
use apportion_models::assignment::{Assignment, Placement};

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

    /// Everything that is wrong with a framework's parameters.
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
        Proposal { placements }
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
    /// The task behind each item.
    pub items: Vec<TaskIdx>,
    /// The agent behind each bin.
    pub bins: Vec<AgentIdx>,
    /// What each stage of the assignment is for.
    pub roles: Vec<StageRole>,
    /// Constant of each stage: what kept instances contribute to its value (added to values and bounds).
    pub constants: Vec<f64>,
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
}
