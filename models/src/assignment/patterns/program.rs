//! The program of the patterns, how it takes in more of them, and how it is rounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::classes::{Class, classes};
use crate::assignment::knapsack::{Candidate, Filled, Guide, fill};
use crate::assignment::ladder::Run;
use crate::assignment::prices::PricedBound;
use crate::assignment::tally::Tally;
use crate::assignment::types::Assignment;
use crate::assignment::worth::Worth;
use crate::milp::{ColumnKind, Milp, Sense};

/// Partial fillings kept while a pattern is searched for: first few, and when these find no more, many.
const WIDTHS: [usize; 2] = [48, 300];
/// Patterns taken from one search.
const PATTERNS: usize = 8;
/// Bins of a program that is solved in whole numbers, and the nodes of its search tree.
const WHOLE_BINS: usize = 40;
const NODES: i64 = 20;
/// Rounds of taking in patterns.
const ROUNDS: usize = 60;
/// Prices are as good as they get when patterns promise less than this part of the value.
const PROMISE: f64 = 1e-4;

/// A filling of a bin of a class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    class: usize,
    /// Positions in [`Program::items`], and copies.
    copies: Vec<(u32, i64)>,
}

/// The prices of copies and of bins.
#[derive(Default)]
struct Prices {
    of_item: Vec<f64>,
    of_class: Vec<f64>,
}

/// The program of the patterns of some bins, and what is left to be filled.
pub(super) struct Program<'a> {
    assignment: &'a Assignment,
    worth: Worth<'a>,
    /// Items that may be moved, ascending.
    items: Vec<u32>,
    /// Items of earlier stages, which stay where they are. Others without a value here make room, and are added at the end.
    is_fixed: Vec<bool>,
    /// Copies of each that are not placed.
    counts: Vec<i64>,
    classes: Vec<Class>,
    /// By class.
    guides: Vec<Option<Guide>>,
    patterns: Vec<Pattern>,
    known: BTreeSet<Pattern>,
    /// The bins to be filled anew, ascending.
    bins: Vec<u32>,
    prices: Prices,
}

impl<'a> Program<'a> {
    pub(super) fn new(tally: &Tally<'a>, stage: usize, bins: &[u32]) -> Option<Self> {
        let assignment = tally.assignment;
        let worth = assignment.stages[stage].objective.worth()?;
        let mut is_fixed = vec![false; assignment.items.len()];
        for earlier in &assignment.stages[..stage] {
            for term in earlier.objective.worth()?.best(assignment).iter() {
                is_fixed[term.item as usize] |= term.value > 0;
            }
        }
        let items: Vec<u32> = (worth.best(assignment).iter())
            .filter(|term| term.value > 0 && !is_fixed[term.item as usize])
            .map(|term| term.item)
            .collect();
        if items.is_empty() {
            return None;
        }
        Some(Self {
            assignment,
            worth,
            counts: Vec::new(),
            is_fixed,
            items,
            classes: Vec::new(),
            guides: Vec::new(),
            patterns: Vec::new(),
            known: BTreeSet::new(),
            bins: bins.to_vec(),
            prices: Prices::default(),
        })
    }

    /// Takes the items out of the bins, finds the classes of bins, and takes in the fillings that there were.
    pub(super) fn empty(&mut self, tally: &mut Tally<'a>) {
        let mut current: Vec<(u32, u32, i64)> = Vec::new();
        for &bin in &self.bins {
            let inside = tally.inside[bin as usize].iter();
            let inside = inside.filter(|item| !self.is_fixed[**item as usize]);
            current.extend(inside.map(|&item| (item, bin, tally.at[item as usize][&bin])));
        }
        for &(item, bin, copies) in &current {
            tally.change(item, bin, -copies);
        }
        self.counts = self
            .items
            .iter()
            .map(|&item| tally.remaining(item))
            .collect();
        self.classes = classes(tally, &self.items, self.worth, &self.bins);
        let of_class = |(position, class): (usize, &Class)| {
            let bins: Vec<(u32, usize)> = class.bins.iter().map(|&bin| (bin, position)).collect();
            bins
        };
        let class_of: BTreeMap<u32, usize> =
            self.classes.iter().enumerate().flat_map(of_class).collect();
        let mut fillings: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for &(item, bin, copies) in &current {
            if let Ok(position) = self.items.binary_search(&item) {
                fillings
                    .entry(bin)
                    .or_default()
                    .push((position as u32, copies));
            }
        }
        for (bin, copies) in fillings {
            let class = class_of[&bin];
            // Where bins are merged, what one holds may be too much for the others.
            if !self.classes[class].is_merged || self.fits(class, &copies) {
                self.add(Pattern { class, copies });
            }
        }
    }

    /// Whether the copies fit into each bin of the class.
    fn fits(&self, class: usize, copies: &[(u32, i64)]) -> bool {
        let mut free = self.classes[class].free.clone();
        copies.iter().all(|&(position, copies)| {
            let item = &self.assignment.items[self.items[position as usize] as usize];
            (0..copies).all(|_| free.take(&item.demand, &item.devices))
        })
    }

