//! The same operations, composed of Candle's differentiable ones: what runs on every device but the CPU.
//!
//! Candle's pooling and upsampling are avoided: their gradients are wrong (scaled by 1/4; overwriting what was accumulated), and
//! so is that of its ReLU at zero.

use super::{Activation, Taps};
use candle_core::{D, Result, Tensor};

pub(super) fn conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    let taps = Taps::of(weight.dims())?;
    taps.output(x.dim(2)?, x.dim(3)?)?;
    let (padding, stride) = match taps {
        Taps::Neighbours => (1, 1),
        Taps::Pixel => (0, 1),
        Taps::Block => (0, 2),
    };
    activate(&add_bias(&x.conv2d(weight, padding, stride, 1, 1)?, bias)?, activation)
}

pub(super) fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    activate(&add_bias(&x.conv_transpose2d(weight, 0, 0, 2, 1)?, bias)?, activation)
}

/// Positions of the maxima, the first of equals.
pub(super) fn argmax(x: &Tensor) -> Result<Tensor> {
    let windows = windows(x)?;
    let [a, b, c, d] = quarters(&windows)?;
    let top = a.maximum(&b)?;
    let maximum = top.maximum(&c.maximum(&d)?)?;
    let index = |index: u8| Tensor::full(index, maximum.shape(), maximum.device());
    let last = c.eq(&maximum)?.where_cond(&index(2)?, &index(3)?)?;
    let right = b.eq(&maximum)?.where_cond(&index(1)?, &last)?;
    a.eq(&maximum)?.where_cond(&index(0)?, &right)
}

/// `[n, c, 2 h, 2 w]` and positions -> `[n, c, h, w]`.
pub(super) fn gather(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    windows(x)?.mul(&masks(positions, x)?)?.sum(D::Minus1)
}

/// `[n, c, h, w]` and positions -> `[n, c, 2 h, 2 w]`.
pub(super) fn scatter(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let (n, c, height, width) = x.dims4()?;
    let windows = x.unsqueeze(D::Minus1)?.broadcast_mul(&masks(positions, x)?)?;
    let blocks = windows.reshape(&[n, c, height, width, 2, 2][..])?.permute([0, 1, 2, 4, 3, 5])?;
    blocks.contiguous()?.reshape((n, c, 2 * height, 2 * width))
}

pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let (n, c, height, width) = x.dims4()?;
    let blocks = x.reshape(&[n, c, height, 1, width, 1][..])?.broadcast_as(&[n, c, height, 2, width, 2][..])?;
    blocks.contiguous()?.reshape((n, c, 2 * height, 2 * width))
}

/// Mean and biased variance, `[1, c, 1, 1]` each; differentiable.
pub(super) fn moments(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, channels, _, _) = x.dims4()?;
    let mean = |x: &Tensor| x.transpose(0, 1)?.flatten_from(1)?.mean(1)?.reshape((1, channels, 1, 1));
    let center = mean(x)?;
    let variance = mean(&x.broadcast_sub(&center)?.sqr()?)?;
    Ok((center, variance))
}

/// Moments `[1, c, 1, 1]`, gamma and beta `[c]`.
pub(super) fn normalize(
    x: &Tensor,
    (mean, variance): (&Tensor, &Tensor),
    gamma: &Tensor,
    beta: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    let sigma = variance.affine(1.0, super::batch_norm::EPSILON)?.sqrt()?;
    let scaled = x.broadcast_sub(mean)?.broadcast_div(&sigma)?.broadcast_mul(&channels(gamma)?)?;
    activate(&scaled.broadcast_add(&channels(beta)?)?, activation)
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => {
            let zeros = x.zeros_like()?;
            x.detach().le(&zeros)?.where_cond(&zeros, x)
        }
    }
}

fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.broadcast_add(&channels(bias)?)
}

/// `[c]` -> `[1, c, 1, 1]`
fn channels(x: &Tensor) -> Result<Tensor> {
    x.reshape((1, x.elem_count(), 1, 1))
}

/// `[n, c, 2 h, 2 w]` -> `[n, c, h, w, 4]`
fn windows(x: &Tensor) -> Result<Tensor> {
    let (n, c, height, width) = x.dims4()?;
    let blocks = x.reshape(&[n, c, height / 2, 2, width / 2, 2][..])?.permute([0, 1, 2, 4, 3, 5])?;
    blocks.contiguous()?.reshape((n, c, height / 2, width / 2, 4))
}

/// The four elements of every window.
fn quarters(windows: &Tensor) -> Result<[Tensor; 4]> {
    let windows = windows.detach();
    let quarter = |index| windows.narrow(D::Minus1, index, 1)?.squeeze(D::Minus1)?.contiguous();
    Ok([quarter(0)?, quarter(1)?, quarter(2)?, quarter(3)?])
}

/// `[n, c, h, w]` positions -> `[n, c, h, w, 4]`: 1 at the position, else 0, in the type of `like`.
fn masks(positions: &Tensor, like: &Tensor) -> Result<Tensor> {
    let indices = Tensor::new(&[0u8, 1, 2, 3], positions.device())?;
    positions.unsqueeze(D::Minus1)?.broadcast_eq(&indices)?.to_dtype(like.dtype())
}
