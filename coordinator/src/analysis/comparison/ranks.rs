//! Ranks of the candidates over the splits: within this pool only, since splits of one pool are no independent data sets.

use serde::Serialize;

/// Ranks over the splits on which every candidate ended; rank 1 is the best, and jobs without a score share the last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranks {
    /// Number of splits.
    pub splits: usize,
    /// Mean rank of each candidate, ties averaged.
    pub mean: Vec<f64>,
    /// For each candidate, on how many splits it had rank 1, 2, ...; of tied ones all have the least.
    pub histogram: Vec<Vec<u32>>,
    /// For each candidate, the share of bootstrap resamples of the splits in which its mean rank is the best; ties share.
    pub p_best: Vec<f64>,
    /// Friedman's test, corrected for ties.
    pub friedman: Test,
    /// Iman and Davenport's F of it.
    pub iman_davenport: Test,
    /// Kendall's W: agreement of the splits, from 0 to 1.
    pub kendall_w: f64,
    /// Nemenyi's critical difference of mean ranks at the options' level.
    pub critical_difference: f64,
    /// The candidates, best mean rank first.
    pub order: Vec<usize>,
    /// Groups of neighbours in `order`, first and last position, in which no pair differs by Wilcoxon's test after Holm.
    pub cliques: Vec<(usize, usize)>,
}

/// A test of a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom; the second is that of an F, else infinite.
    pub df: (f64, f64),
    /// p.
    pub p: f64,
}
