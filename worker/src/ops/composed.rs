//! The same operations, composed of Candle's differentiable ones: the plain reference, on any device.
//!
//! Candle's pooling and upsampling are avoided: their gradients are wrong (scaled by 1/4; overwriting what was accumulated), and
//! so is that of its ReLU at zero.

use super::{Activation, EPSILON, Moments, Taps};
use candle_core::{D, Result, Tensor, Var};

/// The gradients of `sum(function(operands) * grad)`, by Candle.
pub(super) fn gradients(
    operands: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
    grad: &Tensor,
) -> Result<Vec<Option<Tensor>>> {
    let variables: Vec<_> = operands.iter().map(Var::from_tensor).collect::<Result<_>>()?;
    let operands: Vec<_> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let mut gradients = (function(&operands)? * grad)?.sum_all()?.backward()?;
    variables
        .iter()
        .map(|variable| gradients.remove(variable).map(|gradient| gradient.contiguous()).transpose())
        .collect()
}

pub(super) fn conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    let (padding, stride) = match Taps::of(weight.dims())? {
        Taps::Neighbours => (1, 1),
        Taps::Pixel => (0, 1),
        Taps::Block => (0, 2),
    };
    let y = channels_last(&channels_first(x)?.conv2d(weight, padding, stride, 1, 1)?)?;
    activate(&y.broadcast_add(bias)?, activation)
}

pub(super) fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    let y = channels_last(&channels_first(x)?.conv_transpose2d(weight, 0, 0, 2, 1)?)?;
    activate(&y.broadcast_add(bias)?, activation)
}

/// `[n, h, w, c]` -> `[n, c, h, w]`
pub(super) fn channels_first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

/// `[n, c, h, w]` -> `[n, h, w, c]`
pub(super) fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
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

/// `[n, 2 h, 2 w, c]` and positions -> `[n, h, w, c]`.
pub(super) fn gather(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    windows(x)?.mul(&masks(positions, x)?)?.sum(D::Minus1)
}

/// `[n, h, w, c]` and positions -> `[n, 2 h, 2 w, c]`.
pub(super) fn scatter(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let (n, height, width, c) = x.dims4()?;
    let windows = x.unsqueeze(D::Minus1)?.broadcast_mul(&masks(positions, x)?)?;
    let blocks = windows.reshape(&[n, height, width, c, 2, 2][..])?.permute([0, 1, 4, 2, 5, 3])?;
    blocks.contiguous()?.reshape((n, 2 * height, 2 * width, c))
}

pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let (n, height, width, c) = x.dims4()?;
    let blocks = x.reshape(&[n, height, 1, width, 1, c][..])?.broadcast_as(&[n, height, 2, width, 2, c][..])?;
    blocks.contiguous()?.reshape((n, 2 * height, 2 * width, c))
}

/// Differentiable.
pub(super) fn moments(x: &Tensor) -> Result<Moments> {
    let pixels = x.flatten_to(2)?;
    let mean = pixels.mean(0)?;
    let variance = pixels.broadcast_sub(&mean)?.sqr()?.mean(0)?;
    Ok(Moments { mean, variance })
}

pub(super) fn normalize(
    x: &Tensor,
    moments: &Moments,
    (gamma, beta): (&Tensor, &Tensor),
    activation: Activation,
) -> Result<Tensor> {
    let sigma = moments.variance.affine(1.0, EPSILON)?.sqrt()?;
    let scaled = x.broadcast_sub(&moments.mean)?.broadcast_div(&sigma)?.broadcast_mul(gamma)?;
    activate(&scaled.broadcast_add(beta)?, activation)
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

/// `[n, 2 h, 2 w, c]` -> `[n, h, w, c, 4]`
fn windows(x: &Tensor) -> Result<Tensor> {
    let (n, height, width, c) = x.dims4()?;
    let (height, width) = Taps::Block.output(height, width)?;
    let blocks = x.reshape(&[n, height, 2, width, 2, c][..])?.permute([0, 1, 3, 5, 2, 4])?;
    blocks.contiguous()?.reshape((n, height, width, c, 4))
}

/// The four elements of every window.
fn quarters(windows: &Tensor) -> Result<[Tensor; 4]> {
    let windows = windows.detach();
    let quarter = |index| windows.narrow(D::Minus1, index, 1)?.squeeze(D::Minus1)?.contiguous();
    Ok([quarter(0)?, quarter(1)?, quarter(2)?, quarter(3)?])
}

/// Positions `[n, h, w, c]` -> `[n, h, w, c, 4]`: 1 at the position, else 0, in the type of `like`.
fn masks(positions: &Tensor, like: &Tensor) -> Result<Tensor> {
    let indices = Tensor::new(&[0u8, 1, 2, 3], positions.device())?;
    positions.unsqueeze(D::Minus1)?.broadcast_eq(&indices)?.to_dtype(like.dtype())
}
