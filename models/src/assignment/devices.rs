//! Devices that copies take whole or in part: which counts a bin has devices for, and which copy gets which device.
//!
//! # Model
//! Each kind of device stands alone. A copy that needs `count` devices of a kind takes `milli` thousandths of each of `count` distinct
//! ones; what the copies take of a device is at most what is free of it. Two halves share a device, two copies of six tenths do not.
//!
//! # Guarantees
//! [`Assignment::pack`] depends on the counts alone. It first gives the largest needs to the tightest devices that are large enough, then to
//! those of which most is free, and searches through every other way when both get stuck. Devices of which equally much is free are interchangeable, and a state that has
//! failed is not looked at again. Counts whose search does not end after [`LARGEST_SEARCH`] states, or would take more than
//! [`LARGEST_SEARCHED`] devices, are taken to have no packing.

use std::collections::BTreeSet;

use super::types::{Assignment, Bin, DeviceNeed, Item};

/// All of a device.
pub const WHOLE_DEVICE: i64 = 1000;
/// The most devices of one kind in a bin.
pub const LARGEST_DEVICES: usize = 64;
/// States that the search for a packing looks at.
pub const LARGEST_SEARCH: usize = 20_000;

/// Devices taken in one bin, of one kind, by copies that are searched through; of more, only the quick ways are tried.
const LARGEST_SEARCHED: usize = 512;

/// The devices of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Item position.
    pub item: u32,
    /// For each of the item's needs, the devices taken: positions among the bin's devices of that kind, ascending.
    pub devices: Vec<Vec<usize>>,
}

impl Assignment {
    /// Which devices each copy takes when the bin holds `counts` (item and copies), or `None` if there are none for them.
    ///
    /// The answer has the copies in the order of `counts`. A packing that is hard to find may be missed: after [`LARGEST_SEARCH`] states
    /// of the search, and beyond 512 devices taken, there is said to be none.
    #[must_use]
    pub fn pack(&self, bin: u32, counts: &[(u32, i64)]) -> Option<Vec<Packed>> {
        let copies = (counts.iter()).flat_map(|&(item, n)| (0..n).map(move |_| item));
        let mut packed: Vec<Packed> = copies
            .map(|item| Packed {
                item,
                devices: vec![Vec::new(); self.items[item as usize].devices.len()],
            })
            .collect();
        for kind in self.kinds_of(counts) {
            let wants = self.wants(kind, counts);
            let packing = pack_kind(self.devices_of(bin, kind), &wants)?;
            let mut given = packing.into_iter();
            let mut copy = 0;
            for &(item, n) in counts {
                let needs = &self.items[item as usize].devices;
                if let Some(need) = needs.iter().position(|need| need.kind == kind) {
                    for (packed, devices) in packed[copy..].iter_mut().zip(given.next()?) {
                        packed.devices[need] = devices;
                    }
                }
                copy += n.max(0) as usize;
            }
        }
        Some(packed)
    }

    /// What is free of each device of the bin, by kind, when the bin holds `counts`; `None` if there are not devices enough.
    pub(super) fn free_devices(&self, bin: u32, counts: &[(u32, i64)]) -> Option<Vec<Vec<i64>>> {
        let mut free = self.bins[bin as usize].devices.clone();
        for kind in self.kinds_of(counts) {
            let wants = self.wants(kind, counts);
            let packing = pack_kind(self.devices_of(bin, kind), &wants)?;
            for (want, copies) in wants.iter().zip(packing) {
                for device in copies.into_iter().flatten() {
                    free[kind as usize][device] -= want.milli;
                }
            }
        }
        Some(free)
    }

    /// The kinds of which the bin has not devices enough for `counts`.
    pub(super) fn unpacked_kinds(&self, bin: u32, counts: &[(u32, i64)]) -> Vec<u32> {
        let is_stuck = |&kind: &u32| {
            let wants = self.wants(kind, counts);
            pack_kind(self.devices_of(bin, kind), &wants).is_none()
        };
        self.kinds_of(counts).into_iter().filter(is_stuck).collect()
    }

