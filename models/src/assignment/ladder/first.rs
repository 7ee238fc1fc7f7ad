//! What the search begins with: the best of a start, what completes it, and what the constructive method makes by other preferences.

use super::Run;
use crate::assignment::construct::{Preference, construct, construct_by};
use crate::assignment::displace::displace;
use crate::assignment::placement::Placement;
use crate::assignment::tally::Stop;
use crate::assignment::traffic;
use crate::assignment::types::{Assignment, Objective, Stage};

impl Run<'_> {
    /// Takes the best of a start and what can be made of it, beside what was constructed from nothing.
    pub(super) fn take_start(&mut self, start: Placement, first: &Stop, stop: &Stop) {
        let completed = construct(self.assignment, Some(&start), first);
        if self.stopped.is_some() {
            // What was cut short has placed what comes first, and hardly anything of the rest: it is no match for a start.
            self.values = self.assignment.values(&start);
            self.incumbent.clone_from(&start);
        }
        self.stopped = self.stopped.take().or(completed.stopped);
        // Equally good placements that keep the start are better. Adding to it harms where no early stage asks for more.
        self.accept(completed.placement, true);
        if lacks(self.assignment, &start) && !self.must_stop() {
            // What a start lacks of what comes first is no reason to give up all of it.
            let displaced = displace(self.assignment, &start, stop);
            self.cut = self.cut.take().or(displaced.stopped);
            self.take(&displaced.placement);
        }
        self.accept(start, false);
    }

    /// Constructs by other preferences, where these may be better.
    pub(super) fn construct_otherwise(&mut self, stop: &Stop) {
        if lacks(self.assignment, &self.incumbent) && !self.must_stop() {
            let tight = construct_by(Preference::TightestFit, self.assignment, None, stop);
            self.stopped = self.stopped.take().or(tight.stopped);
            self.accept(tight.placement, false);
        }
        if opening_counts(self.assignment) && !self.must_stop() {
            let few = construct_by(Preference::FewBins, self.assignment, None, stop);
            self.cut = self.cut.take().or(few.stopped);
            self.accept(few.placement, false);
        }
        self.keep_together(stop);
    }

    /// Completes placements that keep together what traffic flows between.
    fn keep_together(&mut self, stop: &Stop) {
        for (stage, of_stage) in self.assignment.stages.iter().enumerate() {
            if matches!(of_stage.objective, Objective::Traffic(_))
                && !self.must_stop()
                && let Some(together) = traffic::partition(self.assignment, stage, stop)
            {
                let completed = construct(self.assignment, Some(&together), stop);
                self.cut = self.cut.take().or(completed.stopped);
                // A gang may be there in part.
                if self.assignment.faults(&completed.placement).is_empty() {
                    self.accept(completed.placement, false);
                }
            }
        }
    }
}

/// Whether a placement has not all that is wanted.
fn lacks(assignment: &Assignment, placement: &Placement) -> bool {
    let wanted: i64 = assignment.items.iter().map(|item| item.count).sum();
    placement.entries().iter().map(|entry| entry.2).sum::<i64>() < wanted
}

/// Whether a stage counts open bins, and bins differ in what they hold: which of them are opened then decides how many are.
fn opening_counts(assignment: &Assignment) -> bool {
    let is_opened = |stage: &Stage| matches!(stage.objective, Objective::Opened(_));
    let bins = &assignment.bins;
    assignment.stages.iter().any(is_opened)
        && bins
            .windows(2)
            .any(|pair| pair[0].capacity != pair[1].capacity)
}
