//! A network with what trains it: batches in, changed weights out. What a job, a benchmark and a test have in common.
//!
//! A step is `gather`, once per batch, then `update`: loss -> gradients -> their mean over the batches -> their norm, limited -> the
//! update rule -> the average of the weights.

use super::{TrainError, device};
use crate::losses::Criterion;
use crate::models::{self, Network, Snapshot};
use crate::ops;
use crate::optimizers::gradients::{self, Mean};
use crate::optimizers::{Optimizer, Schedule};
use candle_core::{DType, Device, Tensor};
use proto::spec::{Architecture, Evaluating, JobSpec, Norm, Precision, Training};

/// A network under training.
#[derive(Debug)]
pub struct Learner {
    /// The network.
    pub network: Network,
    /// The exponential moving average of its weights and running statistics, if the job asks for it: a network of the same layers.
    pub averaged: Option<Network>,
    pub(super) optimizer: Optimizer,
    /// The gradients of the batches since the last step.
    gathered: Option<Mean>,
    criterion: Criterion,
    training: Training,
    evaluating: Evaluating,
}

impl Learner {
    /// The network of a job with its initial weights; `foreground` is the share of foreground in the training masks.
    ///
    /// # Errors
    /// If the network does not take images of that size, is not computed in these numbers, or does not fit in the memory.
    pub fn new(spec: &JobSpec, foreground: f64, device: &Device) -> Result<Self, TrainError> {
        Self::for_cases(spec, spec.split.train, foreground, device)
    }

