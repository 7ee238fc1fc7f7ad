//! The checks, one function each; a failure says which seed, so that it can be looked at alone.

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Proposal, Running, Slice};
use apportion_models::assignment::{Placement, Stop, construct};
use apportion_policies::{Formulation, Policy, Standing, View};

use super::clusters::random;

const SEEDS: std::ops::Range<u64> = 0..200;

/// Every random slice, with its seed.
fn each_slice(policy: &dyn Policy, check: impl Fn(u64, &Slice<'_>)) {
    for seed in SEEDS {
        let cluster = random(seed, policy.name());
        for framework in 0..cluster.frameworks.len() {
            check(seed, &Slice::whole(&cluster, FrameworkIdx::of(framework)));
        }
    }
}

fn formulate(policy: &dyn Policy, slice: &Slice<'_>, seed: u64) -> Formulation {
    policy
        .formulate(slice)
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

fn greedy(formulation: &Formulation) -> Placement {
    construct(&formulation.assignment, None, &Stop::default()).placement
}

pub fn has_a_stable_name(policy: &dyn Policy) {
    let name = policy.name().to_owned();
    assert_eq!(name, policy.name());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    assert!(
        !name.is_empty() && name.chars().all(plain),
        "`{name}` stands in snapshots: plain lower-case letters"
    );
}

pub fn accepts_a_framework_without_parameters_and_refuses_nonsense(policy: &dyn Policy) {
    let mut cluster = random(1, policy.name());
    assert_eq!(policy.check(&cluster, &cluster.frameworks[0]), []);
    cluster.frameworks[0]
        .parameters
        .insert("no such parameter".to_owned(), serde_json::Value::Null);
    let faults = policy.check(&cluster, &cluster.frameworks[0]);
    assert!(
        faults.iter().any(|fault| fault.key == "no such parameter"),
        "an unknown parameter is refused by name"
    );
    assert!(
        faults
            .iter()
            .all(|fault| !fault.cause.is_empty() && !fault.action.is_empty())
    );
}

pub fn bids_for_its_own_tasks_the_same_every_time(policy: &dyn Policy) {
    each_slice(policy, |seed, slice| {
        let (cluster, framework) = (slice.cluster, slice.framework);
        let bid = policy.bid(&View { cluster, framework });
        assert_eq!(bid, policy.bid(&View { cluster, framework }), "seed {seed}");
        let mut tasks: Vec<_> = bid.classes.iter().map(|class| class.task).collect();
        tasks.dedup();
        assert_eq!(tasks.len(), bid.classes.len(), "seed {seed}: a task once");
        let known = |agent: &AgentIdx| agent.at() < cluster.agents.len();
        assert!(bid.near.iter().all(known), "seed {seed}: {:?}", bid.near);
        assert!(bid.near.is_sorted(), "seed {seed}: {:?}", bid.near);
        for class in &bid.classes {
            assert_eq!(cluster.framework_of(class.task), framework, "seed {seed}");
            let wanted = cluster.task(class.task).instances;
            assert!(
                (1..=wanted).contains(&class.instances),
                "seed {seed}: {class:?}"
            );
            assert!(
                class.value >= 1 && (1..=class.instances).contains(&class.unit),
                "seed {seed}: {class:?}"
            );
        }
    });
}

pub fn formulates_valid_models_inside_the_slice(policy: &dyn Policy) {
    each_slice(policy, |seed, slice| {
        let formulation = formulate(policy, slice, seed);
        let model = &formulation.assignment;
        model
            .validate()
            .unwrap_or_else(|faults| panic!("seed {seed}: {faults:?}"));
        assert_eq!(model.items.len(), formulation.items.len(), "seed {seed}");
        assert_eq!(model.bins.len(), formulation.bins.len(), "seed {seed}");
        assert_eq!(
            formulation.stages().len(),
            formulation.roles.len(),
            "seed {seed}"
        );
        let n_stages = formulation.stages().len();
        assert_eq!(n_stages, formulation.constants.len(), "seed {seed}");
        assert_eq!(n_stages, formulation.units.len(), "seed {seed}");
        assert!(
            formulation
                .constants
                .iter()
                .all(|constant| constant.is_finite()),
            "seed {seed}"
        );
        assert_eq!(
            model.faults(&Placement::default()),
            [],
            "seed {seed}: placing nothing breaks no rule"
        );
        for (bin, agent) in model.bins.iter().zip(&formulation.bins) {
            let offer = slice.offers.iter().find(|offer| offer.agent == *agent);
            let offer =
                offer.unwrap_or_else(|| panic!("seed {seed}: {} was not offered", bin.name));
            let within = bin
                .capacity
                .iter()
                .zip(&offer.resources.0)
                .all(|(bin, offer)| bin <= offer);
            assert!(
                within,
                "seed {seed}: {} holds more than was offered",
                bin.name
            );
        }
        for (item, task) in model.items.iter().zip(&formulation.items) {
            let pending = slice
                .pending
                .iter()
                .find(|(it, _)| it == task)
                .map_or(0, |(_, count)| *count);
            assert!(
                item.count <= pending,
                "seed {seed}: {} of {pending} {}",
                item.count,
                item.name
            );
            for &bin in item.eligible.iter() {
                let refusal = slice
                    .cluster
                    .refusal(slice.cluster.task(*task), formulation.bins[bin as usize]);
                assert_eq!(refusal, None, "seed {seed}: {}", item.name);
            }
        }
    });
}

pub fn formulates_the_same_every_time(policy: &dyn Policy) {
    each_slice(policy, |seed, slice| {
        let (once, again) = (
            formulate(policy, slice, seed),
            formulate(policy, slice, seed),
        );
        assert_eq!(once.assignment, again.assignment, "seed {seed}");
        assert_eq!(
            (once.items, once.bins, once.roles),
            (again.items, again.bins, again.roles),
            "seed {seed}"
        );
        assert_eq!(once.constants, again.constants, "seed {seed}");
    });
}

pub fn decodes_answers_into_proposals_inside_the_slice(policy: &dyn Policy) {
    let mut placed = 0;
    for seed in SEEDS {
        let cluster = random(seed, policy.name());
        for framework in 0..cluster.frameworks.len() {
            let slice = Slice::whole(&cluster, FrameworkIdx::of(framework));
            let formulation = formulate(policy, &slice, seed);
            assert_eq!(
                policy.decode(&formulation, &Placement::default()),
                Proposal::default(),
                "seed {seed}"
            );
            let proposal = policy.decode(&formulation, &greedy(&formulation));
            assert_eq!(
                proposal,
                policy.decode(&formulation, &greedy(&formulation)),
                "seed {seed}"
            );
            assert_inside(&slice, &proposal, seed);
            placed += proposal.placements.len();
        }
    }
    assert!(
        placed > 100,
        "only {placed} placements in all: the slices were too empty to show anything"
    );
}

fn assert_inside(slice: &Slice<'_>, proposal: &Proposal, seed: u64) {
    assert!(
        proposal.placements.is_sorted(),
        "seed {seed}: proposals are by (task, agent)"
    );
    let mut pending = slice.pending.clone();
    let mut offers = slice.offers.clone();
    for placed in &proposal.placements {
        let task = slice.cluster.task(placed.task);
        assert_eq!(
            slice.cluster.refusal(task, placed.agent),
            None,
            "seed {seed}: {placed:?}"
        );
        let open = pending
            .iter_mut()
            .find(|(it, _)| *it == placed.task)
            .unwrap();
        let offer = offers
            .iter_mut()
            .find(|offer| offer.agent == placed.agent)
            .unwrap();
        open.1 -= placed.instances;
        offer.resources.subtract(&task.demand, placed.instances);
        let within = open.1 >= 0 && offer.resources.0.iter().all(|&amount| amount >= 0);
        assert!(placed.instances >= 1 && within, "seed {seed}: {placed:?}");
    }
}

/// Agents, jobs and tasks under other names that sort alike give the same model but for its names.
pub fn knows_no_names(policy: &dyn Policy) {
    for seed in SEEDS {
        let before = random(seed, policy.name());
        let after = renamed(&before);
        for framework in 0..before.frameworks.len() {
            let framework = FrameworkIdx::of(framework);
            let left = formulate(policy, &Slice::whole(&before, framework), seed);
            let right = formulate(policy, &Slice::whole(&after, framework), seed);
            let (left_answer, right_answer) = (greedy(&left), greedy(&right));
            assert_eq!(left_answer, right_answer, "seed {seed}");
            let values = |formulation: &Formulation, answer| formulation.assignment.values(answer);
            assert_eq!(
                values(&left, &left_answer),
                values(&right, &right_answer),
                "seed {seed}"
            );
            assert_eq!(
                (left.items, left.bins, left.roles),
                (right.items, right.bins, right.roles),
                "seed {seed}"
            );
        }
    }
}

fn renamed(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone();
    let ids = cluster.agents.iter_mut().map(|agent| &mut agent.id);
    let ids = ids.chain(cluster.jobs.iter_mut().map(|job| &mut job.id));
    for id in ids.chain(cluster.tasks.iter_mut().map(|task| &mut task.id)) {
        id.insert_str(0, "an-other-name-of-");
    }
    cluster
}

pub fn takes_slices_of_nothing(policy: &dyn Policy) {
    each_slice(policy, |seed, slice| {
        let no_offers = Slice {
            offers: Vec::new(),
            ..slice.clone()
        };
        let no_demand = Slice {
            pending: Vec::new(),
            ..slice.clone()
        };
        let nothing = Slice {
            offers: Vec::new(),
            pending: Vec::new(),
            kept: Vec::new(),
            ..slice.clone()
        };
        let mut no_room = slice.clone();
        for offer in &mut no_room.offers {
            offer.resources.0.fill(0);
        }
        for slice in [no_offers, no_demand, nothing, no_room] {
            let formulation = formulate(policy, &slice, seed);
            formulation
                .assignment
                .validate()
                .unwrap_or_else(|faults| panic!("seed {seed}: {faults:?}"));
            let values = formulation.assignment.values(&Placement::default());
            assert!(
                values.iter().all(|value| value.is_finite()),
                "seed {seed}: {values:?}"
            );
            let proposal = policy.decode(&formulation, &greedy(&formulation));
            assert_inside(&slice, &proposal, seed);
        }
    });
}

pub fn measures_finite_numbers(policy: &dyn Policy) {
    each_slice(policy, |seed, slice| {
        let formulation = formulate(policy, slice, seed);
        let mut placements: Vec<Running> = policy
            .decode(&formulation, &greedy(&formulation))
            .placements;
        // A pair may be both kept and placed.
        for kept in &slice.kept {
            match placements
                .iter_mut()
                .find(|it| (it.task, it.agent) == (kept.task, kept.agent))
            {
                Some(placed) => placed.instances += kept.instances,
                None => placements.push(*kept),
            }
        }
        placements.sort_unstable();
        for placements in [&placements[..], &[]] {
            let standing = Standing {
                units: &[],
                cluster: slice.cluster,
                framework: slice.framework,
                placements,
                devices: &[],
                times: &[],
                free: &slice.cluster.free(),
                free_devices: &slice.cluster.free_devices(),
            };
            let metrics = policy.metrics(&standing);
            assert_eq!(metrics, policy.metrics(&standing), "seed {seed}");
            assert!(
                metrics.values().all(|value| value.is_finite()),
                "seed {seed}: {metrics:?}"
            );
        }
    });
}
