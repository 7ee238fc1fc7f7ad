//! Services, and the rules that some of them state.

use apportion_cluster::file::{
    AgentFile, ConstraintsFile, FrameworkFile, JobFile, LimitFile, MinAvailableFile, SpreadFile,
    TaskFile,
};

use super::RACK;
use super::demands::{Demand, fill, weights};
use super::options::GenerateOptions;
use super::random::Random;
use super::shapes::{Shape, shapes};

/// Jobs of services, which fill the agents without GPUs.
pub(super) fn services(
    options: &GenerateOptions,
    (n_jobs, instances): (usize, Option<usize>),
    frameworks: &[FrameworkFile],
    agents: &[AgentFile],
) -> Vec<JobFile> {
    let stream = |part: u64| Random::new(options.seed, part);
    let mut shapes = shapes(options.shapes.max(1), &mut stream(3));
    let mut demands = weights(n_jobs, shapes.len(), &mut stream(4));
    fill(options, instances, agents, &mut shapes, &mut demands);
    jobs(&demands, &shapes, frameworks, agents.len(), &mut stream(5))
}

pub(super) fn jobs(
    demands: &[Demand],
    shapes: &[Shape],
    frameworks: &[FrameworkFile],
    n_agents: usize,
    random: &mut Random,
) -> Vec<JobFile> {
    let job = |(at, demand): (usize, &Demand)| {
        // The first frameworks have more jobs; none has none as long as there are enough.
        let framework = if at < frameworks.len() {
            at
        } else {
            let bound = random.below(frameworks.len()) + 1;
            random.below(bound)
        };
        let mut job = JobFile {
            id: format!("job-{:05}", at + 1),
            framework: frameworks[framework].id.clone(),
            priority: *random.pick(&[0, 0, 0, 0, 0, 0, 0, 10, 10, 100]),
            ..JobFile::default()
        };
        add_tasks(&mut job, demand, &shapes[demand.shape], n_agents, random);
        job
    };
    demands.iter().enumerate().map(job).collect()
}

/// One task, or two of a group: a small canary beside the rest.
fn add_tasks(
    job: &mut JobFile,
    demand: &Demand,
    shape: &Shape,
    n_agents: usize,
    random: &mut Random,
) {
    let n_racks = i64::try_from(n_agents.div_ceil(RACK))
        .unwrap_or(i64::MAX)
        .max(1);
    let instances = demand.instances;
    let canary = if instances >= 20 && random.one_in(10) {
        instances / 20
    } else {
        0
    };
    let group = (canary > 0).then(|| job.id.clone());
    let mut constraints = ConstraintsFile {
        attributes: shape.attributes.clone(),
        tolerates: shape.tolerates.clone(),
        ..ConstraintsFile::default()
    };
    // Three times the even share leaves room to choose.
    let even = (instances + n_racks - 1) / n_racks;
    if instances >= 4 && n_racks >= 4 && random.one_in(2) {
        constraints.limit.push(LimitFile {
            level: "rack".to_owned(),
            max: 3 * even,
            group: group.clone(),
        });
    }
    if instances >= 4 && random.one_in(5) {
        constraints.spread.push(SpreadFile {
            level: random.pick(&["zone", "power", "rack"]).to_string(),
            max_skew: (instances / 10).max(1),
            hard: random.one_in(3),
            group: group.clone(),
        });
    }
    if instances >= 8 && n_racks >= 8 && random.one_in(12) {
        job.min_available = Some(MinAvailableFile {
            level: "rack".to_owned(),
            instances: instances - (instances + 3) / 4,
        });
    }
    let task = |id: &str, instances: i64| TaskFile {
        id: id.to_owned(),
        instances,
        resources: shape.resources.clone(),
        groups: group.clone().into_iter().collect(),
        constraints: constraints.clone(),
        value: 1,
        ..TaskFile::default()
    };
    job.tasks.push(task("main", instances - canary));
    if canary > 0 {
        job.tasks.push(task("canary", canary));
    }
}
