//! Losses: one file each, from logits and targets `[n, 1, h, w]` to one value a case, `[n]`.
//!
//! What is trained on is the mean over the cases of a batch; as all cases have the same number of pixels, that is also the mean
//! over pixels. Every form is finite for every finite logit, and so is its gradient. Composed of Candle's operations on a device;
//! on the CPU the same in one pass.

pub mod bce;
pub mod dice;
pub mod focal;
mod pixels;

use candle_core::{Result, Tensor, Var};
use proto::spec::Loss;

/// The loss of every case, `[n]`.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if logits.device().is_cpu() { pixels::per_case(loss, logits, targets) } else { composed(loss, logits, targets) }
}

/// The loss of every case, `[n]`, composed of Candle's differentiable operations.
///
/// # Errors
/// If the shapes differ.
pub fn composed(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (logits, targets) = (logits.flatten_from(1)?, targets.flatten_from(1)?);
    match *loss {
        Loss::Bce {} => bce::per_case(&logits, &targets),
        Loss::Dice { smooth } => dice::per_case(&logits, &targets, smooth),
        Loss::Focal { gamma } => focal::per_case(&logits, &targets, gamma),
    }
}

/// The loss of every case, `[n]`, and the gradient of their mean with respect to the logits, in the logits' shape.
///
/// # Errors
/// If the shapes differ.
pub fn with_gradient(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
    if logits.device().is_cpu() {
        return pixels::with_gradient(loss, logits, targets);
    }
    let logits = Var::from_tensor(logits)?;
    let losses = composed(loss, &logits, targets)?;
    match losses.mean(0)?.backward()?.remove(&logits) {
        Some(gradient) => Ok((losses.detach(), gradient)),
        None => candle_core::bail!("the loss does not depend on the logits"),
    }
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
