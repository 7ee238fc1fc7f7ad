//! A share as it lies on the classes of agents: so many of each shape on each class.
//!
//! Whoever may use many classes leaves those alone that others need: that is what the fractional shares are made of, and what a
//! witness that goes where its policy likes best forgets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{FrameworkIdx, TaskIdx};
use apportion_models::assignment::Cap;
use apportion_policies::Formulation;

use super::state::{State, by_shape};
use crate::broker::{AgentClass, Shares};

/// Positions of bins, ascending.
type Bins = Arc<Vec<u32>>;

/// The class of each agent.
pub(super) fn class_of(classes: &[AgentClass], n_agents: usize) -> Vec<usize> {
    let mut class_of = vec![0; n_agents];
    for (at, class) in classes.iter().enumerate() {
        for agent in &class.agents {
            class_of[agent.at()] = at;
        }
    }
    class_of
}

/// The most that a framework claims of each shape on each class; what is not named has none.
pub(super) struct Quotas<'a> {
    class_of: &'a [usize],
    shapes: Vec<(BTreeSet<TaskIdx>, BTreeMap<usize, i64>)>,
}

impl<'a> Quotas<'a> {
    /// `share` is the framework's share in whole instances.
    pub(super) fn of(
        state: &State<'_>,
        shares: &Shares,
        framework: FrameworkIdx,
        share: &BTreeMap<TaskIdx, i64>,
        class_of: &'a [usize],
    ) -> Self {
        let mut amounts: BTreeMap<TaskIdx, BTreeMap<usize, f64>> = BTreeMap::new();
        for &(task, class, instances) in &shares.frameworks[framework.at()].allocation {
            let of_task = amounts.entry(task).or_default();
            *of_task.entry(class).or_default() += instances;
        }
        for kept in &state.kept[framework.at()] {
            let of_task = amounts.entry(kept.task).or_default();
            *of_task.entry(class_of[kept.agent.at()]).or_default() -= kept.instances as f64;
        }
        let counts: Vec<(TaskIdx, i64)> =
            share.iter().map(|(&task, &count)| (task, count)).collect();
        let shapes = by_shape(state.cluster, &counts).into_iter();
        let shapes = shapes.map(|alike| {
            let mut of_shape: BTreeMap<usize, f64> = BTreeMap::new();
            for (task, _) in &alike {
                for (&class, &amount) in amounts.get(task).into_iter().flatten() {
                    *of_shape.entry(class).or_default() += amount;
                }
            }
            let whole = alike.iter().map(|(_, count)| count).sum();
            let tasks = alike.into_iter().map(|(task, _)| task).collect();
            (tasks, divided(&of_shape, whole))
        });
        Self {
            class_of,
            shapes: shapes.collect(),
        }
    }

    /// States the quotas in a model. A shape of which no class has anything goes where it likes, and so does everything where bins stand
    /// for several agents.
    pub(super) fn apply(&self, formulation: &mut Formulation) {
        if !formulation.places.bins.is_empty() {
            return;
        }
        let bin_class: Vec<usize> = formulation
            .bins
            .iter()
            .map(|agent| self.class_of[agent.at()])
            .collect();
        let mut bins: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (bin, &class) in (0..).zip(&bin_class) {
            bins.entry(class).or_default().push(bin);
        }
        let bins: BTreeMap<usize, Bins> = bins
            .into_iter()
            .map(|(class, bins)| (class, Arc::new(bins)))
            .collect();
        for (at, (tasks, quotas)) in self.shapes.iter().enumerate() {
            if quotas.is_empty() {
                continue;
            }
            let items = (0..).zip(&formulation.items);
            let items = items.filter(|(_, task)| tasks.contains(task));
            let items: Arc<Vec<u32>> = Arc::new(items.map(|(item, _)| item).collect());
            // Items of a shape share their bins.
            let mut reduced: Option<[Bins; 2]> = None;
            for &item in items.iter() {
                let item = &mut formulation.assignment.items[item as usize];
                item.eligible = match &reduced {
                    Some([from, to]) if Arc::ptr_eq(from, &item.eligible) => Arc::clone(to),
                    _ => {
                        let open = |bin: &u32| quotas.contains_key(&bin_class[*bin as usize]);
                        let to = Arc::new(item.eligible.iter().copied().filter(open).collect());
                        reduced = Some([Arc::clone(&item.eligible), Arc::clone(&to)]);
                        to
                    }
                };
            }
            for (class, &max) in quotas {
                if let Some(bins) = bins.get(class) {
                    formulation.assignment.caps.push(Cap {
                        name: format!("share[{at},{class}]"),
                        items: Arc::clone(&items),
                        bins: Arc::clone(bins),
                        max,
                        weights: Vec::new(),
                    });
                }
            }
        }
    }
}

/// `whole` instances over classes in proportion to amounts; what rounding leaves is carried on from class to class. Empty if there are
/// no amounts.
fn divided(amounts: &BTreeMap<usize, f64>, whole: i64) -> BTreeMap<usize, i64> {
    let total: f64 = amounts.values().map(|amount| amount.max(0.0)).sum();
    let mut quotas = BTreeMap::new();
    if total <= 0.0 || whole <= 0 {
        return quotas;
    }
    let (mut sum, mut given) = (0.0, 0);
    for (&class, amount) in amounts {
        sum += amount.max(0.0);
        let until = (sum / total * whole as f64).round() as i64;
        if until > given {
            quotas.insert(class, until - given);
            given = until;
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(amounts: &[f64], whole: i64) -> Vec<(usize, i64)> {
        let amounts = amounts.iter().copied().enumerate().collect();
        divided(&amounts, whole).into_iter().collect()
    }

    #[test]
    fn a_share_is_divided_as_it_lies() {
        assert_eq!(of(&[2.0, 1.0, 0.0], 3), [(0, 2), (1, 1)]);
        assert_eq!(of(&[0.4; 5], 2), [(1, 1), (3, 1)]);
        assert_eq!(of(&[1.0, -2.0, 1.0], 4), [(0, 2), (2, 2)]);
        assert_eq!(of(&[0.0, 0.0], 4), []);
        assert_eq!(of(&[1.0], 0), []);
    }
}
