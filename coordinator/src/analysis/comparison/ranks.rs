//! Ranks of the candidates over the splits: within this pool only, since splits of one pool are no independent data sets.

use super::grid::Grid;
use super::options::Options;
use crate::stats::multiple::SortedFamily;
use crate::stats::random::Random;
use crate::stats::ranks::{Friedman, average_ranks, critical_difference};
use serde::Serialize;
use std::sync::OnceLock;

/// Maximum number of candidates with a histogram.
pub const MAX_IN_HISTOGRAM: usize = 100;

/// Ranks over the splits on which every candidate ended; rank 1 is the best, and jobs without a score share the last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranks {
    /// Number of splits.
    pub splits: usize,
    /// Mean rank of each candidate, ties averaged.
    pub mean: Vec<f64>,
    /// For each candidate, on how many splits it had rank 1, 2, ...; of tied ones all have the least. Empty for more than 100
    /// candidates: it is their number squared.
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
    /// What [`Analysis::cliques`](super::Analysis::cliques) found, once it was asked.
    #[serde(skip)]
    pub(crate) cliques: OnceLock<Vec<(usize, usize)>>,
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

impl Ranks {
    /// The ranks of all candidates; `None` for fewer than two of them, or of splits on which all ended.
    pub(super) fn of(grid: &Grid, options: &Options) -> Option<Self> {
        if grid.worst.is_nan() {
            return None; // nothing has a score
        }
        let blocks: Vec<Vec<f64>> = grid.ended_splits().into_iter().map(|split| block(grid, split)).collect();
        let mut ties = 0.0;
        let mut ranks = vec![vec![0.0; grid.candidates]; blocks.len()];
        for (block, ranks) in blocks.iter().zip(&mut ranks) {
            ties += average_ranks(block, ranks);
        }
        let friedman = Friedman::of(&ranks, ties)?;
        let mut order: Vec<usize> = (0..grid.candidates).collect();
        order.sort_by(|a, b| friedman.mean_ranks[*a].total_cmp(&friedman.mean_ranks[*b]));
        let (f, df, p) = friedman.iman_davenport();
        let columns = friedman.columns as f64;
        let counted = 0..if grid.candidates > MAX_IN_HISTOGRAM { 0 } else { grid.candidates };
        Some(Self {
            splits: blocks.len(),
            histogram: counted.map(|candidate| histogram(&blocks, candidate)).collect(),
            p_best: p_best(&ranks, options),
            friedman: Test { statistic: friedman.chi_squared, df: (columns - 1.0, f64::INFINITY), p: friedman.p() },
            iman_davenport: Test { statistic: f, df, p },
            kendall_w: friedman.kendall_w(),
            critical_difference: critical_difference(grid.candidates, blocks.len(), options.alpha),
            cliques: OnceLock::new(),
            mean: friedman.mean_ranks,
            order,
        })
    }
}

/// What is ranked on a split, the least being the best: the mean score of its jobs, and more than any if a job has none.
fn block(grid: &Grid, split: usize) -> Vec<f64> {
    let least_is_best = |score: f64| if score.is_nan() { f64::INFINITY } else { -grid.sign() * score };
    grid.of_candidates().iter().map(|row| least_is_best(row.by_split[split])).collect()
}

/// On how many splits the candidate had each rank.
fn histogram(blocks: &[Vec<f64>], candidate: usize) -> Vec<u32> {
    let mut counts = vec![0; blocks.first().map_or(0, Vec::len)];
    for block in blocks {
        let better = block.iter().filter(|other| **other < block[candidate]).count();
        counts[better] += 1;
    }
    counts
}

/// The share of bootstrap resamples of the splits in which each has the best mean rank.
fn p_best(ranks: &[Vec<f64>], options: &Options) -> Vec<f64> {
    let mut random = Random::of(options.seed);
    let mut shares = vec![0.0; ranks.first().map_or(0, Vec::len)];
    let mut sums = shares.clone();
    for _ in 0..options.resamples {
        sums.fill(0.0);
        for _ in ranks {
            let resampled = &ranks[random.below(ranks.len())];
            sums.iter_mut().zip(resampled).for_each(|(sum, rank)| *sum += rank);
        }
        let best = sums.iter().copied().fold(f64::INFINITY, f64::min);
        let tied = sums.iter().filter(|sum| **sum <= best).count() as f64;
        let of_best = shares.iter_mut().zip(&sums).filter(|(_, sum)| **sum <= best);
        of_best.for_each(|(share, _)| *share += 1.0 / tied);
    }
    shares.iter().map(|share| share / options.resamples.max(1) as f64).collect()
}

/// The greatest groups of neighbours in which no two differ, by the p of every pair, row by row, NaN where they share no two splits.
pub(super) fn cliques(order: &[usize], p: &[f64], alpha: f64) -> Vec<(usize, usize)> {
    let tested = SortedFamily::of(p.iter().copied().filter(|p| !p.is_nan()).collect());
    let threshold = tested.holm_threshold(alpha).unwrap_or(f64::NEG_INFINITY);
    drop(tested);
    // pairs stand row by row: those of the first, then those of the second, ...
    let place = |a: usize, b: usize| a * (2 * order.len() - a - 1) / 2 + b - a - 1;
    // two candidates without a common score are not compared: their ranks differ
    let differ = |a: usize, b: usize| p.get(place(a.min(b), a.max(b))).is_some_and(|p| p.is_nan() || *p <= threshold);
    let mut cliques: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for (last, candidate) in order.iter().enumerate() {
        let apart = (from..last).rev().find(|other| differ(order[*other], *candidate));
        from = apart.map_or(from, |other| other + 1);
        match cliques.last_mut() {
            Some(clique) if clique.0 == from => clique.1 = last,
            _ if from < last => cliques.push((from, last)),
            _ => {}
        }
    }
    cliques
}
