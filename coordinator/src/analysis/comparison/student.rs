//! A cache of Student's t distribution by number of splits: millions of pairs need the same few.

use crate::stats::Interval;
use crate::stats::distributions::{StudentT, normal_quantile};
use crate::stats::paired::Moments;

/// Student's t by the number of splits, and quantiles of the options' level.
pub(super) struct Students {
    /// For 2 splits and more: the distribution, and its two-sided critical value.
    students: Vec<(StudentT, f64)>,
    /// The normal quantile of intervals.
    pub(super) z: f64,
}

impl Students {
    pub(super) fn new(most_splits: usize, alpha: f64) -> Self {
        let student = |n: usize| {
            let student = StudentT::new((n - 1) as f64);
            (student, student.critical(alpha))
        };
        Self { students: (2..=most_splits.max(2)).map(student).collect(), z: normal_quantile(alpha / 2.0) }
    }

    /// The same distributions at another level.
    pub(super) fn at(&self, alpha: f64) -> Self {
        let at = |(student, _): &(StudentT, f64)| (*student, student.critical(alpha));
        Self { students: self.students.iter().map(at).collect(), z: normal_quantile(alpha / 2.0) }
    }

    /// `mean ± t sd sqrt(1/n + ratio)`, as [`of_mean`](crate::stats::interval::of_mean).
    pub(super) fn interval(&self, moments: &Moments, ratio: f64) -> Interval {
        let half = self.critical(moments.n) * moments.sd * (1.0 / moments.n as f64 + ratio).sqrt();
        Interval::around(moments.mean, half)
    }

    /// The distribution for `n` splits, from 2 to the most.
    pub(super) fn student(&self, n: usize) -> &StudentT {
        &self.students[n - 2].0
    }

    /// Its critical value.
    pub(super) fn critical(&self, n: usize) -> f64 {
        self.students[n - 2].1
    }
}
