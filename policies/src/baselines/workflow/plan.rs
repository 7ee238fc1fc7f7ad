//! Timetables in the making, with insertion.

use apportion_models::schedule::{Edge, Schedule, TimedEntry, Timetable};

/// A timetable in the making, by looking at everything each time.
pub(super) struct Plan<'m> {
    model: &'m Schedule,
    before: Vec<Vec<Edge>>,
    placed: Vec<Vec<TimedEntry>>,
    in_bin: Vec<Vec<TimedEntry>>,
}

impl<'m> Plan<'m> {
    pub(super) fn new(model: &'m Schedule) -> Self {
        let mut before = vec![Vec::new(); model.operations.len()];
        for edge in &model.edges {
            before[edge.to as usize].push(*edge);
        }
        Self {
            model,
            before,
            placed: vec![Vec::new(); model.operations.len()],
            in_bin: vec![Vec::new(); model.bins.len()],
        }
    }

    /// The earliest start of one more copy; `None` if the bin never holds it, or something that it follows is missing.
    pub(super) fn start(&self, operation: u32, bin: u32) -> Option<i64> {
        let of = &self.model.operations[operation as usize];
        let capacity = &self.model.bins[bin as usize].capacity;
        if of.demand.iter().zip(capacity).any(|(need, has)| need > has) {
            return None;
        }
        let duration = of.duration_in(bin)?;
        let mut ready = of.release;
        for edge in &self.before[operation as usize] {
            let from = &self.placed[edge.from as usize];
            if (from.len() as i64) < self.model.operations[edge.from as usize].count {
                return None;
            }
            for entry in from {
                let transfer = self.model.transfer(edge, entry.bin, bin);
                ready = ready.max(entry.end.saturating_add(transfer));
            }
        }
        let ends = self.in_bin[bin as usize].iter().map(|entry| entry.end);
        let mut candidates: Vec<i64> = ends.filter(|&end| end > ready).collect();
        candidates.push(ready);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
            .into_iter()
            .find(|&start| self.has_room(&of.demand, bin, start, start + duration))
    }

    fn has_room(&self, demand: &[i64], bin: u32, start: i64, end: i64) -> bool {
        let here = &self.in_bin[bin as usize];
        let begun = here.iter().map(|entry| entry.start);
        let moments = begun.filter(|&moment| start < moment && moment < end);
        let mut moments = moments.chain([start]);
        moments.all(|moment| {
            let running = here
                .iter()
                .filter(|it| it.start <= moment && moment < it.end);
            let mut free = self.model.bins[bin as usize].capacity.clone();
            for entry in running {
                let needs = &self.model.operations[entry.operation as usize].demand;
                for (free, need) in free.iter_mut().zip(needs) {
                    *free -= need;
                }
            }
            demand.iter().zip(free).all(|(&need, free)| need <= free)
        })
    }

    pub(super) fn put(&mut self, operation: u32, bin: u32, start: i64) -> bool {
        let Some(duration) = self.model.operations[operation as usize].duration_in(bin) else {
            return false;
        };
        let entry = TimedEntry {
            operation,
            bin,
            start,
            end: start + duration,
            copies: 1,
        };
        self.placed[operation as usize].push(entry);
        self.in_bin[bin as usize].push(entry);
        true
    }

    pub(super) fn timetable(self) -> Timetable {
        Timetable::new(self.placed.into_iter().flatten().collect())
    }
}
