//! Objectives stage by stage: names, values, bounds, gaps and the baseline.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{FrameworkResult, PlanStatus, Proof, StageResult, StageSense};

use super::ahead::{Ahead, plans_ahead};
use super::bounds::Reach;
use super::mapreduce::{Hadoop, mib};
use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State, total};
use super::tolerance::{STAGE_TOLERANCE, close};
use super::units_bounds::{self, DataReach};
use super::workflow::Flows;

/// What a stage of the policy `service` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Value placed, of one priority or of all.
    Placed(Option<i64>),
    /// The same times speed.
    Throughput(Option<i64>),
    /// Instances missing from what must survive the loss of a domain.
    MinAvailable,
    /// Weighted worst fractions lost with one domain.
    Spread,
    /// Agents opened by new instances on which nothing stays running.
    AgentsUsed,
    /// Domains used by jobs of several instances, agents among them.
    Span,
    /// What a `mapreduce` framework reads over the network.
    Network,
    /// What it shuffles across racks.
    Shuffle,
    /// The same of one that plans ahead, and when its instances end.
    Ahead(Timed),
    /// What tasks send between agents, and between racks, each times a weight.
    Traffic {
        /// Weight of what flows between agents.
        agents: i128,
        /// What it weighs more between racks.
        racks: i128,
        /// Whether it is what the policy is about, or only breaks ties.
        quality: bool,
    },
    /// The end of the last instance, in milliseconds.
    Makespan {
        /// Whether it is what the policy is about, or only breaks ties.
        quality: bool,
    },
    /// The ends of all instances.
    Completion,
    /// Operations times hops, and what is copied.
    Distance,
    /// The used part of the fullest unit.
    Utilization,
    /// What only breaks ties, and is taken as it is told.
    Claimed,
}

/// What a stage of a `mapreduce` framework that plans ahead measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    Placed,
    Makespan,
    Network,
    Shuffle,
    Completion,
}

impl Measure {
    fn breaks_ties(self) -> bool {
        match self {
            Self::AgentsUsed | Self::Completion | Self::Claimed => true,
            Self::Ahead(timed) => timed == Timed::Completion,
            Self::Traffic { quality, .. } | Self::Makespan { quality } => !quality,
            Self::Placed(_) | Self::Throughput(_) => false,
            Self::MinAvailable | Self::Spread | Self::Span => false,
            Self::Network | Self::Shuffle | Self::Distance | Self::Utilization => false,
        }
    }
}

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    for result in &state.plan.frameworks {
        let Some(&framework) = state.names.frameworks.get(result.id.as_str()) else {
            continue;
        };
        let known = match result.policy.as_str() {
            "service" => service_stages(state, framework),
            "ml" => ml_stages(state, framework),
            "mapreduce" => mapreduce_stages(state, framework),
            "workflow" => workflow_stages(state, framework),
            "storage" => storage_stages(state, framework),
            _ => Vec::new(),
        };
        if !known.is_empty() {
            names(state, result, &known, findings);
        }
        let reach = Reach::of(state, framework);
        let data = (result.policy == "storage").then(|| DataReach::of(state, framework));
        let mut earlier: Vec<(Measure, &StageResult)> = Vec::new();
        let mut greedy_comparable = true;
        for stage in &result.stages {
            let measure = known.iter().find(|(name, _)| *name == stage.name);
            match measure {
                Some(&(_, measure)) if measure != Measure::Claimed => {
                    value(state, framework, result, stage, measure, findings);
                    let of = (data.as_ref(), &earlier[..]);
                    bound(&reach, of, result, stage, measure, findings);
                    earlier.push((measure, stage));
                }
                _ => {
                    let what = format!("{} {}: objective and bound", result.id, stage.name);
                    findings.claim(what);
                }
            }
            side(result, stage, findings);
            gap(result, stage, findings);
            greedy(result, stage, &mut greedy_comparable, findings);
            let last = measure.is_none_or(|(_, measure)| measure.breaks_ties());
            let excused = last || excused(state, result);
            findings.check(Rule::Bound, stage.bound.is_some() || excused, || {
                let text = "a stage that does not only break ties has a bound".to_owned();
                (subject(result, stage), "a bound", "none", text)
            });
        }
        framework_gap(result, &known, findings);
    }
}

/// The stages of a `service` framework.
fn service_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    if state.cluster.levels.iter().any(|level| level.declared) {
        stages.push(("spread".to_owned(), Measure::Spread));
    }
    stages.push(("agents_used".to_owned(), Measure::AgentsUsed));
    stages
}

