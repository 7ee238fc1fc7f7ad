//! The best bound known of each stage: by counting, by prices, by search.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::gap;
use super::{Proof, Run, StageAnswer};
use crate::assignment::bound::Room;
use crate::assignment::evaluate::TIE;
use crate::assignment::least::Least;
use crate::assignment::placement::Placement;
use crate::assignment::prices::{Kept, PricedBound, Prices, Pricing};
use crate::assignment::rounding::{Fractions, round};
use crate::assignment::transport::{Transported, transport};
use crate::assignment::types::{Assignment, Objective};
use crate::solver::Limits;

/// The best bound known of each stage.
pub(in crate::assignment) struct Bounds<'a> {
    pub(in crate::assignment) room: &'a Room<'a>,
    /// What the search is about, and its room once somebody asked: both may be large, and alike items are merged here.
    reduced: &'a Assignment,
    merged: &'a OnceCell<Room<'a>>,
    pub(super) of_stage: Vec<Option<(f64, Proof)>>,
    /// The values of the earlier stages for which the combinatorial bounds were computed.
    computed_for: Vec<f64>,
    /// The values of the earlier stages for which the prices of a stage were found.
    priced_for: Vec<Option<Vec<f64>>>,
    /// The prices found for a stage.
    prices: Vec<Option<PricedBound>>,
    /// The best flow, where the assignment is one; looked for once.
    transported: Option<Option<Transported>>,
    pub(super) spent_on_prices: Duration,
    /// A stage's linear program, and the values of the stages that it was made for, until it is rounded.
    fractions: Option<(usize, Vec<f64>, Fractions)>,
}

impl<'a> Bounds<'a> {
    pub(super) fn new(
        room: &'a Room<'a>,
        reduced: &'a Assignment,
        merged: &'a OnceCell<Room<'a>>,
    ) -> Self {
        let n_stages = room.assignment.stages.len();
        Self {
            room,
            reduced,
            merged,
            of_stage: vec![None; n_stages],
            computed_for: Vec::new(),
            priced_for: vec![None; n_stages],
            prices: vec![None; n_stages],
            transported: None,
            spent_on_prices: Duration::ZERO,
            fractions: None,
        }
    }

    /// Takes the prices of an answer about the same assignment.
    pub(super) fn know(&mut self, answers: &[StageAnswer]) {
        let objectives: Vec<f64> = answers.iter().map(|answer| answer.objective).collect();
        for (stage, answer) in answers.iter().enumerate() {
            if let (Some(bound), Some(Proof::Multipliers(prices))) = (answer.bound, &answer.proof) {
                self.prices[stage] = Some(PricedBound {
                    bound,
                    prices: prices.clone(),
                });
                self.priced_for[stage] = Some(objectives[..stage].to_vec());
            }
        }
    }

    /// The room of what the search is about, alike items merged.
    fn merged(&self) -> &'a Room<'a> {
        if std::ptr::eq(self.reduced, self.room.assignment) {
            return self.room;
        }
        self.merged.get_or_init(|| Room::new(self.reduced))
    }

    /// What the last linear program of a stage suggests, once.
    pub(super) fn suggestion(&mut self, run: &Run<'_>) -> Option<Placement> {
        let (stage, values, fractions) = self.fractions.take()?;
        let least = Least::new(self.merged(), stage, &values);
        round(&least, &fractions, &run.stop())
    }

    /// The prices found for a stage that values items.
    pub(in crate::assignment) fn prices(&self, stage: usize) -> Option<&PricedBound> {
        self.prices[stage].as_ref()
    }

