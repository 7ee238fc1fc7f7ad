//! What the ladder answers: a placement, and of each stage its value, a bound and how that is proved.

use serde::{Deserialize, Serialize};

use super::{Bounds, Run};
use crate::assignment::evaluate::TIE;
use crate::assignment::placement::Placement;
use crate::assignment::prices::Prices;
use crate::milp::Sense;
use crate::outcome::StopReason;

/// How a stage's bound is proved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By counting; recomputed from the assignment alone.
    Combinatorial,
    /// By prices of capacity; recomputed from the assignment and the prices.
    Multipliers(Prices),
    /// By branch and bound; claimed by the solver.
    Search,
}

/// What became of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageAnswer {
    /// The stage's name.
    pub name: String,
    /// Whether more or less is better.
    pub sense: Sense,
    /// The value reached.
    pub objective: f64,
    /// A value that no placement at least as good in the earlier stages is better than.
    pub bound: Option<f64>,
    /// How the bound is proved.
    pub proof: Option<Proof>,
    /// The value of the constructive method; `None` after the first stage at which that one is worse: values are then not comparable.
    pub greedy: Option<f64>,
}

impl StageAnswer {
    /// `|objective - bound| / max(|objective|, |bound|, 1)`.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        self.bound.map(|bound| gap(self.objective, bound))
    }
}

/// The answer of [`solve`](super::solve).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// The best placement found; it breaks no rule.
    pub placement: Placement,
    /// What became of each stage; empty where the time was over before that could be said.
    pub stages: Vec<StageAnswer>,
    /// The placement of the constructive method alone.
    pub greedy: Placement,
    /// The clock or the cancel token, if it cut short something that would have gone on.
    pub stopped: Option<StopReason>,
    /// What went wrong, in words; the placement stands all the same.
    pub failures: Vec<String>,
}

/// The answers of the stages of a run that has ended.
pub(super) fn stage_answers(
    greedy: Option<&Placement>,
    run: &Run<'_>,
    bounds: &Bounds<'_>,
) -> Vec<StageAnswer> {
    let greedy_values = greedy.map(|greedy| run.assignment.values(greedy));
    let mut is_comparable = true;
    (run.assignment.stages.iter().enumerate())
        .map(|(position, stage)| {
            let sense = stage.objective.sense();
            let objective = run.values[position];
            let (bound, proof) = match bounds.of_stage[position].clone() {
                Some((bound, proof)) => (Some(bound), Some(proof)),
                None => (None, None),
            };
            let greedy = greedy_values.as_ref().filter(|_| is_comparable);
            let greedy = greedy.map(|values| values[position]);
            is_comparable &= greedy.is_some_and(|greedy| !sense.is_better(objective, greedy, TIE));
            StageAnswer {
                name: stage.name.clone(),
                sense,
                objective,
                bound,
                proof,
                greedy,
            }
        })
        .collect()
}
/// `|objective - bound| / max(|objective|, |bound|, 1)`.
pub(super) fn gap(objective: f64, bound: f64) -> f64 {
    (objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0)
}
