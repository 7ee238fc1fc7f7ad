//! Tampered shares and certificates.

use apportion::verify::{Rule, verify};
use apportion_cluster::Cluster;
use apportion_cluster::plan::{
    Brokering, Envy, FairnessCertificate, PlanFile, Proof, Share, WelfareResult,
};

use super::{Mutation, fair};

macro_rules! mutations {
    ($($name:literal => [$($rule:ident),+], $make:expr;)*) => {
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, rules: &[$(Rule::$rule),+], make: $make },)*
        ];
    };
}

fn certified(change: impl FnOnce(&mut FairnessCertificate)) -> (Cluster, PlanFile) {
    let (cluster, mut plan) = fair::case();
    change(plan.fairness.as_mut().unwrap());
    (cluster, plan)
}

fn priced(change: impl FnOnce(&mut WelfareResult, &mut Brokering)) -> (Cluster, PlanFile) {
    let (cluster, mut plan) = fair::priced();
    change(
        plan.welfare.as_mut().unwrap(),
        plan.brokering.as_mut().unwrap(),
    );
    (cluster, plan)
}

fn shared(change: impl FnOnce(&mut Share)) -> (Cluster, PlanFile) {
    let (cluster, mut plan) = fair::case();
    change(plan.frameworks[0].share.as_mut().unwrap());
    (cluster, plan)
}

