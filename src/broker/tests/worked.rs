//! Small clusters whose shares are known by hand.

use serde_json::{Value, json};

use super::support::{agent, certified, close, cluster, framework, job, shared};
use apportion_cluster::Cluster;

fn nine_and_eighteen() -> Cluster {
    cluster(
        json!([agent(
            "one",
            json!({"cpu_milli": 9000, "memory_mib": 18000})
        )]),
        json!([framework("a", 1.0), framework("b", 1.0)]),
        json!([
            job("a", 100, 1, json!({"cpu_milli": 1000, "memory_mib": 4000})),
            job("b", 100, 1, json!({"cpu_milli": 3000, "memory_mib": 1000}))
        ]),
    )
}

#[test]
fn two_frameworks_share_one_agent_at_its_prices() {
    let cluster = nine_and_eighteen();
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 45.0 / 11.0);
    close(shares.frameworks[1].deserved, 18.0 / 11.0);
    close(certificate.epsilon_fractional, 0.0);
    // Weights are 1/2 each, so prices are half of those for weights of 1.
    let price = |resource: &str| {
        certificate
            .prices_fractional
            .iter()
            .find(|it| it.resource == resource)
            .unwrap()
            .price
    };
    close(price("cpu_milli") * 1000.0, 0.1);
    close(price("memory_mib") * 1000.0, 1.0 / 180.0);
}

#[test]
fn whole_allocations_miss_by_what_the_certificate_says() {
    let cluster = nine_and_eighteen();
    let certificate = certified(&cluster, &[("a-100-1", "one", 3), ("b-100-1", "one", 2)]);
    close(certificate.epsilon.unwrap(), 1.0 / 11.0);
    assert!(certificate.epsilon_one_unit.unwrap() < certificate.epsilon.unwrap());
    assert_eq!(certificate.envy.len(), 2);
    let starved = certified(&cluster, &[("a-100-1", "one", 4)]);
    assert_eq!(starved.epsilon, None);
    assert!(starved.epsilon_one_unit.unwrap().is_finite());
}

