//! Operations on feature maps, forward and backward, recorded on a tape.
//!
//! ```text
//!  forward      one forward pass: checks operands, calls the backend, records on the tape
//!    backend    the trait of what computes; devices: which one a device has
//!      cpu/       f32 and f64, one file per operation
//!      cuda/      f32 and bf16: cuDNN, and kernels compiled at run time; `no_cuda` in builds without the feature `cudnn`
//!    interleave, resample     dilated convolutions, bilinear resizing and means, of other operations
//!    tape       the way back
//!  kernel       kinds of convolutions
//!  steps, losses     update rules and losses as a CUDA device takes them
//!  software          its libraries and their algorithms
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
mod devices;
mod forward;
mod interleave;
mod kernel;
mod losses;
mod resample;
mod software;
mod steps;
mod tape;

pub use backend::{Activation, Backend, Blend, ConvGradients, Convolved, Moments, Normalized, Population};
pub(crate) use backend::{EPSILON, LEAK};
pub use cpu::{Algorithm, InstructionSet, MissingInstructionSet, algorithm};
pub(crate) use cpu::{Real, parallel, storage, vectorize};
pub(crate) use cuda::{
    adam, add, bus, count, device_count, forget_peak, gather_batch, losses, losses_with_gradient, memory_mib, open,
    peak_mib, plans, reduce_targets, release, sgd, versions,
};
pub use devices::backend;
pub use forward::Forward;
pub use kernel::Kernel;
pub(crate) use losses::LossKernel;
pub use proto::spec::{Convolution, Precision};
pub use software::Planned;
pub(crate) use software::Versions;
pub(crate) use steps::{AdamStep, SgdStep};
pub use tape::{Gradients, Tape};
