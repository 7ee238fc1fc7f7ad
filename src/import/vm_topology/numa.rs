//! Demands on NUMA nodes. A VM over two nodes needs half of its demand on each, which is exact. A VM on one node
//! may use either; a task has one demand, so one of the two is chosen here: row by row, the node that would then
//! be less full, over the whole cluster.

use apportion_cluster::file::{AgentFile, Amounts};

use super::{NUMA_CHOSEN, Vm, name};
use crate::import::notes::Notes;

/// The resource of the cores of a node, in thousandths.
pub(super) fn cpu(node: usize) -> String {
    format!("numa{node}_cpu_milli")
}

/// The resource of the memory of a node, in MiB.
pub(super) fn memory(node: usize) -> String {
    format!("numa{node}_memory_mib")
}

/// What is there and what is asked for of a node, over all servers: cores, memory.
#[derive(Clone, Copy, Default)]
struct Node {
    has: [i128; 2],
    asked: [i128; 2],
}

impl Node {
    fn add(&mut self, vm: &Vm<'_>) {
        self.asked[0] += i128::from(vm.cpu_milli);
        self.asked[1] += i128::from(vm.memory_mib);
    }

    /// The fullest resource as a fraction (asked, has); a node that has nothing is fuller than any other.
    fn fullest(self) -> (i128, i128) {
        let [cpu, memory] = [0, 1].map(|at| (self.asked[at], self.has[at]));
        if less(cpu, memory) { memory } else { cpu }
    }
}

/// Whether the fraction `left` is less than `right`; above nothing is above everything.
fn less(left: (i128, i128), right: (i128, i128)) -> bool {
    match (left.1, right.1) {
        (0, _) => false,
        (_, 0) => true,
        _ => left.0 * right.1 < right.0 * left.1,
    }
}

/// What each VM needs, in the order of the rows.
pub(super) fn demands(agents: &[AgentFile], vms: &[Vm<'_>], notes: &mut Notes) -> Vec<Amounts> {
    let mut nodes = [0, 1].map(|node| {
        let total = |resource: String| {
            agents
                .iter()
                .map(|it| i128::from(it.resources[&resource]))
                .sum()
        };
        Node {
            has: [total(cpu(node)), total(memory(node))],
            asked: [0, 0],
        }
    });
    for vm in vms.iter().filter(|vm| vm.nodes == 2) {
        nodes.iter_mut().for_each(|node| node.add(vm));
    }
    let demand = |(row, vm): (usize, &Vm<'_>)| {
        if vm.nodes == 2 {
            return amounts(vm, &[0, 1]);
        }
        let after = nodes.map(|mut node| {
            node.add(vm);
            node.fullest()
        });
        let node = usize::from(less(after[1], after[0]));
        nodes[node].add(vm);
        notes.add(
            NUMA_CHOSEN,
            &name(row),
            format!("on node {node} of its server"),
        );
        amounts(vm, &[node])
    };
    vms.iter().enumerate().map(demand).collect()
}

fn amounts(vm: &Vm<'_>, nodes: &[usize]) -> Amounts {
    let on = |&node: &usize| [(cpu(node), vm.cpu_milli), (memory(node), vm.memory_mib)];
    nodes.iter().flat_map(on).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_as_full_as_a_node_that_has_nothing() {
        assert!(less((1, 2), (2, 3)) && !less((2, 3), (1, 2)) && !less((1, 2), (2, 4)));
        assert!(less((9, 1), (0, 0)) && !less((0, 0), (9, 1)) && !less((0, 0), (0, 0)));
    }
}
