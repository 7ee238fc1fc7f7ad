//! Agents that are alike, counted instead of listed.
//!
//! Agents are of one *kind* if they have equal capacity and every bidding task's rules treat them alike; where tasks have limits
//! per failure domain, also if their domains are alike (`domains`). A class is one kind; beyond [`MOST_CLASSES`] kinds, or
//! fewer if there are many distinct tasks, similar kinds share a class, and a class is then a relaxation.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentDevices, AgentIdx, Cluster, Eligibility, Quantities, Task, TaskIdx};
use apportion_policies::Bid;

use super::domains::{MOST_APART, apart, limited_levels};

/// The most classes: the broker's work grows with the cube of their number.
pub const MOST_CLASSES: usize = 256;
/// The fewest classes that are kept apart, if agents differ.
const FEWEST_CLASSES: usize = 2;
/// Columns (distinct tasks of a framework times classes) beyond which classes are merged.
const MANY_COLUMNS: usize = 100_000;

/// Agents that share prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentClass {
    /// Unique name, without commas or brackets.
    pub name: String,
    /// Its agents, ascending.
    pub agents: Vec<AgentIdx>,
    /// Their total capacity.
    pub capacity: Vec<i128>,
}

/// The classes of all agents: each agent is in exactly one.
#[must_use]
pub fn agent_classes(cluster: &Cluster, bids: &[Bid]) -> Vec<AgentClass> {
    Census::of(cluster, bids).classes
}

/// Agents of equal capacity that all bidding tasks' rules treat alike.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub capacity: Quantities,
    pub agents: Vec<AgentIdx>,
    /// Position of its class.
    pub class: usize,
}

/// Kinds and classes of agents, and which kinds the rules of each bidding task admit.
#[derive(Clone, Debug)]
pub(super) struct Census {
    pub classes: Vec<AgentClass>,
    pub kinds: Vec<Kind>,
    /// Kind of each agent.
    pub kind_of: Vec<usize>,
    /// Tasks with equal rules share one position.
    rules_of: BTreeMap<TaskIdx, usize>,
    /// For each position of rules, for each kind: whether a new instance may go there, size aside.
    admits: Vec<Vec<bool>>,
}

/// What the rules can see of an agent: cordon, dedication, values of the keys that some rule names, devices.
type Profile<'a> = (
    bool,
    Option<&'a str>,
    Vec<Option<&'a str>>,
    &'a [AgentDevices],
);

/// The distinct rules of all bidding tasks.
struct Rules<'a> {
    /// Distinct rules on attributes, each with a task that has them and names no agents.
    attributes: Vec<Task>,
    /// Distinct lists of named agents.
    named: Vec<&'a [AgentIdx]>,
    /// Distinct pairs of the two, as they occur.
    pairs: Vec<(usize, Option<usize>)>,
    of_task: BTreeMap<TaskIdx, usize>,
    keys: Vec<&'a str>,
}

impl<'a> Rules<'a> {
    fn of(cluster: &'a Cluster, bids: &[Bid]) -> Self {
        let mut rules = Self {
            attributes: Vec::new(),
            named: Vec::new(),
            pairs: Vec::new(),
            of_task: BTreeMap::new(),
            keys: Vec::new(),
        };
        let mut attributes: BTreeMap<Eligibility<'a>, usize> = BTreeMap::new();
        let mut named: BTreeMap<&'a [AgentIdx], usize> = BTreeMap::new();
        let mut pairs: BTreeMap<(usize, Option<usize>), usize> = BTreeMap::new();
        for class in bids.iter().flat_map(|bid| &bid.classes) {
            let task = cluster.task(class.task);
            let attribute = *attributes
                .entry(task.eligibility().by_properties())
                .or_insert_with(|| {
                    rules.attributes.push(Task {
                        agents: None,
                        ..task.clone()
                    });
                    rules.attributes.len() - 1
                });
            let list = task.agents.as_deref().map(|list| {
                *named.entry(list).or_insert_with(|| {
                    rules.named.push(list);
                    rules.named.len() - 1
                })
            });
            let pair = *pairs.entry((attribute, list)).or_insert_with(|| {
                rules.pairs.push((attribute, list));
                rules.pairs.len() - 1
            });
            rules.of_task.insert(class.task, pair);
        }
        rules.keys = attributes
            .keys()
            .flat_map(|rules| rules.attributes)
            .map(|rule| rule.key.as_str())
            .collect();
        rules.keys.sort_unstable();
        rules.keys.dedup();
        rules
    }

