//! The most valuable set of copies that one bin holds: a search that keeps a limited number of partial fillings.
//!
//! Items come largest device part first, so that giving each copy the tightest device packs well. A filling is ranked by its value plus
//! what its free amounts could still be worth. Of fillings that leave equally much free, the most valuable one is kept.

use rustc_hash::FxHashSet;

use super::counts::Count;
use super::devices::copies_on;
use super::types::DeviceNeed;

/// Numbers of copies up to this are tried one by one, and beyond them only the most.
const SINGLE_COPIES: i64 = 12;
/// The most copies of one item in a filling.
const MOST_COPIES: i64 = 10_000;

/// An item that may go into the bin.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// The caller's own number for it.
    pub(super) item: u32,
    /// What one copy is worth; positive.
    pub(super) gain: f64,
    pub(super) demand: &'a [i64],
    pub(super) devices: &'a [DeviceNeed],
    /// The most copies.
    pub(super) most: i64,
}

/// Prices of what is free in a bin, which tell fillings that waste little.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    /// By resource, then by kind of device in thousandths.
    pub(super) amounts: Vec<f64>,
    /// Counts, and what a device holds of each by what is free of it.
    pub(super) counts: Vec<(Count, Vec<i64>)>,
}

impl Guide {
    fn of_needs(&self, demand: &[i64], needs: &[DeviceNeed]) -> f64 {
        let of_parts = needs.iter().map(|need| {
            let price = self.amounts.get(demand.len() + need.kind as usize);
            price.copied().unwrap_or(0.0) * (need.count * need.milli) as f64
        });
        let of_counts = self.counts.iter();
        let of_counts = of_counts.map(|(count, _)| count.price * count.of_needs(needs) as f64);
        dot(&self.amounts[..demand.len()], demand) + of_parts.sum::<f64>() + of_counts.sum::<f64>()
    }

    fn of_free(&self, free: &Free) -> f64 {
        let n_amounts = free.amounts.len();
        let mut sum = dot(&self.amounts[..n_amounts], &free.amounts);
        for (devices, price) in free.devices.iter().zip(&self.amounts[n_amounts..]) {
            if *price > 0.0 {
                sum += price * devices.iter().sum::<i64>() as f64;
            }
        }
        for (count, most) in &self.counts {
            let devices = free.devices.get(count.kind as usize);
            let held = devices
                .into_iter()
                .flatten()
                .map(|&free| most[free as usize]);
            sum += count.price * held.sum::<i64>() as f64;
        }
        sum
    }
}

/// What a filling is worth, and its copies by item.
pub(super) type Filled = (f64, Vec<(u32, i64)>);

/// What is free in a bin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Free {
    pub(super) amounts: Vec<i64>,
    /// By kind, ascending.
    pub(super) devices: Vec<Vec<i64>>,
}

impl Free {
    pub(super) fn new(amounts: &[i64], devices: &[Vec<i64>]) -> Self {
        let mut devices = devices.to_vec();
        devices.iter_mut().for_each(|kind| kind.sort_unstable());
        Self {
            amounts: amounts.to_vec(),
            devices,
        }
    }

    /// How many amounts there are: of resources, and of single devices.
    pub(super) fn n_coordinates(&self) -> usize {
        self.amounts.len() + self.devices.iter().map(Vec::len).sum::<usize>()
    }

    /// One of the amounts; 0 beyond the end.
    pub(super) fn coordinate(&self, at: usize) -> i64 {
        let devices = self.devices.iter().flatten();
        self.amounts
            .iter()
            .chain(devices)
            .nth(at)
            .copied()
            .unwrap_or(0)
    }

    /// Lowers every amount to that of another with as many devices.
    pub(super) fn lower_to(&mut self, other: &Self) {
        let own = self
            .amounts
            .iter_mut()
            .chain(self.devices.iter_mut().flatten());
        let others = other.amounts.iter().chain(other.devices.iter().flatten());
        for (own, other) in own.zip(others) {
            *own = (*own).min(*other);
        }
    }

