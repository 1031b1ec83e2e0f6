//! Losses where the logits lie on a CUDA device.

use super::Criterion;
use crate::ops;
use candle_core::{Device, Result, Tensor};
use proto::spec::{Term, Weighted};

/// The loss of every case, `[n]`, and if wanted the gradient of their mean for the logits, in their shape: on the device where it has a
/// kernel for a term, on the host for the other terms together.
pub(super) fn compute(
    criterion: &Criterion,
    logits: &Tensor,
    targets: &Tensor,
    gradient_wanted: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let (mut losses, mut gradient) = (None, None);
    for Weighted { weight, term } in &criterion.terms {
        let Some(kernel) = kernel(*term, criterion.balance) else { continue };
        if gradient_wanted {
            let (values, along) = ops::losses_with_gradient(kernel, *weight, logits, targets)?;
            losses = Some(plus(losses, values)?);
            gradient = Some(plus(gradient, along)?);
        } else {
            losses = Some(plus(losses, ops::losses(kernel, *weight, logits, targets)?)?);
        }
    }
    let others: Vec<_> =
        criterion.terms.iter().filter(|weighted| kernel(weighted.term, criterion.balance).is_none()).copied().collect();
    if !others.is_empty() {
        let others = Criterion { terms: others, balance: criterion.balance };
        let (there, truth) = (logits.to_device(&Device::Cpu)?, targets.to_device(&Device::Cpu)?);
        if gradient_wanted {
            let (values, along) = others.with_gradient(&there, &truth)?;
            losses = Some(plus(losses, values.to_device(logits.device())?)?);
            gradient = Some(plus(gradient, along.to_device(logits.device())?)?);
        } else {
            let values = others.per_case(&there, &truth)?;
            losses = Some(plus(losses, values.to_device(logits.device())?)?);
        }
    }
    match losses {
        Some(losses) => Ok((losses, gradient)),
        None => candle_core::bail!("a loss without terms"),
    }
}

/// `sum + value`.
fn plus(sum: Option<Tensor>, value: Tensor) -> Result<Tensor> {
    match sum {
        Some(sum) => ops::add(&sum, &value),
        None => Ok(value),
    }
}

/// The kernel that computes a term, if it is a sum over pixels.
fn kernel(term: Term, balance: f64) -> Option<ops::LossKernel> {
    use ops::LossKernel::{Bce, Dice, Focal, Tversky};
    Some(match term {
        Term::Bce {} => Bce { weight: 1.0, smoothing: 0.0 },
        Term::WeightedBce {} => Bce { weight: balance, smoothing: 0.0 },
        Term::SoftBce { smoothing } => Bce { weight: 1.0, smoothing },
        Term::Dice { smooth } => Dice { smooth },
        Term::Focal { gamma, alpha } => Focal { gamma, alpha },
        Term::Jaccard { smooth } => Tversky { alpha: 1.0, beta: 1.0, smooth, gamma: 1.0 },
        Term::Tversky { alpha, beta, smooth } => Tversky { alpha, beta, smooth, gamma: 1.0 },
        Term::FocalTversky { alpha, beta, gamma, smooth } => Tversky { alpha, beta, smooth, gamma },
        _ => return None,
    })
}
