//! CPU nodes, which the trace does not list, made up so that the instances that belong on them can be placed.
//!
//! Two sizes, each as likely: 128 vCPU with 640 GiB, and 192 vCPU with 1,024 GiB. 128 and 192 are the sizes of the GPU
//! nodes; instances ask for 5 GiB per vCPU and at most 1,000 GiB. Instances and nodes have the attribute `nodes`, `cpu`
//! or `gpu`, so that none goes to a node of the other kind.

use std::collections::BTreeSet;

use apportion_cluster::file::AgentFile;
use apportion_policies::online::SplitMix64;

use super::{CPU_NODES_MADE_UP, amounts};
use crate::import::csv::{Faults, Record};
use crate::import::notes::Notes;

/// The resource of memory, of CPU nodes and their instances.
pub(super) const MEMORY: &str = "memory_mib";

/// Most nodes that are made up.
pub(super) const MOST: u64 = 1_000_000;

/// vCPU and GiB of the sizes of nodes.
const SIZES: [(i64, i64); 2] = [(128, 640), (192, 1024)];

/// Most GiB that an instance asks for.
const MOST_GIB: i64 = 1_000_000;

/// How many CPU nodes to make up, and what decides their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuNodes {
    /// So many.
    pub count: u64,
    /// Decides their sizes.
    pub seed: u64,
}

/// The attribute that keeps the two kinds of nodes apart.
pub(super) fn kind(is_cpu_node: bool) -> [(String, String); 1] {
    let kind = if is_cpu_node { "cpu" } else { "gpu" };
    [("nodes".to_owned(), kind.to_owned())]
}

/// What an instance asks for; the trace states GiB.
pub(super) fn memory_mib(row: &Record<'_>, faults: &mut Faults) -> Option<i64> {
    let milli = row.thousandths("memory_request", MOST_GIB, faults)?;
    Some((milli * 1024 + 999) / 1000)
}

impl CpuNodes {
    /// Adds the nodes to `agents`, which become nodes of the other kind.
    pub(super) fn add_to(self, agents: &mut Vec<AgentFile>, notes: &mut Notes) {
        for agent in &mut *agents {
            agent.attributes.extend(kind(false));
        }
        let taken: BTreeSet<String> = agents.iter().map(|agent| agent.id.clone()).collect();
        let names = (1..).map(|number| format!("cpu-node-{number:05}"));
        let names = names.filter(|name| !taken.contains(name));
        let mut random = SplitMix64::new(self.seed);
        let mut large = 0_u64;
        for (id, _) in names.zip(0..self.count) {
            let size = random.below(SIZES.len());
            let (vcpus, gib) = SIZES[size];
            large += u64::from(size == 1);
            let mut resources = amounts(vcpus, 0);
            resources.insert(MEMORY.to_owned(), gib * 1024);
            agents.push(AgentFile {
                id,
                attributes: kind(true).into(),
                resources,
                ..AgentFile::default()
            });
        }
        let [small_size, large_size] =
            SIZES.map(|(vcpus, gib)| format!("{vcpus} vCPU and {gib} GiB"));
        let text = format!(
            "{} of {small_size}, {large} of {large_size}, with the seed {}",
            self.count - large,
            self.seed
        );
        notes.add(CPU_NODES_MADE_UP, "CN", text);
    }
}
