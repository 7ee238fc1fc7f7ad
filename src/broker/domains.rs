//! Failure domains, where limits count them: those that are alike are counted together.
//!
//! Kinds of agents are taken apart until domains that share a kind hold as many agents of every kind ([`apart`]). Sums over such
//! kinds lose nothing: any allocation can be averaged over domains that are alike, and stays within every row (Grohe,
//! Kersting, Mladenov and Selman 2014, "Dimension Reduction via Colour Refinement"). Where that would make too many kinds, they
//! stay together, and a limit binds only as far as one class, and one task alone, show it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{Cluster, DomainIdx, GroupIdx, LevelIdx, LimitRule, TaskIdx};
use apportion_policies::Bid;

use super::classes::Census;

/// Kinds of agents up to which failure domains take them apart.
pub(super) const MOST_APART: usize = 64;

/// Levels with a limit that could bind a bidding task.
pub(super) fn limited_levels(cluster: &Cluster, bids: &[Bid]) -> BTreeSet<LevelIdx> {
    let classes = bids.iter().flat_map(|bid| &bid.classes);
    let rules = classes.flat_map(|class| {
        let limits = cluster.task(class.task).limits.iter();
        limits.filter(|rule| rule.group.is_some() || rule.max < class.instances)
    });
    rules.map(|rule| rule.level).collect()
}

/// The kind of each agent, taken apart by what else is in its domains of these levels; a level that would make more than `most`
/// kinds of them is left out.
pub(super) fn apart(
    cluster: &Cluster,
    levels: &BTreeSet<LevelIdx>,
    kind_of: Vec<usize>,
    most: usize,
) -> Vec<usize> {
    let mut kinds = kind_of;
    let mut counted = Vec::new();
    for &level in levels {
        counted.push(level);
        match refined(cluster, &counted, &kinds, most) {
            Some(finer) => kinds = finer,
            None => {
                counted.pop();
            }
        }
    }
    kinds
}

fn refined(
    cluster: &Cluster,
    levels: &[LevelIdx],
    kinds: &[usize],
    most: usize,
) -> Option<Vec<usize>> {
    let (mut kinds, mut n_kinds) = numbered(kinds.iter().collect());
    while n_kinds <= most {
        let mut keys: Vec<Vec<usize>> = kinds.iter().map(|&kind| vec![kind]).collect();
        for &level in levels {
            let n_domains = cluster.levels[level.at()].domains.len();
            let mut contents = vec![Vec::new(); n_domains];
            for (agent, &kind) in cluster.agent_indices().zip(&kinds) {
                contents[cluster.domain(agent, level).at()].push(kind);
            }
            contents.iter_mut().for_each(|kinds| kinds.sort_unstable());
            let (alike, _) = numbered(contents);
            for (agent, key) in cluster.agent_indices().zip(&mut keys) {
                key.push(alike[cluster.domain(agent, level).at()]);
            }
        }
        let (finer, n_finer) = numbered(keys);
        if n_finer == n_kinds {
            return Some(kinds);
        }
        (kinds, n_kinds) = (finer, n_finer);
    }
    None
}

/// Numbers for what is equal, in order of first appearance, and how many there are.
fn numbered<K: Ord>(keys: Vec<K>) -> (Vec<usize>, usize) {
    let mut numbers = BTreeMap::new();
    let numbered = keys.into_iter().map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    });
    (numbered.collect(), numbers.len())
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Task(TaskIdx),
    Group(GroupIdx),
}

impl Counted {
    /// As in the rows of models.
    pub fn name(self, cluster: &Cluster) -> String {
        match self {
            Self::Task(task) => cluster.task_name(task),
            Self::Group(group) => format!("group:{}", cluster.groups[group.at()]),
        }
    }
}

/// The domains of a level by the classes of agents that they hold, where no class is in domains of two such sets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sets {
    /// The set of each class.
    pub of_class: Vec<usize>,
    /// The first class of each set, which it is named by.
    pub first: Vec<usize>,
    /// Domains by set.
    count: Vec<u32>,
    /// The set of each domain; a domain without agents has none.
    of_domain: Vec<Option<usize>>,
}

/// A limit per failure domain, as it binds a task.
#[derive(Clone, Debug)]
pub(super) struct Cap {
    pub counted: Counted,
    pub level: LevelIdx,
    /// The most in one domain.
    pub max: i64,
    pub sets: Arc<Sets>,
    /// The most in all domains of each set: `max` in each, or what runs there.
    pub most: Vec<f64>,
}

impl Cap {
    /// The group that it counts, if it is not one task.
    pub fn group(&self) -> Option<GroupIdx> {
        match self.counted {
            Counted::Task(_) => None,
            Counted::Group(group) => Some(group),
        }
    }
}

/// What is special about a domain: what runs there of all that a limit counts, and by class what a task has there where it may
/// not be placed anew.
#[derive(Debug, Default)]
pub(super) struct Special {
    pub runs: f64,
    pub strays: Vec<(usize, f64)>,
}

/// The most of one task under one limit.
pub(super) struct Most {
    /// Over all domains.
    pub everywhere: f64,
    /// On each class, taken alone.
    pub by_class: Vec<f64>,
}

