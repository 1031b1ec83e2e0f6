//! The operations on CUDA devices: a forward and a backward function each, on detached tensors.
//!
//! ```text
//!  conv                        convolutions: pack weights, call cuDNN, add what it does not
//!    cudnn    plans of cuDNN: algorithm, workspace; what they plan is in descriptors
//!  norm, maps, steps, batches, losses  one kernel or two each
//!    engine   what a device keeps: compiled kernels, plans, workspace
//!    compiler kernels/*.cu -> machine code, at run time
//!    operand  tensors as addresses
//! ```
//!
//! Feature maps are contiguous, channels last, `[n, h, w, c]`, of f32 or bf16; weights, moments and their gradients are f32, in
//! PyTorch's layouts. Nothing waits for the device. Results have the same bits from run to run: algorithms are chosen by name, and
//! sums are split by shape alone.
//!
//! All work of a device goes to one stream, that of the thread that opened it, and comes from the one thread that first used it.

mod batches;
mod compiler;
mod conv;
mod cudnn;
mod descriptors;
mod engine;
mod losses;
mod maps;
mod norm;
mod operand;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    batches::gather_batch,
    conv::describe_plans,
    losses::losses,
    steps::{AdamStep, SgdStep, adam, blend, sgd},
};
pub(super) use self::{
    conv::{conv_transpose2d, conv_transpose2d_backward, conv2d, conv2d_backward},
    maps::{add, cast, concatenate, gather, max_pool2d, scatter, split, upsample, upsample_backward},
    norm::{moments, normalize, normalize_backward},
};

use crate::ops::Precision;
use candle_core::{DType, Device, Result};

/// Gives the memory that was freed back to the device, for others to use.
pub(crate) fn trim(device: &Device) -> Result<()> {
    match device {
        Device::Cuda(device) => engine::trim(device),
        _ => Ok(()),
    }
}

/// The type of feature maps. Convolutions multiply f32 on the ordinary cores; for `tf32` they round it to 10 bits of mantissa, and
/// take the tensor cores, as they do for bf16. All sum in f32.
pub(super) fn dtype(precision: Precision) -> DType {
    match precision {
        Precision::F32 | Precision::Tf32 => DType::F32,
        Precision::F64 => DType::F64, // of which there are no kernels: they refuse it
        Precision::Bf16 => DType::BF16,
    }
}
