//! Variables by name, and how they are drawn: the backend of Candle's [`VarBuilder`] in the place of a file of weights.
//!
//! Every variable draws from a random stream of its own name, so a network's initial weights depend on the seed alone, not on the
//! order in which layers are built.

use crate::ops::parallel;
use crate::seed;
use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Numbers that a task draws.
const PART: usize = 1 << 16;

/// The names of running statistics, after that of their layer.
pub(super) const RUNNING: [&str; 2] = ["running_mean", "running_var"];

/// The variables of a network, sorted by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    /// What is trained.
    pub(super) trained: BTreeMap<String, Var>,
    /// Running statistics of batch norm.
    pub(super) running: BTreeMap<String, Var>,
}

impl Parameters {
    /// What `build` makes of a [`VarBuilder`], and the variables that it asked for, drawn from `seed`.
    ///
    /// # Errors
    /// If `build` fails.
    pub(super) fn drawn<T>(
        seed: u64,
        dtype: DType,
        device: &Device,
        build: impl FnOnce(VarBuilder<'_>) -> Result<T>,
    ) -> Result<(T, Self)> {
        let parameters = Mutex::new(Self::default());
        let seeded = Box::new(Seeded { seed, parameters: &parameters });
        let built = build(VarBuilder::from_backend(seeded, dtype, device.clone()))?;
        Ok((built, parameters.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    fn of_kind(&mut self, name: &str) -> &mut BTreeMap<String, Var> {
        if RUNNING.iter().any(|running| name.ends_with(running)) { &mut self.running } else { &mut self.trained }
    }
}

/// Draws every variable that is asked for, by its name, and keeps it.
struct Seeded<'a> {
    seed: u64,
    parameters: &'a Mutex<Parameters>,
}

impl SimpleBackend for Seeded<'_> {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if self.contains_tensor(name) {
            bail!("two layers have a variable `{name}`");
        }
        let values = Tensor::from_vec(draw(self.seed, name, shape.elem_count(), init)?, shape, &Device::Cpu)?;
        let variable = Var::from_tensor(&values.to_dtype(dtype)?.to_device(device)?)?;
        let mut parameters = self.parameters.lock().unwrap_or_else(PoisonError::into_inner);
        parameters.of_kind(name).insert(name.to_owned(), variable.clone());
        Ok(variable.into_inner())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("`{name}` cannot be drawn without its shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        let mut parameters = self.parameters.lock().unwrap_or_else(PoisonError::into_inner);
        parameters.of_kind(name).contains_key(name)
    }
}

/// `count` numbers of that distribution, from the stream of the variable `name`.
fn draw(seed: u64, name: &str, count: usize, init: Init) -> Result<Vec<f64>> {
    match init {
        Init::Const(value) => Ok(vec![value; count]),
        Init::Uniform { lo, up } => {
            let (middle, radius) = ((lo + up) / 2.0, (up - lo) / 2.0);
            Ok(from_stream(seed, name, count, 1, |unit| middle + (2.0 * unit() - 1.0) * radius))
        }
        // Box and Muller's method, one number from each pair of units
        Init::Randn { mean, stdev } => Ok(from_stream(seed, name, count, 2, |unit| {
            mean + (-2.0 * (1.0 - unit()).ln()).sqrt() * (std::f64::consts::TAU * unit()).cos() * stdev
        })),
        Init::Kaiming { .. } => bail!("`{name}`: expected the bounds of a distribution, got {init:?}"),
    }
}

/// `count` numbers that take `units` numbers in [0, 1) of the variable's stream each. Parts of the stream are drawn in parallel:
/// every thread begins where its part does, so the numbers are those of one pass.
fn from_stream(
    seed: u64,
    name: &str,
    count: usize,
    units: u128,
    number: impl Fn(&mut dyn FnMut() -> f64) -> f64 + Sync + Send,
) -> Vec<f64> {
    /// Words of the stream that make a unit.
    const WORDS: u128 = 2;
    let stream = seed::stream(&format!("init {name}"), &[seed]);
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    #[test]
    fn parts_of_a_stream_are_drawn_as_one_pass_draws_them() {
        let count = 2 * PART + 5;
        let mut stream = seed::stream("init a", &[7]);
        let mut unit = || (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let units: Vec<f64> = (0..2 * count).map(|_| unit()).collect();
        let uniform: Vec<f64> = units[..count].iter().map(|unit| (2.0 * unit - 1.0) * 0.5).collect();
        assert_eq!(draw(7, "a", count, Init::Uniform { lo: -0.5, up: 0.5 }).unwrap(), uniform);
        let normal =
            |pair: &[f64]| (-2.0 * (1.0 - pair[0]).ln()).sqrt() * (std::f64::consts::TAU * pair[1]).cos() * 0.5;
        let normals: Vec<f64> = units.chunks(2).map(normal).collect();
        assert_eq!(draw(7, "a", count, Init::Randn { mean: 0.0, stdev: 0.5 }).unwrap(), normals);
    }

    #[test]
    fn layers_get_the_variables_that_are_trained() {
        let build = |vars: VarBuilder<'_>| {
            let norm = vars.pp("norm.1");
            assert!(!norm.contains_tensor("weight"));
            let pair = (
                norm.get_with_hints(3, "weight", Init::Const(1.0))?,
                norm.get_with_hints(3, RUNNING[0], Init::Const(0.0))?,
            );
            assert!(norm.contains_tensor("weight"));
            assert!(norm.get_with_hints(3, "weight", Init::Const(1.0)).is_err());
            Ok(pair)
        };
        let ((weight, mean), parameters) = Parameters::drawn(0, DType::F32, &Device::Cpu, build).unwrap();
        assert_eq!(weight.id(), parameters.trained["norm.1.weight"].id());
        assert_eq!(mean.id(), parameters.running["norm.1.running_mean"].id());
    }
}
