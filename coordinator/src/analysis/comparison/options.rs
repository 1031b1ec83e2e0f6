//! What may be chosen about an analysis. Choose before looking.

use serde::Serialize;

/// The choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Options {
    /// Level of tests, and 1 - confidence of intervals.
    pub alpha: f64,
    /// Region of practical equivalence: differences up to this size do not matter. In units of the score. `None` takes a quarter of the
    /// standard deviation over splits.
    pub rope: Option<f64>,
    /// The ratio of Nadeau and Bengio's correction; `None` takes what the observations know, else [`DEFAULT_RATIO`].
    ///
    /// [`DEFAULT_RATIO`]: crate::analysis::observations::DEFAULT_RATIO
    pub ratio: Option<f64>,
    /// The score that a job counts with that ended without one. `None` takes the worst of the two that are compared and of the best
    /// baseline that does not look at the image.
    pub failed_score: Option<f64>,
    /// The one candidate that all others are compared with, by its index: fewer comparisons than those of all pairs. `None` compares
    /// all pairs.
    pub against: Option<usize>,
    /// Non-inferiority: up to how much worse is not worse. In units of the score.
    pub margin: Option<f64>,
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
            rope: None,
            ratio: None,
            failed_score: None,
            against: None,
            margin: None,
            sensitivity: [1.0 / 3.0, 0.5, 1.0],
            power: 0.8,
            seed: 0,
            resamples: 1000,
        }
    }
}