    /// Tasks that differ in framework, rules, demand or value.
    fn distinct_tasks(&self, cluster: &Cluster, bids: &[Bid]) -> usize {
        let tasks = bids.iter().enumerate().flat_map(|(framework, bid)| {
            bid.classes.iter().map(move |class| {
                let demand = &cluster.task(class.task).demand;
                (framework, self.of_task[&class.task], class.value, demand)
            })
        });
        tasks.collect::<BTreeSet<_>>().len()
    }

    fn profile(&self, cluster: &'a Cluster, agent: AgentIdx) -> Profile<'a> {
        let it = cluster.agent(agent);
        if it.cordoned {
            return (true, None, Vec::new(), &[]);
        }
        let values = self.keys.iter().map(|key| cluster.attribute(it, key));
        (
            false,
            it.dedicated.as_deref(),
            values.collect(),
            &it.devices,
        )
    }

    /// For each agent, which lists name it.
    fn naming(&self, n_agents: usize) -> Vec<Vec<usize>> {
        let mut naming = vec![Vec::new(); n_agents];
        for (list, agents) in self.named.iter().enumerate() {
            for agent in *agents {
                naming[agent.at()].push(list);
            }
        }
        naming
    }
}

impl Census {
    pub fn of(cluster: &Cluster, bids: &[Bid]) -> Self {
        let rules = Rules::of(cluster, bids);
        // What the attribute rules admit, once for each distinct profile; then once for each distinct row of answers.
        let mut rows: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
        let mut profiles: BTreeMap<Profile<'_>, usize> = BTreeMap::new();
        let naming = rules.naming(cluster.agents.len());
        let mut kinds: BTreeMap<(usize, &[usize], &Quantities), Vec<AgentIdx>> = BTreeMap::new();
        for agent in cluster.agent_indices() {
            let row = *profiles
                .entry(rules.profile(cluster, agent))
                .or_insert_with(|| {
                    let open = !cluster.agent(agent).cordoned;
                    let admits = rules
                        .attributes
                        .iter()
                        .map(|task| open && cluster.broken_rule(task, agent).is_none());
                    let next = rows.len();
                    *rows.entry(admits.collect()).or_insert(next)
                });
            kinds
                .entry((row, &naming[agent.at()], &cluster.agent(agent).capacity))
                .or_default()
                .push(agent);
        }
        let mut answers = vec![&[][..]; rows.len()];
        for (row, &position) in &rows {
            answers[position] = row;
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, agents)| agents[0]);
        let admits = rules.pairs.iter().map(|&(attribute, list)| {
            let admits = |(row, lists, _): &(usize, &[usize], &Quantities)| {
                answers[*row][attribute] && list.is_none_or(|list| lists.contains(&list))
            };
            kinds.iter().map(|(key, _)| admits(key)).collect()
        });
        let admits: Vec<Vec<bool>> = admits.collect();
        let kinds: Vec<Kind> = kinds
            .into_iter()
            .map(|((_, _, capacity), agents)| Kind {
                capacity: capacity.clone(),
                agents,
                class: 0,
            })
            .collect();
        let most = (MANY_COLUMNS / rules.distinct_tasks(cluster, bids).max(1))
            .clamp(FEWEST_CLASSES, MOST_CLASSES);
        let (kinds, admits) = by_domains(cluster, bids, kinds, admits, most);
        Self::with_classes(cluster, kinds, admits, rules.of_task, most)
    }

    fn with_classes(
        cluster: &Cluster,
        mut kinds: Vec<Kind>,
        admits: Vec<Vec<bool>>,
        rules_of: BTreeMap<TaskIdx, usize>,
        most: usize,
    ) -> Self {
        let mut groups = similar(&kinds, &admits, most);
        groups.sort_by_key(|group| group.iter().map(|&kind| kinds[kind].agents[0]).min());
        let mut kind_of = vec![0; cluster.agents.len()];
        let mut classes = Vec::with_capacity(groups.len());
        for (class, group) in groups.into_iter().enumerate() {
            let mut agents = Vec::new();
            for kind in group {
                kinds[kind].class = class;
                for agent in &kinds[kind].agents {
                    kind_of[agent.at()] = kind;
                }
                agents.extend_from_slice(&kinds[kind].agents);
            }
            agents.sort_unstable();
            let mut capacity = vec![0_i128; cluster.resources.len()];
            for agent in &agents {
                for (sum, &amount) in capacity.iter_mut().zip(&cluster.agent(*agent).capacity.0) {
                    *sum += i128::from(amount);
                }
            }
            classes.push(AgentClass {
                name: format!("class-{}", class + 1),
                agents,
                capacity,
            });
        }
        Self {
            classes,
            kinds,
            kind_of,
            rules_of,
            admits,
        }
    }

