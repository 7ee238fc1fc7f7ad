//! What limits let a framework add.

use apportion_cluster::{Cluster, FrameworkIdx, Running, TaskIdx};

use super::{Counts, Roles};

/// Counts that are cut to what limits leave.
struct Grants<'a> {
    cluster: &'a Cluster,
    /// Beside what was released.
    room: Vec<Option<i128>>,
    released: &'a Counts,
    wants: Counts,
    counts: Counts,
}

impl Grants<'_> {
    fn count(&self, task: TaskIdx) -> i64 {
        self.counts.get(&task).copied().unwrap_or(0)
    }

    fn released_of(&self, task: TaskIdx) -> i64 {
        self.released.get(&task).copied().unwrap_or(0)
    }

    /// Grants a task as many more of what it wants as there is room for, `most` at most.
    fn grant(&mut self, task: TaskIdx, most: i64) {
        let want = self.wants.get(&task).copied().unwrap_or(0);
        let demand = &self.cluster.task(task).demand.0;
        let fit = self.room.iter().zip(demand).filter(|(_, need)| **need > 0);
        let fit = fit.filter_map(|(room, &need)| Some((*room)?.max(0) / i128::from(need)));
        let moving = (self.released_of(task) - self.count(task)).max(0);
        let fit = fit.min().unwrap_or(i128::MAX);
        let fit = fit.saturating_add(moving.into());
        let granted = i64::try_from(fit).unwrap_or(i64::MAX).min(most).min(want);
        self.take_back(task, -granted);
    }

    /// Takes some of what was granted back.
    fn take_back(&mut self, task: TaskIdx, instances: i64) {
        *self.wants.entry(task).or_insert(0) += instances;
        let released = self.released_of(task);
        let count = self.counts.entry(task).or_insert(0);
        let before = (*count - released).max(0);
        *count -= instances;
        let back = before - (*count - released).max(0);
        let demand = &self.cluster.task(task).demand.0;
        for (room, &need) in self.room.iter_mut().zip(demand) {
            if let Some(room) = room {
                *room += i128::from(need) * i128::from(back);
            }
        }
    }
}

impl Roles<'_> {
    /// What of each resource a framework may hold beside what stays running.
    fn headroom(&self, framework: FrameworkIdx, kept: &[Running]) -> Vec<Option<i128>> {
        let mut room = vec![None; self.cluster.resources.len()];
        for ceiling in self.ceilings(&[(framework, kept)]) {
            let most = i128::from(ceiling.most);
            let room: &mut Option<i128> = &mut room[ceiling.resource];
            *room = Some(room.map_or(most, |room| room.min(most)));
        }
        room
    }

    /// How many instances of each pending task a framework may place beside what stays running, so that no limit above it
    /// is broken: first what it `has`, then the rest by priority; of a gang what it lacks, or nothing. `None` without limits.
    pub(in crate::engine) fn allowance(
        &self,
        framework: FrameworkIdx,
        kept: &[Running],
        pending: &[(TaskIdx, i64)],
        has: &[Running],
    ) -> Option<Counts> {
        if !self.is_limited(framework) {
            return None;
        }
        let cluster = self.cluster;
        let mut grants = Grants {
            cluster,
            room: self.headroom(framework, kept),
            released: &self.released,
            wants: pending.iter().copied().collect(),
            counts: Counts::new(),
        };
        for placed in has {
            grants.grant(placed.task, placed.instances);
        }
        let mut order: Vec<TaskIdx> = pending.iter().map(|&(task, _)| task).collect();
        order.sort_by_key(|&task| {
            let job = cluster.job(cluster.task(task).job);
            (std::cmp::Reverse(job.priority), task)
        });
        for tasks in
            order.chunk_by(|&left, &right| cluster.task(left).job == cluster.task(right).job)
        {
            let had: Vec<i64> = tasks.iter().map(|&task| grants.count(task)).collect();
            for &task in tasks {
                grants.grant(task, i64::MAX);
            }
            let job = cluster.task(tasks[0]).job;
            let stays = kept.iter().filter(|it| cluster.task(it.task).job == job);
            let stays: i64 = stays.map(|it| it.instances).sum();
            let granted: i64 = tasks.iter().map(|&task| grants.count(task)).sum();
            let gang_min = cluster.job(job).gang_min.unwrap_or(0);
            if stays + granted < gang_min {
                for (&task, had) in tasks.iter().zip(had) {
                    grants.take_back(task, grants.count(task) - had);
                }
            }
        }
        Some(grants.counts)
    }
}
