//! The least first, then the next: levels, each of them linear programs.
//!
//! # Model
//! A level is the largest `t` such that everybody who is not settled yet has `u_p >= min(t a_p, U_p)`, `U_p` being the most that
//! `p` could have alone, while whoever is settled keeps what it has. With the set of those who have all their `U_p` fixed,
//! that is one linear program in which `t` is a column of its own. Settled are then whoever has all it could, whoever's row has
//! a positive multiplier (it cannot have more than `t a_p`), and whoever's floor has one (it has its floor, and no more).
//!
//! # Method
//! With few members nobody is fixed, and a level ends where the first is satiated. With many, whose satiations would be a level
//! each, the set is searched for: for a guess `g` of the level, the program with `t min(g a_p, U_p) / g` in the place of
//! `min(t a_p, U_p)`, which is never more for `t <= g`, gives a `t` that is no less than the level if it is below `g`. Two such guesses and
//! the secant of what they ask for give a third that is close, and mostly below; halving what is left of the interval ends it.

use apportion_models::welfare::{
    Block, Common, Objective, Problem, Settings, Solution, Status, solve_until,
};

use super::super::share::ACCURACY;
use super::fluid::Course;

/// Members up to which every satiation is a level of its own.
const FEW_MEMBERS: usize = 250;
/// With few members, money of a level's row above this part of the most settles its member.
const POSITIVE: f64 = 1e-7;
/// Accuracy of levels where there are many members.
const MANY: Settings = Settings {
    tolerance: 1e-7,
    max_iterations: 100,
};
/// Programs after which a level is what is known to be reached.
const MOST_PROGRAMS: usize = 16;
/// Changes of course for each member, after which it is kept.
const MOST_TURNS: usize = 8;
/// How close to the level is close enough, relatively.
const CLOSE: f64 = 1e-6;
/// How far below its level whoever is settled may fall, relatively: with few members, and with many.
const SLACK: (f64, f64) = (1e-10, 1e-7);

/// What is to be divided: the members' blocks come first among the problem's.
pub(super) struct Leximin<'a> {
    pub problem: &'a Problem,
    /// Of each block and column.
    pub values: &'a [Vec<f64>],
    /// Of each member: equal are `values . x / scale`.
    pub scales: &'a [f64],
    /// The most value of each member alone; infinite where nobody looked.
    pub most: &'a [f64],
    /// Own row of each member's floor.
    pub floor_rows: Option<Vec<usize>>,
}

/// A solved level.
struct Level {
    t: f64,
    solution: Solution,
    /// The multiplier of each member's row.
    prices: Vec<f64>,
}

