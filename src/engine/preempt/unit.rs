//! What is placed at a time: one instance, or all that a gang lacks.

use std::cmp::Reverse;

use apportion_cluster::{
    AgentIdx, Cluster, FrameworkIdx, JobIdx, Offer, Proposal, Quantities, Running, Slice, TaskIdx,
};

use super::super::context::Context;
use super::super::devices::Devices;
use super::super::solve::{self, Effort, Rows};
use super::super::state::State;

/// A pending unit that a role covers.
pub(in crate::engine) struct Unit {
    pub framework: FrameworkIdx,
    pub job: JobIdx,
    /// Pending instances that may be part of it, by task.
    pub tasks: Vec<(TaskIdx, i64)>,
    /// How many of them it takes.
    pub needed: i64,
    /// The role that covers it.
    pub role: usize,
    /// At least what it needs of each resource.
    pub demand: Quantities,
}

/// Free amounts and devices by agent.
pub(in crate::engine) struct Free {
    pub resources: Vec<Quantities>,
    pub devices: Vec<Devices>,
}

/// Where a unit goes, within which offers.
pub(in crate::engine) struct Fit {
    pub proposal: Proposal,
    pub offers: Vec<Offer>,
}

impl Unit {
    /// The next unit of a framework that is covered and was not refused: by priority, then by name.
    pub(super) fn next(
        state: &State<'_>,
        framework: FrameworkIdx,
        refused: &[(JobIdx, Option<TaskIdx>)],
    ) -> Option<Self> {
        let cluster = state.cluster;
        let mut pending = state.pending(framework);
        pending.retain(|&(task, _)| cluster.task(task).shard.is_none());
        let job = |task: TaskIdx| cluster.task(task).job;
        pending
            .sort_by_key(|&(task, _)| (Reverse(cluster.job(job(task)).priority), job(task), task));
        let by_job = pending.chunk_by(|left, right| job(left.0) == job(right.0));
        let mut units = by_job.flat_map(|tasks| units(state, framework, tasks));
        units.find(|unit| !refused.contains(&unit.key()))
    }

    /// What names the unit among those of its framework.
    pub(super) fn key(&self) -> (JobIdx, Option<TaskIdx>) {
        let one = (self.needed == 1 && self.tasks.len() == 1).then(|| self.tasks[0].0);
        (self.job, one)
    }

    pub(super) fn job(&self, state: &State<'_>) -> (String, String) {
        let cluster = state.cluster;
        let role = cluster.roles[self.role].path.clone();
        (cluster.job(self.job).id.clone(), role)
    }

    /// Where the unit goes in this room; `None` if it does not.
    ///
    /// The framework's own policy answers, with all its rules, for this unit alone.
    pub(super) fn fit(&self, state: &State<'_>, context: &Context<'_>, room: &Free) -> Option<Fit> {
        let cluster = state.cluster;
        let policy = context.policy(self.framework)?;
        let kept = &state.kept[self.framework.at()];
        let mut pending = self.tasks.clone();
        if let Some(counts) = state.roles.allowance(self.framework, kept, &pending, &[]) {
            for (task, count) in &mut pending {
                *count = counts.get(task).copied().unwrap_or(0).min(*count);
            }
            pending.retain(|&(_, count)| count > 0);
        }
        if pending.iter().map(|(_, count)| count).sum::<i64>() < self.needed {
            return None;
        }
        pending.sort_unstable();
        let offers: Vec<Offer> = cluster
            .agent_indices()
            .filter_map(|agent| self.offer(state, agent, room))
            .collect();
        if offers.is_empty() {
            return None;
        }
        let slice = Slice {
            cluster,
            framework: self.framework,
            offers,
            kept: kept.clone(),
            pending,
            // Replicas take no part.
            units: vec![[0; 3]; cluster.units.len()],
            kept_units: Vec::new(),
            occupied: state.occupied.clone(),
        };
        let rows = Rows::budget(self.needed);
        let formulation = solve::formulate(&**policy, &slice, &rows).ok()?;
        let effort = Effort::Ladder(context.solve_by());
        let answer = solve::answer(
            &**policy,
            &slice,
            (formulation, &rows),
            &Proposal::default(),
            effort,
            context.options,
        );
        let proposal = answer.ok()?.proposal;
        let placed: i64 = proposal.placements.iter().map(|it| it.instances).sum();
        (placed >= self.needed).then_some(Fit {
            proposal,
            offers: slice.offers,
        })
    }

