//! Which differences a number of splits tells apart, before a sweep and after it.

use super::finding::MIN_SPLITS;
use crate::stats::power::{detectable, floor};
use rayon::prelude::*;
use serde::Serialize;

/// Numbers of splits that a table has beside the sweep's own.
const USUAL_SPLITS: [usize; 8] = [5, 8, 10, 12, 15, 20, 30, 100];

/// What decides how small a difference a sweep can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Number of different splits that every candidate has.
    pub splits: usize,
    /// Number of pairs that share the level.
    pub pairs: usize,
    /// Test cases by the other cases of the pool, or by training cases if the pool is not known.
    pub ratio: f64,
    /// Level of the tests.
    pub alpha: f64,
    /// Power at which a difference counts as told apart.
    pub power: f64,
}

/// The least true difference that a number of splits tells apart, in standard deviations of a pair's differences over splits. `None`
/// where so few splits show nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detectable {
    /// Number of splits.
    pub splits: usize,
    /// Between a pair by itself, on this pool.
    pub this_pool: Option<f64>,
    /// Between a pair by itself, on new data.
    pub new_data: Option<f64>,
    /// Between one of all pairs (Bonferroni), on new data.
    pub new_data_all_pairs: Option<f64>,
    /// Between one of all pairs (Bonferroni), on this pool.
    pub this_pool_all_pairs: Option<f64>,
}

impl Design {
    /// What the sweep tells apart if it has that many splits.
    #[must_use]
    pub fn with(&self, splits: usize) -> Detectable {
        let Self { alpha, power, ratio, .. } = *self;
        let one_of_all = alpha / self.pairs.max(1) as f64;
        let least = |ratio, level| (splits >= MIN_SPLITS).then(|| detectable(splits, ratio, level, power));
        let [this_pool, this_pool_all_pairs] = [alpha, one_of_all].map(|level| least(0.0, level));
        let [new_data, new_data_all_pairs] = [alpha, one_of_all].map(|level| least(ratio, level));
        Detectable { splits, this_pool, new_data, new_data_all_pairs, this_pool_all_pairs }
    }

    /// [`Design::with`] for the usual numbers of splits and the sweep's own, in ascending order.
    #[must_use]
    pub fn table(&self) -> Vec<Detectable> {
        let mut splits = USUAL_SPLITS.to_vec();
        splits.extend((self.splits > 1).then_some(self.splits));
        splits.sort_unstable();
        splits.dedup();
        splits.into_par_iter().map(|splits| self.with(splits)).collect()
    }
}

/// What the splits of a sweep that ran, and more of them, tell apart.
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

impl Power {
    /// The power of a design, given the median deviation.
    pub(super) fn of(design: &Design, typical_sd: Option<f64>) -> Self {
        let Design { pairs, ratio, alpha, power, .. } = *design;
        Self { typical_sd, pairs, detectable: design.table(), floor: floor(ratio, alpha, power) }
    }
}
