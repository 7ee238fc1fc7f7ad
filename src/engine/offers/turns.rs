//! Who claims when, and how many whole instances.

use std::collections::BTreeMap;

use apportion_cluster::{Fairness, FrameworkIdx, TaskIdx};

use crate::broker::Shares;
use crate::engine::context::Context;
use crate::engine::rounding;
use crate::engine::state::State;

/// A framework's turn, and the whole instances of its share.
pub(super) type Turn = (FrameworkIdx, BTreeMap<TaskIdx, i64>);

/// Every framework's share in whole pending instances by task. Whoever lost a rounding in earlier plans is first; then who has data
/// on no more than half of the agents, which others do not care for; then the smallest share: a whole instance is most of what a
/// small share is, and little to a large one, which takes what rounding leaves.
pub(super) fn in_turn(
    state: &State<'_>,
    shares: &Shares,
    context: &Context<'_>,
    wanting: &[FrameworkIdx],
) -> Vec<Turn> {
    let mut sorted =
        (shares.fairness == Fairness::Drf).then(|| crate::engine::sorted::counts(state, context));
    let total = rounding::total(state.cluster);
    let rounded = wanting.iter().map(|&framework| match &mut sorted {
        Some(sorted) => (framework, sorted.remove(&framework).unwrap_or_default()),
        None => {
            let share = rounding::rounded_share(state, shares, framework, &total);
            (framework, share)
        }
    });
    let mut rounded: Vec<_> = rounded.collect();
    rounded.sort_by(|(left, left_share), (right, right_share)| {
        let credit = |framework| context.credit(framework);
        let size = |share: &BTreeMap<TaskIdx, i64>| share.values().sum::<i64>();
        // Of data that lies on most agents, enough is left whoever comes first.
        let is_anywhere = |framework: &FrameworkIdx| {
            let near = context.bids[framework.at()].near.len();
            near == 0 || 2 * near > state.cluster.agents.len()
        };
        (credit(*right).total_cmp(&credit(*left)))
            .then_with(|| is_anywhere(left).cmp(&is_anywhere(right)))
            .then_with(|| (size(left_share), *left).cmp(&(size(right_share), *right)))
    });
    rounded
}
