//! What the broker and the frameworks say to each other while a plan is made, for whoever wants to follow it.
//!
//! Nothing here decides anything, and nothing is computed unless somebody listens ([`Options::listener`]). What is said is
//! said in the order of the commits, so that equal plans have equal conversations.
//!
//! [`Options::listener`]: super::Options::listener

use std::fmt;
use std::sync::Arc;

use apportion_cluster::file::Amounts;
use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Offer, Quantities, Running, TaskIdx};

use super::context::Context;
use super::devices::Devices;
use super::state::{State, by_shape};
use crate::broker::Shares;

/// Hears what is said, in order.
pub type Listener = Arc<dyn Fn(Said) + Send + Sync>;

/// Agents that a line names before it only counts them.
const MOST_NAMED: usize = 4;

/// One thing that is said; as text, one line in plain words.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The broker tells a framework its share.
    Share {
        /// Framework id.
        framework: String,
        /// Its part of the cluster by weight, among frameworks with demand.
        weight: f64,
        /// The value that it deserves.
        deserved: f64,
        /// Credit from earlier plans, in shares.
        credit: f64,
    },
    /// The broker offers what is free.
    Offer {
        /// Round, from 1; after the first, offers are what others declined.
        round: usize,
        /// Framework id.
        framework: String,
        /// What is offered, beside what the framework holds.
        room: Room,
    },
    /// A framework takes a part of its offers.
    Accepted {
        /// Round.
        round: usize,
        /// Framework id.
        framework: String,
        /// Instances by `job/task` that it takes in this round.
        takes: Vec<(String, i64)>,
        /// Instances by `job/task` that it gives back for them.
        returns: Vec<(String, i64)>,
    },
    /// A framework declines the rest of its offers.
    Declined {
        /// Round.
        round: usize,
        /// Framework id.
        framework: String,
        /// What it declines.
        room: Room,
        /// What waits and why nothing of it goes there; empty if nothing waits.
        waits: Vec<Waiting>,
    },
    /// Running instances have to go, so that a job under a guarantee has its place.
    Preempted {
        /// The job.
        job: String,
        /// Path of the role whose guarantee covers it.
        role: String,
        /// Who goes: `job/task` and the agent.
        victims: Vec<(String, String)>,
    },
    /// A framework had no answer: its policy failed.
    Silent {
        /// Round.
        round: usize,
        /// Framework id.
        framework: String,
    },
}

/// Free amounts on agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Ids of the agents with anything free, ascending.
    pub agents: Vec<String>,
    /// The amounts on all of them.
    pub amounts: Amounts,
}

/// Instances that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `job/task`.
    pub task: String,
    /// How many.
    pub instances: i64,
    /// What one of them needs.
    pub needs: Amounts,
    /// Whether one would have room on an agent that it may use; then other rules keep it out.
    pub has_room: bool,
}

/// The shares, before any offer.
pub(super) fn shares(context: &Context<'_>, shares: &Shares) {
    let Some(listener) = &context.options.listener else {
        return;
    };
    for (at, share) in shares.frameworks.iter().enumerate() {
        if share.active {
            let framework = FrameworkIdx::of(at);
            listener(Said::Share {
                framework: context.cluster.framework(framework).id.clone(),
                weight: share.weight,
                deserved: share.deserved,
                credit: context.credit(framework),
            });
        }
    }
}

/// One framework's turn in a round: what it was offered, what it held `before` and holds now, and whether it answered.
pub(super) fn turn(
    state: &State<'_>,
    context: &Context<'_>,
    (round, framework): (usize, FrameworkIdx),
    offers: &[Offer],
    before: &[Running],
    answered: bool,
) {
    let Some(listener) = &context.options.listener else {
        return;
    };
    let cluster = state.cluster;
    let id = || cluster.framework(framework).id.clone();
    let mut offered = offers.to_vec();
    take_out(cluster, &mut offered, before);
    let room = Room::of(cluster, &offered);
    let now = &state.added[framework.at()];
    let (takes, returns) = (beyond(cluster, now, before), beyond(cluster, before, now));
    // Nothing is offered, and nothing of what it holds was rearranged: not worth a line.
    if room.agents.is_empty() && takes.is_empty() && answered {
        return;
    }
    listener(Said::Offer {
        round,
        framework: id(),
        room,
    });
    if !answered {
        return listener(Said::Silent {
            round,
            framework: id(),
        });
    }
    if !takes.is_empty() {
        listener(Said::Accepted {
            round,
            framework: id(),
            takes,
            returns,
        });
    }
    let mut rest = offers.to_vec();
    take_out(cluster, &mut rest, now);
    for offer in &mut rest {
        offer.devices = left_of(offer, &state.free_devices[offer.agent.at()]);
    }
    let room = Room::of(cluster, &rest);
    if !room.agents.is_empty() {
        listener(Said::Declined {
            round,
            framework: id(),
            room,
            waits: waiting(state, framework, &rest),
        });
    }
}

