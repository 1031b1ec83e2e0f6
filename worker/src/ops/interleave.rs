//! Maps as several smaller ones that interleave, so that a convolution of the parts is a dilated one of the whole. On the
//! host by Candle's operations.

use super::cuda;
use candle_core::{Result, Tensor};

/// `[n, h, w, c]` -> `[n rate rate, h / rate, w / rate, c]`, rounded up: the pixels of every `rate`th row and column, for each of the
/// first ones. What is missing is zero.
pub(super) fn apart(x: &Tensor, rate: usize) -> Result<Tensor> {
    if x.device().is_cuda() {
        return cuda::apart(x, rate);
    }
    let (n, height, width, channels) = x.dims4()?;
    let (rows, columns) = (height.div_ceil(rate), width.div_ceil(rate));
    let x = x.pad_with_zeros(1, 0, rows * rate - height)?.pad_with_zeros(2, 0, columns * rate - width)?;
    let parts = x.reshape(&[n, rows, rate, columns, rate, channels][..])?.permute([0, 2, 4, 1, 3, 5])?;
    parts.contiguous()?.reshape((n * rate * rate, rows, columns, channels))
}

/// The map of that height and width that the parts are of; also the gradient of [`apart`], which is its gradient.
pub(super) fn together(parts: &Tensor, rate: usize, (height, width): (usize, usize)) -> Result<Tensor> {
    if parts.device().is_cuda() {
        return cuda::together(parts, rate, (height, width));
    }
    let (count, rows, columns, channels) = parts.dims4()?;
    let n = count / (rate * rate);
    let x = parts.reshape(&[n, rate, rate, rows, columns, channels][..])?.permute([0, 3, 1, 4, 2, 5])?;
    let x = x.contiguous()?.reshape((n, rows * rate, columns * rate, channels))?;
    x.narrow(1, 0, height)?.narrow(2, 0, width)?.contiguous()
}
