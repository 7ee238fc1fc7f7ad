//! Random small clusters with everything that a share may depend on.

use apportion_cluster::{Cluster, IdleGuarantee};
use apportion_policies::online::SplitMix64;
use serde_json::{Value, json};

pub struct Random(SplitMix64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }
}

/// The paths of roles: a tree of two levels, and frameworks on both.
const PATHS: [&str; 4] = ["x", "y", "y/u", "y/v"];

/// A few agents of several sizes, frameworks in a tree of roles with several tasks, caps, eligibility, gangs; every third
/// case is without limits and guarantees.
pub fn snapshot(case: u64) -> Value {
    let random = &mut Random::new(5 + 1000 * case);
    let is_plain = case.is_multiple_of(3);
    let agents: Vec<Value> = (0..2 + random.below(3))
        .map(|at| {
            let disk = if random.below(2) == 0 { "ssd" } else { "hdd" };
            json!({"id": format!("a{at}"), "attributes": {"disk": disk},
                   "resources": {"cpu_milli": 4000 * (1 + random.below(2)), "memory_mib": 4096 * (1 + random.below(3))}})
        })
        .collect();
    let roles: Vec<Value> = PATHS
        .iter()
        .map(|path| role(random, path, is_plain))
        .collect();
    let mut frameworks = Vec::new();
    let mut jobs = Vec::new();
    for p in 0..1 + random.below(4) {
        let id = format!("f{p}");
        let role = PATHS[random.below(4) as usize];
        frameworks.push(
            json!({"id": id, "policy": "service", "role": role, "weight": 1 + random.below(2)}),
        );
        for k in 0..1 + random.below(3) {
            jobs.push(job(random, &id, k));
        }
    }
    let mut file = json!({"version": "apportion/v1", "agents": agents, "roles": roles, "frameworks": frameworks, "jobs": jobs});
    if case % 4 == 1 {
        add_devices(random, &mut file);
    }
    if case % 5 < 2 {
        add_racks(&mut Random::new(7 + 1000 * case), &mut file);
    }
    file
}

/// Doubles most agents, puts them all into two or three racks, and has most tasks, alone or in a group, limited in each.
fn add_racks(random: &mut Random, file: &mut Value) {
    let agents = file["agents"].as_array_mut().unwrap();
    for at in 0..agents.len() {
        if random.below(4) > 0 {
            let mut twin = agents[at].clone();
            twin["id"] = json!(format!("b{at}"));
            agents.push(twin);
        }
    }
    let n_racks = 2 + random.below(2);
    for (at, agent) in agents.iter_mut().enumerate() {
        // Racks that are alike are as frequent as others.
        let rack = if at.is_multiple_of(2) {
            random.below(n_racks)
        } else {
            at as u64 % n_racks
        };
        agent["domains"] = json!({"rack": format!("r{rack}")});
    }
    file["levels"] = json!(["rack"]);
    for job in file["jobs"].as_array_mut().into_iter().flatten() {
        let group = format!("g-{}", job["framework"].as_str().unwrap());
        let task = &mut job["tasks"][0];
        let max = 1 + random.below(4);
        match random.below(4) {
            0 => {}
            1 => {
                task["groups"] = json!([group]);
                task["constraints"]["limit"] =
                    json!([{"level": "rack", "max": max, "group": group}]);
            }
            _ => task["constraints"]["limit"] = json!([{"level": "rack", "max": max}]),
        }
    }
}

/// Gives every agent a few devices, and has most tasks need parts of them.
fn add_devices(random: &mut Random, file: &mut Value) {
    for agent in file["agents"].as_array_mut().into_iter().flatten() {
        agent["devices"] = json!([{"name": "gpu", "count": 1 + random.below(3)}]);
    }
    for framework in file["frameworks"].as_array_mut().into_iter().flatten() {
        framework["policy"] = json!("ml");
    }
    for job in file["jobs"].as_array_mut().into_iter().flatten() {
        let milli = [250, 400, 500, 600, 1000][random.below(5) as usize];
        if random.below(4) > 0 {
            let count = 1 + random.below(2);
            job["tasks"][0]["devices"] = json!([{"name": "gpu", "count": count, "milli": milli}]);
        }
    }
}

fn role(random: &mut Random, path: &str, is_plain: bool) -> Value {
    let mut role = json!({"path": path, "weight": 1 + random.below(3)});
    if !is_plain && random.below(3) == 0 {
        role["limit"] = json!({"cpu_milli": 4000 + 1000 * random.below(6)});
    }
    if !is_plain && path != "y" && random.below(4) == 0 {
        role["guarantee"] =
            json!({"cpu_milli": 500 * random.below(4), "memory_mib": 512 * random.below(4)});
        if random.below(3) == 0 {
            role["idle_guarantee"] = json!("lend");
        }
    }
    role
}

