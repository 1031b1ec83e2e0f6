//! Whether more splits of the same pool would show a difference: the predictive probability of the corrected t test.

use super::distributions::{StudentT, chi_squared_tail, normal_tail};
use super::numeric::root;
use rayon::prelude::*;
use std::sync::OnceLock;

/// Numbers of further splits that are considered, in ascending order.
const FURTHER: [u32; 20] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 100, 150, 250, 500, 1000];
/// Quantiles of the true variance that are averaged over, and of the further splits' own.
const VARIANCES: u32 = 48;
const SAMPLES: u32 = 12;
/// Greatest effect that is told apart, in standard deviations of the differences: a greater one is shown by any split more.
const MAX_EFFECT: f64 = 64.0;
/// Accuracy of effects: more than what the probability can be trusted for.
const EFFECT_STEP: f64 = 1e-3;

/// Splits of one pool that were seen, and the test that more of them are to pass.
///
/// Given n differences of mean m and deviation s, the true mean of the pool's differences has the posterior Student t around m with
/// scale `s / sqrt(n)` (flat prior in the mean and in the logarithm of the variance). Further splits are drawn around it. The test is
/// Nadeau and Bengio's on all splits together, at a level; of ratio 0 it is the paired t test. Further splits of a pool shrink
/// `1/n` and leave the ratio as it is.
#[derive(Debug)]
pub struct Prediction {
    n: usize,
    ratio: f64,
    level: f64,
    /// True variances by the observed one, equally likely.
    variances: Vec<f64>,
    /// For each number of further splits, what it takes to reach the probability.
    likely: Vec<OnceLock<f64>>,
    even: Vec<OnceLock<f64>>,
    possible: OnceLock<f64>,
}

/// What further splits are likely to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outlook {
    /// That many further splits show the difference with a probability of [`LIKELY`] or more.
    Likely {
        /// How many.
        splits: u32,
        /// The probability.
        probability: f64,
    },
    /// No number of further splits is as good, but that many show it in about one sweep of two.
    Even {
        /// How many.
        splits: u32,
        /// The probability.
        probability: f64,
    },
    /// It is less likely than not, however many there are.
    Unlikely,
    /// The probability is below [`POSSIBLE`], however many there are.
    Never,
}

/// Probability from which a number of splits is said to be likely to settle it.
pub const LIKELY: f64 = 0.8;
/// One in two.
pub const EVEN: f64 = 0.5;
/// Probability below which it is said that no number of splits settles it.
pub const POSSIBLE: f64 = 0.05;

impl Prediction {
    /// Prepares a prediction from `n` splits, at least two, for a two-sided test at that level.
    #[must_use]
    pub fn new(n: usize, ratio: f64, level: f64) -> Self {
        let df = (n - 1) as f64;
        let unset = || FURTHER.iter().map(|_| OnceLock::new()).collect();
        Self {
            n,
            ratio,
            level,
            variances: chi_squared_quantiles(df, VARIANCES).into_iter().map(|square| df / square).collect(),
            likely: unset(),
            even: unset(),
            possible: OnceLock::new(),
        }
    }

    /// The outlook for an effect: the mean difference by the standard deviation of the differences.
    #[must_use]
    pub fn outlook(&self, effect: f64) -> Outlook {
        let effect = effect.abs();
        let first = |needed: &[OnceLock<f64>], wanted: f64| {
            let reaches =
                |place: &usize| effect >= *needed[*place].get_or_init(|| self.needed(FURTHER[*place], wanted));
            (0..FURTHER.len()).find(reaches).map(|place| FURTHER[place])
        };
        let probability = |splits| self.probability(effect, splits);
        if let Some(splits) = first(&self.likely, LIKELY) {
            Outlook::Likely { splits, probability: probability(splits) }
        } else if let Some(splits) = first(&self.even, EVEN) {
            Outlook::Even { splits, probability: probability(splits) }
        } else if effect >= *self.possible.get_or_init(|| self.least_possible()) {
            Outlook::Unlikely
        } else {
            Outlook::Never
        }
    }

    /// The probability that so many further splits, at least one, show the effect.
    ///
    /// With true variance v, M and S the mean and the deviation of all N splits: `M = effect + u sqrt(v further / (n N))` and
    /// `(N - 1) S² = n - 1 + v (x + u²)`, where u is standard normal and x chi-squared with `further - 1` degrees of freedom. The test
    /// passes where a square in u is not negative.
    #[must_use]
    pub fn probability(&self, effect: f64, further: u32) -> f64 {
        self.probability_given(effect, &Further::of(self, further))
    }

    fn probability_given(&self, effect: f64, further: &Further) -> f64 {
        let n = self.n as f64;
        let each = |v: f64| -> f64 {
            let slope = (v * further.splits / (n * further.all)).sqrt();
            let of_sample = |x: &f64| {
                let rest = effect * effect - further.bar * (n - 1.0 + v * x);
                not_negative(slope * slope - further.bar * v, 2.0 * effect * slope, rest)
            };
            further.samples.iter().map(of_sample).sum()
        };
        let sum: f64 = self.variances.iter().map(|v| each(*v)).sum();
        sum / (self.variances.len() * further.samples.len()) as f64
    }

    /// The effect from which so many further splits reach the probability.
    fn needed(&self, further: u32, wanted: f64) -> f64 {
        let further = Further::of(self, further);
        let (mut low, mut high) = (0.0, MAX_EFFECT);
        while high - low > EFFECT_STEP * high {
            let middle = f64::midpoint(low, high);
            if self.probability_given(middle, &further) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    fn least_possible(&self) -> f64 {
        FURTHER.par_iter().map(|further| self.needed(*further, POSSIBLE)).reduce(|| MAX_EFFECT, f64::min)
    }
}

/// A number of further splits, and what it takes to pass with them.
struct Further {
    splits: f64,
    /// All splits together.
    all: f64,
    /// The test passes where `M² >= bar (N - 1) S²`.
    bar: f64,
    /// Sums of squares of the further splits around their own mean, by the true variance; equally likely.
    samples: Vec<f64>,
}

impl Further {
    fn of(seen: &Prediction, splits: u32) -> Self {
        let all = seen.n as f64 + f64::from(splits);
        let critical = StudentT::new(all - 1.0).critical(seen.level);
        Self {
            splits: f64::from(splits),
            all,
            bar: critical * critical * (1.0 / all + seen.ratio) / (all - 1.0),
            samples: if splits > 1 { chi_squared_quantiles(f64::from(splits - 1), SAMPLES) } else { vec![0.0] },
        }
    }
}

/// The middles of `count` equally likely parts of the chi-squared distribution.
fn chi_squared_quantiles(df: f64, count: u32) -> Vec<f64> {
    let quantile = |part: u32| {
        let below = (f64::from(part) + 0.5) / f64::from(count);
        root(0.0, 1e-9, |x| 1.0 - below - chi_squared_tail(x, df))
    };
    (0..count).map(quantile).collect()
}

/// P(a u² + b u + c >= 0) of a standard normal u.
fn not_negative(a: f64, b: f64, c: f64) -> f64 {
    let discriminant = b * b - 4.0 * a * c;
    if discriminant <= 0.0 {
        return f64::from(u8::from(if a == 0.0 { c >= 0.0 } else { a > 0.0 }));
    }
    // the root that does not cancel first
    let far = -0.5 * (b + discriminant.sqrt().copysign(b));
    let (one, other) = (far / a, c / far);
    let between = normal_tail(one.min(other)) - normal_tail(one.max(other));
    if a > 0.0 { 1.0 - between } else { between }
}