/// The stages of an `ml` framework.
fn ml_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    let is_all = |(_, measure): &(String, Measure)| *measure == Measure::Placed(None);
    if speeds_differ(state, framework)
        && let Some(all) = stages.iter().position(is_all)
    {
        stages[all].1 = Measure::Throughput(None);
        let fast = stages[..all]
            .iter()
            .filter_map(|(_, measure)| match measure {
                Measure::Placed(Some(it)) => {
                    Some((format!("throughput:{it}"), Measure::Throughput(Some(*it))))
                }
                _ => None,
            });
        let fast: Vec<(String, Measure)> = fast.collect();
        stages.splice(all..all, fast);
    }
    let mut jobs = state.cluster.frameworks[framework].jobs.iter();
    if jobs.any(|job| job_size(state, job.at()) > 1) {
        stages.push(("span".to_owned(), Measure::Span));
    }
    let mut tasks = state.tasks_of(framework).into_iter();
    if tasks.any(|task| !state.cluster.tasks[task].devices.is_empty()) {
        stages.push(("fragmentation".to_owned(), Measure::Claimed));
    }
    stages.push(("holes".to_owned(), Measure::Claimed));
    stages
}

/// Whether a task of the framework has another than its usual speed on some model.
fn speeds_differ(state: &State<'_>, framework: usize) -> bool {
    let tasks = state.tasks_of(framework).into_iter();
    let mut needs = tasks.flat_map(|task| &state.cluster.tasks[task].devices);
    needs.any(|need| need.models.iter().any(|choice| choice.throughput != 1000))
}

/// The stages of a `mapreduce` framework.
fn mapreduce_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    if plans_ahead(state, framework) {
        let mut stages = vec![
            ("placed", Timed::Placed),
            ("makespan", Timed::Makespan),
            ("network", Timed::Network),
        ];
        if Ahead::of(state, framework).shuffled().is_some() {
            stages.push(("shuffle", Timed::Shuffle));
        }
        stages.push(("completion", Timed::Completion));
        let named = stages.into_iter();
        return named
            .map(|(name, it)| (name.to_owned(), Measure::Ahead(it)))
            .collect();
    }
    let mut stages = placing_stages(state, framework);
    stages.push(("network".to_owned(), Measure::Network));
    if Hadoop::of(state, framework).shuffled().is_some() {
        stages.push(("shuffle".to_owned(), Measure::Shuffle));
    }
    stages
}

/// The stages of a `workflow` framework.
fn workflow_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let flows = Flows::of(state, framework);
    let mut stages = match flows.is_batch() {
        // Over time there is room for all priorities.
        true => vec![("placed".to_owned(), Measure::Placed(None))],
        false => placing_stages(state, framework),
    };
    stages.extend(flows.stages());
    stages
}

/// The stages of a `storage` framework.
fn storage_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    stages.push(("distance".to_owned(), Measure::Distance));
    stages.push(("utilization".to_owned(), Measure::Utilization));
    stages
}

/// The declared levels but agents, which count in any case.
pub(super) fn span_levels(state: &State<'_>) -> Vec<usize> {
    let levels = state.cluster.levels.iter().enumerate();
    let levels = levels.filter(|(_, level)| level.declared && level.name != "agent");
    levels.map(|(at, _)| at).collect()
}

/// Over jobs of several instances: the agents, and the domains of each level, that hold any.
fn domains_used(state: &State<'_>, framework: usize) -> usize {
    let mut sum = 0;
    for job in &state.cluster.frameworks[framework].jobs {
        if job_size(state, job.at()) > 1 {
            let tasks = state.cluster.jobs[job.at()].tasks.iter();
            let agents: BTreeSet<usize> = tasks
                .flat_map(|task| state.placed[task.at()].keys().copied())
                .collect();
            sum += agents.len();
            for level in span_levels(state) {
                let by_domain = job_by_domain(state, job.at(), level, &state.placed);
                sum += by_domain.values().filter(|count| **count > 0).count();
            }
        }
    }
    sum
}

/// The stages that every policy has first.
fn placing_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let jobs = || {
        let jobs = state.cluster.frameworks[framework].jobs.iter();
        jobs.map(|job| &state.cluster.jobs[job.at()])
    };
    let priorities: BTreeSet<i64> = jobs().map(|job| job.priority).collect();
    let mut stages = Vec::new();
    if priorities.len() > 1 {
        let by_priority = priorities.into_iter().rev();
        stages.extend(by_priority.map(|it| (format!("placed:{it}"), Measure::Placed(Some(it)))));
    }
    stages.push(("placed".to_owned(), Measure::Placed(None)));
    if jobs().any(|job| job.min_available.is_some()) {
        stages.push(("min_available".to_owned(), Measure::MinAvailable));
    }
    stages
}

