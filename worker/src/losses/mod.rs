//! Losses: one file each, from logits and targets `[n, 1, h, w]` to one value per case, `[n]`.
//!
//! ```text
//!  bce, dice, focal, ...   formula, value and slope of a case
//!    case                  the pixels of a case, and means over them
//!    logit                 sigmoid and softplus that neither overflow nor cancel
//!    window                means in a window that slides
//!  on_device               which of them a CUDA device computes
//!  resolutions             a loss at several resolutions
//! ```
//!
//! Training minimises the mean over the cases of a batch. All cases have the same number of pixels, so that is also the mean over
//! pixels. Every loss and its gradient are finite for every finite logit. Loss and gradient are computed pixel by pixel, in f64 on
//! the CPU, where Candle's operations would take some forty passes. A task takes a case, so sums have the same bits whatever the
//! number of threads. A CUDA device computes the losses that are sums over pixels (`ops/cuda/losses.rs`); for the others the logits
//! come to the host, and the gradient goes back.
//!
//! To add a loss: its file here, its line in `of_term`, its variant with its keys in `proto::spec::Term`, and its reference in
//! `tests/reference/losses.py`; if it is a sum over pixels, its kernel for CUDA, and its reference in `selftest/composed/losses.rs`.

mod bce;
mod boundary;
mod case;
mod cms;
mod dice;
mod dice_per_pixel;
mod focal;
mod logit;
mod lovasz;
mod on_device;
mod resolutions;
mod ssim;
mod topology;
mod tversky;
mod variation;
mod window;

use crate::ops::storage::{by_float, read, tensor};
use crate::ops::{Real, parallel};
use candle_core::{Result, Tensor, WithDType};
use case::Case;
use proto::spec::{Loss, Term, Weighted};
use tversky::Tversky;

/// What a training minimises, with what it needs to know of the training cases.
#[derive(Debug, Clone)]
pub struct Criterion {
    terms: Vec<Weighted>,
    balance: f64,
}

/// The loss of a term; `slope` gets the index and the slope of pixels, of every pixel at most once but for the topological loss.
fn of_term<T: Real>(term: Term, balance: f64, case: Case<'_, T>, slope: impl FnMut(usize, f64)) -> f64 {
    match term {
        Term::Bce {} => bce::of_case(case, slope),
        Term::Dice { smooth } => dice::of_case(case, smooth, slope),
        Term::Focal { gamma, alpha } => focal::of_case(case, gamma, alpha, slope),
        Term::WeightedBce {} => bce::weighted(case, balance, slope),
        Term::SoftBce { smoothing } => bce::soft(case, smoothing, slope),
        Term::Jaccard { smooth } => Tversky { alpha: 1.0, beta: 1.0, smooth, gamma: 1.0 }.of_case(case, slope),
        Term::Tversky { alpha, beta, smooth } => Tversky { alpha, beta, smooth, gamma: 1.0 }.of_case(case, slope),
        Term::FocalTversky { alpha, beta, gamma, smooth } => {
            Tversky { alpha, beta, smooth, gamma }.of_case(case, slope)
        }
        Term::LovaszHinge {} => lovasz::of_case(case, slope),
        Term::Boundary {} => boundary::of_case(case, slope),
        Term::Ssim {} => ssim::of_case(case, slope),
        Term::Cms { cut } => cms::of_case(case, cut, slope),
        Term::Topology {} => topology::of_case(case, slope),
        Term::TotalVariation {} => variation::of_case(case, slope),
        Term::DicePerPixel {} => dice_per_pixel::of_case(case, slope),
    }
}

impl Criterion {
    /// The weight of the foreground where its share is not known: none.
    const EVEN: f64 = 1.0;

    /// The loss; `foreground` is the share of foreground in the training masks, which `weighted_bce` balances.
    #[must_use]
    pub fn new(loss: &Loss, foreground: f64) -> Self {
        let balance = if foreground > 0.0 && foreground < 1.0 { (1.0 - foreground) / foreground } else { Self::EVEN };
        Self { terms: loss.terms().collect(), balance }
    }

