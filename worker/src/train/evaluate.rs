//! Weights and cases -> loss and counts.

use super::batches::Batches;
use super::learner::Learner;
use crate::metrics;
use candle_core::Result;
use proto::measure::{CaseCounts, Evaluation};

/// Evaluates a network on `subset`, in batches of `batch_size`. The loss of no cases is not a number.
pub(super) fn evaluate(
    learner: &Learner,
    batches: &Batches<'_>,
    subset: &[u32],
    batch_size: usize,
) -> Result<Evaluation> {
    let mut total = 0.0;
    let mut counts = Vec::with_capacity(subset.len());
    for indices in subset.chunks(batch_size) {
        let (images, targets) = batches.tensors(indices)?;
        let (logits, losses) = learner.evaluate(&images, &targets)?;
        total += losses.iter().sum::<f64>();
        let batch_counts = metrics::counts(&logits, &batches.masks(indices))?;
        counts.extend(indices.iter().zip(batch_counts).map(|(&case, counts)| CaseCounts { case, counts }));
    }
    Ok(Evaluation { loss: total / subset.len() as f64, cases: counts })
}
