//! Value stages by packing patterns: whole fillings of bins instead of copies one by one.
//!
//! # Model
//! Bins of which equally much is free, and to which the same items may go, are a class `c` of `n_c` bins. A pattern `p` of a class is a
//! set of copies that fits into one of its bins; `value_p` is what they are worth. The program
//! `max sum_p value_p y_p`, `sum_{p of c} y_p <= n_c`, `sum_p copies_ip y_p <= count_i`, `y >= 0` starts with the fillings that there
//! are, and takes in patterns that its prices ask for (column generation). Then it is rounded down, and solved again for what is left,
//! until every bin is filled.
//!
//! Caps, limits, balances and gangs are kept when the patterns are placed: copies that they forbid are left out, gangs that stay
//! incomplete are taken out, and what else fits is added by the constructive method. Only a better placement is taken.
//!
//! Source: P. C. Gilmore, R. E. Gomory, "A linear programming approach to the cutting-stock problem", Operations Research 9 (1961).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::construct::construct;
use super::improve::Random;
use super::knapsack::{Candidate, Filled, Free, fill};
use super::ladder::{Bounds, Run};
use super::tally::{Index, Stop, Tally};
use super::types::Assignment;
use super::worth::Worth;
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::solver::Limits;

/// Partial fillings kept while a pattern is searched for: first few, and when these find no more, many.
const WIDTHS: [usize; 2] = [48, 300];
/// Patterns taken from one search.
const PATTERNS: usize = 3;
/// Bins of a program that is solved in whole numbers, and the nodes of its search tree.
const WHOLE_BINS: usize = 40;
const NODES: i64 = 20;
/// Bins that are filled anew together, and how often that may fail in a row.
const BINS: usize = 40;
const IDLE_ROUNDS: usize = 8;
/// Rounds of taking in patterns.
const ROUNDS: usize = 60;
/// Prices are as good as they get when patterns promise less than this part of the value.
const PROMISE: f64 = 1e-4;

/// Improves a stage of the incumbent that values items: all bins anew, then some bins anew as long as that helps.
pub(super) fn improve(run: &mut Run<'_>, bounds: &Bounds<'_>, stage: usize) {
    let assignment = run.assignment;
    let has_devices = assignment.items.iter().any(|item| !item.devices.is_empty());
    if !has_devices || !run.options.solver.capabilities().row_duals {
        return;
    }
    let index = Index::new(assignment);
    let all: Vec<u32> = (0..assignment.bins.len() as u32).collect();
    let mut tally = Tally::new(assignment, &index, &run.incumbent);
    repack(run, &mut tally, stage, &all);
    let mut random = Random::new(run.options.seed, stage);
    let mut idle = 0;
    for _ in 0..run.options.neighborhoods {
        if idle >= IDLE_ROUNDS || bounds.is_met(run, stage) || run.must_stop() || !run.is_usable {
            break;
        }
        tally = Tally::new(assignment, &index, &run.incumbent);
        let bins = some_bins(&tally, &mut random);
        let is_better = repack(run, &mut tally, stage, &bins);
        idle = if is_better { 0 } else { idle + 1 };
    }
}

/// Half of them bins in which most is free, the others at random; ascending.
fn some_bins(tally: &Tally<'_>, random: &mut Random) -> Vec<u32> {
    let n_bins = tally.assignment.bins.len();
    let mut bins: Vec<u32> = (0..n_bins as u32).collect();
    let free = |bin: u32| tally.free_devices(bin).iter().flatten().sum::<i64>();
    bins.sort_by_key(|&bin| (-free(bin), bin));
    let emptiest = random.some(&bins[..n_bins.min(4 * BINS)], BINS / 2);
    let mut chosen = random.some(&bins, BINS - BINS / 2);
    chosen.extend(emptiest);
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Fills the bins anew; says whether the placement that comes out is better.
fn repack(run: &mut Run<'_>, tally: &mut Tally<'_>, stage: usize, bins: &[u32]) -> bool {
    let before = run.values.clone();
    let Some(mut program) = Program::new(tally, stage, bins) else {
        return false;
    };
    program.empty(tally);
    if !program.generate(run) {
        return false;
    }
    program.round(run, tally);
    remove_incomplete(tally, &program.items);
    let stop = Stop {
        deadline: run.options.deadline,
        cancel: run.options.cancel.clone(),
    };
    let placed = construct(tally.assignment, Some(&tally.placement()), &stop).placement;
    run.take(&placed);
    tally.assignment.compare(&run.values, &before).is_lt()
}

/// Takes out all copies of gangs that are neither complete nor absent, as far as the items may be moved.
fn remove_incomplete(tally: &mut Tally<'_>, items: &[u32]) {
    for &item in items {
        let gang = tally.index.gang_of[item as usize];
        if gang.is_some_and(|gang| !tally.gang_holds(gang)) {
            let bins: Vec<(u32, i64)> = tally.at[item as usize]
                .iter()
                .map(|(&bin, &copies)| (bin, copies))
                .collect();
            for (bin, copies) in bins {
                tally.change(item, bin, -copies);
            }
        }
    }
}

/// A class of bins.
struct Class {
    bins: Vec<u32>,
    free: Free,
    /// Positions in [`Program::items`] that may go there, with the value of a copy.
    items: Vec<(u32, f64)>,
}

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

struct Program<'a> {
    assignment: &'a Assignment,
    worth: Worth<'a>,
    /// Items that may be moved, ascending.
    items: Vec<u32>,
    /// Items without a value so far: they make room, and are added at the end.
    worthless: Vec<u32>,
    /// Copies of each that are not placed.
    counts: Vec<i64>,
    classes: Vec<Class>,
    patterns: Vec<Pattern>,
    known: BTreeSet<Pattern>,
    /// The bins to be filled anew, ascending.
    bins: Vec<u32>,
    prices: Prices,
}