    /// Recomputes bounds for the values reached now, and takes those by search where they are better.
    ///
    /// Prices that depend on what earlier stages have reached are found anew for the stage `in_turn`: those before it are done.
    pub(super) fn update(&mut self, run: &mut Run<'_>, in_turn: Option<usize>) {
        let is_new = self.computed_for != run.values;
        for (stage, of_stage) in self.room.assignment.stages.iter().enumerate() {
            let sense = of_stage.objective.sense();
            // Prices of what earlier stages have reached say less, or more, where these have reached something else.
            let is_priced = match &self.of_stage[stage] {
                Some((_, Proof::Multipliers(prices))) => prices.kept.is_empty(),
                _ => false,
            };
            // What must cross does not depend on what is reached, and takes long to say.
            let is_known = matches!(of_stage.objective, Objective::Traffic(_))
                && self.of_stage[stage].is_some();
            let depends = self.is_conditional(&of_stage.objective);
            if is_new && !is_known && (depends || !is_priced) {
                let bound = self.room.combinatorial(stage, &run.values);
                self.of_stage[stage] = Some((bound, Proof::Combinatorial));
            }
            if self.is_conditional(&of_stage.objective) {
                self.price_conditional(run, stage, is_new);
            } else {
                self.price(run, stage, in_turn == Some(stage));
            }
            if let (Some(searched), Some((bound, _))) = (run.searched[stage], &self.of_stage[stage])
                && sense.is_better(*bound, searched, TIE)
            {
                self.of_stage[stage] = Some((searched, Proof::Search));
            }
        }
        self.computed_for.clone_from(&run.values);
    }

    /// Tries for a bound by multipliers where the combinatorial one is not met: once, and anew where it is this stage's turn and earlier
    /// stages about values have reached something else.
    fn price(&mut self, run: &mut Run<'_>, stage: usize, is_in_turn: bool) {
        let stages = &self.room.assignment.stages;
        let Some(worth) = stages[stage].objective.worth() else {
            return;
        };
        if self.is_met(run, stage) {
            return;
        }
        let earlier = stages[..stage].iter().enumerate();
        let kept: Vec<Kept<'_>> = earlier
            .filter_map(|(at, earlier)| {
                Some(Kept {
                    stage: at,
                    worth: earlier.objective.worth()?,
                    reached: run.values[at],
                })
            })
            .collect();
        let differs = |then: &Vec<f64>| kept.iter().any(|it| then[it.stage] != it.reached);
        let priced_for = self.priced_for[stage].as_ref();
        if priced_for.is_none_or(|then| is_in_turn && differs(then))
            && let Some(limits) = run.price_limits()
        {
            let solver = run.is_usable.then_some(&run.options.solver);
            let began = Instant::now();
            let (priced, failure) =
                Pricing::new(self.room, worth, &kept).solve(solver, &limits, run.values[stage]);
            self.spent_on_prices += began.elapsed();
            if let Some(error) = failure {
                run.fail("prices", &error);
            }
            // Little time may have found worse prices than those known.
            let known = self.at_these(stage, &kept);
            if known.is_none_or(|known| priced.bound < known) {
                self.prices[stage] = Some(priced);
                self.priced_for[stage] = Some(run.values[..stage].to_vec());
            }
        }
        let Some((proved, priced)) = self.at_these(stage, &kept).zip(self.prices(stage)) else {
            return;
        };
        if let Some((bound, _)) = &self.of_stage[stage]
            && proved < bound - TIE
            && proved >= run.values[stage] - TIE * run.values[stage].max(1.0)
        {
            self.of_stage[stage] = Some((proved, Proof::Multipliers(priced.prices.clone())));
        }
    }

