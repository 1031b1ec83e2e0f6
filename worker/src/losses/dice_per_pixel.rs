//! Dice pixel by pixel: `1 - mean(2 p y / (p + y + 1e-7))` with `p = sigmoid(x)`.
//!
//! Some exercises define the Dice loss so. The slope is 0 on the background, so a mask that is all foreground minimises it: it is here for
//! comparison.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// Keeps `0 / 0` away.
const EPSILON: f64 = 1e-7;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, slope: impl FnMut(usize, f64)) -> f64 {
    let at_pixel = |x, y| {
        let (probability, other) = Logit::new(x).sigmoid();
        let sum = probability + y + EPSILON;
        (-2.0 * probability * y / sum, -2.0 * y * (y + EPSILON) / (sum * sum) * probability * other)
    };
    1.0 + case.mean(at_pixel, slope)
}
