//! From bins that are agents to bins that are a unit and the agents that use it from equally far.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Cluster, LevelIdx, Slice, TaskIdx, UNIT_RESOURCES, UnitIdx};
use apportion_models::assignment::{Assignment, Bin, Cap, Limit, NO_GROUP, Objective, Packing};

use crate::contract::{CapRow, Formulation, Place, Places};

/// Up to so many pairs of an agent and a unit, every agent is a class of its own.
const PAIRS_OF_SINGLE_AGENTS: usize = 600;

/// A bin: a unit, and bins of the model on agents. Without a unit it is for tasks that keep no data.
struct Lifted {
    unit: Option<UnitIdx>,
    /// Positions among the offers, ascending.
    offers: Arc<Vec<usize>>,
}

/// The model on units of a model on agents.
pub(super) fn onto_units(slice: &Slice<'_>, on_agents: Formulation) -> Formulation {
    let classes = classes(slice, &on_agents);
    let bins = lifted_bins(slice, &classes);
    let model = &on_agents.assignment;
    let example: Vec<usize> = bins.iter().map(|bin| bin.offers[0]).collect();
    let lift = |packing: &mut Packing| {
        let groups = example.iter().map(|&offer| packing.group_of[offer]);
        packing.group_of = Arc::new(groups.collect());
    };
    let mut assignment = Assignment {
        resources: Vec::new(),
        items: model.items.clone(),
        bins: bins.iter().map(|bin| named(slice, bin)).collect(),
        caps: Vec::new(),
        limits: model.limits.clone(),
        gangs: model.gangs.clone(),
        balances: model.balances.clone(),
        stages: model.stages.clone(),
    };
    let eligible = eligible(slice, model, &bins);
    for (item, eligible) in assignment.items.iter_mut().zip(eligible) {
        item.demand.clear();
        item.eligible = eligible;
    }
    let limits = assignment.limits.iter_mut();
    limits.for_each(|limit| lift(&mut limit.packing));
    let balances = assignment.balances.iter_mut();
    balances.for_each(|balance| lift(&mut balance.packing));
    for stage in &mut assignment.stages {
        if let Objective::Shortfall(terms) = &mut stage.objective {
            terms.iter_mut().for_each(|term| lift(&mut term.packing));
        }
    }
    assignment.limits.extend(distinct(slice, &bins));
    let caps = unit_caps(slice, &bins).into_iter();
    let caps = caps.chain(agent_caps(slice, model, &bins));
    let (rows, caps): (Vec<CapRow>, Vec<Cap>) = caps.unzip();
    assignment.caps = caps;
    let agents = |bin: &Lifted| {
        let offers = bin.offers.iter();
        offers
            .map(|&offer| slice.offers[offer].agent)
            .collect::<Vec<_>>()
    };
    let places = bins.iter().map(|bin| Place {
        unit: bin.unit,
        agents: Arc::new(agents(bin)),
    });
    let room = slice
        .offers
        .iter()
        .map(|offer| (offer.agent, offer.resources.clone()));
    let demands = slice
        .pending
        .iter()
        .map(|&(task, _)| slice.cluster.task(task).demand.clone());
    Formulation {
        places: Places {
            bins: places.collect(),
            room: room.collect(),
            demands: demands.collect(),
            rows,
        },
        bins: example
            .iter()
            .map(|&offer| slice.offers[offer].agent)
            .collect(),
        assignment,
        ..on_agents
    }
}