    /// What is free of each device of a kind in the empty bin.
    pub(super) fn devices_of(&self, bin: u32, kind: u32) -> &[i64] {
        let devices = self.bins[bin as usize].devices.get(kind as usize);
        devices.map_or(&[], Vec::as_slice)
    }

    /// How many kinds of device anything speaks of.
    pub(super) fn n_kinds(&self) -> usize {
        let needs = self.items.iter().flat_map(|item| &item.devices);
        let needed = needs.map(|need| need.kind as usize + 1);
        let there = self.bins.iter().map(|bin| bin.devices.len());
        needed.chain(there).max().unwrap_or(0)
    }

    fn kinds_of(&self, counts: &[(u32, i64)]) -> BTreeSet<u32> {
        let of_item = |&(item, _): &(u32, i64)| &self.items[item as usize].devices;
        let needs = (counts.iter().filter(|counted| counted.1 > 0)).flat_map(of_item);
        needs.map(|need| need.kind).collect()
    }

    fn wants(&self, kind: u32, counts: &[(u32, i64)]) -> Vec<Want> {
        (counts.iter())
            .filter_map(|&(item, copies)| {
                let need = need_of(&self.items[item as usize].devices, kind)?;
                Some(Want {
                    milli: need.milli,
                    count: need.count.max(0) as usize,
                    copies: copies.max(0) as usize,
                })
            })
            .collect()
    }
}

impl Item {
    /// What one copy needs, by resource, then by kind of device in thousandths.
    pub(super) fn amounts(&self, n_kinds: usize) -> Vec<i64> {
        let mut amounts = self.demand.clone();
        amounts.resize(self.demand.len() + n_kinds, 0);
        for need in &self.devices {
            amounts[self.demand.len() + need.kind as usize] = need.count * need.milli;
        }
        amounts
    }
}

impl Bin {
    /// What there is, by resource, then by kind of device in thousandths.
    pub(super) fn amounts(&self, n_kinds: usize) -> Vec<i64> {
        let mut amounts = self.capacity.clone();
        amounts.extend(
            self.devices
                .iter()
                .map(|devices| devices.iter().sum::<i64>()),
        );
        amounts.resize(self.capacity.len() + n_kinds, 0);
        amounts
    }
}

/// The need of a kind.
pub(super) fn need_of(needs: &[DeviceNeed], kind: u32) -> Option<&DeviceNeed> {
    let found = needs.binary_search_by_key(&kind, |need| need.kind).ok()?;
    Some(&needs[found])
}

/// How many copies of the needs the devices hold, by kind, when nothing is moved; at most `most`.
pub(super) fn copies_on(free: &[Vec<i64>], needs: &[DeviceNeed], most: i64) -> i64 {
    let copies = |need: &DeviceNeed| {
        let devices = free.get(need.kind as usize).map_or(&[][..], Vec::as_slice);
        copies_of_kind(devices, need, most)
    };
    needs.iter().map(copies).fold(most, i64::min)
}

/// The most copies of one need: `n` fit exactly if the devices, each counted at most `n` times, have `n x count` places.
fn copies_of_kind(devices: &[i64], need: &DeviceNeed, most: i64) -> i64 {
    let places = |device: &i64| (*device).max(0) / need.milli.max(1);
    let count = need.count.max(1);
    if count == 1 {
        return devices.iter().map(places).sum::<i64>().min(most);
    }
    let mut copies = (devices.iter().map(places).sum::<i64>() / count).min(most);
    while copies > 0 {
        let usable: i64 = devices
            .iter()
            .map(|device| places(device).min(copies))
            .sum();
        if usable >= copies * count {
            break;
        }
        copies = usable / count;
    }
    copies
}

/// Alike copies that need devices of one kind.
#[derive(Clone, Copy, Debug)]
struct Want {
    milli: i64,
    count: usize,
    copies: usize,
}

