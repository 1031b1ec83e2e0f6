//! Weights and cases -> loss and counts.

use super::batches::Batches;
use super::learner::{Learner, numbers};
use crate::metrics;
use candle_core::Result;
use proto::measure::{CaseCounts, Evaluation};

/// Evaluates a network on `subset`, in batches of `batch_size`. The loss of no cases is not a number.
///
/// A device works on while the host prepares: it is waited for only after the last batch.
pub(super) fn evaluate(
    learner: &Learner,
    batches: &Batches<'_>,
    subset: &[u32],
    batch_size: usize,
) -> Result<Evaluation> {
    let (mut losses, mut counted) = (Vec::new(), Vec::new());
    for indices in subset.chunks(batch_size) {
        let (images, targets) = batches.tensors(indices)?;
        let (logits, of_cases) = learner.evaluate(&images, &targets)?;
        losses.push(of_cases);
        counted.push(metrics::count(&logits, &targets)?);
    }
    let mut total = 0.0;
    let mut counts = Vec::with_capacity(subset.len());
    for (of_cases, counted) in losses.iter().zip(&counted) {
        total += numbers(of_cases)?.iter().sum::<f64>();
        counts.extend(metrics::counts(counted)?);
    }
    let cases = subset.iter().zip(counts).map(|(&case, counts)| CaseCounts { case, counts }).collect();
    Ok(Evaluation::of(total / subset.len() as f64, cases))
}
