//! Rules on single agents, tasks and jobs: capacity, once, eligibility, gang.

use super::report::Findings;
use super::rule::Rule;
use super::state::{State, total};

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    capacity(state, findings);
    once(state, findings);
    eligibility(state, findings);
    gang(state, findings);
}

/// `capacity[agent,resource]`: what is placed fits at every moment; where what runs did not, it is no worse.
fn capacity(state: &State<'_>, findings: &mut Findings) {
    let placed = state.load_over_time(&state.placed, None);
    let running = state.load(&state.running);
    for (agent, it) in state.cluster.agents.iter().enumerate() {
        for (resource, name) in state.cluster.resources.iter().enumerate() {
            let has = i128::from(it.capacity.0[resource]);
            let used = placed[agent][resource];
            let holds = used <= has || used <= running[agent][resource];
            findings.check(Rule::Capacity, holds, || {
                let text = format!("instances on {} need more {name} than it has", it.id);
                (format!("{},{name}", it.id), used, has, text)
            });
        }
    }
}

/// `once[task]`: at most the wanted instances.
fn once(state: &State<'_>, findings: &mut Findings) {
    for task in 0..state.cluster.tasks.len() {
        let placed = total(&state.placed[task]);
        let most = state.wanted(task).max(total(&state.running[task]));
        findings.check(Rule::Once, placed <= most, || {
            let text = "more instances are placed than wanted".to_owned();
            (state.task_name(task), most, placed, text)
        });
    }
}

/// New instances go only where the task may go; cordoned agents take nothing new.
fn eligibility(state: &State<'_>, findings: &mut Findings) {
    for (task, by_agent) in state.arriving.iter().enumerate() {
        for (&agent, &count) in by_agent {
            findings.check(Rule::Eligibility, state.open(task, agent), || {
                let name = state.agent_name(agent);
                let why = if state.allowed.allows(task, agent) {
                    "is cordoned"
                } else {
                    "is not allowed by the task's rules"
                };
                let subject = format!("{} on {name}", state.task_name(task));
                (subject, 0_i64, count, format!("{name} {why}"))
            });
        }
    }
}

/// `gang[job]`: nothing, or at least the minimum; where less runs, just that.
fn gang(state: &State<'_>, findings: &mut Findings) {
    for job in &state.cluster.jobs {
        let Some(min) = job.gang_min else { continue };
        let tasks = || job.tasks.iter().map(|task| task.at());
        let placed: i128 = tasks().map(|task| total(&state.placed[task])).sum();
        let running: i128 = tasks().map(|task| total(&state.running[task])).sum();
        let excused = running < i128::from(min) && placed == running;
        let holds = placed == 0 || placed >= i128::from(min) || excused;
        findings.check(Rule::Gang, holds, || {
            let text = "fewer instances than the gang's minimum are placed".to_owned();
            (job.id.clone(), min, placed, text)
        });
    }
}