/// A deadline, a failure that a warning tells, or a mode without bounds.
fn excused(state: &State<'_>, result: &FrameworkResult) -> bool {
    matches!(state.plan.options.mode.as_str(), "greedy" | "online")
        || state.plan.status == PlanStatus::Deadline
        || state.plan.warnings.iter().any(|it| it.subject == result.id)
}

fn names(
    state: &State<'_>,
    result: &FrameworkResult,
    known: &[(String, Measure)],
    findings: &mut Findings,
) {
    let need: Vec<String> = known
        .iter()
        .map(|(name, measure)| match measure {
            Measure::Placed(_) | Measure::Throughput(_) | Measure::Ahead(Timed::Placed) => {
                format!("maximize {name}")
            }
            _ => format!("minimize {name}"),
        })
        .collect();
    let have = result.stages.iter().map(|stage| match stage.sense {
        StageSense::Maximize => format!("maximize {}", stage.name),
        StageSense::Minimize => format!("minimize {}", stage.name),
    });
    let have: Vec<String> = have.collect();
    let absent = have.is_empty() && excused(state, result);
    findings.check(Rule::Stages, need == have || absent, || {
        let text = "the stages are not those of the policy".to_owned();
        (result.id.clone(), need.join(", "), have.join(", "), text)
    });
}

fn value(
    state: &State<'_>,
    framework: usize,
    result: &FrameworkResult,
    stage: &StageResult,
    measure: Measure,
    findings: &mut Findings,
) {
    let need = match measure {
        Measure::Placed(priority) => thousandths(placed_worth(state, framework, priority, false)),
        Measure::Throughput(priority) => {
            thousandths(placed_worth(state, framework, priority, true))
        }
        Measure::MinAvailable => shortfall(state, framework) as f64,
        Measure::Spread => worst_shares(state, framework),
        Measure::AgentsUsed => agents_opened(state, framework) as f64,
        Measure::Span => domains_used(state, framework) as f64,
        Measure::Network => mib(Hadoop::of(state, framework).costs(&state.placed)),
        Measure::Shuffle => Hadoop::of(state, framework).shuffled().unwrap_or(0.0),
        Measure::Ahead(timed) => {
            let ahead = Ahead::of(state, framework);
            match timed {
                Timed::Placed => placed_value(state, framework, None, &state.placed) as f64,
                Timed::Makespan => ahead.makespan(),
                Timed::Network => ahead.network(),
                Timed::Shuffle => ahead.shuffled().unwrap_or(0.0),
                Timed::Completion => ahead.completion(),
            }
        }
        Measure::Traffic { agents, racks, .. } => {
            Flows::of(state, framework).traffic(agents, racks)
        }
        Measure::Makespan { .. } => Flows::of(state, framework).makespan(),
        Measure::Completion => Flows::of(state, framework).completion(),
        Measure::Distance => units_bounds::distance(state, framework) as f64,
        Measure::Utilization => units_bounds::utilization(state, framework, &state.on_units),
        Measure::Claimed => stage.objective,
    };
    let holds = close(need, stage.objective, STAGE_TOLERANCE);
    findings.check(Rule::Objective, holds, || {
        let text = "the plan's placements have another value".to_owned();
        (subject(result, stage), need, stage.objective, text)
    });
}

/// `sum of value x placed` over the framework's tasks (of one priority).
pub(super) fn placed_value(
    state: &State<'_>,
    framework: usize,
    priority: Option<i64>,
    counts: &Counts,
) -> i128 {
    let mut sum = 0;
    for task in state.tasks_of(framework) {
        let job = &state.cluster.jobs[state.cluster.tasks[task].job.at()];
        if priority.is_none_or(|it| it == job.priority) {
            sum += state.value(task) * total(&counts[task]);
        }
    }
    sum
}

/// `sum of value x placed` in thousandths, or `sum of value x speed x placed`, over the framework's tasks (of one priority). What arrives on
/// devices of a model that its task does not allow is worth nothing; what runs there, and stays, has its value and no speed.
fn placed_worth(
    state: &State<'_>,
    framework: usize,
    priority: Option<i64>,
    at_speed: bool,
) -> i128 {
    let mut sum = 0;
    for task in state.tasks_of(framework) {
        let job = &state.cluster.jobs[state.cluster.tasks[task].job.at()];
        if priority.is_none_or(|it| it == job.priority) {
            for (&agent, &count) in &state.placed[task] {
                let kept = state.kept[task].get(&agent).copied().unwrap_or(0);
                let is_allowed = state.speed(task, agent) > 0;
                let counted = if is_allowed { count } else { count.min(kept) };
                sum += state.worth(task, agent, at_speed) * counted;
            }
        }
    }
    sum
}

