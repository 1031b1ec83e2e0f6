//! Maps of other sizes: every row and every column is multiplied by a matrix, by Candle's matrix products on every device. What they
//! compute is little beside convolutions.

use candle_core::{Device, Result, Tensor};

/// What each pixel of a row and of a column adds to each pixel of those that come of them: `[to, from]` each.
pub(super) struct Resampling {
    rows: Tensor,
    columns: Tensor,
}

impl Resampling {
    /// Bilinear, as PyTorch's without aligned corners, of maps like `x` `[n, h, w, c]` to that height and width.
    pub(super) fn bilinear(x: &Tensor, (height, width): (usize, usize)) -> Result<Self> {
        let (_, rows, columns, _) = x.dims4()?;
        Self::of(x, (rows, height), (columns, width), bilinear)
    }

    /// The mean of all pixels of maps like `x`.
    pub(super) fn mean(x: &Tensor) -> Result<Self> {
        let (_, rows, columns, _) = x.dims4()?;
        Self::of(x, (rows, 1), (columns, 1), |from, _| vec![1.0 / from as f64; from])
    }

    fn of(
        x: &Tensor,
        rows: (usize, usize),
        columns: (usize, usize),
        weights: impl Fn(usize, usize) -> Vec<f64>,
    ) -> Result<Self> {
        let matrix = |(from, to)| {
            let matrix = Tensor::from_vec(weights(from, to), (to, from), &Device::Cpu)?;
            matrix.to_dtype(x.dtype())?.to_device(x.device())
        };
        Ok(Self { rows: matrix(rows)?, columns: matrix(columns)? })
    }

    /// `[n, h, w, c]` -> `[n, height, width, c]`
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let ((n, height, width, channels), to) = (x.dims4()?, (self.rows.dim(0)?, self.columns.dim(0)?));
        let x = self.rows.broadcast_matmul(&x.reshape((n, height, width * channels))?)?;
        let x = self.columns.broadcast_matmul(&x.reshape((n * to.0, width, channels))?)?;
        x.reshape((n, to.0, to.1, channels))
    }

    /// The resampling that takes the gradient of the result to that of the operand.
    pub(super) fn transposed(&self) -> Result<Self> {
        Ok(Self { rows: self.rows.t()?.contiguous()?, columns: self.columns.t()?.contiguous()? })
    }
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
