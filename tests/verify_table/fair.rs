//! Two frameworks on one agent, certified by hand.
//!
//! One agent has 9,000 cpu and 18,000 memory; `a` wants <1,4>, `b` wants <3,1>, with equal weights; `c` wants
//! more than there is and is left out. The plan holds 3,000 and 2,000: prices `p` of cpu and `m` of memory
//! with `p + 4m = 0.5/3000` and `3p + m = 0.5/2000` give 9,000 p + 18,000 m = 12/11. The fair fractional share
//! is 45,000/11 and 18,000/11.

use apportion_cluster::plan::{
    AgentClassFile, Brokering, ClassPrice, Envy, Excluded, FairnessCertificate, FloorWitness,
    PlanFile, Proof, RowDual, Share, WelfareResult,
};
use apportion_cluster::{Cluster, Quantities};

use super::build;

pub const DEMAND_DUAL: f64 = 1e-5;
pub const FIT_DUAL: f64 = 1e-6;

pub fn cluster() -> Cluster {
    let mut agent = build::agent("m", 0);
    agent.capacity = Quantities(vec![9_000, 18_000]);
    agent.domains.clear();
    let mut cluster = build::empty_cluster(vec![agent]);
    cluster.resources = vec!["cpu".to_owned(), "memory".to_owned()];
    build::add_framework(&mut cluster, "a");
    build::add_task(&mut cluster, "ja", "t", 10_000, 1, &[1, 4]);
    build::add_framework(&mut cluster, "b");
    build::add_task(&mut cluster, "jb", "t", 10_000, 1, &[3, 1]);
    build::add_framework(&mut cluster, "c");
    build::add_task(&mut cluster, "jc", "t", 1, 1, &[20_000, 1]);
    cluster
}

/// The plan with 3,000 of `a` and 2,000 of `b`. A dual of `a`'s demand pays for its floor, and one of `b`'s
/// fit for nothing: both are allowed, and show in the rents.
pub fn case() -> (Cluster, PlanFile) {
    let cluster = cluster();
    let mut plan = build::plan(&cluster, &[(0, 0, 3_000), (1, 0, 2_000)], &[]);
    plan.options.mode = "brokered".to_owned();
    let memory = 0.25 / 11.0 / 1_000.0;
    let cpu = 0.5 / 3_000.0 - 4.0 * memory;
    let epsilon = 12.0 / 11.0 + DEMAND_DUAL * (4_500.0 - 2_250.0) + FIT_DUAL * 3_000.0 - 1.0;
    plan.frameworks[0].share = Some(share(
        3_000.0,
        45_000.0 / 11.0,
        4_500.0,
        2_250.0,
        DEMAND_DUAL * 9_000.0,
    ));
    plan.frameworks[1].share = Some(share(
        2_000.0,
        18_000.0 / 11.0,
        3_000.0,
        1_500.0,
        FIT_DUAL * 6_000.0,
    ));
    plan.fairness = Some(FairnessCertificate {
        rule: "nash".to_owned(),
        epsilon: Some(epsilon),
        epsilon_fractional: 0.0,
        epsilon_one_unit: Some(epsilon),
        classes: vec![AgentClassFile {
            name: "s1".to_owned(),
            agents: vec!["m".to_owned()],
        }],
        prices: prices(cpu, memory),
        duals: vec![
            dual("demand[ja/t]", "a", DEMAND_DUAL, 4_500.0),
            dual("fit[jb/t,s1]", "b", FIT_DUAL, 3_000.0),
            dual("floor[a]", "a", DEMAND_DUAL, 2_250.0),
        ],
        prices_fractional: prices(1e-4, 1e-4 / 18.0),
        duals_fractional: Vec::new(),
        floor_witness: vec![witness("ja", 2_250.0), witness("jb", 1_500.0)],
        excluded: vec![Excluded {
            framework: "c".to_owned(),
            reason: "needs 20000 cpu on one agent".to_owned(),
        }],
        envy: vec![envy("a", "b"), envy("b", "a")],
        price_of_fairness: Some(0.0),
    });
    (cluster, plan)
}

/// Welfare and brokering of the plan with 3,000 and 2,000: the fractional share, which is the best, has the bound. The floor of `a` is
/// whole, so that its dual is worth no more for whole instances. A monolithic plan had 3,600 and 1,800.
pub fn priced() -> (Cluster, PlanFile) {
    let (cluster, mut plan) = case();
    let mean = |a: f64, b: f64| 0.5 * a.ln() + 0.5 * b.ln();
    let (objective, best) = (
        mean(3_000.0, 2_000.0),
        mean(45_000.0 / 11.0, 18_000.0 / 11.0),
    );
    let known = mean(3_600.0, 1_800.0);
    plan.welfare = Some(WelfareResult {
        objective,
        bound: best,
        gap: 1.0 - (objective - best).exp(),
        proof: Proof::Multipliers,
    });
    plan.brokering = Some(Brokering {
        price: Some(1.0 - (objective - known).exp()),
        price_bound: 1.0 - (objective - best).exp(),
        division_loss: [known - objective - 0.01, best - objective],
        solver_loss: [0.0, 0.01],
    });
    (cluster, plan)
}

