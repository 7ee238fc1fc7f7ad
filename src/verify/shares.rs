//! Shares: who takes part, with which weight, and what each got, deserved, borrowed and lent.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::IdleGuarantee;
use apportion_cluster::plan::Share;

use super::bounds::Reach;
use super::empty::EmptyCluster;
use super::report::Findings;
use super::roles::{Roles, Usable, lies_at_or_below};
use super::rule::Rule;
use super::stages::placed_value;
use super::state::{State, known_framework, total, unique};
use super::tolerance::{SHARE_TOLERANCE, close};

/// A framework that takes part in the shares.
pub(super) struct Active<'a> {
    pub framework: usize,
    pub share: &'a Share,
    /// Its part of all weights, recomputed.
    pub weight: f64,
    /// Value placed, recomputed.
    pub utility: i128,
    /// Value of its smallest task, or gang: what one more unit is worth.
    pub unit: i128,
}

/// Checks shares and weights, and tells who takes part, by framework.
pub(super) fn check<'a>(
    state: &State<'a>,
    empty: &EmptyCluster<'_>,
    findings: &mut Findings,
) -> Vec<Active<'a>> {
    let excluded = excluded(state, empty, findings);
    let members = members(state, &excluded, findings);
    let weights = weights(state, &members);
    let mut active = Vec::new();
    for result in &state.plan.frameworks {
        let Some(&framework) = state.names.frameworks.get(result.id.as_str()) else {
            continue;
        };
        let Some(share) = &result.share else {
            let holds = !members.contains(&framework) || state.plan.fairness.is_none();
            findings.check(Rule::Share, holds, || {
                let text = "a framework with demand has no share".to_owned();
                (result.id.clone(), "a share", "none", text)
            });
            continue;
        };
        let weight = weights.get(&framework).copied().unwrap_or_default();
        findings.check(
            Rule::Weight,
            close(weight, share.weight, SHARE_TOLERANCE),
            || {
                let text = "the weight does not follow from the role tree".to_owned();
                (result.id.clone(), weight, share.weight, text)
            },
        );
        amounts(state, empty, framework, share, findings);
        if members.contains(&framework) {
            active.push(Active {
                framework,
                share,
                weight,
                utility: placed_value(state, framework, None, &state.held),
                unit: smallest_unit(state, empty, framework),
            });
        }
    }
    active.sort_by_key(|it| it.framework);
    active.dedup_by_key(|it| it.framework);
    active
}

/// Frameworks that the certificate leaves out: nothing of theirs can ever be placed.
fn excluded(
    state: &State<'_>,
    empty: &EmptyCluster<'_>,
    findings: &mut Findings,
) -> BTreeSet<usize> {
    let once = OnceCell::new();
    let sure = || once.get_or_init(|| sure(state, &empty.roles)).as_slice();
    let mut excluded = BTreeSet::new();
    let entries = state.plan.fairness.iter().flat_map(|it| &it.excluded);
    for entry in entries {
        let framework = known_framework(&state.names, &entry.framework, "excluded", findings);
        let Some(framework) = framework else { continue };
        let subject = || format!("excluded {}", entry.framework);
        unique(excluded.insert(framework), subject, findings);
        let usable = usable_job(state, empty, &sure, framework);
        findings.check(Rule::Excluded, usable.is_none(), || {
            let job = usable.unwrap_or_default();
            let text = format!("job {job} could be placed on the empty cluster");
            (entry.framework.clone(), "nothing that fits", job, text)
        });
    }
    excluded
}

