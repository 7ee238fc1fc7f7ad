//! Why instances have no place: one sentence with numbers, and the rule that binds.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Reason, Unplaced};
use apportion_cluster::{
    AgentIdx, Cluster, DeviceNeed, DomainIdx, LimitRule, Refusal, Running, Task, TaskIdx,
    WHOLE_DEVICE,
};

use super::state::State;

/// Every task with instances that have no place, by task; `absent` has the reason of tasks that never arrived.
pub(super) fn unplaced(
    state: &State<'_>,
    placements: &[Running],
    absent: &BTreeMap<TaskIdx, Reason>,
) -> Vec<Unplaced> {
    let cluster = state.cluster;
    let mut placed = vec![0; cluster.tasks.len()];
    for placement in placements {
        placed[placement.task.at()] += placement.instances;
    }
    let missing = cluster
        .task_indices()
        .zip(placed)
        .map(|(task, placed)| (task, cluster.task(task).instances - placed));
    let missing = missing.filter(|&(_, count)| count > 0);
    let unplaced = missing.map(|(task, instances)| Unplaced {
        job: cluster.job(cluster.task(task).job).id.clone(),
        task: cluster.task(task).id.clone(),
        instances,
        reason: absent.get(&task).cloned().unwrap_or_else(|| {
            let case = Case {
                state,
                placements,
                task,
                instances,
            };
            case.reason()
        }),
    });
    unplaced.collect()
}

/// One task with instances that have no place.
struct Case<'a> {
    state: &'a State<'a>,
    placements: &'a [Running],
    task: TaskIdx,
    instances: i64,
}

