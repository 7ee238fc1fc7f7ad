//! A Kubernetes cluster, as `kubectl get nodes,pods -A -o json` prints it, as a snapshot.
//!
//! | Kubernetes | snapshot |
//! |---|---|
//! | node, allocatable | agent, resources (`cpu_milli`, `memory_mib`, `disk_mib`, `pods`, others by name) |
//! | label | attribute; zone and region also levels |
//! | cordon; `NoSchedule` and `NoExecute` taints | `cordoned`; one `dedicated` word per set of taints |
//! | controller (ReplicaSet, StatefulSet, ...) or lone pod | job `namespace/name` |
//! | pod | task of that name with one instance; a placement if it is on a node |
//! | node selector and affinity | attribute rules, or the agents that satisfy them |
//! | anti-affinity, host ports | groups, and a limit of 1 |
//! | spread constraint | spread rule or limit over a group |
//!
//! What cannot be said exactly is noted by the name of its pod; nothing is dropped in silence. The
//! files in this folder go from bytes ([`input`]) over views of nodes and pods to rules and notes.

mod affinity;
mod groups;
mod input;
mod jobs;
mod nodes;
mod notes;
mod objects;
mod peers;
mod place;
mod pods;
mod quantity;
mod remarks;
mod requests;
mod selector;
mod spread;
mod taints;

use apportion_cluster::file::{
    ConstraintsFile, FrameworkFile, JobFile, LimitFile, PlacementFile, SnapshotFile, SpreadFile,
    TaskFile, VERSION,
};

pub use notes::CODES;
pub use quantity::{Quantity, QuantityError};

use self::groups::{Group, Scene};
use self::jobs::Jobs;
use self::nodes::{Nodes, Topologies};
use self::notes::Notes;
use self::peers::Peers;
use self::place::Place;
use self::pods::PodView;
use self::spread::{Form, Spread};
use super::{ImportError, Imported, Importer, Setting, Settings, Takes};

/// What to make of a Kubernetes cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesOptions {
    /// Pods that may move become pending: all but static pods, pods of DaemonSets and pods that are
    /// being deleted.
    pub unplace: bool,
    /// Which frameworks the pods belong to.
    pub frameworks: Frameworks,
}

/// Which frameworks pods belong to; each has the policy `service`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frameworks {
    /// One, called `kubernetes`.
    #[default]
    One,
    /// One per namespace, of its name.
    ByNamespace,
}

/// Imports Kubernetes lists: pairs of a file's name and its bytes (JSON or YAML, `.gz` of either).
///
/// # Errors
/// Every fault of the input: what cannot be read, objects without a name, quantities that are none, no
/// node at all.
pub fn kubernetes(
    inputs: &[(&str, &[u8])],
    options: &KubernetesOptions,
) -> Result<Imported, ImportError> {
    let mut notes = Notes::default();
    let objects = input::read(inputs, &mut notes).map_err(ImportError::Input)?;
    let nodes = Nodes::of(&objects.nodes, &mut notes);
    let mut pods = pods::views(&objects, &nodes, options, &mut notes);
    let jobs = Jobs::of(&pods, &mut notes);
    let mut peers = Peers::new(&pods, &objects.namespaces);
    let mut topologies = Topologies::new(&nodes);

    let narrowed = affinity::narrow(&pods, &mut topologies, &mut peers, &mut notes);
    for (view, narrowed) in pods.iter_mut().zip(&narrowed) {
        if let Some(kept) = narrowed {
            view.reach.restrict(&|node| kept[node]);
        }
    }
    let scene = Scene {
        pods: &pods,
        nodes: &nodes,
        jobs: &jobs,
    };
    let groups = groups::all(&scene, &mut topologies, &mut peers, &mut notes);
    let spreads = spread::all(&scene, &mut topologies, &mut peers, &mut notes);
    let mut rules = Rules::new(pods.len());
    rules.add_groups(&groups);
    rules.add_spreads(&spreads);
    let mut agents = nodes.agents();
    let mut places = place::all(&pods, &nodes, &narrowed, &mut notes);
    place::shorten(&mut places, &mut agents);
    rules.add_places(places, &nodes);
    remarks::all(&pods, &nodes, &mut notes);
    Ok(Imported {
        snapshot: SnapshotFile {
            version: VERSION.to_owned(),
            cluster: cluster_name(inputs),
            levels: nodes.levels.clone(),
            agents,
            frameworks: frameworks(&pods, options),
            placements: placements(&pods, &nodes, &jobs),
            jobs: rules.into_jobs(&pods, &jobs),
            ..SnapshotFile::default()
        },
        order: Vec::new(),
        notes: notes.into_sorted(),
    })
}

/// Groups and rules by pod.
struct Rules(Vec<(Vec<String>, ConstraintsFile)>);

impl Rules {
    fn new(n_pods: usize) -> Self {
        Self(vec![Default::default(); n_pods])
    }