/// A job of which something runs where it fits, or could be placed on the empty cluster (a gang only as a whole) beside
/// what is sure to others.
fn usable_job<'a, 's>(
    state: &State<'a>,
    empty: &EmptyCluster<'_>,
    sure: &dyn Fn() -> &'s [Sure],
    framework: usize,
) -> Option<&'a str> {
    let jobs = state.cluster.frameworks[framework].jobs.iter();
    let mut usable = jobs.filter_map(|job| {
        let job = &state.cluster.jobs[job.at()];
        let fits = |&task: &usize| {
            let mut agents = 0..state.cluster.agents.len();
            agents.any(|agent| empty.fit(task, agent) > 0)
        };
        let tasks = || job.tasks.iter().map(|task| task.at()).filter(fits);
        let most: i128 = tasks().map(|task| empty.most(task)).sum();
        let runs = tasks().any(|task| !state.running[task].is_empty());
        let least = i128::from(job.gang_min.unwrap_or(1)).max(1);
        let shut_out = || {
            tasks().all(|task| {
                fits_only_where_held(state, empty, framework, task)
                    || is_crowded_out(state, empty, sure(), (framework, task))
            })
        };
        (runs || (most >= least && !shut_out())).then_some(job.id.as_str())
    });
    usable.next()
}

/// Whether a task fits on no agent beside what the plan holds there for roles that its framework is not below.
fn fits_only_where_held(
    state: &State<'_>,
    empty: &EmptyCluster<'_>,
    framework: usize,
    task: usize,
) -> bool {
    let own = empty.roles.above(framework);
    let own: BTreeSet<&str> = own
        .iter()
        .map(|&role| state.cluster.roles[role].path.as_str())
        .collect();
    let mut held: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    let others = state.plan.guarantees.iter();
    for entry in others.filter(|entry| !own.contains(entry.role.as_str())) {
        for part in &entry.held {
            for (resource, &amount) in &part.resources {
                *held.entry((&part.agent, resource)).or_default() += i128::from(amount);
            }
        }
    }
    (0..state.cluster.agents.len()).all(|agent| {
        let it = &state.cluster.agents[agent];
        let mut amounts = state.demand(task).iter().zip(&it.capacity.0).enumerate();
        empty.fit(task, agent) == 0
            || amounts.any(|(resource, (&need, &has))| {
                let name = state.cluster.resources[resource].as_str();
                let held = held.get(&(it.id.as_str(), name)).copied().unwrap_or(0);
                need > 0 && i128::from(need) > i128::from(has) - held
            })
    })
}

/// What a role is sure to have, used or held, and where.
struct Sure {
    role: usize,
    amounts: Vec<i128>,
    usable: BTreeSet<usize>,
}

/// What every role whose guarantee is held is sure to have.
fn sure(state: &State<'_>, roles: &Roles) -> Vec<Sure> {
    let cluster = state.cluster;
    let entries = state.plan.guarantees.iter().filter_map(|entry| {
        let mut all = cluster.roles.iter();
        let role = all.position(|it| it.path == entry.role)?;
        if cluster.roles[role].idle_guarantee != IdleGuarantee::Hold {
            return None;
        }
        let usable = Usable::of(state, roles, role);
        let amount = |name: &String| entry.amounts.get(name).copied().unwrap_or(0);
        Some(Sure {
            role,
            amounts: (cluster.resources.iter().map(amount).map(i128::from)).collect(),
            usable: (0..cluster.agents.len())
                .filter(|&agent| usable.contains(agent))
                .collect(),
        })
    });
    entries.collect()
}

