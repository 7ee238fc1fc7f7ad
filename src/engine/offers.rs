//! From the fair fractional share to concrete, disjoint, whole-number offers.
//!
//! Each framework in turn says where it would put its rounded share if the rest of the cluster were its
//! own: its *witness*, made by its own model and the constructive method. An offer holds its witness, so
//! what is offered can be used: it honors the framework's limits and spreads, not only its totals. One after the other, such
//! witnesses may fill some agents with tasks of one shape and waste what these do not need: where shares are left short, they
//! are also placed on the classes of agents where the fractional shares lie, so that whoever may use many classes leaves those alone that
//! others need (and whoever needs no device leaves what stands [beside](super::beside) one); in other orders, with those first who came short; with [room]
//! made for these by others one by one; and class by class, agents in turn, so that shapes mix as they do in
//! the shares; the best counts. What nobody's share claims is then given out agent by agent: to the one framework with
//! more demand, or else in proportion to weight. What several want more of waits for the re-offers, which keep them level.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use apportion_cluster::{
    AgentIdx, Cluster, Fairness, FrameworkIdx, Offer, Proposal, Quantities, Running, TaskIdx,
};

use super::beside::Beside;
use super::brokering::floor_target;
use super::choice::Choice;
use super::context::Context;
use super::devices::{self, Devices};
use super::options::Options;
use super::quotas::{self, Quotas};
use super::roles::{Counts, Roles};
use super::rounding;
use super::solve::{self, Effort, Rows};
use super::state::State;
use crate::broker::Shares;

/// What one framework is offered in the first round.
pub(super) struct FirstOffer {
    pub framework: FrameworkIdx,
    /// By agent, ascending.
    pub offers: Vec<Offer>,
    /// A wish inside the offers; it may lack what a policy must say beside placements.
    pub witness: Proposal,
    /// The most of each task that it may place in the first round, where others below a limit place beside it; else `None`.
    pub counts: Option<Counts>,
    /// Whether some of its demand is left open.
    pub unmet: bool,
    /// Whether a wall clock ended the claims while it came short.
    pub is_cut: bool,
}

/// What is free while offers are made, by agent.
#[derive(Clone)]
pub(super) struct Free {
    pub resources: Vec<Quantities>,
    pub devices: Vec<Devices>,
}

/// A framework that wants something, while offers are made.
#[derive(Clone)]
struct Claimant {
    framework: FrameworkIdx,
    witness: Proposal,
    counts: Option<Counts>,
    /// Agents that some task of it may use; `None` where it was placed on a choice of agents.
    usable: Option<Vec<bool>>,
    /// Whether its share leaves some of its demand open.
    unmet: bool,
    /// Weight, at least a little.
    weight: f64,
    /// What a part of its share counts: the more, the more it is owed from before.
    urgency: f64,
    /// Whole instances of its share.
    share: BTreeMap<TaskIdx, i64>,
    /// The part of its share, in value, that the witness holds.
    served: f64,
    /// Leftovers received, in fractions of an agent.
    given: f64,
}

/// Disjoint offers for every framework with pending instances; together all that is free.
pub(super) fn first_offers(
    state: &State<'_>,
    shares: &Shares,
    context: &Context<'_>,
) -> Vec<FirstOffer> {
    let wanting: Vec<FrameworkIdx> = context
        .planned()
        .filter(|&p| !state.pending(p).is_empty())
        .collect();
    if let [only] = wanting[..] {
        return vec![FirstOffer {
            framework: only,
            offers: state.everything(only),
            witness: Proposal::default(),
            counts: None,
            unmet: false,
            is_cut: false,
        }];
    }
    let turns = in_turn(state, shares, context, &wanting);
    let claims = best_claims(state, shares, context, &turns);
    hand_out(state, context, claims)
}

/// A framework's turn, and the whole instances of its share.
type Turn = (FrameworkIdx, BTreeMap<TaskIdx, i64>);

/// What a weight counts at least.
const LEAST_WEIGHT: f64 = 1e-9;

