//! Bayesian correlated t test (Corani and Benavoli, Machine Learning 100, 2015).

use super::distributions::StudentT;
use super::paired::Moments;

/// The posterior of the mean difference: Student's t around the mean, with variance `sd² (1/n + ratio)` and n - 1 degrees of
/// freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlated {
    /// Its centre.
    pub mean: f64,
    /// Its scale, squared.
    pub variance: f64,
    /// Its degrees of freedom.
    pub df: f64,
}

impl Correlated {
    /// The posterior from differences, with the ratio of test to training cases.
    #[must_use]
    pub fn of(moments: &Moments, ratio: f64) -> Self {
        let n = moments.n as f64;
        Self { mean: moments.mean, variance: moments.sd * moments.sd * (1.0 / n + ratio), df: n - 1.0 }
    }

    /// The probabilities of a difference below `-rope`, within, and above `rope`.
    #[must_use]
    pub fn split(&self, rope: f64) -> [f64; 3] {
        self.split_by(&StudentT::new(self.df), rope)
    }

    /// [`split`](Self::split) with the distribution given.
    #[must_use]
    pub fn split_by(&self, student: &StudentT, rope: f64) -> [f64; 3] {
        let scale = self.variance.sqrt();
        if scale == 0.0 {
            let (below, above) = (self.mean < -rope, self.mean > rope);
            return [below, !below && !above, above].map(|is| f64::from(u8::from(is)));
        }
        let below = student.tail((self.mean + rope) / scale);
        let above = student.tail((rope - self.mean) / scale);
        [below, (1.0 - below - above).max(0.0), above]
    }
}