    fn add_groups(&mut self, groups: &[Group]) {
        for group in groups {
            for &member in &group.members {
                let (names, constraints) = &mut self.0[member];
                names.push(group.name.clone());
                constraints.limit.push(group.limit());
            }
        }
    }

    fn add_spreads(&mut self, spreads: &[Spread]) {
        for spread in spreads {
            for &member in &spread.counted {
                self.0[member].0.push(spread.name.clone());
            }
            for &carrier in &spread.carriers {
                let constraints = &mut self.0[carrier].1;
                match spread.form {
                    Form::Limit => constraints.limit.push(LimitFile {
                        level: spread.level.clone(),
                        max: spread.max_skew,
                        group: Some(spread.name.clone()),
                    }),
                    Form::Hard | Form::Soft => constraints.spread.push(SpreadFile {
                        level: spread.level.clone(),
                        max_skew: spread.max_skew,
                        hard: spread.form == Form::Hard,
                        group: Some(spread.name.clone()),
                    }),
                }
            }
        }
    }

    fn add_places(&mut self, places: Vec<Place>, nodes: &Nodes) {
        let name = |at: &usize| nodes.list[*at].name.clone();
        for (pod, place) in places.into_iter().enumerate() {
            let constraints = &mut self.0[pod].1;
            constraints.attributes = place.attributes;
            constraints.agents = place.nodes.map(|list| list.iter().map(name).collect());
            constraints.tolerates = place.tolerates;
        }
    }

    fn into_jobs(mut self, pods: &[PodView<'_>], jobs: &Jobs) -> Vec<JobFile> {
        let mut task = |pod: usize| {
            let (mut groups, constraints) = std::mem::take(&mut self.0[pod]);
            groups.sort_unstable();
            TaskFile {
                shards: Vec::new(),
                id: pods[pod].pod.metadata.name.clone(),
                instances: 1,
                value: 1,
                resources: pods[pod].demand.clone(),
                groups,
                constraints,
                ..TaskFile::default()
            }
        };
        let files = jobs.list.iter().map(|(name, members)| JobFile {
            id: name.clone(),
            framework: pods[members[0]].framework.to_owned(),
            priority: i64::from(pods[members[0]].pod.spec.priority),
            tasks: members.iter().map(|&pod| task(pod)).collect(),
            ..JobFile::default()
        });
        files.collect()
    }
}

fn frameworks(pods: &[PodView<'_>], options: &KubernetesOptions) -> Vec<FrameworkFile> {
    let mut ids: Vec<&str> = match options.frameworks {
        Frameworks::One => vec!["kubernetes"],
        Frameworks::ByNamespace => pods.iter().map(|view| view.framework).collect(),
    };
    ids.sort_unstable();
    ids.dedup();
    let framework = |id: &str| FrameworkFile {
        id: id.to_owned(),
        policy: "service".to_owned(),
        ..FrameworkFile::default()
    };
    ids.into_iter().map(framework).collect()
}

fn placements(pods: &[PodView<'_>], nodes: &Nodes, jobs: &Jobs) -> Vec<PlacementFile> {
    let held = pods.iter().enumerate();
    let held = held.filter_map(|(at, view)| view.node.map(|node| (at, view, node)));
    held.map(|(at, view, node)| PlacementFile {
        shard: None,
        unit: None,
        job: jobs.name_of(at).to_owned(),
        task: view.pod.metadata.name.clone(),
        agent: nodes.list[node].name.clone(),
        instances: 1,
        ..PlacementFile::default()
    })
    .collect()
}

/// The cluster is called what its first file is called.
fn cluster_name(inputs: &[(&str, &[u8])]) -> String {
    let file = inputs.first().map_or("", |(file, _)| *file);
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let endings = [".json", ".yaml", ".yml"].into_iter();
    let stem = endings.fold(name, |name, ending| {
        name.strip_suffix(ending).unwrap_or(name)
    });
    match stem {
        "" | "-" => "kubernetes".to_owned(),
        stem => stem.to_owned(),
    }
}

/// The importer of this module, by name.
pub(super) struct Kubernetes;

impl Importer for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn about(&self) -> &'static str {
        "nodes and pods of a Kubernetes cluster, with their rules"
    }

    fn inputs(&self) -> &'static str {
        "what `kubectl get nodes,pods -A -o json` prints; several files; YAML; .gz"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                key: "unplace",
                takes: Takes::Words(&["false", "true"]),
                needs: None,
                about: "pods that may move become pending",
            },
            Setting {
                key: "frameworks",
                takes: Takes::Words(&["one", "by-namespace"]),
                needs: None,
                about: "all pods in the framework `kubernetes`, or one framework per namespace",
            },
        ]
    }

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError> {
        let options = KubernetesOptions {
            unplace: settings.word("unplace") == Some("true"),
            frameworks: match settings.word("frameworks") {
                Some("by-namespace") => Frameworks::ByNamespace,
                _ => Frameworks::One,
            },
        };
        kubernetes(inputs, &options)
    }
}
