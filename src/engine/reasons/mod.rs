//! Why instances have no place: one sentence with numbers, and the rule that binds.
//!
//! Tasks that may use the same agents, and among these those that need the same, are looked at together. Where the time
//! is up before every reason is found, the rest is told so.

mod ground;
mod room;
mod units;
mod words;

use std::collections::BTreeMap;

use apportion_cluster::plan::{Reason, Unplaced};
use apportion_cluster::{AgentIdx, Cluster, LimitRule, Running, Task, TaskIdx};

use super::state::State;
use ground::Ground;
use room::{Open, Room};
use words::{agents_of, counted_noun};

/// The code of a reason that nobody had the time to look for.
const DEADLINE: &str = "deadline";

/// Every task with instances that have no place, by task; `absent` has the reason of tasks that never arrived, and
/// `stop` says that no more time may be spent.
pub(super) fn unplaced(
    state: &State<'_>,
    placements: &[Running],
    absent: &BTreeMap<TaskIdx, Reason>,
    stop: &dyn Fn() -> bool,
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
    let missing: Vec<(TaskIdx, i64)> = missing.filter(|&(_, count)| count > 0).collect();
    let arrived = missing
        .iter()
        .filter(|(task, _)| !absent.contains_key(task));
    let found = reasons(state, placements, arrived.copied().collect(), stop);
    let reason = |task: &TaskIdx| absent.get(task).or_else(|| found.get(task));
    let unplaced = missing.into_iter().map(|(task, instances)| Unplaced {
        job: cluster.job(cluster.task(task).job).id.clone(),
        task: cluster.task(task).file_id().to_owned(),
        shard: cluster.task(task).shard_id(),
        instances,
        reason: reason(&task).cloned().unwrap_or_else(not_looked_for),
    });
    unplaced.collect()
}

/// The reasons of tasks with so many instances without a place, as far as time allows.
fn reasons(
    state: &State<'_>,
    placements: &[Running],
    mut tasks: Vec<(TaskIdx, i64)>,
    stop: &dyn Fn() -> bool,
) -> BTreeMap<TaskIdx, Reason> {
    let cluster = state.cluster;
    let eligibility = |it: &(TaskIdx, i64)| cluster.task(it.0).eligibility();
    let demand = |it: &(TaskIdx, i64)| &cluster.task(it.0).demand;
    tasks.sort_by(|left, right| {
        let by_rules = eligibility(left).cmp(&eligibility(right));
        let by_size = || demand(left).cmp(demand(right));
        by_rules.then_with(by_size).then(left.0.cmp(&right.0))
    });
    let ground = Ground::new(state, placements);
    let mut found = BTreeMap::new();
    for by_rules in tasks.chunk_by(|left, right| eligibility(left) == eligibility(right)) {
        if stop() {
            break;
        }
        let open = Open::of(state, cluster.task(by_rules[0].0));
        for alike in by_rules.chunk_by(|left, right| demand(left) == demand(right)) {
            let room = Room::of(state, &open, cluster.task(alike[0].0));
            for &(task, instances) in alike {
                if stop() {
                    return found;
                }
                let case = Case {
                    ground: &ground,
                    room: &room,
                    task,
                    instances,
                };
                let reason = open.refused.as_ref().or(room.never.as_ref()).cloned();
                let reason = reason.or_else(|| units::reason(state, task, instances));
                found.insert(task, reason.unwrap_or_else(|| case.reason()));
            }
        }
    }
    found
}

/// The reason of a task that nobody had the time to look at.
fn not_looked_for() -> Reason {
    Reason {
        code: DEADLINE.to_owned(),
        text: "the time was up before a place, or the reason why there is none, was found"
            .to_owned(),
        rule: "deadline".to_owned(),
    }
}

/// One task with instances that have no place, though some agent may and could hold one.
struct Case<'a> {
    ground: &'a Ground<'a>,
    room: &'a Room<'a>,
    task: TaskIdx,
    instances: i64,
}

