//! Whether more splits of the same pool would show a difference: the predictive probability of the corrected t test.

use super::distributions::{StudentT, chi_squared_tail, normal_quantile, normal_tail};
use super::numeric::root;
use serde::Serialize;
use std::sync::OnceLock;

/// Numbers of further splits that are considered, in ascending order.
const FURTHER: [u32; 20] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 100, 150, 250, 500, 1000];
/// Quantiles of the true variance that are averaged over, and of the further splits' own.
const VARIANCES: u32 = 24;
const SAMPLES: u32 = 8;
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// The probability is below [`POSSIBLE`], however many there are: what splits of one pool have in common does not average out.
    Never {
        /// The least effect that would be shown if it were known perfectly.
        needed: f64,
    },
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
        let most = FURTHER[FURTHER.len() - 1];
        // what is not likely gains by every further split: as many as there can be decide
        if effect < *self.possible.get_or_init(|| self.needed(most, POSSIBLE)) {
            return Outlook::Never { needed: normal_quantile(self.level / 2.0) * self.ratio.sqrt() };
        }
        if effect < *self.even[FURTHER.len() - 1].get_or_init(|| self.needed(most, EVEN)) {
            return Outlook::Unlikely;
        }
        let first = |needed: &[OnceLock<f64>], wanted: f64| {
            let reaches =
                |place: &usize| effect >= *needed[*place].get_or_init(|| self.needed(FURTHER[*place], wanted));
            (0..FURTHER.len()).find(reaches).map(|place| FURTHER[place])
        };
        let probability = |splits| self.probability(effect, splits);
        match first(&self.likely, LIKELY) {
            Some(splits) => Outlook::Likely { splits, probability: probability(splits) },
            None => {
                let splits = first(&self.even, EVEN).unwrap_or(most);
                Outlook::Even { splits, probability: probability(splits) }
            }
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
        root(0.0, EFFECT_STEP, |effect| self.probability_given(effect, &further) - wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits seen, effect, ratio, level, further splits, probability.
    const REFERENCE: [(usize, f64, f64, f64, u32, f64); 8] = [
        (4, 2.0, 0.5, 0.05, 4, 0.5625),
        (8, 1.7, 0.5, 0.05, 4, 0.5626),
        (8, 2.1, 0.5, 0.05, 1, 0.892),
        (5, 4.0, 0.5, 0.008333, 10, 0.884),
        (12, 1.0, 0.333333, 0.05, 30, 0.2385),
        (12, 0.4, 0.333333, 0.05, 500, 0.0058),
        (20, 0.5, 0.0, 0.05, 15, 0.8355),
        (6, 3.0, 0.5, 0.001389, 1000, 0.7076),
    ];

    #[test]
    fn the_probabilities_are_those_of_simulated_splits() {
        // tests/reference/prediction.py: a million draws of the posterior and of further splits each
        for (n, effect, ratio, level, further, expected) in REFERENCE {
            let found = Prediction::new(n, ratio, level).probability(effect, further);
            assert!((found - expected).abs() < 0.012, "{n} {effect} {ratio} {level} {further}: {found} {expected}");
        }
    }

    #[test]
    fn the_outlook_names_the_least_number_of_splits() {
        let prediction = Prediction::new(8, 0.5, 0.05);
        let Outlook::Likely { splits, probability } = prediction.outlook(-2.1) else { panic!("likely") };
        assert!(probability >= LIKELY);
        let fewer = FURTHER.iter().copied().filter(|fewer| *fewer < splits);
        assert!(fewer.into_iter().all(|fewer| prediction.probability(2.1, fewer) < LIKELY));
        assert!(matches!(prediction.outlook(1.7), Outlook::Even { .. }));
        assert_eq!(prediction.outlook(1.2), Outlook::Unlikely);
        let Outlook::Never { needed } = prediction.outlook(0.1) else { panic!("never") };
        assert!((needed - 1.959_963_984_540_054 * 0.5_f64.sqrt()).abs() < 1e-9);
    }
}