    fn add(&mut self, pattern: Pattern) -> bool {
        let is_new = self.known.insert(pattern.clone());
        if is_new {
            self.patterns.push(pattern);
        }
        is_new
    }

    fn value(&self, pattern: &Pattern) -> f64 {
        let bin = self.classes[pattern.class].bins.first();
        let Some(&bin) = bin else { return 0.0 };
        let of_item = |&(position, copies): &(u32, i64)| {
            self.worth.of(self.items[position as usize], bin) as f64 * copies as f64
        };
        pattern.copies.iter().map(of_item).sum()
    }

    /// Lets prices of what is free in the bins guide the search for patterns.
    pub(super) fn guide(&mut self, priced: &PricedBound) {
        let of_class = |class: &Class| {
            let bin = *class.bins.first()? as usize;
            let counts = priced.prices.counts_of[bin].iter();
            let counts = counts.map(|&count| &priced.prices.counts[count as usize]);
            Some(Guide {
                amounts: priced.prices.by_bin[bin].clone(),
                counts: counts.map(|count| (count.clone(), count.most())).collect(),
            })
        };
        self.guides = self.classes.iter().map(of_class).collect();
    }

    /// Takes in patterns until no more are worth much, or for half of the time that is left: the other half is for rounding them, as
    /// prices alone place nothing. Says whether there are prices.
    pub(super) fn generate(&mut self, run: &mut Run<'_>) -> bool {
        let half = run.time().ok().flatten().map(|left| left / 2);
        let end = half.map(|half| Instant::now() + half);
        let mut is_priced = false;
        for width in WIDTHS {
            for _ in 0..ROUNDS {
                let Some((value, _)) = self.solve(run) else {
                    return is_priced;
                };
                is_priced = true;
                if self.price(width) <= PROMISE * value || run.must_stop() {
                    break;
                }
                if end.is_some_and(|end| Instant::now() >= end) {
                    run.note_cut();
                    return true;
                }
            }
        }
        is_priced
    }

    /// Solves the linear program of the patterns that there are: its value, and how often each pattern is used.
    fn solve(&mut self, run: &mut Run<'_>) -> Option<(f64, Vec<(usize, f64)>)> {
        let (program, columns) = self.program(ColumnKind::Continuous);
        let outcome = run.call(&Arc::new(program), None, None, 2)?;
        let duals: Vec<f64> = outcome
            .row_duals?
            .iter()
            .map(|dual| dual.max(0.0))
            .collect();
        let (of_class, of_item) = duals.split_at(self.classes.len());
        self.prices = Prices {
            of_class: of_class.to_vec(),
            of_item: of_item.to_vec(),
        };
        let used = columns
            .into_iter()
            .zip(outcome.solution?)
            .filter(|used| used.1 > 1e-9);
        Some((outcome.objective?, used.collect()))
    }

    /// Solves the program in whole numbers, and places what comes out.
    fn solve_whole(&mut self, run: &mut Run<'_>, tally: &mut Tally<'_>) {
        const TIME_SHARE: u32 = 4;
        let (program, columns) = self.program(ColumnKind::Integer);
        let start = vec![0.0; columns.len()];
        let outcome = run.call(&Arc::new(program), Some(start), Some(NODES), TIME_SHARE);
        let Some(solution) = outcome.and_then(|outcome| outcome.solution) else {
            return;
        };
        for (pattern, times) in columns.into_iter().zip(solution) {
            for _ in 0..times.round() as usize {
                self.commit(tally, pattern);
            }
        }
    }

