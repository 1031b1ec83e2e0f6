//! The end of a training: the weights of the selected epoch -> the job's result.

use super::baselines::Baselines;
use super::job::Job;
use super::measure::measure;
use super::predictions::Predictions;
use super::state::{Progress, Selected, State};
use super::verdict::Trial;
use super::{TrainError, device, examples, verdict};
use candle_core::{DType, Device};
use proto::extras::{Artifact, Extras};
use proto::measure::{Evaluation, JobResult};

/// The result of a training that has ended, with at most `examples` example segmentations of test cases. Gives the network the
/// weights of the selected epoch.
///
/// # Errors
/// If a tensor operation fails.
pub(super) fn result(job: &Job<'_>, state: &mut State, examples: u32) -> Result<JobResult, TrainError> {
    let (best_epoch, validation, (test, predictions)) = evaluations(job, state)?;
    let baselines = Baselines::new(job.cases, &job.subsets.train);
    let Progress { epoch, diverged, without_gradient, best_train_loss, .. } = state.progress;
    let trial = Trial {
        test: if test.cases.is_empty() { &validation } else { &test },
        predictions: &predictions,
        diverged: diverged || best_epoch == 0,
        epochs: epoch,
        without_gradient,
        losses: best_train_loss.map(|best| Ok::<_, TrainError>((best, constant_loss(job, state)?))).transpose()?,
    };
    let (verdict, evidence) = verdict::judge(&baselines, &trial);
    for hit in &evidence {
        tracing::info!(verdict = verdict.name(), %hit, "not trained");
    }
    for plan in device::plans(job.device) {
        tracing::debug!(%plan, "convolutions");
    }
    let device = device::describe_training(job.device, &job.spec.training);
    Ok(JobResult {
        verdict,
        epochs: epoch,
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
            evidence,
            peak_mib: None,
            energy_joules: None,
        },
        validation,
        test,
    })
}

/// The selected epoch with its evaluations on the validation and the test cases; of those there are, the predictions.
fn evaluations(job: &Job<'_>, state: &mut State) -> Result<(u32, Evaluation, (Evaluation, Predictions)), TrainError> {
    let Some(Selected { epoch, validation, weights }) = &state.selected else {
        let nothing = Evaluation::of(f64::NAN, Vec::new());
        return Ok((0, nothing.clone(), (nothing, Predictions::default())));
    };
    state.learner.settle(weights)?;
    let mut validation = validation.clone();
    let (mut test, mut predictions) = job.evaluate(&state.learner, &job.subsets.test, true)?;
    if test.cases.is_empty() {
        (_, predictions) = job.evaluate(&state.learner, &job.subsets.validation, true)?;
    }
    for evaluation in [&mut validation, &mut test] {
        measure(job, &state.learner, evaluation)?;
    }
    Ok((*epoch, validation, (test, predictions)))
}

/// The loss of the best constant probability on training cases: some of them, as there are many and some losses take long.
fn constant_loss(job: &Job<'_>, state: &State) -> Result<f64, TrainError> {
    const MAX_CASES: usize = 32;
    let cases = &job.subsets.train[..job.subsets.train.len().min(MAX_CASES)];
    let mut totals = Vec::new();
    for cases in cases.chunks(job.spec.training.batch_size as usize) {
        let (_, masks) = job.batches.tensors(cases)?;
        let sums = state.learner.constant_losses(&masks)?;
        totals.resize(sums.len(), 0.0);
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    Ok(totals.into_iter().fold(f64::INFINITY, f64::min) / cases.len() as f64)
}

/// Examples of the test cases with the weights that they were evaluated with.
fn artifacts(job: &Job<'_>, state: &State, test: &Evaluation, examples: u32) -> Result<Vec<Artifact>, TrainError> {
    let choices = examples::choose(&test.cases, examples);
    let mut logits = Vec::with_capacity(choices.len());
    for choice in &choices {
        let (images, _) = job.batches.tensors(&[choice.case])?;
        let of_case = state.learner.logits(&images)?;
        logits.push(of_case.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?);
    }
    Ok(examples::draw(&choices, &logits, job.cases)?)
}
