//! What is wrong with a timetable, by looking at every row.

use super::profile::Profile;
use super::timetable::{TimedEntry, Timetable};
use super::types::Schedule;

/// A row that a timetable breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{row}: needs {needs}, has {has}")]
pub struct TimetableFault {
    /// Name of the row, as in the [module](crate::schedule)'s table.
    pub row: String,
    /// What it would take.
    pub needs: i64,
    /// What there is.
    pub has: i64,
}

impl Schedule {
    /// Every row that a timetable breaks.
    #[must_use]
    pub fn faults(&self, timetable: &Timetable) -> Vec<TimetableFault> {
        let mut faults = Vec::new();
        let entries = timetable.entries();
        let mut fault = |row: String, needs: i64, has: i64| {
            faults.push(TimetableFault { row, needs, has });
        };
        for entry in entries {
            let operation = &self.operations[entry.operation as usize];
            match operation.duration_in(entry.bin) {
                Some(duration) if entry.end - entry.start == duration => {}
                Some(duration) => {
                    let row = format!("duration[{}]", operation.name);
                    fault(row, duration, entry.end - entry.start);
                }
                None => {
                    let bin = &self.bins[entry.bin as usize].name;
                    fault(format!("eligible[{},{bin}]", operation.name), 0, 1);
                }
            }
            if entry.start < operation.release {
                let row = format!("release[{}]", operation.name);
                fault(row, operation.release, entry.start);
            }
        }
        let mut of_operation: Vec<&[TimedEntry]> = Vec::new();
        let mut rest = entries;
        for at in (0u32..).take(self.operations.len()) {
            let (own, later) = rest.split_at(rest.partition_point(|it| it.operation <= at));
            of_operation.push(own);
            rest = later;
        }
        let mut in_bin: Vec<Vec<&TimedEntry>> = vec![Vec::new(); self.bins.len()];
        for entry in entries {
            in_bin[entry.bin as usize].push(entry);
        }
        for (of, operation) in of_operation.iter().zip(&self.operations) {
            let copies: i64 = of.iter().map(|entry| entry.copies).sum();
            if copies > operation.count {
                fault(format!("once[{}]", operation.name), copies, operation.count);
            }
        }
        for (entries, bin) in in_bin.into_iter().zip(&self.bins) {
            let mut profile = Profile::new(&bin.capacity);
            for entry in entries {
                let demand = &self.operations[entry.operation as usize].demand;
                profile.take(entry.start, entry.end, demand, entry.copies);
            }
            for (name, free) in self.resources.iter().zip(profile.least()) {
                if free < 0 {
                    fault(format!("capacity[{},{name}]", bin.name), -free, 0);
                }
            }
        }
        for edge in &self.edges {
            let of = |operation: u32| of_operation[operation as usize].iter();
            let (from, to) = (
                &self.operations[edge.from as usize],
                &self.operations[edge.to as usize],
            );
            let row = || format!("edge[{},{}]", from.name, to.name);
            let handed: i64 = of(edge.from).map(|entry| entry.copies).sum();
            if of(edge.to).next().is_some() && handed < from.count {
                fault(row(), from.count, handed);
            }
            let arrives = |to: &TimedEntry, from: &TimedEntry| {
                from.end
                    .saturating_add(self.transfer(edge, from.bin, to.bin))
            };
            for to in of(edge.to) {
                let last = of(edge.from).map(|from| arrives(to, from)).max();
                if last.is_some_and(|last| to.start < last) {
                    fault(row(), last.unwrap_or(0), to.start);
                }
            }
        }
        faults
    }
}
