//! The method: from a start to an optimum, or to the proof that there is none.

use super::Core;
use super::pivot::Pivot;
use crate::flow::outcome::Refutation;
use crate::flow::start;
use crate::flow::stop::Stop;
use crate::outcome::Status;

/// Pivots between two looks at the clock.
const PIVOTS_PER_LOOK: u64 = 256;

impl Core {
    /// Solves the network, from where the last call was stopped.
    pub(in crate::flow) fn solve(&mut self, stop: &Stop<'_>) -> (Status, Option<Refutation>) {
        self.pivots = 0;
        if !self.started {
            self.started = true;
            self.start(stop);
        }
        self.run(stop)
    }

    /// How often the basis changed in the last solve.
    pub(in crate::flow) fn pivots(&self) -> u64 {
        self.pivots
    }

    fn start(&mut self, stop: &Stop<'_>) {
        let excesses = self.excesses();
        match start::start(&self.view(), excesses.clone(), stop) {
            Some(start) => self.cross_over(start),
            None => {
                for (node, excess) in excesses.into_iter().enumerate() {
                    #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
                    self.inject(node as u32 + 1, excess);
                }
            }
        }
    }

    /// Pivots to the end, or to a stop.
    fn run(&mut self, stop: &Stop<'_>) -> (Status, Option<Refutation>) {
        // Longer without a change of flow than any sequence that a strongly feasible tree usually sees.
        let mut next_strengthening = self.pivots + 4 * self.nodes.len() as u64 + 1_000;
        loop {
            if self.pivots.is_multiple_of(PIVOTS_PER_LOOK)
                && let Some(reason) = stop.reason()
            {
                let status = if self.is_feasible() {
                    Status::Feasible(reason)
                } else {
                    Status::NoSolution(reason)
                };
                return (status, None);
            }
            if self.pivots >= next_strengthening {
                self.strengthen();
                next_strengthening = u64::MAX;
            }
            let Some(arc) = self.entering() else {
                return match self.violated_cut() {
                    None => (Status::Optimal, None),
                    Some(cut) => (Status::Infeasible, Some(Refutation::Cut(cut))),
                };
            };
            self.pivots += 1;
            if self.pivot(arc) == Pivot::Endless {
                return self.without_limit(arc, stop);
            }
        }
    }

    /// A cycle without limit pays: costs have no limit if there is any flow at all, which a network without costs tells.
    fn without_limit(&mut self, arc: u32, stop: &Stop<'_>) -> (Status, Option<Refutation>) {
        let cycle = self.cycle(arc);
        if !self.is_feasible() {
            let mut free = self.clone();
            free.forget_costs();
            match free.run(stop) {
                (Status::Infeasible, cut) => return (Status::Infeasible, cut),
                (Status::NoSolution(reason), _) => return (Status::NoSolution(reason), None),
                (Status::Optimal | Status::Feasible(_) | Status::Unbounded, _) => {}
            }
        }
        (Status::Unbounded, Some(Refutation::Cycle(cycle)))
    }
}
