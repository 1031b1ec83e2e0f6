//! Weights and cases -> loss and counts.

use super::batches::batch;
use crate::data::CaseSet;
use crate::losses;
use crate::metrics;
use crate::models::Network;
use candle_core::{DType, Device, Result, Tensor};
use proto::measure::{CaseCounts, Evaluation};
use proto::spec::Loss;

/// Evaluates `network` on `subset`, in batches of `batch_size`. The loss of no cases is not a number.
pub(super) fn evaluate(
    network: &Network,
    loss: &Loss,
    cases: &CaseSet,
    subset: &[u32],
    batch_size: usize,
    device: &Device,
) -> Result<Evaluation> {
    let mut total = 0.0;
    let mut counts = Vec::with_capacity(subset.len());
    for indices in subset.chunks(batch_size) {
        let batch = batch(cases, indices, device)?;
        let logits = network.forward(&batch.images)?;
        total += sum(&losses::per_case(loss, &logits, &batch.targets)?)?;
        let batch_counts = metrics::counts(&logits, &batch.masks)?;
        counts.extend(indices.iter().zip(batch_counts).map(|(&case, counts)| CaseCounts { case, counts }));
    }
    Ok(Evaluation { loss: total / subset.len() as f64, cases: counts })
}

/// The sum of the losses of some cases.
pub(super) fn sum(per_case: &Tensor) -> Result<f64> {
    Ok(per_case.to_dtype(DType::F64)?.to_vec1::<f64>()?.iter().sum())
}
