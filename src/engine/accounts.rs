//! Accounts: what each framework deserves and got, what roles are promised, and why, for the plan file.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use apportion_cluster::file::Amounts;
use apportion_cluster::plan::{GuaranteeResult, HeldFile, PlanFile, Reason, Share};
use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Offer, Quantities, TaskIdx};

use super::context::Context;
use super::devices::Devices;
use super::state::{State, by_shape};
use crate::broker::{Audit, FrameworkShare, Guarantee, Shares};

/// The most credit that a framework keeps, in shares: a long history must not decide for ever.
const MOST_CREDIT: f64 = 100.0;
/// Less is a solver's last digits, and decides nothing.
const LEAST_CREDIT: f64 = 1e-6;
/// The most that a framework owes to those who lost a rounding where it won: its turn comes last once.
const MOST_DEBT: f64 = 1.0;

/// The credit that the next plan starts from: what `--previous` reads from a plan.
#[must_use]
pub fn credit(previous: &PlanFile) -> BTreeMap<String, f64> {
    let shares = previous.frameworks.iter();
    let credits = shares.filter_map(|it| Some((it.id.clone(), it.share.as_ref()?.credit)));
    credits
        .filter(|(_, credit)| credit.abs() > LEAST_CREDIT && credit.is_finite())
        .collect()
}

/// A framework's share in words and numbers; `before` is the credit that it came with.
pub(super) fn share(
    state: &State<'_>,
    framework: FrameworkIdx,
    shares: &Shares,
    audit: &Audit,
    before: f64,
) -> Option<Share> {
    let fair = &shares.frameworks[framework.at()];
    if !fair.active {
        return None;
    }
    let utility = state.utility(framework) as f64;
    let apart = utility - fair.deserved;
    let (borrowed, lent) = (apart.max(0.0), (-apart).max(0.0));
    let waits = !state.pending(framework).is_empty();
    let short = if waits { lent } else { 0.0 };
    let unit = audit.units[framework.at()];
    let granularity = short.min(unit);
    let lost = match fair.deserved > 0.0 {
        true => (fair.deserved - utility) / fair.deserved,
        false => 0.0,
    };
    // Whoever has all that it wants is owed nothing.
    let credit = match waits {
        true => (before + lost).clamp(-MOST_DEBT, MOST_CREDIT),
        false => (before.min(0.0) + lost).clamp(-MOST_DEBT, 0.0),
    };
    let bound_by = &audit.bound_by[framework.at()];
    Some(Share {
        weight: fair.weight,
        unit,
        utility,
        deserved: fair.deserved,
        offered: offered_value(state, framework),
        accepted: utility,
        borrowed,
        lent,
        floor: fair.floor,
        rent: audit.rents[framework.at()],
        priced_bundle: audit.bundles[framework.at()],
        margin: (fair.floor > 0.0).then(|| utility / fair.floor),
        granularity,
        fragmentation: short - granularity,
        credit,
        bound_by: bound_by.clone(),
        text: sentence(state, framework, fair, (utility, unit), bound_by),
    })
}

/// Value in place and of the instances that the offers could hold, one task at a time.
fn offered_value(state: &State<'_>, framework: FrameworkIdx) -> f64 {
    let cluster = state.cluster;
    let offered = &state.offered[framework.at()];
    let mut value = 0.0;
    for alike in by_shape(cluster, &state.not_kept(framework)) {
        let task = cluster.task(alike[0].0);
        let most = alike.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let mut copies = 0_i64;
        for offer in offered.values() {
            if copies >= most {
                break;
            }
            if cluster.refusal(task, offer.agent).is_none() {
                let devices = cluster.device_copies(task, offer.agent, &offer.devices);
                let here = task.demand.copies_in(&offer.resources).min(devices);
                copies = copies.saturating_add(here);
            }
        }
        let of_task = |&(task, count): &(TaskIdx, i64)| {
            cluster.task(task).value as f64 * copies.min(count) as f64
        };
        value += alike.iter().map(of_task).sum::<f64>();
    }
    let kept = state.kept[framework.at()].iter();
    let kept = kept.map(|kept| cluster.task(kept.task).value as f64 * kept.instances as f64);
    value + kept.sum::<f64>()
}

