//! Intervals of 95 % confidence, or of whatever is asked for.

use super::distributions::{StudentT, beta_quantile, normal_quantile};
use serde::Serialize;

/// A range of values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of that half width.
    #[must_use]
    pub fn around(centre: f64, half_width: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width }
    }

    /// Half of its width.
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether the number lies inside, ends included.
    #[must_use]
    pub fn contains(self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }

    /// Whether it lies inside of another, ends included.
    #[must_use]
    pub fn is_within(self, outer: Self) -> bool {
        outer.low <= self.low && self.high <= outer.high
    }

    /// The interval on the side of zero where its middle lies: an end beyond zero moves to zero.
    #[must_use]
    pub fn without_zero(self) -> Self {
        if self.low + self.high > 0.0 {
            Self { low: self.low.max(0.0), ..self }
        } else {
            Self { high: self.high.min(0.0), ..self }
        }
    }

    /// The interval for a number that can only lie within `range`. One that leaves it is made anew on the scale of the logit, with the
    /// standard error carried over by the delta method; then it ends where the range does at most. A centre on the edge of the range
    /// leaves nothing to carry over: there it is cut.
    #[must_use]
    pub fn kept_within(self, range: Option<Self>) -> Self {
        let Some(range) = range.filter(|range| !self.is_within(*range)) else { return self };
        let width = range.high - range.low;
        let (centre, half) = ((f64::midpoint(self.low, self.high) - range.low) / width, self.half_width() / width);
        if !(0.0..=1.0).contains(&centre) || centre * (1.0 - centre) <= 0.0 {
            return Self { low: self.low.clamp(range.low, range.high), high: self.high.clamp(range.low, range.high) };
        }
        let (logit, half) = ((centre / (1.0 - centre)).ln(), half / (centre * (1.0 - centre)));
        let back = |logit: f64| range.low + width / (1.0 + (-logit).exp());
        Self { low: back(logit - half), high: back(logit + half) }
    }

    /// The interval of the negated number.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }
}

/// Interval of the mean of `n` splits: `mean ± t sd sqrt(1/n + ratio)` with n - 1 degrees of freedom; `None` for fewer than two.
///
/// Ratio 0 is the naive t interval, right for other random splits of the same cases. Ratio test / training cases is Nadeau and
/// Bengio's (Inference for the generalization error, Machine Learning 52, 2003) for new data.
#[must_use]
pub fn of_mean(n: usize, mean: f64, sd: f64, ratio: f64, alpha: f64) -> Option<Interval> {
    (n > 1).then(|| {
        let critical = StudentT::new((n - 1) as f64).critical(alpha);
        Interval::around(mean, critical * sd * (1.0 / n as f64 + ratio).sqrt())
    })
}

/// Wilson's score interval of a probability of which `count` of `of` were seen; the count may be a half one. All of [0, 1] for
/// none seen.
#[must_use]
pub fn wilson(count: f64, of: usize, alpha: f64) -> Interval {
    wilson_at(count, of, normal_quantile(alpha / 2.0))
}

/// [`wilson`] with the normal quantile given.
#[must_use]
pub fn wilson_at(count: f64, of: usize, z: f64) -> Interval {
    if of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = of as f64;
    let (p, square) = (count / n, z * z);
    let centre = (p + square / (2.0 * n)) / (1.0 + square / n);
    let half = z * (p * (1.0 - p) / n + square / (4.0 * n * n)).max(0.0).sqrt() / (1.0 + square / n);
    // at its ends the formula is exactly 0 or 1, but not in floats
    let low = if count <= 0.0 { 0.0 } else { centre - half };
    let high = if count >= n { 1.0 } else { centre + half };
    Interval { low, high }
}

/// Clopper and Pearson's interval, which never covers too little: quantiles of beta distributions.
#[must_use]
pub fn clopper_pearson(count: usize, of: usize, alpha: f64) -> Interval {
    let (k, n) = (count as f64, of as f64);
    let low = if count == 0 { 0.0 } else { beta_quantile(alpha / 2.0, k, n - k + 1.0) };
    let high = if count >= of { 1.0 } else { beta_quantile(1.0 - alpha / 2.0, k + 1.0, n - k) };
    Interval { low, high }
}
