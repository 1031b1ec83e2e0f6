//! Wilcoxon's signed-rank test.

use super::distributions::normal_tail;
use std::sync::LazyLock;

/// Greatest number of differences for which the exact distribution is used.
const MAX_EXACT: usize = 50;

/// For each n, P(W <= w) of the sum of ranks with a positive sign.
static EXACT: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut counts = vec![1.0];
    let mut tables = vec![vec![1.0]];
    for n in 1..=MAX_EXACT {
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

/// The test, with room that is used for list after list.
#[derive(Debug, Clone, Default)]
pub struct Wilcoxon {
    /// Differences that are not zero, by size.
    sorted: Vec<f64>,
}

impl Wilcoxon {
    /// The statistic - the lesser of the two sums of ranks - and its two-sided p.
    ///
    /// Exact for at most 50 differences without zeros and ties; otherwise the normal approximation with zeros left out, the
    /// variance corrected for ties, and no correction for continuity. p is 1 if all differences are zero.
    pub fn test(&mut self, differences: &[f64]) -> (f64, f64) {
        self.sorted.clear();
        self.sorted.extend(differences.iter().filter(|difference| **difference != 0.0));
        self.sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
        let (mut before, mut positive, mut ties) = (0.0, 0.0, 0.0);
        for group in self.sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let size = group.len() as f64;
            let rank = before + (size + 1.0) / 2.0;
            positive += rank * group.iter().filter(|difference| **difference > 0.0).count() as f64;
            before += size;
            ties += size * size * size - size;
        }
        let n = self.sorted.len() as f64;
        let lesser = positive.min(n * (n + 1.0) / 2.0 - positive);
        let has_zeros = self.sorted.len() < differences.len();
        if self.sorted.is_empty() {
            return (0.0, 1.0);
        }
        if ties == 0.0 && !has_zeros && self.sorted.len() <= MAX_EXACT {
            let below = EXACT[self.sorted.len()].get(lesser as usize).copied().unwrap_or(1.0);
            return (lesser, (2.0 * below).min(1.0));
        }
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
        let z = (lesser - n * (n + 1.0) / 4.0) / variance.sqrt();
        (lesser, (2.0 * normal_tail(z.abs())).min(1.0))
    }
}