/// Positions of offers, those together that no rule of the model and no distance tells apart.
fn classes(slice: &Slice<'_>, on_agents: &Formulation) -> Vec<Arc<Vec<usize>>> {
    let (cluster, n_offers) = (slice.cluster, slice.offers.len());
    if n_offers * cluster.units.len() <= PAIRS_OF_SINGLE_AGENTS {
        return (0..n_offers).map(|offer| Arc::new(vec![offer])).collect();
    }
    let model = &on_agents.assignment;
    let mut keys: Vec<Vec<u32>> = vec![Vec::new(); n_offers];
    let mut divide = |groups: &dyn Fn(usize) -> u32| {
        for (offer, key) in keys.iter_mut().enumerate() {
            key.push(groups(offer));
        }
    };
    let limits = model.limits.iter().map(|limit| &limit.packing);
    let balances = model.balances.iter().map(|balance| &balance.packing);
    let terms = model
        .stages
        .iter()
        .flat_map(|stage| match &stage.objective {
            Objective::Shortfall(terms) => &terms[..],
            _ => &[],
        });
    let packings = limits
        .chain(balances)
        .chain(terms.map(|term| &term.packing));
    let mut known: Vec<&Arc<Vec<u32>>> = Vec::new();
    for packing in packings {
        if !known.contains(&&packing.group_of) {
            known.push(&packing.group_of);
            divide(&|offer| packing.group_of[offer]);
        }
    }
    let mut levels = cluster.distance_levels();
    let shards = slice
        .pending
        .iter()
        .filter_map(|&(task, _)| cluster.task(task).shard.as_ref());
    levels.extend(shards.filter_map(|shard| shard.distinct));
    levels.sort_unstable();
    levels.dedup();
    for level in levels {
        divide(&|offer| cluster.domain(slice.offers[offer].agent, level).0);
    }
    let mut lists: Vec<&Arc<Vec<u32>>> = Vec::new();
    for item in &model.items {
        // Tasks of one shape share their list.
        if !lists.iter().any(|list| Arc::ptr_eq(list, &item.eligible)) {
            lists.push(&item.eligible);
        }
    }
    for list in lists {
        divide(&|offer| {
            let offer = u32::try_from(offer).unwrap_or(u32::MAX);
            u32::from(list.binary_search(&offer).is_ok())
        });
    }
    let mut classes: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    for (offer, key) in keys.into_iter().enumerate() {
        classes.entry(key).or_default().push(offer);
    }
    let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
    classes.sort_unstable();
    classes.into_iter().map(Arc::new).collect()
}

/// Every unit that is offered with every class; and with its own agent alone, if that is not a class.
fn lifted_bins(slice: &Slice<'_>, classes: &[Arc<Vec<usize>>]) -> Vec<Lifted> {
    let cluster = slice.cluster;
    let mut bins = Vec::new();
    let shards = || (slice.pending.iter()).map(|&(task, _)| cluster.task(task).shard.as_ref());
    if shards().any(|shard| shard.is_none()) {
        bins.extend(classes.iter().map(|class| Lifted {
            unit: None,
            offers: Arc::clone(class),
        }));
    }
    // What takes nothing of its unit goes to any.
    let takes_nothing = (shards().flatten()).any(|shard| shard.need.iter().all(|&need| need == 0));
    for unit in cluster.unit_indices() {
        if !takes_nothing && slice.units[unit.at()].iter().all(|&amount| amount <= 0) {
            continue;
        }
        for class in classes {
            bins.push(Lifted {
                unit: Some(unit),
                offers: Arc::clone(class),
            });
        }
        let own = cluster.unit(unit).agent;
        let own = own.and_then(|agent| {
            slice
                .offers
                .binary_search_by_key(&agent, |offer| offer.agent)
                .ok()
        });
        if let Some(offer) = own
            && !classes.iter().any(|class| **class == [offer])
        {
            bins.push(Lifted {
                unit: Some(unit),
                offers: Arc::new(vec![offer]),
            });
        }
    }
    bins
}

fn named(slice: &Slice<'_>, bin: &Lifted) -> Bin {
    let agent = &slice.cluster.agent(slice.offers[bin.offers[0]].agent).id;
    let unit = bin
        .unit
        .map(|unit| format!("+{}", slice.cluster.unit(unit).id));
    let unit = unit.unwrap_or_default();
    let name = match bin.offers.len() {
        1 => format!("{agent}{unit}"),
        n => format!("{agent}..{n}{unit}"),
    };
    Bin {
        name,
        capacity: Vec::new(),
        devices: Vec::new(),
    }
}

