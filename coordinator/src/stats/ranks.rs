//! Ranks, and tests of whether they differ. Rows are blocks (splits), columns are what is compared.

use super::distributions::{StudentT, chi_squared_tail, f_tail, studentized_range_quantile, studentized_range_tail};
use std::f64::consts::SQRT_2;

/// Writes the rank of each number, the least being 1 and tied ones sharing the mean of theirs. Returns the sum of `t³ - t` over
/// groups of t tied numbers.
pub fn average_ranks(numbers: &[f64], ranks: &mut [f64]) -> f64 {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_unstable_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let (mut before, mut ties) = (0.0, 0.0);
    for group in order.chunk_by(|&a, &b| numbers[a] == numbers[b]) {
        let size = group.len() as f64;
        for &index in group {
            ranks[index] = before + (size + 1.0) / 2.0;
        }
        before += size;
        ties += size * size * size - size;
    }
    ties
}

/// Friedman's test and what is made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Friedman {
    /// Number of blocks.
    pub blocks: usize,
    /// Number of columns.
    pub columns: usize,
    /// Mean rank of each column.
    pub mean_ranks: Vec<f64>,
    /// Chi-squared, corrected for ties, with columns - 1 degrees of freedom. Zero if all are tied.
    pub chi_squared: f64,
    /// Sum of the squared ranks, which the post-hoc test needs.
    squares: f64,
}

impl Friedman {
    /// The test of blocks of ranks as [`average_ranks`] gives them, with the sum of its returned values; `None` for fewer than two
    /// blocks or columns.
    #[must_use]
    pub fn of(ranks: &[Vec<f64>], ties: f64) -> Option<Self> {
        let (blocks, columns) = (ranks.len(), ranks.first()?.len());
        if blocks < 2 || columns < 2 {
            return None;
        }
        let (n, k) = (blocks as f64, columns as f64);
        let sum = |column: usize| ranks.iter().map(|row| row[column]).sum::<f64>();
        let mean_ranks: Vec<f64> = (0..columns).map(|column| sum(column) / n).collect();
        let squares: f64 = mean_ranks.iter().map(|rank| rank * rank).sum();
        let raw = 12.0 * n / (k * (k + 1.0)) * (squares - k * (k + 1.0).powi(2) / 4.0);
        let correction = 1.0 - ties / (n * k * (k * k - 1.0));
        let chi_squared = if correction > 0.0 { (raw / correction).max(0.0) } else { 0.0 };
        let squares = ranks.iter().flatten().map(|rank| rank * rank).sum();
        Some(Self { blocks, columns, mean_ranks, chi_squared, squares })
    }

    /// p of [`chi_squared`](Self::chi_squared).
    #[must_use]
    pub fn p(&self) -> f64 {
        chi_squared_tail(self.chi_squared, self.columns as f64 - 1.0)
    }

    /// Iman and Davenport's F, its two degrees of freedom and its p: `(n - 1) chi² / (n (k - 1) - chi²)`. Infinite where all blocks
    /// agree.
    #[must_use]
    pub fn iman_davenport(&self) -> (f64, (f64, f64), f64) {
        let (n, k) = (self.blocks as f64, self.columns as f64);
        let rest = n * (k - 1.0) - self.chi_squared;
        let f = if rest > 0.0 { (n - 1.0) * self.chi_squared / rest } else { f64::INFINITY };
        let df = (k - 1.0, (k - 1.0) * (n - 1.0));
        (f, df, if f.is_finite() { f_tail(f, df.0, df.1) } else { 0.0 })
    }

    /// Kendall's W: `chi² / (n (k - 1))`.
    #[must_use]
    pub fn kendall_w(&self) -> f64 {
        self.chi_squared / (self.blocks as f64 * (self.columns as f64 - 1.0))
    }

    /// p of Nemenyi's test of two columns.
    #[must_use]
    pub fn nemenyi_p(&self, a: usize, b: usize) -> f64 {
        let (n, k) = (self.blocks as f64, self.columns as f64);
        let z = (self.mean_ranks[a] - self.mean_ranks[b]).abs() / (k * (k + 1.0) / (6.0 * n)).sqrt();
        studentized_range_tail(z * SQRT_2, self.columns).clamp(0.0, 1.0)
    }

    /// p of Conover's test of two columns, not corrected for their number.
    #[must_use]
    pub fn conover_p(&self, a: usize, b: usize) -> f64 {
        let (n, k) = (self.blocks as f64, self.columns as f64);
        let sums: f64 = self.mean_ranks.iter().map(|rank| (rank * n).powi(2)).sum();
        let df = (n - 1.0) * (k - 1.0);
        let deviation = (2.0 * (n * self.squares - sums) / df).max(0.0).sqrt();
        let difference = n * (self.mean_ranks[a] - self.mean_ranks[b]).abs();
        StudentT::new(df).two_sided(if difference == 0.0 { 0.0 } else { difference / deviation })
    }
}

/// Nemenyi's critical difference of mean ranks (Demšar, JMLR 7, 2006): `q / sqrt(2) sqrt(k (k + 1) / (6 n))`, q of the studentized
/// range with infinite degrees of freedom.
#[must_use]
pub fn critical_difference(columns: usize, blocks: usize, alpha: f64) -> f64 {
    let k = columns as f64;
    studentized_range_quantile(alpha, columns) / SQRT_2 * (k * (k + 1.0) / (6.0 * blocks as f64)).sqrt()
}
