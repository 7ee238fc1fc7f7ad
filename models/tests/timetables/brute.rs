//! The slow twin: every bin and every start of every copy.

use apportion_models::schedule::{Schedule, TimedEntry, Timetable};

/// The lexicographically best stage values of all timetables.
pub fn best(schedule: &Schedule) -> Vec<f64> {
    let mut copies: Vec<u32> = Vec::new();
    for (at, operation) in (0_u32..).zip(&schedule.operations) {
        copies.extend((0..operation.count).map(|_| at));
    }
    // Nothing needs to start later than after everything else, one by one, with a transfer before each.
    let longest = |at: &u32| {
        schedule.operations[*at as usize]
            .durations
            .iter()
            .max()
            .copied()
            .unwrap_or(0)
    };
    let rates = [schedule.network.within_group, schedule.network.across];
    let slowest = rates.into_iter().filter(|&rate| rate > 0).min();
    let transfer =
        |amount: i64| slowest.map_or(0, |slowest| (amount * 1000 + slowest - 1) / slowest);
    let longest_transfer = schedule
        .edges
        .iter()
        .map(|edge| transfer(edge.amount))
        .max();
    let horizon = copies.iter().map(longest).sum::<i64>()
        + longest_transfer.unwrap_or(0) * (copies.len() as i64 - 1)
        + schedule
            .operations
            .iter()
            .map(|it| it.release)
            .max()
            .unwrap_or(0);
    let mut search = Search {
        schedule,
        horizon,
        best: schedule.values(&Timetable::default()),
    };
    search.extend(&copies, &mut Vec::new());
    search.best
}

struct Search<'s> {
    schedule: &'s Schedule,
    horizon: i64,
    best: Vec<f64>,
}

impl Search<'_> {
    fn extend(&mut self, copies: &[u32], entries: &mut Vec<TimedEntry>) {
        let Some((&operation, rest)) = copies.split_first() else {
            let timetable = Timetable::new(entries.clone());
            let values = self.schedule.values(&timetable);
            if self.schedule.compare(&values, &self.best).is_lt()
                && self.schedule.faults(&timetable).is_empty()
            {
                self.best = values;
            }
            return;
        };
        if self.is_hopeless(entries) {
            return;
        }
        let of = &self.schedule.operations[operation as usize];
        for (&bin, &duration) in of.eligible.iter().zip(of.durations.iter()) {
            for start in of.release..=self.horizon - duration {
                let end = start + duration;
                entries.push(TimedEntry {
                    operation,
                    bin,
                    start,
                    end,
                    copies: 1,
                });
                if self.fits(entries) {
                    self.extend(rest, entries);
                }
                entries.pop();
            }
        }
        // Without the copy: what follows it is checked in the end.
        self.extend(rest, entries);
    }

    /// Whether the values are worse than the best already, though all that is left were placed: the others only get worse.
    fn is_hopeless(&self, entries: &[TimedEntry]) -> bool {
        let mut values = self.schedule.values(&Timetable::new(entries.to_vec()));
        let all = self.schedule.operations.iter();
        values[0] = all.map(|it| it.value as f64 * it.count as f64).sum();
        self.schedule.compare(&values, &self.best).is_gt()
    }

    /// Whether the last entry goes with those before it: capacity at its bin, and what it follows, which comes first.
    fn fits(&self, entries: &[TimedEntry]) -> bool {
        let last = entries[entries.len() - 1];
        let of = &self.schedule.operations[last.operation as usize];
        let bin = &self.schedule.bins[last.bin as usize];
        for edge in self
            .schedule
            .edges
            .iter()
            .filter(|edge| edge.to == last.operation)
        {
            let from: Vec<_> = entries
                .iter()
                .filter(|it| it.operation == edge.from)
                .collect();
            let wanted = self.schedule.operations[edge.from as usize].count;
            if (from.len() as i64) < wanted || from.iter().any(|it| it.end > last.start) {
                return false;
            }
        }
        let moments = entries
            .iter()
            .filter(|it| it.bin == last.bin)
            .map(|it| it.start);
        let moments: Vec<i64> = moments.collect();
        for moment in moments {
            for (resource, &capacity) in bin.capacity.iter().enumerate() {
                let here = entries
                    .iter()
                    .filter(|it| it.bin == last.bin && it.start <= moment && moment < it.end);
                let used: i64 = here
                    .map(|it| self.schedule.operations[it.operation as usize].demand[resource])
                    .sum();
                if used > capacity {
                    return false;
                }
            }
        }
        of.demand
            .iter()
            .zip(&bin.capacity)
            .all(|(need, has)| need <= has)
    }
}