/// Whether what roles that the framework is not below are sure to have leaves less than an instance of the task on the agents
/// that these roles and the task may use together: all such roles, or those that may use no more than the task.
fn is_crowded_out(
    state: &State<'_>,
    empty: &EmptyCluster<'_>,
    sure: &[Sure],
    (framework, task): (usize, usize),
) -> bool {
    let cluster = state.cluster;
    let own = empty.roles.above(framework);
    let usable: BTreeSet<usize> = (0..cluster.agents.len())
        .filter(|&agent| empty.fit(task, agent) > 0)
        .collect();
    let leaves_less = |is_counted: &dyn Fn(&Sure) -> bool| {
        let counted = sure
            .iter()
            .filter(|it| !own.contains(&it.role) && is_counted(it));
        let mut counted: Vec<&Sure> = counted.collect();
        // What a role below another is sure to have is a part of what the other is.
        let paths: Vec<&str> = counted
            .iter()
            .map(|it| cluster.roles[it.role].path.as_str())
            .collect();
        counted.retain(|it| {
            let path = cluster.roles[it.role].path.as_str();
            let mut others = paths.iter();
            !others.any(|&other| other != path && lies_at_or_below(path, other))
        });
        let agents: BTreeSet<usize> = { counted.iter() }
            .flat_map(|it| &it.usable)
            .chain(&usable)
            .copied()
            .collect();
        let mut needs = state.demand(task).iter().enumerate();
        needs.any(|(resource, &need)| {
            let has = agents
                .iter()
                .map(|&agent| i128::from(cluster.agents[agent].capacity.0[resource]));
            let sure = counted.iter().map(|it| it.amounts[resource]);
            need > 0 && has.sum::<i128>() - sure.sum::<i128>() < i128::from(need)
        })
    };
    leaves_less(&|it| it.usable.is_subset(&usable)) || leaves_less(&|_| true)
}

/// Frameworks with demand that are not excluded. One whose policy failed bids for nothing: it is left
/// out on the word of the plan's warning.
fn members(
    state: &State<'_>,
    excluded: &BTreeSet<usize>,
    findings: &mut Findings,
) -> BTreeSet<usize> {
    let failed: BTreeSet<&str> = state
        .plan
        .warnings
        .iter()
        .map(|it| it.subject.as_str())
        .collect();
    let unshared: BTreeSet<&str> = {
        let results = state.plan.frameworks.iter();
        let unshared = results.filter(|it| it.share.as_ref().is_none_or(|it| it.weight == 0.0));
        unshared.map(|it| it.id.as_str()).collect()
    };
    let mut members = BTreeSet::new();
    for (framework, it) in state.cluster.frameworks.iter().enumerate() {
        let wants = state
            .tasks_of(framework)
            .iter()
            .any(|&task| state.wanted(task) > 0);
        if !wants || excluded.contains(&framework) {
            continue;
        }
        if failed.contains(it.id.as_str()) && unshared.contains(it.id.as_str()) {
            findings.claim(format!("{}: outside the shares, its policy failed", it.id));
            continue;
        }
        members.insert(framework);
    }
    members
}

