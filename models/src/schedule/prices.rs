//! Bounds of costs by prices of places, for timetables that end by a time `T` and place every copy that fits.
//!
//! # Model
//! Bin `b` has `K_b` places (see `places`), each of which runs one copy at a time. Within `T` they run at most
//! `N_b = K_b floor(T / shortest_b)` copies, and until a moment `m` at most `K_b m` milliseconds of those that have to have ended by then: a
//! copy is *due* at `T` less the least time from its end to the end of all. For prices `pi, mu >= 0` of either, with `d_ob` what a copy of
//! operation `o` takes there:
//! `cost >= sum_o count_o min_b (cost_ob + pi_b + d_ob sum_(m >= due_o) mu_bm) - sum_b (pi_b N_b + sum_m mu_bm K_b m)`.
//!
//! A flow of copies to bins of capacity `N_b` gives the best `pi` alone; one of milliseconds (each copy as long as where it is shortest,
//! its cost spread over them) to bins of capacity `K_b m` gives good `mu` alone. The better of the two counts: the first where copies take
//! equally long, the second where some are short, and `floor(T / shortest_b)` says nothing.

use super::flow::{Wish, grant};
use super::independent::moments;
use super::kinds::{Kind, Kinds};
use super::places::{Places, fitting};
use super::slots::Shop;
use super::types::Schedule;
use crate::assignment::{Prices, Proof};
use crate::solver::Limits;

/// Costs of a millisecond are at most this, in parts of a unit as fine as that allows.
const DEAREST: i64 = 1 << 30;
/// No more milliseconds are divided.
const MOST_TIME: i64 = 1 << 50;

/// Prices in parts of a unit of cost.
struct Rates {
    /// Of a place once, by bin.
    once: Vec<i64>,
    /// Of a millisecond to a copy that is due at each moment: no more than to one that is due earlier (shape: bins x moments).
    paid: Vec<Vec<i64>>,
    /// So many parts are a unit.
    scale: i64,
}

/// What is priced.
struct Priced<'s> {
    schedule: &'s Schedule,
    kinds: Vec<Kind>,
    places: Places,
    time: i64,
    /// Ascending; the last is that at which the last copy is due.
    moments: Vec<i64>,
}

/// The best prices found, the bound that they prove, and the proof; what costs no more than `reached` needs no better one.
pub(super) fn cost_prices(shop: &Shop<'_>, time: i64, reached: f64) -> Option<(f64, Proof)> {
    let schedule = shop.schedule;
    let kinds = Kinds::of(schedule, &shop.tails()).list;
    // Who is followed by least is due last.
    let tails = moments(kinds.iter().map(|kind| kind.tail).collect());
    let priced = Priced {
        schedule,
        kinds,
        places: Places::of(schedule),
        time,
        moments: tails.into_iter().rev().map(|tail| time - tail).collect(),
    };
    let with_bound = |rates: Rates| (priced.bound(&rates), rates);
    let mut best = priced.by_copies().map(with_bound);
    if best.as_ref().is_none_or(|best| best.0 < reached)
        && let Some(other) = priced.by_time().map(with_bound)
        && best.as_ref().is_none_or(|best| other.0 > best.0)
    {
        best = Some(other);
    }
    let (bound, rates) = best?;
    let row = |bin: usize| {
        let prices = std::iter::once(rates.once[bin]).chain(rates.of_time(bin));
        prices
            .map(|price| price as f64 / rates.scale as f64)
            .collect()
    };
    let prices = Prices {
        by_bin: (0..schedule.bins.len()).map(row).collect(),
        until: priced.moments,
        ..Prices::default()
    };
    Some((bound, Proof::Multipliers(prices)))
}

impl Rates {
    /// The price of a millisecond of a place until each moment.
    fn of_time(&self, bin: usize) -> impl Iterator<Item = i64> {
        let paid = &self.paid[bin];
        let later = paid.iter().skip(1).copied().chain([0]);
        paid.iter().zip(later).map(|(now, later)| now - later)
    }
}

