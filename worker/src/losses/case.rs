//! The pixels of one case, and losses that are means over them.

use crate::ops::Real;

/// Logits and targets of a case, pixel by pixel.
#[derive(Clone, Copy)]
pub(super) struct Case<'a, T> {
    pub(super) logits: &'a [T],
    pub(super) targets: &'a [T],
}

impl<T: Real> Case<'_, T> {
    /// Logit and target of every pixel.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (f64, f64)> {
        self.logits.iter().zip(self.targets).map(|(x, y)| (x.to_f64(), y.to_f64()))
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