    /// Takes one copy out, each device the tightest, or says that it does not fit.
    pub(super) fn take(&mut self, demand: &[i64], needs: &[DeviceNeed]) -> bool {
        let fits = |(free, demand): (&i64, &i64)| *demand == 0 || demand <= free;
        if !self.amounts.iter().zip(demand).all(fits) {
            return false;
        }
        let tightest = |need: &DeviceNeed| {
            let kind = self.devices.get(need.kind as usize)?;
            let first = kind.partition_point(|&free| free < need.milli);
            let last = first + need.count as usize;
            (last <= kind.len()).then_some(first..last)
        };
        let Some(taken) = needs.iter().map(tightest).collect::<Option<Vec<_>>>() else {
            return false;
        };
        for (need, range) in needs.iter().zip(taken) {
            let kind = &mut self.devices[need.kind as usize];
            kind[range].iter_mut().for_each(|free| *free -= need.milli);
            kind.sort_unstable();
        }
        for (free, demand) in self.amounts.iter_mut().zip(demand) {
            *free -= demand;
        }
        true
    }
}

/// A partial filling.
struct Filling {
    value: f64,
    /// Value and what may still come.
    rank: f64,
    free: Free,
    /// The last step that led here.
    step: Option<usize>,
}

/// So many copies of a candidate, after an earlier step.
struct Step {
    before: Option<usize>,
    candidate: usize,
    copies: i64,
}

/// The best fillings found, the most valuable first.
pub(super) fn fill(
    free: &Free,
    mut candidates: Vec<Candidate<'_>>,
    guide: Option<&Guide>,
    width: usize,
    n_answers: usize,
) -> Vec<Filled> {
    sort(&mut candidates);
    let candidates = undominated(candidates, free);
    let worth = Worths::new(&candidates, free, guide);
    let mut steps: Vec<Step> = Vec::new();
    let mut fillings = vec![Filling {
        value: 0.0,
        rank: 0.0,
        free: free.clone(),
        step: None,
    }];
    for (position, candidate) in candidates.iter().enumerate() {
        let mut next: Vec<Filling> = Vec::with_capacity(2 * fillings.len());
        for filling in fillings {
            extend(&filling, position, candidate, &mut steps, &mut next);
            next.push(filling);
        }
        for filling in &mut next {
            filling.rank = filling.value + worth.of(&filling.free, position + 1);
        }
        next.sort_by(|left, right| {
            (right.rank.total_cmp(&left.rank))
                .then(right.value.total_cmp(&left.value))
                .then_with(|| left.free.cmp(&right.free))
        });
        let mut seen = FxHashSet::default();
        next.retain(|filling| seen.len() < width && seen.insert(filling.free.clone()));
        fillings = next;
    }
    fillings.sort_by(|left, right| right.value.total_cmp(&left.value));
    (fillings.iter().take(n_answers))
        .map(|filling| (filling.value, trace(&candidates, &steps, filling.step)))
        .collect()
}

/// The filling with one copy more, two, and so on.
fn extend(
    filling: &Filling,
    position: usize,
    candidate: &Candidate<'_>,
    steps: &mut Vec<Step>,
    next: &mut Vec<Filling>,
) {
    let mut free = filling.free.clone();
    let mut value = filling.value;
    let mut copies = 0;
    let most = candidate.most.min(MOST_COPIES);
    while copies < most && free.take(candidate.demand, candidate.devices) {
        copies += 1;
        value += candidate.gain;
        if copies > SINGLE_COPIES + 1 {
            next.pop();
            steps.pop();
        }
        steps.push(Step {
            before: filling.step,
            candidate: position,
            copies,
        });
        next.push(Filling {
            value,
            rank: 0.0,
            free: free.clone(),
            step: Some(steps.len() - 1),
        });
    }
}