/// Orders of turns that are tried beside the first.
const ORDERS: usize = 4;

/// After so many of them, room is made for who came short.
const ORDERS_BEFORE_ROOM: usize = 1;

/// Parts of their shares that frameworks claim in turn where floors were missed otherwise.
const PORTIONS: i64 = 4;

/// The part of so many instances that is claimed in this turn of [`PORTIONS`], rounded up.
fn cut_up(count: i64, part: i64) -> i64 {
    let each = count / PORTIONS * part;
    each + (count % PORTIONS * part + PORTIONS - 1) / PORTIONS
}

/// Whoever is served less of its share counts as served this part of it.
const LEAST_SERVED: f64 = 1e-3;

/// Claims as policies like them; where they leave shares short, the best of several.
fn best_claims<'a>(
    state: &State<'a>,
    shares: &Shares,
    context: &Context<'_>,
    turns: &[Turn],
) -> Claims<'a> {
    let began = Instant::now();
    // Most of the time is for solving what is offered.
    let most = context
        .solve_by()
        .map(|by| by.saturating_duration_since(began) / 2);
    let is_long = || most.is_some_and(|most| 2 * began.elapsed() > most);
    let class_of = quotas::class_of(&shares.classes, state.cluster.agents.len());
    let mut options = context.options.clone();
    // A claim that takes long is cut, not what comes after it.
    options.deadline = most.map(|most| began + most);
    let scene = Scene {
        state,
        shares,
        context,
        options,
        class_of: &class_of,
        beside: Beside::of(state.cluster, shares, &class_of),
    };
    let claims = |turns: &[Turn], manner: Manner<'_>| {
        let until = most.map(|most| began + most);
        Claims::of(&scene, turns, manner, until)
    };
    if let Some(choice) = Choice::of(state.cluster, shares, turns.len()) {
        return claims(turns, Manner::Chosen(choice));
    }
    let of_manner = |is_as_shared: bool, turns: &[Turn]| {
        let manner = if is_as_shared {
            Manner::AsShared
        } else {
            Manner::Liked
        };
        claims(turns, manner)
    };
    // Where somebody gets less than it wants, there is hardly room for all claims as they are liked.
    let is_scarce = turns.iter().any(|(framework, share)| {
        let wanted: i64 = state.pending(*framework).iter().map(|it| it.1).sum();
        share.values().sum::<i64>() < wanted
    });
    let (liked, as_shared) = if is_scarce {
        let (liked, as_shared) = rayon::join(|| of_manner(false, turns), || of_manner(true, turns));
        (liked, Some(as_shared))
    } else {
        (of_manner(false, turns), None)
    };
    let mut of_liked = (turns.to_vec(), Some(liked.short()));
    let mut of_shared = (turns.to_vec(), as_shared.as_ref().map(Claims::short));
    let mut best = as_shared.into_iter().fold(liked, Claims::or_better);
    for order in 0..ORDERS {
        if order == ORDERS_BEFORE_ROOM {
            best = room::make_room(&scene, best, &is_long);
        }
        if best.are_whole() || is_long() {
            return best.cut();
        }
        let (liked, as_shared) = rayon::join(
            || short_first(&mut of_liked, |turns| of_manner(false, turns)),
            || short_first(&mut of_shared, |turns| of_manner(true, turns)),
        );
        if liked.is_none() && as_shared.is_none() {
            break;
        }
        best = (liked.into_iter().chain(as_shared)).fold(best, Claims::or_better);
    }
    if best.are_whole() || is_long() {
        return best.cut();
    }
    let choice = Choice::even(state.cluster, shares);
    let mut best = best.or_better(claims(turns, Manner::Chosen(choice)));
    if state.roles.are_free() && !best.reach_floors(&scene) && !is_long() {
        let until = most.map(|most| began + most);
        best = best.or_better(Claims::in_portions(&scene, turns, until));
    }
    let best = room::make_room(&scene, best, &is_long);
    if is_long() { best.cut() } else { best }
}

