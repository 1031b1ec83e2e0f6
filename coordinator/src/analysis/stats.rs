//! Statistics of a list of scores.

/// What a list of scores comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of scores.
    pub n: usize,
    /// Arithmetic mean; `None` without scores.
    pub mean: Option<f64>,
    /// Standard deviation of the sample (divisor n - 1); `None` for fewer than two scores.
    pub sd: Option<f64>,
    /// The least score.
    pub min: Option<f64>,
    /// The greatest score.
    pub max: Option<f64>,
}

impl Summary {
    /// Summarises finite scores.
    #[must_use]
    pub fn of(scores: &[f64]) -> Self {
        let n = scores.len();
        let mean = (n > 0).then(|| scores.iter().sum::<f64>() / n as f64);
        // two passes: the one-pass formula loses all digits where the deviation is small beside the mean
        let sd = mean.filter(|_| n > 1).map(|mean| {
            let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
            (squares / (n - 1) as f64).sqrt()
        });
        let extreme = |least: fn(f64, f64) -> f64| scores.iter().copied().reduce(least);
        Self { n, mean, sd, min: extreme(f64::min), max: extreme(f64::max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_divides_by_n_minus_1() {
        // Python: statistics.mean, statistics.stdev of the same list
        let summary = Summary::of(&[0.702, 0.678, 0.608, 0.666, 0.614, 0.572]);
        assert_eq!(summary.n, 6);
        assert!((summary.mean.unwrap_or_default() - 0.64).abs() < 1e-15);
        assert!((summary.sd.unwrap_or_default() - 0.049_574_186_831_454_95).abs() < 1e-15);
        assert_eq!((summary.min, summary.max), (Some(0.572), Some(0.702)));
    }

    #[test]
    fn few_scores_leave_gaps() {
        assert_eq!(Summary::of(&[]), Summary { n: 0, mean: None, sd: None, min: None, max: None });
        let one = Summary { n: 1, mean: Some(0.5), sd: None, min: Some(0.5), max: Some(0.5) };
        assert_eq!(Summary::of(&[0.5]), one);
    }

    #[test]
    fn a_small_deviation_beside_a_large_mean_survives() {
        let sd = Summary::of(&[1e9, 1e9 + 1.0, 1e9 + 2.0]).sd;
        assert_eq!(sd, Some(1.0));
    }
}
