//! Stages that keep copies together.

use super::{Auxiliary, Builder, Expression, FREE};
use crate::assignment::types::Span;

impl Builder<'_> {
    /// Binary columns of the groups that have no copy of the term yet; those that have one are a constant.
    pub(super) fn add_span(
        &mut self,
        stage: usize,
        term: usize,
        span: &Span,
        expression: &mut Expression,
    ) {
        let by_group = self.columns_by_group(&span.packing);
        for (group, columns) in by_group.iter().enumerate() {
            let weight = span.weight as f64;
            if span.packing.base[group] > 0 {
                expression.constant += weight;
                continue;
            }
            if columns.is_empty() || span.weight == 0 {
                continue;
            }
            let name = format!("used[{},{group}]", span.name);
            let auxiliary = Auxiliary::Used(stage, term, group);
            let used = self.add_auxiliary(name, auxiliary, 0.0, 1.0);
            expression.terms.push((used, weight));
            for &column in columns {
                let (item, bin) = self.columns[column];
                let item = &self.assignment.items[item as usize].name;
                let name = format!("used[{},{group},{item},{}]", span.name, self.bin_name(bin));
                let terms = [(column, 1.0), (used, -self.upper(column))];
                self.milp.add_row(name, -FREE, 0.0, terms);
            }
            let most = self.largest_sum(columns);
            if columns.len() > 1 {
                let mut terms: Vec<_> = columns.iter().map(|&column| (column, 1.0)).collect();
                terms.push((used, -most));
                let name = format!("used[{},{group},all]", span.name);
                self.milp.add_row(name, -FREE, 0.0, terms);
            }
        }
    }
}