#[test]
fn who_needs_the_scarce_resource_gets_all_of_it() {
    let cluster = cluster(
        json!([
            agent("g", json!({"cpu_milli": 8000, "gpu_milli": 4000})),
            agent("h", json!({"cpu_milli": 8000}))
        ]),
        json!([framework("batch", 1.0), framework("ml", 1.0)]),
        json!([
            job("batch", 100, 1, json!({"cpu_milli": 1000})),
            job("ml", 100, 1, json!({"cpu_milli": 1000, "gpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 12.0);
    close(shares.frameworks[1].deserved, 4.0);
    close(certificate.epsilon_fractional, 0.0);
    let counts = [("batch-100-1", "h", 8), ("ml-100-1", "g", 4)];
    close(certified(&cluster, &counts).epsilon.unwrap(), 0.25);
}

#[test]
fn opposite_needs_fit_side_by_side() {
    let cluster = cluster(
        json!([
            agent("a", json!({"cpu_milli": 2000, "memory_mib": 12000})),
            agent("b", json!({"cpu_milli": 12000, "memory_mib": 2000}))
        ]),
        json!([framework("p", 1.0), framework("q", 1.0)]),
        json!([
            job("p", 100, 1, json!({"cpu_milli": 200, "memory_mib": 1000})),
            job("q", 100, 1, json!({"cpu_milli": 1000, "memory_mib": 200}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 10.0);
    close(shares.frameworks[1].deserved, 10.0);
    close(certificate.epsilon_fractional, 0.0);
}

#[test]
fn a_precious_task_counts_in_the_floor() {
    // Without floors 99 and 1 cpu; B's floor, 149, takes its half of the cpu back.
    let cluster = cluster(
        json!([agent("one", json!({"cpu_milli": 100_000}))]),
        json!([framework("a", 1.0), framework("b", 1.0)]),
        json!([
            job("a", 1000, 1, json!({"cpu_milli": 1000})),
            job("b", 1, 100, json!({"cpu_milli": 1000})),
            job("b", 1000, 1, json!({"cpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[1].floor, 149.0);
    close(shares.frameworks[1].deserved, 149.0);
    close(shares.frameworks[0].deserved, 50.0);
    close(certificate.epsilon_fractional, 0.0);
    let row = |name: &str| certificate.duals_fractional.iter().any(|it| it.row == name);
    assert!(
        row("floor[b]") && row("demand[b-1-100/t]"),
        "{:?}",
        certificate.duals_fractional
    );
}

#[test]
fn tasks_of_more_than_half_an_agent_are_counted_whole() {
    let agents: Vec<Value> = (0..10)
        .map(|at| agent(&format!("a{at}"), json!({"gpu_milli": 1000})))
        .collect();
    let cluster = cluster(
        json!(agents),
        json!([framework("p", 1.0), framework("q", 1.0)]),
        json!([
            job("p", 100, 1, json!({"gpu_milli": 600})),
            job("q", 100, 1, json!({"gpu_milli": 550}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 5.0);
    close(shares.frameworks[1].deserved, 5.0);
    assert_eq!(shares.classes.len(), 1);
    assert_eq!(
        certificate.duals_fractional[0].row,
        "half[class-1,gpu_milli]"
    );
    assert_eq!(certificate.duals_fractional[0].owners, ["p", "q"]);
}

#[test]
fn a_framework_of_which_nothing_fits_is_excluded_by_name_and_reason() {
    let cluster = cluster(
        json!([agent("one", json!({"cpu_milli": 4000}))]),
        json!([
            framework("big", 9.0),
            framework("gang", 1.0),
            framework("idle", 1.0),
            framework("p", 1.0)
        ]),
        json!([
            job("big", 1, 1, json!({"cpu_milli": 5000})),
            {"id": "g", "framework": "gang", "gang": {"min_instances": 5},
             "tasks": [{"id": "t", "instances": 9, "resources": {"cpu_milli": 1000}}]},
            job("p", 100, 1, json!({"cpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    let excluded: Vec<&str> = certificate
        .excluded
        .iter()
        .map(|it| it.framework.as_str())
        .collect();
    assert_eq!(excluded, ["big", "gang"]);
    assert!(!shares.frameworks[2].active && shares.frameworks[2].excluded.is_none());
    close(shares.frameworks[3].weight, 1.0);
    close(shares.frameworks[3].deserved, 4.0);
}

/// More columns than are solved exactly: shares are quick ones, and close to the best all the same.
#[test]
fn quick_shares_are_close_to_the_best() {
    let agents: Vec<Value> = (0..60)
        .map(|at| {
            let capacity = json!({"cpu_milli": 1000 + 10 * at, "memory_mib": 1600 - 10 * at});
            agent(&format!("a{at}"), capacity)
        })
        .collect();
    let ids: Vec<String> = (0..520).map(|at| format!("f{at:03}")).collect();
    let frameworks = ids.iter().enumerate().map(|(at, id)| {
        let mut framework = framework(id, 1.0);
        framework["role"] = json!(["x", "y"][at % 2]);
        framework
    });
    let frameworks: Vec<Value> = frameworks.collect();
    let jobs = ids.iter().enumerate().map(|(at, id)| {
        let demand = json!({"cpu_milli": 20 + 7 * (at % 5), "memory_mib": 50 - 9 * (at % 4)});
        // What some of x leave is their siblings': floors bind.
        job(id, if at % 4 == 0 { 1 } else { 50 }, 1, demand)
    });
    let cluster = cluster(
        json!(agents),
        json!(frameworks),
        json!(jobs.collect::<Vec<_>>()),
    );
    let (shares, certificate) = shared(&cluster);
    assert_eq!(shares.classes.len(), 60);
    let epsilon = certificate.epsilon_fractional;
    assert!(epsilon < 1e-3, "{epsilon}");
}
