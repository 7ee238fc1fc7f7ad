//! Naive loops are fast enough: large plans are judged in a second or two.

use std::time::{Duration, Instant};

use apportion::verify::{Rule, verify};
use apportion_cluster::plan::{AgentClassFile, FairnessCertificate, PlanFile, RowDual, Share};
use apportion_cluster::{Cluster, DomainIdx, Level, LevelIdx, LimitRule, SpreadRule};

use super::build;

const GENEROUS: Duration = Duration::from_secs(4);

/// Agents of 64 cpu in racks of 40 and zones of 1,000; jobs of one task each over `n_frameworks`.
fn cluster(n_agents: usize, n_tasks: usize, instances: i64, n_frameworks: usize) -> Cluster {
    let mut agents = Vec::new();
    for at in 0..n_agents {
        let mut agent = build::agent(&format!("a{at:05}"), 0);
        agent.capacity.0[0] = 64;
        agent.domains = vec![DomainIdx::of(at / 40), DomainIdx::of(at / 1_000)];
        agents.push(agent);
    }
    let mut cluster = build::empty_cluster(agents);
    for (name, size) in [("rack", 40), ("zone", 1_000)] {
        cluster.levels.push(Level {
            name: name.to_owned(),
            declared: true,
            domains: (0..=n_agents / size)
                .map(|it| format!("{name}{it}"))
                .collect(),
        });
    }
    for framework in 0..n_frameworks {
        build::add_framework(&mut cluster, &format!("f{framework:04}"));
        for task in 0..n_tasks / n_frameworks {
            let job = format!("j{framework:04}-{task:04}");
            build::add_task(&mut cluster, &job, "t", instances, 1, &[4]);
            let it = cluster.tasks.last_mut().unwrap();
            it.limits.push(LimitRule {
                level: LevelIdx::of(0),
                max: instances,
                group: None,
            });
            it.spreads.push(SpreadRule {
                level: LevelIdx::of(1),
                max_skew: instances,
                hard: true,
                group: None,
            });
        }
    }
    cluster
}

/// Everything placed, round robin.
fn plan(cluster: &Cluster, instances: i64) -> PlanFile {
    let mut placed = Vec::new();
    let mut agent = 0;
    for task in 0..cluster.tasks.len() {
        let mut here: Vec<usize> = Vec::new();
        for _ in 0..instances {
            here.push(agent % cluster.agents.len());
            agent += 1;
        }
        here.sort_unstable();
        for chunk in here.chunk_by(|left, right| left == right) {
            let count = i64::try_from(chunk.len()).unwrap();
            placed.push((task, chunk[0], count));
        }
    }
    build::plan(cluster, &placed, &[])
}

/// A certificate of the usual shape: every agent a class member, a demand row per task. Its numbers are not
/// those of a fair share, which only the certificate's own rules mind.
fn certify(cluster: &Cluster, plan: &mut PlanFile, n_classes: usize) {
    let classes = (0..n_classes).map(|class| AgentClassFile {
        name: format!("s{class}"),
        agents: cluster
            .agents
            .iter()
            .skip(class)
            .step_by(n_classes)
            .map(|it| it.id.clone())
            .collect(),
    });
    let duals = cluster.tasks.iter().map(|task| {
        let job = &cluster.jobs[task.job.at()];
        RowDual {
            row: format!("demand[{}/{}]", job.id, task.id),
            owners: vec![cluster.frameworks[job.framework.at()].id.clone()],
            value: 1.0,
            rhs: task.instances as f64,
        }
    });
    plan.fairness = Some(FairnessCertificate {
        rule: "nash".to_owned(),
        epsilon: Some(0.0),
        epsilon_fractional: 0.0,
        epsilon_one_unit: None,
        classes: classes.collect(),
        prices: Vec::new(),
        duals: duals.collect(),
        prices_fractional: Vec::new(),
        duals_fractional: Vec::new(),
        floor_witness: Vec::new(),
        excluded: Vec::new(),
        envy: Vec::new(),
        price_of_fairness: None,
    });
    for result in &mut plan.frameworks {
        result.share = Some(Share {
            weight: 0.0,
            unit: 1.0,
            utility: result.placed as f64,
            deserved: result.placed as f64,
            offered: result.placed as f64,
            accepted: result.placed as f64,
            borrowed: 0.0,
            lent: 0.0,
            floor: 0.0,
            rent: 0.0,
            priced_bundle: 0.0,
            margin: None,
            granularity: 0.0,
            fragmentation: 0.0,
            credit: 0.0,
            bound_by: Vec::new(),
            text: String::new(),
        });
    }
}

fn assert_fast(cluster: &Cluster, plan: &mut PlanFile, n_classes: usize) {
    for result in &mut plan.frameworks {
        for stage in result
            .stages
            .iter_mut()
            .filter(|it| it.name != "agents_used")
        {
            stage.proof = Some(apportion_cluster::plan::Proof::Combinatorial);
        }
    }
    certify(cluster, plan, n_classes);
    let begun = Instant::now();
    let report = verify(cluster, plan);
    let took = begun.elapsed();
    let placements = [
        Rule::Capacity,
        Rule::Once,
        Rule::Limit,
        Rule::Spread,
        Rule::Offers,
        Rule::Objective,
    ];
    assert!(
        report
            .violations
            .iter()
            .all(|it| !placements.contains(&it.rule))
    );
    assert!(took < GENEROUS, "{took:?}");
    println!(
        "{} agents, {} tasks: {took:?}",
        cluster.agents.len(),
        cluster.tasks.len()
    );
}

#[test]
fn five_thousand_agents_twenty_thousand_instances() {
    let cluster = cluster(5_000, 30, 660, 3);
    let mut plan = plan(&cluster, 660);
    assert_fast(&cluster, &mut plan, 60);
}

#[test]
fn a_thousand_agents_a_thousand_tasks() {
    let cluster = cluster(1_000, 1_000, 16, 20);
    let mut plan = plan(&cluster, 16);
    assert_fast(&cluster, &mut plan, 60);
}
