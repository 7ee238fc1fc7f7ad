//! Findings about roles and frameworks.

use super::{Findings, Subject, code, did_you_mean};

/// Whether `role` is `vertex` or lies below it.
fn lies_in(role: &str, vertex: &str) -> bool {
    role.strip_prefix(vertex)
        .is_some_and(|tail| tail.is_empty() || tail.starts_with('/'))
}

fn used<'s>(subject: &Subject<'s>) -> impl Iterator<Item = (usize, &'s str)> + Clone {
    let frameworks = subject.file.frameworks.iter();
    frameworks
        .map(|f| f.role.as_deref().unwrap_or(&f.id))
        .enumerate()
}

/// A declared role that no framework uses, itself or below, has no effect, unless something is held for it.
pub(super) fn unused_roles(subject: &Subject<'_>, findings: &mut Findings) {
    for (index, role) in subject.file.roles.iter().enumerate() {
        let holds = role.guarantee.as_ref().is_some_and(|it| !it.is_empty())
            && role.idle_guarantee.as_deref() != Some("lend");
        if !holds && !used(subject).any(|(_, used)| lies_in(used, &role.path)) {
            let text = format!("no framework uses the role `{}`", role.path);
            let near = used(subject)
                .map(|(_, used)| used)
                .filter(|used| !is_declared(subject, used));
            let action = did_you_mean(&role.path, near, "remove it, or name it in a framework");
            findings.warn(code::UNUSED_ROLE, format!("roles[{index}]"), text, action);
        }
    }
}

/// A role that only a framework names has weight 1: a typo would go unnoticed.
pub(super) fn misspelled_roles(subject: &Subject<'_>, findings: &mut Findings) {
    for (index, role) in used(subject) {
        let stated = subject.file.frameworks[index].role.is_some();
        if !stated || is_declared(subject, role) {
            continue;
        }
        let declared = subject.file.roles.iter().map(|role| role.path.as_str());
        if let Some(close) = crate::snapshot::text::closest(role, declared) {
            let text = format!(
                "the role `{role}` is not declared, so its weight is 1; `{close}` is declared"
            );
            let action = format!("did you mean `{close}`?");
            findings.warn(
                code::MISSPELLED_ROLE,
                format!("frameworks[{index}].role"),
                text,
                action,
            );
        }
    }
}

fn is_declared(subject: &Subject<'_>, role: &str) -> bool {
    subject
        .file
        .roles
        .iter()
        .any(|declared| declared.path == role)
}

/// A limit on what nobody has and nobody asks for does nothing: a typo would go unnoticed.
pub(super) fn limits_of_nothing(subject: &Subject<'_>, findings: &mut Findings) {
    let cluster = subject.cluster;
    let agents = cluster.agents.iter().map(|agent| &agent.capacity);
    let amounts = agents.chain(cluster.tasks.iter().map(|task| &task.demand));
    let mut known = vec![false; cluster.resources.len()];
    for amounts in amounts {
        for (known, &amount) in known.iter_mut().zip(&amounts.0) {
            *known |= amount > 0;
        }
    }
    let names = || cluster.resources.iter().zip(&known);
    for (index, role) in subject.file.roles.iter().enumerate() {
        for name in role.limit.iter().flat_map(|limit| limit.keys()) {
            if names().any(|(known_name, &is_known)| known_name == name && is_known) {
                continue;
            }
            let text = format!(
                "the role `{}` has a limit of `{name}`, which no agent has and no task asks for",
                role.path
            );
            let near = names().filter(|it| *it.1).map(|(name, _)| name.as_str());
            let action = did_you_mean(name, near, "remove it: it limits nothing");
            let path = format!("roles[{index}].limit.{name}");
            findings.warn(code::LIMIT_OF_NOTHING, path, text, action);
        }
    }
}

/// A framework without jobs takes no part.
pub(super) fn idle_frameworks(subject: &Subject<'_>, findings: &mut Findings) {
    for (index, framework) in subject.file.frameworks.iter().enumerate() {
        let at = subject
            .cluster
            .frameworks
            .binary_search_by(|f| f.id.cmp(&framework.id));
        if at.is_ok_and(|at| subject.cluster.frameworks[at].jobs.is_empty()) {
            let text = format!("the framework `{}` has no jobs", framework.id);
            findings.note(
                code::IDLE_FRAMEWORK,
                format!("frameworks[{index}]"),
                text,
                "it takes no share",
            );
        }
    }
}
