//! Binary cross-entropy: `mean(x - x y + log(1 + exp(-x)))` over the pixels, with `x` the logit and `y` the target.
//!
//! The stable form of PyTorch's `BCEWithLogitsLoss`. On CUDA devices: `bce` in `ops/cuda/kernels/losses.cu`.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, slope: impl FnMut(usize, f64)) -> f64 {
    case.mean(value_and_slope, slope)
}

/// Value and slope along `x` at a pixel.
fn value_and_slope(x: f64, y: f64) -> (f64, f64) {
    let logit = Logit::new(x);
    let ((up, down), (probability, other)) = (logit.softplus(), logit.sigmoid());
    // log(1 + exp(x)) - x y would cancel for large x and y = 1, and so would the slope sigmoid(x) - y
    (y * down + (1.0 - y) * up, (1.0 - y) * probability - y * other)
}
