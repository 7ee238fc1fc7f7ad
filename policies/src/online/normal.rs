//! What the normal distribution says about a shortage.

/// `E[max(0, N - limit)]` for a normal `N` of this mean and spread (standard deviation).
pub(super) fn expected_excess(mean: f64, spread: f64, limit: f64) -> f64 {
    let margin = limit - mean;
    if spread <= 0.0 {
        return (-margin).max(0.0);
    }
    let z = margin / spread;
    (spread * density(z) - margin * upper_tail(z)).max(0.0)
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

/// The probability that a standard normal exceeds `z`, to 1e-7 (Abramowitz and Stegun, 26.2.17).
fn upper_tail(z: f64) -> f64 {
    const WEIGHTS: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let polynomial = WEIGHTS
        .iter()
        .rev()
        .fold(0.0, |sum, weight| (sum + weight) * t);
    let tail = density(z) * polynomial;
    if z >= 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::{expected_excess, upper_tail};

    #[test]
    fn tails_are_those_of_the_tables() {
        for (z, tail) in [
            (0.0, 0.5),
            (1.0, 0.158_655_3),
            (1.96, 0.024_997_9),
            (-1.0, 0.841_344_7),
        ] {
            assert!((upper_tail(z) - tail).abs() < 2e-7, "{z}");
        }
    }

    #[test]
    fn without_spread_the_excess_is_the_difference() {
        assert_eq!(expected_excess(5.0, 0.0, 3.0), 2.0);
        assert_eq!(expected_excess(3.0, 0.0, 5.0), 0.0);
    }

    #[test]
    fn at_the_mean_the_excess_is_the_spread_over_the_root_of_two_pi() {
        assert!((expected_excess(7.0, 2.0, 7.0) - 2.0 * 0.398_942_3).abs() < 1e-6);
    }

    #[test]
    fn the_excess_falls_as_the_limit_rises() {
        let excess: Vec<f64> = (0..40)
            .map(|limit| expected_excess(10.0, 3.0, f64::from(limit)))
            .collect();
        assert!(excess.windows(2).all(|pair| pair[0] >= pair[1]));
        assert!((excess[0] - 10.0).abs() < 1e-2 && excess[39] < 1e-6);
    }
}
