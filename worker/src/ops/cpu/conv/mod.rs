//! Convolutions, transposed ones and their gradients, with bias and activation: tensors in, tensors out.
//!
//! ```text
//!  patches     as products of patches with the kernel --> gemm/, the two matrix products; gemv, those with one column
//!  winograd/   3x3 convolutions in tiles, with products of its own
//!  panels      kernels as matrices
//!  bias_relu   what follows a sum, backward
//! ```

mod bias_relu;
mod gemm;
mod gemv;
mod panels;
mod patches;
mod winograd;

use super::run::simd::Real;
use super::run::storage::{by_float, change, read, tensor};
use crate::ops::backend::{ConvGradients, Convolved};
use crate::ops::{Activation, Convolution, Kernel};
use candle_core::{Result, Tensor};
use patches::{Geometry, Reading};
use winograd::{Four, Two, Winograd};

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// As a product of patches with the kernel.
    Direct,
    /// Winograd's F(2x2, 3x3): 16/36 of the products.
    Winograd2,
    /// Winograd's F(4x4, 3x3): 36/144 of the products.
    Winograd4,
}

/// The algorithm for a kernel of shape `[outputs, inputs, k, k]` on maps of that height and width.
///
/// Winograd's is for 3x3 kernels with enough channels on both sides that its transforms cost less than they save.
#[must_use]
pub fn algorithm(convolution: Convolution, kernel: &[usize], height: usize, width: usize) -> Algorithm {
    /// Channels from which on the transforms pay.
    const MIN_CHANNELS: usize = 16;
    /// Height and width from which on tiles of 2x2 are not mostly border.
    const MIN_SIZE: usize = 4;
    /// The same of 4x4; on smaller maps there are also too few tiles to pay for kernels of 36 elements instead of 16.
    const MIN_SIZE_4: usize = 8;
    match (convolution, kernel) {
        (Convolution::Winograd2, [_, _, 3, 3]) => Algorithm::Winograd2,
        (Convolution::Winograd4, [_, _, 3, 3]) => Algorithm::Winograd4,
        (Convolution::Auto, &[outputs, inputs, 3, 3])
            if outputs.min(inputs) >= MIN_CHANNELS && height.min(width) >= MIN_SIZE =>
        {
            if height.min(width) < MIN_SIZE_4 { Algorithm::Winograd2 } else { Algorithm::Winograd4 }
        }
        _ => Algorithm::Direct,
    }
}

pub(in crate::ops::cpu) fn conv2d(
    convolution: Convolution,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
) -> Result<Convolved> {
    let conv = Conv::of(convolution, x, weight)?;
    let Geometry { batch, height, width, channels_small, .. } = conv.geometry;
    let y = by_float!(x.dtype(), T => read([x, weight, bias], |[x, weight, bias]: [&[T]; 3]| {
        let y = conv.compute(conv.geometry, x, (weight, Reading::Straight), Some(bias), activation);
        tensor(y, &[batch, height, width, channels_small])
    }))?;
    Ok(Convolved { x: x.clone(), weight: weight.detach(), packed: None, y, activation })
}

/// Changes `grad` in place.
pub(in crate::ops::cpu) fn conv2d_backward(
    convolution: Convolution,
    Convolved { x, weight, y, activation, .. }: &Convolved,
    grad: &Tensor,
    input_wanted: bool,
) -> Result<ConvGradients> {
    let conv = Conv::of(convolution, x, weight)?;
    let outputs = conv.geometry.channels_small;
    by_float!(x.dtype(), T => {
        let bias = change(grad, y, |grad: &mut [T], y| bias_relu::backward(grad, y, outputs, *activation))?;
        read([x, weight, grad], |[x_values, weights, grad]: [&[T]; 3]| {
            let kernel = conv.weight_gradient(x_values, grad);
            let input = input_wanted.then(|| conv.input_gradient(grad, weights));
            Ok(ConvGradients {
                x: input.map(|input| tensor(input, x.dims())).transpose()?,
                weight: tensor(kernel, weight.dims())?,
                bias: tensor(bias, &[outputs])?,
            })
        })
    })
}

pub(in crate::ops::cpu) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
) -> Result<Convolved> {
    let geometry = Geometry::transposed(x, weight)?;
    let shape = [geometry.batch, 2 * geometry.height, 2 * geometry.width, geometry.channels_large];
    let y = by_float!(x.dtype(), T => read([x, weight, bias], |[x, weight, bias]: [&[T]; 3]| {
        tensor(geometry.scatter(x, weight, Some(bias), activation), &shape)
    }))?;
    Ok(Convolved { x: x.clone(), weight: weight.detach(), packed: None, y, activation })
}

/// Changes `grad` in place.
pub(in crate::ops::cpu) fn conv_transpose2d_backward(
    Convolved { x, weight, y, activation, .. }: &Convolved,
    grad: &Tensor,
) -> Result<ConvGradients> {
    let geometry = Geometry::transposed(x, weight)?;
    let outputs = geometry.channels_large;
    by_float!(x.dtype(), T => {
        let bias = change(grad, y, |grad: &mut [T], y| bias_relu::backward(grad, y, outputs, *activation))?;
        read([x, weight, grad], |[x_values, weights, grad]: [&[T]; 3]| {
            let input = geometry.gather(grad, weights, Reading::Straight, None, Activation::Identity);
            let kernel = geometry.correlate(grad, x_values);
            Ok(ConvGradients {
                x: Some(tensor(input, x.dims())?),
                weight: tensor(kernel, weight.dims())?,
                bias: tensor(bias, &[outputs])?,
            })
        })
    })
}

/// A convolution and its algorithm.
#[derive(Debug, Clone, Copy)]
struct Conv {
    geometry: Geometry,
    algorithm: Algorithm,
}

impl Conv {
    fn of(convolution: Convolution, x: &Tensor, weight: &Tensor) -> Result<Self> {
        let (_, height, width, _) = x.dims4()?;
        let algorithm = algorithm(convolution, weight.dims(), height, width);
        Ok(Self { geometry: Geometry::of(x, weight)?, algorithm })
    }

    /// A convolution of these sizes.
    fn compute<T: Real>(
        &self,
        geometry: Geometry,
        x: &[T],
        (weight, reading): (&[T], Reading),
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        match self.algorithm {
            Algorithm::Direct => geometry.gather(x, weight, reading, bias, activation),
            Algorithm::Winograd2 => Winograd::<Two>::of(geometry).convolve(x, weight, reading, bias, activation),
            Algorithm::Winograd4 => Winograd::<Four>::of(geometry).convolve(x, weight, reading, bias, activation),
        }
    }

    fn input_gradient<T: Real>(&self, grad: &[T], weight: &[T]) -> Vec<T> {
        match self.geometry.kernel {
            Kernel::K3 => {
                let turned = (weight, Reading::Turned);
                self.compute(self.geometry.turned(), grad, turned, None, Activation::Identity)
            }
            Kernel::K1 | Kernel::K2Stride2 => self.geometry.scatter(grad, weight, None, Activation::Identity),
        }
    }

    fn weight_gradient<T: Real>(&self, x: &[T], grad: &[T]) -> Vec<T> {
        match self.algorithm {
            Algorithm::Direct => self.geometry.correlate(x, grad),
            Algorithm::Winograd2 => Winograd::<Two>::of(self.geometry).correlate(x, grad),
            Algorithm::Winograd4 => Winograd::<Four>::of(self.geometry).correlate(x, grad),
        }
    }
}