    /// What the prices known of a stage prove: found for other values reached, they hold for these as well.
    fn at_these(&self, stage: usize, kept: &[Kept<'_>]) -> Option<f64> {
        let priced = self.prices(stage)?;
        let then = self.priced_for[stage].as_ref()?;
        let moved = kept.iter().map(|now| {
            let price = priced.prices.kept.get(now.stage).copied();
            price.unwrap_or(0.0) * (then[now.stage] - now.reached)
        });
        Some(priced.bound + moved.sum::<f64>())
    }

    /// Whether a stage is priced given what earlier stages have reached.
    fn is_conditional(&self, objective: &Objective) -> bool {
        let caps = &self.room.assignment.caps;
        match objective {
            Objective::Cost(_) | Objective::Peak(_) => true,
            other => other.worth().is_some() && caps.iter().any(|cap| !cap.weights.is_empty()),
        }
    }

    /// The same for a stage whose bound depends on what earlier stages have reached.
    fn price_conditional(&mut self, run: &mut Run<'_>, stage: usize, is_new: bool) {
        let earlier = run.values[..stage].to_vec();
        let is_known = self.priced_for[stage].as_ref() == Some(&earlier);
        if self.is_met(run, stage) || (is_known && !is_new) {
            return;
        }
        let sense = self.room.assignment.stages[stage].objective.sense();
        let values = run.values.clone();
        if !is_known {
            let began = Instant::now();
            // Merged items must place more together than each by itself: what anyone recomputes looks at them one by one.
            let alone = Least::new(self.room, stage, &values);
            // Prices found for other values reached hold for these as well.
            let before = self.prices[stage].take().map(|it| alone.at(it.prices));
            let found = self.least_prices(run, stage, &values);
            let found = found.map(|prices| alone.at(prices));
            let is_tighter =
                |it: &PricedBound, than: &PricedBound| sense.is_better(than.bound, it.bound, 0.0);
            self.prices[stage] = match (before, found) {
                (Some(before), Some(found)) if is_tighter(&before, &found) => Some(before),
                (before, found) => found.or(before),
            };
            self.priced_for[stage] = Some(earlier);
            self.spent_on_prices += began.elapsed();
        }
        if let (Some(priced), Some((bound, _))) = (&self.prices[stage], &self.of_stage[stage])
            && sense.is_better(*bound, priced.bound, TIE)
            && !sense.is_better(
                values[stage],
                priced.bound,
                TIE * values[stage].abs().max(1.0),
            )
        {
            self.of_stage[stage] = Some((priced.bound, Proof::Multipliers(priced.prices.clone())));
        }
    }

    /// Prices of a stage given what earlier ones have reached, if there is time; what its linear program suggests is kept.
    fn least_prices(&mut self, run: &mut Run<'_>, stage: usize, values: &[f64]) -> Option<Prices> {
        let limits = run.price_limits()?;
        let least = Least::new(self.merged(), stage, values);
        let by_flow = self
            .transported(run, &limits)
            .and_then(|it| it.prices.get(stage));
        let by_flow = by_flow.map(|prices| least.at(prices.clone()));
        let is_proof = |it: &PricedBound| it.bound >= values[stage] - TIE * values[stage].max(1.0);
        if let Some(priced) = by_flow.filter(is_proof) {
            return Some(priced.prices);
        }
        let solver = run.is_usable.then(|| Arc::clone(&run.options.solver));
        let answer = least.solve(solver.as_ref(), &limits, &run.incumbent);
        if let Some(error) = answer.failure {
            run.fail("prices", &error);
        }
        if let Some(fractions) = answer.fractions {
            self.fractions = Some((stage, values.to_vec(), fractions));
        }
        answer.priced.map(|priced| priced.prices)
    }

    /// The best flow, where the assignment is one.
    pub(super) fn transported(&mut self, run: &Run<'_>, limits: &Limits) -> Option<&Transported> {
        let known = self
            .transported
            .get_or_insert_with(|| transport(run.assignment, limits));
        known.as_ref()
    }

    pub(in crate::assignment) fn is_met(&self, run: &Run<'_>, stage: usize) -> bool {
        self.of_stage[stage].as_ref().is_some_and(|&(bound, _)| {
            let objective = run.values[stage];
            let apart = (objective - bound).abs();
            apart <= TIE * objective.abs().max(1.0) || gap(objective, bound) <= run.options.gap
        })
    }
}
