//! Logits and masks -> the pixel counts of every case. The scores are made of them in `proto::measure`.

use crate::ops::storage::{by_float, read, tensor};
use crate::ops::{self, Real, parallel};
use candle_core::{Device, Result, Tensor};
use proto::measure::Counts;

/// The counts of every case of a batch, in shares, where the logits lie: true positives, false positives, false negatives and true
/// negatives, u32 `[n, shares, 4]`. Logits and targets (0 or 1) are `[n, 1, h, w]`. Does not wait for a device.
///
/// A pixel is predicted foreground if sigmoid(x) >= 0.5, that is, x >= 0; a logit that is not a number predicts background.
///
/// # Errors
/// If the shapes differ.
pub fn count(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if logits.dims() != targets.dims() {
        candle_core::bail!("targets {:?} for logits {:?}", targets.dims(), logits.dims());
    }
    if logits.device().is_cuda() {
        return ops::count(logits, targets);
    }
    let (logits, targets) = (logits.flatten_from(1)?.contiguous()?, targets.flatten_from(1)?.to_dtype(logits.dtype())?);
    let (cases, pixels) = logits.dims2()?;
    by_float!(logits.dtype(), T => read([&logits, &targets], |[logits, targets]: [&[T]; 2]| {
        let counts = parallel::collect(cases, |index| {
            let range = index * pixels..(index + 1) * pixels;
            case(&logits[range.clone()], &targets[range])
        });
        tensor(counts.concat(), &[cases, 1, 4])
    }))
}

fn case<T: Real>(logits: &[T], targets: &[T]) -> [u32; 4] {
    let mut counts = [0; 4];
    for (&logit, &target) in logits.iter().zip(targets) {
        let (predicted, truth) = (logit >= T::default(), target != T::default());
        counts[2 * usize::from(!predicted) + usize::from(!truth)] += 1;
    }
    counts
}

/// Reads what [`count`] found, a case each; waits for a device.
///
/// # Errors
/// If the counts cannot be read.
pub fn counts(counted: &Tensor) -> Result<Vec<Counts>> {
    let shares = counted.to_device(&Device::Cpu)?.to_vec3::<u32>()?;
    let sum = |shares: Vec<Vec<u32>>| {
        let of = |kind: usize| shares.iter().map(|share| share[kind]).sum();
        Counts { tp: of(0), fp: of(1), fn_: of(2), tn: of(3) }
    };
    Ok(shares.into_iter().map(sum).collect())
}