/// Claims in this order, if nobody is known to come short in it; else in another one, with those in front whom it left short, if that is
/// another: they need what is rare, or a part of every failure domain, and others who claimed before them did not. (Squeaky wheel
/// optimization: Joslin and Clements, JAIR 10, 1999.)
fn short_first<'a>(
    (turns, short): &mut (Vec<Turn>, Option<BTreeSet<FrameworkIdx>>),
    claims: impl FnOnce(&[Turn]) -> Claims<'a>,
) -> Option<Claims<'a>> {
    if let Some(short) = short {
        if turns.is_sorted_by_key(|turn| !short.contains(&turn.0)) {
            return None;
        }
        turns.sort_by_key(|turn| !short.contains(&turn.0));
    }
    let claims = claims(turns);
    *short = Some(claims.short());
    Some(claims)
}

/// What is claimed of.
struct Scene<'r, 's> {
    state: &'r State<'s>,
    shares: &'r Shares,
    context: &'r Context<'r>,
    /// For claims: with an earlier deadline.
    options: Options,
    /// The class of each agent.
    class_of: &'r [usize],
    /// What those that need no device leave to the others as long as these may claim it.
    beside: Beside<'r>,
}

/// Where shares are claimed; what is short then, wherever there is room.
enum Manner<'c> {
    /// Wherever the policies like best.
    Liked,
    /// On the classes of agents where the shares lie.
    AsShared,
    /// Class by class, or on a choice of agents.
    Chosen(Choice<'c>),
}

/// Everybody's witness, disjoint, and what they leave.
struct Claims<'a> {
    claimants: Vec<Claimant>,
    free: Free,
    roles: Roles<'a>,
    /// Whether a wall clock ended them, or the search for better ones.
    is_cut: bool,
}

