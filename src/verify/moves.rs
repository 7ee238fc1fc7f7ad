//! What runs stays, or is listed as a move that a broken rule justifies.

use super::domains::Spread;
use super::report::Findings;
use super::rule::Rule;
use super::state::{State, total};

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    stays(state, findings);
    arrives(state, findings);
    justified(state, findings);
    budgets(state, findings);
}

/// What runs on an agent and does not leave is placed there; no more leaves than runs.
fn stays(state: &State<'_>, findings: &mut Findings) {
    for (task, running) in state.running.iter().enumerate() {
        for (&agent, &count) in running {
            let kept = state.kept[task].get(&agent).copied().unwrap_or_default();
            let placed = state.placed[task].get(&agent).copied().unwrap_or_default();
            findings.check(Rule::Stays, placed >= kept, || {
                let text = format!("of {count} running instances fewer stay, and no move says why");
                (place(state, task, agent), kept, placed, text)
            });
        }
    }
    for (task, leaving) in state.leaving.iter().enumerate() {
        for (&agent, &count) in leaving {
            let running = state.running[task].get(&agent).copied().unwrap_or_default();
            findings.check(Rule::Stays, count <= running, || {
                let text = "more instances move away than run".to_owned();
                (place(state, task, agent), running, count, text)
            });
        }
    }
}

/// What moves in is placed there, beside what stays.
fn arrives(state: &State<'_>, findings: &mut Findings) {
    for (task, entering) in state.entering.iter().enumerate() {
        for (&agent, &count) in entering {
            let new = state.arriving[task]
                .get(&agent)
                .copied()
                .unwrap_or_default();
            findings.check(Rule::Stays, count <= new, || {
                let text = "more instances move in than are placed beside those that stay";
                (place(state, task, agent), count, new, text.to_owned())
            });
        }
    }
}

/// A move leaves a place where a rule is broken in the snapshot, or that others take by preemption.
fn justified(state: &State<'_>, findings: &mut Findings) {
    if state.plan.moves.is_empty() {
        return;
    }
    let displaced = |task: usize, agent: usize| {
        let count = state.displaced[task].get(&agent);
        count.copied().unwrap_or_default()
    };
    let load = state.load(&state.running);
    for (task, leaving) in state.leaving.iter().enumerate() {
        for (&agent, &count) in leaving {
            let broken = count <= displaced(task, agent)
                || !state.allowed.allows(task, agent)
                || overcommitted(state, &load[agent], task, agent)
                || beyond_limit(state, task, agent)
                || beyond_spread(state, task, agent);
            findings.check(Rule::Moves, broken, || {
                let text = "instances move away from a place that breaks no rule".to_owned();
                (place(state, task, agent), 0_i64, count, text)
            });
        }
    }
}

fn overcommitted(state: &State<'_>, load: &[i128], task: usize, agent: usize) -> bool {
    let capacity = &state.cluster.agents[agent].capacity.0;
    let resources = state.demand(task).iter().zip(load).zip(capacity);
    let mut over = resources.filter(|((need, used), has)| **need > 0 && **used > i128::from(**has));
    over.next().is_some()
}

fn beyond_limit(state: &State<'_>, task: usize, agent: usize) -> bool {
    state.limits_on[task].iter().any(|&limit| {
        let rule = state.limits[limit].rule;
        let domain = state.cluster.agents[agent].domains[rule.level.at()].at();
        let here = state.limits[limit].running.get(&domain);
        here.copied().unwrap_or_default() > rule.max.into()
    })
}

fn beyond_spread(state: &State<'_>, task: usize, agent: usize) -> bool {
    let tasks = state.cluster.tasks.iter().enumerate();
    let mut rules = tasks.flat_map(|(at, it)| it.spreads.iter().map(move |rule| (at, rule)));
    rules.any(|(of, rule)| {
        let spread = Spread::of(state, of, rule);
        rule.hard && spread.overfull(state, task, agent, rule.max_skew, &state.running)
    })
}

/// At most `max_moves` running instances of a job move.
fn budgets(state: &State<'_>, findings: &mut Findings) {
    for job in &state.cluster.jobs {
        let Some(most) = job.max_moves else { continue };
        let tasks = job.tasks.iter().map(|task| task.at());
        let moving: i128 = tasks.map(|task| total(&state.leaving[task])).sum();
        findings.check(Rule::Moves, moving <= most.into(), || {
            let text = "more running instances move than the job allows".to_owned();
            (job.id.clone(), most, moving, text)
        });
    }
}

fn place(state: &State<'_>, task: usize, agent: usize) -> String {
    format!("{} on {}", state.task_name(task), state.agent_name(agent))
}
