//! What networks compute with, forward and backward, on `f32` and `f64` tensors `[n, c, h, w]`.
//!
//! ```text
//!  Kernels::Fused      Candle custom ops for the CPU
//!    conv2d, conv_transpose2d    strips -> passes -> product
//!    pool, upsample, batch_norm  loops over rows and planes
//!  Kernels::Composed   Candle's own differentiable operations, on any device
//! ```
//!
//! Both compute the same function; results of the fused kernels have the same bits whatever the number of threads. Knows no
//! network and no parameter.

mod batch_norm;
mod composed;
mod conv2d;
mod conv_transpose2d;
#[cfg(feature = "cudnn")]
mod cuda;
pub(crate) mod parallel;
mod passes;
mod pool;
mod product;
mod simd;
pub(crate) mod storage;
mod strip;
mod upsample;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Tensor};

pub(crate) use simd::{Real, dispatch};

/// What follows a linear operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`, with gradient 0 at 0.
    Relu,
}

/// Which implementation computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// One custom op each; CPU only.
    Fused,
    /// Composed of Candle's operations; any device.
    Composed,
}

/// Mean and biased variance of every channel, `[c]` each.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Means.
    pub mean: Tensor,
    /// Variances, by N.
    pub variance: Tensor,
}

impl Kernels {
    /// The kernels for `device`.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        if device.is_cpu() { Self::Fused } else { Self::Composed }
    }

    /// Convolution with bias. The weight's shape `[outputs, inputs, k, k]` tells its kind: 3x3 with a border of 1, 1x1, or 2x2
    /// with stride 2.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv2d(self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
        match self {
            Self::Fused => x.contiguous()?.apply_op3(weight, bias, conv2d::Conv2d { activation }),
            Self::Composed => composed::conv2d(x, weight, bias, activation),
        }
    }

    /// Transposed convolution 2x2 with stride 2 and bias; weight `[inputs, outputs, 2, 2]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv_transpose2d(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        match self {
            Self::Fused => x.contiguous()?.apply_op3(weight, bias, conv_transpose2d::ConvTranspose2d { activation }),
            Self::Composed => composed::conv_transpose2d(x, weight, bias, activation),
        }
    }

    /// 2x2 max pooling: the maxima, and their positions in their windows (`u8`, 0 to 3).
    ///
    /// # Errors
    /// If height or width is odd.
    pub fn max_pool2d(self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        match self {
            Self::Fused => {
                let x = x.contiguous()?;
                let positions = x.apply_op1_no_bwd(&pool::Argmax)?;
                Ok((x.apply_op2(&positions, pool::Gather)?, positions))
            }
            Self::Composed => {
                let positions = composed::argmax(x)?;
                Ok((composed::gather(x, &positions)?, positions))
            }
        }
    }

    /// The inverse of [`max_pool2d`](Self::max_pool2d): every element at its position, zeros elsewhere.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn max_unpool2d(self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fused => x.contiguous()?.apply_op2(positions, pool::Scatter),
            Self::Composed => composed::scatter(x, positions),
        }
    }

    /// Nearest upsampling to twice the size.
    ///
    /// # Errors
    /// If `x` has not four dimensions.
    pub fn upsample(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fused => x.contiguous()?.apply_op1(upsample::Upsample),
            Self::Composed => composed::upsample(x),
        }
    }

    /// The channels of `a`, then those of `b`.
    ///
    /// # Errors
    /// If the other sizes differ.
    pub fn concatenate(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fused => a.contiguous()?.apply_op2(&b.contiguous()?, upsample::Concatenate),
            Self::Composed => Tensor::cat(&[a, b], 1),
        }
    }

    /// Batch norm by the moments of `x` itself, which are returned for the running statistics; `gamma` and `beta` `[c]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn batch_norm(
        self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<(Tensor, Moments)> {
        match self {
            Self::Fused => {
                let x = x.contiguous()?;
                let moments = x.apply_op1_no_bwd(&batch_norm::Moments)?;
                let normalize = batch_norm::Normalize { moments: moments.clone(), of_input: true, activation };
                let moments = Moments { mean: moments.get(0)?, variance: moments.get(1)? };
                Ok((x.apply_op3(gamma, beta, normalize)?, moments))
            }
            Self::Composed => {
                let (mean, variance) = composed::moments(x)?;
                let y = composed::normalize(x, (&mean, &variance), gamma, beta, activation)?;
                let flat = |moment: &Tensor| moment.detach().flatten_all();
                Ok((y, Moments { mean: flat(&mean)?, variance: flat(&variance)? }))
            }
        }
    }

    /// Batch norm by given moments; no gradient flows to them.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn batch_norm_by(
        self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        let (mean, variance) = (moments.mean.detach(), moments.variance.detach());
        match self {
            Self::Fused => {
                let moments = Tensor::stack(&[mean, variance], 0)?;
                let normalize = batch_norm::Normalize { moments, of_input: false, activation };
                x.contiguous()?.apply_op3(gamma, beta, normalize)
            }
            Self::Composed => {
                let shape = (1, gamma.elem_count(), 1, 1);
                let moments = (&mean.reshape(shape)?, &variance.reshape(shape)?);
                composed::normalize(x, moments, gamma, beta, activation)
            }
        }
    }
}

/// The pixels of the input that a pixel of a convolution's output sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taps {
    /// 3x3, with a border of 1.
    Neighbours,
    /// 1x1.
    Pixel,
    /// 2x2, with stride 2.
    Block,
}

impl Taps {
    /// The kind of a weight of that shape.
    fn of(weight: &[usize]) -> Result<Self> {
        match weight {
            [_, _, 3, 3] => Ok(Self::Neighbours),
            [_, _, 1, 1] => Ok(Self::Pixel),
            [_, _, 2, 2] => Ok(Self::Block),
            _ => candle_core::bail!("a kernel of shape {weight:?}: expected 3x3, 2x2 or 1x1"),
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Neighbours => 9,
            Self::Pixel => 1,
            Self::Block => 4,
        }
    }

    /// Size of the output for an input of that size.
    fn output(self, height: usize, width: usize) -> Result<(usize, usize)> {
        match self {
            Self::Block if !height.is_multiple_of(2) || !width.is_multiple_of(2) => {
                candle_core::bail!("cannot halve {height} x {width}: expected even sizes")
            }
            Self::Block => Ok((height / 2, width / 2)),
            _ => Ok((height, width)),
        }
    }
}

/// `max(x, 0)`; not-a-number stays, so that a diverged training shows.
#[inline(always)]
fn relu<T: Real>(x: T) -> T {
    if x < T::default() { T::default() } else { x }
}

/// The type of the elements.
fn dtype(storage: &CpuStorage) -> DType {
    use candle_core::backend::BackendStorage;
    storage.dtype()
}

/// Checks that an operand has one number a channel.
fn expect_channels(layout: &Layout, channels: usize) -> Result<()> {
    if layout.dims() == [channels] {
        return Ok(());
    }
    candle_core::bail!("an operand of shape {:?}: expected [{channels}]", layout.dims())
}