mutations! {
    "utility is too high" => [Share], || shared(|it| { it.utility += 1.0; });
    "accepted is too high" => [Share], || shared(|it| it.accepted += 1.0);
    "offered is too high" => [Share], || shared(|it| it.offered += 1.0);
    "borrowed is invented" => [Share], || shared(|it| it.borrowed = 5.0);
    "lent is hidden" => [Share], || shared(|it| it.lent = 0.0);
    "a share is missing" => [Share, UnknownName, Epsilon, Envy], || {
        let (cluster, mut plan) = fair::case();
        plan.frameworks[1].share = None;
        (cluster, plan)
    };
    "a weight is too high" => [Weight], || shared(|it| it.weight = 0.6);
    "a framework that could be placed is excluded" => [Excluded], || {
        let (mut cluster, plan) = fair::case();
        cluster.tasks[2].demand.0[0] = 9_000;
        (cluster, plan)
    };
    "the certificate is missing" => [Classes], || {
        let (cluster, mut plan) = fair::case();
        plan.fairness = None;
        for result in &mut plan.frameworks {
            result.share = None;
        }
        (cluster, plan)
    };
    "an unknown fairness rule" => [Classes], || certified(|it| it.rule = "drf".to_owned());
    "an agent is in two classes" => [Classes], || certified(|it| {
        let mut again = it.classes[0].clone();
        again.name = "s2".to_owned();
        it.classes.push(again);
    });
    "a price is negative" => [Duals], || certified(|it| it.prices.push(apportion_cluster::plan::ClassPrice {
        class: { it.classes.push(class_of_nobody()); "s9".to_owned() },
        agents: Vec::new(),
        resource: "cpu".to_owned(),
        price: -1.0,
    }));
    "a price is of other agents than its class" => [Classes], || certified(|it| it.prices[0].agents = vec!["n".to_owned()]);
    "a dual is negative" => [Duals, Columns, Epsilon, Rent], || certified(|it| it.duals[0].value = -1e-5);
    "a right-hand side is too small" => [Rows, Epsilon, Rent], || certified(|it| it.duals[0].rhs = 4_000.0);
    "a fit is too small" => [Rows, Epsilon, Rent], || certified(|it| it.duals[1].rhs = 1_000.0);
    "a row has another owner" => [Rows], || certified(|it| it.duals[0].owners = vec!["b".to_owned()]);
    "a half row counts one agent of two" => [Rows, Epsilon, Rent], || {
        let (cluster, mut plan) = fair::halves();
        plan.fairness.as_mut().unwrap().duals[0].rhs = 1.0;
        (cluster, plan)
    };
    "prices are too low" => [Columns], || {
        let (cluster, mut plan) = fair::case();
        let it = plan.fairness.as_mut().unwrap();
        // All the money of memory on cpu: the same total, but memory is the scarcer to `a`.
        it.prices_fractional = fair::prices(1.0 / 9_000.0, 0.0);
        assert!((it.epsilon_fractional).abs() < 1e-12);
        (cluster, plan)
    };
    "a floor is out of reach of its witness" => [Floors, Epsilon], || certified(|it| it.duals[2].rhs = 3_000.0);
    "a witness takes more than its fraction" => [Floors], || {
        // Each below a role of its own: within one role, what one leaves is the other's.
        let (mut cluster, mut plan) = fair::case();
        cluster.roles.push(super::build::role("s", 1.0));
        cluster.frameworks[1].role = apportion_cluster::RoleIdx::of(1);
        plan.fairness.as_mut().unwrap().floor_witness[0].instances = 2_300.0;
        (cluster, plan)
    };
    "a witness takes more than fits" => [Floors], || certified(|it| it.floor_witness[0].instances = 4_600.0);
    "a witness is negative" => [Floors], || certified(|it| it.floor_witness[1].instances = -1.0);
    "a published floor is beyond its witness" => [Floors, Share], || shared(|it| it.floor = 2_300.0);
    "epsilon is too small" => [Epsilon], || certified(|it| {
        it.epsilon = Some(0.01);
        it.epsilon_one_unit = None;
    });
    "epsilon is hidden" => [Epsilon], || certified(|it| it.epsilon = None);
    "epsilon hides that a framework holds nothing" => [Epsilon], || {
        let (cluster, mut plan) = fair::starved();
        let it = plan.fairness.as_mut().unwrap();
        it.epsilon = it.epsilon_one_unit;
        (cluster, plan)
    };
    "epsilon for the fractional share is too small" => [Epsilon], || certified(|it| it.epsilon_fractional = -0.5);
    "a rent is wrong" => [Rent, Envy], || shared(|it| it.rent = 1.0);
    "an envy number is wrong" => [Envy], || certified(|it| it.envy[0].priced_bundle = 0.1);
    "an envy pair is missing" => [Envy], || certified(|it| { it.envy.pop(); });
    "an envy pair of strangers" => [UnknownName], || certified(|it| it.envy.push(Envy {
        framework: "nobody".to_owned(),
        other: "a".to_owned(),
        priced_bundle: 1.0,
        bound: 1.0,
    }));
    "a subtree holds more than its limit" => [RoleLimit], || {
        let (mut cluster, plan) = fair::case();
        cluster.roles[0].limit[0] = Some(8_000);
        (cluster, plan)
    };
    "nothing is said of a guarantee" => [Guarantee], || {
        let (mut cluster, plan) = fair::case();
        cluster.roles.push(super::build::role("s", 1.0));
        cluster.roles[1].guarantee.0[0] = 100;
        (cluster, plan)
    };
    "a bound on envy is wrong" => [Envy], || certified(|it| it.envy[1].bound *= 0.9);
    "a priced bundle is wrong" => [Envy], || shared(|it| it.priced_bundle = 0.5);
    "a margin is wrong" => [Share], || shared(|it| it.margin = Some(2.0));
    "rounding is hidden in fragmentation" => [Share], || shared(|it| it.granularity = 0.5);
    "credit out of nothing" => [Share], || shared(|it| it.credit += 1.0);
    "an unknown class" => [UnknownName], || certified(|it| {
        it.prices.push(fair::prices(0.0, 0.0).remove(0));
        it.prices.last_mut().unwrap().class = "s7".to_owned();
    });
    "one unit is more than it is" => [Share], || shared(|it| it.unit = 2.0);
    "more welfare than there is" => [Welfare], || priced(|it, _| {
        it.objective += 0.01;
        it.gap = 1.0 - (it.objective - it.bound).exp();
    });
    "a bound on welfare is tighter than its proof" => [Welfare], || priced(|it, _| {
        it.bound -= 0.01;
        it.gap = 1.0 - (it.objective - it.bound).exp();
    });
    "a bound by search below the plan" => [Welfare], || priced(|it, _| {
        it.bound = it.objective - 0.01;
        it.proof = Proof::Search;
        it.gap = 1.0 - (it.objective - it.bound).exp();
    });
    "a gap in welfare is too small" => [Welfare], || priced(|it, _| it.gap *= 0.5);
    "a bound on welfare by counting" => [Welfare], || priced(|it, _| it.proof = Proof::Combinatorial);
    "the bound on the price is too small" => [Brokering], || priced(|_, it| it.price_bound -= 0.01);
    "a price above its bound" => [Brokering], || priced(|_, it| {
        it.price = Some(it.price_bound + 0.01);
        let gained = -(1.0 - it.price.unwrap()).ln();
        it.division_loss = [gained - it.solver_loss[1], gained];
    });
    "a price that the losses do not follow" => [Brokering], || priced(|_, it| it.price = Some(0.02));
    "division can cost more than is claimed" => [Brokering], || priced(|_, it| it.division_loss[1] -= 0.01);
    "division costs less than is known" => [Brokering], || priced(|_, it| it.division_loss[0] -= 0.005);
    "a solver loss that is certain" => [Brokering], || priced(|_, it| it.solver_loss[0] = 0.005);
    "a price of another mode" => [Brokering], || {
        let (cluster, mut plan) = fair::priced();
        plan.options.mode = "monolithic".to_owned();
        (cluster, plan)
    };
    "welfare without a certificate" => [Welfare], || {
        let (cluster, mut plan) = fair::priced();
        plan.fairness = None;
        plan.brokering = None;
        plan.options.mode = "greedy".to_owned();
        for result in &mut plan.frameworks {
            result.share = None;
        }
        (cluster, plan)
    };
    "an unknown row" => [UnknownName], || certified(|it| {
        it.duals.push(it.duals[0].clone());
        it.duals.last_mut().unwrap().row = "wish[ja/t]".to_owned();
    });
}