/// That instances have to go for a job, which a role covers.
pub(super) fn preempted(
    state: &State<'_>,
    context: &Context<'_>,
    (job, role): &(String, String),
    victims: &[(TaskIdx, AgentIdx)],
) {
    let Some(listener) = &context.options.listener else {
        return;
    };
    let cluster = state.cluster;
    let victims = victims.iter();
    listener(Said::Preempted {
        job: job.clone(),
        role: role.clone(),
        victims: victims
            .map(|&(task, agent)| (cluster.task_name(task), name(cluster, agent)))
            .collect(),
    });
}

/// Of the devices that were offered, what is free now.
fn left_of(offer: &Offer, free: &Devices) -> Devices {
    let kinds = offer.devices.iter().zip(free);
    let kinds = kinds.map(|(offered, free)| {
        let devices = offered.iter().zip(free);
        devices.map(|(&offered, &free)| offered.min(free)).collect()
    });
    kinds.collect()
}

fn take_out(cluster: &Cluster, offers: &mut [Offer], held: &[Running]) {
    for held in held {
        // Offers are by agent, ascending.
        if let Ok(at) = offers.binary_search_by_key(&held.agent, |offer| offer.agent) {
            let demand = &cluster.task(held.task).demand;
            offers[at].resources.subtract(demand, held.instances);
        }
    }
}

/// Instances by task in `more` beyond those in `less`.
fn beyond(cluster: &Cluster, more: &[Running], less: &[Running]) -> Vec<(String, i64)> {
    let mut counts = std::collections::BTreeMap::new();
    for placed in more {
        *counts.entry(placed.task).or_insert(0) += placed.instances;
    }
    for placed in less {
        *counts.entry(placed.task).or_insert(0) -= placed.instances;
    }
    let positive = counts.into_iter().filter(|(_, count)| *count > 0);
    positive
        .map(|(task, count)| (cluster.task_name(task), count))
        .collect()
}

/// What waits, tasks that are alike by one of them.
fn waiting(state: &State<'_>, framework: FrameworkIdx, rest: &[Offer]) -> Vec<Waiting> {
    let cluster = state.cluster;
    let fits = |task: TaskIdx| {
        let of = cluster.task(task);
        rest.iter().any(|offer| {
            cluster.refusal(of, offer.agent).is_none()
                && of.demand.fits_in(&offer.resources)
                && cluster.device_copies(of, offer.agent, &offer.devices) > 0
        })
    };
    let shapes = by_shape(cluster, &state.pending(framework));
    let alike = shapes.into_iter().map(|alike| {
        let task = alike[0].0;
        Waiting {
            task: cluster.task_name(task),
            instances: alike.iter().map(|(_, count)| count).sum(),
            needs: amounts(cluster, &cluster.task(task).demand),
            has_room: fits(task),
        }
    });
    alike.collect()
}

fn amounts(cluster: &Cluster, quantities: &Quantities) -> Amounts {
    let named = cluster.resources.iter().zip(&quantities.0);
    named
        .filter(|(_, amount)| **amount > 0)
        .map(|(name, &amount)| (name.clone(), amount))
        .collect()
}

impl Room {
    fn of(cluster: &Cluster, offers: &[Offer]) -> Self {
        let mut room = Self::default();
        let mut total = Quantities::zero(cluster.resources.len());
        for offer in offers {
            if offer.resources.0.iter().any(|&amount| amount > 0) {
                room.agents.push(name(cluster, offer.agent));
                for (total, &amount) in total.0.iter_mut().zip(&offer.resources.0) {
                    *total = total.saturating_add(amount.max(0));
                }
            }
        }
        room.amounts = amounts(cluster, &total);
        room
    }
}