    /// Rows of the classes, then of the items; the columns are the patterns that are still possible.
    fn program(&self, kind: ColumnKind) -> (Milp, Vec<usize>) {
        let mut milp = Milp::new("patterns", Sense::Maximize);
        let mut columns = Vec::new();
        let mut of_class: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.classes.len()];
        let mut of_item: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.items.len()];
        for (position, pattern) in self.patterns.iter().enumerate() {
            let is_left = |&(item, copies): &(u32, i64)| copies <= self.counts[item as usize];
            if self.classes[pattern.class].bins.is_empty() || !pattern.copies.iter().all(is_left) {
                continue;
            }
            let value = self.value(pattern);
            let name = format!("y[{position}]");
            let most = match kind {
                ColumnKind::Continuous => f64::INFINITY,
                ColumnKind::Integer => self.classes[pattern.class].bins.len() as f64,
            };
            let column = milp.add_column(name, 0.0, most, kind, value);
            columns.push(position);
            of_class[pattern.class].push((column, 1.0));
            for &(item, copies) in &pattern.copies {
                of_item[item as usize].push((column, copies as f64));
            }
        }
        for (class, terms) in of_class.into_iter().enumerate() {
            let n_bins = self.classes[class].bins.len() as f64;
            milp.add_row(format!("bins[{class}]"), f64::NEG_INFINITY, n_bins, terms);
        }
        for (item, terms) in of_item.into_iter().enumerate() {
            let count = self.counts[item] as f64;
            milp.add_row(format!("once[{item}]"), f64::NEG_INFINITY, count, terms);
        }
        (milp, columns)
    }

    /// Takes in the patterns that gain most at the prices; the most that they can gain together.
    fn price(&mut self, width: usize) -> f64 {
        let is_left = |class: &usize| !self.classes[*class].bins.is_empty();
        let classes: Vec<usize> = (0..self.classes.len()).filter(is_left).collect();
        let found: Vec<Vec<Filled>> = (classes.par_iter())
            .map(|&class| self.best_fillings(class, width, PATTERNS))
            .collect();
        let mut promised = 0.0;
        for (&class, fillings) in classes.iter().zip(found) {
            let mut most: f64 = 0.0;
            for (gain, copies) in fillings {
                let reduced = gain - self.prices.of_class[class];
                if reduced > 1e-7 * gain.abs().max(1.0) && self.add(Pattern { class, copies }) {
                    most = most.max(reduced);
                }
            }
            promised += most * self.classes[class].bins.len() as f64;
        }
        promised
    }

    /// The fillings of a bin of the class that gain most at the prices.
    fn best_fillings(&self, class: usize, width: usize, n_answers: usize) -> Vec<Filled> {
        let guide = self.guides.get(class).and_then(Option::as_ref);
        let class = &self.classes[class];
        let candidates = class.items.iter().filter_map(|&(position, value)| {
            let item = &self.assignment.items[self.items[position as usize] as usize];
            let gain = value - self.prices.of_item[position as usize];
            let most = self.counts[position as usize];
            (gain > 1e-9 * value && most > 0).then_some(Candidate {
                item: position,
                gain,
                demand: &item.demand,
                devices: &item.devices,
                most,
            })
        });
        fill(&class.free, candidates.collect(), guide, width, n_answers)
    }

    /// Fills all bins with whole numbers of patterns: rounded down, then what is left by its own program.
    pub(super) fn round(&mut self, run: &mut Run<'_>, tally: &mut Tally<'_>) {
        while self.n_bins() > 0 && !run.must_stop() {
            let Some((_, used)) = self.solve(run) else {
                break;
            };
            if used.is_empty() {
                break;
            }
            let is_small = self.n_bins() <= WHOLE_BINS;
            let mut is_placed = false;
            for &(pattern, times) in used.iter().filter(|_| !is_small) {
                for _ in 0..(times + 1e-6) as usize {
                    is_placed |= self.commit(tally, pattern);
                }
            }
            if is_small {
                self.generate(run);
                self.solve_whole(run, tally);
                break;
            }
            // Of the patterns that are used in part only, the most used one is taken as a whole.
            let by_use = |left: &&(usize, f64), right: &&(usize, f64)| {
                left.1.total_cmp(&right.1).then(right.0.cmp(&left.0))
            };
            let most = used.iter().max_by(by_use);
            if !is_placed && !most.is_some_and(|&(pattern, _)| self.commit(tally, pattern)) {
                break;
            }
            self.price(WIDTHS[0]);
        }
        self.fill_rest(run, tally);
    }

    /// Whether the item may be moved.
    pub(super) fn is_free(&self, item: u32) -> bool {
        !self.is_fixed[item as usize]
    }

    /// Whether bins of which not equally much is free are taken to be alike.
    pub(super) fn is_merged(&self) -> bool {
        self.classes.iter().any(|class| class.is_merged)
    }

    fn n_bins(&self) -> usize {
        self.classes.iter().map(|class| class.bins.len()).sum()
    }

    /// Fills what is left bin by bin.
    fn fill_rest(&mut self, run: &mut Run<'_>, tally: &mut Tally<'_>) {
        for class in 0..self.classes.len() {
            while !self.classes[class].bins.is_empty() && !run.must_stop() {
                let best = self.best_fillings(class, WIDTHS[1], 1).into_iter().next();
                let copies = best.map_or(Vec::new(), |best| best.1);
                self.place(tally, class, &copies);
            }
        }
    }

    /// Places a pattern in a bin of its class, if there is one left and the copies are.
    fn commit(&mut self, tally: &mut Tally<'_>, pattern: usize) -> bool {
        let Pattern { class, copies } = self.patterns[pattern].clone();
        let is_left = |&(item, copies): &(u32, i64)| copies <= self.counts[item as usize];
        if self.classes[class].bins.is_empty() || !copies.iter().all(is_left) {
            return false;
        }
        self.place(tally, class, &copies);
        true
    }

    fn place(&mut self, tally: &mut Tally<'_>, class: usize, copies: &[(u32, i64)]) {
        let Some(bin) = self.classes[class].bins.pop() else {
            return;
        };
        for &(position, copies) in copies {
            let item = self.items[position as usize];
            for _ in 0..copies {
                if tally.room(item, bin) > 0 {
                    self.counts[position as usize] -= tally.add(item, bin, 1);
                }
            }
        }
    }
}
