//! Weights and cases -> loss and counts, and what the predictions look like.

use super::batches::Batches;
use super::learner::{Learner, numbers};
use super::predictions::Predictions;
use crate::{metrics, postprocess};
use candle_core::{DType, Device, Result, Tensor};
use proto::measure::{CaseCounts, Evaluation};
use proto::spec::Postprocess;

/// What an evaluation is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subset<'a> {
    pub(super) cases: &'a [u32],
    pub(super) batch_size: usize,
    /// What is done to predicted masks before they are counted.
    pub(super) postprocess: Postprocess,
    /// Whether predictions are looked at as a whole; they are empty if not.
    pub(super) looks: bool,
}

/// Evaluates a network on a subset. The loss of no cases is not a number.
///
/// A device works on while the host prepares: it is waited for only after the last batch, or after each if masks are post-processed.
pub(super) fn evaluate(
    learner: &Learner,
    batches: &Batches<'_>,
    subset: Subset<'_>,
) -> Result<(Evaluation, Predictions)> {
    let (mut losses, mut counted, mut looked_at) = (Vec::new(), Vec::new(), Vec::new());
    for indices in subset.cases.chunks(subset.batch_size) {
        let (images, targets) = batches.tensors(indices)?;
        let (logits, of_cases) = learner.evaluate(&images, &targets)?;
        losses.push(of_cases);
        counted.push(match subset.postprocess {
            Postprocess::None => metrics::count(&logits, &targets)?,
            postprocess => metrics::count(&post_processed(postprocess, &logits)?, &targets.to_device(&Device::Cpu)?)?,
        });
        looked_at.extend(subset.looks.then_some(logits));
    }
    let mut total = 0.0;
    let mut counts = Vec::with_capacity(subset.cases.len());
    for (of_cases, counted) in losses.iter().zip(&counted) {
        total += numbers(of_cases)?.iter().sum::<f64>();
        counts.extend(metrics::counts(counted)?);
    }
    let mut predictions = Predictions::default();
    looked_at.iter().try_for_each(|logits| predictions.add(logits))?;
    let cases = subset.cases.iter().zip(counts).map(|(&case, counts)| CaseCounts { case, counts }).collect();
    Ok((Evaluation::of(total / subset.cases.len() as f64, cases), predictions))
}

/// Logits on the host whose signs are the post-processed masks of `logits`, `[n, 1, h, w]`.
pub(super) fn post_processed(postprocess: Postprocess, logits: &Tensor) -> Result<Tensor> {
    let (_, _, _, width) = logits.dims4()?;
    let on_host = logits.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
    let mut signs = Vec::with_capacity(logits.elem_count());
    for logits in on_host.flatten_from(1)?.to_vec2::<f32>()? {
        let mut mask: Vec<u8> = logits.iter().map(|&logit| u8::from(logit >= 0.0)).collect();
        postprocess::apply(postprocess, &mut mask, width);
        signs.extend(mask.iter().map(|&pixel| if pixel == 1 { 1_f32 } else { -1.0 }));
    }
    Tensor::from_vec(signs, logits.dims(), &Device::Cpu)
}
