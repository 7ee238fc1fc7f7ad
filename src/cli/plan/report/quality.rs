//! How good a plan is, and what it survives.

use apportion_cluster::Cluster;
use apportion_cluster::plan::{FrameworkResult, PlanFile, Proof, StageResult};

use super::{MOST_IN_FULL, heading, shown};
use crate::cli::numbers::{counted, percent, short};
use crate::cli::plan::terms;
use crate::cli::table::{self, Align};

/// Levels that the table of survival shows.
const MOST_LEVELS: usize = 6;

/// How good each framework's placement is, stage by stage, and how that is proved. Where there are many frameworks, stages that
/// are proved best are counted only.
pub(super) fn quality(plan: &PlanFile) -> String {
    let columns = [
        ("framework", Align::Left),
        ("stage", Align::Left),
        ("plan", Align::Right),
        ("bound", Align::Right),
        ("gap", Align::Right),
        ("proved by", Align::Left),
        ("greedy", Align::Right),
    ];
    let brief = plan.frameworks.len() > MOST_IN_FULL;
    let mut rows = Vec::new();
    for framework in shown(plan) {
        let stages = framework
            .stages
            .iter()
            .filter(|stage| !brief || stage.gap != Some(0.0));
        for (position, stage) in stages.enumerate() {
            rows.push(stage_row(framework, position, stage));
        }
    }
    let mut text = heading("Quality");
    if !rows.is_empty() {
        text.push_str(&table::render(&columns, &rows));
    }
    if brief {
        text.push_str(&proved(plan));
    }
    text
}

/// How many stages are proved best, of those that have a bound: rules that take one task at a time have none.
fn proved(plan: &PlanFile) -> String {
    let frameworks = plan.frameworks.iter();
    let stages: Vec<&StageResult> = frameworks.flat_map(|it| &it.stages).collect();
    let n_bounded = stages.iter().filter(|stage| stage.gap.is_some()).count();
    let n_best = stages.iter().filter(|stage| stage.gap == Some(0.0)).count();
    match (stages.len() - n_bounded, n_bounded) {
        (0, all) => format!(
            "{n_best} of {} are proved best: gap 0\n",
            counted(all, "stage")
        ),
        (all, 0) => format!("{} without a bound\n", counted(all, "stage")),
        (without, some) => format!(
            "{n_best} of {} with a bound are proved best: gap 0; {without} without a bound\n",
            counted(some, "stage")
        ),
    }
}

fn stage_row(framework: &FrameworkResult, position: usize, stage: &StageResult) -> Vec<String> {
    let id = if position == 0 {
        framework.id.clone()
    } else {
        String::new()
    };
    vec![
        id,
        stage.name.clone(),
        short(stage.objective),
        stage.bound.map_or_else(|| "-".to_owned(), short),
        stage.gap.map_or_else(|| "-".to_owned(), percent),
        stage.proof.map_or("-", proof).to_owned(),
        stage.greedy.map_or_else(|| "-".to_owned(), short),
    ]
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Multipliers => "prices",
        Proof::Combinatorial => "counting",
        Proof::Search => "search (claimed)",
    }
}

/// What each framework got in its own policy's terms, where they are of several.
pub(super) fn terms(cluster: &Cluster, plan: &PlanFile) -> String {
    let mut policies: Vec<&str> = plan.frameworks.iter().map(|it| &*it.policy).collect();
    policies.sort_unstable();
    policies.dedup();
    if policies.len() < 2 {
        return String::new();
    }
    let columns = [
        ("framework", Align::Left),
        ("policy", Align::Left),
        ("what it got, in its own terms", Align::Left),
    ];
    let rows = shown(plan).into_iter().map(|framework| {
        let told = terms::in_its_own(cluster, framework);
        vec![framework.id.clone(), framework.policy.clone(), told]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    format!(
        "{}{}",
        heading("In their own terms"),
        table::render(&columns, &rows)
    )
}

/// What the loss of one domain takes at worst: the largest part of one job, per level.
pub(super) fn survival(cluster: &Cluster, plan: &PlanFile) -> String {
    let key = |level: &str| format!("worst_domain_loss[{level}]");
    let has = |level: &str| {
        plan.frameworks
            .iter()
            .any(|framework| framework.metrics.contains_key(&key(level)))
    };
    let levels = cluster.levels.iter().map(|level| level.name.as_str());
    let levels: Vec<&str> = levels
        .filter(|level| has(level))
        .take(MOST_LEVELS)
        .collect();
    let mut columns = vec![("framework", Align::Left), ("agents used", Align::Right)];
    columns.extend(levels.iter().map(|&level| (level, Align::Right)));
    let metric = |framework: &FrameworkResult, key: &str, tell: fn(f64) -> String| {
        framework
            .metrics
            .get(key)
            .map_or_else(|| "-".to_owned(), |&value| tell(value))
    };
    let row = |framework: &FrameworkResult| {
        let mut row = vec![
            framework.id.clone(),
            metric(framework, "agents_used", short),
        ];
        row.extend(levels.iter().map(|level| {
            metric(framework, &key(level), |loss| {
                format!("{:.0} %", loss * 100.0)
            })
        }));
        row
    };
    if levels.is_empty() {
        return String::new();
    }
    let measured = shown(plan).into_iter().filter(|framework| {
        let mut levels = levels.iter();
        levels.any(|level| framework.metrics.contains_key(&key(level)))
    });
    let rows: Vec<Vec<String>> = measured.map(row).collect();
    let title = heading("Survival: the largest part of one job that the loss of one domain takes");
    format!("{title}{}", table::render(&columns, &rows))
}
