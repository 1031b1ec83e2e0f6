//! A network with what trains it: a batch in, changed weights out. What a job, a benchmark and a test have in common.

use super::{TrainError, device};
use crate::losses;
use crate::models::{self, Network};
use crate::ops;
use crate::optimizers::Optimizer;
use candle_core::{DType, Device, Tensor};
use proto::spec::{JobSpec, Loss, Precision};

/// A network under training.
#[derive(Debug)]
pub struct Learner {
    /// The network.
    pub network: Network,
    pub(super) optimizer: Optimizer,
    loss: Loss,
}

impl Learner {
    /// The network of a job with its initial weights.
    ///
    /// # Errors
    /// If the network does not take images of that size, is not computed in these numbers, or does not fit in the memory.
    pub fn new(spec: &JobSpec, device: &Device) -> Result<Self, TrainError> {
        let JobSpec { architecture, model, training, .. } = spec;
        let (size, multiple) = (spec.data.image_size, models::granularity(*architecture));
        if !size.is_multiple_of(multiple) || size == 0 {
            return Err(TrainError::Granularity { architecture: *architecture, size, multiple });
        }
        device::check(device, training.precision)?;
        let seed = spec.seeds.init_seed;
        let dtype = if training.precision == Precision::F64 { DType::F64 } else { DType::F32 };
        let network = models::build(*architecture, *model, training.initialization, seed, device, dtype)?;
        let network = network.with_backend(ops::backend(device, training.convolution, training.precision)?);
        let optimizer = Optimizer::new(training, spec.learning_rate, network.parameters())?;
        Ok(Self { network, optimizer, loss: spec.loss })
    }

    /// One step on images `[n, 3, h, w]` and targets `[n, 1, h, w]`: the loss of every case before it, `[n]`. If their sum is
    /// not finite, the weights stay as they are on the CPU; a CUDA device is not waited for, and its weights are lost.
    ///
    /// # Errors
    /// If the shapes do not fit, or memory cannot be had.
    pub fn step(&mut self, images: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
        let pass = self.network.record(images)?;
        let targets = targets.to_dtype(pass.logits.dtype())?;
        let (losses, gradient) = losses::with_gradient(&self.loss, &pass.logits, &targets)?;
        if !losses.device().is_cpu() || numbers(&losses)?.iter().sum::<f64>().is_finite() {
            self.optimizer.step(&pass.backward(&gradient)?)?;
        }
        Ok(losses)
    }

    /// The logits `[n, 1, h, w]` and the loss of every case, `[n]`, without a step. Does not wait for a device.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn evaluate(&self, images: &Tensor, targets: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let logits = self.network.forward(images)?;
        let targets = targets.to_dtype(logits.dtype())?;
        let losses = losses::per_case(&self.loss, &logits, &targets)?;
        Ok((logits, losses))
    }
}

/// The losses of a batch's cases, when they are there.
pub(crate) fn numbers(per_case: &Tensor) -> candle_core::Result<Vec<f64>> {
    per_case.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()
}
