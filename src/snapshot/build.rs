//! A checked file in canonical form into a [`Cluster`]: names become positions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use apportion_cluster::file::{AgentFile, Amounts, SnapshotFile, TaskFile};
use apportion_cluster::{
    Agent, AgentIdx, AttributeRule, Cluster, DomainIdx, Fairness, Framework, FrameworkIdx,
    GroupIdx, Job, JobIdx, Level, LevelIdx, LimitRule, MinAvailable, Quantities, Role, RoleIdx,
    Running, SpreadRule, Task, TaskIdx,
};

use super::check::Words;
use super::roles::ancestors;

/// The cluster that `file` describes. `file` is in canonical form and free of faults.
pub(super) fn build(file: &SnapshotFile, digest: String) -> Cluster {
    let words = Words::of(file);
    let positions = Positions::of(file, &words);
    let roles = roles(file);
    let (jobs, tasks) = work(file, &positions);
    let cluster = Cluster {
        levels: levels(file, &words),
        agents: Vec::new(),
        frameworks: frameworks(file, &roles, &jobs),
        running: running(file, &positions, &jobs, &tasks),
        resources: positions
            .resources
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        groups: words.groups.iter().map(|&name| name.to_owned()).collect(),
        fairness: Fairness::Nash,
        name: file.cluster.clone(),
        digest,
        roles,
        jobs,
        tasks,
    };
    let agents = agents(file, &cluster.levels, &positions);
    Cluster { agents, ..cluster }
}

/// Positions by name, as the cluster has them.
struct Positions<'f> {
    resources: Vec<&'f str>,
    levels: HashMap<&'f str, LevelIdx>,
    agents: HashMap<&'f str, AgentIdx>,
    frameworks: HashMap<&'f str, FrameworkIdx>,
    groups: HashMap<&'f str, GroupIdx>,
}

impl<'f> Positions<'f> {
    fn of(file: &'f SnapshotFile, words: &Words<'f>) -> Self {
        let tasks = file.jobs.iter().flat_map(|job| &job.tasks);
        let amounts = file
            .agents
            .iter()
            .map(|a| &a.resources)
            .chain(tasks.map(|t| &t.resources));
        let resources: BTreeSet<&str> = amounts
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect();
        let levels = words.levels.iter().chain(&words.implicit).copied();
        Self {
            resources: resources.into_iter().collect(),
            levels: levels.zip((0..).map(LevelIdx::of)).collect(),
            agents: file
                .agents
                .iter()
                .map(|a| a.id.as_str())
                .zip((0..).map(AgentIdx::of))
                .collect(),
            frameworks: file
                .frameworks
                .iter()
                .map(|f| f.id.as_str())
                .zip((0..).map(FrameworkIdx::of))
                .collect(),
            groups: words
                .groups
                .iter()
                .copied()
                .zip((0..).map(GroupIdx::of))
                .collect(),
        }
    }

    fn quantities(&self, amounts: &Amounts) -> Quantities {
        let mut quantities = Quantities::zero(self.resources.len());
        for (resource, &amount) in amounts {
            let at = self.resources.binary_search(&resource.as_str());
            quantities.0[at.expect("resources were collected from all amounts")] = amount;
        }
        quantities
    }

    fn group(&self, group: Option<&String>) -> Option<GroupIdx> {
        group.map(|group| self.groups[group.as_str()])
    }
}

/// The domain of `agent` at the level `name`: as it states it, or its own.
fn domain_of<'f>(agent: &'f AgentFile, name: &str, declared: bool) -> Cow<'f, str> {
    let stated = if declared {
        agent.domains.get(name)
    } else {
        agent.attributes.get(name)
    };
    match stated {
        _ if name == "agent" => Cow::Borrowed(&agent.id),
        Some(domain) => Cow::Borrowed(domain),
        None => Cow::Owned(format!("agent:{}", agent.id)),
    }
}

fn levels(file: &SnapshotFile, words: &Words<'_>) -> Vec<Level> {
    let declared = words.levels.iter().map(|&name| (name, true));
    let implicit = words.implicit.iter().map(|&name| (name, false));
    let level = |(name, declared): (&str, bool)| {
        let mut domains: Vec<Cow<'_, str>> = file
            .agents
            .iter()
            .map(|agent| domain_of(agent, name, declared))
            .collect();
        domains.sort_unstable();
        domains.dedup();
        let domains = domains.into_iter().map(Cow::into_owned).collect();
        Level {
            name: name.to_owned(),
            declared,
            domains,
        }
    };
    declared.chain(implicit).map(level).collect()
}

fn agents(file: &SnapshotFile, levels: &[Level], positions: &Positions<'_>) -> Vec<Agent> {
    let domain = |agent: &AgentFile, level: &Level| {
        let name = domain_of(agent, &level.name, level.declared);
        let at = level
            .domains
            .binary_search_by(|domain| domain.as_str().cmp(&name));
        DomainIdx::of(at.expect("domains were collected from all agents"))
    };
    let agent = |agent: &AgentFile| Agent {
        id: agent.id.clone(),
        capacity: positions.quantities(&agent.resources),
        domains: levels.iter().map(|level| domain(agent, level)).collect(),
        attributes: agent.attributes.clone(),
        dedicated: agent.dedicated.clone(),
        cordoned: agent.cordoned,
        speed: agent.speed.unwrap_or(1000),
    };
    file.agents.iter().map(agent).collect()
}