impl Leximin<'_> {
    /// Amounts by block and column.
    pub fn solve(&self, stop: &dyn Fn() -> bool) -> Vec<Vec<f64>> {
        let blocks = self.problem.blocks().iter();
        let mut best: Vec<Vec<f64>> = blocks.map(|block| vec![0.0; block.columns()]).collect();
        let mut settled: Vec<Option<f64>> = vec![None; self.scales.len()];
        while settled.contains(&None) && !stop() {
            let level = if self.is_large() {
                let Some((satiated, level)) = self.search(&settled, stop) else {
                    break;
                };
                self.settle(&mut settled, &satiated, &level);
                level
            } else {
                let level = self.level(&settled, &settled, stop);
                self.settle_few(&mut settled, &level);
                level
            };
            best = level.solution.x;
        }
        best
    }

    /// Amounts by block and column where members rise as `course` says of what they have reached, who can have more, and what they
    /// take; scales and the most of each are not looked at.
    pub fn follow(
        &self,
        stop: &dyn Fn() -> bool,
        course: impl Fn(&[f64], &[bool], &[Vec<f64>]) -> Course,
    ) -> Vec<Vec<f64>> {
        let blocks = self.problem.blocks().iter();
        let mut x: Vec<Vec<f64>> = blocks.map(|block| vec![0.0; block.columns()]).collect();
        let n_members = self.scales.len();
        let mut reached = vec![0.0; n_members];
        // Of nothing there is never more.
        let is_something = |values: &Vec<f64>| values.iter().any(|value| *value > 0.0);
        let mut open: Vec<bool> = self.values[..n_members].iter().map(is_something).collect();
        let mut turns = MOST_TURNS * n_members;
        while open.contains(&true) && !stop() {
            let mut course = course(&reached, &open, &x);
            if turns == 0 {
                course.until = f64::INFINITY;
            }
            let asks = reached.iter().zip(&course.rates).map(|(&from, &rate)| {
                let from = from * (1.0 - SLACK.0);
                match rate > 0.0 {
                    true => Ask::Rise { from, rate },
                    false => Ask::Keep(from),
                }
            });
            let level = self.program(&asks.collect::<Vec<_>>(), course.until, stop);
            for (reached, rate) in reached.iter_mut().zip(&course.rates) {
                *reached += level.t.max(0.0) * rate;
            }
            if level.t < course.until * (1.0 - CLOSE) {
                for member in self.bound(&level, &course.rates) {
                    open[member] = false;
                }
            } else {
                turns -= 1;
            }
            x = level.solution.x;
        }
        x
    }

    fn is_large(&self) -> bool {
        self.scales.len() > FEW_MEMBERS && self.most.iter().all(|most| most.is_finite())
    }

    fn utility(&self, member: usize, x: &[Vec<f64>]) -> f64 {
        self.values[member]
            .iter()
            .zip(&x[member])
            .map(|(value, x)| value * x)
            .sum()
    }

    /// Settles whoever has a positive multiplier; the multipliers of a level add up to 1.
    fn settle_few(&self, settled: &mut [Option<f64>], level: &Level) {
        let rates = settled.iter().zip(self.scales);
        let rates = rates.map(|(settled, &scale)| settled.map_or(scale, |_| 0.0));
        let rates: Vec<f64> = rates.collect();
        for member in self.bound(level, &rates) {
            settled[member] = Some(level.t * self.scales[member]);
        }
    }

    /// Of those who rise, whoever has a positive multiplier; at least one.
    fn bound(&self, level: &Level, rates: &[f64]) -> Vec<usize> {
        let rising = (0..rates.len()).filter(|&member| rates[member] > 0.0);
        let mut rising: Vec<(f64, usize)> = rising
            .map(|member| (level.prices[member] * rates[member], member))
            .collect();
        rising.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let largest = rising.first().map_or(0.0, |first| first.0);
        let is_bound = |&(at, &(money, _)): &(usize, &(f64, usize))| {
            at == 0 || money > POSITIVE * largest.max(POSITIVE)
        };
        let rising = rising.iter().enumerate();
        rising
            .filter(is_bound)
            .map(|(_, &(_, member))| member)
            .collect()
    }

    /// Settles the satiated, and whoever's level or floor binds.
    fn settle(&self, settled: &mut [Option<f64>], satiated: &[bool], level: &Level) {
        let duals = &level.solution.duals.own;
        let x = &level.solution.x;
        // A row has a positive multiplier or it is loose: which of the two is far from zero tells which.
        let is_tight = |money: f64, slack: f64| money > slack.max(0.0);
        let mut dearest: Option<(f64, usize)> = None;
        let mut fixed = false;
        for member in 0..settled.len() {
            if settled[member].is_some() {
                continue;
            }
            if satiated[member] {
                settled[member] = Some(self.most[member]);
                fixed = true;
                continue;
            }
            let own = level.t * self.scales[member];
            let money = level.prices[member] * self.scales[member];
            let slack = self.utility(member, x) / own.max(f64::MIN_POSITIVE) - 1.0;
            if dearest.is_none_or(|(most, _)| money > most) {
                dearest = Some((money, member));
            }
            if is_tight(money, slack) {
                settled[member] = Some(own);
                fixed = true;
            } else if let Some(rows) = &self.floor_rows {
                let floor = -self.problem.blocks()[member].own_bounds()[rows[member]];
                let money = duals[member][rows[member]] * floor / level.t;
                let slack = self.utility(member, x) / floor.max(f64::MIN_POSITIVE) - 1.0;
                if floor > own && is_tight(money, slack) {
                    settled[member] = Some(floor);
                    fixed = true;
                }
            }
        }
        if let Some((_, member)) = dearest.filter(|_| !fixed) {
            settled[member] = Some(level.t * self.scales[member]);
        }
    }

    /// The next level, and who is satiated in it; `None` if there was no time for any.
    fn search(
        &self,
        settled: &[Option<f64>],
        stop: &dyn Fn() -> bool,
    ) -> Option<(Vec<bool>, Level)> {
        let open = || (0..settled.len()).filter(|&member| settled[member].is_none());
        // Who can have nothing has all it could at any level.
        let ratio = |member: usize| match self.scales[member] {
            scale if scale > 0.0 => self.most[member] / scale,
            _ => 0.0,
        };
        let satiated_at = |g: f64| -> Vec<bool> {
            let members = 0..settled.len();
            members
                .map(|it| settled[it].is_none() && ratio(it) <= g * (1.0 + CLOSE))
                .collect()
        };
        // With what is asked at `g`, in parts of it, up to the level.
        let chord = |g: f64| -> f64 {
            let asks = settled
                .iter()
                .enumerate()
                .map(|(member, level)| match level {
                    Some(level) => Ask::Keep(level * (1.0 - SLACK.1)),
                    None => Ask::rise(self.most[member].min(g * self.scales[member]) / g),
                });
            self.program(&asks.collect::<Vec<_>>(), f64::INFINITY, stop)
                .t
        };
        let mut high = open().map(ratio).fold(0.0, f64::max);
        if high <= 0.0 {
            return None;
        }
        let mut low = 0.0;
        let mut guesses = Vec::new();
        for _ in 0..2 {
            let t = chord(high);
            guesses.push((high, high / t));
            if t >= high * (1.0 - CLOSE) {
                break;
            }
            high = t;
        }
        let mut guess = match guesses[..] {
            // What is asked grows along the secant; the level is where it is all that there is.
            [(g1, load1), (g2, load2)] if load1 > load2 => {
                (g2 - (load2 - 1.0) * (g1 - g2) / (load1 - load2)).clamp(0.0, high)
            }
            _ => high,
        };
        let mut best = None;
        for _ in 0..MOST_PROGRAMS {
            if stop() {
                break;
            }
            let satiated = satiated_at(guess);
            let fixed = settled.iter().zip(&satiated).enumerate();
            let fixed = fixed.map(|(member, (level, &is_satiated))| {
                level.or_else(|| is_satiated.then(|| self.most[member]))
            });
            let fixed: Vec<Option<f64>> = fixed.collect();
            let level = self.level(settled, &fixed, stop);
            let reached = matches!(level.solution.status, Status::Optimal | Status::Inaccurate);
            let of = |wanted: bool| {
                let members = open().filter(|&member| satiated[member] == wanted);
                members.map(ratio).collect::<Vec<_>>()
            };
            let last = of(true).into_iter().fold(0.0, f64::max);
            let next = of(false).into_iter().fold(f64::INFINITY, f64::min);
            // Where all are satiated there is no level to be found.
            let t = if next.is_finite() { level.t } else { last };
            if !reached || t < last * (1.0 - CLOSE) {
                high = guess;
            } else {
                let is_level = t < next * (1.0 - CLOSE);
                low = t;
                best = Some((satiated, Level { t, ..level }));
                if is_level || high - low <= CLOSE * high {
                    break;
                }
            }
            guess = f64::midpoint(low, high);
        }
        best
    }

    /// The program in which whoever is fixed has at least that, and everybody else its scale times `t`.
    fn level(
        &self,
        settled: &[Option<f64>],
        fixed: &[Option<f64>],
        stop: &dyn Fn() -> bool,
    ) -> Level {
        let slack = if self.is_large() { SLACK.1 } else { SLACK.0 };
        let asks = fixed.iter().enumerate().map(|(member, level)| match level {
            // Whoever was settled just now is not asked for less than what it could have at most.
            Some(level) if settled[member].is_some() => Ask::Keep(level * (1.0 - slack)),
            Some(level) => Ask::Keep(level * (1.0 - slack / 10.0)),
            None => Ask::rise(self.scales[member]),
        });
        self.program(&asks.collect::<Vec<_>>(), f64::INFINITY, stop)
    }

    /// With few members a level is a row of everybody's that all share, with `t` in a block of its own; with many, a row of
    /// each one's own, with `t`, at most `until`, in all of them.
    fn program(&self, asks: &[Ask], until: f64, stop: &dyn Fn() -> bool) -> Level {
        let is_large = self.is_large();
        let mut problem = Problem::new(Objective::Linear);
        for &bound in self.problem.shared_bounds() {
            problem.add_shared_row(bound);
        }
        let mut rows = Vec::with_capacity(asks.len());
        let mut entries = Vec::with_capacity(asks.len());
        for (at, (old, values)) in self.problem.blocks().iter().zip(self.values).enumerate() {
            let mut block = Block::new(1.0);
            for &bound in old.own_bounds() {
                block.add_own_row(bound);
            }
            let row = asks.get(at).map(|ask| {
                let (bound, scale) = match *ask {
                    Ask::Keep(level) => (-level, None),
                    Ask::Rise { from, rate } => (-from, Some(rate)),
                };
                let row = match is_large {
                    true => block.add_own_row(bound),
                    false => problem.add_shared_row(bound),
                };
                entries.extend(scale.map(|scale| (at, row, scale)));
                row
            });
            rows.extend(row);
            for (column, &value) in values.iter().enumerate() {
                let narrow = |&(row, coefficient): &(u32, f64)| (row as usize, coefficient);
                let counts = row.filter(|_| value > 0.0).map(|row| (row, -value));
                let own = old.own_entries(column).iter().map(narrow);
                let shared = old.shared_entries(column).iter().map(narrow);
                block.add_column(
                    0.0,
                    old.uppers()[column],
                    shared.chain(counts.filter(|_| !is_large)),
                    own.chain(counts.filter(|_| is_large)),
                );
            }
            problem.add_block(block);
        }
        if !is_large {
            let mut t = Block::new(1.0);
            let entries = entries.into_iter().map(|(_, row, scale)| (row, scale));
            t.add_column(1.0, until, entries, []);
            problem.add_block(t);
        } else if !entries.is_empty() {
            problem.set_common(Common {
                value: 1.0,
                upper: until,
                entries,
            });
        }
        let settings = if is_large { &MANY } else { &ACCURACY };
        let mut solution = solve_until(&problem, settings, stop)
            .expect("capacities, demands, values and weights are finite");
        let duals = &solution.duals;
        let prices = rows.iter().enumerate();
        let prices = prices.map(|(member, &row)| match is_large {
            true => duals.own[member][row],
            false => duals.shared[row],
        });
        let prices = prices.collect();
        let t = match is_large {
            true => solution.common,
            false => solution.utilities.last().copied().unwrap_or(0.0),
        };
        solution.x.truncate(self.problem.blocks().len());
        Level {
            t,
            solution,
            prices,
        }
    }
}

/// What a member is to have.
enum Ask {
    /// At least this value.
    Keep(f64),
    /// At least this much, and this times the level.
    Rise { from: f64, rate: f64 },
}

impl Ask {
    fn rise(rate: f64) -> Self {
        Self::Rise { from: 0.0, rate }
    }
}
