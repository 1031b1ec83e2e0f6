//! Deep supervision: a loss at several resolutions (Lee et al. 2015, arXiv 1409.5185), as nnU-Net v2 has it.
//!
//! The resolutions weigh 1, 1/2, 1/4 and so on, divided by their sum. A target at a lower resolution has the mask's nearest pixel, as
//! `torch.nn.functional.interpolate` with the mode `nearest-exact`.

use super::Criterion;
use crate::ops;
use candle_core::{Result, Tensor};
use proto::spec::Weighted;

impl Criterion {
    /// The loss of every case, `[n]`, the weighted mean over the resolutions, and the gradient of its mean with respect to the logits at
    /// each. The logits `[n, 1, h, w]` are those of the targets' resolution, then others, each of half the height and width of the one before.
    ///
    /// # Errors
    /// As for [`per_case`](Self::per_case).
    pub fn at_resolutions(&self, logits: &[Tensor], targets: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let [full, lower @ ..] = logits else { candle_core::bail!("a loss without logits") };
        let weights: Vec<_> = (0..logits.len()).map(|level| 0.5f64.powi(level as i32)).collect();
        let total: f64 = weights.iter().sum();
        let (mut sum, gradient) = self.times(1.0 / total).with_gradient(full, targets)?;
        let mut gradients = vec![gradient];
        for (level, logits) in (1..).zip(lower) {
            let of_level = self.times(weights[level] / total);
            let (losses, gradient) = of_level.with_gradient(logits, &reduced(targets, 1 << level)?)?;
            sum = if sum.device().is_cuda() { ops::add(&sum, &losses)? } else { (sum + losses)? };
            gradients.push(gradient);
        }
        Ok((sum, gradients))
    }

    /// So many times the loss.
    fn times(&self, factor: f64) -> Self {
        let terms =
            self.terms.iter().map(|Weighted { weight, term }| Weighted { weight: factor * weight, term: *term });
        Self { terms: terms.collect(), ..*self }
    }
}

/// `[n, 1, h, w]` -> `[n, 1, h / factor, w / factor]`: of every block the pixel below and to the right of its middle.
fn reduced(targets: &Tensor, factor: usize) -> Result<Tensor> {
    let (n, _, height, width) = targets.dims4()?;
    if targets.device().is_cuda() {
        return ops::reduce_targets(&targets.contiguous()?, factor);
    }
    let (rows, columns) = (height / factor, width / factor);
    let blocks = targets.reshape((n, rows, factor, columns, factor))?;
    let pixels = blocks.narrow(4, factor / 2, 1)?.narrow(2, factor / 2, 1)?;
    pixels.contiguous()?.reshape((n, 1, rows, columns))
}
