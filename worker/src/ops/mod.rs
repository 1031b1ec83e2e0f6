//! What networks compute with: functions on feature maps, forward and backward, recorded on a tape.
//!
//! ```text
//!  Pass          pass.rs: one forward pass: which kernels, and the tape, if gradients are wanted
//!   Kernels::Fused      one kernel an operation: fused.rs chooses between
//!     cpu/                f32 and f64
//!     cuda/               f32 and bf16, cuDNN and compiled at run time; in builds with the feature `cudnn`
//!   Kernels::Composed   composed.rs: Candle's differentiable operations, on any device; the plain reference
//!  Tape          the way back
//! ```
//!
//! Feature maps are `[n, h, w, c]`, channels last: so vectors of channels are contiguous, and a pixel with its neighbours in a
//! row is one run of memory. Kernels have PyTorch's layout. Knows no network and no parameter.

mod composed;
mod cpu;
#[cfg(feature = "cudnn")]
mod cuda;
mod fused;
mod pass;
mod tape;

pub use cpu::{NoVectors, Vectors};
pub(crate) use cpu::{Real, dispatch, parallel, storage};
#[cfg(feature = "cudnn")]
pub(crate) use cuda::{
    AdamStep, SgdStep, Versions, adam, count, gather_batch, losses, open, plans, release, sgd, versions,
};
pub(crate) use fused::{Blend, are_finite, blend};
pub use pass::Pass;
pub use tape::{Gradients, Tape};

use candle_core::{Device, Result, Tensor};
pub use proto::spec::{Convolution, Precision};
use std::fmt;

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
    /// One kernel an operation.
    Fused(Fused),
    /// Composed of Candle's operations; any device.
    Composed,
}

/// Whose kernels, and what a user may choose of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fused {
    /// The CPU's; how 3x3 convolutions are computed.
    Cpu(Convolution),
    /// A CUDA device's; what convolutions multiply.
    #[cfg(feature = "cudnn")]
    Cuda(Precision),
}

impl Kernels {
    /// The kernels for `device`.
    #[must_use]
    pub fn of(device: &Device, convolution: Convolution, precision: Precision) -> Self {
        match device {
            Device::Cpu => Self::Fused(Fused::Cpu(convolution)),
            #[cfg(feature = "cudnn")]
            Device::Cuda(_) => Self::Fused(Fused::Cuda(precision)),
            _ => {
                // a build without the feature opens no other device
                let _ = precision;
                Self::Composed
            }
        }
    }
}

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
    const CHANNELS: usize = 16;
    /// Height and width from which on tiles of 4x4 are not mostly border.
    const SIZE: usize = 4;
    match (convolution, kernel) {
        (Convolution::Winograd2, [_, _, 3, 3]) => Algorithm::Winograd2,
        (Convolution::Winograd4, [_, _, 3, 3]) => Algorithm::Winograd4,
        (Convolution::Auto, &[outputs, inputs, 3, 3])
            if outputs.min(inputs) >= CHANNELS && height.min(width) >= SIZE =>
        {
            Algorithm::Winograd4
        }
        _ => Algorithm::Direct,
    }
}

/// A convolution that was computed: its operands and result, which its gradients need.
#[derive(Debug, Clone)]
pub(crate) struct Convolved {
    x: Tensor,
    weight: Tensor,
    /// The weight as the device takes it, if it had to be packed.
    #[cfg_attr(not(feature = "cudnn"), expect(dead_code, reason = "the CPU packs nothing"))]
    packed: Option<Tensor>,
    y: Tensor,
}

/// How cuDNN computes a pass of a convolution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// The convolution: `images x height x width x inputs -> outputs, kernel, precision`.
    pub convolution: String,
    /// `Forward`, `BackwardData` or `BackwardFilter`.
    pub pass: String,
    /// cuDNN's name of the algorithm.
    pub algorithm: String,
    /// Bytes of scratch memory.
    pub workspace: usize,
    /// Whether bias and activation are a pass of their own.
    pub bias_apart: bool,
    /// The algorithms that cuDNN refused before, when, and its reasons.
    pub refused: Vec<String>,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { convolution, pass, algorithm, workspace, bias_apart, refused } = self;
        let apart = if *bias_apart { ", bias apart" } else { "" };
        write!(f, "{convolution}, {pass}: {algorithm}, {workspace} bytes of workspace{apart}")?;
        if refused.is_empty() { Ok(()) } else { write!(f, ", refused: {}", refused.join(", ")) }
    }
}

/// Mean and biased variance of every channel, `[c]` each.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Means.
    pub mean: Tensor,
    /// Variances, by N.
    pub variance: Tensor,
}

/// Added to the variance, as in PyTorch.
const EPSILON: f64 = 1e-5;

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

fn expect(fits: bool, what: impl Fn() -> String) -> Result<()> {
    if fits { Ok(()) } else { candle_core::bail!("shapes that do not fit: {}", what()) }
}

/// Checks that an operand has one number a channel.
fn expect_channels(operand: &Tensor, channels: usize) -> Result<()> {
    expect(operand.dims() == [channels], || format!("{:?} for {channels} channels", operand.dims()))
}