    /// The same for a training on so many cases: where groups of cases stay together, a split need not have as many as the job says.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_cases(spec: &JobSpec, cases: u32, foreground: f64, device: &Device) -> Result<Self, TrainError> {
        let JobSpec { architecture, model, training, .. } = spec;
        let size = spec.data.image_size;
        let multiple = architecture.granularity(size);
        if !size.is_multiple_of(multiple) || size == 0 {
            return Err(TrainError::Granularity { architecture: *architecture, size, multiple });
        }
        let (architecture, batch_size) = (*architecture, training.batch_size.max(1));
        let has_lone_case = cases > 0 && (batch_size == 1 || cases % batch_size == 1);
        if architecture == Architecture::DeepLabV3Plus && model.norm == Norm::Batch && has_lone_case {
            return Err(TrainError::LoneCase { architecture, batch_size, cases });
        }
        device::check(device, training.precision)?;
        let seed = spec.seeds.init_seed;
        let dtype = if training.precision == Precision::F64 { DType::F64 } else { DType::F32 };
        let network = || -> candle_core::Result<Network> {
            let network = models::build(architecture, *model, size, training.initialization, seed, device, dtype)?;
            Ok(network.with_backend(ops::backend(device, training.convolution, training.precision)?))
        };
        let averaged = if training.ema > 0.0 { Some(network()?) } else { None };
        let network = network()?;
        let schedule = Schedule::new(training, spec.learning_rate, steps_per_epoch(training, cases));
        let optimizer = Optimizer::new(training, schedule, network.parameters())?;
        let criterion = Criterion::new(&spec.loss, foreground);
        Ok(Self {
            network,
            averaged,
            optimizer,
            gathered: None,
            criterion,
            training: *training,
            evaluating: spec.evaluating,
        })
    }

    /// One step on images `[n, 3, h, w]` and targets `[n, 1, h, w]`: the loss of every case before it, `[n]`. If their sum is
    /// not finite, the weights stay as they are on the CPU; a CUDA device is not waited for, and its weights are lost.
    ///
    /// # Errors
    /// If the shapes do not fit, or memory cannot be had.
    pub fn step(&mut self, images: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
        let losses = self.gather(images, targets)?;
        self.update()?;
        Ok(losses)
    }

    /// The loss of every case of a batch, `[n]`. Its gradients are kept for the next [`update`](Self::update), but not those of a loss
    /// that is not finite on the CPU.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn gather(&mut self, images: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
        let pass = self.network.record(images)?;
        let targets = self.smoothed(&targets.to_dtype(self.network.dtype())?)?;
        let (losses, gradients) = self.criterion.at_resolutions(&pass.logits, &targets)?;
        if !losses.device().is_cpu() || numbers(&losses)?.iter().sum::<f64>().is_finite() {
            let of_batch = Mean::of(pass.backward(&gradients)?, losses.dim(0)?);
            self.gathered = Some(match self.gathered.take() {
                Some(gathered) => gathered.and(of_batch, self.network.parameters())?,
                None => of_batch,
            });
        }
        Ok(losses)
    }

    /// What is trained on in the place of masks.
    fn smoothed(&self, targets: &Tensor) -> candle_core::Result<Tensor> {
        let smoothing = self.training.label_smoothing;
        if smoothing > 0.0 { targets.affine(1.0 - smoothing, smoothing / 2.0) } else { Ok(targets.clone()) }
    }

    /// The norm of the gradients that were gathered since the last step, if any were. Waits for a device.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn gradient_norm(&self) -> candle_core::Result<Option<f64>> {
        let Some(gathered) = &self.gathered else { return Ok(None) };
        gathered.norm(self.network.parameters())
    }

    /// The sum of the losses of these masks `[n, 1, h, w]` for predictions that are the same logit everywhere, for each of several logits.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn constant_losses(&self, masks: &Tensor) -> candle_core::Result<Vec<f64>> {
        /// Probabilities from 0.0003 to 0.9997.
        const LOGITS: [f64; 13] = [-8.0, -4.0, -2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 4.0, 8.0];
        let masks = masks.to_device(&Device::Cpu)?;
        let targets = self.smoothed(&masks)?;
        let sum = |logit| Ok(numbers(&self.criterion.per_case(&masks.affine(0.0, logit)?, &targets)?)?.iter().sum());
        LOGITS.into_iter().map(sum).collect()
    }

    /// Changes the weights by the mean gradients of all cases since the last time; without gradients nothing changes.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn update(&mut self) -> candle_core::Result<()> {
        let Some(gathered) = self.gathered.take() else { return Ok(()) };
        let (mut gradients, clip_norm) = (gathered.gradients(), self.training.clip_norm);
        if clip_norm > 0.0 {
            gradients = gradients::clipped(gradients, self.network.parameters(), clip_norm)?;
        }
        self.optimizer.step(&gradients)?;
        if let Some(averaged) = &self.averaged {
            // as in PyTorch's `AveragedModel`, the average begins with the weights after the first step
            let kept = if self.optimizer.steps() > 1 { self.training.ema } else { 0.0 };
            averaged.approach(&self.network, 1.0 - kept)?;
        }
        Ok(())
    }

    /// The network that is evaluated and selected: the average, if there is one.
    #[must_use]
    pub fn evaluated(&self) -> &Network {
        self.averaged.as_ref().unwrap_or(&self.network)
    }

    /// Ends the training: the network gets these weights, and is the one that is evaluated.
    ///
    /// # Errors
    /// If a variable is missing or has another shape.
    pub fn settle(&mut self, weights: &Snapshot) -> candle_core::Result<()> {
        self.averaged = None;
        self.network.restore(weights)
    }

    /// The logits `[n, 1, h, w]` of images `[n, 3, h, w]`, as the job evaluates them: with flips, the mean of those of an image and of its
    /// three mirror images, mirrored back. Does not wait for a device.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn logits(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let network = self.evaluated();
        if self.evaluating.flips { network.forward_mirrored(images) } else { network.forward(images) }
    }

    /// The logits `[n, 1, h, w]` and the loss of every case, `[n]`, without a step. Does not wait for a device.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn evaluate(&self, images: &Tensor, targets: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let logits = self.logits(images)?;
        let targets = targets.to_dtype(logits.dtype())?;
        let losses = self.criterion.per_case(&logits, &targets)?;
        Ok((logits, losses))
    }
}

/// Steps of an epoch: `accumulate` batches make one, and the last of an epoch may have fewer.
fn steps_per_epoch(training: &Training, cases: u32) -> u64 {
    u64::from(cases.div_ceil(training.batch_size.max(1)).div_ceil(training.accumulate.max(1)))
}

/// The losses of a batch's cases, when they are there.
pub(crate) fn numbers(per_case: &Tensor) -> candle_core::Result<Vec<f64>> {
    per_case.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()
}
