//! What networks compute with: operations on feature maps, forward and backward, recorded on a tape.
//!
//! ```text
//!  forward      one forward pass: checks operands, calls the backend, records on the tape
//!    backend    the trait of what computes, and which one a device has
//!      cpu/       f32 and f64, one file per operation
//!      cuda/      f32 and bf16: cuDNN, and kernels compiled at run time; `no_cuda` in builds without the feature `cudnn`
//!    tape       the way back
//!  kernel       kinds of convolutions
//!  steps, software   what a CUDA device is told of update rules, and what it tells of its libraries
//! ```
//!
//! Feature maps are `[n, h, w, c]`, channels last: so vectors of channels are contiguous, and a pixel with its neighbours in a
//! row is one run of memory. Weights have PyTorch's layout. Knows no network and no parameter.

mod backend;
mod cpu;
#[cfg(feature = "cudnn")]
mod cuda;
#[cfg(not(feature = "cudnn"))]
#[path = "no_cuda.rs"]
mod cuda;
mod forward;
mod kernel;
mod software;
mod steps;
mod tape;

pub use backend::{Backend, Blend, ConvGradients, Convolved, Normalized, backend};
pub use cpu::{Algorithm, InstructionSet, MissingInstructionSet, algorithm};
pub(crate) use cpu::{Real, dispatch, parallel, storage};
pub(crate) use cuda::{adam, count, gather_batch, losses, losses_with_gradient, open, plans, release, sgd, versions};
pub use forward::Forward;
pub use kernel::Kernel;
pub use proto::spec::{Convolution, Precision};
pub use software::Planned;
pub(crate) use software::Versions;
pub(crate) use steps::{AdamStep, SgdStep};
pub use tape::{Gradients, Tape};

use candle_core::{Result, Tensor};

/// What follows a linear operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`, with gradient 0 at 0.
    Relu,
}

/// Mean and biased variance of every channel, `[c]` each.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Means.
    pub mean: Tensor,
    /// Variances, divided by N.
    pub variance: Tensor,
}

/// Added to the variance, as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;

fn expect(fits: bool, what: impl Fn() -> String) -> Result<()> {
    if fits { Ok(()) } else { candle_core::bail!("shapes that do not fit: {}", what()) }
}

/// Checks that an operand has one number per channel.
fn expect_channels(operand: &Tensor, channels: usize) -> Result<()> {
    expect(operand.dims() == [channels], || format!("{:?} for {channels} channels", operand.dims()))
}
