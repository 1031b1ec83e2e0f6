//! Every operation on the CPU, forward and backward, as functions on contiguous tensors of `f32` or `f64`, channels last.
//!
//! ```text
//!  direct      convolutions as products of patches  -.
//!  winograd    3x3 convolutions in tiles            -+-> gemm, the two matrix products; gemv, those with one column
//!  relu, pool, batch_norm    loops over pixels, in groups
//!  simd, parallel, scratch, storage   vectors, tasks, their memory, Candle's memory
//! ```
//!
//! Results have the same bits whatever the number of threads. A gradient that is handed in is changed in place, so nothing else
//! may share its storage.

mod batch_norm;
mod direct;
mod gemm;
mod gemv;
mod groups;
pub(crate) mod parallel;
mod pool;
mod relu;
mod scratch;
mod simd;
pub(crate) mod storage;
mod vectors;
mod winograd;

pub(crate) use simd::Real;
pub(crate) use vectors::dispatch;
pub use vectors::{NoVectors, Vectors};

use super::{Activation, Algorithm, Moments, Taps};
use candle_core::{Result, Tensor};
use direct::{Geometry, Reading};
use pool::Windows;
use std::marker::PhantomData;
use storage::{Elements, by_float, change, tensor};
use winograd::{Four, Two, Winograd};

/// Gradients of an input, if it was wanted, of a kernel and of a bias.
pub(super) type ConvGradients = (Option<Tensor>, Tensor, Tensor);

/// The sizes of a convolution of `x` by `weight`.
fn geometry(x: &Tensor, weight: &Tensor) -> Result<Geometry> {
    let ((batch, height, width, larger), smaller) = (x.dims4()?, weight.dim(0)?);
    let taps = Taps::of(weight.dims())?;
    let (height, width) = taps.output(height, width)?;
    Ok(Geometry { taps, batch, height, width, larger, smaller })
}

/// A 3x3 convolution of `x`, `[outputs]` channels out.
fn winograd<F>(x: &Tensor, outputs: usize) -> Result<Winograd<F>> {
    let (batch, height, width, inputs) = x.dims4()?;
    Ok(Winograd { batch, height, width, inputs, outputs, size: PhantomData })
}

pub(super) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    algorithm: Algorithm,
) -> Result<Tensor> {
    let geometry = geometry(x, weight)?;
    let outputs = geometry.smaller;
    let shape = [geometry.batch, geometry.height, geometry.width, outputs];
    let [x_data, weight, bias] = [x, weight, bias].map(Elements::of);
    by_float!(x.dtype(), T => {
        let (x_data, weight, bias) = (x_data.slice::<T>()?, weight.slice()?, Some(bias.slice()?));
        let reading = Reading::Straight;
        let y = match algorithm {
            Algorithm::Direct => geometry.gather(x_data, weight, reading, bias, activation),
            Algorithm::Winograd2 => winograd::<Two>(x, outputs)?.convolve(x_data, weight, reading, bias, activation),
            Algorithm::Winograd4 => winograd::<Four>(x, outputs)?.convolve(x_data, weight, reading, bias, activation),
        };
        tensor(y, &shape)
    })
}

/// Gradients of the operands of a convolution, that of the input if `wanted`.
pub(super) fn conv2d_backward(
    (x, weight, y): (&Tensor, &Tensor, &Tensor),
    grad: &Tensor,
    activation: Activation,
    algorithm: Algorithm,
    wanted: bool,
) -> Result<ConvGradients> {
    let geometry = geometry(x, weight)?;
    let (inputs, outputs) = (geometry.larger, geometry.smaller);
    by_float!(x.dtype(), T => {
        let bias = change::<T, _>(grad, y, |grad, y| relu::backward(grad, y, outputs, activation))?;
        let [x_data, weight_data, grad_data] = [x, weight, grad].map(Elements::of);
        let (x_data, weight_data, grad_data) = (x_data.slice::<T>()?, weight_data.slice()?, grad_data.slice()?);
        let kernel = match algorithm {
            Algorithm::Direct => geometry.correlate(x_data, grad_data),
            Algorithm::Winograd2 => winograd::<Two>(x, outputs)?.correlate(x_data, grad_data),
            Algorithm::Winograd4 => winograd::<Four>(x, outputs)?.correlate(x_data, grad_data),
        };
        let (turned, none) = (Reading::Turned, Activation::Identity);
        let input = wanted.then(|| Ok::<_, candle_core::Error>(match (algorithm, geometry.taps) {
            (Algorithm::Direct, Taps::Neighbours) => {
                let turned_geometry = Geometry { larger: outputs, smaller: inputs, ..geometry };
                turned_geometry.gather(grad_data, weight_data, turned, None, none)
            }
            (Algorithm::Direct, _) => geometry.scatter(grad_data, weight_data, None, none),
            (Algorithm::Winograd2, _) => winograd::<Two>(y, inputs)?.convolve(grad_data, weight_data, turned, None, none),
            (Algorithm::Winograd4, _) => winograd::<Four>(y, inputs)?.convolve(grad_data, weight_data, turned, None, none),
        }));
        let input = input.transpose()?.map(|input| tensor(input, x.dims())).transpose()?;
        Ok((input, tensor(kernel, weight.dims())?, tensor(bias, &[outputs])?))
    })
}