fn sentence(
    state: &State<'_>,
    framework: FrameworkIdx,
    fair: &FrameworkShare,
    (utility, unit): (f64, f64),
    bound_by: &[String],
) -> String {
    let wanted: i64 = state
        .pending(framework)
        .iter()
        .map(|(_, count)| count)
        .sum();
    // What two decimals do not show is a solver's last digits.
    let short = fair.deserved - utility;
    let is_even = short.abs() < 0.005;
    let binds = match bound_by {
        [] => String::new(),
        [own] if own == "its own demand" => ", all that it wants,".to_owned(),
        _ if wanted == 0 && is_even => ", all that it wants,".to_owned(),
        [only] => format!(", bound by {only},"),
        [names @ .., last] => format!(", bound by {} and {last},", names.join(", ")),
    };
    let base = format!(
        "weight {:.1} % deserves {:.2}{binds} and holds {utility}",
        fair.weight * 100.0,
        fair.deserved
    );
    let waiting = match wanted {
        1 => "1 instance waits".to_owned(),
        _ => format!("{wanted} instances wait"),
    };
    if wanted == 0 && short > 0.0 && !is_even && !state.added_times[framework.at()].is_empty() {
        format!("{base} at its peak: everything it wants runs, some of it after the rest")
    } else if wanted == 0 {
        format!("{base}: everything it wants")
    } else if is_even {
        format!("{base}: its share; {waiting}")
    } else if short < 0.0 {
        format!(
            "{base}: its share and {:.2} that others left; {waiting}",
            -short
        )
    } else {
        let causes = causes(state, framework, short, unit);
        format!("{base}: {causes}; {waiting}")
    }
}

/// What a share lacks, in its two parts: less than the smallest task or gang, and the rest.
fn causes(state: &State<'_>, framework: FrameworkIdx, short: f64, unit: f64) -> String {
    let granularity = short.min(unit);
    let fragmentation = short - granularity;
    let whole = "granularity, since instances and gangs are whole";
    let order = if puts_priority_first(state, framework) {
        ", while its work of higher priority goes first and may take more room"
    } else {
        ""
    };
    if fragmentation < 0.005 {
        return format!("{short:.2} short by {whole}{order}");
    }
    let mut pending = state.pending(framework).into_iter();
    let rest = match in_pieces(state, framework) {
        _ if pending.all(|(task, _)| !state.roles.lets_in(task)) => {
            "since the limit of a role leaves no room for one more".to_owned()
        }
        Some((count, agents)) if agents > 1 => format!(
            "by fragmentation, since shares fit in sum and not agent by agent (room for {count} is free, in pieces on {agents} agents)"
        ),
        Some((count, _)) => format!("since rules keep out what there is room for ({count})"),
        None => "by fragmentation, since whole instances of others leave it no more".to_owned(),
    };
    format!("{short:.2} short, {granularity:.2} by {whole}, and {fragmentation:.2} {rest}{order}")
}

/// The most instances of a waiting shape that what is free would hold if it were one agent, and on how many agents
/// that is; `None` if it would hold none.
fn in_pieces(state: &State<'_>, framework: FrameworkIdx) -> Option<(i64, usize)> {
    let cluster = state.cluster;
    let shapes = by_shape(cluster, &state.pending(framework)).into_iter();
    let counts = shapes.map(|alike| {
        let task = cluster.task(alike[0].0);
        let mut sum = Quantities::zero(cluster.resources.len());
        let mut n_agents = 0;
        for agent in cluster.agent_indices() {
            if cluster.refusal(task, agent).is_some() {
                continue;
            }
            let mut offer = free_on(state, agent);
            state.roles.withhold(framework, &mut offer);
            let helps = |(&need, &free): (&i64, &i64)| need > 0 && free > 0;
            if task.demand.0.iter().zip(&offer.resources.0).any(helps) {
                n_agents += 1;
                for (sum, &free) in sum.0.iter_mut().zip(&offer.resources.0) {
                    *sum = sum.saturating_add(free.max(0));
                }
            }
        }
        let waiting = alike.iter().map(|(_, count)| count).sum();
        (task.demand.copies_in(&sum).min(waiting), n_agents)
    });
    // Of several that have as many, the fewest agents.
    let most = counts.max_by_key(|&(count, agents)| (count, std::cmp::Reverse(agents)));
    most.filter(|&(count, _)| count > 0)
}

