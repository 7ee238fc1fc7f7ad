//! What the plan says about itself: version, digest, order, unplaced, status, frameworks, counts.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::VERSION;
use apportion_cluster::plan::PlanStatus;

use super::report::Findings;
use super::rule::Rule;
use super::state::{State, known_framework, known_task, total, unique};

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    identity(state, findings);
    order(state, findings);
    unplaced(state, findings);
    for note in &state.plan.notes {
        known_task(
            &state.names,
            (&note.job, &note.task, None),
            "notes",
            findings,
        );
    }
    status(state, findings);
    frameworks(state, findings);
}

fn identity(state: &State<'_>, findings: &mut Findings) {
    let plan = state.plan;
    findings.check(Rule::Version, plan.version == VERSION, || {
        let text = "this verifier knows one version".to_owned();
        ("plan".to_owned(), VERSION, plan.version.as_str(), text)
    });
    let digest = state.cluster.digest.as_str();
    findings.check(Rule::Digest, plan.snapshot_digest == digest, || {
        let text = "the plan answers another snapshot".to_owned();
        (
            "plan".to_owned(),
            digest,
            plan.snapshot_digest.as_str(),
            text,
        )
    });
}

fn order(state: &State<'_>, findings: &mut Findings) {
    let plan = state.plan;
    let mut check = |list: &str, sorted: bool, by: &str| {
        findings.check(Rule::Order, sorted, || {
            let text = format!("`{list}` is not in order");
            (list.to_owned(), format!("by {by}"), "another order", text)
        });
    };
    let sorted = plan.placements.is_sorted_by_key(|it| {
        (
            &it.job,
            &it.task,
            &it.shard,
            &it.agent,
            &it.unit,
            &it.devices,
        )
    });
    check(
        "placements",
        sorted,
        "job, task, shard, agent, unit, devices",
    );
    let sorted = plan
        .unplaced
        .is_sorted_by_key(|it| (&it.job, &it.task, &it.shard));
    check("unplaced", sorted, "job, task, shard");
    let sorted = plan
        .moves
        .is_sorted_by_key(|it| (&it.job, &it.task, &it.shard, &it.from, &it.to));
    check("moves", sorted, "job, task, shard, from, to");
    let sorted = plan.frameworks.is_sorted_by_key(|it| &it.id);
    check("frameworks", sorted, "id");
    let sorted = plan
        .offers
        .is_sorted_by_key(|it| (&it.framework, &it.agent));
    check("offers", sorted, "framework, agent");
    let sorted = plan
        .notes
        .is_sorted_by_key(|it| (&it.job, &it.task, &it.text));
    check("notes", sorted, "job, task, text");
}

/// What is wanted and not placed is listed exactly once with a reason; nothing else is.
fn unplaced(state: &State<'_>, findings: &mut Findings) {
    let mut listed = BTreeMap::new();
    for entry in &state.plan.unplaced {
        let subject = || format!("unplaced {}/{}", entry.job, entry.task);
        let task = {
            let of = (&*entry.job, &*entry.task, entry.shard.as_ref());
            known_task(&state.names, of, "unplaced", findings)
        };
        let reason = &entry.reason;
        let reasoned = [&reason.code, &reason.text, &reason.rule];
        let reasoned = reasoned.iter().all(|words| !words.trim().is_empty());
        findings.check(Rule::Unplaced, reasoned, || {
            let text = "the reason lacks its code, text or rule".to_owned();
            (subject(), "a reason", "none", text)
        });
        if let Some(task) = task {
            let first = listed.insert(task, entry.instances).is_none();
            unique(first, subject, findings);
        }
    }
    for task in 0..state.cluster.tasks.len() {
        let missing = (state.wanted(task) - total(&state.placed[task])).max(0);
        let listed = listed.get(&task).copied().map(i128::from);
        let holds = listed.unwrap_or_default() == missing && listed != Some(0);
        findings.check(Rule::Unplaced, holds, || {
            let text = "instances without a place and instances listed as such differ".to_owned();
            let have = listed.unwrap_or_default();
            (state.task_name(task), missing, have, text)
        });
    }
}

/// `complete` exactly if nothing is unplaced, unless a deadline cut the plan short.
fn status(state: &State<'_>, findings: &mut Findings) {
    let tasks = 0..state.cluster.tasks.len();
    let missing = tasks
        .filter(|&task| total(&state.placed[task]) < state.wanted(task))
        .count();
    let (holds, have) = match state.plan.status {
        PlanStatus::Deadline => (true, "deadline"),
        PlanStatus::Complete => (missing == 0, "complete"),
        PlanStatus::Partial => (missing > 0, "partial"),
    };
    findings.check(Rule::Status, holds, || {
        let need = if missing == 0 { "complete" } else { "partial" };
        let text = format!("{missing} tasks lack instances");
        ("plan".to_owned(), need, have, text)
    });
}

/// Every framework has one result, with its policy and its counts.
fn frameworks(state: &State<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for result in &state.plan.frameworks {
        let subject = || format!("framework {}", result.id);
        let at = known_framework(&state.names, &result.id, "frameworks", findings);
        unique(seen.insert(&result.id), subject, findings);
        let Some(at) = at else { continue };
        let policy = state.cluster.frameworks[at].policy.as_str();
        findings.check(Rule::Frameworks, result.policy == policy, || {
            let text = "the policy is not the framework's".to_owned();
            (result.id.clone(), policy, result.policy.as_str(), text)
        });
        let tasks = state.tasks_of(at);
        let placed: i128 = tasks.iter().map(|&task| total(&state.placed[task])).sum();
        let wanted: i128 = tasks.iter().map(|&task| state.wanted(task)).sum();
        let counts = [
            ("placed", placed, result.placed),
            ("demand", wanted, result.demand),
        ];
        for (name, need, have) in counts {
            findings.check(Rule::Counts, need == have.into(), || {
                let text = format!("`{name}` is not the number of instances");
                (result.id.clone(), need, have, text)
            });
        }
    }
    for framework in &state.cluster.frameworks {
        findings.check(Rule::Frameworks, seen.contains(&framework.id), || {
            let text = "the framework has no result".to_owned();
            (framework.id.clone(), "a result", "none", text)
        });
    }
}
