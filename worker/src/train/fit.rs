//! Epochs of steps.

use super::baselines::Baselines;
use super::batches::{Batches, order};
use super::evaluate::evaluate;
use super::learner::{Learner, numbers};
use super::{TrainError, device, examples, verdict};
use crate::data::CaseSet;
use crate::data::split::{self, Pool, Subsets};
use crate::models::{Network, Snapshot};
use candle_core::{DType, Device};
use proto::extras::{Artifact, Extras};
use proto::measure::{Evaluation, JobResult, Measurement, Verdict};
use proto::spec::{EpochChoice, JobSpec, Selection};
use std::time::Instant;

/// What a training tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// After every step.
    Step {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The step of the epoch, counted from 1.
        step: u32,
        /// The batch, by the cases' indices.
        cases: &'a [u32],
        /// Mean loss over the batch, before the step.
        loss: f64,
    },
    /// After every epoch.
    Epoch(&'a Measurement),
}

/// Trains a job and evaluates it with the weights of the selected epoch: a [`Session`] from its start to its end. `observe` is
/// called after every epoch.
///
/// # Errors
/// If the specification does not fit the cases, or a tensor operation fails.
pub fn fit(
    spec: &JobSpec,
    cases: &CaseSet,
    device: &Device,
    observe: &mut dyn FnMut(&Measurement),
) -> Result<JobResult, TrainError> {
    Session::new(spec, cases, device)?.run(&mut |event| {
        if let Event::Epoch(measurement) = event {
            observe(measurement);
        }
    })
}

