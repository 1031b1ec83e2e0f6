//! Steps of a training and evaluations, timed: what `worker bench` measures.
//!
//! ```text
//!  mod         settings -> learner; waves -> batches; times of steps and evaluations
//!  arithmetic  settings -> operations of a batch, by definition and executed
//! ```
//!
//! Batches are computed, not drawn, so that another program can be timed on the same ones: `tests/reference/bench_torch.py`.

pub mod arithmetic;

use crate::models::Network;
use crate::train::{Learner, TrainError, numbers};
use candle_core::{Device, Result, Tensor};
use proto::ids::ContentHash;
use proto::spec::{
    Architecture, Convolution, Data, JobSpec, LossName, Model, Precision, Seeds, Selection, Split, Trainer, Training,
};
use std::time::Instant;

/// Batches that are taken in turn.
const BATCHES: usize = 4;

/// Steps, and evaluations, before the timed ones.
const WARM_UP: usize = 2;

/// What is timed.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The network.
    pub architecture: Architecture,
    /// Height and width of the images, pixels.
    pub image_size: u32,
    /// Images a batch.
    pub batch_size: u32,
    /// Channels of the first block.
    pub width: u32,
    /// The numbers that the network is computed in.
    pub precision: Precision,
    /// How 3x3 convolutions are computed.
    pub convolution: Convolution,
    /// Timed steps, and as many evaluations.
    pub steps: usize,
}

impl Settings {
    /// The network's size.
    pub(super) fn model(&self) -> Model {
        Model { width: self.width, ..Model::default() }
    }

    fn spec(&self) -> JobSpec {
        let &Self { architecture, image_size, batch_size, precision, convolution, .. } = self;
        JobSpec {
            trainer: Trainer::Candle,
            data: Data { content: ContentHash(0), image_size },
            split: Split::default(),
            architecture,
            model: self.model(),
            loss: LossName::Bce.into(),
            learning_rate: 1e-3,
            training: Training { batch_size, precision, convolution, ..Training::default() },
            selection: Selection::default(),
            seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
            ..JobSpec::default()
        }
    }
}

/// Times and what came of the steps.
#[derive(Debug)]
pub struct Measured {
    /// Of every timed step: forward, backward and update; milliseconds.
    pub step_ms: Vec<f64>,
    /// Of every timed evaluation of a batch: forward and loss; milliseconds.
    pub evaluate_ms: Vec<f64>,
    /// Mean loss of the first batch before the first step, the untimed ones included.
    pub first_loss: f64,
    /// Mean loss of the last batch before the last step.
    pub last_loss: f64,
    /// Of all variables after the last step.
    pub weights: blake3::Hash,
}

/// A network and its batches.
#[derive(Debug)]
pub struct Bench {
    learner: Learner,
    batches: Vec<(Tensor, Tensor)>,
    steps: usize,
    device: Device,
}

impl Bench {
    /// The network with its initial weights, before the first step.
    ///
    /// # Errors
    /// If the network does not take images of that size, is not computed in these numbers, or does not fit in the memory.
    pub fn new(settings: &Settings, device: &Device) -> std::result::Result<Self, TrainError> {
        let learner = Learner::new(&settings.spec(), 0.5, device)?;
        let (count, size) = (settings.batch_size as usize, settings.image_size as usize);
        let batches = (0..BATCHES).map(|index| batch(index, count, size, device)).collect::<Result<_>>()?;
        Ok(Self { learner, batches, steps: settings.steps, device: device.clone() })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.learner.network
    }

    /// Takes the steps, then evaluates as often.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn run(&mut self) -> Result<Measured> {
        let mean = |losses: &Tensor| numbers(losses).map(|losses| losses.iter().sum::<f64>() / losses.len() as f64);
        let mut losses = Vec::new();
        let step_ms = times(self.steps, |index| {
            let (images, targets) = &self.batches[index % BATCHES];
            losses.push(self.learner.step(images, targets)?);
            self.device.synchronize()
        })?;
        let evaluate_ms = times(self.steps, |index| {
            let (images, targets) = &self.batches[index % BATCHES];
            self.learner.evaluate(images, targets)?;
            self.device.synchronize()
        })?;
        let (first_loss, last_loss) = (mean(&losses[0])?, mean(&losses[losses.len() - 1])?);
        Ok(Measured { step_ms, evaluate_ms, first_loss, last_loss, weights: self.network().hash()? })
    }
}

/// Milliseconds of `count` calls, after untimed ones.
fn times(count: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(WARM_UP + count);
    for index in 0..WARM_UP + count {
        let start = Instant::now();
        call(index)?;
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    Ok(times.split_off(WARM_UP))
}

/// The median; not a number of no values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len() / 2, sorted.len() % 2) {
        (0, 0) => f64::NAN,
        (half, 0) => (sorted[half - 1] + sorted[half]) / 2.0,
        (half, _) => sorted[half],
    }
}

/// Images `[count, 3, size, size]` and targets `[count, 1, size, size]`.
fn batch(index: usize, count: usize, size: usize, device: &Device) -> Result<(Tensor, Tensor)> {
    let pixels = count * size * size;
    let wave = |phase: f64, length: usize| (0..length).map(move |j| (index as f64 + phase + 78.233 * j as f64).sin());
    let images: Vec<_> = wave(0.5, 3 * pixels).map(|x| (0.5 + 0.5 * x) as f32).collect();
    let targets: Vec<_> = wave(2.5, pixels).map(|x| f32::from(x > 0.3)).collect();
    // as in a training, a pixel's channels lie side by side on the device
    let images = Tensor::from_vec(images, (count, 3, size, size), &Device::Cpu)?.permute((0, 2, 3, 1))?.contiguous()?;
    let targets = Tensor::from_vec(targets, (count, 1, size, size), device)?;
    Ok((images.to_device(device)?.permute((0, 3, 1, 2))?, targets))
}

#[cfg(test)]
#[cfg(feature = "cudnn")]
mod cuda_tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    fn measured(architecture: Architecture, precision: Precision, device: &Device) -> Measured {
        let convolution = Convolution::Direct;
        let settings =
            Settings { architecture, image_size: 32, batch_size: 2, width: 4, precision, convolution, steps: 2 };
        Bench::new(&settings, device).unwrap().run().unwrap()
    }

    /// Whole networks: the losses before the first and the fourth step.
    #[test]
    fn a_device_trains_as_the_cpu_does() {
        let device = crate::ops::open(0).unwrap();
        for &architecture in Architecture::ALL {
            let expected = measured(architecture, Precision::F32, &Device::Cpu);
            // Adam's first steps and SegNet's pooling positions enlarge what was rounded
            for (precision, limits) in [(Precision::F32, (1e-6, 5e-3)), (Precision::Bf16, (1e-2, 5e-2))] {
                let found = measured(architecture, precision, &device);
                let error = |found: f64, expected: f64| ((found - expected) / expected).abs();
                let (first, last) =
                    (error(found.first_loss, expected.first_loss), error(found.last_loss, expected.last_loss));
                assert!(first < limits.0 && last < limits.1, "{architecture}, {precision}: {first:.1e}, {last:.1e}");
                assert!(found.last_loss < found.first_loss);
            }
        }
    }
}