/// The agents that a task may use, the units, and whether it needs none.
type OpenTo = (Vec<u32>, Vec<bool>, bool);

/// The bins of each item: those whose agents may take it, and whose unit may and holds one replica. Alike shards share a list.
fn eligible(slice: &Slice<'_>, model: &Assignment, bins: &[Lifted]) -> Vec<Arc<Vec<u32>>> {
    let cluster = slice.cluster;
    let mut known: BTreeMap<OpenTo, Arc<Vec<u32>>> = BTreeMap::new();
    let lists = model
        .items
        .iter()
        .zip(&slice.pending)
        .map(|(item, &(task, _))| {
            let units: Vec<bool> = cluster
                .unit_indices()
                .map(|unit| cluster.unit_is_open(task, unit) && holds(slice, task, unit))
                .collect();
            let is_plain = cluster.task(task).shard.is_none();
            let key = (item.eligible.to_vec(), units, is_plain);
            if let Some(list) = known.get(&key) {
                return Arc::clone(list);
            }
            let open = (0_u32..).zip(bins).filter(|(_, bin)| {
                let offer = u32::try_from(bin.offers[0]).unwrap_or(u32::MAX);
                let takes = bin.unit.map_or(key.2, |unit| !key.2 && key.1[unit.at()]);
                takes && item.eligible.binary_search(&offer).is_ok()
            });
            let list: Arc<Vec<u32>> = Arc::new(open.map(|(bin, _)| bin).collect());
            known.insert(key, Arc::clone(&list));
            list
        });
    lists.collect()
}

/// Whether what is offered of a unit holds one replica.
fn holds(slice: &Slice<'_>, task: TaskIdx, unit: UnitIdx) -> bool {
    let need = need(slice.cluster, task);
    let offered = slice.units[unit.at()];
    need.iter()
        .zip(offered)
        .all(|(&need, offered)| need <= offered)
}

/// What a replica of a task takes of its unit; a task without shards takes nothing.
fn need(cluster: &Cluster, task: TaskIdx) -> [i64; 3] {
    cluster
        .task(task)
        .shard
        .as_ref()
        .map_or([0; 3], |shard| shard.need)
}

/// `distinct_unit[s,L]` and `distinct_agent[s,L]`: at most one replica in each domain.
fn distinct(slice: &Slice<'_>, bins: &[Lifted]) -> Vec<Limit> {
    let cluster = slice.cluster;
    let mut of_level: BTreeMap<LevelIdx, [Arc<Vec<u32>>; 2]> = BTreeMap::new();
    let mut limits = Vec::new();
    for (item, &(task, _)) in (0_u32..).zip(&slice.pending) {
        let shard = cluster.task(task).shard.as_ref();
        let Some(level) = shard.and_then(|shard| shard.distinct) else {
            continue;
        };
        let domains = of_level.entry(level).or_insert_with(|| {
            let unit = |bin: &Lifted| {
                let unit = bin.unit.map(|unit| cluster.unit(unit));
                unit.map_or(NO_GROUP, |unit| unit.domains[level.at()].0)
            };
            let agent = |bin: &Lifted| cluster.domain(slice.offers[bin.offers[0]].agent, level).0;
            let of_units: Vec<u32> = bins.iter().map(unit).collect();
            [
                Arc::new(of_units),
                Arc::new(bins.iter().map(agent).collect()),
            ]
        });
        let names = Arc::new(cluster.levels[level.at()].domains.clone());
        let own = slice.kept_units.iter().filter(|kept| kept.task == task);
        let mut base = [vec![0; names.len()], vec![0; names.len()]];
        for kept in own {
            base[0][cluster.unit(kept.unit).domains[level.at()].at()] += kept.instances;
            base[1][cluster.domain(kept.agent, level).at()] += kept.instances;
        }
        let kinds = ["distinct_unit", "distinct_agent"];
        for ((kind, group_of), base) in kinds.into_iter().zip(domains.iter()).zip(base) {
            let level = &cluster.levels[level.at()].name;
            limits.push(Limit {
                name: format!("{kind}[{},{level}]", cluster.task_name(task)),
                groups: Arc::clone(&names),
                packing: Packing {
                    items: Arc::new(vec![item]),
                    group_of: Arc::clone(group_of),
                    base,
                },
                max: 1,
            });
        }
    }
    limits
}

