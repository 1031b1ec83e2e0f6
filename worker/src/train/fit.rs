//! Epochs of steps: the loop of a training.

use super::batches::order;
use super::job::Job;
use super::learner::{Learner, numbers};
use super::selection::{is_better, replaces};
use super::standard::Standard;
use super::state::{Progress, Selected, State};
use super::verdict::{self, NO_GRADIENT};
use super::{TrainError, finish};
use crate::data::CaseSet;
use crate::models::Network;
use crate::ops::parallel;
use candle_core::Device;
use proto::measure::{Evaluation, JobResult, Measurement};
use proto::spec::JobSpec;
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
    /// After every epoch; of a training that goes on at a checkpoint first for the epochs before that.
    Epoch(&'a Measurement),
}

/// What is done between two epochs, with the training as it is then.
pub type Between<'a> = &'a mut dyn FnMut(&Session<'_>);

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

/// A job under way.
///
/// Without validation cases the last epoch must be asked for, and its weights count whatever they are worth.
///
/// A step whose loss is not finite ends the training, on a CUDA device at the end of the epoch; so does an epoch that leaves weights
/// that are not finite. That epoch is observed without a training loss. An epoch whose validation loss is not finite is never
/// selected.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) job: Job<'a>,
    pub(super) state: State,
    examples: u32,
}

impl<'a> Session<'a> {
    /// The job before its first step.
    ///
    /// # Errors
    /// If the specification does not fit the cases, or allocation fails.
    pub fn new(spec: &'a JobSpec, cases: &'a CaseSet, device: &'a Device) -> Result<Self, TrainError> {
        let job = Job::new(spec, cases, device)?;
        let train = &job.subsets.train;
        let learner = Learner::for_cases(spec, train.len() as u32, cases.foreground(train), device)?;
        let progress = Progress::default();
        let state = State { progress, learner, selected: None, history: Vec::new(), earlier: None };
        Ok(Self { job, state, examples: 0 })
    }

    /// The same job with so many example segmentations of test cases.
    #[must_use]
    pub fn with_examples(self, examples: u32) -> Self {
        Self { examples, ..self }
    }