/// A number of thousandths, exactly where it is whole.
pub(super) fn thousandths(number: i128) -> f64 {
    (number / 1000) as f64 + (number % 1000) as f64 / 1000.0
}

/// A job's instances by domain of a level.
pub(super) fn job_by_domain(
    state: &State<'_>,
    job: usize,
    level: usize,
    counts: &Counts,
) -> BTreeMap<usize, i128> {
    let tasks = state.cluster.jobs[job].tasks.iter().map(|task| task.at());
    let tasks: Vec<usize> = tasks.collect();
    super::domains::by_domain(state.cluster, counts, &tasks, level)
}

fn shortfall(state: &State<'_>, framework: usize) -> i128 {
    let mut sum = 0;
    for job in &state.cluster.frameworks[framework].jobs {
        if let Some(rule) = state.cluster.jobs[job.at()].min_available {
            let by_domain = job_by_domain(state, job.at(), rule.level.at(), &state.placed);
            let placed: i128 = by_domain.values().sum();
            let worst = by_domain.values().copied().max().unwrap_or_default();
            sum += (i128::from(rule.instances) - (placed - worst)).max(0);
        }
    }
    sum
}

fn worst_shares(state: &State<'_>, framework: usize) -> f64 {
    let mut sum = 0.0;
    for job in &state.cluster.frameworks[framework].jobs {
        for (level, it) in state.cluster.levels.iter().enumerate() {
            if it.declared {
                let by_domain = job_by_domain(state, job.at(), level, &state.placed);
                let worst = by_domain.values().copied().max().unwrap_or_default();
                let wanted = job_size(state, job.at());
                sum += level_weight(state, framework, level) * worst as f64 / wanted as f64;
            }
        }
    }
    sum
}

/// Instances that a job wants, at least 1.
pub(super) fn job_size(state: &State<'_>, job: usize) -> i128 {
    let tasks = state.cluster.jobs[job].tasks.iter();
    let wanted: i128 = tasks.map(|task| state.wanted(task.at())).sum();
    wanted.max(1)
}

/// The framework's parameter `level_weights`, 1 where it says nothing.
pub(super) fn level_weight(state: &State<'_>, framework: usize, level: usize) -> f64 {
    let parameters = &state.cluster.frameworks[framework].parameters;
    let weights = parameters.get("level_weights");
    let weight = weights.and_then(|it| it.get(&state.cluster.levels[level].name));
    weight.and_then(serde_json::Value::as_f64).unwrap_or(1.0)
}

fn agents_opened(state: &State<'_>, framework: usize) -> usize {
    let mut opened: BTreeSet<usize> = BTreeSet::new();
    for task in state.tasks_of(framework) {
        opened.extend(state.arriving[task].keys());
    }
    opened.retain(|&agent| !state.occupied[agent]);
    opened.len()
}