fn class_of_nobody() -> apportion_cluster::plan::AgentClassFile {
    apportion_cluster::plan::AgentClassFile {
        name: "s9".to_owned(),
        agents: Vec::new(),
    }
}

#[test]
fn a_framework_with_nothing_is_certified_with_one_more_unit() {
    let (cluster, plan) = fair::starved();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
}

#[test]
fn half_rows_count_agents() {
    let (cluster, plan) = fair::halves();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
}

/// Lowering any one price, or the dual that a column leans on, is found, whatever the epsilon claims.
#[test]
fn cheaper_prices_are_found() {
    for at in 0..2 {
        let (cluster, mut plan) = fair::case();
        let certificate = plan.fairness.as_mut().unwrap();
        certificate.prices[at].price *= 0.99;
        let report = verify(&cluster, &plan);
        assert!(
            report.violations.iter().any(|it| it.rule == Rule::Columns),
            "{report:#?}"
        );
        assert!(
            report.violations.iter().any(|it| it.rule == Rule::Epsilon),
            "{report:#?}"
        );
    }
}

#[test]
fn weights_follow_the_role_tree() {
    // a below r (weight 1), b below s/x (weights 3, then alone): 1/4 and 3/4.
    let (mut cluster, mut plan) = fair::case();
    cluster.roles.push(super::build::role("s", 3.0));
    cluster.roles.push(super::build::role("s/x", 5.0));
    cluster.frameworks[1].role = apportion_cluster::RoleIdx::of(2);
    let weights = [0.25, 0.75];
    for (result, weight) in plan.frameworks.iter_mut().zip(weights) {
        result.share.as_mut().unwrap().weight = weight;
    }
    let report = verify(&cluster, &plan);
    assert!(
        report.violations.iter().all(|it| it.rule != Rule::Weight),
        "{report:#?}"
    );
}

/// The jobs of two frameworks need not come in the order of their frameworks.
#[test]
fn jobs_of_frameworks_may_interleave() {
    let (mut cluster, straight) = fair::case();
    for at in [0, 1] {
        cluster.frameworks[at].jobs = vec![apportion_cluster::JobIdx::of(1 - at)];
        cluster.jobs[at].framework = apportion_cluster::FrameworkIdx::of(1 - at);
    }
    let mut plan = super::build::plan(&cluster, &[(0, 0, 3_000), (1, 0, 2_000)], &[]);
    plan.options = straight.options;
    plan.fairness = straight.fairness;
    for (at, result) in straight.frameworks.into_iter().enumerate().take(2) {
        plan.frameworks[1 - at].share = result.share;
    }
    let certificate = plan.fairness.as_mut().unwrap();
    for dual in &mut certificate.duals {
        let other = if dual.owners[0] == "a" { "b" } else { "a" };
        dual.owners = vec![other.to_owned()];
        dual.row = dual.row.replace("floor[a]", "floor[b]");
    }
    for envy in &mut certificate.envy {
        std::mem::swap(&mut envy.framework, &mut envy.other);
    }
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
}
