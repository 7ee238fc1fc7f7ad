//! Which agents tasks of one shape could use, and what is short there: looked up once for all of them.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::plan::Reason;
use apportion_cluster::{
    AgentIdx, Cluster, DeviceNeed, DomainIdx, LevelIdx, Refusal, Task, WHOLE_DEVICE,
};

use super::super::state::State;
use super::words::{agents_of, short_of};

/// The agents that tasks of equal eligibility may use.
pub(super) struct Open {
    /// Not cordoned ones.
    pub agents: Vec<AgentIdx>,
    /// Why there are none.
    pub refused: Option<Reason>,
}

impl Open {
    pub(super) fn of(state: &State<'_>, task: &Task) -> Self {
        let cluster = state.cluster;
        let allowed = cluster.agent_indices();
        let allowed: Vec<AgentIdx> = allowed
            .filter(|&agent| cluster.broken_rule(task, agent).is_none())
            .collect();
        let agents = allowed.iter().copied();
        let agents: Vec<AgentIdx> = agents
            .filter(|&agent| !cluster.agent(agent).cordoned)
            .collect();
        let refused = agents.is_empty().then(|| {
            too_few_devices(state, task)
                .unwrap_or_else(|| not_eligible(cluster, task, allowed.len()))
        });
        Self { agents, refused }
    }
}

/// No agent passes the task's own rules; the rule that refuses most is named.
fn not_eligible(cluster: &Cluster, task: &Task, cordoned: usize) -> Reason {
    let mut refusals: BTreeMap<Refusal<'_>, usize> = BTreeMap::new();
    for refusal in cluster
        .agent_indices()
        .filter_map(|it| cluster.refusal(task, it))
    {
        *refusals.entry(refusal).or_insert(0) += 1;
    }
    let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
    for (refusal, count) in refusals {
        let rule = match refusal {
            Refusal::Dedicated(_) => "dedicated".to_owned(),
            Refusal::NotNamed => "agents".to_owned(),
            Refusal::Attribute(rule) => format!("attributes[{}]", rule.key),
            Refusal::DeviceModel(need) | Refusal::TooFewDevices(need) => {
                format!("devices[{}]", cluster.devices[need.kind.at()])
            }
            Refusal::Cordoned => "cordoned".to_owned(),
            Refusal::TooSmall(_) => continue,
        };
        *by_rule.entry(rule).or_insert(0) += count;
    }
    let counts = by_rule
        .iter()
        .map(|(rule, count)| format!("{rule} {count}"));
    let counts: Vec<String> = counts.collect();
    let most = by_rule.iter().max_by_key(|(_, count)| **count);
    let rule = most.map_or("agents", |(rule, _)| rule).to_owned();
    let text = if cordoned > 0 {
        let agents = agents_of(cordoned);
        format!("cordoned: all that its rules allow, {agents}")
    } else {
        format!(
            "none of {} is allowed by its rules (refused by {})",
            agents_of(cluster.agents.len()),
            counts.join(", ")
        )
    };
    Reason {
        code: "no_eligible_agent".to_owned(),
        text,
        rule,
    }
}

/// More devices than any agent has that its other rules allow: waiting does not help.
fn too_few_devices(state: &State<'_>, task: &Task) -> Option<Reason> {
    let cluster = state.cluster;
    let agents = cluster.agent_indices();
    let short = agents.filter_map(|agent| match cluster.refusal(task, agent) {
        Some(Refusal::TooFewDevices(need)) => {
            Some((cluster.devices_on(agent, need.kind)?.count, need, agent))
        }
        _ => None,
    });
    let short: Vec<(i64, &DeviceNeed, AgentIdx)> = short.collect();
    let &(most, need, _) = short.iter().max_by_key(|(count, ..)| *count)?;
    let free = short
        .iter()
        .map(|&(_, need, agent)| free_devices(state, need, agent));
    let kind = &cluster.devices[need.kind.at()];
    let text = format!(
        "never fits in this layout: {kind}: needs {} on one agent, largest block {most}, {} free in all, on {} that its other rules allow",
        need.count,
        free.sum::<usize>(),
        agents_of(short.len()),
    );
    Some(Reason {
        code: "never_fits".to_owned(),
        text,
        rule: "capacity".to_owned(),
    })
}