fn trace(candidates: &[Candidate<'_>], steps: &[Step], mut step: Option<usize>) -> Vec<(u32, i64)> {
    let mut copies = Vec::new();
    while let Some(at) = step {
        copies.push((candidates[steps[at].candidate].item, steps[at].copies));
        step = steps[at].before;
    }
    copies.sort_unstable();
    copies
}

/// The largest device part first, then the largest amount of devices, then the larger gain.
fn sort(candidates: &mut [Candidate<'_>]) {
    let size = |candidate: &Candidate<'_>| {
        let needs = candidate.devices.iter();
        let part = needs.clone().map(|need| need.milli).max().unwrap_or(0);
        (part, needs.map(|need| need.milli * need.count).sum::<i64>())
    };
    candidates.sort_by(|left, right| {
        (size(right).cmp(&size(left)))
            .then_with(|| left.devices.cmp(right.devices))
            .then_with(|| right.gain.total_cmp(&left.gain))
            .then_with(|| left.demand.cmp(right.demand))
            .then(left.item.cmp(&right.item))
    });
}

/// Leaves out copies for which others of the same devices gain as much and need no more: as many as the devices hold with those.
fn undominated<'c>(candidates: Vec<Candidate<'c>>, free: &Free) -> Vec<Candidate<'c>> {
    let mut kept: Vec<Candidate<'_>> = Vec::with_capacity(candidates.len());
    let mut first = 0;
    for candidate in candidates {
        if kept
            .get(first)
            .is_some_and(|other| other.devices != candidate.devices)
        {
            first = kept.len();
        }
        let is_as_good = |other: &&Candidate<'_>| {
            let needs = other.demand.iter().zip(candidate.demand);
            other.gain >= candidate.gain && needs.clone().all(|(other, own)| other <= own)
        };
        // In a best filling, this one comes in only when all of those are in.
        let better = kept[first..].iter().filter(is_as_good);
        let better = better.fold(0_i64, |sum, other| sum.saturating_add(other.most));
        let room = copies_on(&free.devices, candidate.devices, i64::MAX).saturating_sub(better);
        if room > 0 {
            kept.push(Candidate {
                most: candidate.most.min(room),
                ..candidate
            });
        }
    }
    kept
}

/// What free amounts may still be worth.
///
/// For any weights `w >= 0` of the amounts, copies that fit into what is free are worth at most `(w . free)` times the best gain of a
/// candidate per `w . amounts`. The least over a few weights is taken: each amount alone, and mixtures of two.
struct Worths<'g> {
    guide: Option<&'g Guide>,
    /// The best gain per price of the guide, over the candidates from each position on.
    guided: Vec<f64>,
    /// Shape: mixtures x (resources, then kinds of device); in parts of what is free at first.
    weights: Vec<Vec<f64>>,
    /// The best gain per weighted amount over the candidates from each position on (shape: (candidates + 1) x mixtures).
    best: Vec<Vec<f64>>,
    /// The smallest part of a device of each kind, over the same.
    smallest: Vec<Vec<i64>>,
}