impl Priced<'_> {
    /// The first moment at which a copy of a kind is due, or after that.
    fn class(&self, kind: &Kind) -> usize {
        let due = self.time - kind.tail;
        self.moments.partition_point(|&moment| moment < due)
    }

    /// Prices of places, once.
    fn by_copies(&self) -> Option<Rates> {
        let wishes = self.kinds.iter();
        let wishes: Vec<Wish> = wishes
            .map(|kind| kind.wish(self.schedule, kind.copies))
            .collect();
        let places = self.places.within(self.time).into_iter();
        let places: Vec<Vec<i64>> = places.map(|places| vec![places]).collect();
        let prices = self.flow(&wishes, &places)?;
        Some(Rates {
            once: prices.into_iter().flatten().collect(),
            paid: vec![vec![0; self.moments.len()]; places.len()],
            scale: 1,
        })
    }

    /// Prices of the time of places.
    fn by_time(&self) -> Option<Rates> {
        let timed = self.kinds.iter().filter(|kind| kind.shortest > 0);
        let timed: Vec<(&Kind, Wish)> = timed
            .map(|kind| (kind, kind.wish(self.schedule, 0)))
            .collect();
        let dearest = timed.iter().map(|(kind, wish)| {
            let costs = wish.bins.iter().map(|it| it.1);
            costs.max().unwrap_or(0) / kind.shortest + 1
        });
        let scale = 1 << (DEAREST / dearest.max()?).max(1).ilog2();
        let mut wishes = Vec::with_capacity(timed.len());
        let mut all = 0_i64;
        for (kind, mut wish) in timed {
            wish.class = self.class(kind);
            wish.copies = kind.copies.checked_mul(kind.shortest)?;
            all = all.checked_add(wish.copies)?;
            for (_, cost) in &mut wish.bins {
                let parts = i128::from(*cost) * i128::from(scale) / i128::from(kind.shortest);
                *cost = i64::try_from(parts).ok()?;
            }
            wishes.push(wish);
        }
        if all > MOST_TIME {
            return None;
        }
        let places = self.places.at_a_time.iter();
        let until = |&places: &i64| {
            let moments = self.moments.iter();
            moments
                .map(|&moment| places.saturating_mul(moment))
                .collect()
        };
        let places: Vec<Vec<i64>> = places.map(until).collect();
        let mut paid = self.flow(&wishes, &places)?;
        for prices in &mut paid {
            for later in (1..prices.len()).rev() {
                prices[later - 1] = prices[later - 1].max(prices[later]);
            }
        }
        Some(Rates {
            once: vec![0; paid.len()],
            paid,
            scale,
        })
    }

    /// What a flow of the wishes to bins of these capacities gives for prices, if there is one of all.
    fn flow(&self, wishes: &[Wish], places: &[Vec<i64>]) -> Option<Vec<Vec<i64>>> {
        let granted = grant(self.schedule, wishes, places, &Limits::default())?;
        (granted.left_out == 0).then_some(granted.prices)
    }

    /// What the prices prove.
    fn bound(&self, rates: &Rates) -> f64 {
        let scale = i128::from(rates.scale);
        let once = |bin: usize| i128::from(rates.once[bin]);
        let paid = |bin: usize, class: usize| i128::from(rates.paid[bin][class]);
        let mut sum = 0;
        for kind in &self.kinds {
            let (operation, class) = (kind.operation(self.schedule), self.class(kind));
            let fitting = fitting(self.schedule, operation).into_iter();
            let costs = fitting.map(|(bin, duration)| {
                let (cost, bin) = (i128::from(operation.cost_in(bin)), bin as usize);
                scale * cost + once(bin) + paid(bin, class) * i128::from(duration)
            });
            sum += costs.min().unwrap_or(0) * i128::from(kind.copies);
        }
        let within = self.places.within(self.time);
        for (bin, (&copies, &places)) in within.iter().zip(&self.places.at_a_time).enumerate() {
            sum -= once(bin) * i128::from(copies);
            for (price, &moment) in rates.of_time(bin).zip(&self.moments) {
                sum -= i128::from(price) * i128::from(places) * i128::from(moment);
            }
        }
        sum as f64 / scale as f64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::improve::Random;
    use super::super::list::list_schedule;
    use super::super::types::{Operation, TimeObjective, TimeStage};
    use super::*;
    use crate::assignment::{Bin, Stop};

    fn bins(capacities: &[i64]) -> Vec<Bin> {
        let bin = |(at, &capacity): (usize, &i64)| Bin {
            name: format!("b{at}"),
            capacity: vec![capacity],
            devices: Vec::new(),
        };
        capacities.iter().enumerate().map(bin).collect()
    }

    fn operation(name: &str, count: i64, durations: Vec<i64>, costs: Vec<i64>) -> Operation {
        Operation {
            name: name.to_owned(),
            count,
            demand: vec![1],
            eligible: Arc::new((0..durations.len() as u32).collect()),
            durations: Arc::new(durations),
            costs: Arc::new(costs),
            value: 1,
            release: 0,
            urgency: 0,
        }
    }

    fn schedule(bins: Vec<Bin>, operations: Vec<Operation>) -> Schedule {
        Schedule {
            resources: vec!["slots".to_owned()],
            group_of: Arc::new(vec![0; bins.len()]),
            bins,
            operations,
            stages: vec![TimeStage {
                name: "cost".to_owned(),
                objective: TimeObjective::Cost,
            }],
            ..Schedule::default()
        }
    }

    /// Forty copies of 10 s read what is on the first of five bins, which runs four of them within 40 s. A single short copy
    /// makes a count of copies worthless.
    #[test]
    fn what_all_read_costs_what_its_bin_has_no_time_for() {
        let hot = operation("hot", 40, vec![10_000; 5], vec![0, 100, 100, 100, 100]);
        let short = operation("short", 1, vec![1; 5], vec![0; 5]);
        let alone = schedule(bins(&[1, 3, 3, 3, 3]), vec![hot.clone()]);
        let (bound, _) =
            cost_prices(&Shop::new(&alone), 40_000, 3600.0).expect("everything is placed");
        assert_eq!(bound, 3600.0, "by the number of copies");
        let both = schedule(bins(&[1, 3, 3, 3, 3]), vec![hot, short]);
        let (bound, proof) =
            cost_prices(&Shop::new(&both), 40_000, 3600.0).expect("everything is placed");
        assert!((3590.0..=3600.0).contains(&bound), "{bound}");
        let Proof::Multipliers(prices) = proof else {
            panic!("{proof:?}");
        };
        assert_eq!(prices.by_bin[1], [0.0, 0.0], "nothing is scarce there");
        assert_eq!(prices.by_bin[0][0], 0.0);
        assert!((prices.by_bin[0][1] - 0.01).abs() < 1e-4, "{prices:?}");
    }

    #[test]
    fn no_timetable_costs_less_than_the_bound() {
        let mut random = Random::new(11);
        let mut draw = |low: i64, n: usize| low + random.below(n) as i64;
        let mut by_time = 0;
        for _ in 0..400 {
            let capacities: Vec<i64> = (0..3).map(|_| draw(1, 3)).collect();
            let operations = (0..draw(1, 5)).map(|at| {
                let count = draw(1, 6);
                let durations = (0..3).map(|_| draw(0, 10)).collect();
                let costs = (0..3).map(|_| draw(0, 20)).collect();
                operation(&format!("o{at}"), count, durations, costs)
            });
            let schedule = schedule(bins(&capacities), operations.collect());
            let timetable = list_schedule(&schedule, &Stop::default());
            let time = timetable.entries().iter().map(|it| it.end).max();
            let cost = schedule.values(&timetable)[0];
            let found = cost_prices(&Shop::new(&schedule), time.unwrap_or(0), cost);
            let Some((bound, Proof::Multipliers(prices))) = found else {
                panic!("everything is placed");
            };
            assert!(bound <= cost + 1e-6, "{bound} {cost} {schedule:?}");
            by_time += i32::from(prices.by_bin.iter().any(|it| it[1] > 0.0));
        }
        assert!(by_time > 20, "{by_time} by time");
    }
}
