//! Soft Dice of a case: `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)` with `p = sigmoid(x)`, sums over the pixels.
//!
//! Milletari et al. 2016, arXiv 1606.04797, with plain sums in the denominator. On CUDA devices: the kind `DICE`
//! in `ops/cuda/kernels/losses.cu`.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
///
/// With `overlap` the numerator and `total` the denominator, the slope along `p` is `(overlap / total - 2 y) / total`, and that of `p`
/// along `x` is `p (1 - p)`. Every pixel's slope depends on both sums, so there are two passes.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, smooth: f64, mut slope: impl FnMut(usize, f64)) -> f64 {
    let (mut overlap, mut total) = (smooth, smooth);
    for (x, y) in case.pixels() {
        let (probability, _) = Logit::new(x).sigmoid();
        overlap += 2.0 * probability * y;
        total += probability + y;
    }
    for (index, (x, y)) in case.pixels().enumerate() {
        let (probability, other) = Logit::new(x).sigmoid();
        slope(index, (overlap / total - 2.0 * y) / total * probability * other);
    }
    1.0 - overlap / total
}