    /// The loss of every case, `[n]`; logits and targets `[n, 1, h, w]`.
    ///
    /// # Errors
    /// If the shapes differ, or the images are too small for a term.
    pub fn per_case(&self, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
        self.check(logits)?;
        if logits.device().is_cuda() {
            return Ok(on_device::compute(self, logits, targets, false)?.0);
        }
        let Flat { logits, targets, count, pixels, width } = Flat::of(logits, targets)?;
        by_float!(logits.dtype(), T => read([&logits, &targets], |[logits, targets]: [&[T]; 2]| {
            let losses = parallel::collect(count, |index| {
                let range = index * pixels..(index + 1) * pixels;
                let case = Case { logits: &logits[range.clone()], targets: &targets[range], width };
                T::from_f64(self.of_case(case, |_, _| ()))
            });
            tensor(losses, &[count])
        }))
    }

    /// The loss of every case, `[n]`, and the gradient of their mean with respect to the logits, in the logits' shape.
    ///
    /// # Errors
    /// As for [`per_case`](Self::per_case).
    pub fn with_gradient(&self, logits: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
        self.check(logits)?;
        if logits.device().is_cuda() {
            let (losses, gradient) = on_device::compute(self, logits, targets, true)?;
            return Ok((losses, gradient.map_or_else(|| logits.zeros_like(), Ok)?));
        }
        let shape = logits.dims();
        let Flat { logits, targets, count, pixels, width } = Flat::of(logits, targets)?;
        by_float!(logits.dtype(), T => read([&logits, &targets], |[logits, targets]: [&[T]; 2]| {
            let cases = parallel::collect(count, |index| {
                let range = index * pixels..(index + 1) * pixels;
                let case = Case { logits: &logits[range.clone()], targets: &targets[range], width };
                // -0 + x has the bits of x, whatever x is
                let mut slopes = vec![-0.0; pixels];
                let value = self.of_case(case, |pixel, slope| slopes[pixel] += slope);
                let gradient = slopes.into_iter().map(|slope| T::from_f64(slope / count as f64)).collect::<Vec<_>>();
                (T::from_f64(value), gradient)
            });
            let (losses, gradients): (Vec<T>, Vec<_>) = cases.into_iter().unzip();
            Ok((tensor(losses, &[count])?, tensor(gradients.concat(), shape)?))
        }))
    }

    /// The sum of the terms of a case; `slope` gets the index and a part of the slope of pixels.
    fn of_case<T: Real>(&self, case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
        let term = |Weighted { weight, term }: &Weighted| {
            weight * of_term(*term, self.balance, case, |pixel, along| slope(pixel, weight * along))
        };
        self.terms.iter().map(term).sum()
    }

    fn check(&self, logits: &Tensor) -> Result<()> {
        let sides = &logits.dims()[logits.rank().saturating_sub(2)..];
        let has_windows = self.terms.iter().any(|weighted| matches!(weighted.term, Term::Ssim {}));
        if has_windows && sides.iter().any(|side| *side < ssim::SIZE) {
            candle_core::bail!("the loss ssim needs images of at least {} pixels a side, found {sides:?}", ssim::SIZE);
        }
        Ok(())
    }
}

impl From<&Loss> for Criterion {
    /// The loss where nothing is known of the training cases.
    fn from(loss: &Loss) -> Self {
        Self::new(loss, 0.5)
    }
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
    /// Pixels of a row.
    width: usize,
}

impl Flat {
    fn of(logits: &Tensor, targets: &Tensor) -> Result<Self> {
        let width = logits.dims().last().copied().unwrap_or(1);
        let (logits, targets) = (logits.flatten_from(1)?.contiguous()?, targets.flatten_from(1)?.contiguous()?);
        if logits.dims() != targets.dims() {
            candle_core::bail!("targets {:?} for logits {:?}", targets.dims(), logits.dims());
        }
        let (count, pixels) = logits.dims2()?;
        Ok(Self { logits, targets, count, pixels, width })
    }
}

#[cfg(test)]
#[cfg(feature = "cudnn")]
mod cuda_tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::ops;
    use candle_core::Device;
    use proto::spec::LossName;

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
        let all = LossName::ALL.iter().map(|name| Loss::from(*name));
        for loss in all.chain([Loss::sum([(LossName::Bce, 1.0), (LossName::Dice, 0.5), (LossName::Boundary, 0.01)])]) {
            let loss = Criterion::new(&loss, 0.2);
            let (losses, gradient) = loss.with_gradient(&x, &y).unwrap();
            let (losses_there, gradient_there) = loss.with_gradient(&x_there, &y_there).unwrap();
            let evaluated = loss.per_case(&x_there, &y_there).unwrap();
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