/// `unit[u,r]`: what the replicas on a unit take of it.
fn unit_caps(slice: &Slice<'_>, bins: &[Lifted]) -> Vec<(CapRow, Cap)> {
    let cluster = slice.cluster;
    let mut of_unit: Vec<Vec<u32>> = vec![Vec::new(); cluster.units.len()];
    for (position, bin) in (0_u32..).zip(bins) {
        if let Some(unit) = bin.unit {
            of_unit[unit.at()].push(position);
        }
    }
    let needs: Vec<[i64; 3]> = slice
        .pending
        .iter()
        .map(|&(task, _)| need(cluster, task))
        .collect();
    let items = Arc::new((0_u32..).take(needs.len()).collect::<Vec<u32>>());
    let mut caps = Vec::new();
    for (unit, bins) in cluster.unit_indices().zip(of_unit) {
        let bins = Arc::new(bins);
        for (at, resource) in UNIT_RESOURCES.into_iter().enumerate() {
            if bins.is_empty() || needs.iter().all(|need| need[at] == 0) {
                continue;
            }
            let cap = Cap {
                name: format!("unit[{},{resource}]", cluster.unit(unit).id),
                items: Arc::clone(&items),
                bins: Arc::clone(&bins),
                max: slice.units[unit.at()][at].max(0),
                weights: needs.iter().map(|need| need[at]).collect(),
            };
            caps.push((CapRow::Unit(unit, at), cap));
        }
    }
    caps
}

/// `capacity[a,r]`: what the instances of a class take of its agents together. The agents of a class of several that have bins of
/// their own have caps of their own too.
fn agent_caps(slice: &Slice<'_>, model: &Assignment, bins: &[Lifted]) -> Vec<(CapRow, Cap)> {
    let cluster = slice.cluster;
    let mut classes: BTreeMap<&[usize], Vec<u32>> = BTreeMap::new();
    let mut largest: BTreeMap<usize, &[usize]> = BTreeMap::new();
    for bin in bins {
        classes.entry(&bin.offers).or_default();
        for &offer in bin.offers.iter() {
            let class = largest.entry(offer).or_insert(&bin.offers);
            if bin.offers.len() > class.len() {
                *class = &bin.offers;
            }
        }
    }
    for (position, bin) in (0_u32..).zip(bins) {
        let all = largest[&bin.offers[0]];
        for class in [
            Some(&bin.offers[..]),
            Some(all).filter(|all| **all != bin.offers[..]),
        ] {
            let of_class = class.and_then(|class| classes.get_mut(class));
            of_class.into_iter().for_each(|bins| bins.push(position));
        }
    }
    let items = Arc::new((0_u32..).take(model.items.len()).collect::<Vec<u32>>());
    let mut caps = Vec::new();
    for (offers, bins) in classes {
        let agent = &cluster.agent(slice.offers[offers[0]].agent).id;
        let bins = Arc::new(bins);
        let agents = offers.iter().map(|&offer| slice.offers[offer].agent);
        let agents: Arc<Vec<AgentIdx>> = Arc::new(agents.collect());
        for (at, resource) in cluster.resources.iter().enumerate() {
            if model.items.iter().all(|item| item.demand[at] == 0) {
                continue;
            }
            let offered = offers.iter().map(|&offer| model.bins[offer].capacity[at]);
            let name = match offers.len() {
                1 => format!("capacity[{agent},{resource}]"),
                n => format!("capacity[{agent}..{n},{resource}]"),
            };
            let cap = Cap {
                name,
                items: Arc::clone(&items),
                bins: Arc::clone(&bins),
                max: offered.sum(),
                weights: model.items.iter().map(|item| item.demand[at]).collect(),
            };
            caps.push((CapRow::Agents(Arc::clone(&agents), at), cap));
        }
    }
    caps
}
