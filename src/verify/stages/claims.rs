//! What is claimed of the best: bounds, gaps and the baseline.

use apportion_cluster::plan::{FrameworkResult, Proof, StageResult, StageSense};

use super::measure::{Measure, Timed};
use super::subject;
use crate::verify::bounds::Reach;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::tolerance::{STAGE_TOLERANCE, close};
use crate::verify::units_bounds::DataReach;

/// A bound that can be recomputed is not tighter than what its proof gives.
pub(super) fn bound(
    reach: &Reach<'_>,
    (data, earlier): (Option<&DataReach<'_>>, &[(Measure, &StageResult)]),
    result: &FrameworkResult,
    stage: &StageResult,
    measure: Measure,
    findings: &mut Findings,
) {
    let Some(claimed) = stage.bound else { return };
    let proved = match &stage.proof {
        Some(Proof::Combinatorial) if measure == Measure::Shuffle => {
            let what = format!("{} {}: bound {claimed}", result.id, stage.name);
            return findings.claim(what);
        }
        Some(Proof::Search) => {
            let what = format!("{} {}: bound {claimed} by search", result.id, stage.name);
            return findings.claim(what);
        }
        Some(Proof::Combinatorial) => data
            .and_then(|data| data.combinatorial(measure, earlier))
            .or_else(|| Some(reach.combinatorial(measure))),
        Some(Proof::Multipliers) => match (measure, &stage.multipliers) {
            (measure, Some(prices)) if data.is_some() => {
                data.and_then(|data| data.multipliers(measure, earlier, prices, findings))
            }
            (Measure::Placed(_) | Measure::Throughput(_), Some(prices)) => {
                reach.multipliers(measure, earlier, prices, findings)
            }
            (Measure::Network, Some(prices)) => reach.least_network(earlier, prices, findings),
            (Measure::Ahead(Timed::Network), Some(prices)) => {
                reach.ahead().least_network_at(prices)
            }
            (Measure::Ahead(Timed::Shuffle), Some(prices)) => {
                reach.ahead().least_shuffled_at(prices)
            }
            _ => None,
        },
        None => None,
    };
    let mut fail = |text: &str, need: f64, holds: bool| {
        findings.check(Rule::Bound, holds, || {
            (subject(result, stage), need, claimed, text.to_owned())
        });
    };
    let Some(proved) = proved else {
        return fail(
            "the bound comes without a proof that can be recomputed",
            claimed,
            false,
        );
    };
    let slack = STAGE_TOLERANCE * claimed.abs().max(proved.abs()).max(1.0);
    let holds = match stage.sense {
        StageSense::Maximize => claimed >= proved - slack,
        StageSense::Minimize => claimed <= proved + slack,
    };
    fail("the claimed bound is tighter than its proof", proved, holds);
}

/// No bound contradicts the plan itself.
pub(super) fn side(result: &FrameworkResult, stage: &StageResult, findings: &mut Findings) {
    let Some(bound) = stage.bound else { return };
    let slack = STAGE_TOLERANCE * bound.abs().max(stage.objective.abs()).max(1.0);
    let holds = match stage.sense {
        StageSense::Maximize => bound >= stage.objective - slack,
        StageSense::Minimize => bound <= stage.objective + slack,
    };
    findings.check(Rule::Bound, holds, || {
        let text = "the plan is better than its bound".to_owned();
        (subject(result, stage), stage.objective, bound, text)
    });
}

/// `|objective - bound| / max(|objective|, |bound|, 1)`, and none without a bound.
pub(super) fn gap(result: &FrameworkResult, stage: &StageResult, findings: &mut Findings) {
    let need = stage.bound.map(|bound| {
        let scale = stage.objective.abs().max(bound.abs()).max(1.0);
        (stage.objective / scale - bound / scale).abs()
    });
    let holds = match (need, stage.gap) {
        (None, None) => true,
        (Some(need), Some(have)) => close(need, have, STAGE_TOLERANCE),
        _ => false,
    };
    findings.check(Rule::Gap, holds, || {
        let text = "the gap does not follow from objective and bound".to_owned();
        (subject(result, stage), words(need), words(stage.gap), text)
    });
}

/// The constructive baseline is not better, as long as the stages before were equal.
pub(super) fn greedy(
    result: &FrameworkResult,
    stage: &StageResult,
    comparable: &mut bool,
    findings: &mut Findings,
) {
    let Some(baseline) = stage.greedy.filter(|_| *comparable) else {
        return;
    };
    let slack = STAGE_TOLERANCE * baseline.abs().max(stage.objective.abs()).max(1.0);
    let ahead = match stage.sense {
        StageSense::Maximize => stage.objective - baseline,
        StageSense::Minimize => baseline - stage.objective,
    };
    *comparable = ahead <= slack;
    findings.check(Rule::Greedy, ahead >= -slack, || {
        let text = "the constructive baseline is better than the plan".to_owned();
        (subject(result, stage), baseline, stage.objective, text)
    });
}

/// The largest gap over every stage but the one that breaks ties.
pub(super) fn framework_gap(
    result: &FrameworkResult,
    known: &[(String, Measure)],
    findings: &mut Findings,
) {
    let tie_break = |stage: &StageResult| {
        let measure = known.iter().find(|(name, _)| *name == stage.name);
        measure.is_some_and(|(_, measure)| measure.breaks_ties())
    };
    let gaps = || {
        result
            .stages
            .iter()
            .filter(|stage| !tie_break(stage))
            .map(|stage| stage.gap)
    };
    let largest = gaps().flatten().max_by(f64::total_cmp);
    let unknown = gaps().any(|gap| gap.is_none());
    let holds = match (largest, result.gap) {
        (Some(need), Some(have)) if known.is_empty() => {
            // A policy that the verifier does not know says itself which stages count.
            let some = result.stages.iter().filter_map(|stage| stage.gap);
            have <= need && (some.into_iter().any(|gap| gap == have))
        }
        (Some(need), Some(have)) => close(need, have, STAGE_TOLERANCE),
        (Some(_), None) => unknown || known.is_empty(),
        (None, have) => have.is_none(),
    };
    findings.check(Rule::Gap, holds, || {
        let text = "the framework's gap is not the largest of its stages".to_owned();
        (result.id.clone(), words(largest), words(result.gap), text)
    });
}

fn words(number: Option<f64>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| number.to_string())
}
