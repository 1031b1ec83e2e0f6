//! What can be detected with so many splits.

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
}
