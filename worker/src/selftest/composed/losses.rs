//! The losses composed of Candle's differentiable operations: the reference that can be read beside the formulas.

use candle_core::{Result, Tensor};
use proto::spec::Loss;

/// The loss of every case, `[n]`; logits and targets `[n, 1, h, w]`. Differentiable with respect to the logits.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (logits, targets) = (logits.flatten_from(1)?, targets.flatten_from(1)?);
    match *loss {
        Loss::Bce {} => bce(&logits, &targets),
        Loss::Dice { smooth } => dice(&logits, &targets, smooth),
        Loss::Focal { gamma } => focal(&logits, &targets, gamma),
    }
}

/// `mean(x - x y + log(1 + exp(-x)))`; logits and targets `[n, pixels]`.
fn bce(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    // log(1 + exp(x)) - x y would cancel for large x and y = 1
    let positive = (targets * softplus(&logits.neg()?)?)?;
    let negative = (targets.affine(-1.0, 1.0)? * softplus(logits)?)?;
    (positive + negative)?.mean(1)
}

/// `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`; logits and targets `[n, pixels]`.
fn dice(logits: &Tensor, targets: &Tensor, smooth: f64) -> Result<Tensor> {
    let probabilities = sigmoid(logits)?;
    let overlap = (&probabilities * targets)?.sum(1)?.affine(2.0, smooth)?;
    let total = (probabilities.sum(1)? + targets.sum(1)?)?.affine(1.0, smooth)?;
    (overlap / total)?.affine(-1.0, 1.0)
}

/// `mean((1 - sigmoid(z))^gamma softplus(-z))` with `z = x (2 y - 1)` and `1 - sigmoid(z) = exp(-softplus(z))`; logits and targets
/// `[n, pixels]`, targets 0 or 1.
fn focal(logits: &Tensor, targets: &Tensor, gamma: f64) -> Result<Tensor> {
    let agreement = (logits * targets.affine(2.0, -1.0)?)?;
    let modulation = softplus(&agreement)?.affine(-gamma, 0.0)?.exp()?;
    (modulation * softplus(&agreement.neg()?)?)?.mean(1)
}

/// `1 / (1 + exp(-x))`
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    candle_nn::ops::sigmoid(x)
}

/// `log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))`, with the gradient `sigmoid(x)`.
///
/// The gradient is stated, not derived: those of `max` and `| |` at 0 are not the function's.
fn softplus(x: &Tensor) -> Result<Tensor> {
    let constant = x.detach();
    let small = constant.abs()?.neg()?.exp()?;
    let value = (constant.relu()? + log1p(&small)?)?;
    let nothing = (x - &constant)?;
    value + (nothing * sigmoid(&constant)?)?
}

/// `log(1 + u)` to full precision for small `u`: what `1 + u` rounds away is divided out again.
fn log1p(u: &Tensor) -> Result<Tensor> {
    let rounded = u.affine(1.0, 1.0)?;
    let kept = rounded.affine(1.0, -1.0)?;
    let lost = kept.eq(&kept.zeros_like()?)?;
    let safe = lost.where_cond(&kept.ones_like()?, &kept)?;
    lost.where_cond(u, &((rounded.log()? * u)? / safe)?)
}