/// What is free on an agent.
fn free_on(state: &State<'_>, agent: AgentIdx) -> Offer {
    Offer {
        agent,
        resources: state.free[agent.at()].clone(),
        devices: state.free_devices[agent.at()].clone(),
    }
}

/// Whether something of a framework waits while it holds work of a higher priority: its share is computed from
/// values, and its own order is another.
fn puts_priority_first(state: &State<'_>, framework: FrameworkIdx) -> bool {
    let cluster = state.cluster;
    let priority = |task: TaskIdx| cluster.job(cluster.task(task).job).priority;
    let held = (state.kept[framework.at()].iter()).chain(&state.added[framework.at()]);
    let highest = held.map(|held| priority(held.task)).max();
    let waiting = state.pending(framework);
    let lowest = waiting.iter().map(|(task, _)| priority(*task)).min();
    lowest < highest
}

/// Tells the user that a guarantee cannot be had in full.
pub(super) fn warn(context: &Context<'_>, guarantee: &Guarantee) {
    let Some(short) = guarantee.short else { return };
    let cluster = context.cluster;
    let role = &cluster.roles[guarantee.role.at()];
    let agents: Vec<&str> = guarantee
        .agents
        .iter()
        .filter(|agent| cluster.agent(**agent).capacity.0[short] > 0)
        .map(|&agent| cluster.agent(agent).id.as_str())
        .collect();
    let text = format!(
        "only {:.4} of the guarantee of {} can be had: {} is short on the {} that it may use{}",
        guarantee.fraction,
        role.path,
        cluster.resources[short],
        match agents.len() {
            1 => "one agent".to_owned(),
            several => format!("{several} agents"),
        },
        match agents[..] {
            [] => String::new(),
            [first] => format!(" ({first})"),
            [first, .., last] => format!(" ({first} to {last})"),
        },
    );
    context.warn("guarantee_short", &role.path, text);
}

/// Takes back that a guarantee is short where its role uses all of it by now.
pub(super) fn retract(state: &State<'_>, context: &Context<'_>) {
    for (at, role) in context.cluster.roles.iter().enumerate() {
        let mut pairs = role.guarantee.0.iter().zip(state.roles.usage(at));
        if pairs.all(|(&promised, &used)| used >= promised.into()) {
            context.retract("guarantee_short", &role.path);
        }
    }
}

/// What roles are promised, and what is kept free for them in the end.
pub(super) fn guarantees(state: &State<'_>, guarantees: &[Guarantee]) -> Vec<GuaranteeResult> {
    let cluster = state.cluster;
    let result = |guarantee: &Guarantee| {
        let held = state.roles.held_for(guarantee.role.at());
        GuaranteeResult {
            role: cluster.roles[guarantee.role.at()].path.clone(),
            fraction: guarantee.fraction,
            amounts: amounts(cluster, &guarantee.amounts),
            idle: if guarantee.held { "hold" } else { "lend" }.to_owned(),
            held: held
                .filter(|(_, resources)| !resources.is_zero())
                .map(|(agent, resources)| HeldFile {
                    agent: cluster.agent(agent).id.clone(),
                    resources: amounts(cluster, resources),
                })
                .collect(),
        }
    };
    guarantees.iter().map(result).collect()
}

