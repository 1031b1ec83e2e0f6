//! Power of the paired t test, plain or corrected for overlapping training sets.

use super::distributions::{StudentT, noncentral_t_tail, normal_quantile};
use super::numeric::root;
use std::sync::OnceLock;

/// The power of a two-sided test at level `alpha` of `n` splits, where the true difference is `effect` standard deviations: of
/// ratio 0 on this pool, else with Nadeau and Bengio's correction.
#[must_use]
pub fn power(effect: f64, n: usize, ratio: f64, alpha: f64) -> f64 {
    let df = (n - 1) as f64;
    power_at(StudentT::new(df).critical(alpha), df, effect / spread(n, ratio))
}

fn power_at(critical: f64, df: f64, shift: f64) -> f64 {
    noncentral_t_tail(critical, df, shift) + noncentral_t_tail(critical, df, -shift)
}

/// Standard error of the mean by the standard deviation of the differences.
fn spread(n: usize, ratio: f64) -> f64 {
    (1.0 / n as f64 + ratio).sqrt()
}

/// The least effect, in standard deviations of the differences, that is detected with that power.
#[must_use]
pub fn detectable(n: usize, ratio: f64, alpha: f64, power: f64) -> f64 {
    let df = (n - 1) as f64;
    let critical = StudentT::new(df).critical(alpha);
    spread(n, ratio) * root(0.0, 1e-10, |shift| power_at(critical, df, shift) - power)
}

/// What [`detectable`] comes to with ever more splits: `(z_{alpha/2} + z_{1 - power}) sqrt(ratio)`.
#[must_use]
pub fn floor(ratio: f64, alpha: f64, power: f64) -> f64 {
    (normal_quantile(alpha / 2.0) + normal_quantile(1.0 - power)) * ratio.sqrt()
}

/// The least number of splits, at least two, with which an effect is detected with that power; `None` if it is below the floor.
#[must_use]
pub fn splits_needed(effect: f64, ratio: f64, alpha: f64, power: f64) -> Option<u64> {
    Needed::new(ratio, alpha, power).splits(effect)
}

/// Greatest number of splits whose detectable effect is computed; beyond, the normal approximation is as good.
const MAX_EXACT: usize = 128;

/// Numbers of splits for many effects at one level: what a number of splits can detect is computed once, when it is asked for.
#[derive(Debug, Clone)]
pub struct Needed {
    /// For two splits and more.
    detectable: Vec<OnceLock<f64>>,
    ratio: f64,
    alpha: f64,
    power: f64,
    /// `z_{alpha/2} + z_{1 - power}`
    distance: f64,
}

impl Needed {
    /// Prepares a level.
    #[must_use]
    pub fn new(ratio: f64, alpha: f64, power: f64) -> Self {
        let detectable = (2..=MAX_EXACT).map(|_| OnceLock::new()).collect();
        Self { detectable, ratio, alpha, power, distance: floor(1.0, alpha, power) }
    }

    /// [`splits_needed`].
    #[must_use]
    pub fn splits(&self, effect: f64) -> Option<u64> {
        let rest = (effect / self.distance).powi(2) - self.ratio;
        if rest <= 0.0 {
            // below what any number of splits can detect
            return None;
        }
        let (mut few, mut many) = (2, MAX_EXACT + 1);
        while few < many {
            let n = usize::midpoint(few, many);
            let detected = || detectable(n, self.ratio, self.alpha, self.power);
            if *self.detectable[n - 2].get_or_init(detected) > effect.abs() {
                few = n + 1;
            } else {
                many = n;
            }
        }
        if few <= MAX_EXACT {
            return Some(few as u64);
        }
        let n = (1.0 / rest).ceil();
        (n < 1e9).then(|| (n as u64).max(MAX_EXACT as u64 + 1))
    }
}
