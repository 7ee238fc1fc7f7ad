//! The objective, stage by stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{
    AgentDevices, DomainIdx, Eligibility, LevelIdx, Offer, Quantities, TaskIdx,
};
use apportion_models::assignment::{
    LARGEST_COUNT, Objective, Probe, Rate, Span, Stage, Term, Yield,
};

use crate::contract::StageRole;
use crate::rules::{OwnStage, Tables, min_available, placed};

/// How many of the most wanted shapes stand for what may come.
const MOST_PROBES: usize = 16;

/// Thousandths in which throughput is counted.
const THOUSANDTHS: i64 = 1000;

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    if differs_by_model(tables) {
        let classes = Classes::of(tables);
        let all = stages.pop();
        let by_priority = stages.iter().filter_map(|stage| {
            let name = format!("throughput:{}", stage.priority?);
            at_speed(tables, &classes, stage, name)
        });
        let by_priority: Vec<OwnStage> = by_priority.collect();
        stages.extend(by_priority);
        stages.extend(all.and_then(|it| at_speed(tables, &classes, &it, it.stage.name.clone())));
    }
    stages.extend(min_available(tables));
    stages.extend(span(tables));
    stages.extend(fragmentation(tables));
    stages.push(holes(tables));
    stages
}

/// Domains used by jobs of several instances: agents, and the domains of every declared level. Absent without such jobs.
fn span(tables: &Tables<'_>) -> Option<OwnStage> {
    let cluster = tables.slice.cluster;
    let levels = (0..cluster.levels.len()).map(LevelIdx::of).filter(|level| {
        let level = &cluster.levels[level.at()];
        level.declared && level.name != "agent"
    });
    let levels: Vec<LevelIdx> = levels.collect();
    let on_agents: Arc<Vec<u32>> = Arc::new((0u32..).take(tables.slice.offers.len()).collect());
    let (mut terms, mut constant, mut several) = (Vec::new(), 0, false);
    for (job, items) in &tables.jobs {
        let wanted = cluster.job(*job).tasks.iter();
        if wanted
            .map(|&task| cluster.task(task).instances)
            .sum::<i64>()
            < 2
        {
            continue;
        }
        several = true;
        let mut packings = vec![("agent", tables.packing_on_agents(*job, items, &on_agents))];
        packings.extend(levels.iter().map(|&level| {
            let name = cluster.levels[level.at()].name.as_str();
            (name, tables.packing(*job, items, level))
        }));
        for (level, packing) in packings {
            if items.is_empty() {
                constant += packing.base.iter().filter(|&&count| count > 0).count();
            } else {
                let name = format!("span[{},{level}]", cluster.job(*job).id);
                terms.push(Span {
                    name,
                    packing,
                    weight: 1,
                });
            }
        }
    }
    several.then(|| OwnStage {
        stage: Stage {
            name: "span".to_owned(),
            objective: Objective::Span(terms),
        },
        priority: None,
        role: StageRole::Quality,
        unit: 1,
        constant: constant as f64,
    })
}