/// `b` holds nothing: only the certificate for one more unit each is there.
pub fn starved() -> (Cluster, PlanFile) {
    let (cluster, full) = case();
    let mut plan = build::plan(&cluster, &[(0, 0, 3_000)], &[]);
    plan.options.mode = "brokered".to_owned();
    let mut certificate = full.fairness.unwrap();
    certificate.epsilon = None;
    certificate.prices = prices(0.25, 0.0);
    certificate.duals.clear();
    certificate.epsilon_one_unit = Some(0.25 * 9_000.0 - 1.0);
    certificate.envy[0].priced_bundle = 0.0;
    certificate.envy[0].bound = 0.0;
    certificate.envy[1].priced_bundle = 0.25 * 3_000.0 / 0.5;
    // Prices prove what one unit more is worth: so does the bound on envy.
    certificate.envy[1].bound = 0.25 * 3_000.0 / 0.5;
    plan.fairness = Some(certificate);
    plan.frameworks[0].share = Some(Share {
        priced_bundle: 0.25 * 3_000.0 / 0.5,
        ..share(3_000.0, 45_000.0 / 11.0, 4_500.0, 2_250.0, 0.0)
    });
    plan.frameworks[1].share = Some(Share {
        priced_bundle: 0.0,
        ..share(0.0, 18_000.0 / 11.0, 3_000.0, 1_500.0, 0.0)
    });
    (cluster, plan)
}

/// Two agents of 1,000 and two frameworks with tasks of 600: class totals alone would let three tasks in.
/// The dual of the row that counts tasks of more than half an agent proves that two is all.
pub fn halves() -> (Cluster, PlanFile) {
    let mut agents = vec![build::agent("m", 0), build::agent("n", 0)];
    for agent in &mut agents {
        agent.capacity = Quantities(vec![1_000]);
        agent.domains.clear();
    }
    let mut cluster = build::empty_cluster(agents);
    build::add_framework(&mut cluster, "a");
    build::add_task(&mut cluster, "ja", "t", 5, 1, &[600]);
    build::add_framework(&mut cluster, "b");
    build::add_task(&mut cluster, "jb", "t", 5, 1, &[600]);
    let mut plan = build::plan(&cluster, &[(0, 0, 1), (1, 1, 1)], &[]);
    plan.options.mode = "brokered".to_owned();
    for result in &mut plan.frameworks {
        result.share = Some(Share {
            offered: 2.0,
            priced_bundle: 0.0,
            ..share(1.0, 1.0, 2.0, 5.0 / 6.0, 1.0)
        });
    }
    let half = RowDual {
        row: "half[s1,cpu]".to_owned(),
        owners: vec!["a".to_owned(), "b".to_owned()],
        value: 0.5,
        rhs: 2.0,
    };
    let (_, full) = case();
    let certificate = full.fairness.unwrap();
    plan.fairness = Some(FairnessCertificate {
        epsilon: Some(0.0),
        epsilon_one_unit: None,
        classes: vec![AgentClassFile {
            name: "s1".to_owned(),
            agents: vec!["m".to_owned(), "n".to_owned()],
        }],
        prices: Vec::new(),
        duals: vec![half.clone()],
        prices_fractional: Vec::new(),
        duals_fractional: vec![half],
        floor_witness: vec![witness("ja", 5.0 / 6.0), witness("jb", 5.0 / 6.0)],
        excluded: Vec::new(),
        envy: ["a", "b"]
            .map(|other| Envy {
                framework: if other == "a" { "b" } else { "a" }.to_owned(),
                other: other.to_owned(),
                priced_bundle: 0.0,
                bound: 1.0,
            })
            .to_vec(),
        ..certificate
    });
    (cluster, plan)
}

pub fn prices(cpu: f64, memory: f64) -> Vec<ClassPrice> {
    [("cpu", cpu), ("memory", memory)]
        .map(|(resource, price)| ClassPrice {
            class: "s1".to_owned(),
            agents: Vec::new(),
            resource: resource.to_owned(),
            price,
        })
        .to_vec()
}

fn dual(row: &str, owner: &str, value: f64, rhs: f64) -> RowDual {
    RowDual {
        row: row.to_owned(),
        owners: vec![owner.to_owned()],
        value,
        rhs,
    }
}

fn witness(job: &str, instances: f64) -> FloorWitness {
    FloorWitness {
        job: job.to_owned(),
        task: "t".to_owned(),
        class: "s1".to_owned(),
        instances,
    }
}

fn envy(framework: &str, other: &str) -> Envy {
    Envy {
        framework: framework.to_owned(),
        other: other.to_owned(),
        priced_bundle: 1.0,
        bound: match framework {
            "a" => 3_000.0 * (1.0 + DEMAND_DUAL * 9_000.0),
            _ => 2_000.0 * (1.0 + FIT_DUAL * 6_000.0),
        },
    }
}

fn share(utility: f64, deserved: f64, offered: f64, floor: f64, rent: f64) -> Share {
    Share {
        weight: 0.5,
        unit: 1.0,
        utility,
        deserved,
        offered,
        accepted: utility,
        borrowed: (utility - deserved).max(0.0),
        lent: (deserved - utility).max(0.0),
        floor,
        rent,
        priced_bundle: 1.0,
        margin: Some(utility / floor),
        granularity: (deserved - utility).clamp(0.0, 1.0),
        fragmentation: (deserved - utility - 1.0).max(0.0),
        credit: ((deserved - utility) / deserved).max(-1.0),
        bound_by: Vec::new(),
        text: "by hand".to_owned(),
    }
}
