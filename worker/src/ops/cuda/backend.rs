//! A CUDA device as a backend.

use super::operand::dtype;
use super::{concat, conv, elementwise, norm, pool, steps, upsample};
use crate::ops::backend::{Backend, Blend, ConvGradients, Convolved, Normalized, Population};
use crate::ops::{Activation, Moments, Precision};
use candle_core::{DType, Result, Tensor, bail};

/// A CUDA device.
#[derive(Debug, Clone, Copy)]
struct Cuda {
    /// The numbers that maps are computed in.
    precision: Precision,
}

/// The backend of CUDA devices.
#[expect(clippy::unnecessary_wraps, reason = "without CUDA there is none")]
pub(in crate::ops) fn backend(precision: Precision) -> Result<Box<dyn Backend>> {
    Ok(Box::new(Cuda { precision }))
}

impl Backend for Cuda {
    fn enter(&self, x: &Tensor) -> Result<Tensor> {
        elementwise::cast(x, dtype(self.precision))
    }

    fn leave(&self, x: &Tensor) -> Result<Tensor> {
        match x.dtype() {
            DType::BF16 => elementwise::cast(x, DType::F32),
            _ => Ok(x.clone()),
        }
    }

    fn conv2d(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Convolved> {
        conv::conv2d(x, weight, bias, activation, self.precision)
    }

    fn conv2d_backward(&self, convolved: &Convolved, grad: Tensor, input_wanted: bool) -> Result<ConvGradients> {
        conv::conv2d_backward(convolved, &grad, self.precision, input_wanted)
    }

    fn conv_transpose2d(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Convolved> {
        conv::conv_transpose2d(x, weight, bias, activation, self.precision)
    }

    fn conv_transpose2d_backward(&self, convolved: &Convolved, grad: Tensor) -> Result<ConvGradients> {
        conv::conv_transpose2d_backward(convolved, &grad, self.precision)
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
        norm::normalize_backward(normalized, &grad)
    }

    fn residual(&self, a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Identity => elementwise::add(a, b),
            Activation::Relu => elementwise::add_rectified(a, b),
            Activation::LeakyRelu => bail!("a leaky ReLU after a sum: expected it after a norm"),
        }
    }

    fn residual_backward(&self, y: &Tensor, grad: Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Identity => Ok(grad),
            Activation::Relu => elementwise::mask(&grad, y),
            Activation::LeakyRelu => bail!("a leaky ReLU after a sum: expected it after a norm"),
        }
    }

    fn add(&self, sum: &mut Tensor, operand: &Tensor) -> Result<()> {
        *sum = elementwise::add(sum, operand)?;
        Ok(())
    }

    fn blend(&self, blends: &[Blend], keep: f64) -> Result<()> {
        let tensors: Vec<_> = blends.iter().map(|blend| [blend.running.as_tensor(), &blend.latest]).collect();
        let shares: Vec<_> = blends.iter().map(|blend| blend.share).collect();
        steps::blend(&tensors, &shares, keep)
    }

    fn are_finite(&self, tensors: &[&Tensor]) -> Result<bool> {
        steps::are_finite(tensors)
    }
}
