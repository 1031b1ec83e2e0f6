//! Losses: one file each, from logits and targets `[n, 1, h, w]` to one value a case, `[n]`.
//!
//! What is trained on is the mean over the cases of a batch; as all cases have the same number of pixels, that is also the mean
//! over pixels. Every form is finite for every finite logit, and so is its gradient. They are computed with their gradients in
//! one pass, on the CPU and on CUDA devices; composed of Candle's operations they are the reference that can be read.

pub mod bce;
pub mod dice;
pub mod focal;
mod pixels;

#[cfg(feature = "cudnn")]
use crate::ops;
use candle_core::{Result, Tensor};
use proto::spec::Loss;

/// The loss of every case, `[n]`.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cudnn")]
    if logits.device().is_cuda() {
        return Ok(ops::losses(loss, logits, targets, false)?.0);
    }
    pixels::per_case(loss, logits, targets)
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
    #[cfg(feature = "cudnn")]
    if logits.device().is_cuda() {
        return match ops::losses(loss, logits, targets, true)? {
            (losses, Some(gradient)) => Ok((losses, gradient)),
            (_, None) => candle_core::bail!("a loss without a gradient"),
        };
    }
    pixels::with_gradient(loss, logits, targets)
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

#[cfg(test)]
#[cfg(feature = "cudnn")]
mod cuda_tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use candle_core::Device;

    /// The CPU's are held to PyTorch's by other tests.
    #[test]
    fn a_device_agrees_with_the_cpu() {
        let device = ops::open(0).unwrap();
        let wave = |index: usize, factor: f32| (factor * index as f32).sin();
        // several shares of a case, the last one not full
        const PIXELS: usize = 75 * 61;
        let logits: Vec<_> = (0..3 * PIXELS).map(|index| 9.0 * wave(index, 1.7)).collect();
        let targets: Vec<_> = (0..3 * PIXELS).map(|index| f32::from(wave(index, 0.3) > 0.4)).collect();
        let on = |device: &Device| {
            let tensor = |values: &Vec<f32>| Tensor::from_slice(values, (3, 1, 75, 61), device).unwrap();
            (tensor(&logits), tensor(&targets))
        };
        let ((x, y), (x_there, y_there)) = (on(&Device::Cpu), on(&device));
        for loss in [Loss::Bce {}, Loss::Dice { smooth: 1.0 }, Loss::Focal { gamma: 2.0 }] {
            let (losses, gradient) = with_gradient(&loss, &x, &y).unwrap();
            let (losses_there, gradient_there) = with_gradient(&loss, &x_there, &y_there).unwrap();
            let evaluated = per_case(&loss, &x_there, &y_there).unwrap();
            for (found, expected) in [(&losses_there, &losses), (&evaluated, &losses), (&gradient_there, &gradient)] {
                assert_eq!(found.dims(), expected.dims());
                let found = found.to_device(&Device::Cpu).unwrap();
                let norm = |x: &Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
                let error = norm(&(&found - expected).unwrap()) / norm(expected);
                assert!(error < 1e-6, "{loss:?}: {error}");
            }
        }
    }
}