/// A bound that can be recomputed is not tighter than what its proof gives.
fn bound(
    reach: &Reach<'_>,
    (data, earlier): (Option<&DataReach<'_>>, &[(Measure, &StageResult)]),
    result: &FrameworkResult,
    stage: &StageResult,
    measure: Measure,
    findings: &mut Findings,
) {
    let Some(claimed) = stage.bound else { return };
    let proved = match &stage.proof {
        Some(Proof::Combinatorial) if measure == Measure::Shuffle => {
            let what = format!("{} {}: bound {claimed}", result.id, stage.name);
            return findings.claim(what);
        }
        Some(Proof::Search) => {
            let what = format!("{} {}: bound {claimed} by search", result.id, stage.name);
            return findings.claim(what);
        }
        Some(Proof::Combinatorial) => data
            .and_then(|data| data.combinatorial(measure, earlier))
            .or_else(|| Some(reach.combinatorial(measure))),
        Some(Proof::Multipliers) => match (measure, &stage.multipliers) {
            (measure, Some(prices)) if data.is_some() => {
                data.and_then(|data| data.multipliers(measure, earlier, prices, findings))
            }
            (Measure::Placed(_) | Measure::Throughput(_), Some(prices)) => {
                reach.multipliers(measure, earlier, prices, findings)
            }
            (Measure::Network, Some(prices)) => reach.least_network(earlier, prices, findings),
            (Measure::Ahead(Timed::Network), Some(prices)) => {
                reach.ahead().least_network_at(prices)
            }
            (Measure::Ahead(Timed::Shuffle), Some(prices)) => {
                reach.ahead().least_shuffled_at(prices)
            }
            _ => None,
        },
        None => None,
    };
    let mut fail = |text: &str, need: f64, holds: bool| {
        findings.check(Rule::Bound, holds, || {
            (subject(result, stage), need, claimed, text.to_owned())
        });
    };
    let Some(proved) = proved else {
        return fail(
            "the bound comes without a proof that can be recomputed",
            claimed,
            false,
        );
    };
    let slack = STAGE_TOLERANCE * claimed.abs().max(proved.abs()).max(1.0);
    let holds = match stage.sense {
        StageSense::Maximize => claimed >= proved - slack,
        StageSense::Minimize => claimed <= proved + slack,
    };
    fail("the claimed bound is tighter than its proof", proved, holds);
}

/// No bound contradicts the plan itself.
fn side(result: &FrameworkResult, stage: &StageResult, findings: &mut Findings) {
    let Some(bound) = stage.bound else { return };
    let slack = STAGE_TOLERANCE * bound.abs().max(stage.objective.abs()).max(1.0);
    let holds = match stage.sense {
        StageSense::Maximize => bound >= stage.objective - slack,
        StageSense::Minimize => bound <= stage.objective + slack,
    };
    findings.check(Rule::Bound, holds, || {
        let text = "the plan is better than its bound".to_owned();
        (subject(result, stage), stage.objective, bound, text)
    });
}

/// `|objective - bound| / max(|objective|, |bound|, 1)`, and none without a bound.
fn gap(result: &FrameworkResult, stage: &StageResult, findings: &mut Findings) {
    let need = stage.bound.map(|bound| {
        let scale = stage.objective.abs().max(bound.abs()).max(1.0);
        (stage.objective / scale - bound / scale).abs()
    });
    let holds = match (need, stage.gap) {
        (None, None) => true,
        (Some(need), Some(have)) => close(need, have, STAGE_TOLERANCE),
        _ => false,
    };
    findings.check(Rule::Gap, holds, || {
        let text = "the gap does not follow from objective and bound".to_owned();
        (subject(result, stage), words(need), words(stage.gap), text)
    });
}

/// The constructive baseline is not better, as long as the stages before were equal.
fn greedy(
    result: &FrameworkResult,
    stage: &StageResult,
    comparable: &mut bool,
    findings: &mut Findings,
) {
    let Some(baseline) = stage.greedy.filter(|_| *comparable) else {
        return;
    };
    let slack = STAGE_TOLERANCE * baseline.abs().max(stage.objective.abs()).max(1.0);
    let ahead = match stage.sense {
        StageSense::Maximize => stage.objective - baseline,
        StageSense::Minimize => baseline - stage.objective,
    };
    *comparable = ahead <= slack;
    findings.check(Rule::Greedy, ahead >= -slack, || {
        let text = "the constructive baseline is better than the plan".to_owned();
        (subject(result, stage), baseline, stage.objective, text)
    });
}

/// The largest gap over every stage but the one that breaks ties.
fn framework_gap(result: &FrameworkResult, known: &[(String, Measure)], findings: &mut Findings) {
    let tie_break = |stage: &StageResult| {
        let measure = known.iter().find(|(name, _)| *name == stage.name);
        measure.is_some_and(|(_, measure)| measure.breaks_ties())
    };
    let gaps = || {
        result
            .stages
            .iter()
            .filter(|stage| !tie_break(stage))
            .map(|stage| stage.gap)
    };
    let largest = gaps().flatten().max_by(f64::total_cmp);
    let unknown = gaps().any(|gap| gap.is_none());
    let holds = match (largest, result.gap) {
        (Some(need), Some(have)) if known.is_empty() => {
            // A policy that the verifier does not know says itself which stages count.
            let some = result.stages.iter().filter_map(|stage| stage.gap);
            have <= need && (some.into_iter().any(|gap| gap == have))
        }
        (Some(need), Some(have)) => close(need, have, STAGE_TOLERANCE),
        (Some(_), None) => unknown || known.is_empty(),
        (None, have) => have.is_none(),
    };
    findings.check(Rule::Gap, holds, || {
        let text = "the framework's gap is not the largest of its stages".to_owned();
        (result.id.clone(), words(largest), words(result.gap), text)
    });
}

fn words(number: Option<f64>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

fn subject(result: &FrameworkResult, stage: &StageResult) -> String {
    format!("{},{}", result.id, stage.name)
}
