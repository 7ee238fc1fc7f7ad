//! How few agents could be opened.

use std::collections::{BTreeMap, BTreeSet};

use super::Reach;

impl Reach<'_> {
    /// For each resource: agents to open, the largest offers first, for what has to be placed for the plan's
    /// value and does not fit on agents where something stays. The largest of these numbers.
    pub(super) fn least_opened(&self) -> usize {
        let mut usable: BTreeSet<usize> = BTreeSet::new();
        let one_of_each: BTreeMap<usize, usize> = self
            .shapes
            .iter()
            .map(|(&task, &shape)| (shape, task))
            .collect();
        for task in one_of_each.into_values() {
            usable.extend(self.copies(task).iter().map(|(agent, _)| agent));
        }
        let offers = &self.state.offers[self.framework];
        let n_resources = self.state.cluster.resources.len();
        let of_resource = |resource: usize| {
            let (needed, unit) = self.least_demand(resource);
            let amounts = usable
                .iter()
                .filter_map(|agent| Some((agent, offers.get(agent)?[resource])));
            let (open, closed): (Vec<_>, Vec<_>) =
                amounts.partition(|(agent, _)| self.state.occupied[**agent]);
            let mut held: i128 = open.iter().map(|(_, amount)| amount).sum();
            let mut closed: Vec<i128> = closed.into_iter().map(|(_, amount)| amount).collect();
            closed.sort_unstable();
            let mut opened = 0;
            while held * unit < needed
                && let Some(amount) = closed.pop()
            {
                held += amount;
                opened += 1;
            }
            opened
        };
        (0..n_resources).map(of_resource).max().unwrap_or_default()
    }

    /// The least amount of a resource that instances of the plan's value need, as a fraction: whole and
    /// parts of instances are given up for `U - V`, those that need most for their value first.
    fn least_demand(&self, resource: usize) -> (i128, i128) {
        let mut tasks: Vec<(i128, i128, i128)> = Vec::new();
        for &task in &self.tasks {
            let need = i128::from(self.state.demand(task)[resource]);
            if need > 0 && self.most[&task] > 0 {
                tasks.push((need, self.state.value(task).max(1), self.most[&task]));
            }
        }
        tasks.sort_by(|left, right| (right.0 * left.1).cmp(&(left.0 * right.1)));
        let (mut lost, mut needed, mut unit) = (self.lost, 0, 1);
        for (need, value, most) in tasks {
            if lost >= value * most {
                lost -= value * most;
            } else if lost > 0 {
                // The only task that is given up in part: everything is counted in parts of its value.
                (needed, unit) = (need * (value * most - lost), value);
                lost = 0;
            } else {
                needed += need * most * unit;
            }
        }
        (needed, unit)
    }
}