    /// The network: before the training with its initial weights, after it with those of the selected epoch.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.state.learner.network
    }

    /// The job.
    #[must_use]
    pub fn spec(&self) -> &JobSpec {
        self.job.spec
    }

    /// How images are standardised, if they are.
    #[must_use]
    pub fn standard(&self) -> Option<Standard> {
        self.job.batches.standard()
    }

    /// Number of epochs that were trained.
    #[must_use]
    pub fn epochs_done(&self) -> u32 {
        self.state.progress.epoch
    }

    /// Trains all epochs that are left and evaluates with the weights of the selected one.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn run(&mut self, observe: &mut dyn FnMut(Event<'_>)) -> Result<JobResult, TrainError> {
        self.run_with(observe, &mut |_| ())
    }

    /// The same, with something that is done between two epochs.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn run_with(
        &mut self,
        observe: &mut dyn FnMut(Event<'_>),
        between: Between<'_>,
    ) -> Result<JobResult, TrainError> {
        let (start, before) = (Instant::now(), self.state.progress.seconds);
        self.state.history.iter().for_each(|measurement| observe(Event::Epoch(measurement)));
        while !self.is_over() {
            let (train_loss, validation) = self.epoch(observe)?;
            self.state.progress.seconds = before + start.elapsed().as_secs_f64();
            let Progress { epoch, seconds, .. } = self.state.progress;
            let measurement = Measurement { epoch, train_loss, validation: validation.scores(), seconds };
            observe(Event::Epoch(&measurement));
            self.state.history.push(measurement);
            if train_loss.is_some() {
                self.consider(validation)?;
            }
            if !self.is_over() {
                between(self);
            }
        }
        finish::result(&self.job, &mut self.state, self.examples)
    }

    /// Whether no epoch is left to train.
    fn is_over(&self) -> bool {
        let (Progress { epoch, diverged, best, collapsed, .. }, training) =
            (self.state.progress, &self.job.spec.training);
        let since_best = epoch - best.map_or(0, |(epoch, _)| epoch);
        let is_reached = |limit: u32, epochs: u32| limit > 0 && epochs >= limit;
        diverged
            || epoch >= training.epochs
            || is_reached(training.patience, since_best)
            || is_reached(training.stop_collapsed_after, collapsed)
    }

    /// Trains the next epoch and evaluates it: its training loss, if the training did not diverge, and the validation cases.
    fn epoch(&mut self, observe: &mut dyn FnMut(Event<'_>)) -> Result<(Option<f64>, Evaluation), TrainError> {
        self.state.progress.epoch += 1;
        // a fused ReLU makes 0 of what is not a number, so a finite loss does not prove finite weights
        let train_loss = match self.train(observe)? {
            Some(loss) if self.network().is_finite()? => Some(loss),
            _ => None,
        };
        let asks = self.job.spec.training.stop_collapsed_after > 0;
        let (validation, predictions) = self.job.evaluate(&self.state.learner, &self.job.subsets.validation, asks)?;
        let progress = &mut self.state.progress;
        let has_collapsed = asks && verdict::collapse(&validation.cases, &predictions).next().is_some();
        progress.collapsed = if has_collapsed { progress.collapsed + 1 } else { 0 };
        progress.best_train_loss = [progress.best_train_loss, train_loss].into_iter().flatten().reduce(f64::min);
        // finite weights can give an infinite loss, and after the last epoch no step would show it
        let infinite = !validation.cases.is_empty() && !validation.loss.is_finite();
        let last = self.state.progress.epoch == self.job.spec.training.epochs;
        self.state.progress.diverged = train_loss.is_none() || last && infinite;
        Ok((train_loss, validation))
    }

    /// One pass over the training cases: the mean of their losses, each taken at its step; nothing if a step's loss was not
    /// finite.
    fn train(&mut self, observe: &mut dyn FnMut(Event<'_>)) -> Result<Option<f64>, TrainError> {
        let (Job { spec, device, subsets, batches, .. }, epoch) = (&self.job, self.state.progress.epoch);
        let order = order(&subsets.train, spec.seeds.order_seed, epoch);
        let chunks: Vec<_> = order.chunks(spec.training.batch_size as usize).collect();
        let last = chunks.len();
        let prepare = |index: usize| {
            let (augmenter, cases) = (self.job.augmenter.as_ref()?, chunks.get(index)?);
            Some(batches.augmented(augmenter, epoch, cases))
        };
        let State { learner, progress, .. } = &mut self.state;
        let mut total = 0.0;
        let mut under_way = Vec::new();
        let mut prepared = prepare(0);
        for (index, &cases) in chunks.iter().enumerate() {
            let (images, targets) = match prepared.take() {
                Some(bytes) => batches.of_bytes(bytes)?,
                None => batches.tensors(cases)?,
            };
            let losses;
            (losses, prepared) = parallel::join(|| learner.gather(&images, &targets), || prepare(index + 1));
            under_way.push((index, cases, losses?));
            if index + 1 == last {
                let vanished = learner.gradient_norm()?.is_some_and(|norm| norm < NO_GRADIENT);
                progress.without_gradient = if vanished { progress.without_gradient + 1 } else { 0 };
            }
            if (index + 1).is_multiple_of(spec.training.accumulate.max(1) as usize) || index + 1 == last {
                learner.update()?;
            }
            if !device.is_cpu() && index + 1 < last {
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

    /// Keeps the score of the newest epoch if it is the best, and its weights if they are the ones to count.
    fn consider(&mut self, validation: Evaluation) -> Result<(), TrainError> {
        let (epoch, selection) = (self.state.progress.epoch, self.job.spec.selection);
        let best = self.state.progress.best.map(|(_, score)| score);
        if let Some(score) = is_better(selection.metric, &validation, best) {
            self.state.progress.best = Some((epoch, score));
        }
        let old = self.state.selected.as_ref().map(|selected| &selected.validation);
        if replaces(selection, &validation, old) {
            let weights = self.state.learner.evaluated().snapshot()?;
            self.state.selected = Some(Selected { epoch, validation, weights });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use candle_core::Tensor;
    use proto::data::Inventory;
    use proto::ids::ContentHash;
    use proto::measure::Verdict;
    use proto::spec::{
        Architecture, Data, EpochChoice, LossName, Metric, Model, Seeds, Selection, Split, Trainer as TrainerKind,
        Training,
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
            model: Model { width: 2, ..Model::default() },
            loss: LossName::Bce.into(),
            learning_rate: 1e-3,
            training: Training { epochs: 3, batch_size: 2, ..Training::default() },
            selection: Selection { metric: Metric::Iou, epoch: EpochChoice::Best },
            seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
            ..JobSpec::default()
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
}