/// For each want, the devices of each of its copies.
fn pack_kind(free: &[i64], wants: &[Want]) -> Option<Vec<Vec<Vec<usize>>>> {
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by(|&left, &right| {
        let key = |at: usize| (wants[at].milli, wants[at].count);
        key(right).cmp(&key(left)).then(left.cmp(&right))
    });
    let sequence: Vec<usize> = (order.iter())
        .flat_map(|&at| std::iter::repeat_n(at, wants[at].copies))
        .collect();
    let n_taken: usize = sequence.iter().map(|&want| wants[want].count).sum();
    let quick = quickly(free, wants, &sequence, |free| free)
        .or_else(|| quickly(free, wants, &sequence, |free| -free));
    let chosen = quick.or_else(|| {
        // The search goes one level deeper for each device that is taken.
        if n_taken > LARGEST_SEARCHED || !may_have_room(free, wants, &order) {
            return None;
        }
        let mut search = Search {
            wants,
            sequence: &sequence,
            failed: BTreeSet::new(),
            chosen: Vec::new(),
        };
        search.place(&mut free.to_vec()).then_some(search.chosen)
    })?;
    let mut packing = vec![Vec::new(); wants.len()];
    for (&want, devices) in sequence.iter().zip(chosen) {
        packing[want].push(devices);
    }
    Some(packing)
}

/// Whether the devices have room for the wants down to each size, when a device holds at most the largest sum of such sizes that it is
/// large enough for.
fn may_have_room(free: &[i64], wants: &[Want], order: &[usize]) -> bool {
    let mut sums = Sums::default();
    let mut wanted = 0_i128;
    for &at in order {
        let Want {
            milli,
            count,
            copies,
        } = wants[at];
        if copies == 0 {
            continue;
        }
        wanted += i128::from(milli) * count as i128 * copies as i128;
        sums.add(milli);
        let usable = free.iter().map(|&free| i128::from(sums.largest(free)));
        if wanted > usable.sum() {
            return false;
        }
    }
    true
}

/// Words of 64 sums each.
const WORDS: usize = WHOLE_DEVICE as usize / 64 + 1;

/// Which numbers up to that of a whole device are sums of some sizes, each as often as one likes; 0 is.
struct Sums([u64; WORDS]);

impl Default for Sums {
    fn default() -> Self {
        let mut words = [0; WORDS];
        words[0] = 1;
        Self(words)
    }
}

impl Sums {
    /// Takes in one more size, at least 1: once, then twice as often each time.
    fn add(&mut self, size: i64) {
        let mut step = size.max(1);
        while step <= WHOLE_DEVICE {
            let (words, bits) = (step as usize / 64, step as usize % 64);
            for to in (words..WORDS).rev() {
                let mut moved = self.0[to - words] << bits;
                if bits > 0 && to > words {
                    moved |= self.0[to - words - 1] >> (64 - bits);
                }
                self.0[to] |= moved;
            }
            step *= 2;
        }
    }

    /// The largest sum that is at most `most`.
    fn largest(&self, most: i64) -> i64 {
        let most = most.clamp(0, WHOLE_DEVICE) as usize;
        let mut word = self.0[most / 64] & (u64::MAX >> (63 - most % 64));
        let mut at = most / 64;
        while word == 0 && at > 0 {
            at -= 1;
            word = self.0[at];
        }
        (at * 64 + 63 - word.leading_zeros().min(63) as usize) as i64
    }
}

/// Every copy in turn on the devices that are large enough, those first of which the least is free by `order`.
fn quickly(
    free: &[i64],
    wants: &[Want],
    sequence: &[usize],
    order: impl Fn(i64) -> i64,
) -> Option<Vec<Vec<usize>>> {
    let mut free = free.to_vec();
    let mut chosen = Vec::with_capacity(sequence.len());
    for &want in sequence {
        let Want { milli, count, .. } = wants[want];
        let mut devices: Vec<usize> = (0..free.len()).filter(|&at| free[at] >= milli).collect();
        if devices.len() < count {
            return None;
        }
        devices.sort_by_key(|&at| (order(free[at]), at));
        devices.truncate(count);
        devices.sort_unstable();
        devices.iter().for_each(|&at| free[at] -= milli);
        chosen.push(devices);
    }
    Some(chosen)
}

