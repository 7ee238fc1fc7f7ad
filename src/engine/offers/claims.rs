//! Everybody's witness, disjoint, and what they leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use apportion_cluster::{FrameworkIdx, Quantities, TaskIdx};

use super::Free;
use super::claimant::{Claimant, part_served, urgency, weight};
use super::sketch::{Asked, Ground, Sketch, needs_no_device};
use super::turns::Turn;
use crate::broker::Shares;
use crate::engine::beside::Beside;
use crate::engine::brokering::floor_target;
use crate::engine::choice::Choice;
use crate::engine::context::Context;
use crate::engine::options::Options;
use crate::engine::quotas::Quotas;
use crate::engine::roles::Roles;
use crate::engine::state::State;

/// Parts of their shares that frameworks claim in turn where floors were missed otherwise.
const PORTIONS: i64 = 4;

/// What is claimed of.
pub(super) struct Scene<'r, 's> {
    pub state: &'r State<'s>,
    pub shares: &'r Shares,
    pub context: &'r Context<'r>,
    /// For claims: with an earlier deadline.
    pub options: Options,
    /// The class of each agent.
    pub class_of: &'r [usize],
    /// What those that need no device leave to the others as long as these may claim it.
    pub beside: Beside<'r>,
}

/// Where shares are claimed; what is short then, wherever there is room.
pub(super) enum Manner<'c> {
    /// Wherever the policies like best.
    Liked,
    /// On the classes of agents where the shares lie.
    AsShared,
    /// Class by class, or on a choice of agents.
    Chosen(Choice<'c>),
}

/// Everybody's witness, disjoint, and what they leave.
pub(super) struct Claims<'a> {
    pub claimants: Vec<Claimant>,
    pub free: Free,
    pub roles: Roles<'a>,
    /// Whether a wall clock ended them, or the search for better ones.
    pub is_cut: bool,
}

impl<'a> Claims<'a> {
    pub(super) fn of(
        scene: &Scene<'_, 'a>,
        turns: &[Turn],
        mut manner: Manner<'_>,
        until: Option<Instant>,
    ) -> Self {
        let state = scene.state;
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let mut free = Free {
            resources: nonnegative(&state.free),
            devices: state.free_devices.clone(),
        };
        let mut roles = state.roles.clone();
        let mut claimants = Vec::new();
        let mut is_cut = false;
        for (framework, share) in turns {
            if is_over() {
                is_cut = true;
                let limited = roles.is_limited(*framework);
                let turn = (*framework, share.clone());
                claimants.push(Claimant::without(scene, turn, limited));
                continue;
            }
            let claimed = (&mut free, &mut roles, &mut manner);
            claimants.extend(claim(scene, *framework, share.clone(), claimed));
        }
        if !matches!(manner, Manner::Chosen(_)) {
            // What has no device would take the room beside devices that others are short of.
            for needs_none in [false, true] {
                let mut short: Vec<&mut Claimant> = claimants.iter_mut().collect();
                short.retain(|it| it.served < 1.0);
                short.retain(|it| needs_no_device(state, it.framework) == needs_none);
                for claimant in short {
                    if is_over() {
                        is_cut = true;
                        break;
                    }
                    complete(scene, claimant, (&mut free, &mut roles));
                }
            }
        }
        Self {
            claimants,
            free,
            roles,
            is_cut,
        }
    }

    /// Everybody claims a part of its share, then a larger part, and so on: what no two can have is divided, and not all of whoever comes
    /// first.
    pub(super) fn in_portions(
        scene: &Scene<'_, 'a>,
        turns: &[Turn],
        until: Option<Instant>,
    ) -> Self {
        let cluster = scene.state.cluster;
        let portion = |share: &BTreeMap<TaskIdx, i64>, part: i64| -> BTreeMap<TaskIdx, i64> {
            let counts = share.iter();
            counts
                .map(|(&task, &count)| (task, cut_up(count, part)))
                .collect()
        };
        let first = turns.iter();
        let first: Vec<Turn> = first
            .map(|(framework, share)| (*framework, portion(share, 1)))
            .collect();
        let mut claims = Self::of(scene, &first, Manner::Liked, until);
        for part in 2..=PORTIONS {
            for claimant in &mut claims.claimants {
                let turn = turns.iter().find(|turn| turn.0 == claimant.framework);
                claimant.share = turn.map(|turn| portion(&turn.1, part)).unwrap_or_default();
                let placed = &claimant.witness.placements;
                claimant.served = part_served(cluster, &claimant.share, placed);
            }
            // Whoever has the least of it comes first; of those that have as much, turns stand.
            claims
                .claimants
                .sort_by(|left, right| left.served.total_cmp(&right.served));
            let (free, roles) = (&mut claims.free, &mut claims.roles);
            for claimant in &mut claims.claimants {
                if until.is_some_and(|until| Instant::now() >= until) {
                    claims.is_cut = true;
                } else if claimant.served < 1.0 {
                    complete(scene, claimant, (&mut *free, &mut *roles));
                }
            }
        }
        claims
    }

