//! The rows and columns of the broker's programs: who wants what where, and what is shared.

mod domain_rows;
mod groups;
mod parts;
mod program;
mod role_rows;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, FrameworkIdx};
use apportion_policies::Bid;

use super::classes::Census;
use super::demand::{Bidding, Demands, Wanted, wanted};
use super::guarantees::{Guarantee, place};
use super::half::Half;
use super::tree::{Tree, limits};
use super::weights::weights;
use domain_rows::DomainRow;
use groups::groups;
use role_rows::{GuaranteeRow, LimitRow};

pub(super) use domain_rows::Limits;
pub(super) use groups::{Column, Group, needs};
pub(super) use role_rows::Place;
pub(super) use scope::Scope;

/// A framework that takes part.
#[derive(Debug)]
pub(super) struct Member {
    pub framework: FrameworkIdx,
    pub weight: f64,
    /// Value of its smallest task or gang.
    pub unit: i128,
    pub groups: Vec<Group>,
    /// Limits per failure domain that what fits and what is wanted do not imply.
    pub domains: Vec<DomainRow>,
}

impl Member {
    /// Without a weight and limits per failure domain, which come later.
    fn of(cluster: &Cluster, census: &Census, framework: FrameworkIdx, bidding: Bidding) -> Self {
        let usable = bidding.iter().filter(|(_, wanted)| wanted.whole > 0.0);
        let unit = usable
            .map(|(bid, _)| i128::from(bid.value) * i128::from(bid.unit.clamp(1, bid.instances)));
        let unit = unit.min().unwrap_or(0);
        let wanted = bidding.into_iter().map(|(bid, wanted)| (bid.value, wanted));
        Self {
            framework,
            weight: 0.0,
            unit,
            groups: groups(cluster, census, wanted),
            domains: Vec::new(),
        }
    }
}

/// Everything that shares and certificates are computed from.
#[derive(Debug)]
pub(super) struct Market {
    pub census: Census,
    pub tree: Tree,
    pub members: Vec<Member>,
    /// Frameworks with demand of which nothing can ever be placed, and why.
    pub excluded: Vec<(FrameworkIdx, String)>,
    pub guarantees: Vec<Guarantee>,
    /// Those of agents, then those of devices.
    pub halves: Vec<Half>,
    /// Whether rows of failure domains are among those of the programs.
    has_domains: bool,
    pub limits: Vec<LimitRow>,
    pub holds: Vec<GuaranteeRow>,
    limit_places: Vec<Place>,
    hold_places: Vec<Place>,
    /// Limits and guarantees that count each member.
    pub limits_on: Vec<Vec<usize>>,
    holds_on: Vec<Vec<usize>>,
    /// Class and resource of each capacity row; rows of `halves`, shared limits and shared guarantees follow.
    pub capacities: Vec<(usize, usize)>,
    pub capacity_row: BTreeMap<(usize, usize), usize>,
}

/// Amounts by member, group and column.
pub(super) type Amounts = Vec<Vec<Vec<f64>>>;

impl Market {
    /// `out` are frameworks that are left out besides those of which nothing fits anywhere, and why.
    pub fn of(cluster: &Cluster, bids: &[Bid], out: &[(FrameworkIdx, String)]) -> Self {
        let census = Census::of(cluster, bids);
        let mut bidding = wanted(bids, &mut Demands::new(cluster, &census));
        let limits = limits(cluster);
        let tree = Tree::of(cluster);
        let blocked = keep_within_limits(cluster, &tree, &limits, &mut bidding);
        let guarantees = place(cluster, &census, &bidding);
        let mut members = Vec::new();
        let mut excluded = out.to_vec();
        for (at, bidding) in bidding.into_iter().enumerate() {
            let framework = FrameworkIdx::of(at);
            if bidding.is_empty() || out.iter().any(|(out, _)| *out == framework) {
                continue;
            }
            match obstacle(cluster, bidding.iter().map(|(_, wanted)| wanted)) {
                Some(reason) => excluded.push((framework, reason)),
                None => members.push(Member::of(cluster, &census, framework, bidding)),
            }
        }
        excluded.extend(blocked);
        excluded.sort();
        let n_members = members.len();
        let mut market = Self {
            census,
            tree,
            members,
            excluded,
            guarantees,
            halves: Vec::new(),
            has_domains: false,
            limits: Vec::new(),
            holds: Vec::new(),
            limit_places: Vec::new(),
            hold_places: Vec::new(),
            limits_on: vec![Vec::new(); n_members],
            holds_on: vec![Vec::new(); n_members],
            capacities: Vec::new(),
            capacity_row: BTreeMap::new(),
        };
        market.weigh(cluster);
        market.number_limits(cluster, &limits);
        market.number_holds(cluster);
        market.number_capacities();
        market.number_halves(cluster);
        market.number_domains();
        market
    }

