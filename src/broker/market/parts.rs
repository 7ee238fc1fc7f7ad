//! What a group gets, taken apart into what each of its tasks gets.

use apportion_cluster::TaskIdx;

use super::groups::Group;
use crate::broker::classes::Census;
use crate::broker::demand::Wanted;

/// What a task may still take of amounts by column.
struct Open<'w> {
    wanted: &'w Wanted,
    open: f64,
    /// By limit of its own: the set of each class, and the most that is left in each set.
    domains: Vec<(&'w [usize], Vec<f64>)>,
    taken: Vec<f64>,
}

impl<'w> Open<'w> {
    pub(super) fn new(wanted: &'w Wanted, n_columns: usize) -> Self {
        let own = wanted.caps.iter().filter(|cap| cap.group().is_none());
        Self {
            wanted,
            open: wanted.most,
            domains: own
                .map(|cap| (&cap.sets.of_class[..], cap.most.clone()))
                .collect(),
            taken: vec![0.0; n_columns],
        }
    }

    /// Takes up to `amount` of a column; how much.
    fn take(&mut self, (column, class): (usize, usize), amount: f64, census: &Census) -> f64 {
        if amount <= 0.0 || self.open <= 0.0 {
            return 0.0;
        }
        let fit = self.wanted.fit(class, census) - self.taken[column];
        let domains = self
            .domains
            .iter()
            .map(|(set_of, open)| open[set_of[class]]);
        let part = domains
            .fold(fit.min(amount).min(self.open), f64::min)
            .max(0.0);
        self.taken[column] += part;
        self.open -= part;
        for (set_of, open) in &mut self.domains {
            open[set_of[class]] -= part;
        }
        part
    }
}

impl Group {
    /// Takes amounts by class apart into amounts by task and column: first tasks first, each within what fits of it
    /// and what is wanted of it. What no task can take alone is left out.
    pub fn split(&self, amounts: &[f64], census: &Census) -> Vec<(TaskIdx, usize, f64)> {
        if let [only] = &self.tasks[..] {
            let columns = amounts
                .iter()
                .enumerate()
                .filter(|(_, amount)| **amount > 0.0);
            return columns
                .map(|(column, &amount)| (only.task, column, amount))
                .collect();
        }
        let mut left = amounts.to_vec();
        let mut tasks: Vec<Open<'_>> = (self.tasks.iter())
            .map(|wanted| Open::new(wanted, self.columns.len()))
            .collect();
        let total: f64 = left.iter().sum();
        if self.tasks.iter().any(Wanted::has_limits) {
            // Each as it all lies, or the last ones find nothing but classes where they are at their limits.
            let mut rest = total;
            for task in &mut tasks {
                let part = task.open.min(rest) / total;
                rest -= part * total;
                for (column, &amount) in amounts.iter().enumerate() {
                    let class = self.columns[column].class;
                    left[column] -= task.take((column, class), part * amount, census);
                }
            }
        }
        for task in &mut tasks {
            for (column, amount) in left.iter_mut().enumerate() {
                let class = self.columns[column].class;
                *amount -= task.take((column, class), *amount, census);
            }
        }
        let parts = tasks.iter().flat_map(|task| {
            let taken = task.taken.iter().enumerate();
            let taken = taken.filter(|(_, amount)| **amount > 0.0);
            taken.map(|(column, &amount)| (task.wanted.task, column, amount))
        });
        parts.collect()
    }
}
