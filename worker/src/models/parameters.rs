//! Variables by name, and how they are drawn.
//!
//! Every variable draws from a random stream of its own name, so a network's initial weights depend on the seed alone, not on the
//! order in which layers are built.

use crate::seed;
use candle_core::{DType, Device, Result, Tensor, Var};
use proto::spec::Initialization;
use rand::Rng;
use std::collections::BTreeMap;

/// The variables of a network, sorted by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    /// What is trained.
    pub(super) trained: BTreeMap<String, Var>,
    /// Running statistics of batch norm.
    pub(super) running: BTreeMap<String, Var>,
}

/// Makes variables.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) initialization: Initialization,
    pub(super) init_seed: u64,
    pub(super) device: Device,
    pub(super) dtype: DType,
    pub(super) parameters: Parameters,
}

impl Builder {
    /// A kernel of that shape, `{name}.weight`, and its bias, `{name}.bias`.
    ///
    /// The fan in is PyTorch's: the second dimension times the kernel's area, for transposed convolutions too.
    pub(super) fn kernel(&mut self, name: &str, shape: [usize; 4], outputs: usize) -> Result<(Var, Var)> {
        let fan_in = (shape[1] * shape[2] * shape[3]) as f64;
        let weight = format!("{name}.weight");
        let bias = format!("{name}.bias");
        let (weights, biases) = match self.initialization {
            Initialization::Pytorch => {
                let bound = 1.0 / fan_in.sqrt();
                (self.uniform(&weight, shape.iter().product(), bound), self.uniform(&bias, outputs, bound))
            }
            Initialization::He => {
                let deviation = (2.0 / fan_in).sqrt();
                (self.normal(&weight, shape.iter().product(), deviation), vec![0.0; outputs])
            }
        };
        Ok((self.trained(weight, weights, &shape)?, self.trained(bias, biases, &[outputs])?))
    }

    /// Scale, shift, running mean and running variance of `channels` channels.
    pub(super) fn norm(&mut self, name: &str, channels: usize) -> Result<[Var; 4]> {
        let (zeros, ones) = (vec![0.0; channels], vec![1.0; channels]);
        let scale = self.trained(format!("{name}.weight"), ones.clone(), &[channels])?;
        let shift = self.trained(format!("{name}.bias"), zeros.clone(), &[channels])?;
        let mean = self.variable(zeros, &[channels])?;
        let variance = self.variable(ones, &[channels])?;
        self.parameters.running.insert(format!("{name}.running_mean"), mean.clone());
        self.parameters.running.insert(format!("{name}.running_var"), variance.clone());
        Ok([scale, shift, mean, variance])
    }

    fn trained(&mut self, name: String, values: Vec<f64>, shape: &[usize]) -> Result<Var> {
        let variable = self.variable(values, shape)?;
        self.parameters.trained.insert(name, variable.clone());
        Ok(variable)
    }

    fn variable(&self, values: Vec<f64>, shape: &[usize]) -> Result<Var> {
        let values = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.dtype)?;
        Var::from_tensor(&values.to_device(&self.device)?)
    }

    fn units(&self, name: &str) -> impl FnMut() -> f64 + use<> {
        let mut stream = seed::stream(&format!("init {name}"), &[self.init_seed]);
        // the 53 bits of a float in [0, 1)
        move || (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn uniform(&self, name: &str, count: usize, bound: f64) -> Vec<f64> {
        let mut unit = self.units(name);
        (0..count).map(|_| (2.0 * unit() - 1.0) * bound).collect()
    }

    /// Box and Muller's method, one number a pair.
    fn normal(&self, name: &str, count: usize, deviation: f64) -> Vec<f64> {
        let mut unit = self.units(name);
        let mut draw = || (-2.0 * (1.0 - unit()).ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
        (0..count).map(|_| draw() * deviation).collect()
    }
}