impl<'a> Claims<'a> {
    fn of(
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
    fn in_portions(scene: &Scene<'_, 'a>, turns: &[Turn], until: Option<Instant>) -> Self {
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
    fn reach_floors(&self, scene: &Scene<'_, '_>) -> bool {
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
    fn cut(self) -> Self {
        Self {
            is_cut: !self.are_whole(),
            ..self
        }
    }

    fn are_whole(&self) -> bool {
        self.claimants.iter().all(|claimant| claimant.served >= 1.0)
    }

    /// Who is not served all of its share.
    fn short(&self) -> BTreeSet<FrameworkIdx> {
        let short = self.claimants.iter().filter(|it| it.served < 1.0);
        short.map(|it| it.framework).collect()
    }

    fn or_better(self, other: Self) -> Self {
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

fn weight(shares: &Shares, framework: FrameworkIdx) -> f64 {
    shares.frameworks[framework.at()].weight.max(LEAST_WEIGHT)
}

fn needs_no_device(state: &State<'_>, framework: FrameworkIdx) -> bool {
    let pending = state.pending(framework);
    let mut tasks = pending.iter().map(|&(task, _)| state.cluster.task(task));
    tasks.all(|task| task.devices.is_empty())
}

/// Agents beside whose resources no device is left.
fn apart(cluster: &Cluster, free: &Free) -> Vec<AgentIdx> {
    let agents = cluster.agent_indices();
    let apart = agents.filter(|agent| {
        let mut devices = free.devices[agent.at()].iter().flatten();
        devices.all(|&milli| milli == 0)
    });
    apart.collect()
}

/// Adds to a witness what its share lacks, wherever there is room by now.
fn complete(
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

fn urgency(scene: &Scene<'_, '_>, framework: FrameworkIdx) -> f64 {
    weight(scene.shares, framework) * (1.0 + scene.context.credit(framework).max(0.0))
}

impl Claimant {
    /// One that claims nothing, for want of time: what it needs is re-offered.
    fn without(scene: &Scene<'_, '_>, (framework, share): Turn, is_limited: bool) -> Self {
        Self {
            framework,
            witness: Proposal::default(),
            counts: is_limited.then(Counts::new),
            usable: None,
            unmet: true,
            weight: weight(scene.shares, framework),
            urgency: urgency(scene, framework),
            served: part_served(scene.state.cluster, &share, &[]),
            share,
            given: 0.0,
        }
    }

    /// Logarithm, by urgency, of the part of its share that it is served.
    fn welfare(&self) -> f64 {
        self.urgency * self.served.clamp(LEAST_SERVED, 1.0).ln()
    }

    /// Takes the witness out of what is free.
    fn take(&self, state: &State<'_>, free: &mut Free, roles: &mut Roles<'_>) {
        let cluster = state.cluster;
        for placed in &self.witness.placements {
            let demand = &cluster.task(placed.task).demand;
            free.resources[placed.agent.at()].subtract(demand, placed.instances);
        }
        for held in &self.witness.devices {
            devices::take(cluster, &mut free.devices, held);
        }
        let kept = &state.kept[self.framework.at()];
        let added = &self.witness.placements;
        roles.count(self.framework, kept, added);
        if let Some(counts) = &self.counts {
            let most = counts.iter().map(|(&task, &instances)| Running {
                task,
                agent: AgentIdx::of(0),
                instances,
            });
            let most: Vec<Running> = most.collect();
            roles.promise(self.framework, kept, &most);
        }
        roles.settle(self.framework, &free.resources);
    }

    /// Gives the witness back to what is free.
    fn give(&self, cluster: &Cluster, free: &mut Free) {
        for placed in &self.witness.placements {
            let demand = &cluster.task(placed.task).demand;
            free.resources[placed.agent.at()].add(demand, placed.instances);
        }
        for held in &self.witness.devices {
            devices::give(cluster, &mut free.devices, held);
        }
    }
}

/// The part of a share, in value, that placements hold; 1 if it is nothing.
fn part_served(cluster: &Cluster, share: &BTreeMap<TaskIdx, i64>, placed: &[Running]) -> f64 {
    let value = |task: TaskIdx, instances: i64| {
        i128::from(cluster.task(task).value) * i128::from(instances)
    };
    let wanted: i128 = share.iter().map(|(&task, &count)| value(task, count)).sum();
    let placed = placed.iter().map(|it| value(it.task, it.instances));
    match wanted {
        0 => 1.0,
        wanted => placed.sum::<i128>() as f64 / wanted as f64,
    }
}

/// A constructive placement of a framework's share.
pub(super) struct Sketch {
    pub witness: Proposal,
    /// Agents that some task of the framework may use.
    pub usable: Option<Vec<bool>>,
    /// Whether some of its demand is left open.
    pub unmet: bool,
    /// Whether all of its share is placed.
    pub is_whole: bool,
}

/// A framework's share, to be placed.
struct Asked<'r, 's> {
    scene: &'r Scene<'r, 's>,
    framework: FrameworkIdx,
    share: &'r BTreeMap<TaskIdx, i64>,
}

/// Where a share may be placed: everywhere by default.
#[derive(Clone, Copy, Default)]
struct Ground<'g> {
    /// On these agents only.
    only: Option<&'g [AgentIdx]>,
    /// So many of each shape on each class.
    quotas: Option<&'g Quotas<'g>>,
    /// Less what stands beside free devices.
    beside: Option<&'g Beside<'g>>,
}

impl Asked<'_, '_> {
    /// Class by class, or whole on a choice of agents.
    fn chosen(&self, room: (&Free, &Roles<'_>), choice: &mut Choice<'_>) -> Option<Sketch> {
        let shares = self.scene.shares;
        let by_class = choice.by_class(self.scene.state, shares, self.framework, self.share, room);
        let sketched = by_class.or_else(|| {
            let chosen = choice.agents(shares, self.framework, room.0);
            let ground = Ground {
                only: Some(&chosen),
                ..Ground::default()
            };
            let sketch = self.sketch(room, ground, &Proposal::default());
            sketch.filter(|it| it.is_whole)
        });
        sketched.map(|sketch| Sketch {
            usable: None,
            ..sketch
        })
    }

    /// As [`modest`](Self::modest), and what that leaves short wherever there is room: for claims that nothing completes later.
    fn liked(&self, room: (&Free, &Roles<'_>)) -> Option<Sketch> {
        let sketched = self.modest(room, None)?;
        if sketched.is_whole || !needs_no_device(self.scene.state, self.framework) {
            return Some(sketched);
        }
        self.sketch(room, Ground::default(), &sketched.witness)
    }

    /// Where its policy likes best. Whoever needs no device goes first where there is none, and leaves alone what stands beside one.
    fn modest(&self, room: (&Free, &Roles<'_>), quotas: Option<&Quotas<'_>>) -> Option<Sketch> {
        let nothing = Proposal::default();
        let ground = Ground {
            quotas,
            ..Ground::default()
        };
        if !needs_no_device(self.scene.state, self.framework) {
            return self.sketch(room, ground, &nothing);
        }
        let apart = apart(self.scene.state.cluster, room.0);
        let only = Some(&apart[..]);
        let sketched = self.sketch(room, Ground { only, ..ground }, &nothing)?;
        if sketched.is_whole || apart.len() == self.scene.state.cluster.agents.len() {
            return Some(sketched);
        }
        let beside = Some(&self.scene.beside);
        self.sketch(room, Ground { beside, ..ground }, &sketched.witness)
    }

    /// Places the share in what is free, keeping `start`.
    fn sketch(
        &self,
        (free, roles): (&Free, &Roles<'_>),
        ground: Ground<'_>,
        start: &Proposal,
    ) -> Option<Sketch> {
        let (state, context, framework) = (self.scene.state, self.scene.context, self.framework);
        let (cluster, share) = (state.cluster, self.share);
        let all: Vec<AgentIdx>;
        let agents = match ground.only {
            Some(agents) => agents,
            None => {
                all = cluster.agent_indices().collect();
                &all
            }
        };
        let open = agents.iter().copied();
        let open = open.filter(|&agent| !cluster.agent(agent).cordoned);
        let offers = open.map(|agent| {
            let mut offer = Offer {
                agent,
                resources: free.resources[agent.at()].clone(),
                devices: free.devices[agent.at()].clone(),
            };
            roles.withhold(framework, &mut offer);
            if let Some(beside) = ground.beside {
                beside.leave(agent, &mut offer.resources, &offer.devices);
            }
            offer
        });
        let slice = state.slice(framework, offers.collect());
        let policy = context.policy(framework)?;
        // A policy that fails here fails again in its round, where the failure is recorded.
        let rows = Rows::default();
        let mut formulation = solve::formulate(&**policy, &slice, &rows).ok()?;
        // Shares are of what is held at one moment.
        formulation.schedule = None;
        let mut usable = vec![false; cluster.agents.len()];
        for item in &formulation.assignment.items {
            for &bin in item.eligible.iter() {
                for agent in formulation.agents_of(bin as usize) {
                    usable[agent.at()] = true;
                }
            }
        }
        if let Some(quotas) = ground.quotas {
            quotas.apply(&mut formulation);
        }
        let mut unmet = false;
        for (item, (task, pending)) in formulation.assignment.items.iter_mut().zip(&slice.pending) {
            item.count = share.get(task).copied().unwrap_or(0).min(*pending);
            unmet |= item.count < *pending;
        }
        let answer = solve::answer(
            &**policy,
            &slice,
            (formulation, &rows),
            start,
            Effort::Sketch,
            &self.scene.options,
        );
        let witness = answer.map(|answer| answer.proposal).unwrap_or_default();
        let placed = witness.placements.iter().map(|placed| placed.instances);
        let is_whole = placed.sum::<i64>() >= share.values().sum();
        Some(Sketch {
            witness,
            usable: Some(usable),
            unmet: unmet || !is_whole,
            is_whole,
        })
    }
}

/// Every framework's share in whole pending instances by task. Whoever lost a rounding in earlier plans is first; then who has data
/// on no more than half of the agents, which others do not care for; then the smallest share: a whole instance is most of what a
/// small share is, and little to a large one, which takes what rounding leaves.
fn in_turn(
    state: &State<'_>,
    shares: &Shares,
    context: &Context<'_>,
    wanting: &[FrameworkIdx],
) -> Vec<Turn> {
    let mut sorted =
        (shares.fairness == Fairness::Drf).then(|| super::sorted::counts(state, context));
    let total = rounding::total(state.cluster);
    let rounded = wanting.iter().map(|&framework| match &mut sorted {
        Some(sorted) => (framework, sorted.remove(&framework).unwrap_or_default()),
        None => {
            let share = rounding::rounded_share(state, shares, framework, &total);
            (framework, share)
        }
    });
    let mut rounded: Vec<_> = rounded.collect();
    rounded.sort_by(|(left, left_share), (right, right_share)| {
        let credit = |framework| context.credit(framework);
        let size = |share: &BTreeMap<TaskIdx, i64>| share.values().sum::<i64>();
        // Of data that lies on most agents, enough is left whoever comes first.
        let is_anywhere = |framework: &FrameworkIdx| {
            let near = context.bids[framework.at()].near.len();
            near == 0 || 2 * near > state.cluster.agents.len()
        };
        (credit(*right).total_cmp(&credit(*left)))
            .then_with(|| is_anywhere(left).cmp(&is_anywhere(right)))
            .then_with(|| (size(left_share), *left).cmp(&(size(right_share), *right)))
    });
    rounded
}

/// Gives every agent's leftovers to one framework that may use them: that wants more, then that has data there.
fn hand_out(state: &State<'_>, context: &Context<'_>, claims: Claims<'_>) -> Vec<FirstOffer> {
    let Claims {
        mut claimants,
        free,
        roles,
        is_cut,
    } = claims;
    claimants.sort_by_key(|claimant| claimant.framework);
    let cluster = context.cluster;
    let own = claimants.iter();
    let mut offers: Vec<BTreeMap<AgentIdx, Offer>> = own
        .map(|claimant| of_proposal(cluster, &claimant.witness))
        .collect();
    let free = free.resources.into_iter().zip(free.devices);
    for (agent, (leftover, devices)) in cluster.agent_indices().zip(free) {
        // What is held for a role is re-offered to those below it.
        let mut leftover = Offer {
            agent,
            resources: leftover,
            devices,
        };
        roles.withhold_all(&mut leftover);
        let usable = || {
            let open = |c: &usize| {
                let claimant = &claimants[*c];
                claimant.counts.is_none() && may_use(cluster, claimant, agent)
            };
            (0..claimants.len()).filter(open)
        };
        // What several still want is re-offered in small portions by need: a whole agent would be unfair.
        if usable().filter(|&c| claimants[c].unmet).nth(1).is_some() {
            continue;
        }
        let best = usable().min_by(|&left, &right| {
            let key = |c: usize| {
                let claimant = &claimants[c];
                let near = &context.bids[claimant.framework.at()].near;
                (
                    (!claimant.unmet, near.binary_search(&agent).is_err()),
                    !offers[c].contains_key(&agent),
                    claimant.given / claimant.weight,
                )
            };
            let (left, right) = (key(left), key(right));
            (left.0, left.1)
                .cmp(&(right.0, right.1))
                .then(left.2.total_cmp(&right.2))
        });
        if let Some(best) = best {
            state.leave_useless(claimants[best].framework, &mut leftover);
            claimants[best].given += fraction(&leftover.resources, &cluster.agent(agent).capacity);
            let offer = offers[best]
                .entry(agent)
                .or_insert_with(|| nothing(cluster, agent));
            offer.resources.add(&leftover.resources, 1);
            let offered = offer.devices.iter_mut().flatten();
            for (offered, left) in offered.zip(leftover.devices.iter().flatten()) {
                *offered += left;
            }
        }
    }
    let by_claimant = claimants
        .into_iter()
        .zip(offers)
        .map(|(claimant, offers)| FirstOffer {
            framework: claimant.framework,
            offers: offers.into_values().collect(),
            witness: claimant.witness,
            counts: claimant.counts,
            unmet: claimant.unmet,
            is_cut: is_cut && claimant.served < 1.0,
        });
    by_claimant.collect()
}

/// Whether a claimant may use what is left on an agent. One that was placed on a choice of agents and has its share takes
/// part in re-offers only.
fn may_use(cluster: &Cluster, claimant: &Claimant, agent: AgentIdx) -> bool {
    let of_task = |task: &TaskIdx| cluster.refusal(cluster.task(*task), agent).is_none();
    match &claimant.usable {
        Some(usable) => usable[agent.at()],
        None => {
            let jobs = &cluster.framework(claimant.framework).jobs;
            let mut tasks = jobs.iter().flat_map(|&job| &cluster.job(job).tasks);
            claimant.unmet && tasks.any(of_task)
        }
    }
}

/// Offers of what the instances of a proposal hold, and no more.
pub(super) fn of_proposal(cluster: &Cluster, proposal: &Proposal) -> BTreeMap<AgentIdx, Offer> {
    let mut offers: BTreeMap<AgentIdx, Offer> = BTreeMap::new();
    for placed in &proposal.placements {
        let offer = offers
            .entry(placed.agent)
            .or_insert_with(|| nothing(cluster, placed.agent));
        let demand = &cluster.task(placed.task).demand;
        offer.resources.add(demand, placed.instances);
    }
    for held in &proposal.devices {
        let offer = offers
            .entry(held.agent)
            .or_insert_with(|| nothing(cluster, held.agent));
        devices::add_to(cluster, &mut offer.devices, held);
    }
    offers
}

fn nothing(cluster: &Cluster, agent: AgentIdx) -> Offer {
    Offer {
        agent,
        resources: Quantities::zero(cluster.resources.len()),
        devices: devices::none(cluster, agent),
    }
}

/// The largest fraction of any resource of an agent that `part` is.
fn fraction(part: &Quantities, whole: &Quantities) -> f64 {
    let fractions = part.0.iter().zip(&whole.0).filter(|(_, whole)| **whole > 0);
    fractions
        .map(|(&part, &whole)| part as f64 / whole as f64)
        .fold(0.0, f64::max)
}

fn nonnegative(free: &[Quantities]) -> Vec<Quantities> {
    free.iter()
        .map(|room| Quantities(room.0.iter().map(|&amount| amount.max(0)).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker;
    use crate::engine::release;

    /// Who has no turn before the time for claims is over is told so, and served by re-offers: what nobody claims is not lost.
    #[test]
    fn claims_that_a_clock_ended_are_told() {
        let file = br#"{"version": "apportion/v1",
            "agents": [{"id": "one", "resources": {"cpu_milli": 4000}}],
            "frameworks": [{"id": "f", "policy": "service"}, {"id": "g", "policy": "service"}],
            "jobs": [{"id": "j", "framework": "f",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]},
                     {"id": "k", "framework": "g",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]}]}"#;
        let cluster = crate::snapshot::read(file).expect("the snapshot is valid");
        let hour = Duration::from_secs(3600);
        for (reserve, is_cut) in [(hour / 2, false), (hour, true)] {
            let options = Options {
                deadline: Some(Instant::now() + hour),
                ..Options::default()
            };
            let mut context = Context::new(&cluster, &options);
            context.keep_reserve(reserve);
            let state = State::new(&cluster, release::released(&cluster));
            let shares = broker::shares(&cluster, &context.bids, context.fairness(), &|| false);
            let offers = first_offers(&state, &shares, &context);
            assert_eq!(offers.len(), 2);
            assert!(offers.iter().all(|offer| offer.is_cut == is_cut));
            let claimed = offers.iter().flat_map(|offer| &offer.witness.placements);
            let claimed: i64 = claimed.map(|it| it.instances).sum();
            assert_eq!(claimed, if is_cut { 0 } else { 4 });
        }
    }
}
