//! Nearest upsampling to twice the size, and its gradient.

use super::operand::{address, device, empty};
use super::pool::{doubled, halved, windows};
use candle_core::{Result, Tensor};

/// Nearest upsampling `[n, h, w, c]` -> `[n, 2 h, 2 w, c]`.
pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let y = doubled(x)?;
    windows("upsample", &y, x, &[address(x)?, address(&y)?])?;
    Ok(y)
}

/// The gradient of [`upsample`]: the sums of the windows.
pub(super) fn upsample_backward(grad: &Tensor) -> Result<Tensor> {
    let dx = empty(&halved(grad)?[..], grad.dtype(), device(grad)?)?;
    windows("upsample_backward", grad, &dx, &[address(grad)?, address(&dx)?])?;
    Ok(dx)
}
