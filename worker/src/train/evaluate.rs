//! Weights and cases -> loss and counts.

use super::batches::batch;
use super::learner::Learner;
use crate::data::CaseSet;
use crate::metrics;
use candle_core::{Device, Result};
use proto::measure::{CaseCounts, Evaluation};

/// Evaluates a network on `subset`, in batches of `batch_size`. The loss of no cases is not a number.
pub(super) fn evaluate(
    learner: &Learner,
    cases: &CaseSet,
    subset: &[u32],
    batch_size: usize,
    device: &Device,
) -> Result<Evaluation> {
    let mut total = 0.0;
    let mut counts = Vec::with_capacity(subset.len());
    for indices in subset.chunks(batch_size) {
        let batch = batch(cases, indices, device)?;
        let (logits, losses) = learner.evaluate(&batch.images, &batch.targets)?;
        total += losses.iter().sum::<f64>();
        let batch_counts = metrics::counts(&logits, &batch.masks)?;
        counts.extend(indices.iter().zip(batch_counts).map(|(&case, counts)| CaseCounts { case, counts }));
    }
    Ok(Evaluation { loss: total / subset.len() as f64, cases: counts })
}
