//! Which differences a number of splits can detect.

use super::options::Options;
use crate::stats::power::{detectable, floor};
use rayon::prelude::*;
use serde::Serialize;

/// Detectable differences.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Power {
    /// Median standard deviation of the pairs' differences; `None` without pairs.
    pub typical_sd: Option<f64>,
    /// Number of pairs that share the level.
    pub pairs: usize,
    /// For several numbers of splits, that of the sweep among them, in ascending order.
    pub detectable: Vec<Detectable>,
    /// The limit for new data with ever more splits, in standard deviations of the differences: `(z_.975 + z_.8) sqrt(ratio)`.
    pub floor: f64,
}

/// The least difference that is detected with the options' power, in standard deviations of the differences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detectable {
    /// Number of splits.
    pub splits: usize,
    /// Between one pair, on this pool.
    pub this_pool: f64,
    /// Between one pair, on new data.
    pub new_data: f64,
    /// On new data, at the level of one of all pairs (Bonferroni).
    pub new_data_all_pairs: f64,
    /// On this pool, at the level of one of all pairs.
    pub this_pool_all_pairs: f64,
}

impl Power {
    /// The differences that `splits` can detect, given the median deviation and the number of the pairs.
    pub(super) fn of(splits: usize, typical_sd: Option<f64>, pairs: usize, ratio: f64, options: &Options) -> Self {
        let mut numbers = vec![5, 8, 10, 12, 15, 20, 30, 100];
        numbers.extend((splits > 1).then_some(splits));
        numbers.sort_unstable();
        numbers.dedup();
        let Options { alpha, power, .. } = *options;
        let one_of_all = alpha / pairs.max(1) as f64;
        let detectable = numbers.into_par_iter().map(|splits| Detectable {
            splits,
            this_pool: detectable(splits, 0.0, alpha, power),
            new_data: detectable(splits, ratio, alpha, power),
            new_data_all_pairs: detectable(splits, ratio, one_of_all, power),
            this_pool_all_pairs: detectable(splits, 0.0, one_of_all, power),
        });
        Self { typical_sd, pairs, detectable: detectable.collect(), floor: floor(ratio, alpha, power) }
    }
}
