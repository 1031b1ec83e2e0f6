//! The operations on CUDA devices: a forward and a backward function each, on detached tensors.
//!
//! ```text
//!  conv                        convolutions: pack weights, call cuDNN, add what it does not
//!    cudnn       plans: which algorithm a pass takes, its workspace
//!    algorithms  the deterministic algorithms, as calls of cuDNN
//!    descriptors convolutions as cuDNN describes them
//!  norm, maps, steps, batches, losses  one kernel or two each
//!    engine      what a device keeps: compiled kernels, plans, workspace
//!    compiler    kernels/*.cu -> machine code, at run time
//!    operand     tensors as addresses
//!  libraries                   finds CUDA's libraries and opens them; entries: their functions
//! ```
//!
//! Feature maps are contiguous, channels last, `[n, h, w, c]`, of f32 or bf16; weights, moments and their gradients are f32, in
//! PyTorch's layouts. Only `are_finite` and `release` wait for the device. Results have the same bits from run to run: algorithms are chosen by name, and
//! sums are split by shape alone.
//!
//! All work of a device goes to one stream of its own, in the order of the calls, whatever thread they come from.

mod algorithms;
mod batches;
mod compiler;
mod conv;
mod cudnn;
mod descriptors;
mod engine;
mod entries;
mod libraries;
mod losses;
mod maps;
mod norm;
mod operand;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    batches::gather_batch,
    losses::{count, losses},
    steps::{AdamStep, SgdStep, adam, are_finite, blend, sgd},
};
pub(super) use self::{
    conv::{conv_transpose2d, conv_transpose2d_backward, conv2d, conv2d_backward},
    maps::{add, cast, concatenate, gather, max_pool2d, scatter, split, upsample, upsample_backward},
    norm::{moments, normalize, normalize_backward},
};

use crate::ops::{Planned, Precision};
use candle_core::cuda_backend::cudarc::driver::sys;
use candle_core::{DType, Device, Result};
use engine::Engine;

/// Opens the CUDA device of that number, with its libraries and a stream of its own.
///
/// # Errors
/// If a library is missing, with how to get it; if there is no such device, or it cannot be used.
pub(crate) fn open(index: usize) -> Result<Device> {
    libraries::open().map_err(candle_core::Error::wrap)?;
    let device = Device::new_cuda_with_stream(index)?;
    if let Device::Cuda(device) = &device {
        Engine::of(device)?;
    }
    Ok(device)
}

/// Forgets what was planned for a training, and gives the memory that it freed back to the device, for others to use.
pub(crate) fn release(device: &Device) -> Result<()> {
    let Device::Cuda(device) = device else { return Ok(()) };
    Engine::of(device)?.cudnn().forget();
    engine::trim(device)
}

/// What cuDNN has planned since the last [`release`], sorted.
pub(crate) fn plans(device: &Device) -> Result<Vec<Planned>> {
    match device {
        Device::Cuda(device) => Ok(Engine::of(device)?.cudnn().plans()),
        _ => Ok(Vec::new()),
    }
}

/// The versions of what computes: cuDNN's, NVRTC's and the driver's.
pub(crate) struct Versions {
    pub(crate) cudnn: String,
    pub(crate) nvrtc: String,
    /// Where the system does not tell it, that of the CUDA that the driver knows.
    pub(crate) driver: String,
}

/// The versions of the libraries that are open.
pub(crate) fn versions() -> Versions {
    Versions { cudnn: cudnn::version(), nvrtc: compiler::version(), driver: driver_version() }
}

fn driver_version() -> String {
    let told = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let version = told.lines().next().and_then(|line| {
        line.split_whitespace().find(|word| word.contains('.') && word.bytes().all(|c| c == b'.' || c.is_ascii_digit()))
    });
    if let Some(version) = version {
        return version.to_owned();
    }
    let mut cuda = 0;
    // SAFETY: the driver writes a number there.
    match unsafe { sys::cuDriverGetVersion(&raw mut cuda) }.result() {
        Ok(()) => format!("for CUDA {}.{}", cuda / 1000, cuda % 1000 / 10),
        Err(_) => "unknown".to_owned(),
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
