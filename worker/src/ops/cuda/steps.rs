//! Steps of the update rules, in place, on flat f32 tensors: one kernel whatever the number of layers.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, expect};
use candle_core::{DType, Result, Tensor};

use Argument::{Address, Factor, Number};

/// A step of Adam or AdamW, with the names of `optimizers/adam.rs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    /// Share of the parameters that is added to their gradients.
    pub(crate) decay: f64,
    /// Shares of the moments that are kept.
    pub(crate) betas: (f64, f64),
    /// Added to the root of the second moment.
    pub(crate) epsilon: f64,
    /// What is left of the parameters.
    pub(crate) keep: f64,
    /// `learning_rate / (1 - beta1^t)`
    pub(crate) size: f64,
    /// `sqrt(1 - beta2^t)`
    pub(crate) root: f64,
}

/// A step of stochastic gradient descent, with the names of `optimizers/sgd.rs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdStep {
    /// Share of the parameters that is added to their gradients.
    pub(crate) decay: f64,
    /// Share of the velocity that is kept.
    pub(crate) momentum: f64,
    /// Share of the velocity that the parameters move by.
    pub(crate) learning_rate: f64,
}

/// Changes parameters and both moments; all contiguous f32 tensors of one shape.
pub(crate) fn adam(
    parameters: &Tensor,
    gradients: &Tensor,
    first: &Tensor,
    second: &Tensor,
    step: AdamStep,
) -> Result<()> {
    let AdamStep { decay, betas, epsilon, keep, size, root } = step;
    // 1 - beta is taken in f64: in f32 it would be off by 1e-5 of itself
    let factors = [decay, 1.0 - betas.0, betas.1, 1.0 - betas.1, keep, size, root, epsilon];
    update("adam", &[parameters, gradients, first, second], &factors)
}

/// Changes parameters and velocity; all contiguous f32 tensors of one shape.
pub(crate) fn sgd(parameters: &Tensor, gradients: &Tensor, velocity: &Tensor, step: SgdStep) -> Result<()> {
    let SgdStep { decay, momentum, learning_rate } = step;
    update("sgd", &[parameters, gradients, velocity], &[decay, momentum, learning_rate])
}

/// `running = keep running + share latest`, contiguous f32 tensors of one shape.
pub(crate) fn blend(running: &Tensor, latest: &Tensor, keep: f64, share: f64) -> Result<()> {
    update("blend", &[running, latest], &[keep, share])
}

fn update(name: &'static str, tensors: &[&Tensor], factors: &[f64]) -> Result<()> {
    let mut arguments = Vec::with_capacity(tensors.len() + factors.len() + 1);
    for tensor in tensors {
        expect(tensor, DType::F32, tensors[0].dims())?;
        arguments.push(Address(address(tensor)?));
    }
    arguments.extend(factors.iter().map(|&factor| Factor(factor as f32)));
    let count = tensors[0].elem_count();
    arguments.push(Number(number(count)?));
    Engine::of(device(tensors[0])?)?.launch(name, Variant::single(DType::F32), Grid::each(count), &arguments)
}