fn job(random: &mut Random, framework: &str, k: u64) -> Value {
    let instances = 1 + random.below(12);
    let resources =
        json!({"cpu_milli": 250 * (1 + random.below(10)), "memory_mib": 512 * random.below(5)});
    let mut task = json!({"id": "t", "instances": instances, "value": 1 + random.below(3), "resources": resources});
    if random.below(4) == 0 {
        task["constraints"] = json!({"attributes": {"disk": ["ssd"]}});
    }
    let mut job =
        json!({"id": format!("{framework}-{k}"), "framework": framework, "tasks": [task]});
    if random.below(5) == 0 {
        job["gang"] = json!({"min_instances": 1 + random.below(instances)});
    }
    job
}

pub const FEATURES: [&str; 18] = [
    "several frameworks",
    "several task classes of a framework",
    "values that differ within a framework",
    "a cap on demand below what could be placed",
    "demand beyond what could be placed",
    "a task that may use some agents only",
    "a task of more than half of every agent",
    "a task of more than half a device",
    "a task of half a device",
    "a task that needs one resource only",
    "a limit",
    "a limit of a role with several frameworks below",
    "a guarantee that is held",
    "a guarantee that is lent",
    "frameworks on two levels of one branch",
    "a gang",
    "a limit of a task per failure domain",
    "a limit of a group per failure domain",
];

/// The features that a cluster has.
pub fn features(cluster: &Cluster) -> Vec<&'static str> {
    let path = |at: usize| &cluster.roles[cluster.frameworks[at].role.at()].path;
    let tasks = |at: usize| {
        let jobs = cluster.frameworks[at].jobs.iter();
        let jobs = jobs.flat_map(|job| &cluster.job(*job).tasks);
        jobs.map(|&task| cluster.task(task)).collect::<Vec<_>>()
    };
    let n = cluster.frameworks.len();
    let everywhere = |demand: &apportion_cluster::Quantities| -> i64 {
        let agents = cluster.agents.iter();
        agents.map(|agent| demand.copies_in(&agent.capacity)).sum()
    };
    let below =
        |at: usize, role: &str| path(at) == role || path(at).starts_with(&format!("{role}/"));
    let any_task = |holds: &dyn Fn(&apportion_cluster::Task) -> bool| {
        (0..n).any(|at| tasks(at).into_iter().any(holds))
    };
    let differ = |at: usize| {
        let mut values: Vec<i64> = tasks(at).iter().map(|task| task.value).collect();
        values.dedup();
        values.len() > 1
    };
    let limited = |role: &apportion_cluster::Role| role.limit.iter().any(Option::is_some);
    let promised = |idle: IdleGuarantee| {
        let mut roles = cluster.roles.iter();
        roles.any(|role| !role.guarantee.is_zero() && role.idle_guarantee == idle)
    };
    let has = [
        n > 1,
        (0..n).any(|at| tasks(at).len() > 1),
        (0..n).any(differ),
        any_task(&|task| task.instances < everywhere(&task.demand)),
        any_task(&|task| task.instances > everywhere(&task.demand)),
        any_task(&|task| !task.attributes.is_empty()),
        any_task(&|task| {
            let half = |agent: &apportion_cluster::Agent| {
                let mut amounts = task.demand.0.iter().zip(&agent.capacity.0);
                amounts.any(|(need, has)| 2 * need > *has)
            };
            cluster.agents.iter().all(half)
        }),
        any_task(&|task| {
            let mut needs = task.devices.iter();
            needs.any(|need| need.milli > 500 && need.milli < 1000)
        }),
        any_task(&|task| task.devices.iter().any(|need| need.milli == 500)),
        any_task(&|task| task.demand.0.iter().filter(|need| **need > 0).count() == 1),
        cluster.roles.iter().any(limited),
        cluster
            .roles
            .iter()
            .any(|role| limited(role) && (0..n).filter(|&at| below(at, &role.path)).count() > 1),
        promised(IdleGuarantee::Hold),
        promised(IdleGuarantee::Lend),
        (0..n).any(|at| path(at) == "y") && (0..n).any(|at| path(at).starts_with("y/")),
        cluster.jobs.iter().any(|job| job.gang_min.is_some()),
        any_task(&|task| task.limits.iter().any(|rule| rule.group.is_none())),
        any_task(&|task| task.limits.iter().any(|rule| rule.group.is_some())),
    ];
    let named = FEATURES.into_iter().zip(has);
    named
        .filter(|(_, has)| *has)
        .map(|(name, _)| name)
        .collect()
}
