//! What may be chosen about an analysis. Choose before looking.

use serde::Serialize;

/// The choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Options {
    /// Level of tests, and 1 - confidence of intervals.
    pub alpha: f64,
    /// Region of practical equivalence: differences up to this size do not matter. In units of the score.
    pub rope: f64,
    /// Test cases by training cases; `None` takes what the observations know, else one half.
    pub ratio: Option<f64>,
    /// The ratios of the sensitivity line: image difficulty, 100 to 50, effects of the training set.
    pub sensitivity: [f64; 3],
    /// Power at which a difference counts as detectable.
    pub power: f64,
    /// Seed of random sign flips and bootstraps.
    pub seed: u64,
    /// Number of bootstrap resamples.
    pub resamples: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            rope: 0.01,
            ratio: None,
            sensitivity: [1.0 / 3.0, 0.5, 1.0],
            power: 0.8,
            seed: 0,
            resamples: 1000,
        }
    }
}
