//! Stages about open bins.

use super::{Auxiliary, Builder, FREE};

impl Builder<'_> {
    /// Binary columns of the bins that cost something, with their costs.
    pub(super) fn add_opened(&mut self, costs: &[i64]) -> Vec<(usize, f64)> {
        let mut terms = Vec::new();
        for (bin, &cost) in costs.iter().enumerate() {
            let columns = self.of_bin[bin].clone();
            if cost == 0 || columns.is_empty() {
                continue;
            }
            let bin_name = self.bin_name(bin as u32);
            let existing = self.opened_column(bin as u32);
            let opened = existing.unwrap_or_else(|| {
                let name = format!("opened[{bin_name}]");
                let column = self.add_auxiliary(name, Auxiliary::Opened(bin as u32), 0.0, 1.0);
                self.tie_opened(column, bin, &columns);
                column
            });
            terms.push((opened, cost as f64));
        }
        terms
    }

    fn opened_column(&self, bin: u32) -> Option<usize> {
        let is_opened =
            |auxiliary: &Auxiliary| matches!(auxiliary, Auxiliary::Opened(other) if *other == bin);
        let position = self.auxiliaries.iter().position(is_opened)?;
        Some(self.columns.len() + position)
    }

    /// Nothing may be in a closed bin: a row for each column, and the bin's capacity rows are made to say so as well.
    fn tie_opened(&mut self, opened: usize, bin: usize, columns: &[usize]) {
        let name = self.bin_name(bin as u32);
        for &column in columns {
            let item = &self.assignment.items[self.columns[column].0 as usize];
            let row = format!("opened[{},{name}]", item.name);
            let terms = [(column, 1.0), (opened, -self.upper(column))];
            self.milp.add_row(row, -FREE, 0.0, terms);
        }
        for &row in &self.capacity_rows[bin] {
            let row = &mut self.milp.rows[row];
            row.terms.push((opened, -row.upper));
            row.upper = 0.0;
        }
    }
}