/// The declared roles, those that frameworks name, and everything above them.
fn roles(file: &SnapshotFile) -> Vec<Role> {
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    let declared = file.roles.iter().map(|role| role.path.as_str());
    let named = file
        .frameworks
        .iter()
        .map(|f| f.role.as_deref().unwrap_or(&f.id));
    for path in declared.chain(named) {
        weights.insert(path, 1.0);
        weights.extend(ancestors(path).map(|path| (path, 1.0)));
    }
    weights.extend(
        file.roles
            .iter()
            .filter_map(|role| Some((role.path.as_str(), role.weight?))),
    );
    let role = |(path, weight): (&str, f64)| Role {
        path: path.to_owned(),
        weight,
    };
    weights.into_iter().map(role).collect()
}

fn frameworks(file: &SnapshotFile, roles: &[Role], jobs: &[Job]) -> Vec<Framework> {
    let mut jobs_of = vec![Vec::new(); file.frameworks.len()];
    for (at, job) in jobs.iter().enumerate() {
        jobs_of[job.framework.at()].push(JobIdx::of(at));
    }
    let framework = |(framework, jobs): (&apportion_cluster::file::FrameworkFile, Vec<JobIdx>)| {
        let path = framework.role.as_deref().unwrap_or(&framework.id);
        let role = roles.binary_search_by(|role| role.path.as_str().cmp(path));
        Framework {
            id: framework.id.clone(),
            policy: framework.policy.clone(),
            role: RoleIdx::of(role.expect("roles were collected from all frameworks")),
            weight: framework.weight.unwrap_or(1.0),
            parameters: framework.parameters.clone(),
            jobs,
        }
    };
    file.frameworks.iter().zip(jobs_of).map(framework).collect()
}

fn work(file: &SnapshotFile, positions: &Positions<'_>) -> (Vec<Job>, Vec<Task>) {
    let mut jobs = Vec::with_capacity(file.jobs.len());
    let mut tasks = Vec::new();
    for (at, job) in file.jobs.iter().enumerate() {
        let first = tasks.len();
        tasks.extend(
            job.tasks
                .iter()
                .map(|file| task(file, JobIdx::of(at), positions)),
        );
        jobs.push(Job {
            id: job.id.clone(),
            framework: positions.frameworks[job.framework.as_str()],
            priority: job.priority,
            gang_min: job.gang.as_ref().map(|gang| gang.min_instances),
            min_available: job.min_available.as_ref().map(|rule| MinAvailable {
                level: positions.levels[rule.level.as_str()],
                instances: rule.instances,
            }),
            max_moves: job.max_moves,
            tasks: (first..tasks.len()).map(TaskIdx::of).collect(),
        });
    }
    (jobs, tasks)
}

fn task(task: &TaskFile, job: JobIdx, positions: &Positions<'_>) -> Task {
    let rules = &task.constraints;
    let limits = rules.limit.iter().map(|rule| LimitRule {
        level: positions.levels[rule.level.as_str()],
        max: rule.max,
        group: positions.group(rule.group.as_ref()),
    });
    let spreads = rules.spread.iter().map(|rule| SpreadRule {
        level: positions.levels[rule.level.as_str()],
        max_skew: rule.max_skew,
        hard: rule.hard,
        group: positions.group(rule.group.as_ref()),
    });
    let agents = |agents: &Vec<String>| {
        agents
            .iter()
            .map(|id| positions.agents[id.as_str()])
            .collect()
    };
    Task {
        id: task.id.clone(),
        job,
        instances: task.instances,
        value: task.value,
        demand: positions.quantities(&task.resources),
        attributes: rules
            .attributes
            .iter()
            .flat_map(|(key, values)| attribute_rules(key, values))
            .collect(),
        agents: rules.agents.as_ref().map(agents),
        tolerates: rules.tolerates.clone(),
        groups: task
            .groups
            .iter()
            .map(|group| positions.groups[group.as_str()])
            .collect(),
        limits: limits.collect(),
        spreads: spreads.collect(),
    }
}

/// The rule that a list of values states; two if it asks for both presence and absence.
fn attribute_rules(key: &str, values: &[String]) -> Vec<AttributeRule> {
    let mut rule = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: None,
    };
    let mut absent = false;
    for value in values {
        match value.strip_prefix('!') {
            Some("*") => absent = true,
            Some(value) => rule.none_of.push(value.to_owned()),
            None if value == "*" => rule.present = Some(true),
            None => rule.any_of.push(value.clone()),
        }
    }
    if !absent {
        return vec![rule];
    }
    if rule.present.is_none() {
        rule.present = Some(false);
        return vec![rule];
    }
    let absence = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: Some(false),
    };
    vec![absence, rule]
}

fn running(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    jobs: &[Job],
    tasks: &[Task],
) -> Vec<Running> {
    let mut running = Vec::with_capacity(file.placements.len());
    for placement in &file.placements {
        let job = jobs.binary_search_by(|job| job.id.as_str().cmp(&placement.job));
        let job = &jobs[job.expect("placements name jobs that exist")];
        let task = job
            .tasks
            .binary_search_by(|task| tasks[task.at()].id.as_str().cmp(&placement.task));
        running.push(Running {
            task: job.tasks[task.expect("placements name tasks that exist")],
            agent: positions.agents[placement.agent.as_str()],
            instances: placement.instances,
        });
    }
    running.sort_unstable();
    running
}
