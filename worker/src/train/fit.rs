//! Epochs of steps.

use super::batches::{batch, order};
use super::evaluate::{evaluate, sum};
use super::{TrainError, device, verdict};
use crate::data::CaseSet;
use crate::data::split::{self, Subsets};
use crate::losses;
use crate::models::{self, Network, Snapshot};
use crate::ops::Kernels;
use crate::optimizers::Optimizer;
use candle_core::{DType, Device};
use proto::measure::{Evaluation, JobResult, Measurement, Verdict};
use proto::spec::{EpochChoice, JobSpec, Selection};
use std::time::Instant;

/// Trains a job and evaluates it with the weights of the selected epoch. `observe` is called after every epoch.
///
/// Without validation cases the last epoch must be asked for, and its weights count whatever they are worth.
///
/// A step whose loss is not finite ends the training; its epoch is observed without a training loss. An epoch whose validation
/// loss is not finite is never selected.
///
/// # Errors
/// If the specification does not fit the cases, or a tensor operation fails.
pub fn fit(
    spec: &JobSpec,
    cases: &CaseSet,
    device: &Device,
    observe: &mut dyn FnMut(&Measurement),
) -> Result<JobResult, TrainError> {
    check(spec, cases)?;
    let subsets = split::assign(&spec.split, cases.inventory.cases.len(), spec.seeds.split_seed)?;
    let start = Instant::now();
    let mut session = Session::new(spec, cases, device, &subsets)?;
    let mut epochs = 0;
    let mut diverged = false;
    while epochs < spec.training.epochs && !diverged {
        epochs += 1;
        let train_loss = session.train(epochs)?;
        diverged = train_loss.is_none();
        let validation = session.evaluate(&subsets.validation)?;
        observe(&Measurement {
            epoch: epochs,
            train_loss,
            validation: validation.scores(),
            seconds: start.elapsed().as_secs_f64(),
        });
        if !diverged {
            // the last step can spoil the weights, and no step comes after it that would show it
            diverged = epochs == spec.training.epochs && !validation.cases.is_empty() && !validation.loss.is_finite();
            session.consider(epochs, validation)?;
        }
    }
    let train_seconds = start.elapsed().as_secs_f64();
    let parameters = session.network.parameter_count();
    let (best_epoch, validation, test) = session.finish()?;
    let verdict = match best_epoch {
        0 => Verdict::Diverged,
        _ if diverged => Verdict::Diverged,
        _ => {
            let judged = if test.cases.is_empty() { &validation } else { &test };
            if judged.loss.is_finite() { verdict::verdict(cases, &subsets.train, judged) } else { Verdict::Diverged }
        }
    };
    let device = device::describe_training(device, &spec.training);
    Ok(JobResult { verdict, epochs, best_epoch, validation, test, train_seconds, parameters, device })
}

fn check(spec: &JobSpec, cases: &CaseSet) -> Result<(), TrainError> {
    device::check(spec.training.precision)?;
    let (expected, found) = (spec.data.image_size, cases.image_size);
    if expected != found {
        return Err(TrainError::ImageSize { expected, found });
    }
    let multiple = models::granularity(spec.architecture);
    if !found.is_multiple_of(multiple) || found == 0 {
        return Err(TrainError::Granularity { architecture: spec.architecture, size: found, multiple });
    }
    let best = spec.selection.epoch == EpochChoice::Best;
    let counts = [
        ("epochs", spec.training.epochs),
        ("batch_size", spec.training.batch_size),
        ("width", spec.model.width),
        ("train", spec.split.train),
        ("validation", if best { spec.split.validation } else { 1 }),
        ("validation + test", spec.split.validation.saturating_add(spec.split.test)),
    ];
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(TrainError::Zero { key }),
        None => Ok(()),
    }
}

/// The epoch whose weights count so far.
struct Selected {
    epoch: u32,
    validation: Evaluation,
    weights: Snapshot,
}

/// A training under way.
struct Session<'a> {
    spec: &'a JobSpec,
    cases: &'a CaseSet,
    device: &'a Device,
    subsets: &'a Subsets,
    network: Network,
    optimizer: Optimizer,
    selected: Option<Selected>,
}

