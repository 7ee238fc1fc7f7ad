//! Positions of what a plan names; names that are not there are reported.

use crate::verify::names::Names;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;

pub(in crate::verify) fn known_task(
    names: &Names<'_>,
    (job, task, shard): (&str, &str, Option<&String>),
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.task(job, task, shard);
    known(found, "task", &format!("{job}/{task}"), place, findings)
}

pub(in crate::verify) fn known_agent(
    names: &Names<'_>,
    agent: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    known(
        names.agents.get(agent).copied(),
        "agent",
        agent,
        place,
        findings,
    )
}

pub(in crate::verify) fn known_framework(
    names: &Names<'_>,
    framework: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.frameworks.get(framework).copied();
    known(found, "framework", framework, place, findings)
}

pub(in crate::verify) fn known_resource(
    names: &Names<'_>,
    resource: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.resources.get(resource).copied();
    known(found, "resource", resource, place, findings)
}

pub(in crate::verify) fn known(
    found: Option<usize>,
    kind: &str,
    name: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    findings.check(Rule::UnknownName, found.is_some(), || {
        let text = format!("`{place}` names a {kind} that is not there");
        (name.to_owned(), format!("a known {kind}"), name, text)
    });
    found
}