/// Some domains of a level, shared.
type Domains = Rc<BTreeSet<DomainIdx>>;

/// Where tasks of one shape have room, and what is short elsewhere.
pub(super) struct Room<'a> {
    state: &'a State<'a>,
    task: &'a Task,
    /// Agents that hold an instance when they are empty.
    pub large: Vec<AgentIdx>,
    /// Those of them with enough of everything by totals.
    by_amount: Vec<AgentIdx>,
    /// Those with enough of every single device too.
    pub with_room: Vec<AgentIdx>,
    /// Why no agent is large enough.
    pub never: Option<Reason>,
    full: OnceCell<Reason>,
    copies: OnceCell<i64>,
    /// Domains by level: of the agents that are large enough, and of those with room.
    domains: RefCell<BTreeMap<(LevelIdx, bool), Domains>>,
}

impl<'a> Room<'a> {
    pub(super) fn of(state: &'a State<'a>, open: &Open, task: &'a Task) -> Self {
        let cluster = state.cluster;
        let fit = |agents: &[AgentIdx], fits: &dyn Fn(AgentIdx) -> bool| {
            let agents = agents.iter().copied();
            agents.filter(|&agent| fits(agent)).collect::<Vec<_>>()
        };
        let large = fit(&open.agents, &|agent| {
            task.demand.fits_in(&cluster.agent(agent).capacity)
        });
        let by_amount = fit(&large, &|agent| {
            task.demand.fits_in(&state.free[agent.at()])
        });
        let with_room = fit(&by_amount, &|agent| device_copies(state, task, agent) > 0);
        let never = large.is_empty().then(|| {
            let capacity = |agent: AgentIdx| &cluster.agent(agent).capacity.0[..];
            let text = format!(
                "never fits: {} on the largest of {} that its rules allow",
                shortage(cluster, task, &open.agents, capacity),
                agents_of(open.agents.len())
            );
            Reason {
                code: "never_fits".to_owned(),
                text,
                rule: "capacity".to_owned(),
            }
        });
        Self {
            state,
            task,
            large,
            by_amount,
            with_room,
            never,
            full: OnceCell::new(),
            copies: OnceCell::new(),
            domains: RefCell::default(),
        }
    }

    /// Instances that fit now, limits and spreads aside.
    pub(super) fn copies(&self) -> i64 {
        *self.copies.get_or_init(|| {
            let copies = self.with_room.iter().map(|&agent| {
                let by_amount = self.task.demand.copies_in(&self.state.free[agent.at()]);
                by_amount.min(device_copies(self.state, self.task, agent))
            });
            copies.fold(0, i64::saturating_add)
        })
    }

    /// The domains of the agents that are large enough.
    pub(super) fn domains(&self, level: LevelIdx) -> Domains {
        self.domains_of(&self.large, (level, false))
    }

    /// The domains in which a limit would have to bind: those with room, or else all with an agent large enough.
    pub(super) fn candidates(&self, level: LevelIdx) -> Domains {
        match self.with_room.is_empty() {
            true => self.domains(level),
            false => self.domains_of(&self.with_room, (level, true)),
        }
    }

    fn domains_of(&self, agents: &[AgentIdx], key: (LevelIdx, bool)) -> Domains {
        let mut known = self.domains.borrow_mut();
        let domains = known.entry(key).or_insert_with(|| {
            let domains = agents
                .iter()
                .map(|&it| self.state.cluster.domain(it, key.0));
            Rc::new(domains.collect())
        });
        Rc::clone(domains)
    }

    /// Why no agent has room.
    pub(super) fn full(&self) -> &Reason {
        self.full
            .get_or_init(|| self.in_pieces().unwrap_or_else(|| self.short()))
    }

    fn short(&self) -> Reason {
        let free = |agent: AgentIdx| &self.state.free[agent.at()].0[..];
        let text = format!(
            "{} on the best of {} that could hold it{}; next in line",
            shortage(self.state.cluster, self.task, &self.large, free),
            agents_of(self.large.len()),
            self.free_in_all()
        );
        Reason {
            code: "no_room".to_owned(),
            text,
            rule: "capacity".to_owned(),
        }
    }