/// The sizes of a transposed 2x2 convolution with stride 2: those of the convolution that leads back.
fn transposed(x: &Tensor, weight: &Tensor) -> Result<Geometry> {
    let (batch, height, width, smaller) = x.dims4()?;
    Ok(Geometry { taps: Taps::Block, batch, height, width, larger: weight.dim(1)?, smaller })
}

pub(super) fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    let geometry = transposed(x, weight)?;
    let shape = [geometry.batch, 2 * geometry.height, 2 * geometry.width, geometry.larger];
    let [x_data, weight, bias] = [x, weight, bias].map(Elements::of);
    by_float!(x.dtype(), T => {
        let y = geometry.scatter(x_data.slice::<T>()?, weight.slice()?, Some(bias.slice()?), activation);
        tensor(y, &shape)
    })
}

pub(super) fn conv_transpose2d_backward(
    (x, weight, y): (&Tensor, &Tensor, &Tensor),
    grad: &Tensor,
    activation: Activation,
) -> Result<ConvGradients> {
    let geometry = transposed(x, weight)?;
    by_float!(x.dtype(), T => {
        let bias = change::<T, _>(grad, y, |grad, y| relu::backward(grad, y, geometry.larger, activation))?;
        let [x_data, weight_data, grad_data] = [x, weight, grad].map(Elements::of);
        let (x_data, weight_data, grad_data) = (x_data.slice::<T>()?, weight_data.slice()?, grad_data.slice()?);
        let input = geometry.gather(grad_data, weight_data, Reading::Straight, None, Activation::Identity);
        let kernel = geometry.correlate(grad_data, x_data);
        Ok((Some(tensor(input, x.dims())?), tensor(kernel, weight.dims())?, tensor(bias, &[geometry.larger])?))
    })
}

/// The windows of maps of twice the size of `[n, h, w, c]`.
fn windows(pooled: &[usize]) -> Windows {
    Windows { rows: pooled[0] * pooled[1], width: pooled[2], channels: pooled[3] }
}

fn halved(x: &Tensor) -> Result<[usize; 4]> {
    let (n, height, width, channels) = x.dims4()?;
    let (height, width) = Taps::Block.output(height, width)?;
    Ok([n, height, width, channels])
}

fn doubled(x: &Tensor) -> Result<[usize; 4]> {
    let (n, height, width, channels) = x.dims4()?;
    Ok([n, 2 * height, 2 * width, channels])
}

/// Maxima and positions.
pub(super) fn max_pool2d(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let shape = halved(x)?;
    let elements = Elements::of(x);
    by_float!(x.dtype(), T => {
        let (maxima, positions) = windows(&shape).max(elements.slice::<T>()?);
        Ok((tensor(maxima, &shape)?, tensor(positions, &shape)?))
    })
}

/// The element of every window at its position.
pub(super) fn gather(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let shape = halved(x)?;
    let [elements, at] = [x, positions].map(Elements::of);
    by_float!(x.dtype(), T => tensor(windows(&shape).gather(elements.slice::<T>()?, at.slice()?), &shape))
}

/// Every element at its position of the window, zeros elsewhere.
pub(super) fn scatter(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let [elements, at] = [x, positions].map(Elements::of);
    by_float!(x.dtype(), T => {
        tensor(windows(x.dims()).scatter(elements.slice::<T>()?, at.slice()?), &doubled(x)?)
    })
}

pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let elements = Elements::of(x);
    by_float!(x.dtype(), T => tensor(windows(x.dims()).upsample(elements.slice::<T>()?), &doubled(x)?))
}

