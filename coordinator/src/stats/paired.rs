//! t tests of paired differences.

use super::distributions::StudentT;

/// A deviation of this share of the mean is what subtraction left of equal differences.
const ROUNDING: f64 = 1e-12;

/// Mean and standard deviation of differences; none for fewer than two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (divisor n - 1).
    pub sd: f64,
}

impl Moments {
    /// The moments of a list of at least two numbers.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let n = numbers.len();
        if n < 2 {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / n as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        Some(Self { n, mean, sd: (squares / (n - 1) as f64).sqrt() })
    }

    /// `mean / (sd sqrt(1/n + ratio))`: the paired t of ratio 0, Nadeau and Bengio's corrected one of the ratio of test to
    /// training cases. Zero where all are zero, infinite where all are equal.
    #[must_use]
    pub fn t(&self, ratio: f64) -> f64 {
        if self.mean == 0.0 { 0.0 } else { self.mean / (self.sd * (1.0 / self.n as f64 + ratio).sqrt()) }
    }

    /// Two-sided p of [`t`](Self::t) with n - 1 degrees of freedom.
    #[must_use]
    pub fn p(&self, ratio: f64) -> f64 {
        self.p_by(&StudentT::new((self.n - 1) as f64), ratio)
    }

    /// [`p`](Self::p) with the distribution given. Where all differences are equal, t knows no spread and would be sure of anything:
    /// then it is the p of the rarest sign flips.
    #[must_use]
    pub fn p_by(&self, student: &StudentT, ratio: f64) -> f64 {
        if self.is_constant() { 0.5_f64.powf((self.n - 1) as f64) } else { student.two_sided(self.t(ratio)) }
    }

    /// Whether all are equal but for rounding, and not 0.
    fn is_constant(&self) -> bool {
        self.mean != 0.0 && self.sd <= ROUNDING * self.mean.abs()
    }
}

/// Evidence against "no difference" that may be looked at after every split: reject at `1 / alpha` whenever it is reached.
/// Mixture over a normal prior of variance `g` in units of the deviation:
/// `(1 + n g)^(-1/2) ((1 + t²/v) / (1 + t²/((1 + n g) v)))^((v + 1)/2)` with v = n - 1 and the paired t.
#[must_use]
pub fn e_value(t: f64, n: usize, g: f64) -> f64 {
    let (df, spread) = ((n - 1) as f64, 1.0 + n as f64 * g);
    let square = t * t / df;
    // the limit, where all differences are equal
    let ratio = if square.is_finite() { (1.0 + square) / (1.0 + square / spread) } else { spread };
    ratio.powf((df + 1.0) / 2.0) / spread.sqrt()
}

/// Two-sided sign test: P of as many or fewer of the rarer sign among `positive + negative` fair coins.
#[must_use]
pub fn sign_test(positive: usize, negative: usize) -> f64 {
    let n = positive + negative;
    let mut term = 0.5_f64.powf(n as f64);
    let mut tail = term;
    for k in 0..positive.min(negative) {
        term *= (n - k) as f64 / (k + 1) as f64;
        tail += term;
    }
    (2.0 * tail).min(1.0)
}

/// Dietterich's 5x2cv t test with 5 degrees of freedom: `differences` of the two halves in each of the repetitions. Only for
/// halves that were swapped, not for random splits. Returns t and its two-sided p.
#[must_use]
pub fn five_by_two_t(differences: &[[f64; 2]; 5]) -> (f64, f64) {
    let variances: f64 = differences.iter().map(half_variance).sum();
    let t = differences[0][0] / (variances / 5.0).sqrt();
    (t, StudentT::new(5.0).two_sided(t))
}

/// Alpaydin's combined 5x2cv F test with (10, 5) degrees of freedom. Returns F and its p.
#[must_use]
pub fn five_by_two_f(differences: &[[f64; 2]; 5]) -> (f64, f64) {
    let squares: f64 = differences.iter().flatten().map(|difference| difference * difference).sum();
    let variances: f64 = differences.iter().map(half_variance).sum();
    let f = squares / (2.0 * variances);
    (f, super::distributions::f_tail(f, 10.0, 5.0))
}

fn half_variance(halves: &[f64; 2]) -> f64 {
    let mean = f64::midpoint(halves[0], halves[1]);
    (halves[0] - mean).powi(2) + (halves[1] - mean).powi(2)
}
