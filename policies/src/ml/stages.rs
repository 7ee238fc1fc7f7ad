//! The objective, stage by stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentDevices, TaskIdx};
use apportion_models::assignment::{Objective, Rate, Term, Yield};

use crate::rules::{OwnStage, Tables, min_available, placed};

/// Thousandths in which throughput is counted.
const THOUSANDTHS: i64 = 1000;

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    if differs_by_model(tables) {
        let classes = Classes::of(tables);
        for stage in &mut stages {
            weigh(tables, &classes, stage);
        }
    }
    stages.extend(min_available(tables));
    stages
}

/// Whether any task of the framework runs at another than its usual speed anywhere.
fn differs_by_model(tables: &Tables<'_>) -> bool {
    let cluster = tables.slice.cluster;
    let mut tasks = (tables.jobs.iter()).flat_map(|(job, _)| &cluster.job(*job).tasks);
    tasks.any(|&task| {
        let mut needs = cluster.task(task).devices.iter();
        needs.any(|need| need.models.iter().any(|it| it.throughput != THOUSANDTHS))
    })
}

/// Bins whose devices are alike.
struct Classes {
    of_bin: Arc<Vec<u32>>,
    /// A bin of each class.
    example: Vec<usize>,
}

impl Classes {
    fn of(tables: &Tables<'_>) -> Self {
        let cluster = tables.slice.cluster;
        let mut known: BTreeMap<&[AgentDevices], u32> = BTreeMap::new();
        let mut example = Vec::new();
        let offers = tables.slice.offers.iter().enumerate();
        let of_bin = offers.map(|(bin, offer)| {
            let devices = &cluster.agent(offer.agent).devices[..];
            *known.entry(devices).or_insert_with(|| {
                example.push(bin);
                u32::try_from(example.len() - 1).expect("there are fewer classes than agents")
            })
        });
        let of_bin = Arc::new(of_bin.collect());
        Self { of_bin, example }
    }
}

/// Turns a stage that counts values into one that counts values times throughput.
fn weigh(tables: &Tables<'_>, classes: &Classes, stage: &mut OwnStage) {
    let slice = tables.slice;
    let Objective::Value(terms) = &stage.stage.objective else {
        return;
    };
    let at = |task: TaskIdx, bin: usize| slice.cluster.throughput(task, slice.offers[bin].agent);
    let rate = |term: &Term| {
        let task = slice.pending[term.item as usize].0;
        let values = classes
            .example
            .iter()
            .map(|&bin| term.value * at(task, bin));
        Rate {
            item: term.item,
            values: values.collect(),
        }
    };
    // What is kept counts where it runs; the constant so far has its values alone.
    let counted: Vec<i64> = kept_values(tables, stage.priority);
    stage.constant = counted
        .iter()
        .map(|&it| it as f64 / THOUSANDTHS as f64)
        .sum();
    stage.unit = THOUSANDTHS;
    stage.stage.objective = Objective::Yield(Yield {
        class_of: Arc::clone(&classes.of_bin),
        rates: terms.iter().map(rate).collect(),
    });
}

/// Value times throughput in thousandths of what stays running, one number per entry.
fn kept_values(tables: &Tables<'_>, priority: Option<i64>) -> Vec<i64> {
    let cluster = tables.slice.cluster;
    let kept = tables.slice.kept.iter().filter(|kept| {
        let of_task = cluster.job(cluster.task(kept.task).job).priority;
        priority.is_none_or(|priority| priority == of_task)
    });
    kept.map(|kept| {
        cluster.task(kept.task).value * kept.instances * cluster.throughput(kept.task, kept.agent)
    })
    .collect()
}