impl<'g> Worths<'g> {
    fn new(candidates: &[Candidate<'_>], free: &Free, guide: Option<&'g Guide>) -> Self {
        let (n_amounts, n_kinds) = (free.amounts.len(), free.devices.len());
        let kinds = free.devices.iter().map(|kind| kind.iter().sum());
        let all: Vec<i64> = free.amounts.iter().copied().chain(kinds).collect();
        let weights = mixtures(&all);
        let mut best = vec![vec![0.0_f64; weights.len()]];
        let mut smallest = vec![vec![i64::MAX; n_kinds]];
        let mut guided = vec![0.0_f64];
        for candidate in candidates.iter().rev() {
            let mut ratios = best[best.len() - 1].clone();
            let mut parts = smallest[smallest.len() - 1].clone();
            let mut amounts = candidate.demand.to_vec();
            amounts.resize(n_amounts + n_kinds, 0);
            for need in candidate.devices {
                amounts[n_amounts + need.kind as usize] = need.count * need.milli;
                parts[need.kind as usize] = parts[need.kind as usize].min(need.milli);
            }
            for (ratio, weights) in ratios.iter_mut().zip(&weights) {
                let amount: f64 = dot(weights, &amounts);
                // Infinite if it needs nothing of it.
                *ratio = ratio.max(candidate.gain / amount);
            }
            best.push(ratios);
            smallest.push(parts);
            let price = guide.map_or(1.0, |guide| {
                guide.of_needs(candidate.demand, candidate.devices)
            });
            guided.push(guided[guided.len() - 1].max(candidate.gain / price));
        }
        guided.reverse();
        best.reverse();
        smallest.reverse();
        Self {
            guide,
            guided,
            weights,
            best,
            smallest,
        }
    }

    /// What the free amounts may be worth with the candidates from a position on.
    fn of(&self, free: &Free, position: usize) -> f64 {
        let smallest = &self.smallest[position];
        let usable = (free.devices.iter().zip(smallest))
            .map(|(kind, smallest)| kind.iter().filter(|free| *free >= smallest).sum::<i64>());
        let amounts: Vec<i64> = free.amounts.iter().copied().chain(usable).collect();
        let worth = (self.weights.iter().zip(&self.best[position])).map(|(weights, &ratio)| {
            if ratio > 0.0 {
                dot(weights, &amounts) * ratio
            } else {
                0.0
            }
        });
        let by_guide = self
            .guide
            .map(|guide| guide.of_free(free) * self.guided[position]);
        // Nothing times infinity is no number, and no bound.
        worth
            .chain(by_guide)
            .filter(|worth| !worth.is_nan())
            .fold(f64::MAX, f64::min)
    }
}

/// Weights of single amounts and of mixtures of two, each in parts of `all`.
fn mixtures(all: &[i64]) -> Vec<Vec<f64>> {
    const SHARES: [f64; 3] = [0.25, 0.5, 0.75];
    let unit = |at: usize| 1.0 / all[at].max(1) as f64;
    let mut weights = Vec::new();
    for first in 0..all.len() {
        let mut alone = vec![0.0; all.len()];
        alone[first] = unit(first);
        weights.push(alone);
        for second in 0..first {
            for share in SHARES {
                let mut mixed = vec![0.0; all.len()];
                mixed[first] = share * unit(first);
                mixed[second] = (1.0 - share) * unit(second);
                weights.push(mixed);
            }
        }
    }
    weights
}

#[inline]
pub(super) fn dot(weights: &[f64], amounts: &[i64]) -> f64 {
    weights
        .iter()
        .zip(amounts)
        .map(|(weight, &amount)| weight * amount as f64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number in `0..limit` that depends on the state alone.
    fn draw(state: &mut u64, limit: i64) -> i64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        ((*state >> 11) % limit as u64) as i64
    }

    /// The best value there is, by trying every number of copies of every candidate in turn.
    fn best(free: &Free, candidates: &[Candidate<'_>]) -> f64 {
        let Some((first, rest)) = candidates.split_first() else {
            return 0.0;
        };
        let mut free = free.clone();
        let mut most = best(&free, rest);
        for copies in 1..=first.most {
            if !free.take(first.demand, first.devices) {
                break;
            }
            most = most.max(first.gain * copies as f64 + best(&free, rest));
        }
        most
    }

    #[test]
    fn fillings_are_best_where_devices_are_given_in_the_same_way() {
        let mut state = 7;
        for _ in 0..300 {
            let free = Free::new(
                &[5 + draw(&mut state, 20), 5 + draw(&mut state, 20)],
                &[vec![1000; 1 + draw(&mut state, 3) as usize]],
            );
            let shapes: Vec<(Vec<i64>, Vec<DeviceNeed>, f64)> = (0..5)
                .map(|_| {
                    let need = DeviceNeed {
                        kind: 0,
                        count: 1,
                        milli: 100 * (1 + draw(&mut state, 10)),
                    };
                    let demand = vec![draw(&mut state, 6), draw(&mut state, 6)];
                    (demand, vec![need], 1.0 + draw(&mut state, 9) as f64)
                })
                .collect();
            let mut candidates: Vec<Candidate<'_>> = (0..)
                .zip(&shapes)
                .map(|(item, (demand, devices, gain))| Candidate {
                    item,
                    gain: *gain,
                    demand,
                    devices,
                    most: 2,
                })
                .collect();
            sort(&mut candidates);
            let found = fill(&free, candidates.clone(), None, 10_000, 1);
            assert_eq!(found[0].0, best(&free, &candidates));
            let narrow = fill(&free, candidates.clone(), None, 3, 1);
            assert!(narrow[0].0 <= found[0].0);
            let gain = |&(item, copies): &(u32, i64)| shapes[item as usize].2 * copies as f64;
            assert_eq!(narrow[0].1.iter().map(gain).sum::<f64>(), narrow[0].0);
        }
    }
}