    /// `; gpu: largest block 2, 16 free in all`, where several whole devices are needed on one agent.
    fn free_in_all(&self) -> String {
        let cluster = self.state.cluster;
        let several = self.task.devices.iter();
        let several = several.filter(|need| need.count > 1 && need.milli == WHOLE_DEVICE);
        let of_need = several.map(|need| {
            let free = |&agent: &AgentIdx| free_devices(self.state, need, agent);
            let blocks = self.large.iter().map(free);
            let kind = &cluster.devices[need.kind.at()];
            format!(
                "; {kind}: largest block {}, {} free in all",
                blocks.clone().max().unwrap_or(0),
                blocks.sum::<usize>()
            )
        });
        of_need.collect()
    }

    /// Agents have enough of everything by totals, and no devices with enough on one: `gpu: needs 2 of 600 thousandths,
    /// the best of 3 agents has 1, short by 1; 1200 are free there, in pieces`.
    fn in_pieces(&self) -> Option<Reason> {
        let cluster = self.state.cluster;
        let of_need = |need: &DeviceNeed, agent: AgentIdx| -> Option<(i64, i64)> {
            let at = cluster.agent(agent).device_position(need.kind)?;
            let free = &self.state.free_devices[agent.at()][at];
            let enough = free.iter().filter(|&&free| free >= need.milli).count();
            Some((enough as i64, free.iter().sum()))
        };
        let mut needs = self.task.devices.iter();
        let (need, (enough, free)) = needs.find_map(|need| {
            let agents = self.by_amount.iter();
            let best = agents.filter_map(|&agent| of_need(need, agent)).max()?;
            (best.0 < need.count).then_some((need, best))
        })?;
        let kind = &cluster.devices[need.kind.at()];
        let text = format!(
            "{kind}: needs {} with {} thousandths free on one agent, the best of {} has {enough}, short by {}; {free} are free there, in pieces; next in line",
            need.count,
            need.milli,
            agents_of(self.by_amount.len()),
            need.count - enough,
        );
        Some(Reason {
            code: "no_room".to_owned(),
            text,
            rule: format!("devices[{kind}]"),
        })
    }
}

/// Devices of an agent that have as much free as a task needs of each.
fn free_devices(state: &State<'_>, need: &DeviceNeed, agent: AgentIdx) -> usize {
    let at = state.cluster.agent(agent).device_position(need.kind);
    let free = at.map(|at| &state.free_devices[agent.at()][at]);
    let free = free.into_iter().flatten();
    free.filter(|&&free| free >= need.milli).count()
}

/// Instances of a task for which single devices are free on an agent.
fn device_copies(state: &State<'_>, task: &Task, agent: AgentIdx) -> i64 {
    let free = &state.free_devices[agent.at()];
    state.cluster.device_copies(task, agent, free)
}

/// What is short on the agent that comes closest, by the parts of what is needed that are missing.
fn shortage<'q>(
    cluster: &Cluster,
    task: &Task,
    agents: &[AgentIdx],
    have: impl Fn(AgentIdx) -> &'q [i64],
) -> String {
    let needs = || {
        let needs = task.demand.0.iter().copied().enumerate();
        needs.filter(|(_, need)| *need > 0)
    };
    let missing = |agent: AgentIdx| -> f64 {
        let have = have(agent);
        let parts = needs().map(|(at, need)| (need - have[at]).max(0) as f64 / need as f64);
        parts.sum()
    };
    let scored = agents.iter().map(|&agent| (missing(agent), agent));
    let best = scored.min_by(|left, right| left.0.total_cmp(&right.0));
    let Some((_, best)) = best else {
        return "there is no agent".to_owned();
    };
    let short = needs().filter(|&(at, need)| need > have(best)[at]);
    let short: Vec<String> = short
        .map(|(at, _)| short_of(cluster, (task, at), best, have(best)[at]))
        .collect();
    short.join(", ")
}