impl<'a> Session<'a> {
    fn new(
        spec: &'a JobSpec,
        cases: &'a CaseSet,
        device: &'a Device,
        subsets: &'a Subsets,
    ) -> Result<Self, TrainError> {
        let initialization = spec.training.initialization;
        let seed = spec.seeds.init_seed;
        let network = models::build(spec.architecture, spec.model, initialization, seed, device, DType::F32)?;
        let network = network.with_kernels(Kernels::of(device, spec.training.convolution));
        let optimizer = Optimizer::new(&spec.training, spec.learning_rate, network.parameters())?;
        Ok(Self { spec, cases, device, subsets, network, optimizer, selected: None })
    }

    /// One pass over the training cases: the mean of their losses, each taken at its step; nothing if a step's loss was not
    /// finite.
    fn train(&mut self, epoch: u32) -> Result<Option<f64>, TrainError> {
        let order = order(&self.subsets.train, self.spec.seeds.order_seed, epoch);
        let mut total = 0.0;
        for indices in order.chunks(self.spec.training.batch_size as usize) {
            let batch = batch(self.cases, indices, self.device)?;
            let pass = self.network.record(&batch.images)?;
            let (losses, gradient) = losses::with_gradient(&self.spec.loss, &pass.logits, &batch.targets)?;
            let loss = sum(&losses)?;
            if !loss.is_finite() {
                return Ok(None);
            }
            total += loss;
            self.optimizer.step(&pass.backward(&gradient)?)?;
        }
        Ok(Some(total / order.len() as f64))
    }

    fn evaluate(&self, subset: &[u32]) -> Result<Evaluation, TrainError> {
        let batch_size = self.spec.training.batch_size as usize;
        Ok(evaluate(&self.network, &self.spec.loss, self.cases, subset, batch_size, self.device)?)
    }

    /// Keeps the weights of `epoch` if they are the ones to count.
    fn consider(&mut self, epoch: u32, validation: Evaluation) -> Result<(), TrainError> {
        let old = self.selected.as_ref().map(|selected| &selected.validation);
        if replaces(self.spec.selection, &validation, old) {
            self.selected = Some(Selected { epoch, validation, weights: self.network.snapshot()? });
        }
        Ok(())
    }

    /// The selected epoch with its evaluations on the validation and the test cases.
    fn finish(self) -> Result<(u32, Evaluation, Evaluation), TrainError> {
        let Some(Selected { epoch, validation, weights }) = &self.selected else {
            let nothing = Evaluation { loss: f64::NAN, cases: Vec::new() };
            return Ok((0, nothing.clone(), nothing));
        };
        self.network.restore(weights)?;
        let test = self.evaluate(&self.subsets.test)?;
        Ok((*epoch, validation.clone(), test))
    }
}

/// Whether the newest epoch counts instead of the one selected so far.
fn replaces(selection: Selection, new: &Evaluation, old: Option<&Evaluation>) -> bool {
    if !new.cases.is_empty() && !new.loss.is_finite() {
        return false;
    }
    match (selection.epoch, old) {
        (EpochChoice::Last, _) | (_, None) => true,
        (EpochChoice::Best, Some(old)) => {
            let score = |evaluation: &Evaluation| evaluation.scores().get(selection.metric);
            match (score(new), score(old)) {
                (Some(new), Some(old)) => selection.metric.better(new, old),
                (new, old) => new.is_some() && old.is_none(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::measure::{CaseCounts, Counts};
    use proto::spec::Metric;

    fn evaluation(loss: f64, tp: u32) -> Evaluation {
        Evaluation { loss, cases: vec![CaseCounts { case: 0, counts: Counts { tp, fp: 10 - tp, fn_: 0, tn: 0 } }] }
    }

    #[test]
    fn the_best_epoch_is_the_earliest_of_equals_and_finite() {
        let best = |metric| Selection { metric, epoch: EpochChoice::Best };
        let old = evaluation(0.5, 6);
        let replaces = |selection, new: &Evaluation| replaces(selection, new, Some(&old));
        assert!(replaces(best(Metric::Iou), &evaluation(0.9, 7)));
        assert!(!replaces(best(Metric::Iou), &evaluation(0.1, 6)));
        assert!(replaces(best(Metric::Loss), &evaluation(0.4, 0)));
        assert!(!replaces(best(Metric::Loss), &evaluation(0.5, 9)));
        assert!(!replaces(best(Metric::Iou), &evaluation(f64::NAN, 9)));
        let last = Selection { metric: Metric::Iou, epoch: EpochChoice::Last };
        assert!(replaces(last, &evaluation(0.9, 0)));
        assert!(!replaces(last, &evaluation(f64::INFINITY, 9)));
    }
}