/// A search through all packings.
struct Search<'a> {
    wants: &'a [Want],
    /// The want of each copy, the largest first.
    sequence: &'a [usize],
    /// Copies placed and what is free, sorted, of states without a packing.
    failed: BTreeSet<(usize, Vec<i64>)>,
    chosen: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Places the copies that are left.
    fn place(&mut self, free: &mut Vec<i64>) -> bool {
        let depth = self.chosen.len();
        let Some(&want) = self.sequence.get(depth) else {
            return true;
        };
        let mut state = free.clone();
        state.sort_unstable();
        if self.failed.len() >= LARGEST_SEARCH || self.failed.contains(&(depth, state.clone())) {
            return false;
        }
        let placed = self.has_room(&state) && self.choose(free, self.wants[want], &mut Vec::new());
        if !placed {
            self.failed.insert((depth, state));
        }
        placed
    }

    /// Whether the devices that the smallest need fits on have room for everything that is left.
    fn has_room(&self, free: &[i64]) -> bool {
        let rest = &self.sequence[self.chosen.len()..];
        let smallest = rest.iter().map(|&want| self.wants[want].milli).min();
        let amount = |&want: &usize| self.wants[want].milli * self.wants[want].count as i64;
        let usable = free.iter().filter(|&&free| Some(free) >= smallest);
        rest.iter().map(amount).sum::<i64>() <= usable.sum::<i64>()
    }

    /// Extends `taken` to all devices of the next copy, in every way up to interchangeable devices, and places the rest.
    fn choose(&mut self, free: &mut Vec<i64>, want: Want, taken: &mut Vec<usize>) -> bool {
        if self.failed.len() >= LARGEST_SEARCH {
            return false;
        }
        if taken.len() == want.count {
            let mut devices = taken.clone();
            devices.sort_unstable();
            devices.iter().for_each(|&at| free[at] -= want.milli);
            self.chosen.push(devices.clone());
            if self.place(free) {
                return true;
            }
            self.chosen.pop();
            devices.iter().for_each(|&at| free[at] += want.milli);
            return false;
        }
        // Devices are taken in order of what is free, so that each set comes up once.
        let last = taken.last().map(|&at| (free[at], at));
        let mut devices: Vec<(i64, usize)> = (free.iter().copied().zip(0..))
            .filter(|&device| device.0 >= want.milli && Some(device) > last)
            .collect();
        devices.sort_unstable();
        let mut before = None;
        for (amount, at) in devices {
            if before == Some(amount) {
                continue;
            }
            before = Some(amount);
            taken.push(at);
            if self.choose(free, want, taken) {
                return true;
            }
            taken.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number up to a whole device: whether it is a sum, found one by one.
    fn one_by_one(sizes: &[i64]) -> Vec<bool> {
        let mut is_sum = vec![false; WHOLE_DEVICE as usize + 1];
        is_sum[0] = true;
        for number in 0..is_sum.len() {
            let mut before = sizes
                .iter()
                .filter_map(|&size| number.checked_sub(size as usize));
            is_sum[number] |= before.any(|before| is_sum[before]);
        }
        is_sum
    }

    #[test]
    fn sums_are_those_found_one_by_one() {
        for sizes in [
            vec![1000],
            vec![500, 300],
            vec![999, 64, 63],
            vec![7],
            vec![640, 128, 65],
            vec![810, 190, 333],
            vec![1],
        ] {
            let mut sums = Sums::default();
            sizes.iter().for_each(|&size| sums.add(size));
            let slow = one_by_one(&sizes);
            for most in 0..=WHOLE_DEVICE {
                let largest = (0..=most).rev().find(|&it| slow[it as usize]).unwrap_or(0);
                assert_eq!(sums.largest(most), largest, "{sizes:?} up to {most}");
            }
            assert_eq!(sums.largest(WHOLE_DEVICE + 5), sums.largest(WHOLE_DEVICE));
            assert_eq!(sums.largest(-5), 0);
        }
    }
}
