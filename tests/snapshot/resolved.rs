//! What a valid snapshot becomes: levels, domains, rules, roles.

use apportion::snapshot::read;
use apportion_cluster::{AgentIdx, Cluster, LevelIdx, TaskIdx};

const STORY: &str = r"
version: apportion/v1
cluster: story
levels: [rack, power]
agents:
  - {id: b, domains: {rack: r2, power: p1}, attributes: {row: x, size: 10}, resources: {cpu_milli: 8000, gpu_milli: 0}}
  - {id: a, domains: {rack: r1}, attributes: {row: y}, resources: {memory_mib: 512}, dedicated: night}
  - {id: c, domains: {rack: r1, power: p1}, speed: 1500, cordoned: true}
roles:
  - {path: prod, weight: 3}
frameworks:
  - {id: web, policy: service, role: prod/web}
  - {id: etl, policy: service, weight: 0.5}
jobs:
  - id: shop
    framework: web
    priority: 7
    gang: {min_instances: 2}
    min_available: {level: power, instances: 1}
    max_moves: 0
    tasks:
      - id: api
        instances: 4
        value: 2
        resources: {cpu_milli: 100}
        groups: [front]
        constraints:
          attributes: {size: ['!11', '10', '*'], row: ['!*', '*'], rack: ['!r1']}
          limit: [{level: row, max: 2, group: front}]
          spread: [{level: agent, max_skew: 1, hard: false}]
          agents: [c, a]
          tolerates: [night, batch]
  - {id: load, framework: etl, tasks: [{id: t, resources: {memory_mib: 1}}]}
placements:
  - {job: shop, task: api, agent: c, instances: 1}
  - {job: shop, task: api, agent: a, instances: 2}
";

fn story() -> Cluster {
    read(STORY.as_bytes()).unwrap()
}

fn domain(cluster: &Cluster, agent: u32, level: u32) -> &str {
    let domain = cluster.domain(AgentIdx(agent), LevelIdx(level));
    &cluster.levels[level as usize].domains[domain.at()]
}

#[test]
fn levels_are_the_declared_ones_by_name_then_those_that_rules_name() {
    let cluster = story();
    let levels: Vec<(&str, bool)> = cluster
        .levels
        .iter()
        .map(|l| (l.name.as_str(), l.declared))
        .collect();
    assert_eq!(
        levels,
        [
            ("power", true),
            ("rack", true),
            ("agent", false),
            ("row", false)
        ]
    );
}

#[test]
fn an_agent_without_a_domain_is_its_own() {
    let cluster = story();
    assert_eq!(domain(&cluster, 0, 0), "agent:a");
    assert_eq!(
        (domain(&cluster, 1, 0), domain(&cluster, 2, 0)),
        ("p1", "p1")
    );
    assert_eq!(
        (domain(&cluster, 0, 1), domain(&cluster, 1, 1)),
        ("r1", "r2")
    );
    assert_eq!((domain(&cluster, 0, 2), domain(&cluster, 2, 2)), ("a", "c"));
    assert_eq!(
        (domain(&cluster, 1, 3), domain(&cluster, 2, 3)),
        ("x", "agent:c")
    );
    assert_eq!(cluster.levels[0].domains, ["agent:a", "p1"]);
}

#[test]
fn resources_that_are_zero_everywhere_are_left_out() {
    let cluster = story();
    assert_eq!(cluster.resources, ["cpu_milli", "memory_mib"]);
    assert_eq!(cluster.agents[0].capacity.0, [0, 512]);
    assert_eq!(cluster.tasks[1].demand.0, [100, 0]);
}

#[test]
fn lists_of_values_become_rules_and_a_contradiction_stays_one() {
    let cluster = story();
    let api = cluster.task(TaskIdx(1));
    let rules: Vec<_> = api
        .attributes
        .iter()
        .map(|r| (r.key.as_str(), r.any_of.len(), r.none_of.len(), r.present))
        .collect();
    assert_eq!(
        rules,
        [
            ("rack", 0, 1, None),
            ("row", 0, 0, Some(false)),
            ("row", 0, 0, Some(true)),
            ("size", 1, 1, Some(true))
        ]
    );
    assert_eq!(api.agents.as_deref(), Some(&[AgentIdx(0), AgentIdx(2)][..]));
    assert_eq!(api.tolerates, ["batch", "night"]);
    assert!(!api.spreads[0].hard && api.limits[0].group.is_some());
}

#[test]
fn the_tree_of_roles_is_complete() {
    let cluster = story();
    let roles: Vec<(&str, f64)> = cluster
        .roles
        .iter()
        .map(|r| (r.path.as_str(), r.weight))
        .collect();
    assert_eq!(roles, [("etl", 1.0), ("prod", 3.0), ("prod/web", 1.0)]);
    let of: Vec<(&str, usize)> = cluster
        .frameworks
        .iter()
        .map(|f| (f.id.as_str(), f.role.at()))
        .collect();
    assert_eq!(of, [("etl", 0), ("web", 2)]);
    assert_eq!(cluster.frameworks[0].weight, 0.5);
}

#[test]
fn jobs_tasks_and_what_runs_keep_their_numbers() {
    let cluster = story();
    let shop = &cluster.jobs[1];
    assert_eq!(
        (
            shop.id.as_str(),
            shop.priority,
            shop.gang_min,
            shop.max_moves
        ),
        ("shop", 7, Some(2), Some(0))
    );
    assert_eq!(shop.min_available.unwrap().level, LevelIdx(0));
    assert_eq!((cluster.tasks[1].instances, cluster.tasks[1].value), (4, 2));
    let running: Vec<_> = cluster
        .running
        .iter()
        .map(|r| (r.task.at(), r.agent.at(), r.instances))
        .collect();
    assert_eq!(running, [(1, 0, 2), (1, 2, 1)]);
    assert_eq!(
        (cluster.agents[2].speed, cluster.agents[2].cordoned),
        (1500, true)
    );
    assert_eq!(cluster.agents[0].dedicated.as_deref(), Some("night"));
}

#[test]
fn plain_yaml_scalars_are_text_where_text_belongs() {
    let text = "version: apportion/v1\nlevels: [rack]\nagents: [{id: 007, domains: {rack: 1.10}, attributes: {on: yes, rev: 1e3}}]\n";
    let cluster = read(text.as_bytes()).unwrap();
    assert_eq!(
        (cluster.agents[0].id.as_str(), domain(&cluster, 0, 0)),
        ("007", "1.10")
    );
    assert_eq!(cluster.agents[0].attributes["on"], "yes");
}

#[test]
fn an_empty_cluster_is_a_cluster() {
    let cluster = read(br#"{"version": "apportion/v1"}"#).unwrap();
    assert!(cluster.agents.is_empty() && cluster.resources.is_empty());
}
