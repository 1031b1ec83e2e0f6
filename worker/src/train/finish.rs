//! The end of a training: the weights of the selected epoch -> the job's result.

use super::baselines::Baselines;
use super::job::Job;
use super::measure::measure;
use super::state::{Selected, State};
use super::{TrainError, device, examples, verdict};
use candle_core::{DType, Device};
use proto::extras::{Artifact, Extras};
use proto::measure::{Evaluation, JobResult, Verdict};

/// The result of a training that has ended, with at most `examples` example segmentations of test cases. Gives the network the
/// weights of the selected epoch.
///
/// # Errors
/// If a tensor operation fails.
pub(super) fn result(job: &Job<'_>, state: &mut State, examples: u32) -> Result<JobResult, TrainError> {
    let (best_epoch, validation, test) = evaluations(job, state)?;
    let baselines = Baselines::new(job.cases, &job.subsets.train);
    let judged = if test.cases.is_empty() { &validation } else { &test };
    let verdict = match best_epoch {
        0 => Verdict::Diverged,
        _ if state.progress.diverged || !judged.loss.is_finite() => Verdict::Diverged,
        _ => verdict::verdict(&baselines, judged),
    };
    for plan in device::plans(job.device) {
        tracing::debug!(%plan, "convolutions");
    }
    let device = device::describe_training(job.device, &job.spec.training);
    Ok(JobResult {
        verdict,
        epochs: state.progress.epoch,
        best_epoch,
        train_seconds: state.progress.seconds,
        parameters: state.learner.network.parameter_count(),
        device: match &state.earlier {
            Some(earlier) => format!("{device}, {earlier}"),
            None => device,
        },
        split_hash: Some(job.subsets.hash(job.cases.inventory.content)),
        extras: Extras {
            baselines: baselines.of(&job.subsets),
            artifacts: artifacts(job, state, &test, examples)?,
            weights: None,
        },
        validation,
        test,
    })
}

/// The selected epoch with its evaluations on the validation and the test cases.
fn evaluations(job: &Job<'_>, state: &mut State) -> Result<(u32, Evaluation, Evaluation), TrainError> {
    let Some(Selected { epoch, validation, weights }) = &state.selected else {
        let nothing = Evaluation::of(f64::NAN, Vec::new());
        return Ok((0, nothing.clone(), nothing));
    };
    state.learner.settle(weights)?;
    let (mut validation, mut test) = (validation.clone(), job.evaluate(&state.learner, &job.subsets.test)?);
    for evaluation in [&mut validation, &mut test] {
        measure(job, &state.learner, evaluation)?;
    }
    Ok((*epoch, validation, test))
}

/// Examples of the test cases with the weights that they were evaluated with.
fn artifacts(job: &Job<'_>, state: &State, test: &Evaluation, examples: u32) -> Result<Vec<Artifact>, TrainError> {
    let choices = examples::choose(&test.cases, examples);
    let mut logits = Vec::with_capacity(choices.len());
    for choice in &choices {
        let (images, _) = job.batches.tensors(&[choice.case])?;
        let of_case = state.learner.network.forward(&images)?;
        logits.push(of_case.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?);
    }
    Ok(examples::draw(&choices, &logits, job.cases)?)
}