/// Free thousandths of devices that an instance of the framework, drawn by how many it wants of each shape, could not
/// use, over the offers; absent where no task needs devices.
fn fragmentation(tables: &Tables<'_>) -> Option<OwnStage> {
    let cluster = tables.slice.cluster;
    let tasks = (tables.jobs.iter()).flat_map(|(job, _)| &cluster.job(*job).tasks);
    let needing = tasks.filter(|&&task| !cluster.task(task).devices.is_empty());
    let mut probes: Vec<Probe> = Vec::new();
    let mut known: BTreeMap<(Eligibility<'_>, &Quantities), usize> = BTreeMap::new();
    let mut any = false;
    for &task in needing {
        any = true;
        let wanted = cluster.task(task);
        let shape = (wanted.eligibility(), &wanted.demand);
        let at = *known.entry(shape).or_insert_with(|| {
            probes.push(tables.probe(task));
            probes.len() - 1
        });
        probes[at].weight = (probes[at].weight + wanted.instances).min(LARGEST_COUNT);
    }
    // The rare shapes would say little more, and each costs as much as a common one.
    probes.sort_by_key(|probe| std::cmp::Reverse(probe.weight));
    probes.truncate(MOST_PROBES);
    any.then(|| OwnStage {
        stage: Stage {
            name: "fragmentation".to_owned(),
            objective: Objective::Fragmentation(probes),
        },
        priority: None,
        role: StageRole::TieBreak,
        unit: 1,
        constant: 0.0,
    })
}

/// Agents used, each counted by the size of the hole that it is part of, so that large holes stay whole. A hole is what
/// is offered of one agent, and in one domain of each declared level, in thousandths of the largest offer.
fn holes(tables: &Tables<'_>) -> OwnStage {
    let cluster = tables.slice.cluster;
    let offers = &tables.slice.offers;
    let largest = offers
        .iter()
        .fold(vec![1; cluster.resources.len()], |mut largest, offer| {
            for (largest, &amount) in largest.iter_mut().zip(&offer.resources.0) {
                *largest = amount.max(*largest);
            }
            largest
        });
    let asked = asked_for(tables);
    let size = |offer: &Offer| {
        let resources = offer.resources.0.iter().zip(&largest).zip(&asked);
        let parts = resources.map(|((&amount, &largest), &asked)| {
            let part = i128::from(amount) * i128::from(THOUSANDTHS) / i128::from(largest);
            if asked { part as i64 } else { 0 }
        });
        parts.max().unwrap_or(0)
    };
    let sizes: Vec<i64> = offers.iter().map(size).collect();
    let mut costs = sizes.clone();
    let levels = (0..cluster.levels.len()).map(LevelIdx::of);
    for level in levels.filter(|level| cluster.levels[level.at()].declared) {
        let mut of_domain: BTreeMap<DomainIdx, i64> = BTreeMap::new();
        let domain = |offer: &Offer| cluster.domain(offer.agent, level);
        for (offer, size) in offers.iter().zip(&sizes) {
            *of_domain.entry(domain(offer)).or_insert(0) += size;
        }
        for (offer, cost) in offers.iter().zip(&mut costs) {
            *cost += of_domain[&domain(offer)];
        }
    }
    OwnStage {
        stage: Stage {
            name: "holes".to_owned(),
            objective: Objective::Opened(costs),
        },
        priority: None,
        role: StageRole::TieBreak,
        unit: 1,
        constant: 0.0,
    }
}

/// Whether any pending task needs each resource.
fn asked_for(tables: &Tables<'_>) -> Vec<bool> {
    let cluster = tables.slice.cluster;
    let mut asked = vec![false; cluster.resources.len()];
    for (task, _) in &tables.slice.pending {
        for (asked, &amount) in asked.iter_mut().zip(&cluster.task(*task).demand.0) {
            *asked |= amount > 0;
        }
    }
    asked
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

/// A stage that counts values times throughput, from one that counts values.
fn at_speed(
    tables: &Tables<'_>,
    classes: &Classes,
    of_value: &OwnStage,
    name: String,
) -> Option<OwnStage> {
    let slice = tables.slice;
    let Objective::Value(terms) = &of_value.stage.objective else {
        return None;
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
    // What is kept counts where it runs.
    let kept = kept_values(tables, of_value.priority);
    let kept = kept.iter().map(|&it| it as f64 / THOUSANDTHS as f64);
    Some(OwnStage {
        stage: Stage {
            name,
            objective: Objective::Yield(Yield {
                class_of: Arc::clone(&classes.of_bin),
                rates: terms.iter().map(rate).collect(),
            }),
        },
        priority: of_value.priority,
        role: if of_value.priority.is_some() {
            StageRole::Quality
        } else {
            StageRole::Placed
        },
        unit: THOUSANDTHS,
        constant: kept.sum(),
    })
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
