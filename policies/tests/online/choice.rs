//! What each rule chooses on tiny fleets.

use apportion_policies::online::{Agent, Planner, Shape};

use super::{agent, place, planner, seeded_planner, shape};

/// Agent 0 is idle; agent 1 holds a part of 500 on device 1.
fn idle_and_used(name: &str, agents: &[Agent; 2], shapes: &[Shape]) -> Planner {
    let mut planner = planner(name, agents, shapes);
    planner.adopt(0, 1, &[1]).unwrap();
    planner
}

#[test]
fn dot_product_takes_the_agent_with_little_of_what_the_task_wants() {
    let agents = [agent(64_000, 1), agent(16_000, 8)];
    let shapes = [shape(16_000, 1, 100), shape(0, 1, 1000)];
    assert_eq!(
        place(&mut planner("dot_product", &agents, &shapes), 0).agent,
        1
    );
    assert_eq!(
        place(&mut planner("dot_product", &agents, &shapes), 1).agent,
        0
    );
}

#[test]
fn clustering_joins_its_kind_and_keeps_away_from_others() {
    let shapes = [
        shape(1000, 1, 500),
        shape(1000, 1, 300),
        shape(1000, 1, 1000),
    ];
    let mut clustering = idle_and_used("clustering", &[agent(9000, 4), agent(9000, 4)], &shapes);
    assert_eq!(place(&mut clustering, 1).agent, 1);
    assert_eq!(place(&mut clustering, 2).agent, 0);
}

#[test]
fn packing_takes_used_devices_then_used_agents_then_small_idle_agents() {
    let shapes = [
        shape(1000, 1, 500),
        shape(1000, 1, 300),
        shape(1000, 1, 1000),
    ];
    let mut packing = idle_and_used("packing", &[agent(9000, 1), agent(9000, 4)], &shapes);
    assert_eq!(place(&mut packing, 1).devices, [1]);
    assert_eq!(place(&mut packing, 2).agent, 1);
    let mut idle = planner("packing", &[agent(9000, 4), agent(9000, 1)], &shapes);
    assert_eq!(place(&mut idle, 2).agent, 1);
}

#[test]
fn best_fit_leaves_the_least_and_takes_the_tightest_device() {
    let shapes = [shape(1000, 1, 500), shape(1000, 1, 300)];
    let decision = place(
        &mut idle_and_used("best_fit", &[agent(9000, 4), agent(9000, 4)], &shapes),
        1,
    );
    assert_eq!((decision.agent, decision.devices), (1, vec![1]));
}

#[test]
fn tightest_looks_at_everything_that_a_task_asks_for() {
    // The second agent has more cpu left and less memory: in parts of what they have, less in all.
    let agents = [vec![10_000, 100], vec![20_000, 20]].map(|it| Agent::empty(it, 0, None));
    let shapes = [Shape {
        amounts: vec![8_000, 15],
        devices: 0,
        device_milli: 0,
        models: vec![],
    }];
    assert_eq!(
        place(&mut planner("best_fit", &agents, &shapes), 0).agent,
        0
    );
    assert_eq!(
        place(&mut planner("tightest", &agents, &shapes), 0).agent,
        1
    );
}

#[test]
fn fgd_takes_the_device_where_nothing_becomes_useless() {
    // Halves and wholes: a half beside a half strands nothing, a half on an idle device strands it for wholes.
    let shapes = [shape(1000, 1, 500), shape(1000, 1, 1000)];
    for name in ["fgd", "shadow_price"] {
        let decision = place(
            &mut idle_and_used(name, &[agent(9000, 2), agent(9000, 2)], &shapes),
            0,
        );
        assert_eq!((decision.agent, decision.devices), (1, vec![1]), "{name}");
    }
}

#[test]
fn shadow_price_completes_patterns_where_best_fit_takes_the_tightest_device() {
    // Devices fill as 500 + 500 and as 400 + 300 + 300. Device 0 waits for a 500, device 1 for two of 300.
    let shapes = [shape(10, 1, 500), shape(10, 1, 400), shape(10, 1, 300)];
    let counts = [4.0, 1.0, 2.0];
    for (name, device) in [("best_fit", 0), ("shadow_price", 1)] {
        let mut planner = seeded_planner(name, &[agent(9000, 2)], &shapes, &counts, 7);
        planner.adopt(0, 0, &[0]).unwrap();
        planner.adopt(1, 0, &[1]).unwrap();
        assert_eq!(place(&mut planner, 2).devices, [device], "{name}");
    }
}

#[test]
fn shadow_price_keeps_cpu_where_devices_need_it() {
    // The task without devices fits on both; agent 0 has the least left, but its device will need the CPU.
    let shapes = [shape(4000, 0, 0), shape(4000, 1, 1000)];
    for (name, chosen) in [("best_fit", 0), ("shadow_price", 1)] {
        let mut planner = planner(name, &[agent(4000, 1), agent(16_000, 2)], &shapes);
        assert_eq!(place(&mut planner, 0).agent, chosen, "{name}");
    }
}

#[test]
fn shadow_price_leaves_scarce_models_to_the_tasks_that_name_them() {
    let agents = [0, 1].map(|model| Agent::empty(vec![8000], 4, Some(model)));
    let mut picky = shape(1000, 1, 1000);
    picky.models = vec![0];
    let shapes = [shape(1000, 1, 1000), picky];
    // Whatever the order that breaks ties.
    for seed in 0..10 {
        let mut planner = seeded_planner("shadow_price", &agents, &shapes, &[1.0, 1.0], seed);
        for _ in 0..4 {
            assert_eq!(place(&mut planner, 0).agent, 1);
        }
        for _ in 0..4 {
            assert_eq!(place(&mut planner, 1).agent, 0);
        }
    }
}

#[test]
fn shadow_price_keeps_hosts_for_tasks_on_several_devices() {
    // One device of agent 0 leaves it no host for four; agent 1 can spare one.
    let shapes = [shape(100, 1, 1000), shape(100, 4, 1000)];
    for (name, chosen) in [("best_fit", 0), ("shadow_price", 1)] {
        let mut planner = planner(name, &[agent(8000, 4), agent(8000, 5)], &shapes);
        assert_eq!(place(&mut planner, 0).agent, chosen, "{name}");
    }
}
