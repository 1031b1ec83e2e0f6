//! Focal loss with both terms modulated: `mean(-y (1 - p)^gamma log p - (1 - y) p^gamma log(1 - p))` over the pixels, with
//! `p = sigmoid(x)` and targets `y` of 0 or 1. With a weight `alpha` the first term is multiplied by it and the second by `1 - alpha`.
//!
//! Lin et al. 2017, arXiv 1708.02002, equations 4 and 5. On CUDA devices: `focal` in `ops/cuda/kernels/losses.cu`.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, gamma: f64, alpha: f64, slope: impl FnMut(usize, f64)) -> f64 {
    if alpha == 0.0 {
        return case.mean(|x, y| value_and_slope(x, y, gamma), slope);
    }
    let weighted = |x, y| {
        let (weight, (value, slope)) = (y * alpha + (1.0 - y) * (1.0 - alpha), value_and_slope(x, y, gamma));
        (weight * value, weight * slope)
    };
    case.mean(weighted, slope)
}

/// Value and slope along `x` at a pixel.
///
/// With the agreement `z = x (2 y - 1)`, `q = 1 - sigmoid(z) = exp(-softplus(z))` the probability of the wrong class and
/// `l = -log(1 - q) = softplus(-z)`, the value is `q^gamma l` and its slope along `z` is `-q^gamma (gamma (1 - q) l + q)`.
fn value_and_slope(x: f64, y: f64, gamma: f64) -> (f64, f64) {
    let sign = 2.0 * y - 1.0;
    let agreement = Logit::new(sign * x);
    let (confidence, loss) = agreement.softplus();
    let (right, wrong) = agreement.sigmoid();
    let modulation = (-gamma * confidence).exp();
    (modulation * loss, -sign * modulation * (gamma * right * loss + wrong))
}
