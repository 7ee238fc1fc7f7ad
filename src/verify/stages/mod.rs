//! Objectives stage by stage: names, values, bounds, gaps and the baseline.

mod claims;
mod measure;
mod policies;
mod values;

use apportion_cluster::plan::{FrameworkResult, PlanStatus, StageResult, StageSense};

use super::ahead::Ahead;
use super::bounds::Reach;
use super::mapreduce::{Hadoop, mib};
use super::report::Findings;
use super::rule::Rule;
use super::state::State;
use super::tolerance::{STAGE_TOLERANCE, close};
use super::units_bounds::{self, DataReach};
use super::workflow::Flows;
use claims::{bound, framework_gap, gap, greedy, side};
use policies::{mapreduce_stages, ml_stages, service_stages, storage_stages, workflow_stages};
use values::{agents_opened, domains_used, placed_worth, shortfall, worst_shares};

pub(super) use measure::{Measure, Timed};
pub(super) use values::{
    job_by_domain, job_size, level_weight, placed_value, span_levels, thousandths,
};

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

fn subject(result: &FrameworkResult, stage: &StageResult) -> String {
    format!("{},{}", result.id, stage.name)
}
