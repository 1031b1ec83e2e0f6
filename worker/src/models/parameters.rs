//! Variables by name, and how they are drawn.
//!
//! Every variable draws from a random stream of its own name, so a network's initial weights depend on the seed alone, not on the
//! order in which layers are built.

use crate::ops::parallel;
use crate::seed;
use candle_core::{DType, Device, Result, Tensor, Var};
use proto::spec::Initialization;
use rand::Rng;
use std::collections::BTreeMap;

/// Numbers that a task draws.
const PART: usize = 1 << 16;

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

    fn uniform(&self, name: &str, count: usize, bound: f64) -> Vec<f64> {
        self.draw(name, count, 1, |unit| (2.0 * unit() - 1.0) * bound)
    }

    /// Box and Muller's method, one number from each pair of units.
    fn normal(&self, name: &str, count: usize, deviation: f64) -> Vec<f64> {
        self.draw(name, count, 2, |unit| {
            (-2.0 * (1.0 - unit()).ln()).sqrt() * (std::f64::consts::TAU * unit()).cos() * deviation
        })
    }

    /// `count` numbers that take `units` numbers in [0, 1) of the variable's stream each. Parts of the stream are drawn in parallel:
    /// every thread begins where its part does, so the numbers are those of one pass.
    fn draw(
        &self,
        name: &str,
        count: usize,
        units: u128,
        number: impl Fn(&mut dyn FnMut() -> f64) -> f64 + Sync + Send,
    ) -> Vec<f64> {
        /// Words of the stream that make a unit.
        const WORDS: u128 = 2;
        let stream = seed::stream(&format!("init {name}"), &[self.init_seed]);
        let mut numbers = vec![0.0; count];
        parallel::chunks(&mut numbers, PART, |part, numbers| {
            let mut stream = stream.clone();
            stream.set_word_pos((part * PART) as u128 * units * WORDS);
            // the 53 bits of a float in [0, 1)
            let mut unit = || (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            numbers.iter_mut().for_each(|to| *to = number(&mut unit));
        });
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_stream_are_drawn_as_one_pass_draws_them() {
        let builder = Builder {
            initialization: Initialization::He,
            init_seed: 7,
            device: Device::Cpu,
            dtype: DType::F32,
            parameters: Parameters::default(),
        };
        let count = 2 * PART + 5;
        let mut stream = seed::stream("init a", &[7]);
        let mut unit = || (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let units: Vec<f64> = (0..2 * count).map(|_| unit()).collect();
        let uniform: Vec<f64> = units[..count].iter().map(|unit| (2.0 * unit - 1.0) * 0.5).collect();
        assert_eq!(builder.uniform("a", count, 0.5), uniform);
        let normal =
            |pair: &[f64]| (-2.0 * (1.0 - pair[0]).ln()).sqrt() * (std::f64::consts::TAU * pair[1]).cos() * 0.5;
        assert_eq!(builder.normal("a", count, 0.5), units.chunks(2).map(normal).collect::<Vec<_>>());
    }
}