fn name(cluster: &Cluster, agent: AgentIdx) -> String {
    cluster.agent(agent).id.clone()
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share {
                framework,
                weight,
                deserved,
                credit,
            } => {
                let percent = weight * 100.0;
                write!(
                    out,
                    "broker: {framework} deserves {deserved:.2} by a weight of {percent:.1} %"
                )?;
                match credit {
                    credit if *credit > 0.0 => {
                        write!(out, ", and is owed {credit:.2} shares from before")
                    }
                    _ => Ok(()),
                }
            }
            Self::Offer {
                round: 1,
                framework,
                room,
            } => write!(out, "round 1: broker offers {framework} {room}"),
            Self::Offer {
                round,
                framework,
                room,
            } => write!(
                out,
                "round {round}: what is free is offered again, to {framework}: {room}"
            ),
            Self::Accepted {
                round,
                framework,
                takes,
                returns,
            } => {
                write!(out, "round {round}: {framework} accepts {}", counts(takes))?;
                match &returns[..] {
                    [] => Ok(()),
                    returns => write!(out, " and gives back {}", counts(returns)),
                }
            }
            Self::Declined {
                round,
                framework,
                room,
                waits,
            } => {
                write!(out, "round {round}: {framework} declines {room}: ")?;
                match &waits[..] {
                    [] => write!(out, "it wants no more"),
                    waits => write!(out, "{}", listed(waits)),
                }
            }
            Self::Preempted { job, role, victims } => {
                let named = victims
                    .iter()
                    .map(|(task, agent)| format!("{task} on {agent}"));
                let named = listed(named);
                write!(
                    out,
                    "preemption: {role} is under its guarantee; {named} make room for {job}"
                )
            }
            Self::Silent { round, framework } => {
                write!(
                    out,
                    "round {round}: {framework} has no answer; its policy failed"
                )
            }
        }
    }
}

fn counts(tasks: &[(String, i64)]) -> String {
    listed(
        tasks
            .iter()
            .map(|(task, count)| format!("{count} of {task}")),
    )
}

impl fmt::Display for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task,
            instances,
            needs,
            has_room,
        } = self;
        let needs = in_words(needs);
        match has_room {
            false => write!(
                out,
                "no room there for one of {task} ({needs}), {instances} wait"
            ),
            true => write!(
                out,
                "one of {task} ({needs}) has room there, and its rules or limits keep it out, {instances} wait"
            ),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_agents = self.agents.len();
        let plural = if n_agents == 1 { "" } else { "s" };
        if n_agents == 0 {
            return write!(out, "nothing beside what it holds");
        }
        let named = listed(&self.agents);
        let amounts = in_words(&self.amounts);
        write!(
            out,
            "{n_agents} agent{plural} with {amounts} in all ({named})"
        )
    }
}

/// The first few, and whether there are more.
fn listed(items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let mut words = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        if at == MOST_NAMED {
            words.push("...".to_owned());
            break;
        }
        words.push(item.to_string());
    }
    words.join(", ")
}

/// Amounts as people say them: `48 cpu, 96 GiB memory`.
fn in_words(amounts: &Amounts) -> String {
    let words = amounts.iter().map(|(name, &amount)| {
        let number = amount as f64;
        if let Some(name) = name.strip_suffix("_milli") {
            format!("{} {name}", number / 1000.0)
        } else if let Some(name) = name.strip_suffix("_mib_s") {
            format!("{amount} MiB/s {name}")
        } else if let Some(name) = name.strip_suffix("_mib") {
            match amount {
                1024.. => format!("{} GiB {name}", (number / 102.4).round() / 10.0),
                _ => format!("{amount} MiB {name}"),
            }
        } else {
            format!("{amount} {name}")
        }
    });
    let words: Vec<String> = words.collect();
    match words.is_empty() {
        true => "no resources".to_owned(),
        false => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        let amounts = [
            ("cpu_milli", 1500),
            ("memory_mib", 3072),
            ("network_mib_s", 80),
            ("slots", 3),
        ];
        let amounts = amounts
            .map(|(name, amount)| (name.to_owned(), amount))
            .into();
        let words = "1.5 cpu, 3 GiB memory, 80 MiB/s network, 3 slots";
        assert_eq!(in_words(&amounts), words);
    }
}
