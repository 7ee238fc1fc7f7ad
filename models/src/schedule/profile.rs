//! What a bin has free over time.

/// Free amounts as steps: each holds from its moment to the next one's, the last without end.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    steps: Vec<(i64, Vec<i64>)>,
}

impl Profile {
    /// A bin that is empty for good.
    pub(super) fn new(capacity: &[i64]) -> Self {
        Self {
            steps: vec![(0, capacity.to_vec())],
        }
    }

    /// The earliest moment from `ready` on at which a copy fits for so long; `None` if it never does.
    pub(super) fn earliest(&self, ready: i64, duration: i64, demand: &[i64]) -> Option<i64> {
        let fits = |free: &[i64]| demand.iter().zip(free).all(|(need, free)| need <= free);
        let mut start = ready.max(self.steps[0].0);
        let mut at = self.steps.partition_point(|step| step.0 <= start) - 1;
        loop {
            let end = start.saturating_add(duration);
            // What takes no time has to fit all the same.
            let blocked = (at..self.steps.len())
                .take_while(|&step| step == at || self.steps[step].0 < end)
                .find(|&step| !fits(&self.steps[step].1));
            match blocked {
                None => return Some(start),
                Some(step) => {
                    at = step + 1;
                    start = self.steps.get(at)?.0;
                }
            }
        }
    }

    /// Forgets the first moments at which not even this fits: nothing more is asked of them.
    pub(super) fn forget_full(&mut self, least: &[i64]) {
        let full =
            |(_, free): &(i64, Vec<i64>)| least.iter().zip(free).any(|(need, free)| need > free);
        let n = self.steps.iter().take_while(|step| full(step)).count();
        // The last step stays, which has no end.
        self.steps.drain(..n.min(self.steps.len() - 1));
    }

    /// Takes what some copies need from `start` to `end`.
    pub(super) fn take(&mut self, start: i64, end: i64, demand: &[i64], copies: i64) {
        let start = start.max(self.steps[0].0);
        if start >= end {
            return;
        }
        let first = self.cut(start);
        let last = self.cut(end);
        for (_, free) in &mut self.steps[first..last] {
            for (free, need) in free.iter_mut().zip(demand) {
                *free = free.saturating_sub(need.saturating_mul(copies));
            }
        }
    }

    /// The least that is free at any moment, by resource.
    pub(super) fn least(&self) -> Vec<i64> {
        let mut least = self.steps[0].1.clone();
        for (_, free) in &self.steps[1..] {
            for (least, free) in least.iter_mut().zip(free) {
                *least = (*least).min(*free);
            }
        }
        least
    }

    /// The position of the step that begins at a moment, which is made if it is missing.
    fn cut(&mut self, moment: i64) -> usize {
        let at = self.steps.partition_point(|step| step.0 < moment);
        if self.steps.get(at).is_none_or(|step| step.0 != moment) {
            let before = self.steps[at - 1].1.clone();
            self.steps.insert(at, (moment, before));
        }
        at
    }
}
