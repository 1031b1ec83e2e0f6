//! The trait of what computes. It is implemented for the CPU (`cpu`), for CUDA devices (`cuda`) and, as the reference of the self-test
//! and the tests, by Candle's operations (`selftest/composed`).
//!
//! Maps are contiguous `[n, h, w, c]`. Weights, moments and all their gradients have PyTorch's layouts, and numbers per channel are
//! `[c]`. Operands fit: [`Forward`](super::Forward) has checked them. A gradient that is handed over may be changed in place, so
//! nothing else may share its storage. Every function fails if an allocation fails, and may return before the device has finished.
//!
//! To add an operation: a function here, one file with its kernel and its adapter in `cpu`, one in `cuda`, and its reference in
//! `selftest/composed`.

use candle_core::{Result, Tensor, Var};
use std::fmt;

/// The function after a linear operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`, with gradient 0 at 0.
    Relu,
    /// `x` where it is positive, `x / 100` elsewhere, with gradient 1/100 at 0. It follows norms only.
    LeakyRelu,
}

/// What [`Activation::LeakyRelu`] multiplies by where its operand is not positive, as in PyTorch.
pub(crate) const LEAK: f64 = 0.01;

/// The numbers of a map that a norm takes one mean and one variance of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// A channel in all images: batch norm.
    Channel,
    /// So many neighbouring channels in one image, of which there is a whole number: group norm, and with one channel instance norm.
    Group(usize),
}

/// Mean and biased variance of every channel, `[c]` each; or of every channel of every image, `[n, c]`, where those of a group are equal.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Means.
    pub mean: Tensor,
    /// Variances, divided by N.
    pub variance: Tensor,
}

/// Added to the variance, as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;

