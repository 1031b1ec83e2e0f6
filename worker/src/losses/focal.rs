//! Focal loss with both terms modulated: `mean(-y (1-p)^gamma log p - (1-y) p^gamma log(1-p))`.
//!
//! With `z = x (2 y - 1)` a pixel costs `(1 - sigmoid(z))^gamma softplus(-z)`, and `1 - sigmoid(z) = exp(-softplus(z))`.

use super::softplus;
use candle_core::{Result, Tensor};

/// The loss of every case; logits and targets `[n, pixels]`, targets 0 or 1.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(logits: &Tensor, targets: &Tensor, gamma: f64) -> Result<Tensor> {
    let agreement = (logits * targets.affine(2.0, -1.0)?)?;
    let modulation = softplus(&agreement)?.affine(-gamma, 0.0)?.exp()?;
    (modulation * softplus(&agreement.neg()?)?)?.mean(1)
}
