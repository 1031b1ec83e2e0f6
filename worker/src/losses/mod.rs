//! Losses: one file each, from logits and targets `[n, 1, h, w]` to one value per case, `[n]`.
//!
//! ```text
//!  bce, dice, focal   formula, value and slope, as they train on the CPU
//!    case             the pixels of a case, and means over them
//!    logit            sigmoid and softplus that neither overflow nor cancel
//! ```
//!
//! Training minimises the mean over the cases of a batch. All cases have the same number of pixels, so that is also the mean over
//! pixels. Every loss and its gradient are finite for every finite logit. Loss and gradient are computed pixel by pixel, in f64 on
//! the CPU (`ops/cuda/losses.rs` computes them on a CUDA device), where Candle's operations would take some forty passes. A task
//! takes a case, so sums have the same bits whatever the number of threads.
//!
//! To add a loss: its file here, its line in `of_case`, its variant with its keys in `proto::spec::Loss`, its kernel for CUDA, and
//! its reference in `selftest/composed/losses.rs`.

mod bce;
mod case;
mod dice;
mod focal;
mod logit;

use crate::ops::storage::{by_float, read, tensor};
use crate::ops::{self, Real, parallel};
use candle_core::{Result, Tensor, WithDType};
use case::Case;
use proto::spec::Loss;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
fn of_case<T: Real>(loss: &Loss, case: Case<'_, T>, slope: impl FnMut(usize, f64)) -> f64 {
    match *loss {
        Loss::Bce {} => bce::of_case(case, slope),
        Loss::Dice { smooth } => dice::of_case(case, smooth, slope),
        Loss::Focal { gamma } => focal::of_case(case, gamma, slope),
    }
}

/// The loss of every case, `[n]`; logits and targets `[n, 1, h, w]`.
///
/// # Errors
/// If the shapes differ.
pub fn per_case(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if logits.device().is_cuda() {
        return ops::losses(loss, logits, targets);
    }
    let Flat { logits, targets, count, pixels } = Flat::of(logits, targets)?;
    by_float!(logits.dtype(), T => read([&logits, &targets], |[logits, targets]: [&[T]; 2]| {
        let losses = parallel::collect(count, |index| {
            let range = index * pixels..(index + 1) * pixels;
            let case = Case { logits: &logits[range.clone()], targets: &targets[range] };
            T::from_f64(of_case(loss, case, |_, _| ()))
        });
        tensor(losses, &[count])
    }))
}

/// The loss of every case, `[n]`, and the gradient of their mean with respect to the logits, in the logits' shape.
///
/// # Errors
/// If the shapes differ.
pub fn with_gradient(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
    if logits.device().is_cuda() {
        return ops::losses_with_gradient(loss, logits, targets);
    }
    let shape = logits.dims();
    let Flat { logits, targets, count, pixels } = Flat::of(logits, targets)?;
    by_float!(logits.dtype(), T => read([&logits, &targets], |[logits, targets]: [&[T]; 2]| {
        let cases = parallel::collect(count, |index| {
            let range = index * pixels..(index + 1) * pixels;
            let case = Case { logits: &logits[range.clone()], targets: &targets[range] };
            let mut gradient = vec![T::default(); pixels];
            let value = of_case(loss, case, |pixel, slope| gradient[pixel] = T::from_f64(slope / count as f64));
            (T::from_f64(value), gradient)
        });
        let (losses, gradients): (Vec<T>, Vec<_>) = cases.into_iter().unzip();
        Ok((tensor(losses, &[count])?, tensor(gradients.concat(), shape)?))
    }))
}

/// Logits and targets of a batch, case after case.
struct Flat {
    /// `[count, pixels]`
    logits: Tensor,
    /// `[count, pixels]`
    targets: Tensor,
    /// Cases.
    count: usize,
    /// Pixels of a case.
    pixels: usize,
}

impl Flat {
    fn of(logits: &Tensor, targets: &Tensor) -> Result<Self> {
        let (logits, targets) = (logits.flatten_from(1)?.contiguous()?, targets.flatten_from(1)?.contiguous()?);
        if logits.dims() != targets.dims() {
            candle_core::bail!("targets {:?} for logits {:?}", targets.dims(), logits.dims());
        }
        let (count, pixels) = logits.dims2()?;
        Ok(Self { logits, targets, count, pixels })
    }
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
