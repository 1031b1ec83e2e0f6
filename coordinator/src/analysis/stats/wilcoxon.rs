//! Wilcoxon's signed-rank test.

use super::distributions::normal_tail;
use super::ranks::average_ranks;
use std::sync::LazyLock;

/// Greatest number of differences for which the exact distribution is used.
const MOST_EXACT: usize = 50;

/// For each n, P(W <= w) of the sum of ranks with a positive sign.
static EXACT: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut counts = vec![1.0];
    let mut tables = vec![vec![1.0]];
    for n in 1..=MOST_EXACT {
        let mut next = vec![0.0; counts.len() + n];
        for (sum, count) in counts.iter().enumerate() {
            next[sum] += count / 2.0;
            next[sum + n] += count / 2.0;
        }
        counts = next;
        let cumulated = counts.iter().scan(0.0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        tables.push(cumulated.collect());
    }
    tables
});

/// The statistic - the lesser of the two sums of ranks - and its two-sided p.
///
/// Exact for at most 50 differences without zeros and ties; otherwise the normal approximation with zeros left out, the variance
/// corrected for ties, and no correction for continuity. p is 1 if all differences are zero.
#[must_use]
pub fn wilcoxon(differences: &[f64]) -> (f64, f64) {
    let kept: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    if kept.is_empty() {
        return (0.0, 1.0);
    }
    let sizes: Vec<f64> = kept.iter().map(|difference| difference.abs()).collect();
    let mut ranks = vec![0.0; sizes.len()];
    let ties = average_ranks(&sizes, &mut ranks);
    let positive: f64 = kept.iter().zip(&ranks).filter(|(kept, _)| **kept > 0.0).map(|(_, rank)| rank).sum();
    let n = kept.len() as f64;
    let lesser = positive.min(n * (n + 1.0) / 2.0 - positive);
    if ties == 0.0 && kept.len() == differences.len() && kept.len() <= MOST_EXACT {
        let below = EXACT[kept.len()].get(lesser as usize).copied().unwrap_or(1.0);
        return (lesser, (2.0 * below).min(1.0));
    }
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
    let z = (lesser - n * (n + 1.0) / 4.0) / variance.sqrt();
    (lesser, (2.0 * normal_tail(z.abs())).min(1.0))
}
