//! Power of the paired t test, plain or corrected for overlapping training sets.

use super::distributions::{StudentT, noncentral_t_tail, normal_quantile};
use super::numeric::root;

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
