//! Prices without a solver: subgradient steps towards the value reached.

use super::{GroupPrices, InGroup, Pricing};

const SUBGRADIENT_STEPS: usize = 200;

impl Pricing {
    /// Subgradient steps with the step length of Polyak; the best prices seen.
    pub(super) fn step_down(&self, target: f64) -> (f64, GroupPrices) {
        let mut prices = GroupPrices {
            amounts: vec![vec![0.0; self.n_resources]; self.capacity.len()],
            counts: self.parts.iter().map(|_| None).collect(),
            kept: vec![0.0; self.kept.len()],
        };
        let mut best = (self.bound(&prices), prices.clone());
        let mut factor = 1.0;
        for _ in 0..SUBGRADIENT_STEPS {
            let bound = self.bound(&prices);
            if bound < best.0 {
                best = (bound, prices.clone());
            } else {
                factor *= 0.97;
            }
            // In units of each group's capacity, and of what is reached, so that all rows count alike.
            let mut steps = vec![vec![1.0; self.n_resources]; self.capacity.len()];
            let mut kept_steps = vec![-1.0; self.kept.len()];
            for kind in &self.kinds {
                if let Some((InGroup { group, kept, .. }, _)) = self.best_group(kind, &prices) {
                    for ((step, value), &(_, reached)) in
                        kept_steps.iter_mut().zip(kept).zip(&self.kept)
                    {
                        *step += kind.most * value / reached.max(1.0);
                    }
                    let capacity = &self.capacity[*group];
                    for ((step, &demand), &capacity) in
                        steps[*group].iter_mut().zip(&kind.demand).zip(capacity)
                    {
                        *step -= kind.most * demand / capacity.max(1.0);
                    }
                }
            }
            let all = steps.iter().flatten().chain(&kept_steps);
            let length: f64 = all.map(|step| step * step).sum();
            if length <= 1e-12 || bound <= target {
                break;
            }
            let stride = factor * (bound - target) / length;
            for ((prices, steps), capacity) in
                (prices.amounts.iter_mut()).zip(&steps).zip(&self.capacity)
            {
                for ((price, &step), &capacity) in prices.iter_mut().zip(steps).zip(capacity) {
                    *price = (*price - stride * step / capacity.max(1.0)).max(0.0);
                }
            }
            for ((price, step), &(_, reached)) in
                prices.kept.iter_mut().zip(&kept_steps).zip(&self.kept)
            {
                *price = (*price - stride * step / reached.max(1.0)).max(0.0);
            }
        }
        best
    }
}