impl<'a> Program<'a> {
    fn new(tally: &Tally<'a>, stage: usize, bins: &[u32]) -> Option<Self> {
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
        let is_worthless =
            |item: &u32| !is_fixed[*item as usize] && items.binary_search(item).is_err();
        let worthless = (0..assignment.items.len() as u32)
            .filter(is_worthless)
            .collect();
        Some(Self {
            assignment,
            worth,
            counts: Vec::new(),
            worthless,
            items,
            classes: Vec::new(),
            patterns: Vec::new(),
            known: BTreeSet::new(),
            bins: bins.to_vec(),
            prices: Prices::default(),
        })
    }

    /// Takes the items out of the bins, finds the classes of bins, and takes in the fillings that there were.
    fn empty(&mut self, tally: &mut Tally<'a>) {
        let mut current: Vec<(u32, u32, i64)> = Vec::new();
        for &bin in &self.bins {
            let is_free = |item: &&u32| {
                self.items.binary_search(item).is_ok() || self.worthless.binary_search(item).is_ok()
            };
            let inside = tally.inside[bin as usize].iter().filter(is_free);
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
        let class_of = self.find_classes(tally);
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
            self.add(Pattern {
                class: class_of[&bin],
                copies,
            });
        }
    }

    /// Fills `classes`; the class of each bin.
    fn find_classes(&mut self, tally: &Tally<'a>) -> BTreeMap<u32, usize> {
        let assignment = self.assignment;
        let mut sets: BTreeMap<&[u32], u32> = BTreeMap::new();
        let mut fits: Vec<Vec<u32>> = vec![Vec::new(); assignment.bins.len()];
        for &item in &self.items {
            let next = sets.len() as u32;
            let eligible = assignment.items[item as usize].eligible.as_slice();
            if *sets.entry(eligible).or_insert(next) == next {
                for &bin in eligible {
                    fits[bin as usize].push(next);
                }
            }
        }
        let mut known = BTreeMap::new();
        let mut class_of = BTreeMap::new();
        for &bin in &self.bins {
            let free = Free::new(tally.free(bin), tally.free_devices(bin));
            let value_class = match self.worth {
                Worth::Flat(_) => 0,
                Worth::ByClass(by_class) => by_class.class_of[bin as usize],
            };
            let key = (free, fits[bin as usize].clone(), value_class);
            let class = *known.entry(key).or_insert_with_key(|key| {
                self.classes.push(Class {
                    bins: Vec::new(),
                    free: key.0.clone(),
                    items: Vec::new(),
                });
                self.classes.len() - 1
            });
            self.classes[class].bins.push(bin);
            class_of.insert(bin, class);
        }
        for class in &mut self.classes {
            let bin = class.bins[0];
            class.items = (0_u32..)
                .zip(&self.items)
                .filter(|&(_, &item)| assignment.is_eligible(item, bin))
                .map(|(position, &item)| (position, self.worth.of(item, bin) as f64))
                .filter(|&(_, value)| value > 0.0)
                .collect();
        }
        class_of
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

    /// Takes in patterns until no more are worth much; says whether there are prices.
    fn generate(&mut self, run: &mut Run<'_>) -> bool {
        for width in WIDTHS {
            for _ in 0..ROUNDS {
                let Some((value, _)) = self.solve(run) else {
                    return false;
                };
                if self.price(width) <= PROMISE * value || run.must_stop() {
                    break;
                }
            }
        }
        true
    }

    /// Solves the linear program of the patterns that there are: its value, and how often each pattern is used.
    fn solve(&mut self, run: &mut Run<'_>) -> Option<(f64, Vec<(usize, f64)>)> {
        let (program, columns) = self.program(ColumnKind::Continuous);
        let limits = Limits {
            time: run.time().ok()?.map(|time| time / 2),
            seed: run.options.seed,
            cancel: run.options.cancel.clone(),
            ..Limits::default()
        };
        let outcome = match solve_guarded(&run.options.solver, &Arc::new(program), &limits) {
            Ok(outcome) => outcome,
            Err(error) => {
                run.fail("patterns", &error);
                return None;
            }
        };
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
        let outcome = run.call(&Arc::new(program), start, NODES, TIME_SHARE);
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
        fill(&class.free, candidates.collect(), width, n_answers)
    }

    /// Fills all bins with whole numbers of patterns: rounded down, then what is left by its own program.
    fn round(&mut self, run: &mut Run<'_>, tally: &mut Tally<'_>) {
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
                    tally.change(item, bin, 1);
                    self.counts[position as usize] -= 1;
                }
            }
        }
    }
}