    /// What an agent offers the unit, if something of it has room there.
    fn offer(&self, state: &State<'_>, agent: AgentIdx, room: &Free) -> Option<Offer> {
        let cluster = state.cluster;
        let free = room.resources[agent.at()].0.iter();
        let mut offer = Offer {
            agent,
            resources: Quantities(free.map(|amount| (*amount).max(0)).collect()),
            devices: room.devices[agent.at()].clone(),
        };
        state.roles.withhold(self.framework, &mut offer);
        let mut tasks = self.tasks.iter();
        let holds = |&(task, _): &(TaskIdx, i64)| {
            cluster.refusal(cluster.task(task), agent).is_none() && offer.holds(cluster, task)
        };
        tasks.any(holds).then_some(offer)
    }

    /// Whether something of the unit could go there if everybody whom its role may displace were gone.
    pub(super) fn could_fit(&self, state: &State<'_>, agent: AgentIdx) -> bool {
        let cluster = state.cluster;
        let mut room = state.free[agent.at()].clone();
        for kept in state.kept.iter().flatten().filter(|it| it.agent == agent) {
            let framework = cluster.framework_of(kept.task);
            if !state.roles.above(framework).contains(&self.role) {
                room.add(&cluster.task(kept.task).demand, kept.instances);
            }
        }
        let mut tasks = self.tasks.iter().map(|&(task, _)| cluster.task(task));
        tasks.any(|task| cluster.refusal(task, agent).is_none() && task.demand.fits_in(&room))
    }

    /// Whether something of the unit could ever go there.
    pub(super) fn may_use(&self, cluster: &Cluster, agent: AgentIdx) -> bool {
        self.tasks.iter().any(|&(task, _)| {
            let of = cluster.task(task);
            cluster.refusal(of, agent).is_none()
                && of.demand.fits_in(&cluster.agent(agent).capacity)
        })
    }

    /// Whether its role covers what was found for it.
    pub(super) fn is_covered_with(&self, state: &State<'_>, placements: &[Running]) -> bool {
        let mut demand = Quantities::zero(state.cluster.resources.len());
        for placed in placements {
            demand.add(&state.cluster.task(placed.task).demand, placed.instances);
        }
        covers(state, self.role, &demand)
    }
}

impl Fit {
    /// The agents that the unit goes to.
    pub(super) fn agents(&self) -> Vec<AgentIdx> {
        self.proposal.placements.iter().map(|it| it.agent).collect()
    }
}

/// The covered units of a job with these pending tasks.
fn units(state: &State<'_>, framework: FrameworkIdx, tasks: &[(TaskIdx, i64)]) -> Vec<Unit> {
    let cluster = state.cluster;
    let job = cluster.task(tasks[0].0).job;
    let kept = state.kept[framework.at()].iter();
    let of_job = kept.filter(|kept| cluster.task(kept.task).job == job);
    let placed: i64 = of_job.map(|kept| kept.instances).sum();
    let lacks = cluster.job(job).gang_min.map_or(0, |min| min - placed);
    let groups: Vec<(Vec<(TaskIdx, i64)>, i64)> = match lacks {
        ..=1 => tasks
            .iter()
            .map(|&(task, _)| (vec![(task, 1)], 1))
            .collect(),
        lacks => vec![(tasks.to_vec(), lacks)],
    };
    let unit = |(tasks, needed): (Vec<(TaskIdx, i64)>, i64)| {
        let demand = least_demand(cluster, &tasks, needed);
        let role = state
            .roles
            .above(framework)
            .into_iter()
            .find(|&role| covers(state, role, &demand))?;
        Some(Unit {
            framework,
            job,
            tasks,
            needed,
            role,
            demand,
        })
    };
    groups.into_iter().filter_map(unit).collect()
}

/// What any `needed` instances of some tasks need at least.
fn least_demand(cluster: &Cluster, tasks: &[(TaskIdx, i64)], needed: i64) -> Quantities {
    let least = |resource: usize| {
        let mut each: Vec<(i64, i64)> = tasks
            .iter()
            .map(|&(task, count)| (cluster.task(task).demand.0[resource], count))
            .collect();
        each.sort_unstable();
        let mut open = needed;
        let mut sum = 0;
        for (need, count) in each {
            let taken = count.min(open);
            sum += need * taken;
            open -= taken;
        }
        sum
    };
    Quantities((0..cluster.resources.len()).map(least).collect())
}

/// Whether a role's guarantee has room for a demand beside what the role uses.
fn covers(state: &State<'_>, role: usize, demand: &Quantities) -> bool {
    let guarantee = &state.cluster.roles[role].guarantee.0;
    let usage = state.roles.usage(role);
    let named = guarantee.iter().zip(usage).zip(&demand.0);
    let mut named = named
        .filter(|((promised, _), need)| **promised > 0 && **need > 0)
        .peekable();
    named.peek().is_some()
        && named.all(|((&promised, &used), &need)| used + i128::from(need) <= i128::from(promised))
}