fn amounts(cluster: &Cluster, quantities: &Quantities) -> Amounts {
    let amounts = cluster.resources.iter().zip(&quantities.0);
    amounts
        .filter(|(_, amount)| **amount > 0)
        .map(|(name, &amount)| (name.clone(), amount))
        .collect()
}

/// Why tasks wait that would have room, were it not for the limits and guarantees of roles; beside the reasons that are
/// known already. Once `stop` says that the time is up, no more are looked for.
pub(super) fn reasons(
    state: &State<'_>,
    known: &BTreeMap<TaskIdx, Reason>,
    stop: &dyn Fn() -> bool,
) -> BTreeMap<TaskIdx, Reason> {
    let cluster = state.cluster;
    let mut reasons = known.clone();
    if state.roles.are_free() {
        return reasons;
    }
    for framework in (0..cluster.frameworks.len()).map(FrameworkIdx::of) {
        for alike in by_shape(cluster, &state.pending(framework)) {
            if stop() {
                return reasons;
            }
            let by_guarantees = OnceCell::new();
            let held = |task| by_guarantees.get_or_init(|| held(state, framework, task));
            for (task, _) in alike {
                let reason = limited(state, task).or_else(|| held(task).clone());
                if let Some(reason) = reason {
                    reasons.entry(task).or_insert(reason);
                }
            }
        }
    }
    reasons
}

fn limited(state: &State<'_>, task: TaskIdx) -> Option<Reason> {
    let cluster = state.cluster;
    let of = cluster.task(task);
    let mut agents = cluster.agent_indices();
    // Of what no agent could ever hold, more can be said.
    agents.find(|&agent| {
        cluster.refusal(of, agent).is_none() && of.demand.fits_in(&cluster.agent(agent).capacity)
    })?;
    // Of a gang of alike instances, what it lacks goes together.
    let lacking = state.lacking(cluster.task(task).job);
    let job = cluster.job(cluster.task(task).job);
    let together = if job.tasks.len() == 1 { lacking } else { 1 };
    let (at_role, resource, limit, used) = state.roles.obstacle(task, together)?;
    let (role, name) = (&cluster.roles[at_role].path, &cluster.resources[resource]);
    let stated = cluster.roles[at_role].limit[resource].map_or(limit, i128::from);
    let need = cluster.task(task).demand.0[resource];
    let need = match together {
        1 => format!("one instance needs {need}"),
        _ => format!("one instance needs {need}, and {together} go together or not at all"),
    };
    Some(Reason {
        code: "role_limit".to_owned(),
        text: format!("the role {role} may hold {stated} {name} and holds {used}; {need}"),
        rule: format!("limit[{role},{name}]"),
    })
}

/// Where there is room for the task but for what is held for other roles.
fn held(state: &State<'_>, framework: FrameworkIdx, task: TaskIdx) -> Option<Reason> {
    if !state.roles.holds_anything() {
        return None;
    }
    let cluster = state.cluster;
    let of = cluster.task(task);
    let fits = |agent: AgentIdx, resources: &Quantities, devices: &Devices| {
        of.demand.fits_in(resources) && cluster.device_copies(of, agent, devices) > 0
    };
    let usable = cluster.agent_indices().filter(|&agent| {
        let (free, devices) = (&state.free[agent.at()], &state.free_devices[agent.at()]);
        cluster.refusal(of, agent).is_none() && fits(agent, free, devices)
    });
    let mut with_room = 0;
    let is_open = { usable }.any(|agent| {
        with_room += 1;
        let mut offer = free_on(state, agent);
        state.roles.withhold(framework, &mut offer);
        fits(agent, &offer.resources, &offer.devices)
    });
    (with_room > 0 && !is_open).then(|| Reason {
        code: "held".to_owned(),
        text: format!(
            "what is free on {with_room} agents with room for it is held for guarantees of other roles"
        ),
        rule: "guarantee".to_owned(),
    })
}
