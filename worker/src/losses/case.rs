//! The pixels of one case, and losses that are means over them.

use super::logit::Logit;
use crate::ops::Real;

/// Logits and targets of a case, row by row.
#[derive(Clone, Copy)]
pub(super) struct Case<'a, T> {
    pub(super) logits: &'a [T],
    pub(super) targets: &'a [T],
    /// Pixels of a row.
    pub(super) width: usize,
}

impl<T: Real> Case<'_, T> {
    /// Logit and target of every pixel.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (f64, f64)> {
        self.logits.iter().zip(self.targets).map(|(x, y)| (x.to_f64(), y.to_f64()))
    }

    /// `sigmoid(x)` of every pixel, and its slope along `x`.
    pub(super) fn probabilities(&self) -> (Vec<f64>, Vec<f64>) {
        let both = |x: &T| {
            let (probability, other) = Logit::new(x.to_f64()).sigmoid();
            (probability, probability * other)
        };
        self.logits.iter().map(both).unzip()
    }

    /// The target of every pixel.
    pub(super) fn truth(&self) -> Vec<f64> {
        self.targets.iter().map(|y| y.to_f64()).collect()
    }

    /// Which pixels are foreground.
    pub(super) fn foreground(&self) -> Vec<bool> {
        self.targets.iter().map(|y| y.to_f64() >= 0.5).collect()
    }

    /// The mean over the pixels of a loss, whose value and slope at a pixel `at_pixel` computes from logit and target; `slope` gets
    /// the index and the slope of every pixel.
    pub(super) fn mean(&self, at_pixel: impl Fn(f64, f64) -> (f64, f64), mut slope: impl FnMut(usize, f64)) -> f64 {
        let count = self.logits.len() as f64;
        let mut total = 0.0;
        for (index, (x, y)) in self.pixels().enumerate() {
            let (value, along) = at_pixel(x, y);
            total += value;
            slope(index, along / count);
        }
        total / count
    }
}
