//! What is used and promised below roles.

use std::collections::BTreeMap;

use apportion_cluster::{FrameworkIdx, Quantities, Running, TaskIdx};

use super::{Counts, Roles};

impl Roles<'_> {
    /// Counts what a framework holds now: what stays, and of what was released or added the more. Nothing is promised beyond that.
    pub(in crate::engine) fn count(
        &mut self,
        framework: FrameworkIdx,
        kept: &[Running],
        added: &[Running],
    ) {
        let now = self.sum(framework, kept, added);
        let above = self.above(framework);
        replace(&mut self.usage, &above, &mut self.used[framework.at()], now);
        let nothing = vec![0; self.cluster.resources.len()];
        let promised = &mut self.promised[framework.at()];
        replace(&mut self.promises, &above, promised, nothing);
    }

    /// Leaves a framework room below its limits for as much as it may add at most.
    pub(in crate::engine) fn promise(
        &mut self,
        framework: FrameworkIdx,
        kept: &[Running],
        most: &[Running],
    ) {
        let most = self.sum(framework, kept, most).into_iter();
        let beyond = most.zip(&self.used[framework.at()]);
        let beyond = beyond.map(|(most, used)| (most - used).max(0)).collect();
        let above = self.above(framework);
        let promised = &mut self.promised[framework.at()];
        replace(&mut self.promises, &above, promised, beyond);
    }

    /// What stays, and of what was released or added the more.
    fn sum(&self, framework: FrameworkIdx, kept: &[Running], added: &[Running]) -> Vec<i128> {
        let cluster = self.cluster;
        let mut now = vec![0; cluster.resources.len()];
        for kept in kept {
            add(&mut now, &cluster.task(kept.task).demand, kept.instances);
        }
        let mut moving: BTreeMap<TaskIdx, (i64, i64)> = BTreeMap::new();
        for (&task, &released) in &*self.released {
            if cluster.framework_of(task) == framework {
                moving.entry(task).or_default().0 = released;
            }
        }
        for added in added {
            moving.entry(added.task).or_default().1 += added.instances;
        }
        for (task, (released, added)) in moving {
            add(&mut now, &cluster.task(task).demand, released.max(added));
        }
        now
    }

    /// Counts one instance more, or less, of a task.
    pub(in crate::engine) fn change(&mut self, task: TaskIdx, instances: i64) {
        let framework = self.cluster.framework_of(task);
        let demand = &self.cluster.task(task).demand;
        add(&mut self.used[framework.at()], demand, instances);
        for role in self.above(framework) {
            add(&mut self.usage[role], demand, instances);
        }
    }
}

pub(super) fn by_task(released: &[Running]) -> Counts {
    let mut counts = Counts::new();
    for it in released {
        *counts.entry(it.task).or_insert(0) += it.instances;
    }
    counts
}

/// Puts other amounts of a framework into the sums of the roles above it.
fn replace(sums: &mut [Vec<i128>], above: &[usize], before: &mut Vec<i128>, now: Vec<i128>) {
    for &role in above {
        for ((sum, now), before) in sums[role].iter_mut().zip(&now).zip(&*before) {
            *sum += now - before;
        }
    }
    *before = now;
}

pub(super) fn add(sums: &mut [i128], demand: &Quantities, instances: i64) {
    for (sum, &need) in sums.iter_mut().zip(&demand.0) {
        *sum += i128::from(need) * i128::from(instances);
    }
}