fn check(spec: &JobSpec, cases: &CaseSet) -> Result<(), TrainError> {
    let (expected, found) = (spec.data.image_size, cases.image_size);
    if expected != found {
        return Err(TrainError::ImageSize { expected, found });
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
#[derive(Debug)]
struct Selected {
    epoch: u32,
    validation: Evaluation,
    weights: Snapshot,
}

/// A job under way.
///
/// Without validation cases the last epoch must be asked for, and its weights count whatever they are worth.
///
/// A step whose loss is not finite ends the training, on a CUDA device at the end of the epoch; so does an epoch that leaves weights
/// that are not finite. That epoch is observed without a training loss. An epoch whose validation loss is not finite is never
/// selected.
#[derive(Debug)]
pub struct Session<'a> {
    spec: &'a JobSpec,
    cases: &'a CaseSet,
    device: &'a Device,
    subsets: Subsets,
    learner: Learner,
    batches: Batches<'a>,
    selected: Option<Selected>,
    examples: u32,
}

impl<'a> Session<'a> {
    /// The job before its first step.
    ///
    /// # Errors
    /// If the specification does not fit the cases, or memory cannot be had.
    pub fn new(spec: &'a JobSpec, cases: &'a CaseSet, device: &'a Device) -> Result<Self, TrainError> {
        check(spec, cases)?;
        let subsets = split::assign(&spec.split, &Pool::of(cases), spec.seeds.split_seed)?;
        let learner = Learner::new(spec, cases.foreground(&subsets.train), device)?;
        let batches = Batches::new(cases, device)?;
        Ok(Self { spec, cases, device, subsets, learner, batches, selected: None, examples: 0 })
    }

    /// The same job with so many example segmentations of test cases.
    #[must_use]
    pub fn with_examples(self, examples: u32) -> Self {
        Self { examples, ..self }
    }

    /// The network: before the training with its initial weights, after it with those of the selected epoch.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.learner.network
    }

    /// Trains all epochs and evaluates with the weights of the selected one.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn run(&mut self, observe: &mut dyn FnMut(Event<'_>)) -> Result<JobResult, TrainError> {
        let start = Instant::now();
        let mut epochs = 0;
        let mut diverged = false;
        while epochs < self.spec.training.epochs && !diverged {
            epochs += 1;
            // a fused ReLU makes 0 of what is not a number, so a finite loss does not prove finite weights
            let train_loss = match self.train(epochs, observe)? {
                Some(loss) if self.network().is_finite()? => Some(loss),
                _ => None,
            };
            diverged = train_loss.is_none();
            let validation = self.evaluate(&self.subsets.validation)?;
            observe(Event::Epoch(&Measurement {
                epoch: epochs,
                train_loss,
                validation: validation.scores(),
                seconds: start.elapsed().as_secs_f64(),
            }));
            if !diverged {
                // finite weights can give an infinite loss, and after the last epoch no step would show it
                let last = epochs == self.spec.training.epochs;
                diverged = last && !validation.cases.is_empty() && !validation.loss.is_finite();
                self.consider(epochs, validation)?;
            }
        }
        let train_seconds = start.elapsed().as_secs_f64();
        let parameters = self.network().parameter_count();
        let (best_epoch, validation, test) = self.finish()?;
        let baselines = Baselines::new(self.cases, &self.subsets.train);
        let judged = if test.cases.is_empty() { &validation } else { &test };
        let verdict = match best_epoch {
            0 => Verdict::Diverged,
            _ if diverged || !judged.loss.is_finite() => Verdict::Diverged,
            _ => verdict::verdict(&baselines, judged),
        };
        let extras = Extras { baselines: baselines.of(&self.subsets), artifacts: self.artifacts(&test)? };
        let split_hash = Some(self.subsets.hash(self.cases.inventory.content));
        for plan in device::plans(self.device) {
            tracing::debug!(%plan, "convolutions");
        }
        let device = device::describe_training(self.device, &self.spec.training);
        Ok(JobResult {
            verdict,
            epochs,
            best_epoch,
            validation,
            test,
            train_seconds,
            parameters,
            device,
            split_hash,
            extras,
        })
    }

    /// Examples of the test cases with the weights that they were evaluated with.
    fn artifacts(&self, test: &Evaluation) -> Result<Vec<Artifact>, TrainError> {
        let choices = examples::choose(&test.cases, self.examples);
        let mut logits = Vec::with_capacity(choices.len());
        for choice in &choices {
            let (images, _) = self.batches.tensors(&[choice.case])?;
            let of_case = self.network().forward(&images)?;
            logits.push(of_case.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?);
        }
        Ok(examples::draw(&choices, &logits, self.cases)?)
    }

    /// One pass over the training cases: the mean of their losses, each taken at its step; nothing if a step's loss was not
    /// finite.
    fn train(&mut self, epoch: u32, observe: &mut dyn FnMut(Event<'_>)) -> Result<Option<f64>, TrainError> {
        let order = order(&self.subsets.train, self.spec.seeds.order_seed, epoch);
        let batches = order.chunks(self.spec.training.batch_size as usize);
        let last = batches.len();
        let mut total = 0.0;
        let mut under_way = Vec::new();
        for (index, cases) in batches.enumerate() {
            let (images, targets) = self.batches.tensors(cases)?;
            under_way.push((index, cases, self.learner.step(&images, &targets)?));
            if !self.device.is_cpu() && index + 1 < last {
                // a device works on while the host prepares: it is waited for once an epoch
                continue;
            }
            for (index, cases, losses) in under_way.drain(..) {
                let sum: f64 = numbers(&losses)?.iter().sum();
                observe(Event::Step { epoch, step: index as u32 + 1, cases, loss: sum / cases.len() as f64 });
                if !sum.is_finite() {
                    return Ok(None);
                }
                total += sum;
            }
        }
        Ok(Some(total / order.len() as f64))
    }

    fn evaluate(&self, subset: &[u32]) -> Result<Evaluation, TrainError> {
        let batch_size = self.spec.training.batch_size as usize;
        Ok(evaluate(&self.learner, &self.batches, subset, batch_size)?)
    }

    /// Keeps the weights of `epoch` if they are the ones to count.
    fn consider(&mut self, epoch: u32, validation: Evaluation) -> Result<(), TrainError> {
        let old = self.selected.as_ref().map(|selected| &selected.validation);
        if replaces(self.spec.selection, &validation, old) {
            self.selected = Some(Selected { epoch, validation, weights: self.network().snapshot()? });
        }
        Ok(())
    }

    /// The selected epoch with its evaluations on the validation and the test cases.
    fn finish(&self) -> Result<(u32, Evaluation, Evaluation), TrainError> {
        let Some(Selected { epoch, validation, weights }) = &self.selected else {
            let nothing = Evaluation { loss: f64::NAN, cases: Vec::new() };
            return Ok((0, nothing.clone(), nothing));
        };
        self.network().restore(weights)?;
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
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use candle_core::Tensor;
    use proto::data::Inventory;
    use proto::ids::ContentHash;
    use proto::measure::{CaseCounts, Counts};
    use proto::spec::{
        Architecture, Data, LossName, Metric, Model, Seeds, Selection, Split, Trainer as TrainerKind, Training,
    };

    /// Trains UNet2 for three epochs; before the training or at the first step that is told of the second epoch, a weight deep in the
    /// network becomes not-a-number. Its ReLU hides that from the loss on a device that makes 0 of it.
    fn spoilt(device: &Device, before: bool) -> (Vec<Measurement>, JobResult) {
        const SIZE: usize = 16;
        const CASES: usize = 6;
        let wave = |index: usize| (index * 37 % 251) as u8;
        let cases = CaseSet::new(
            Inventory::new(ContentHash(1), (0..CASES).map(|case| case.to_string()).collect()),
            SIZE as u32,
            (0..CASES * 3 * SIZE * SIZE).map(wave).collect(),
            (0..CASES * SIZE * SIZE).map(|index| wave(index) % 2).collect(),
        );
        let spec = JobSpec {
            trainer: TrainerKind::Candle,
            data: Data { content: ContentHash(1), image_size: SIZE as u32 },
            split: Split { train: 4, validation: 1, test: 1, ..Split::default() },
            architecture: Architecture::UNet2,
            model: Model { width: 2 },
            loss: LossName::Bce.into(),
            learning_rate: 1e-3,
            training: Training { epochs: 3, batch_size: 2, ..Training::default() },
            selection: Selection { metric: Metric::Iou, epoch: EpochChoice::Best },
            seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
            simulation: None,
        };
        let mut session = Session::new(&spec, &cases, device).unwrap();
        let weight = session.network().parameters()["bottleneck_conv.0.weight"].clone();
        let nan = Tensor::full(f32::NAN, weight.shape(), &Device::Cpu).unwrap().to_device(device).unwrap();
        let spoil = || weight.set(&nan).unwrap();
        if before {
            spoil();
        }
        let mut measurements = Vec::new();
        let result = session.run(&mut |event| match event {
            Event::Step { epoch: 2, step: 1, .. } if !before => spoil(),
            Event::Step { .. } => {}
            Event::Epoch(measurement) => measurements.push(*measurement),
        });
        (measurements, result.unwrap())
    }

    fn assert_spoilt_weights_diverge(device: &Device) {
        for (before, epochs) in [(true, 1), (false, 2)] {
            let (measurements, result) = spoilt(device, before);
            assert_eq!((result.verdict, result.epochs), (Verdict::Diverged, epochs));
            let without: Vec<_> = measurements.iter().filter(|epoch| epoch.train_loss.is_none()).collect();
            assert!(without.len() == 1 && without[0].epoch == epochs, "{measurements:?}");
        }
    }

    #[test]
    fn a_training_with_weights_that_are_not_numbers_diverges() {
        assert_spoilt_weights_diverge(&Device::Cpu);
    }

    #[cfg(feature = "cudnn")]
    #[test]
    fn a_training_on_cuda_with_weights_that_are_not_numbers_diverges() {
        assert_spoilt_weights_diverge(&crate::ops::open(0).unwrap());
    }

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
