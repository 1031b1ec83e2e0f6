//! The operations on the CPU, forward and backward, on contiguous tensors of `f32` or `f64`, channels last.
//!
//! ```text
//!  conv/        convolutions: as products of patches, or in Winograd's tiles; with bias and ReLU
//!  pool, upsample, concat, norm, elementwise   one file per operation: its kernel, and the adapter from tensors
//!  run/         vectors, tasks, their memory, Candle's memory
//! ```
//!
//! Results have the same bits whatever the number of threads.

mod concat;
mod conv;
mod elementwise;
mod norm;
mod pool;
mod run;
mod upsample;

pub use conv::{Algorithm, algorithm};
pub(crate) use run::instruction_set::vectorize;
pub use run::instruction_set::{InstructionSet, MissingInstructionSet};
pub(crate) use run::simd::Real;
pub(crate) use run::{parallel, storage};

use super::backend::{Backend, ConvGradients, Convolved, Normalized, Population};
use super::{Activation, Convolution, Moments};
use candle_core::{Result, Tensor};

/// The CPU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    /// How 3x3 convolutions are computed.
    pub(super) convolution: Convolution,
}

impl Backend for Cpu {
    fn conv2d(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Convolved> {
        conv::conv2d(self.convolution, x, weight, bias, activation)
    }

    fn conv2d_backward(&self, convolved: &Convolved, grad: Tensor, input_wanted: bool) -> Result<ConvGradients> {
        conv::conv2d_backward(self.convolution, convolved, &grad, input_wanted)
    }

    fn conv_transpose2d(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Convolved> {
        conv::conv_transpose2d(x, weight, bias, activation)
    }

    fn conv_transpose2d_backward(&self, convolved: &Convolved, grad: Tensor) -> Result<ConvGradients> {
        conv::conv_transpose2d_backward(convolved, &grad)
    }

    fn max_pool2d(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        pool::max_pool2d(x)
    }

    fn gather(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        pool::gather(x, positions)
    }

    fn scatter(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        pool::scatter(x, positions)
    }

    fn upsample(&self, x: &Tensor) -> Result<Tensor> {
        upsample::upsample(x)
    }

    fn upsample_backward(&self, grad: &Tensor) -> Result<Tensor> {
        upsample::upsample_backward(grad)
    }

    fn concatenate(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        concat::concatenate(a, b)
    }

    fn split(&self, grad: &Tensor, channels: usize) -> Result<(Tensor, Tensor)> {
        concat::split(grad, channels)
    }

    fn moments(&self, x: &Tensor, population: Population) -> Result<Moments> {
        norm::moments(x, population)
    }

    fn normalize(
        &self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        norm::normalize(x, moments, gamma, beta, activation)
    }

    fn normalize_backward(&self, normalized: &Normalized, grad: Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        norm::normalize_backward(normalized, grad)
    }

    fn fold(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
    ) -> Result<Option<(Tensor, Tensor)>> {
        norm::fold(weight, bias, moments, gamma, beta).map(Some)
    }

    fn residual(&self, a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
        elementwise::residual(a, b, activation)
    }

    fn residual_backward(&self, y: &Tensor, grad: Tensor, activation: Activation) -> Result<Tensor> {
        elementwise::residual_backward(y, grad, activation)
    }

    fn add(&self, sum: &mut Tensor, operand: &Tensor) -> Result<()> {
        elementwise::add(sum, operand)
    }

    fn are_finite(&self, tensors: &[&Tensor]) -> Result<bool> {
        elementwise::are_finite(tensors)
    }
}
