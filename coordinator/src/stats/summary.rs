//! Statistics of a list of scores.

use serde::Serialize;

/// What a list of scores comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Number of scores.
    pub n: usize,
    /// Arithmetic mean; `None` without scores.
    pub mean: Option<f64>,
    /// The middle score, or the mean of the middle two.
    pub median: Option<f64>,
    /// Interquartile mean: of what remains without the `n / 4` (rounded down) least and greatest scores.
    pub iqm: Option<f64>,
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
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            n,
            mean,
            median: middle(&sorted, (n.max(1) - 1) / 2),
            iqm: middle(&sorted, n / 4),
            sd,
            min: sorted.first().copied(),
            max: sorted.last().copied(),
        }
    }
}

/// The mean of a sorted list without `cut` numbers at each end.
fn middle(sorted: &[f64], cut: usize) -> Option<f64> {
    let kept = sorted.get(cut..sorted.len().checked_sub(cut)?)?;
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
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
        assert_eq!(Summary::of(&[]), Summary::default());
        let half = Some(0.5);
        let one = Summary { n: 1, mean: half, median: half, iqm: half, sd: None, min: half, max: half };
        assert_eq!(Summary::of(&[0.5]), one);
    }

    #[test]
    fn a_small_deviation_beside_a_large_mean_survives() {
        let sd = Summary::of(&[1e9, 1e9 + 1.0, 1e9 + 2.0]).sd;
        assert_eq!(sd, Some(1.0));
    }
}
