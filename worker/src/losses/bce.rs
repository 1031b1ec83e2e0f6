//! Binary cross-entropy: `mean(x - x y + log(1 + exp(-x)))`.

use super::softplus;
use candle_core::{Result, Tensor};

/// The loss of every case; logits and targets `[n, pixels]`.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    // log(1 + exp(x)) - x y would cancel for large x and y = 1
    let positive = (targets * softplus(&logits.neg()?)?)?;
    let negative = (targets.affine(-1.0, 1.0)? * softplus(logits)?)?;
    (positive + negative)?.mean(1)
}
