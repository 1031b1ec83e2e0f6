//! Binary cross-entropy, `mean(x - x y + log(1 + exp(-x)))` over the pixels, with `x` the logit and `y` the target, and its two relatives:
//!
//! * `weighted_bce`: the foreground's part counts by `(1 - f) / f`, `f` the share of foreground in the training masks. So foreground and
//!   background weigh alike, whatever the size of lesions. PyTorch's `BCEWithLogitsLoss(pos_weight=...)`.
//! * `soft_bce`: the targets are `1 - smoothing` and `smoothing`. `SoftBCEWithLogitsLoss(smooth_factor=...)` of
//!   segmentation_models.pytorch.
//!
//! The stable form of PyTorch's `BCEWithLogitsLoss`. On CUDA devices: `bce` in `ops/cuda/kernels/losses.cu`.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, slope: impl FnMut(usize, f64)) -> f64 {
    case.mean(value_and_slope, slope)
}

/// The loss whose foreground counts by `weight`.
pub(super) fn weighted<T: Real>(case: Case<'_, T>, weight: f64, slope: impl FnMut(usize, f64)) -> f64 {
    let at_pixel = |x, y| {
        let logit = Logit::new(x);
        let ((up, down), (probability, other)) = (logit.softplus(), logit.sigmoid());
        (weight * y * down + (1.0 - y) * up, (1.0 - y) * probability - weight * y * other)
    };
    case.mean(at_pixel, slope)
}

/// The loss with targets that are `smoothing` away from 0 and 1.
pub(super) fn soft<T: Real>(case: Case<'_, T>, smoothing: f64, slope: impl FnMut(usize, f64)) -> f64 {
    case.mean(|x, y| value_and_slope(x, y * (1.0 - smoothing) + (1.0 - y) * smoothing), slope)
}

/// Value and slope along `x` at a pixel.
pub(super) fn value_and_slope(x: f64, y: f64) -> (f64, f64) {
    let logit = Logit::new(x);
    let ((up, down), (probability, other)) = (logit.softplus(), logit.sigmoid());
    // log(1 + exp(x)) - x y would cancel for large x and y = 1, and so would the slope sigmoid(x) - y
    (y * down + (1.0 - y) * up, (1.0 - y) * probability - y * other)
}
