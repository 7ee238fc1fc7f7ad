//! Improving a placement that is too large to be solved whole: local moves, then exact solves of neighborhoods.
//!
//! A neighborhood is a handful of bins with everything in them, chosen around what keeps the stage from its bound: copies without a
//! place, the worst group of a term, a bin that could be closed. Its optimum replaces what is there if that is lexicographically better.
pub(super) mod ejections;
mod fragments;
mod moves;
mod opened;
mod peaks;
mod random;
mod spans;
mod tolls;
mod traffic;
mod unplaced;
mod utility;
mod worst;

use self::fragments::move_fragments;
pub(super) use self::random::Random;
use self::spans::leave_a_group;
use self::traffic::move_traffic;
use self::unplaced::place_more;
use self::worst::lower;
use super::bound::Room;
use super::evaluate::TIE;
use super::ladder::{Bounds, Run};
use super::neighborhood::Neighborhood;
use super::placement::Placement;
use super::tally::{Index, Rule, Tally};
use super::types::Objective;
use super::worth::Worth;

/// Neighborhoods in a row that may fail before a stage is given up.
const IDLE_ROUNDS: usize = 8;
/// Bins that a local move looks at, for each move that is allowed.
const LOOKS_PER_MOVE: usize = 2_000;
/// Bins of a neighborhood.
const BINS: usize = 10;

/// Improves a stage of the incumbent.
pub(super) fn improve(run: &mut Run<'_>, bounds: &Bounds<'_>, stage: usize) {
    let assignment = run.assignment;
    let index = Index::new(assignment);
    let mut tally = Tally::new(assignment, &index, &run.incumbent);
    let mut search = Search {
        stage,
        targets: targets(&tally, bounds.room, stage, &run.values),
        random: Random::new(run.options.seed, stage),
    };
    if search.move_copies(run, &mut tally) {
        run.take(&tally.placement());
    }
    let mut idle = 0;
    for _ in 0..run.options.neighborhoods {
        if idle >= IDLE_ROUNDS || !run.is_usable || bounds.is_met(run, stage) || run.must_stop() {
            break;
        }
        let Some((items, bins)) = search.choose(run, &tally) else {
            break;
        };
        let part = Neighborhood::cut(&tally, &items, &bins);
        match solve_part(run, &part, stage) {
            Some(better) => {
                let before = run.values.clone();
                part.replace(&mut tally, &part.current, &better);
                run.take(&tally.placement());
                if assignment.compare(&run.values, &before).is_lt() {
                    idle = 0;
                } else {
                    // Copies that stay may have got other devices than the part took them to have.
                    part.replace(&mut tally, &better, &part.current);
                    idle += 1;
                }
            }
            None => idle += 1,
        }
    }
}

/// A better placement of a part, if one is found.
fn solve_part(run: &mut Run<'_>, part: &Neighborhood, stage: usize) -> Option<Placement> {
    let before = part.assignment.values(&part.current);
    let better = solve_stage(run, part, stage, &part.current, &before)?;
    let mut best = better;
    for later in stage + 1..before.len() {
        let values = part.assignment.values(&best);
        let sense = part.assignment.stages[later].objective.sense();
        if sense.is_better(before[later], values[later], TIE)
            && let Some(repaired) = solve_stage(run, part, later, &best, &values)
        {
            best = repaired;
        }
    }
    Some(best)
}

/// A placement of the part that is lexicographically better than `current`, by the program of one stage.
fn solve_stage(
    run: &mut Run<'_>,
    part: &Neighborhood,
    stage: usize,
    current: &Placement,
    values: &[f64],
) -> Option<Placement> {
    const TIME_SHARE: u32 = 2;
    let model = part.assignment.to_milp_with(stage, values, &part.forced);
    let start = model.encode(&part.assignment, current);
    let outcome = run.call(
        &model.milp,
        Some(start),
        Some(run.options.neighborhood_nodes),
        TIME_SHARE,
    )?;
    let placement = model.decode(&outcome.solution?);
    if let Some(fault) = part.faults(&placement).first() {
        run.failures
            .push(format!("{}: wrong answer: {fault}", model.milp.name));
        return None;
    }
    let order = (part.assignment).compare(&part.assignment.values(&placement), values);
    order.is_lt().then_some(placement)
}

/// By rule: the worst count that is as good as can be, for the rules of the stage.
fn targets(tally: &Tally<'_>, room: &Room<'_>, stage: usize, reached: &[f64]) -> Vec<(u32, i64)> {
    (0_u32..)
        .zip(&tally.index.rules)
        .filter_map(|(position, &rule)| match rule {
            Rule::Loss(of_stage, _) if of_stage == stage => {
                let packing = rule.packing(room.assignment);
                Some((position, room.least_worst(packing, stage, reached)))
            }
            Rule::Survival(of_stage, _) if of_stage == stage => Some((position, 0)),
            Rule::Span(of_stage, _) if of_stage == stage => {
                let packing = rule.packing(room.assignment);
                let fewest = room.fewest_groups(packing, stage, reached);
                Some((position, fewest as i64))
            }
            _ => None,
        })
        .collect()
}

struct Search {
    stage: usize,
    targets: Vec<(u32, i64)>,
    random: Random,
}