impl Case<'_> {
    fn reason(&self) -> Reason {
        let cluster = self.cluster();
        let allowed: Vec<AgentIdx> = cluster
            .agent_indices()
            .filter(|&agent| cluster.broken_rule(self.of(), agent).is_none())
            .collect();
        let open: Vec<AgentIdx> = allowed
            .iter()
            .copied()
            .filter(|&agent| !cluster.agent(agent).cordoned)
            .collect();
        if open.is_empty() {
            return self
                .too_few_devices()
                .unwrap_or_else(|| self.not_eligible(allowed.len()));
        }
        let large: Vec<AgentIdx> = open
            .iter()
            .copied()
            .filter(|&agent| self.of().demand.fits_in(&cluster.agent(agent).capacity))
            .collect();
        if large.is_empty() {
            return self.never_fits(&open);
        }
        let by_amount: Vec<AgentIdx> = large
            .iter()
            .copied()
            .filter(|&agent| self.of().demand.fits_in(&self.state.free[agent.at()]))
            .collect();
        let with_room: Vec<AgentIdx> = by_amount
            .iter()
            .copied()
            .filter(|&agent| self.device_copies(agent) > 0)
            .collect();
        let in_pieces = || self.in_pieces(&by_amount).filter(|_| with_room.is_empty());
        self.gang(with_room.len())
            .or_else(|| self.limit(&large, &with_room))
            .or_else(|| self.spread(&with_room))
            .or_else(in_pieces)
            .unwrap_or_else(|| self.no_room(&large))
    }

    fn cluster(&self) -> &Cluster {
        self.state.cluster
    }

    fn of(&self) -> &Task {
        self.cluster().task(self.task)
    }

    /// No agent passes the task's own rules; the rule that refuses most is named.
    fn not_eligible(&self, cordoned: usize) -> Reason {
        let cluster = self.cluster();
        let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
        for agent in cluster.agent_indices() {
            let rule = match cluster.refusal(self.of(), agent) {
                Some(Refusal::Dedicated(_)) => "dedicated".to_owned(),
                Some(Refusal::NotNamed) => "agents".to_owned(),
                Some(Refusal::Attribute(rule)) => format!("attributes[{}]", rule.key),
                Some(Refusal::DeviceModel(need) | Refusal::TooFewDevices(need)) => {
                    format!("devices[{}]", cluster.devices[need.kind.at()])
                }
                Some(Refusal::Cordoned) => "cordoned".to_owned(),
                Some(Refusal::TooSmall(_)) | None => continue,
            };
            *refusals.entry(rule).or_insert(0) += 1;
        }
        let counts: Vec<String> = refusals
            .iter()
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        let rule = refusals
            .iter()
            .max_by_key(|(_, count)| **count)
            .map_or("agents", |(rule, _)| rule)
            .to_owned();
        let text = if cordoned > 0 {
            format!(
                "cordoned: all that its rules allow, {}",
                agents_of(cordoned)
            )
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
    fn too_few_devices(&self) -> Option<Reason> {
        let cluster = self.cluster();
        let refusals = cluster
            .agent_indices()
            .map(|agent| (agent, cluster.refusal(self.of(), agent)));
        let short: Vec<(i64, &DeviceNeed)> = refusals
            .filter_map(|(agent, refusal)| match refusal {
                Some(Refusal::TooFewDevices(need)) => {
                    Some((cluster.devices_on(agent, need.kind)?.count, need))
                }
                _ => None,
            })
            .collect();
        let &(most, need) = short.iter().max_by_key(|(count, _)| *count)?;
        let kind = &cluster.devices[need.kind.at()];
        Some(Reason {
            code: "never_fits".to_owned(),
            text: format!(
                "never fits: {kind}: needs {} on one agent, the largest of {} that its other rules allow has {most}, {} in all",
                need.count,
                agents_of(short.len()),
                short.iter().map(|(count, _)| count).sum::<i64>()
            ),
            rule: "capacity".to_owned(),
        })
    }

    /// Larger than any agent that its rules allow: waiting does not help.
    fn never_fits(&self, open: &[AgentIdx]) -> Reason {
        let short = self.shortage(open, |agent| self.cluster().agent(agent).capacity.0.clone());
        let text = format!(
            "never fits: {short} on the largest of {} that its rules allow",
            agents_of(open.len())
        );
        Reason {
            code: "never_fits".to_owned(),
            text,
            rule: "capacity".to_owned(),
        }
    }

    fn gang(&self, n_agents: usize) -> Option<Reason> {
        let job = self.cluster().job(self.of().job);
        let min = job.gang_min?;
        let placed = self
            .placements
            .iter()
            .filter(|placed| self.cluster().task(placed.task).job == self.of().job);
        if placed.map(|placed| placed.instances).sum::<i64>() > 0 {
            return None;
        }
        let fit: i64 = self
            .cluster()
            .agent_indices()
            .map(|agent| self.copies(agent))
            .fold(0, i64::saturating_add);
        let text = format!(
            "all or nothing: at least {min} instances of the job must be placed together; there is room for {} of this task now, on {}",
            fit.min(self.of().instances),
            agents_of(n_agents)
        );
        Some(Reason {
            code: "gang".to_owned(),
            text,
            rule: format!("gang[{}]", job.id),
        })
    }

    fn copies(&self, agent: AgentIdx) -> i64 {
        let cluster = self.cluster();
        let free = &self.state.free[agent.at()];
        if cluster.refusal(self.of(), agent).is_some() {
            0
        } else {
            let copies = self.of().demand.copies_in(free);
            copies.min(self.device_copies(agent))
        }
    }

    fn device_copies(&self, agent: AgentIdx) -> i64 {
        let free = &self.state.free_devices[agent.at()];
        self.cluster().device_copies(self.of(), agent, free)
    }

    /// Agents have enough of everything by totals, and no devices with enough on one: `gpu: needs 2 of 600 thousandths,
    /// the best of 3 agents has 1; 1200 are free there in pieces`.
    fn in_pieces(&self, agents: &[AgentIdx]) -> Option<Reason> {
        let cluster = self.cluster();
        let of_need = |need: &DeviceNeed, agent: AgentIdx| -> Option<(i64, i64)> {
            let at = cluster.agent(agent).device_position(need.kind)?;
            let free = &self.state.free_devices[agent.at()][at];
            let enough = free.iter().filter(|&&free| free >= need.milli).count();
            Some((enough as i64, free.iter().sum()))
        };
        let mut needs = self.of().devices.iter();
        let (need, (enough, free)) = needs.find_map(|need| {
            let found = agents.iter().filter_map(|&agent| of_need(need, agent));
            let best = found.max()?;
            (best.0 < need.count).then_some((need, best))
        })?;
        let kind = &cluster.devices[need.kind.at()];
        let text = format!(
            "{kind}: needs {} with {} thousandths free on one agent, the best of {} has {enough}; {free} are free there, in pieces; next in line",
            need.count,
            need.milli,
            agents_of(agents.len()),
        );
        Some(Reason {
            code: "no_room".to_owned(),
            text,
            rule: format!("devices[{kind}]"),
        })
    }

    /// A limit whose domains are full although agents there have room; or, where none has room, one that
    /// keeps the task out of every domain.
    fn limit(&self, large: &[AgentIdx], with_room: &[AgentIdx]) -> Option<Reason> {
        let cluster = self.cluster();
        let binding = self.of().limits.iter().find(|rule| {
            let counts = self.counts(rule);
            let among = if with_room.is_empty() {
                large
            } else {
                with_room
            };
            among.iter().all(|&agent| {
                counts
                    .get(&cluster.domain(agent, rule.level))
                    .is_some_and(|&c| c >= rule.max)
            })
        })?;
        let domains: std::collections::BTreeSet<DomainIdx> = large
            .iter()
            .map(|&agent| cluster.domain(agent, binding.level))
            .collect();
        let level = &cluster.levels[binding.level.at()].name;
        let counted = match binding.group {
            Some(group) => format!("group:{}", cluster.groups[group.at()]),
            None => cluster.task_name(self.task),
        };
        let text = format!(
            "at most {} per {level}, in {} that could take it: {} too many",
            binding.max,
            counted_noun(domains.len(), "domain"),
            self.instances
        );
        Some(Reason {
            code: "limit".to_owned(),
            text,
            rule: format!("limit[{counted},{level}]"),
        })
    }

    fn counts(&self, rule: &LimitRule) -> BTreeMap<DomainIdx, i64> {
        let cluster = self.cluster();
        let mut counts = BTreeMap::new();
        for placed in self.placements {
            let counted = match rule.group {
                Some(group) => cluster.task(placed.task).groups.contains(&group),
                None => placed.task == self.task,
            };
            if counted {
                *counts
                    .entry(cluster.domain(placed.agent, rule.level))
                    .or_insert(0) += placed.instances;
            }
        }
        counts
    }

    fn spread(&self, with_room: &[AgentIdx]) -> Option<Reason> {
        let rule = self
            .of()
            .spreads
            .iter()
            .find(|rule| rule.hard && !with_room.is_empty())?;
        let level = &self.cluster().levels[rule.level.at()].name;
        let text = format!(
            "there is room on {}, but one more there would make counts per {level} differ by more than {}",
            agents_of(with_room.len()),
            rule.max_skew
        );
        let rule = format!("spread[{},{level}]", self.cluster().task_name(self.task));
        Some(Reason {
            code: "spread".to_owned(),
            text,
            rule,
        })
    }

    fn no_room(&self, large: &[AgentIdx]) -> Reason {
        let short = self.shortage(large, |agent| self.state.free[agent.at()].0.clone());
        let text = format!(
            "{short} on the best of {} that could hold it; next in line",
            agents_of(large.len())
        );
        Reason {
            code: "no_room".to_owned(),
            text,
            rule: "capacity".to_owned(),
        }
    }

    /// What is short on the agent that comes closest: `cpu_milli: 3500 free, needs 4000`.
    fn shortage(&self, agents: &[AgentIdx], have: impl Fn(AgentIdx) -> Vec<i64>) -> String {
        let missing = |have: &[i64]| -> f64 {
            let demand = self
                .of()
                .demand
                .0
                .iter()
                .zip(have)
                .filter(|(need, _)| **need > 0);
            demand
                .map(|(&need, &have)| (need - have).max(0) as f64 / need as f64)
                .sum()
        };
        let best = agents
            .iter()
            .map(|&agent| have(agent))
            .min_by(|l, r| missing(l).total_cmp(&missing(r)));
        let best = best.unwrap_or_default();
        let needs = self.of().demand.0.iter().zip(&best).enumerate();
        let short: Vec<String> = needs
            .filter(|(_, (need, have))| need > have && **need > 0)
            .map(|(resource, (&need, &have))| self.short_of(resource, have.max(0), need))
            .collect();
        if short.is_empty() {
            "its rules leave no room".to_owned()
        } else {
            short.join(", ")
        }
    }
}

impl Case<'_> {
    /// What is short of one resource; whole devices are counted as such.
    fn short_of(&self, resource: usize, have: i64, need: i64) -> String {
        let cluster = self.cluster();
        let whole = |it: &&DeviceNeed| {
            cluster.device_total(it.kind) == Some(resource) && it.milli == WHOLE_DEVICE
        };
        match self.of().devices.iter().find(whole) {
            Some(devices) => format!(
                "{}: {} free, needs {}",
                cluster.devices[devices.kind.at()],
                have / WHOLE_DEVICE,
                devices.count
            ),
            None => format!("{}: {have} free, needs {need}", cluster.resources[resource]),
        }
    }
}

/// `1 agent`, `2 agents`.
fn agents_of(count: usize) -> String {
    counted_noun(count, "agent")
}

fn counted_noun(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
