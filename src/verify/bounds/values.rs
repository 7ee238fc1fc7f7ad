//! How much value could be placed, and how many instances every plan as good places.

use std::collections::BTreeSet;

use super::Reach;
use crate::verify::stages::placed_value;

impl Reach<'_> {
    /// `sum_t v_t (K_t + B_t)`.
    pub(super) fn value_in_reach(&self, priority: Option<i64>) -> i128 {
        let tasks = self
            .tasks
            .iter()
            .filter(|&&task| self.has_priority(task, priority));
        let values =
            tasks.map(|task| self.state.value(*task) * (self.kept[task] + self.most[task]));
        values.sum()
    }

    /// `sum_t v_t` times what stays at its speed and `B_t` instances where they are fastest, in thousandths.
    pub(super) fn worth_in_reach(&self, priority: Option<i64>) -> i128 {
        let mut sum = 0;
        for &task in self
            .tasks
            .iter()
            .filter(|&&it| self.has_priority(it, priority))
        {
            let value = self.state.value(task);
            for (&agent, &count) in &self.state.kept[task] {
                sum += value * self.state.speed(task, agent) * count;
            }
            let copies = self.copies(task).iter();
            let mut speeds: Vec<(i128, i128)> = copies
                .map(|&(agent, count)| (self.state.speed(task, agent), count))
                .collect();
            speeds.sort_unstable();
            let mut left = self.most[&task];
            for (speed, count) in speeds.into_iter().rev() {
                sum += value * speed * count.min(left);
                left -= count.min(left);
            }
        }
        sum
    }

    pub(super) fn worth_not_placed(&self) -> i128 {
        let mut lost = 0;
        for &task in &self.tasks {
            lost += self.best_worth[&task] * self.most[&task];
            for (&agent, &count) in &self.state.arriving[task] {
                lost -= self.state.value(task) * self.state.speed(task, agent) * count;
            }
        }
        lost.max(0)
    }

    pub(super) fn has_priority(&self, task: usize, priority: Option<i64>) -> bool {
        let job = self.state.cluster.tasks[task].job.at();
        priority.is_none_or(|it| it == self.state.cluster.jobs[job].priority)
    }

    /// Instances of a job that every plan of at least this plan's value has.
    pub(super) fn certainly_placed(&self, job: usize) -> i128 {
        let tasks = self.job_tasks(job);
        let kept: i128 = tasks.iter().map(|task| self.kept[task]).sum();
        let most: i128 = tasks.iter().map(|task| self.most[task]).sum();
        let movable = tasks.iter().filter(|task| self.most[task] > 0);
        let cheapest = movable.map(|task| self.best_worth[task].max(1)).min();
        let missing = cheapest.map_or(0, |worth| self.lost_worth / worth);
        kept.max(kept + most - missing)
    }

    /// Instances of a task that every plan places which is as good in the stages about what is placed.
    pub(super) fn fewest(&self, task: usize) -> i128 {
        let job = &self.state.cluster.jobs[self.state.cluster.tasks[task].job.at()];
        let stages = self.placing_priorities();
        let of_stage = |priority: Option<i64>| {
            if priority.is_some_and(|it| it != job.priority) {
                return 0;
            }
            let placed = placed_value(self.state, self.framework, priority, &self.state.placed);
            let lost = (self.value_in_reach(priority) - placed).max(0);
            self.most[&task] - (lost / self.state.value(task).max(1)).min(self.most[&task])
        };
        stages.into_iter().map(of_stage).max().unwrap_or(0)
    }

    /// The priorities that have a stage of their own, and all.
    fn placing_priorities(&self) -> Vec<Option<i64>> {
        let jobs = self.state.cluster.frameworks[self.framework].jobs.iter();
        let own: BTreeSet<i64> = jobs
            .map(|job| self.state.cluster.jobs[job.at()].priority)
            .collect();
        let mut all = vec![None];
        if own.len() > 1 {
            all.extend(own.into_iter().map(Some));
        }
        all
    }
}
