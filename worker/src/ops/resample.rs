//! Maps of other sizes: every row and every column is multiplied by a matrix, on the host by Candle's matrix products. What they compute
//! is little beside convolutions.

use super::cuda;
use candle_core::{DType, Device, Result, Tensor};

/// What each pixel of a row and of a column adds to each pixel of those that come of them: `[to, from]` each, on the host.
pub(super) struct Resampling {
    rows: Tensor,
    columns: Tensor,
}

impl Resampling {
    /// Bilinear, as PyTorch's without aligned corners, of maps like `x` `[n, h, w, c]` to that height and width.
    pub(super) fn bilinear(x: &Tensor, (height, width): (usize, usize)) -> Result<Self> {
        let (_, rows, columns, _) = x.dims4()?;
        Self::of((rows, height), (columns, width), bilinear)
    }

    /// The mean of all pixels of maps like `x`.
    pub(super) fn mean(x: &Tensor) -> Result<Self> {
        let (_, rows, columns, _) = x.dims4()?;
        Self::of((rows, 1), (columns, 1), |from, _| vec![1.0 / from as f64; from])
    }

    fn of(rows: (usize, usize), columns: (usize, usize), weights: impl Fn(usize, usize) -> Vec<f64>) -> Result<Self> {
        let matrix = |(from, to)| Tensor::from_vec(weights(from, to), (to, from), &Device::Cpu);
        Ok(Self { rows: matrix(rows)?, columns: matrix(columns)? })
    }

    /// `[n, h, w, c]` -> `[n, height, width, c]`
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (n, _, width, channels) = x.dims4()?;
        let (height, to) = (self.rows.dim(0)?, self.columns.dim(0)?);
        let x = product(&self.rows, &x.flatten(2, 3)?)?;
        product(&self.columns, &x.reshape((n * height, width, channels))?)?.reshape((n, height, to, channels))
    }

    /// The resampling that takes the gradient of the result to that of the operand.
    pub(super) fn transposed(&self) -> Result<Self> {
        Ok(Self { rows: self.rows.t()?.contiguous()?, columns: self.columns.t()?.contiguous()? })
    }
}

/// `[to, from]` by `[n, from, c]` -> `[n, to, c]`
fn product(matrix: &Tensor, x: &Tensor) -> Result<Tensor> {
    if x.device().is_cuda() {
        // sums are f32 there, whatever the map is
        return cuda::resample(x, &matrix.to_dtype(DType::F32)?.to_device(x.device())?);
    }
    matrix.to_dtype(x.dtype())?.broadcast_matmul(x)
}

/// A pixel lies where its middle is, and beyond the outer middles all is as there.
fn bilinear(from: usize, to: usize) -> Vec<f64> {
    let mut weights = vec![0.0; to * from];
    for (pixel, weights) in weights.chunks_exact_mut(from).enumerate() {
        let place = ((pixel as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let left = place as usize;
        let share = place - left as f64;
        weights[left] += 1.0 - share;
        weights[(left + 1).min(from - 1)] += share;
    }
    weights
}