/// The domains of a level, by what kinds of agents they hold.
#[derive(Debug)]
pub(super) struct Domains {
    /// Agents by kind in each domain.
    contents: Vec<BTreeMap<usize, u32>>,
    /// Distinct contents, and how many domains have them.
    distinct: Vec<(BTreeMap<usize, u32>, u32)>,
    sets: Option<Arc<Sets>>,
}

impl Domains {
    pub fn of(cluster: &Cluster, census: &Census, level: LevelIdx) -> Self {
        let mut contents = vec![BTreeMap::new(); cluster.levels[level.at()].domains.len()];
        for agent in cluster.agent_indices() {
            let domain: &mut BTreeMap<usize, u32> =
                &mut contents[cluster.domain(agent, level).at()];
            *domain.entry(census.kind_of[agent.at()]).or_insert(0) += 1;
        }
        let mut distinct: BTreeMap<&BTreeMap<usize, u32>, u32> = BTreeMap::new();
        for content in &contents {
            *distinct.entry(content).or_insert(0) += 1;
        }
        let distinct = distinct
            .into_iter()
            .map(|(content, count)| (content.clone(), count))
            .collect();
        let sets = sets(census, &contents).map(Arc::new);
        Self {
            contents,
            distinct,
            sets,
        }
    }

    /// The most of a task if each domain holds at most `max`, or what runs there; `fit` is the most on an agent of a kind.
    pub fn within(
        &self,
        census: &Census,
        fit: impl Fn(usize) -> f64,
        max: f64,
        special: &BTreeMap<DomainIdx, Special>,
    ) -> Most {
        let mut most = Most {
            everywhere: 0.0,
            by_class: vec![0.0; census.classes.len()],
        };
        let mut here = Here {
            by_class: vec![0.0; census.classes.len()],
            classes: Vec::new(),
        };
        for (content, count) in &self.distinct {
            here.fill(census, content, &fit, &[]);
            here.add(&mut most, max, f64::from(*count));
        }
        for (domain, special) in special {
            let content = &self.contents[domain.at()];
            here.fill(census, content, &fit, &[]);
            here.add(&mut most, max, -1.0);
            here.fill(census, content, &fit, &special.strays);
            here.add(&mut most, max.max(special.runs), 1.0);
        }
        most
    }

    /// The limit over whole sets of domains, where classes tell them.
    pub fn cap(
        &self,
        counted: Counted,
        rule: &LimitRule,
        special: &BTreeMap<DomainIdx, Special>,
    ) -> Option<Cap> {
        let sets = self.sets.as_ref()?;
        let max = rule.max as f64;
        let mut most: Vec<f64> = (sets.count.iter())
            .map(|&count| f64::from(count) * max)
            .collect();
        for (domain, special) in special {
            if let Some(set) = sets.of_domain[domain.at()] {
                most[set] += (special.runs - max).max(0.0);
            }
        }
        Some(Cap {
            counted,
            level: rule.level,
            max: rule.max,
            sets: Arc::clone(sets),
            most,
        })
    }
}

/// What fits in one domain, by class.
struct Here {
    by_class: Vec<f64>,
    /// Those that are not 0.
    classes: Vec<usize>,
}

impl Here {
    fn fill(
        &mut self,
        census: &Census,
        content: &BTreeMap<usize, u32>,
        fit: impl Fn(usize) -> f64,
        strays: &[(usize, f64)],
    ) {
        for class in self.classes.drain(..) {
            self.by_class[class] = 0.0;
        }
        let kinds = content.iter().map(|(&kind, &agents)| {
            let class = census.kinds[kind].class;
            (class, f64::from(agents) * fit(kind))
        });
        for (class, amount) in kinds.chain(strays.iter().copied()) {
            if self.by_class[class] == 0.0 && amount > 0.0 {
                self.classes.push(class);
            }
            self.by_class[class] += amount;
        }
    }

    fn add(&self, most: &mut Most, max: f64, times: f64) {
        let amounts = self.classes.iter().map(|&class| self.by_class[class]);
        most.everywhere += times * amounts.sum::<f64>().min(max);
        for &class in &self.classes {
            most.by_class[class] += times * self.by_class[class].min(max);
        }
    }
}

/// The sets of classes that domains hold; `None` where two of them meet.
fn sets(census: &Census, contents: &[BTreeMap<usize, u32>]) -> Option<Sets> {
    let classes = contents.iter().map(|content| {
        let classes = content.keys().map(|&kind| census.kinds[kind].class);
        classes.collect::<BTreeSet<usize>>()
    });
    let mut position: BTreeMap<BTreeSet<usize>, usize> = BTreeMap::new();
    let mut count: Vec<u32> = Vec::new();
    let of_domain = classes.map(|classes| {
        if classes.is_empty() {
            return None;
        }
        let set = *position.entry(classes).or_insert(count.len());
        if set == count.len() {
            count.push(0);
        }
        count[set] += 1;
        Some(set)
    });
    let of_domain: Vec<Option<usize>> = of_domain.collect();
    let mut of_class = vec![None; census.classes.len()];
    let mut first = vec![0; count.len()];
    for (classes, &set) in &position {
        first[set] = *classes.first()?;
        for &class in classes {
            if of_class[class].replace(set).is_some() {
                return None;
            }
        }
    }
    Some(Sets {
        of_class: of_class.into_iter().collect::<Option<_>>()?,
        first,
        count,
        of_domain,
    })
}