impl Search {
    /// Rules that may still be improved.
    fn excessive(&self, tally: &Tally<'_>) -> Vec<u32> {
        let is_excessive = |&&(rule, target): &&(u32, i64)| {
            excess(tally, rule) > target && tally.term_value(rule) > 0.0
        };
        self.targets
            .iter()
            .filter(is_excessive)
            .map(|&(rule, _)| rule)
            .collect()
    }

    /// Moves single copies out of worst groups, or out of bins that could be closed, as long as that helps.
    fn move_copies(&self, run: &mut Run<'_>, tally: &mut Tally<'_>) -> bool {
        let mut looks = run.options.moves * LOOKS_PER_MOVE;
        if let Objective::Opened(costs) = &tally.assignment.stages[self.stage].objective {
            return self.close_bins(run, tally, costs, &mut looks);
        }
        if let Objective::Utility(curves) = &tally.assignment.stages[self.stage].objective {
            return self.raise_utility(run, tally, curves, &mut looks);
        }
        if let Objective::Fragmentation(probes) = &tally.assignment.stages[self.stage].objective {
            return move_fragments(run, tally, probes, &mut looks);
        }
        if let Objective::Traffic(_) = &tally.assignment.stages[self.stage].objective {
            return move_traffic(run, tally, &mut looks);
        }
        if let Some(worth) = tally.assignment.stages[self.stage].objective.worth() {
            let terms = worth.best(tally.assignment);
            let placed = place_more(run, tally, &terms, &mut looks);
            let raised =
                matches!(worth, Worth::ByClass(_)) && self.lower_tolls(run, tally, &mut looks);
            return placed || raised;
        }
        match &tally.assignment.stages[self.stage].objective {
            Objective::Cost(_) => return self.lower_tolls(run, tally, &mut looks),
            Objective::Peak(peak) => return self.lower_peak(run, tally, peak, &mut looks),
            _ => {}
        }
        let mut moved = false;
        for rule in self.excessive(tally) {
            let target = self.targets.iter().find(|target| target.0 == rule);
            let target = target.expect("excessive rules have targets").1;
            let is_span = matches!(tally.index.rules[rule as usize], Rule::Span(..));
            let improve = if is_span { leave_a_group } else { lower };
            while excess(tally, rule) > target && looks > 0 {
                if run.must_stop() || !improve(tally, rule, &mut looks) {
                    break;
                }
                moved = true;
            }
        }
        moved
    }

    /// Items and bins of the next neighborhood, ascending; `None` when there is nothing to improve.
    fn choose(&mut self, run: &Run<'_>, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let (mut items, mut bins) = match &tally.assignment.stages[self.stage].objective {
            Objective::Value(terms) => self.around_unplaced(tally, terms),
            Objective::Yield(by_class) => {
                let terms = Worth::ByClass(by_class).best(tally.assignment);
                if self.random.below(2) == 0 {
                    (self.around_unplaced(tally, &terms)).or_else(|| self.around_toll(tally))
                } else {
                    (self.around_toll(tally)).or_else(|| self.around_unplaced(tally, &terms))
                }
            }
            Objective::Utility(curves) => {
                self.around_unplaced(tally, &utility::worth_most(tally, curves))
            }
            Objective::Cost(_) => self.around_toll(tally),
            Objective::Peak(peak) => self.around_peak(tally, peak),
            Objective::Shortfall(_) | Objective::WorstShare(_) => self.around_worst(tally),
            Objective::Span(_) => self.around_span(tally),
            Objective::Traffic(_) => self.around_traffic(tally),
            Objective::Fragmentation(probes) => self.around_fragments(tally, probes),
            Objective::Opened(costs) => self.around_open(tally, costs),
        }?;
        // What is worst may be nowhere that anything could come to.
        if bins.is_empty() {
            return None;
        }
        let n_columns = run.part_columns();
        loop {
            let mut all = items.clone();
            all.extend(inside(tally, &bins));
            all.sort_unstable();
            all.dedup();
            if all.len() * bins.len() <= n_columns || bins.len() <= 2 {
                all.truncate((n_columns / bins.len()).max(1));
                items = all;
                break;
            }
            bins.pop();
        }
        bins.sort_unstable();
        Some((items, bins))
    }

    /// Fills up with random bins.
    fn add_random(&mut self, from: &[u32], bins: &mut Vec<u32>) {
        for bin in self.random.some(from, BINS) {
            if bins.len() < BINS && !bins.contains(&bin) {
                bins.push(bin);
            }
        }
    }
}

/// What a rule's target is compared with: its worst count, or how many groups it uses.
fn excess(tally: &Tally<'_>, rule: u32) -> i64 {
    let counts = &tally.counts[rule as usize];
    match tally.index.rules[rule as usize] {
        Rule::Span(..) => counts.n_used as i64,
        _ => counts.most.0,
    }
}

/// Items with copies in any of the bins, ascending.
fn inside(tally: &Tally<'_>, bins: &[u32]) -> Vec<u32> {
    let of_bins = bins.iter().flat_map(|&bin| &tally.inside[bin as usize]);
    let mut items: Vec<u32> = of_bins.copied().collect();
    items.sort_unstable();
    items.dedup();
    items
}