impl Case<'_> {
    fn reason(&self) -> Reason {
        self.follows()
            .or_else(|| self.gang())
            .or_else(|| self.limit())
            .or_else(|| self.limits_together())
            .or_else(|| self.spread())
            .unwrap_or_else(|| match self.room.with_room.is_empty() {
                true => self.room.full().clone(),
                false => self.left_over(),
            })
    }

    fn cluster(&self) -> &Cluster {
        self.ground.cluster()
    }

    fn of(&self) -> &Task {
        self.cluster().task(self.task)
    }

    /// What it follows has no place.
    fn follows(&self) -> Option<Reason> {
        let (before, missing) = self.ground.waits_for(self.task)?;
        let cluster = self.cluster();
        let wanted = cluster.task(before).instances;
        let name = cluster.task_name(before);
        Some(Reason {
            code: "follows".to_owned(),
            text: format!(
                "it starts when all of {name} has ended, of which {missing} of {wanted} have no place"
            ),
            rule: format!("follows[{name},{}]", cluster.task_name(self.task)),
        })
    }

    /// The job has fewer instances in place than are of any use.
    fn gang(&self) -> Option<Reason> {
        let job = self.cluster().job(self.of().job);
        let min = job.gang_min?;
        let placed = self.ground.placed_of_job(self.task);
        if placed >= min {
            return None;
        }
        let together = match placed {
            0 => format!("at least {min} instances of the job"),
            _ => format!(
                "of the job {placed} of at least {min} instances run, and the {} that are missing",
                min - placed
            ),
        };
        let fit = self.room.copies().min(self.instances);
        let mut text = format!(
            "all or nothing: {together} must be placed together; there is room for {fit} of this task now, on {}",
            agents_of(self.room.with_room.len())
        );
        if fit < self.instances {
            text += &format!(", {} too few", self.instances - fit);
        }
        if self.room.with_room.is_empty() {
            text += &format!("; {}", self.room.full().text);
        }
        Some(Reason {
            code: "gang".to_owned(),
            text,
            rule: format!("gang[{}]", job.id),
        })
    }

    /// A limit whose domains are full although agents there have room; or, where none has room, one that keeps the
    /// task out of every domain.
    fn limit(&self) -> Option<Reason> {
        let limits = self.ground.limits_on(self.task);
        let binding = limits.into_iter().find(|rule| {
            let counts = self.ground.counts(self.task, rule.group, rule.level);
            let is_full = |domain| counts.get(domain).copied().unwrap_or(0) >= rule.max;
            self.room.candidates(rule.level).iter().all(is_full)
        })?;
        Some(self.limited_by(binding))
    }

    /// Several limits that leave no agent with room between them: the one that is full on the first such agent.
    fn limits_together(&self) -> Option<Reason> {
        let limits = self.ground.limits_on(self.task);
        if limits.len() < 2 || self.room.with_room.is_empty() {
            return None;
        }
        let counts = limits.into_iter().map(|rule| {
            let counts = self.ground.counts(self.task, rule.group, rule.level);
            (rule, counts)
        });
        let counts: Vec<_> = counts.collect();
        let full_on = |agent: &AgentIdx| {
            let full = counts.iter().find(|(rule, counts)| {
                let domain = self.cluster().domain(*agent, rule.level);
                counts.get(&domain).copied().unwrap_or(0) >= rule.max
            });
            full.map(|(rule, _)| *rule)
        };
        let full = self.room.with_room.iter().map(full_on);
        let full: Option<Vec<&LimitRule>> = full.collect();
        full.map(|full| self.limited_by(full[0]))
    }

    fn limited_by(&self, rule: &LimitRule) -> Reason {
        let cluster = self.cluster();
        let level = &cluster.levels[rule.level.at()].name;
        let text = format!(
            "at most {} per {level}, in {} that could take it: {} too many",
            rule.max,
            counted_noun(self.room.domains(rule.level).len(), "domain"),
            self.instances
        );
        Reason {
            code: "limit".to_owned(),
            text,
            rule: self.name("limit", rule.group, rule.level),
        }
    }

    fn spread(&self) -> Option<Reason> {
        let n_agents = self.room.with_room.len();
        let spreads = self.ground.spreads_on(self.task).into_iter();
        let rule = { spreads }.next().filter(|_| n_agents > 0)?;
        let text = format!(
            "there is room on {}, but one more there would make counts per {} differ by more than {}",
            agents_of(n_agents),
            self.cluster().levels[rule.level.at()].name,
            rule.max_skew
        );
        Some(Reason {
            code: "spread".to_owned(),
            text,
            rule: self.name("spread", rule.group, rule.level),
        })
    }

    /// There is room, and no rule that is known here forbids it.
    fn left_over(&self) -> Reason {
        let room = agents_of(self.room.with_room.len());
        Reason {
            code: "no_room".to_owned(),
            text: format!(
                "there is room on {room} that none of its rules forbids by itself: its policy placed nothing there, or the time was up"
            ),
            rule: "capacity".to_owned(),
        }
    }

    fn name(
        &self,
        kind: &str,
        group: Option<apportion_cluster::GroupIdx>,
        level: apportion_cluster::LevelIdx,
    ) -> String {
        self.ground.rule_name(kind, self.task, group, level)
    }
}