    /// Whether everybody is served its floor, less what one unit cannot split.
    pub(super) fn reach_floors(&self, scene: &Scene<'_, '_>) -> bool {
        let cluster = scene.state.cluster;
        let units = scene.shares.units(cluster);
        self.claimants.iter().all(|claimant| {
            let framework = claimant.framework;
            let kept = scene.state.kept[framework.at()].iter();
            let held = kept.chain(&claimant.witness.placements);
            let held = held.map(|it| cluster.task(it.task).value * it.instances);
            let floor = scene.shares.frameworks[framework.at()].floor;
            held.sum::<i64>() as f64 >= floor_target(floor, units[framework.at()])
        })
    }

    /// What is there when the time for better ones is over.
    pub(super) fn cut(self) -> Self {
        Self {
            is_cut: !self.are_whole(),
            ..self
        }
    }

    pub(super) fn are_whole(&self) -> bool {
        self.claimants.iter().all(|claimant| claimant.served >= 1.0)
    }

    /// Who is not served all of its share.
    pub(super) fn short(&self) -> BTreeSet<FrameworkIdx> {
        let short = self.claimants.iter().filter(|it| it.served < 1.0);
        short.map(|it| it.framework).collect()
    }

    pub(super) fn or_better(self, other: Self) -> Self {
        if other.is_better(&self) { other } else { self }
    }

    fn is_better(&self, other: &Self) -> bool {
        self.served() > other.served()
    }

    /// The weighted welfare of the parts of their shares that frameworks are served.
    fn served(&self) -> f64 {
        self.claimants.iter().map(Claimant::welfare).sum()
    }
}

/// The part of so many instances that is claimed in this turn of [`PORTIONS`], rounded up.
fn cut_up(count: i64, part: i64) -> i64 {
    let each = count / PORTIONS * part;
    each + (count % PORTIONS * part + PORTIONS - 1) / PORTIONS
}

/// The witness of one framework, taken out of what is free.
fn claim(
    scene: &Scene<'_, '_>,
    framework: FrameworkIdx,
    mut share: BTreeMap<TaskIdx, i64>,
    (free, roles, manner): (&mut Free, &mut Roles<'_>, &mut Manner<'_>),
) -> Option<Claimant> {
    let (state, shares) = (scene.state, scene.shares);
    // Frameworks of one role claim in turn what its limits leave: rounding must not go beyond them.
    let kept = &state.kept[framework.at()];
    let pending = state.not_kept(framework);
    let within = roles.is_limited(framework).then(|| {
        let wanted = share.iter().map(|(&task, &count)| (task, count));
        let wanted: Vec<(TaskIdx, i64)> = wanted
            .filter(|(task, _)| pending.iter().any(|(pending, _)| pending == task))
            .collect();
        roles.allowance(framework, kept, &wanted, &[])
    });
    let counts = within.flatten();
    if let Some(counts) = &counts {
        share.clone_from(counts);
    }
    let asked = Asked {
        scene,
        framework,
        share: &share,
    };
    let room = (&*free, &*roles);
    let sketched = match manner {
        Manner::AsShared => {
            let quotas = Quotas::of(state, shares, framework, &share, scene.class_of);
            asked.modest(room, Some(&quotas))?
        }
        Manner::Chosen(choice) => match asked.chosen(room, choice) {
            Some(sketch) => sketch,
            None => asked.liked(room)?,
        },
        Manner::Liked => asked.modest(room, None)?,
    };
    let Sketch {
        witness,
        usable,
        unmet,
        ..
    } = sketched;
    let claimant = Claimant {
        served: part_served(state.cluster, &share, &witness.placements),
        weight: weight(shares, framework),
        urgency: urgency(scene, framework),
        share,
        counts,
        framework,
        witness,
        usable,
        unmet,
        given: 0.0,
    };
    claimant.take(state, free, roles);
    Some(claimant)
}

/// Adds to a witness what its share lacks, wherever there is room by now.
pub(super) fn complete(
    scene: &Scene<'_, '_>,
    claimant: &mut Claimant,
    (free, roles): (&mut Free, &mut Roles<'_>),
) {
    let state = scene.state;
    claimant.give(state.cluster, free);
    let asked = Asked {
        scene,
        framework: claimant.framework,
        share: &claimant.share,
    };
    let sketched = asked.sketch((free, roles), Ground::default(), &claimant.witness);
    if let Some(sketch) = sketched {
        let served = part_served(state.cluster, &claimant.share, &sketch.witness.placements);
        if served > claimant.served {
            claimant.served = served;
            claimant.unmet = sketch.unmet;
            claimant.witness = sketch.witness;
        }
    }
    claimant.take(state, free, roles);
}

fn nonnegative(free: &[Quantities]) -> Vec<Quantities> {
    free.iter()
        .map(|room| Quantities(room.0.iter().map(|&amount| amount.max(0)).collect()))
        .collect()
}