/// `prod over its role path of w / sum of the active siblings' w`; a framework is a sibling of the
/// frameworks and roles directly below its role.
fn weights(state: &State<'_>, members: &BTreeSet<usize>) -> BTreeMap<usize, f64> {
    let roles: BTreeMap<&str, f64> = {
        let roles = state.cluster.roles.iter();
        roles
            .map(|role| (role.path.as_str(), role.weight))
            .collect()
    };
    let mut active_roles: BTreeSet<&str> = BTreeSet::new();
    for &framework in members {
        let role = state.cluster.frameworks[framework].role.at();
        active_roles.extend(path_prefixes(&state.cluster.roles[role].path));
    }
    let weight_of = |path: &str| roles.get(path).copied().unwrap_or(1.0);
    // Weight of everything active directly below a role; "" is the root.
    let mut below: BTreeMap<&str, f64> = BTreeMap::new();
    for &path in &active_roles {
        *below.entry(parent(path)).or_default() += weight_of(path);
    }
    for &framework in members {
        let it = &state.cluster.frameworks[framework];
        let role = state.cluster.roles[it.role.at()].path.as_str();
        *below.entry(role).or_default() += it.weight;
    }
    let mut weights = BTreeMap::new();
    for &framework in members {
        let it = &state.cluster.frameworks[framework];
        let role = state.cluster.roles[it.role.at()].path.as_str();
        let mut weight = it.weight / below[role];
        for path in path_prefixes(role) {
            weight *= weight_of(path) / below[parent(path)];
        }
        weights.insert(framework, weight);
    }
    weights
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
fn path_prefixes(path: &str) -> Vec<&str> {
    let cuts = path.match_indices('/').map(|(at, _)| at);
    cuts.chain([path.len()]).map(|at| &path[..at]).collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn amounts(
    state: &State<'_>,
    empty: &EmptyCluster<'_>,
    framework: usize,
    share: &Share,
    findings: &mut Findings,
) {
    let utility = placed_value(state, framework, None, &state.held) as f64;
    let offered = Reach::offered_value(state, framework) as f64;
    let numbers = [
        ("utility", utility, share.utility),
        ("accepted", utility, share.accepted),
        ("offered", offered, share.offered),
        (
            "borrowed",
            (utility - share.deserved).max(0.0),
            share.borrowed,
        ),
        ("lent", (share.deserved - utility).max(0.0), share.lent),
    ];
    let id = &state.cluster.frameworks[framework].id;
    for (name, need, have) in numbers {
        findings.check(Rule::Share, close(need, have, SHARE_TOLERANCE), || {
            let text = format!("`{name}` is not what the plan gives");
            (format!("{id},{name}"), need, have, text)
        });
    }
    fractions(state, empty, framework, (share, utility), findings);
    // Mesos's rule knows no floors.
    let above = state.plan.options.fairness == "drf"
        || share.deserved >= share.floor * (1.0 - SHARE_TOLERANCE) - SHARE_TOLERANCE;
    findings.check(Rule::Share, above, || {
        let text = "the deserved share is below its floor".to_owned();
        (format!("{id},deserved"), share.floor, share.deserved, text)
    });
}

/// The parts of what is lent, the margin, and the credit that is carried on.
fn fractions(
    state: &State<'_>,
    empty: &EmptyCluster<'_>,
    framework: usize,
    (share, utility): (&Share, f64),
    findings: &mut Findings,
) {
    let id = &state.cluster.frameworks[framework].id;
    let tasks = state.tasks_of(framework);
    let waits = tasks
        .iter()
        .any(|&task| total(&state.placed[task]) < state.wanted(task));
    let lent = (share.deserved - utility).max(0.0);
    let short = if waits { lent } else { 0.0 };
    let rounding = short.min(smallest_unit(state, empty, framework) as f64);
    let before = state.plan.options.credit.get(id).copied().unwrap_or(0.0);
    let lost = match share.deserved > 0.0 {
        true => (share.deserved - utility) / share.deserved,
        false => 0.0,
    };
    let credit = if waits {
        (before + lost).clamp(-1.0, 100.0)
    } else {
        (before.min(0.0) + lost).clamp(-1.0, 0.0)
    };
    let margin = utility / share.floor;
    let numbers = [
        (
            "unit",
            smallest_unit(state, empty, framework) as f64,
            share.unit,
        ),
        ("granularity", rounding, share.granularity),
        ("fragmentation", short - rounding, share.fragmentation),
        ("credit", credit, share.credit),
        (
            "margin",
            if share.floor > 0.0 { margin } else { 0.0 },
            share.margin.unwrap_or(0.0),
        ),
    ];
    for (name, need, have) in numbers {
        findings.check(Rule::Share, close(need, have, SHARE_TOLERANCE), || {
            let text = format!("`{name}` does not follow from the plan");
            (format!("{id},{name}"), need, have, text)
        });
    }
}

/// The least value that one more task, or gang, adds; over tasks that fit somewhere.
fn smallest_unit(state: &State<'_>, empty: &EmptyCluster<'_>, framework: usize) -> i128 {
    let tasks = state.tasks_of(framework).into_iter();
    let usable = tasks.filter(|&task| state.wanted(task) > 0 && empty.most(task) > 0);
    let units = usable.map(|task| {
        let job = &state.cluster.jobs[state.cluster.tasks[task].job.at()];
        let together = i128::from(job.gang_min.unwrap_or(1));
        state.value(task) * together.clamp(1, state.wanted(task))
    });
    units.min().unwrap_or_default()
}
