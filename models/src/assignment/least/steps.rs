//! Prices without a solver: subgradient steps towards the value reached.

use super::Least;
use crate::assignment::prices::{PricedBound, Prices};
use crate::assignment::tally::Stop;

const SUBGRADIENT_STEPS: usize = 150;

impl Least<'_> {
    /// Subgradient steps with the step length of Polyak, at least one; the best prices seen.
    pub(super) fn step_up(&self, stop: &Stop) -> PricedBound {
        let mut prices = self.free();
        let target = self.direction() * self.reached.get(self.stage).copied().unwrap_or(0.0);
        let mut best: Option<PricedBound> = None;
        let mut factor = 1.0;
        for _ in 0..SUBGRADIENT_STEPS {
            let (bound, choices) = self.choose(&prices);
            if best.as_ref().is_none_or(|best| bound > best.bound) {
                best = Some(PricedBound {
                    bound,
                    prices: prices.clone(),
                });
            } else {
                factor *= 0.95;
            }
            // In units of what is priced, so that all rows count alike.
            let mut steps = self.free();
            for (bin, step) in self.assignment.bins.iter().zip(&mut steps.by_bin) {
                step[..bin.capacity.len()].fill(-1.0);
            }
            for (cap, step) in self.assignment.caps.iter().zip(&mut steps.caps) {
                *step = if cap.max > 0 { -1.0 } else { 0.0 };
            }
            steps.kept = (0..self.stage).map(|stage| self.sign(stage)).collect();
            for (item, choice) in (0_u32..).zip(&choices) {
                for &(bin, copies) in &choice.bins {
                    self.add_use(item, bin, copies as f64, &mut steps);
                }
            }
            let all = steps.by_bin.iter().flatten();
            let all = all.chain(&steps.kept).chain(&steps.caps);
            let length: f64 = all.map(|step| step * step).sum();
            if length <= 1e-12 || bound >= target || stop.reason().is_some() {
                break;
            }
            let stride = factor * (target - bound) / length;
            for (position, bin) in self.assignment.bins.iter().enumerate() {
                let steps = prices.by_bin[position]
                    .iter_mut()
                    .zip(&steps.by_bin[position]);
                for ((price, step), &capacity) in steps.zip(&bin.capacity) {
                    *price = (*price + stride * step / capacity.max(1) as f64).max(0.0);
                }
            }
            let caps = prices.caps.iter_mut().zip(&steps.caps);
            for ((price, step), cap) in caps.zip(&self.assignment.caps) {
                *price = (*price + stride * step / cap.max.max(1) as f64).max(0.0);
            }
            for (stage, (price, step)) in prices.kept.iter_mut().zip(&steps.kept).enumerate() {
                *price = (*price + stride * step / self.reached[stage].abs().max(1.0)).max(0.0);
            }
        }
        best.unwrap_or_else(|| PricedBound {
            bound: 0.0,
            prices: self.free(),
        })
    }

    /// Adds what copies take of each row, as a part of the row.
    fn add_use(&self, item: u32, bin: u32, copies: f64, steps: &mut Prices) {
        let demand = &self.assignment.items[item as usize].demand;
        let capacity = &self.assignment.bins[bin as usize].capacity;
        for ((step, &demand), &capacity) in (steps.by_bin[bin as usize].iter_mut())
            .zip(demand)
            .zip(capacity)
        {
            *step += demand as f64 * copies / capacity.max(1) as f64;
        }
        for &cap in &self.caps_in[bin as usize] {
            let max = self.assignment.caps[cap as usize].max.max(1) as f64;
            steps.caps[cap as usize] += self.weights[item as usize][cap as usize] * copies / max;
        }
        for (stage, step) in steps.kept.iter_mut().enumerate() {
            let part = self.coefficient(stage, item, bin) * copies;
            *step -= self.sign(stage) * part / self.reached[stage].abs().max(1.0);
        }
    }
}
