//! Stages about what flows between copies: products of counts, one factor taken apart into levels.

use super::{Auxiliary, Builder, EndAt, Expression, FREE};
use crate::assignment::placement::Placement;
use crate::assignment::tally::traffic;
use crate::assignment::types::{Assignment, Objective, Traffic};

/// Coefficients up to here are left whole.
const LARGEST_WHOLE: f64 = 1e7;

impl EndAt {
    /// The copies in the group that the placement adds to `base`.
    pub(super) fn placed(self, assignment: &Assignment, placement: &Placement) -> i64 {
        let end = &traffic(assignment, self.stage).ends[self.end as usize];
        let packing = &end.packings[self.division];
        packing.counts(placement)[self.group] - packing.base[self.group]
    }
}

/// An end in a group: what is there, and the columns of what may come.
#[derive(Clone, Copy)]
struct Count<'c> {
    at: EndAt,
    base: f64,
    columns: &'c [usize],
    /// Most copies that may come.
    most: f64,
}

impl Assignment {
    /// About how many columns the programs have for what flows between copies.
    pub(in crate::assignment) fn n_pairs(&self) -> usize {
        let mut n_pairs = 0_usize;
        for stage in &self.stages {
            let Objective::Traffic(traffic) = &stage.objective else {
                continue;
            };
            for flow in &traffic.flows {
                for division in 0..traffic.weights.len() {
                    let copies = |end: u32| -> i64 {
                        let items = traffic.ends[end as usize].packings[division].items.iter();
                        items.map(|&item| self.items[item as usize].count).sum()
                    };
                    let levels = copies(flow.from).min(copies(flow.to)).max(0) as usize;
                    let groups = traffic.ends[flow.from as usize].packings[division]
                        .base
                        .len();
                    n_pairs = n_pairs.saturating_add(levels.saturating_mul(2 * groups));
                }
            }
        }
        n_pairs
    }
}

impl Builder<'_> {
    /// What flows between groups: everything, less what the copies in each group exchange.
    pub(super) fn add_traffic(&mut self, stage: usize, traffic: &Traffic) -> Expression {
        let mut expression = Expression {
            constant: traffic.apart(),
            terms: Vec::new(),
            scale: 1.0,
            whole: false,
        };
        for division in 0..traffic.weights.len() {
            let packings = traffic.ends.iter().map(|end| &end.packings[division]);
            let columns: Vec<_> = packings.map(|it| self.columns_by_group(it)).collect();
            for flow in &traffic.flows {
                let weight = traffic.per_pair(flow, division);
                if weight == 0.0 {
                    continue;
                }
                let n_groups = traffic.ends[flow.from as usize].packings[division]
                    .base
                    .len();
                for group in 0..n_groups {
                    let count = |end: u32| {
                        let columns = &columns[end as usize][group];
                        let at = EndAt {
                            stage,
                            end,
                            division,
                            group,
                        };
                        let base = traffic.ends[end as usize].packings[division].base[group];
                        Count {
                            at,
                            base: base as f64,
                            columns,
                            most: self.largest_sum(columns),
                        }
                    };
                    let (from, to) = (count(flow.from), count(flow.to));
                    self.add_product(from, to, weight, &mut expression);
                }
            }
        }
        merge(&mut expression.terms);
        let largest = expression.terms.iter().map(|term| term.1.abs());
        let largest = largest.fold(0.0, f64::max);
        match traffic.common().map(|common| common as f64) {
            Some(common) if common * largest <= LARGEST_WHOLE => {
                (expression.scale, expression.whole) = (common, true);
            }
            _ if largest > 0.0 => expression.scale = 1000.0 / largest,
            _ => {}
        }
        expression
    }

    /// Takes `weight x (base + copies of one) x (base + copies of the other)` off the expression.
    fn add_product(
        &mut self,
        left: Count<'_>,
        right: Count<'_>,
        weight: f64,
        expression: &mut Expression,
    ) {
        expression.constant -= weight * left.base * right.base;
        for (fixed, free) in [(left, right), (right, left)] {
            if fixed.base > 0.0 {
                let columns = free.columns.iter();
                let terms = columns.map(|&column| (column, -weight * fixed.base));
                expression.terms.extend(terms);
            }
        }
        if left.most == 0.0 || right.most == 0.0 {
            return;
        }
        let (split, counted) = if left.most <= right.most {
            (left, right)
        } else {
            (right, left)
        };
        for (level, column) in (0_i64..).zip(self.levels_of(split)) {
            let pairs = self.add_pairs(counted, split, level, column);
            expression.terms.push((pairs, -weight));
        }
    }

    /// Binary columns whose sum is the number of copies that come to the group.
    fn levels_of(&mut self, split: Count<'_>) -> Vec<usize> {
        if let Some(known) = self.levels.get(&split.at) {
            return known.clone();
        }
        let (at, columns) = (split.at, split.columns.to_vec());
        let levels: Vec<usize> = (0..split.most as i64)
            .map(|level| {
                let name = format!("level[{},{level}]", self.end_name(at));
                self.add_auxiliary(name, Auxiliary::Level(at, level), 0.0, 1.0)
            })
            .collect();
        let copies = columns.iter().map(|&column| (column, 1.0));
        let terms: Vec<_> = copies
            .chain(levels.iter().map(|&level| (level, -1.0)))
            .collect();
        let name = format!("level[{}]", self.end_name(at));
        self.milp.add_row(name, 0.0, 0.0, terms);
        for (above, pair) in levels.windows(2).enumerate() {
            let name = format!("level[{},{above},order]", self.end_name(at));
            let terms = [(pair[0], 1.0), (pair[1], -1.0)];
            self.milp.add_row(name, 0.0, FREE, terms);
        }
        self.levels.insert(at, levels.clone());
        levels
    }

    /// A column of at most the counted copies, and of none unless the level is reached.
    fn add_pairs(
        &mut self,
        counted: Count<'_>,
        split: Count<'_>,
        level: i64,
        column: usize,
    ) -> usize {
        let key = (counted.at, split.at, level);
        if let Some(&known) = self.pairs.get(&key) {
            return known;
        }
        let (one, other) = (self.end_name(counted.at), self.end_name(split.at));
        let name = format!("pairs[{one},{other},{level}]");
        let auxiliary = Auxiliary::Pairs(counted.at, split.at, level);
        let pairs = self.add_auxiliary(name.clone(), auxiliary, 0.0, counted.most);
        let copies = counted.columns.iter().map(|&column| (column, -1.0));
        let terms: Vec<_> = copies.chain([(pairs, 1.0)]).collect();
        self.milp.add_row(name, -FREE, 0.0, terms);
        let name = format!("pairs[{one},{other},{level},level]");
        let terms = [(pairs, 1.0), (column, -counted.most)];
        self.milp.add_row(name, -FREE, 0.0, terms);
        self.pairs.insert(key, pairs);
        pairs
    }

    fn end_name(&self, at: EndAt) -> String {
        let end = &traffic(self.assignment, at.stage).ends[at.end as usize];
        format!("{},{},{}", end.name, at.division, at.group)
    }
}

/// Adds up the terms of each column.
fn merge(terms: &mut Vec<(usize, f64)>) {
    terms.sort_by_key(|term| term.0);
    terms.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}
