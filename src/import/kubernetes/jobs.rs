//! Names of jobs: one job per controller of pods, or per lone pod.

use std::collections::{BTreeMap, BTreeSet};

use super::notes::{self, Notes};
use super::pods::{PodView, controller};

/// Which job each pod belongs to.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// By name, ascending, with their pods, ascending.
    pub list: Vec<(String, Vec<usize>)>,
    of: Vec<usize>,
}

/// Who a job stands for: namespace and name, then the kind of the controller (none for a lone pod),
/// its version, and the priority of the pods.
type Owner<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>, i32);

impl Jobs {
    /// Gathers pods by controller and priority.
    pub fn of(pods: &[PodView<'_>], notes: &mut Notes) -> Self {
        let mut owners: BTreeMap<Owner<'_>, Vec<usize>> = BTreeMap::new();
        for (at, view) in pods.iter().enumerate() {
            let metadata = &view.pod.metadata;
            let (name, kind) = match controller(view.pod) {
                Some(owner) => (&owner.name, Some((&*owner.kind, &*owner.api_version))),
                None => (&metadata.name, None),
            };
            let owner = (&*metadata.namespace, &**name, kind, view.pod.spec.priority);
            owners.entry(owner).or_default().push(at);
        }
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let mut list = Vec::with_capacity(owners.len());
        // A lone pod comes before controllers of its name: it keeps the name.
        for ((namespace, name, kind, priority), members) in owners {
            let plain = format!("{namespace}/{name}");
            let kind = kind.unwrap_or(("Pod", "v1"));
            let longer = [
                plain.clone(),
                format!("{plain}@{}", kind.0),
                format!("{plain}@{}.{}", kind.0, kind.1),
                format!("{plain}@{}.{}@priority{priority}", kind.0, kind.1),
            ];
            let numbered = (2..).map(|n| format!("{plain}#{n}"));
            let free = longer
                .into_iter()
                .chain(numbered)
                .find(|n| !taken.contains(n));
            let job = free.expect("numbers never end");
            if job != plain {
                let text = format!("the job of {} `{plain}`, priority {priority}", kind.0);
                notes.add(notes::RENAMED, &job, text);
            }
            taken.insert(job.clone());
            list.push((job, members));
        }
        list.sort();
        let mut of = vec![0; pods.len()];
        for (job, (_, members)) in list.iter().enumerate() {
            for &pod in members {
                of[pod] = job;
            }
        }
        Self { list, of }
    }

    /// The name of a pod's job.
    pub fn name_of(&self, pod: usize) -> &str {
        &self.list[self.of[pod]].0
    }
}