pub(super) fn upsample_backward(grad: &Tensor) -> Result<Tensor> {
    let shape = halved(grad)?;
    let elements = Elements::of(grad);
    by_float!(grad.dtype(), T => tensor(windows(&shape).sum(elements.slice::<T>()?), &shape))
}

pub(super) fn concatenate(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (n, height, width, in_a) = a.dims4()?;
    let in_b = b.dim(3)?;
    let [a_data, b_data] = [a, b].map(Elements::of);
    by_float!(a.dtype(), T => {
        let y = pool::concatenate(a_data.slice::<T>()?, b_data.slice()?, (in_a, in_b));
        tensor(y, &[n, height, width, in_a + in_b])
    })
}

/// The first `in_a` channels, and the others.
pub(super) fn split(y: &Tensor, in_a: usize) -> Result<(Tensor, Tensor)> {
    let (n, height, width, channels) = y.dims4()?;
    let elements = Elements::of(y);
    by_float!(y.dtype(), T => {
        let part = |range: std::ops::Range<usize>| {
            let shape = [n, height, width, range.len()];
            tensor(pool::channels(elements.slice::<T>()?, channels, range), &shape)
        };
        Ok((part(0..in_a)?, part(in_a..channels)?))
    })
}

pub(super) fn moments(x: &Tensor) -> Result<Moments> {
    let channels = x.dim(3)?;
    let elements = Elements::of(x);
    by_float!(x.dtype(), T => {
        let (mean, variance) = batch_norm::moments(elements.slice::<T>()?, channels);
        Ok(Moments { mean: tensor(mean, &[channels])?, variance: tensor(variance, &[channels])? })
    })
}

pub(super) fn normalize(
    x: &Tensor,
    moments: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    let [x_data, mean, variance, gamma, beta] = [x, &moments.mean, &moments.variance, gamma, beta].map(Elements::of);
    by_float!(x.dtype(), T => {
        let moments = (mean.slice()?, variance.slice()?);
        tensor(batch_norm::normalize::<T>(x_data.slice()?, moments, gamma.slice()?, beta.slice()?, activation), x.dims())
    })
}

/// Kernel and bias of the convolution that does what this one and batch norm by `moments` do.
pub(super) fn fold(
    weight: &Tensor,
    bias: &Tensor,
    moments: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let operands = [weight, bias, &moments.mean, &moments.variance, gamma, beta].map(Elements::of);
    let [weight_data, bias_data, mean, variance, gamma, beta] = &operands;
    by_float!(weight.dtype(), T => {
        let moments = (mean.slice()?, variance.slice()?);
        let (weights, biases) =
            batch_norm::fold::<T>(weight_data.slice()?, bias_data.slice()?, moments, gamma.slice()?, beta.slice()?);
        Ok((tensor(weights, weight.dims())?, tensor(biases, bias.dims())?))
    })
}

/// Gradients of input, gamma and beta.
pub(super) fn normalize_backward(
    (x, gamma, y): (&Tensor, &Tensor, &Tensor),
    moments: &Moments,
    grad: Tensor,
    activation: Activation,
    of_input: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    let [x, y_data, mean, variance, gamma_data] = [x, y, &moments.mean, &moments.variance, gamma].map(Elements::of);
    by_float!(y.dtype(), T => {
        let (means, variances, gammas) = (mean.slice()?, variance.slice()?, gamma_data.slice()?);
        let (x, y_slice) = (x.slice::<T>()?, y_data.slice()?);
        let backward =
            batch_norm::Backward { x, y: y_slice, means, variances, gamma: gammas, activation, of_input };
        let (scale, shift) = change::<T, _>(&grad, y, |grad, _| backward.run(grad))?;
        Ok((grad, tensor(scale, gamma.dims())?, tensor(shift, gamma.dims())?))
    })
}

/// `target += operand`, in place.
pub(super) fn add(target: &Tensor, operand: &Tensor) -> Result<()> {
    /// Elements that a task adds.
    const CHUNK: usize = 1 << 14;
    by_float!(target.dtype(), T => change::<T, _>(target, operand, |target, operand| {
        parallel::chunks(target, CHUNK, |chunk, target| {
            let operand = &operand[chunk * CHUNK..][..target.len()];
            target.iter_mut().zip(operand).for_each(|(target, &operand)| *target += operand);
        });
    }))
}