/// The operations of networks, forward and backward.
pub trait Backend: fmt::Debug + Send + Sync {
    /// A map in the numbers that maps are computed in.
    fn enter(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// A map in f32, if maps are computed in less.
    fn leave(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// Convolution of `x` `[n, h, w, c]` by `weight` `[k, c, size, size]`, whose shape tells its [`Kernel`](super::Kernel), with
    /// `bias` `[k]`.
    fn conv2d(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Convolved>;

    /// The gradients of the operands of [`conv2d`](Self::conv2d) from the gradient of its result.
    fn conv2d_backward(&self, convolved: &Convolved, grad: Tensor, input_wanted: bool) -> Result<ConvGradients>;

    /// Transposed convolution 2x2 with stride 2 of `x` `[n, h, w, c]` by `weight` `[c, k, 2, 2]`, with `bias` `[k]`; the result is
    /// `[n, 2 h, 2 w, k]`.
    fn conv_transpose2d(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation)
    -> Result<Convolved>;

    /// The gradients of the operands of [`conv_transpose2d`](Self::conv_transpose2d) from the gradient of its result.
    fn conv_transpose2d_backward(&self, convolved: &Convolved, grad: Tensor) -> Result<ConvGradients>;

    /// The maximum of every 2x2 window of `x` `[n, 2 h, 2 w, c]`, and its position in the window: `u8`, 0 to 3, row by row. The first
    /// of equals counts; not-a-number wins. Both are `[n, h, w, c]`.
    fn max_pool2d(&self, x: &Tensor) -> Result<(Tensor, Tensor)>;

    /// The element of every 2x2 window at its position: `[n, 2 h, 2 w, c]` and positions `[n, h, w, c]` -> `[n, h, w, c]`. The
    /// gradient of [`scatter`](Self::scatter).
    fn gather(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor>;

    /// Every element at its position of a 2x2 window, zeros elsewhere: `[n, h, w, c]` and positions `[n, h, w, c]` ->
    /// `[n, 2 h, 2 w, c]`. The gradient of [`gather`](Self::gather), and so of [`max_pool2d`](Self::max_pool2d).
    fn scatter(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor>;

    /// Nearest upsampling: `[n, h, w, c]` -> `[n, 2 h, 2 w, c]`.
    fn upsample(&self, x: &Tensor) -> Result<Tensor>;

    /// The gradient of [`upsample`](Self::upsample): the sum of every 2x2 window, `[n, 2 h, 2 w, c]` -> `[n, h, w, c]`.
    fn upsample_backward(&self, grad: &Tensor) -> Result<Tensor>;

    /// The channels of `a`, then those of `b`: `[n, h, w, i]` and `[n, h, w, j]` -> `[n, h, w, i + j]`.
    fn concatenate(&self, a: &Tensor, b: &Tensor) -> Result<Tensor>;

    /// The first `channels` channels, and the others: the gradients of [`concatenate`](Self::concatenate).
    fn split(&self, grad: &Tensor, channels: usize) -> Result<(Tensor, Tensor)>;

    /// Mean and biased variance of the populations of `x` `[n, h, w, c]`: `[c]`, or `[n, c]` for groups.
    fn moments(&self, x: &Tensor, population: Population) -> Result<Moments>;

    /// Batch or group norm: `gamma (x - mean) / sqrt(variance + 1e-5) + beta`, then the activation; gamma and beta are `[c]`.
    fn normalize(
        &self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor>;

    /// The gradients of `x`, gamma and beta from the gradient of the result of [`normalize`](Self::normalize).
    fn normalize_backward(&self, normalized: &Normalized, grad: Tensor) -> Result<(Tensor, Tensor, Tensor)>;

    /// Weight and bias of the convolution that does what this one and batch norm after it do, if that is faster here than a norm.
    fn fold(
        &self,
        _weight: &Tensor,
        _bias: &Tensor,
        _moments: &Moments,
        _gamma: &Tensor,
        _beta: &Tensor,
    ) -> Result<Option<(Tensor, Tensor)>> {
        Ok(None)
    }

    /// `activation(a + b)` of two maps of one shape.
    fn residual(&self, a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor>;

    /// The gradient of either operand of [`residual`](Self::residual) from its result `y` and the gradient of that.
    fn residual_backward(&self, y: &Tensor, grad: Tensor, activation: Activation) -> Result<Tensor>;

    /// `sum += operand`, for gradients that meet; nothing else may share the storage of `sum`.
    fn add(&self, sum: &mut Tensor, operand: &Tensor) -> Result<()>;

    /// Moves running statistics, in place: `running = keep running + share latest`.
    fn blend(&self, blends: &[Blend], keep: f64) -> Result<()> {
        blends.iter().try_for_each(|Blend { running, latest, share }| {
            running.set(&(running.as_detached_tensor().affine(keep, 0.0)? + latest.affine(*share, 0.0)?)?)
        })
    }

    /// Whether every element of the contiguous tensors is finite. Waits for the device.
    fn are_finite(&self, tensors: &[&Tensor]) -> Result<bool>;
}

/// A convolution that was computed: what its gradients need.
#[derive(Debug, Clone)]
pub struct Convolved {
    /// The input.
    pub x: Tensor,
    /// The weight.
    pub weight: Tensor,
    /// The weight as the device takes it, if it had to be packed.
    pub packed: Option<Tensor>,
    /// The result, after the activation.
    pub y: Tensor,
    /// What followed the sum.
    pub activation: Activation,
}

/// The gradients of a convolution.
#[derive(Debug, Clone)]
pub struct ConvGradients {
    /// The input's, if it was wanted.
    pub x: Option<Tensor>,
    /// The weight's.
    pub weight: Tensor,
    /// The bias's.
    pub bias: Tensor,
}

/// A norm that was computed: what its gradients need.
#[derive(Debug, Clone)]
pub struct Normalized {
    /// The input.
    pub x: Tensor,
    /// The scale.
    pub gamma: Tensor,
    /// The result, after the activation.
    pub y: Tensor,
    /// The moments that it was normalised by.
    pub moments: Moments,
    /// The populations of `x` that these are the moments of, so that gradients flow through them; none if they are constants.
    pub population: Option<Population>,
    /// What followed the norm.
    pub activation: Activation,
}

/// Running statistics that follow a batch's.
#[derive(Debug, Clone)]
pub struct Blend {
    /// What changes.
    pub running: Var,
    /// The batch's.
    pub latest: Tensor,
    /// Share of the batch's in the new running ones.
    pub share: f64,
}
