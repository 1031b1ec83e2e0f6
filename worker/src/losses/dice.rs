//! Soft Dice per image: `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`.

use super::sigmoid;
use candle_core::{Result, Tensor};

/// The loss of every case; logits and targets `[n, pixels]`.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(logits: &Tensor, targets: &Tensor, smooth: f64) -> Result<Tensor> {
    let probabilities = sigmoid(logits)?;
    let overlap = (&probabilities * targets)?.sum(1)?.affine(2.0, smooth)?;
    let total = (probabilities.sum(1)? + targets.sum(1)?)?.affine(1.0, smooth)?;
    (overlap / total)?.affine(-1.0, 1.0)
}
