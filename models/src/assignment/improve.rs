//! Improving a placement that is too large to be solved whole: local moves, then exact solves of neighborhoods.
//!
//! A neighborhood is a handful of bins with everything in them, chosen around what keeps the stage from its bound: copies without a
//! place, the worst group of a term, a bin that could be closed. Its optimum replaces what is there if that is lexicographically better.

pub(super) mod ejections;
mod fragments;
mod peaks;
mod spans;
mod tolls;
mod traffic;
mod utility;

use self::fragments::move_fragments;
use self::spans::leave_a_group;
use self::traffic::move_traffic;
use super::bound::Room;
use super::evaluate::TIE;
use super::ladder::{Bounds, Run};
use super::neighborhood::Neighborhood;
use super::placement::Placement;
use super::tally::{Index, Rule, Tally};
use super::types::{Objective, Term};
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

    /// Empties bins into other open ones, those with the fewest copies first, where no earlier stage suffers.
    fn close_bins(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        costs: &[i64],
        looks: &mut usize,
    ) -> bool {
        let mut open: Vec<(i64, u32)> = (0_u32..)
            .zip(tally.load.iter().zip(costs))
            .filter(|&(_, (&load, &cost))| load > 0 && cost > 0)
            .map(|(bin, (&load, _))| (load, bin))
            .collect();
        open.sort_unstable();
        let mut closed = false;
        for (_, bin) in open {
            if *looks == 0 || run.must_stop() {
                break;
            }
            closed |= close_bin(tally, self.stage, bin, looks);
        }
        closed
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

    /// An item with copies to place (or its gang), and bins where there is nearly room for it.
    fn around_unplaced(
        &mut self,
        tally: &Tally<'_>,
        terms: &[Term],
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let is_wanted = |term: &&Term| {
            let item = &tally.assignment.items[term.item as usize];
            term.value > 0 && tally.remaining(term.item) > 0 && !item.eligible.is_empty()
        };
        let wanted: Vec<u32> = terms
            .iter()
            .filter(is_wanted)
            .map(|term| term.item)
            .collect();
        let item = *self.random.pick(&wanted)?;
        let items = match tally.index.gang_of[item as usize] {
            Some(gang) => tally.assignment.gangs[gang as usize].items.clone(),
            None => vec![item],
        };
        let of_item = &tally.assignment.items[item as usize];
        let nearly = |bin: u32| {
            let shares = tally.free(bin).iter().zip(&of_item.demand);
            (shares.filter(|&(_, &demand)| demand > 0))
                .map(|(&free, &demand)| free as f64 / demand as f64)
                .fold(1.0, f64::min)
        };
        let mut by_room: Vec<(f64, u32)> = of_item
            .eligible
            .iter()
            .map(|&bin| (nearly(bin), bin))
            .collect();
        by_room.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let nearest: Vec<u32> = by_room.iter().take(4 * BINS).map(|&(_, bin)| bin).collect();
        let mut bins = self.random.some(&nearest, BINS * 2 / 3);
        self.add_random(&of_item.eligible, &mut bins);
        Some((items, bins))
    }

    /// Bins of a worst group, and bins of groups with few copies.
    fn around_worst(&mut self, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let rule = *self.random.pick(&self.excessive(tally))?;
        let packing = tally.index.rules[rule as usize].packing(tally.assignment);
        let counts = &tally.counts[rule as usize];
        let of_item = |&item: &u32| tally.at[item as usize].keys().copied();
        let is_worst = |&bin: &u32| {
            tally
                .group(rule, bin)
                .is_some_and(|group| counts.counts[group] == counts.most.0)
        };
        let worst: Vec<u32> = packing
            .items
            .iter()
            .flat_map(of_item)
            .filter(is_worst)
            .collect();
        let first = *self.random.pick(&worst)?;
        let group = tally.group(rule, first);
        let same: Vec<u32> = worst
            .iter()
            .copied()
            .filter(|&bin| tally.group(rule, bin) == group)
            .collect();
        let mut bins = self.random.some(&same, BINS / 4 + 1);
        let item = *self.random.pick(&packing.items)?;
        let eligible = &tally.assignment.items[item as usize].eligible;
        let count = |bin: u32| {
            tally
                .group(rule, bin)
                .map_or(0, |group| counts.counts[group])
        };
        let lower: Vec<u32> = (eligible.iter().copied())
            .filter(|&bin| count(bin) + 1 < counts.most.0)
            .collect();
        for bin in self.random.some(&lower, BINS / 2) {
            if !bins.contains(&bin) {
                bins.push(bin);
            }
        }
        self.add_random(eligible, &mut bins);
        Some((packing.items.to_vec(), bins))
    }

    /// An open bin that holds little, and other open bins.
    fn around_open(&mut self, tally: &Tally<'_>, costs: &[i64]) -> Option<(Vec<u32>, Vec<u32>)> {
        let mut open: Vec<(i64, u32)> = (0_u32..)
            .zip(tally.load.iter().zip(costs))
            .filter(|&(_, (&load, &cost))| load > 0 && cost > 0)
            .map(|(bin, (&load, _))| (load, bin))
            .collect();
        open.sort_unstable();
        let smallest: Vec<u32> = open.iter().take(BINS).map(|&(_, bin)| bin).collect();
        let first = *self.random.pick(&smallest)?;
        let mut bins = vec![first];
        let used: Vec<u32> = (0_u32..)
            .zip(&tally.load)
            .filter(|&(_, &load)| load > 0)
            .map(|(bin, _)| bin)
            .collect();
        self.add_random(&used, &mut bins);
        Some((Vec::new(), bins))
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

/// Empties a bin, or leaves everything as it is.
fn close_bin(tally: &mut Tally<'_>, stage: usize, bin: u32, looks: &mut usize) -> bool {
    let mut moved: Vec<(u32, u32)> = Vec::new();
    let copies = inside(tally, &[bin]).into_iter().flat_map(|item| {
        let n = tally.at[item as usize][&bin] as usize;
        std::iter::repeat_n(item, n)
    });
    for item in copies.collect::<Vec<u32>>() {
        *looks = looks.saturating_sub(tally.assignment.items[item as usize].eligible.len());
        match move_to_open(tally, stage, item, bin) {
            Some(to) => moved.push((item, to)),
            None => {
                for &(item, to) in moved.iter().rev() {
                    tally.change(item, to, -1);
                    tally.change(item, bin, 1);
                }
                return false;
            }
        }
    }
    true
}

/// Moves one copy to the tightest open bin where it raises least; no stage before `stage` may suffer.
fn move_to_open(tally: &mut Tally<'_>, stage: usize, item: u32, from: u32) -> Option<u32> {
    tally.change(item, from, -1);
    let eligible = &tally.assignment.items[item as usize].eligible;
    let target = (eligible.iter().copied())
        .filter(|&bin| bin != from && tally.load[bin as usize] > 0 && tally.room(item, bin) > 0)
        .min_by_key(|&bin| {
            let free = tally.free(bin).iter().sum::<i64>();
            (raised(tally, item, bin).0, free, bin)
        });
    tally.change(item, from, 1);
    if let Some(to) = target {
        let before = touched(tally, item, from, to);
        tally.change(item, from, -1);
        tally.change(item, to, 1);
        let after = touched(tally, item, from, to);
        let suffers = (tally.assignment.stages[..stage]
            .iter()
            .zip(after.iter().zip(&before)))
        .any(|(stage, (&after, &before))| stage.objective.sense().is_better(before, after, TIE));
        if !suffers && tally.holds(item) {
            return Some(to);
        }
        tally.change(item, to, -1);
        tally.change(item, from, 1);
    }
    None
}

/// How many worst groups one more copy in the bin raises, and the sum of its groups' counts.
fn raised(tally: &Tally<'_>, item: u32, bin: u32) -> (i64, i64) {
    let mut raised = 0;
    let mut sum = 0;
    for &rule in &tally.index.rules_of[item as usize] {
        if let Some(group) = tally.group(rule, bin) {
            let counts = &tally.counts[rule as usize];
            let is_term = matches!(
                tally.index.rules[rule as usize],
                Rule::Loss(..) | Rule::Survival(..)
            );
            if let Rule::Span(..) = tally.index.rules[rule as usize] {
                raised += i64::from(counts.counts[group] == 0);
                continue;
            }
            raised += i64::from(is_term && counts.counts[group] == counts.most.0);
            sum += counts.counts[group];
        }
    }
    (raised, sum)
}

/// Items with copies in any of the bins, ascending.
fn inside(tally: &Tally<'_>, bins: &[u32]) -> Vec<u32> {
    let of_bins = bins.iter().flat_map(|&bin| &tally.inside[bin as usize]);
    let mut items: Vec<u32> = of_bins.copied().collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// Places copies that have no room by moving others, the most valuable first.
fn place_more(run: &mut Run<'_>, tally: &mut Tally<'_>, terms: &[Term], looks: &mut usize) -> bool {
    let mut wanted: Vec<(i64, u32)> = (terms.iter())
        .filter(|term| term.value > 0 && tally.remaining(term.item) > 0)
        .filter(|term| {
            let gang = tally.index.gang_of[term.item as usize];
            gang.is_none_or(|gang| tally.gangs[gang as usize] > 0)
        })
        .map(|term| (-term.value, term.item))
        .collect();
    wanted.sort_unstable();
    let mut placed = false;
    for (_, item) in wanted {
        while tally.remaining(item) > 0 && !run.must_stop() && place_by_moving(tally, item, looks) {
            placed = true;
        }
    }
    placed
}

/// Makes room for one more copy of the item by moving a copy of another item elsewhere.
fn place_by_moving(tally: &mut Tally<'_>, item: u32, looks: &mut usize) -> bool {
    let assignment = tally.assignment;
    for &bin in assignment.items[item as usize].eligible.iter() {
        for other in inside(tally, &[bin]) {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            if other == item || !frees_enough(tally, item, other, bin) {
                continue;
            }
            let tightest = |tally: &Tally<'_>| {
                let eligible = &assignment.items[other as usize].eligible;
                *looks = looks.saturating_sub(eligible.len());
                (eligible.iter().copied())
                    .filter(|&to| to != bin && tally.room(other, to) > 0)
                    .min_by_key(|&to| (tally.free(to).iter().sum::<i64>(), to))
            };
            if give_way(tally, (item, bin), (other, bin), tightest) {
                return true;
            }
        }
    }
    false
}

/// Puts a copy of the item into the bin, and one of another (with its bin) that is in the way into the bin that `target` names with
/// the copy in place; or leaves everything as it is.
fn give_way(
    tally: &mut Tally<'_>,
    (item, bin): (u32, u32),
    (other, from): (u32, u32),
    target: impl FnOnce(&Tally<'_>) -> Option<u32>,
) -> bool {
    tally.change(other, from, -1);
    if tally.room(item, bin) > 0 {
        tally.change(item, bin, 1);
        if let Some(to) = target(tally) {
            tally.change(other, to, 1);
            if tally.holds(other) && tally.holds(item) {
                return true;
            }
            tally.change(other, to, -1);
        }
        tally.change(item, bin, -1);
    }
    tally.change(other, from, 1);
    false
}

/// Whether the bin's capacity is enough for the item once a copy of the other is gone.
fn frees_enough(tally: &Tally<'_>, item: u32, other: u32, bin: u32) -> bool {
    let items = &tally.assignment.items;
    let demands = (items[item as usize].demand.iter()).zip(&items[other as usize].demand);
    // Whether the devices are enough is seen when the copy is gone.
    (tally.free(bin).iter().zip(demands))
        .all(|(&free, (&wanted, &freed))| wanted == 0 || free + freed >= wanted)
}

/// Moves one copy out of a worst group of the rule, if that helps the rule and harms no earlier or equal stage.
fn lower(tally: &mut Tally<'_>, rule: u32, looks: &mut usize) -> bool {
    let packing = tally.index.rules[rule as usize].packing(tally.assignment);
    let counts = &tally.counts[rule as usize];
    let most = counts.most.0;
    let is_worst = |bin: u32| {
        tally
            .group(rule, bin)
            .is_some_and(|group| counts.counts[group] == most)
    };
    let mut sources: Vec<(u32, u32)> = Vec::new();
    for &item in packing.items.iter() {
        let bins = tally.at[item as usize].keys().copied();
        sources.extend(bins.filter(|&bin| is_worst(bin)).map(|bin| (item, bin)));
    }
    sources
        .into_iter()
        .any(|(item, from)| move_one(tally, rule, item, from, looks))
}

/// Moves a copy of the item out of the bin to the best other one, if the result is better.
fn move_one(tally: &mut Tally<'_>, rule: u32, item: u32, from: u32, looks: &mut usize) -> bool {
    let n_worst = tally.counts[rule as usize].most;
    tally.change(item, from, -1);
    let target = best_target(tally, rule, item, from, n_worst.0, looks);
    tally.change(item, from, 1);
    let Some(to) = target else {
        return false;
    };
    let before = touched(tally, item, from, to);
    tally.change(item, from, -1);
    tally.change(item, to, 1);
    let after = touched(tally, item, from, to);
    let order = tally.assignment.compare(&after, &before);
    let helps = order.is_lt() || (order.is_eq() && tally.counts[rule as usize].most < n_worst);
    if helps && tally.holds(item) {
        return true;
    }
    tally.change(item, to, -1);
    tally.change(item, from, 1);
    false
}

/// Moves a copy if the result is better.
fn move_if_better(tally: &mut Tally<'_>, item: u32, from: u32, to: u32) -> bool {
    let before = touched(tally, item, from, to);
    tally.change(item, from, -1);
    tally.change(item, to, 1);
    let after = touched(tally, item, from, to);
    if tally.assignment.compare(&after, &before).is_lt() && tally.holds(item) {
        return true;
    }
    tally.change(item, to, -1);
    tally.change(item, from, 1);
    false
}

/// Exchanges a copy (an item and its bin) with one of another item, if the two may be and the result is wanted, by how its stages
/// compare with those before.
fn exchange_if(
    tally: &mut Tally<'_>,
    left: (u32, u32),
    right: (u32, u32),
    is_wanted: impl Fn(&Tally<'_>, std::cmp::Ordering) -> bool,
) -> bool {
    let value = |tally: &Tally<'_>| touched_by(tally, &[left.0, right.0], left.1, right.1);
    let before = value(tally);
    tally.change(left.0, left.1, -1);
    tally.change(right.0, right.1, -1);
    if tally.room(left.0, right.1) > 0 {
        tally.change(left.0, right.1, 1);
        if tally.room(right.0, left.1) > 0 {
            tally.change(right.0, left.1, 1);
            let order = tally.assignment.compare(&value(tally), &before);
            if is_wanted(tally, order) && tally.holds(left.0) && tally.holds(right.0) {
                return true;
            }
            tally.change(right.0, left.1, -1);
        }
        tally.change(left.0, right.1, -1);
    }
    tally.change(right.0, right.1, 1);
    tally.change(left.0, left.1, 1);
    false
}

/// The bin that raises least when it takes the copy; its group has room below the worst.
fn best_target(
    tally: &Tally<'_>,
    rule: u32,
    item: u32,
    from: u32,
    most: i64,
    looks: &mut usize,
) -> Option<u32> {
    let eligible = &tally.assignment.items[item as usize].eligible;
    *looks = looks.saturating_sub(eligible.len());
    let counts = &tally.counts[rule as usize].counts;
    (eligible.iter().copied())
        .filter(|&bin| bin != from)
        .filter(|&bin| {
            tally
                .group(rule, bin)
                .is_none_or(|group| counts[group] + 1 < most)
        })
        .filter(|&bin| tally.room(item, bin) > 0)
        .min_by_key(|&bin| (raised(tally, item, bin), bin))
}

/// By stage: the part of its value that moving a copy between the bins can change.
fn touched(tally: &Tally<'_>, item: u32, from: u32, to: u32) -> Vec<f64> {
    touched_by(tally, &[item], from, to)
}

/// The same for copies of several items.
fn touched_by(tally: &Tally<'_>, items: &[u32], from: u32, to: u32) -> Vec<f64> {
    let mut values: Vec<f64> = (tally.assignment.stages.iter())
        .map(|stage| match &stage.objective {
            Objective::Opened(costs) => {
                let cost = |bin: u32| {
                    let is_open = tally.load[bin as usize] > 0;
                    if is_open { costs[bin as usize] } else { 0 }
                };
                (cost(from) + cost(to)) as f64
            }
            Objective::Peak(peak) => tally.peak(peak),
            Objective::Fragmentation(probes) => {
                let bins = [from, to].map(|bin| tally.fragmentation(probes, bin));
                bins.iter().sum::<i128>() as f64
            }
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                let value = |item: u32, bin: u32| {
                    let copies = tally.at[item as usize].get(&bin).copied().unwrap_or(0);
                    by_class.of(item, bin) as f64 * copies as f64
                };
                let of_item = |&item: &u32| value(item, from) + value(item, to);
                items.iter().map(of_item).sum()
            }
            _ => 0.0,
        })
        .collect();
    let rules_of = |item: &u32| tally.index.rules_of[*item as usize].iter().copied();
    let mut rules: Vec<u32> = items.iter().flat_map(rules_of).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        if let Rule::Loss(stage, _) | Rule::Survival(stage, _) | Rule::Span(stage, _) =
            tally.index.rules[rule as usize]
        {
            values[stage] += tally.term_value(rule);
        }
        if let Rule::End(stage, ..) = tally.index.rules[rule as usize] {
            let mut groups = [tally.group(rule, from), tally.group(rule, to)];
            if groups[0] == groups[1] {
                groups[1] = None;
            }
            let exchanged = groups.into_iter().flatten();
            let exchanged = exchanged.map(|group| tally.exchanged(rule, group));
            values[stage] -= exchanged.sum::<f64>();
        }
    }
    values
}

/// Xorshift: the same numbers for the same seed on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, stage: usize) -> Self {
        let mixed = seed
            .wrapping_add(1 + stage as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(mixed.max(1))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit as u64) as usize
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }

    /// Some entries, at most `n`, in random order.
    pub(super) fn some(&mut self, list: &[u32], n: usize) -> Vec<u32> {
        let mut some = Vec::new();
        for _ in 0..n {
            if let Some(&entry) = self.pick(list)
                && !some.contains(&entry)
            {
                some.push(entry);
            }
        }
        some
    }
}
