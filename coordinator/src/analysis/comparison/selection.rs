//! Picking one: on validation, with a report on test.

use serde::Serialize;

/// The best candidate, and what picking does to its score. Every pick is by [`Row::adjusted_mean`](super::Row::adjusted_mean)'s
/// rule, so that a candidate gains nothing by having failed, nor by having run on easy splits only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selection {
    /// The best by validation: the one to report. `None` if no validation scores are known.
    pub by_validation: Option<Pick>,
    /// The best by the reported score itself: flattered.
    pub by_test: Pick,
    /// The mean score of the best by test of all other splits, on the split left out: what picking by test is worth. `None` for
    /// fewer than two splits.
    pub held_out: Option<f64>,
    /// The optimism of picking by test over all splits: how much better its mean is than `held_out`. Positive is flattered, in
    /// whatever direction the metric is better.
    pub optimism: Option<f64>,
    /// The optimism of picking by test on one split alone: how much better the best of a split is on it than on the others.
    pub optimism_of_one_split: Option<f64>,
}

/// A candidate that was picked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pick {
    /// Its index.
    pub candidate: usize,
    /// By what it was picked, adjusted.
    pub picked_by: f64,
    /// Its mean score on test; `None` if it has none.
    pub test: Option<f64>,
}
