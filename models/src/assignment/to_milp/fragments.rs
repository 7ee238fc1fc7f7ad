//! Stages about fragmentation: everything that a bin may hold is listed.

use std::rc::Rc;

use super::{Auxiliary, Builder, Expression};
use crate::assignment::types::Probe;

/// Sets of copies that are listed for one bin.
const LARGEST_FILLINGS: usize = 500;
/// Sets of copies that are listed for all bins together.
const MOST_FILLINGS: usize = 20_000;
/// Sets of copies that are tried for all bins together.
const MOST_TRIES: usize = 100_000;

/// Items and how many copies of each.
pub(super) type Counts = Vec<(u32, i64)>;

/// What decides what a bin may hold: its capacity, its devices, and the items with the most copies of each.
pub(super) type Holds = (Vec<i64>, Vec<Vec<i64>>, Counts);

impl Builder<'_> {
    /// A binary column for everything that a bin may hold, with its fragmentation; bins that may hold too much, and those for which there
    /// are too many columns already, add nothing, so that the program bounds the stage, and is exact where every bin is listed.
    pub(super) fn add_fragmentation(&mut self, probes: &[Probe]) -> Expression {
        let mut expression = Expression::whole(Vec::new());
        for bin in 0..self.assignment.bins.len() as u32 {
            if self.of_bin[bin as usize].is_empty() {
                let amount = self.assignment.bin_fragmentation(probes, bin, &[]);
                expression.constant += amount as f64;
                continue;
            }
            for column in self.add_fillings(bin) {
                let Auxiliary::Filled(position) = self.auxiliaries[column - self.columns.len()]
                else {
                    continue;
                };
                let counts = &self.fillings[position].1;
                let amount = self.assignment.bin_fragmentation(probes, bin, counts);
                expression.terms.push((column, amount as f64));
            }
        }
        expression
    }

    /// The columns of everything that the bin may hold, with the rows that tie them; none if there is too much.
    fn add_fillings(&mut self, bin: u32) -> Vec<usize> {
        if let Some(known) = self.filled.get(&bin) {
            return known.clone();
        }
        let columns = self.of_bin[bin as usize].clone();
        let left = MOST_FILLINGS.saturating_sub(self.fillings.len());
        let listed = self.list_fillings(bin, &columns);
        let Some(listed) = listed.filter(|listed| listed.len() <= left) else {
            self.filled.insert(bin, Vec::new());
            return Vec::new();
        };
        let name = self.bin_name(bin);
        let mut filled = Vec::new();
        let mut ties: Vec<Vec<(usize, f64)>> =
            columns.iter().map(|&column| vec![(column, -1.0)]).collect();
        for (position, counts) in listed.iter().enumerate() {
            let auxiliary = Auxiliary::Filled(self.fillings.len());
            let column =
                self.add_auxiliary(format!("filled[{name},{position}]"), auxiliary, 0.0, 1.0);
            for (tie, &of_item) in ties.iter_mut().zip(&columns) {
                let item = self.columns[of_item].0;
                let copies = counts.iter().find(|counted| counted.0 == item);
                tie.extend(copies.map(|counted| (column, counted.1 as f64)));
            }
            self.fillings.push((bin, counts.clone()));
            filled.push(column);
        }
        let all = filled.iter().map(|&column| (column, 1.0));
        self.milp.add_row(format!("filled[{name}]"), 1.0, 1.0, all);
        for (tie, &column) in ties.into_iter().zip(&columns) {
            let item = &self.assignment.items[self.columns[column].0 as usize].name;
            self.milp
                .add_row(format!("filled[{item},{name}]"), 0.0, 0.0, tie);
        }
        self.filled.insert(bin, filled.clone());
        filled
    }

    /// Everything that the bin may hold; `None` if that is more than [`LARGEST_FILLINGS`], or finding it is more work than is left.
    /// Alike bins are looked at once.
    fn list_fillings(&mut self, bin: u32, columns: &[usize]) -> Option<Rc<Vec<Counts>>> {
        let of_bin = &self.assignment.bins[bin as usize];
        let most = columns.iter();
        let most = most.map(|&column| (self.columns[column].0, self.upper(column) as i64));
        let key = (
            of_bin.capacity.clone(),
            of_bin.devices.clone(),
            most.collect::<Counts>(),
        );
        if let Some(known) = self.listed.get(&key) {
            return known.clone();
        }
        let listed = self.everything(bin, &key.2).map(Rc::new);
        self.listed.insert(key, listed.clone());
        listed
    }

    fn everything(&mut self, bin: u32, most: &Counts) -> Option<Vec<Counts>> {
        // Copies of one item alone are many already.
        let alone = most.iter().map(|&(_, most)| most);
        let alone = alone.fold(1, i64::saturating_add);
        if usize::try_from(alone).is_ok_and(|alone| alone > LARGEST_FILLINGS) {
            return None;
        }
        let mut listed: Vec<Counts> = vec![Vec::new()];
        for &(item, most) in most {
            let mut longer = Vec::new();
            for counts in &listed {
                for copies in 0..=most {
                    let mut with = counts.clone();
                    with.extend((copies > 0).then_some((item, copies)));
                    self.tries += 1;
                    // What does not fit with some copies does not fit with more.
                    if self.tries > MOST_TRIES || !self.fits(bin, &with) {
                        break;
                    }
                    longer.push(with);
                }
            }
            // What fits without an item fits: the list never gets shorter.
            if longer.len() > LARGEST_FILLINGS || self.tries > MOST_TRIES {
                return None;
            }
            listed = longer;
        }
        Some(listed)
    }

    /// Whether the bin has capacity and devices for the counts.
    fn fits(&self, bin: u32, counts: &[(u32, i64)]) -> bool {
        let capacity = self.assignment.bins[bin as usize].capacity.iter();
        let has_capacity = capacity.enumerate().all(|(resource, &capacity)| {
            let demand = |&(item, copies): &(u32, i64)| {
                let demand = self.assignment.items[item as usize].demand[resource];
                i128::from(demand) * i128::from(copies)
            };
            counts.iter().map(demand).sum::<i128>() <= i128::from(capacity)
        });
        has_capacity && self.assignment.unpacked_kinds(bin, counts).is_empty()
    }
}
