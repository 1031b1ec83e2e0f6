//! Fisher's exact test: two shares of a few.

/// Two-sided p of `a` of `of_a` against `b` of `of_b`: the chance of a table that is no more likely than the observed one, with both
/// totals given (hypergeometric), as R and scipy define it. 1 where nothing was seen.
#[must_use]
pub fn fisher(a: usize, of_a: usize, b: usize, of_b: usize) -> f64 {
    let (hits, all) = (a + b, of_a + of_b);
    let from = hits.saturating_sub(of_b);
    let up_to = hits.min(of_a);
    // weights up to a common factor, each from the one before
    let mut weights = vec![1.0];
    for k in from..up_to {
        let ratio = ((of_a - k) * (hits - k)) as f64 / ((k + 1) * (of_b + k + 1 - hits)) as f64;
        weights.push(weights[weights.len() - 1] * ratio);
    }
    let whole: f64 = weights.iter().sum();
    let observed = weights.get(a - from.min(a)).copied().unwrap_or(0.0);
    // equally likely tables differ by rounding only
    let as_rare: f64 = weights.iter().filter(|weight| **weight <= observed * (1.0 + 1e-7)).sum();
    if all == 0 || whole <= 0.0 { 1.0 } else { (as_rare / whole).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::fisher;

    #[test]
    fn the_p_are_those_of_scipy() {
        // scipy.stats.fisher_exact([[a, of_a - a], [b, of_b - b]])
        let expected = [
            ((0, 20, 3, 20), 0.230_769_230_769_230_77),
            ((1, 12, 6, 12), 0.068_649_885_583_524),
            ((0, 5, 0, 5), 1.0),
            ((5, 5, 0, 5), 0.007_936_507_936_507_936),
            ((2, 8, 3, 30), 0.279_307_170_948_037_75),
        ];
        for ((a, of_a, b, of_b), p) in expected {
            assert!(
                (fisher(a, of_a, b, of_b) - p).abs() < 1e-9,
                "{a} of {of_a}, {b} of {of_b}: {}",
                fisher(a, of_a, b, of_b)
            );
            assert!((fisher(b, of_b, a, of_a) - p).abs() < 1e-9);
        }
    }
}