    /// The class of an agent.
    pub fn class_of(&self, agent: AgentIdx) -> usize {
        self.kinds[self.kind_of[agent.at()]].class
    }

    /// Whether each kind may take a new instance of a bidding task, size aside.
    pub fn admits(&self, task: TaskIdx) -> &[bool] {
        &self.admits[self.rules_of[&task]]
    }

    /// The position of a task's rules: tasks of equal rules have the same.
    pub fn rules_of(&self, task: TaskIdx) -> usize {
        self.rules_of[&task]
    }
}

/// Takes kinds apart by the failure domains of their agents, where some limit counts these.
fn by_domains(
    cluster: &Cluster,
    bids: &[Bid],
    kinds: Vec<Kind>,
    admits: Vec<Vec<bool>>,
    most: usize,
) -> (Vec<Kind>, Vec<Vec<bool>>) {
    let levels = limited_levels(cluster, bids);
    if levels.is_empty() {
        return (kinds, admits);
    }
    let mut kind_of = vec![0; cluster.agents.len()];
    for (at, kind) in kinds.iter().enumerate() {
        for agent in &kind.agents {
            kind_of[agent.at()] = at;
        }
    }
    let finer = apart(cluster, &levels, kind_of.clone(), most.min(MOST_APART));
    let mut agents: BTreeMap<usize, Vec<AgentIdx>> = BTreeMap::new();
    for (agent, part) in cluster.agent_indices().zip(finer) {
        agents.entry(part).or_default().push(agent);
    }
    let mut parts: Vec<(usize, Vec<AgentIdx>)> = agents
        .into_values()
        .map(|agents| (kind_of[agents[0].at()], agents))
        .collect();
    parts.sort_by_key(|(_, agents)| agents[0]);
    let admits = admits
        .iter()
        .map(|row| parts.iter().map(|&(kind, _)| row[kind]).collect())
        .collect();
    let parts = parts.into_iter().map(|(kind, agents)| Kind {
        capacity: kinds[kind].capacity.clone(),
        agents,
        class: 0,
    });
    (parts.collect(), admits)
}

/// Groups of kinds, at most `most`: kinds in a line, those alike side by side, cut where neighbors differ most.
fn similar(kinds: &[Kind], admits: &[Vec<bool>], most: usize) -> Vec<Vec<usize>> {
    if kinds.len() <= most {
        return (0..kinds.len()).map(|kind| vec![kind]).collect();
    }
    let signature = |kind: usize| -> Vec<bool> { admits.iter().map(|row| row[kind]).collect() };
    let signatures: Vec<Vec<bool>> = (0..kinds.len()).map(signature).collect();
    let mut line: Vec<usize> = (0..kinds.len()).collect();
    line.sort_by(|&left, &right| {
        let key = |kind: usize| (&signatures[kind], &kinds[kind].capacity);
        key(left).cmp(&key(right))
    });
    let distance = |left: usize, right: usize| -> f64 {
        let differ = signatures[left]
            .iter()
            .zip(&signatures[right])
            .filter(|(l, r)| l != r)
            .count();
        let amounts = kinds[left].capacity.0.iter().zip(&kinds[right].capacity.0);
        let relative = amounts.map(|(&l, &r)| {
            let largest = l.max(r);
            if largest > 0 {
                (l - r).abs() as f64 / largest as f64
            } else {
                0.0
            }
        });
        // A rule that tells two kinds apart outweighs any difference in size.
        (kinds[left].capacity.0.len() * differ) as f64 + relative.sum::<f64>()
    };
    let mut cuts: Vec<usize> = (1..line.len()).collect();
    cuts.sort_by(|&a, &b| {
        let gap = |cut: usize| distance(line[cut - 1], line[cut]);
        gap(b).total_cmp(&gap(a)).then(a.cmp(&b))
    });
    cuts.truncate(most - 1);
    cuts.sort_unstable();
    cuts.push(line.len());
    let mut start = 0;
    cuts.into_iter()
        .map(|cut| {
            let group = line[start..cut].to_vec();
            start = cut;
            group
        })
        .collect()
}
