//! The losses that are sums over pixels, composed of Candle's differentiable operations: the reference that can be read beside the formulas.

use candle_core::{Result, Tensor};
use proto::spec::{Loss, LossName, Term, Weighted};

/// The losses that have a reference here.
pub const NAMES: [LossName; 8] = [
    LossName::Bce,
    LossName::Dice,
    LossName::Focal,
    LossName::WeightedBce,
    LossName::SoftBce,
    LossName::Jaccard,
    LossName::Tversky,
    LossName::FocalTversky,
];

/// The loss of every case, `[n]`; logits and targets `[n, 1, h, w]`, `balance` the weight of the foreground in `weighted_bce`. Differentiable
/// with respect to the logits.
///
/// # Errors
/// If the shapes differ, or a term is none of [`NAMES`].
pub fn per_case(loss: &Loss, balance: f64, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (logits, targets) = (logits.flatten_from(1)?, targets.flatten_from(1)?);
    let mut sum = Tensor::zeros(logits.dim(0)?, logits.dtype(), logits.device())?;
    for Weighted { weight, term } in loss.terms() {
        let value = match term {
            Term::Bce {} => bce(&logits, &targets, 1.0)?,
            Term::WeightedBce {} => bce(&logits, &targets, balance)?,
            Term::SoftBce { smoothing } => bce(&logits, &targets.affine(1.0 - 2.0 * smoothing, smoothing)?, 1.0)?,
            Term::Dice { smooth } => dice(&logits, &targets, smooth)?,
            Term::Focal { gamma, alpha } => focal(&logits, &targets, gamma, alpha)?,
            Term::Jaccard { smooth } => tversky(&logits, &targets, (1.0, 1.0), smooth)?,
            Term::Tversky { alpha, beta, smooth } => tversky(&logits, &targets, (alpha, beta), smooth)?,
            Term::FocalTversky { alpha, beta, gamma, smooth } => {
                tversky(&logits, &targets, (alpha, beta), smooth)?.powf(gamma)?
            }
            other => candle_core::bail!("{} is not a sum over pixels", other.name()),
        };
        sum = (sum + value.affine(weight, 0.0)?)?;
    }
    Ok(sum)
}

/// `mean(x - x y + log(1 + exp(-x)))`, the foreground's part times `weight`; logits and targets `[n, pixels]`.
fn bce(logits: &Tensor, targets: &Tensor, weight: f64) -> Result<Tensor> {
    // log(1 + exp(x)) - x y would cancel for large x and y = 1
    let positive = (targets * softplus(&logits.neg()?)?)?.affine(weight, 0.0)?;
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
/// `[n, pixels]`, targets 0 or 1. `alpha` weighs the foreground, if it is not 0.
fn focal(logits: &Tensor, targets: &Tensor, gamma: f64, alpha: f64) -> Result<Tensor> {
    let agreement = (logits * targets.affine(2.0, -1.0)?)?;
    let mut modulation = softplus(&agreement)?.affine(-gamma, 0.0)?.exp()?;
    if alpha != 0.0 {
        modulation = (modulation * targets.affine(2.0 * alpha - 1.0, 1.0 - alpha)?)?;
    }
    (modulation * softplus(&agreement.neg()?)?)?.mean(1)
}

/// `1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)`; logits and targets `[n, pixels]`.
fn tversky(logits: &Tensor, targets: &Tensor, (alpha, beta): (f64, f64), smooth: f64) -> Result<Tensor> {
    let probabilities = sigmoid(logits)?;
    let hits = (&probabilities * targets)?.sum(1)?;
    let wrong =
        ((probabilities.sum(1)? - &hits)?.affine(alpha, 0.0)? + (targets.sum(1)? - &hits)?.affine(beta, 0.0)?)?;
    let above = hits.affine(1.0, smooth)?;
    (&above / (&above + wrong)?)?.affine(-1.0, 1.0)
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