    fn weigh(&mut self, cluster: &Cluster) {
        let mut active = vec![false; cluster.frameworks.len()];
        for member in &self.members {
            active[member.framework.at()] = true;
        }
        let weights = weights(cluster, &active);
        for member in &mut self.members {
            member.weight = weights[member.framework.at()];
        }
    }

    fn number_capacities(&mut self) {
        let mut used = BTreeSet::new();
        for group in self.members.iter().flat_map(|member| &member.groups) {
            for column in &group.columns {
                used.extend(needs(&group.demand).map(|(resource, _)| (column.class, resource)));
            }
        }
        for hold in &self.holds {
            used.extend(hold.classes.iter().map(|&class| (class, hold.resource)));
        }
        self.capacities = used.into_iter().collect();
        self.capacity_row = self
            .capacities
            .iter()
            .enumerate()
            .map(|(row, &key)| (key, row))
            .collect();
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.members
            .iter()
            .flat_map(|member| &member.groups)
            .map(|group| group.columns.len())
            .sum()
    }
}

/// What no limit lets in is not wanted. Frameworks that want nothing else, and why they are left out.
fn keep_within_limits(
    cluster: &Cluster,
    tree: &Tree,
    limits: &[Vec<Option<i128>>],
    bidding: &mut [Bidding],
) -> Vec<(FrameworkIdx, String)> {
    let mut blocked = Vec::new();
    for (at, bidding) in bidding.iter_mut().enumerate() {
        let framework = FrameworkIdx::of(at);
        let role = cluster.framework(framework).role.at();
        let had = !bidding.is_empty();
        bidding.retain(|(_, wanted)| {
            let demand = &cluster.task(wanted.task).demand.0;
            wanted.runs
                || tree.upward(role).all(|role| {
                    let within = limits[role].iter().zip(demand);
                    within.clone().all(|(limit, &need)| {
                        need == 0 || limit.is_none_or(|limit| limit >= i128::from(need))
                    })
                })
        });
        if had && bidding.is_empty() {
            let text = "the limits of its role are less than any of its tasks needs";
            blocked.push((framework, text.to_owned()));
        }
    }
    blocked
}

/// Why nothing of a framework can ever be placed; `None` if some job can, or runs where it fits.
///
/// What runs and fits nowhere stays, and has no share: no part of an agent would be worth anything to it.
fn obstacle<'w>(cluster: &Cluster, wanted: impl Iterator<Item = &'w Wanted>) -> Option<String> {
    let mut jobs: BTreeMap<usize, (f64, bool)> = BTreeMap::new();
    for it in wanted {
        let job = jobs.entry(cluster.task(it.task).job.at()).or_default();
        if it.fits_somewhere() {
            job.0 += it.whole;
            job.1 |= it.runs;
        }
    }
    let usable = |(&job, &(most, runs)): (&usize, &(f64, bool))| {
        runs || most >= cluster.jobs[job].gang_min.unwrap_or(1).max(1) as f64
    };
    if jobs.iter().any(usable) {
        return None;
    }
    let reason = if jobs.values().all(|(most, _)| *most == 0.0) {
        "no agent that its tasks may use holds one of them"
    } else {
        "each of its gangs needs more than the whole cluster holds"
    };
    Some(reason.to_owned())
}
