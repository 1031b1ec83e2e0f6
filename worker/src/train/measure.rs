//! The metrics that pixel counts do not tell, on the masks of the selected epoch.

use super::TrainError;
use super::job::Job;
use super::learner::Learner;
use crate::metrics::Predicted;
use crate::ops::parallel;
use candle_core::{DType, Device};
use proto::measure::{Evaluation, Measured};

/// Adds to an evaluation what the job asks for, case by case.
///
/// # Errors
/// If a tensor operation fails.
pub(super) fn measure(job: &Job<'_>, learner: &Learner, evaluation: &mut Evaluation) -> Result<(), TrainError> {
    let (metrics, postprocess) = (&job.spec.metrics, job.spec.evaluating.postprocess);
    if metrics.is_empty() || evaluation.cases.is_empty() {
        return Ok(());
    }
    let mut measured: Vec<_> = metrics.iter().map(|metric| Measured { metric: *metric, values: Vec::new() }).collect();
    let (width, size) = (job.cases.image_size as usize, job.spec.training.batch_size as usize);
    for cases in evaluation.cases.chunks(size) {
        let indices: Vec<u32> = cases.iter().map(|case| case.case).collect();
        let (images, targets) = job.batches.tensors(&indices)?;
        let (logits, _) = learner.evaluate(&images, &targets)?;
        let logits = logits.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_from(1)?.to_vec2::<f32>()?;
        let values = parallel::collect(indices.len(), |index| {
            let mask = job.cases.mask(indices[index]);
            Predicted { logits: &logits[index], mask, width, postprocess }.measure(metrics)
        });
        for of_case in values {
            for (measured, value) in measured.iter_mut().zip(of_case) {
                measured.values.push(value);
            }
        }
    }
    evaluation.measured = measured;
    Ok(())
}
