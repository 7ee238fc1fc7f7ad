//! A plan with a preemption, and what can be wrong with it.

use apportion::verify::Rule;
use apportion_cluster::Cluster;
use apportion_cluster::plan::{GuaranteeResult, PlanFile, Preemption, Victim};

use super::Mutation;
use super::build;

/// One agent of 4 cpu, on which two instances of 2 run for `low`; `high` is under its guarantee of 2, and one of the two
/// goes for its job.
pub fn case() -> (Cluster, PlanFile) {
    case_of(2, 0)
}

/// The same with these guarantees of `high` and `low`.
fn case_of(high: i64, low: i64) -> (Cluster, PlanFile) {
    let mut cluster = build::empty_cluster(vec![build::agent("a", 0)]);
    cluster.roles = vec![build::role("high", 1.0), build::role("low", 1.0)];
    cluster.agents[0].domains.clear();
    for (at, (id, guarantee)) in [("high", high), ("low", low)].into_iter().enumerate() {
        cluster.roles[at].guarantee.0 = vec![guarantee];
        cluster.roles[at].limit = vec![None];
        build::add_framework(&mut cluster, id);
        cluster.frameworks[at].role = apportion_cluster::RoleIdx::of(at);
        build::add_task(
            &mut cluster,
            &format!("of-{id}"),
            "t",
            1 + at as i64,
            1,
            &[2],
        );
    }
    // What stays, first: offers and stages follow from it.
    cluster.running = vec![build::running(1, 0, 1)];
    let mut plan = build::plan(&cluster, &[(0, 0, 1), (1, 0, 1)], &[]);
    cluster.running[0].instances = 2;
    plan.options.preempt = true;
    plan.preemptions = vec![Preemption {
        job: "of-high".to_owned(),
        role: "high".to_owned(),
        placed: vec![build::placement(&cluster, (0, 0, 1))],
        victims: vec![Victim {
            job: "of-low".to_owned(),
            task: "t".to_owned(),
            agent: "a".to_owned(),
            instances: 1,
            moved: 0,
        }],
    }];
    plan.unplaced[0].reason.code = "preempted".to_owned();
    plan.unplaced[0].reason.text = "1 ran on a and made room for of-high".to_owned();
    for (role, amount) in [("high", high), ("low", low)] {
        if amount > 0 {
            plan.guarantees.push(GuaranteeResult {
                role: role.to_owned(),
                fraction: 2.0 / amount.max(2) as f64,
                amounts: [("cpu".to_owned(), amount.min(2))].into(),
                idle: "hold".to_owned(),
                held: Vec::new(),
            });
        }
    }
    (cluster, plan)
}

fn changed(change: impl FnOnce(&mut Cluster, &mut PlanFile)) -> (Cluster, PlanFile) {
    let (mut cluster, mut plan) = case();
    change(&mut cluster, &mut plan);
    (cluster, plan)
}

macro_rules! mutations {
    ($($name:literal => [$($rule:ident),+], $make:expr;)*) => {
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, rules: &[$(Rule::$rule),+], make: $make },)*
        ];
    };
}

mutations! {
    "displaced though nobody asked for it" => [Preemption], || changed(|_, it| it.options.preempt = false);
    "displaced for a role that is not above" => [Preemption], || changed(|_, it| {
        it.preemptions[0].role = "low".to_owned();
    });
    "displaced by a role of its own" => [Preemption], || changed(|cluster, _| {
        cluster.frameworks[1].role = apportion_cluster::RoleIdx::of(0);
    });
    "displaced for nothing" => [Preemption], || changed(|_, it| it.preemptions[0].placed.clear());
    "displaced for more than is placed" => [Preemption], || changed(|_, it| {
        it.preemptions[0].placed[0].instances = 2;
    });
    "displaced for another job" => [Preemption], || changed(|_, it| {
        it.preemptions[0].placed[0].job = "of-low".to_owned();
    });
    "displaced beyond the guarantee" => [Preemption], || case_of(1, 0);
    "a role loses what is guaranteed to it" => [Preemption], || case_of(2, 3);
    "displaced though there is room" => [Preemption], || changed(|cluster, _| {
        cluster.agents[0].capacity.0[0] = 6;
    });
    "displaced without a word" => [Preemption], || changed(|_, it| {
        it.unplaced[0].reason.code = "no_room".to_owned();
    });
    "displaced for somebody who is not named" => [Preemption], || changed(|_, it| {
        it.unplaced[0].reason.text = "it had to go".to_owned();
    });
    "said to be displaced and is not" => [Preemption], || {
        let (cluster, mut plan) = changed(|cluster, _| cluster.running[0].instances = 1);
        plan.preemptions.clear();
        (cluster, plan)
    };
    "displaced beyond the moves of its job" => [Moves], || changed(|cluster, _| {
        cluster.jobs[1].max_moves = Some(0);
    });
    "displaced and unknown" => [UnknownName, Preemption], || changed(|_, it| {
        let mut victim = it.preemptions[0].victims[0].clone();
        victim.job = "nobody".to_owned();
        it.preemptions[0].victims.push(victim);
    });
}
