//! Tails and quantiles of the distributions that tests need. Special functions are `statrs`'s; the tails are composed here, so
//! that small probabilities keep all their digits and a distribution's constants are computed once.

use super::numeric::{integral, root};
use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;
use statrs::function::gamma::{checked_gamma_ur, ln_gamma};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Relative accuracy of quantiles.
const EXACT: f64 = 1e-15;

/// P(Z > z) of the standard normal distribution.
#[must_use]
pub fn normal_tail(z: f64) -> f64 {
    0.5 * erfc(z * FRAC_1_SQRT_2)
}

/// The z with P(Z > z) = `tail`, for a tail of at most one half.
#[must_use]
pub fn normal_quantile(tail: f64) -> f64 {
    root(0.0, EXACT, |z| tail - normal_tail(z))
}

/// P(X > x) of the chi-squared distribution.
#[must_use]
pub fn chi_squared_tail(x: f64, df: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { checked_gamma_ur(df / 2.0, x / 2.0).unwrap_or(0.0) }
}

/// The x with P(X > x) = `tail` of the chi-squared distribution.
#[must_use]
pub fn chi_squared_quantile(tail: f64, df: f64) -> f64 {
    root(0.0, EXACT, |x| tail - chi_squared_tail(x, df))
}

/// P(X > f) of the F distribution: `I_{d2 / (d2 + d1 f)}(d2 / 2, d1 / 2)`.
#[must_use]
pub fn f_tail(f: f64, df1: f64, df2: f64) -> f64 {
    let x = if f <= 0.0 { 1.0 } else { df2 / (df2 + df1 * f) };
    checked_beta_reg(df2 / 2.0, df1 / 2.0, x).unwrap_or(f64::NAN)
}

/// The f with P(X > f) = `tail` of the F distribution.
#[must_use]
pub fn f_quantile(tail: f64, df1: f64, df2: f64) -> f64 {
    root(0.0, EXACT, |f| tail - f_tail(f, df1, df2))
}

/// The x with `I_x(a, b)` = `probability`: a quantile of the beta distribution.
pub(super) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    // between 0 and 1 the root's doubling never happens
    root(0.0, EXACT, |x| checked_beta_reg(a, b, x).unwrap_or(1.0) - probability)
}

/// Student's t distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    df: f64,
    /// `ln B(df / 2, 1 / 2)`
    ln_beta: f64,
}

impl StudentT {
    /// The distribution with that many degrees of freedom, more than none.
    #[must_use]
    pub fn new(df: f64) -> Self {
        Self { df, ln_beta: ln_gamma(df / 2.0) + ln_gamma(0.5) - ln_gamma((df + 1.0) / 2.0) }
    }

    /// P(|T| > |t|) = `I_{df / (df + t²)}(df / 2, 1 / 2)`.
    #[must_use]
    pub fn two_sided(&self, t: f64) -> f64 {
        if t.is_nan() || t.is_infinite() {
            return if t.is_nan() { t } else { 0.0 };
        }
        let (a, b) = (self.df / 2.0, 0.5);
        let square = t * t;
        let (x, rest) = (self.df / (self.df + square), square / (self.df + square));
        let front = (a * x.ln() + b * rest.ln() - self.ln_beta).exp();
        // the fraction converges quickly on its own side only
        if x < (a + 1.0) / (a + b + 2.0) {
            front * beta_fraction(a, b, x) / a
        } else {
            1.0 - front * beta_fraction(b, a, rest) / b
        }
    }

    /// P(T > t).
    #[must_use]
    pub fn tail(&self, t: f64) -> f64 {
        let half = 0.5 * self.two_sided(t);
        if t >= 0.0 { half } else { 1.0 - half }
    }

    /// The t with P(|T| > t) = `alpha`.
    #[must_use]
    pub fn critical(&self, alpha: f64) -> f64 {
        root(0.0, EXACT, |t| alpha - self.two_sided(t))
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |number: f64| if number.abs() < 1e-300 { 1e-300 } else { number };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..1000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for numerator in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            value *= c * d;
        }
        if (value - before).abs() <= 1e-15 * value.abs() {
            break;
        }
    }
    value
}

/// P(T > t) of the noncentral t distribution: the mean of `Φ(shift - t s)` over s = sqrt(chi² / df).
#[must_use]
pub fn noncentral_t_tail(t: f64, df: f64, shift: f64) -> f64 {
    // in u = ln s the integrand falls off to both sides as exp(df u) and faster
    let ln_front = std::f64::consts::LN_2 + df / 2.0 * (df / 2.0).ln() - ln_gamma(df / 2.0);
    // about the deviation of u, and the width of the step that Φ makes
    let (spread, width) = (1.0 / (2.0 * df).sqrt(), 1.0 / t.abs().max(1.0));
    let (from, to) = (-30.0 / df - 9.0 * spread, 9.0 * spread);
    let steps = ((to - from) / (spread.min(width) / 3.0)).clamp(64.0, 1e5) as u32;
    integral(from, to, steps, |u| {
        let s = u.exp();
        (ln_front + df * u - df / 2.0 * s * s).exp() * normal_tail(t * s - shift)
    })
}

/// P(Q > q) of the studentized range of `k` groups with infinite degrees of freedom:
/// `1 - k ∫ φ(z) (Φ(z) - Φ(z - q))^(k - 1) dz`.
#[must_use]
pub fn studentized_range_tail(q: f64, k: usize) -> f64 {
    let exponent = i32::try_from(k.max(1) - 1).unwrap_or(i32::MAX);
    let inside = integral(-9.0, 9.0 + q, 400, |z| {
        let between = normal_tail(z - q) - normal_tail(z);
        (-z * z / 2.0).exp() * between.powi(exponent)
    });
    1.0 - k as f64 * inside / (2.0 * PI).sqrt()
}

/// The q with P(Q > q) = `alpha` of the studentized range with infinite degrees of freedom.
#[must_use]
pub fn studentized_range_quantile(alpha: f64, k: usize) -> f64 {
    root(0.0, 1e-13, |q| alpha - studentized_range_tail(q, k))
}
