//! The stages that come before the policies' own: floors, then that everybody has something, then welfare.
//!
//! ```text
//! floors    maximize  sum_p w_p min(u_p, t_p) / t_p     t_p: the floor, less what one unit cannot split
//! served    maximize  sum_p min(u_p, g_p) / g_p         g_p: the smallest task or gang
//! welfare   maximize  sum_p w_p ln u_p; or sum_p w_p ln (u_p + g_p)
//! ```
//!
//! Where all floors can be reached, the first stage makes bounds of them. Where somebody has to go without anything, as many as
//! possible have something, and the welfare is that of one unit more for each, as [`brokering`](crate::engine::brokering) counts it.

use apportion_cluster::FrameworkIdx;
use apportion_models::assignment::{Curve, Objective, Shape, Stage, Term};

use super::joint::Joint;
use crate::broker::Shares;
use crate::engine::brokering::floor_target;
use crate::engine::state::State;

/// Position of the stage that is the welfare.
pub(super) const WELFARE: usize = 2;
const NAMES: [&str; 3] = ["floors", "served", "welfare"];

/// The three stages, for frameworks that take part in the shares; the welfare with `one_more` unit for each, or as it is.
pub(super) fn stages(
    joint: &Joint<'_>,
    state: &State<'_>,
    shares: &Shares,
    one_more: bool,
) -> Vec<Stage> {
    let units = shares.units(state.cluster);
    let mut curves: [Vec<Curve>; 3] = Default::default();
    for framework in (0..state.cluster.frameworks.len()).map(FrameworkIdx::of) {
        let share = &shares.frameworks[framework.at()];
        let unit = units[framework.at()];
        if !share.active || share.weight <= 0.0 || unit < 1.0 {
            continue;
        }
        let curve = |stage: &str, weight: f64, shape: Shape| Curve {
            name: format!("{stage},{}", state.cluster.framework(framework).id),
            weight,
            shape,
            ..curve(joint, state, framework)
        };
        let target = floor_target(share.floor, unit);
        if target >= 1.0 {
            curves[0].push(curve(
                NAMES[0],
                share.weight / target,
                Shape::UpTo(whole(target)),
            ));
        }
        curves[1].push(curve(NAMES[1], 1.0 / unit, Shape::UpTo(whole(unit))));
        let mut welfare = curve(NAMES[2], share.weight, Shape::Logarithm(1));
        if one_more {
            welfare.base += whole(unit);
        }
        curves[2].push(welfare);
    }
    let stages = NAMES.into_iter().zip(curves);
    let stages = stages.map(|(name, curves)| Stage {
        name: name.to_owned(),
        objective: Objective::Utility(curves),
    });
    stages.collect()
}

/// Lets the programs of all three stages follow the curves most closely at what frameworks have now; says whether that is elsewhere
/// than before.
pub(super) fn look_near(stages: &mut [Stage], totals: &dyn Fn(&Curve) -> i64) -> bool {
    let mut moved = false;
    for stage in stages {
        if let Objective::Utility(curves) = &mut stage.objective {
            for curve in curves {
                let total = totals(curve);
                moved |= total != curve.near;
                curve.near = total;
            }
        }
    }
    moved
}

/// Whether somebody who takes part has nothing.
pub(super) fn is_anybody_starved(stages: &[Stage], totals: &dyn Fn(&Curve) -> i64) -> bool {
    let served = stages.iter().filter(|stage| stage.name == NAMES[1]);
    let mut curves = served.flat_map(|stage| match &stage.objective {
        Objective::Utility(curves) => &curves[..],
        _ => &[],
    });
    curves.any(|curve| totals(curve) <= 0)
}

/// What a framework has in place, and what its items add to it.
fn curve(joint: &Joint<'_>, state: &State<'_>, framework: FrameworkIdx) -> Curve {
    let part = joint
        .parts
        .iter()
        .find(|part| part.framework() == framework);
    let has = state.utility(framework);
    let terms = part.into_iter().flat_map(|part| {
        part.items().map(|(item, at)| Term {
            item,
            value: state.cluster.task(part.formulation.items[at]).value,
        })
    });
    Curve {
        name: String::new(),
        weight: 0.0,
        shape: Shape::UpTo(0),
        // Whoever takes no part keeps what it has.
        base: part.map_or(has, |_| kept_value(state, framework)),
        near: has,
        terms: terms.collect(),
    }
}

fn kept_value(state: &State<'_>, framework: FrameworkIdx) -> i64 {
    let kept = state.kept[framework.at()].iter();
    kept.map(|kept| state.cluster.task(kept.task).value * kept.instances)
        .sum()
}

/// A whole number that is kept as one of another kind.
fn whole(number: f64) -> i64 {
    number.round() as i64
}
