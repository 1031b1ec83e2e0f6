//! Where the spread of scores comes from: components of variance.

use crate::analysis::stats::Interval;
use serde::Serialize;

/// Components of variance, as far as the sweep's shape lets them be told apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Variance {
    /// Candidates x splits.
    pub two_way: Option<TwoWay>,
    /// Each candidate whose seeds are crossed: splits x initialisations x orders.
    pub crossed: Vec<Crossed>,
    /// What the choice of test cases alone explains.
    pub test_sampling: Option<TestSampling>,
}

/// The model `score = mean + candidate + split + rest`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TwoWay {
    /// Number of candidates.
    pub candidates: usize,
    /// Number of splits on which every candidate has a score.
    pub splits: usize,
    /// Mean square of candidates, splits and the rest.
    pub mean_squares: [f64; 3],
    /// The components: `candidate`, `split`, `residual` (candidate x split, initialisation and order together).
    pub components: Vec<Component>,
}

/// The model `score = mean + split + init + order + interactions` of one candidate; factors with one level are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crossed {
    /// Index of the candidate; `None` for the mean over all of `crossed`.
    pub candidate: Option<usize>,
    /// Number of splits, initialisations and orders.
    pub levels: [usize; 3],
    /// The components: `split`, `init`, `order`, their products (`split × init`), the last of which is the residual.
    pub components: Vec<Component>,
}

/// A component of variance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Degrees of freedom of its mean square.
    pub df: usize,
    /// Its mean square.
    pub mean_square: f64,
    /// The estimate, negative ones included.
    pub raw: f64,
    /// The estimate; zero where it is negative.
    pub variance: f64,
    /// Its share of the sum of the variances.
    pub share: f64,
    /// Interval by bootstrap over splits; `None` for fewer than three splits.
    pub interval: Option<Interval>,
}

/// The spread over splits of a predictor that never changes: `sd of cases / sqrt(n) * sqrt(1 - n / N)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestSampling {
    /// Standard deviation of the cases' scores, of the mean candidate.
    pub case_sd: f64,
    /// Mean number of test cases of a split.
    pub test_cases: f64,
    /// Number of cases that splits are drawn from.
    pub pool: usize,
    /// The standard deviation over splits that follows.
    pub split_sd: f64,
    /// What share of the variance of splits that is; may exceed 1 by chance. `None` without a positive component of splits.
    pub share: Option<f64>,
}
