//! The operations on CUDA devices: a forward and a backward function each, on detached tensors.
//!
//! ```text
//!  backend                     the operations on maps as one backend
//!  conv                        convolutions: pack weights, call cuDNN, add what it does not
//!    cudnn       plans: which algorithm a pass takes, its workspace
//!    algorithms  the deterministic algorithms, as calls of cuDNN
//!    descriptors convolutions as cuDNN describes them
//!  norm, pool, upsample, resample, interleave, concat, elementwise, steps, batches, losses   one kernel or two each
//!    engine      the state of a device: compiled kernels, plans, workspace
//!    compiler    kernels/*.cu -> machine code, at run time
//!    operand     tensors as addresses
//!  libraries                   finds CUDA's libraries and opens them; entries: their functions
//! ```
//!
//! Feature maps are contiguous, channels last, `[n, h, w, c]`, of f32 or bf16; weights, moments and their gradients are f32, in
//! PyTorch's layouts. Only `are_finite` and `release` wait for the device. Results have the same bits from run to run: algorithms
//! are chosen by name, and sums are split by shape alone.
//!
//! All work of a device goes to one stream of its own, in the order of the calls, whatever thread they come from.

mod algorithms;
mod backend;
mod batches;
mod compiler;
mod concat;
mod conv;
mod cudnn;
mod descriptors;
mod elementwise;
mod engine;
mod entries;
mod interleave;
mod libraries;
mod losses;
mod norm;
mod operand;
mod pool;
mod resample;
mod steps;
#[cfg(test)]
mod tests;
mod upsample;

pub(super) use self::backend::backend;
pub(crate) use self::{
    batches::{gather_batch, reduce_targets},
    elementwise::add,
    interleave::{apart, together},
    losses::{count, losses, losses_with_gradient},
    resample::resample,
    steps::{adam, sgd},
};

use crate::ops::{Planned, Versions};
use candle_core::cuda_backend::cudarc::driver::sys;
use candle_core::{Device, Result};
use engine::Engine;
use std::ffi::CStr;

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

/// The number of CUDA devices; 0 if the libraries that find them are missing.
pub(crate) fn device_count() -> usize {
    let mut count = 0;
    if libraries::open().is_err() {
        return 0;
    }
    // SAFETY: the driver's library is open, and the driver writes a number there.
    let found = unsafe { sys::cuInit(0).result().and_then(|()| sys::cuDeviceGetCount(&raw mut count).result()) };
    found.map_or(0, |()| usize::try_from(count).unwrap_or(0))
}

/// All of the device's memory.
pub(crate) fn memory_mib(device: &Device) -> Option<u64> {
    let Device::Cuda(device) = device else { return None };
    let mut bytes = 0;
    // SAFETY: the device is open, and the driver writes a number there.
    unsafe { sys::cuDeviceTotalMem_v2(&raw mut bytes, device.cuda_stream().context().cu_device()) }.result().ok()?;
    Some(bytes as u64 >> 20)
}

/// The device's place on the PCI bus.
pub(crate) fn bus(device: &Device) -> Option<String> {
    let Device::Cuda(device) = device else { return None };
    let (mut text, index) = ([0_u8; 32], device.cuda_stream().context().cu_device());
    // SAFETY: the device is open, and the driver writes a text of at most this length, with a zero at its end.
    unsafe { sys::cuDeviceGetPCIBusId(text.as_mut_ptr().cast(), text.len() as i32, index) }.result().ok()?;
    Some(CStr::from_bytes_until_nul(&text).ok()?.to_string_lossy().into_owned())
}

/// Has [`peak_mib`] tell of what comes from now on.
pub(crate) fn forget_peak(device: &Device) -> Result<()> {
    let Device::Cuda(device) = device else { return Ok(()) };
    engine::forget_peak(device)
}

/// The most memory that this process has had of the device since [`forget_peak`], its context and kernels left out; unknown of a
/// device without pools.
pub(crate) fn peak_mib(device: &Device) -> Option<f64> {
    let Device::Cuda(device) = device else { return None };
    engine::peak_bytes(device).ok().flatten().map(|bytes| bytes as f64 / f64::from(1 << 20))
}

/// Forgets what was planned for a training, and gives the memory that it freed back to the device, for others to use.
pub(crate) fn release(device: &Device) -> Result<()> {
    let Device::Cuda(device) = device else { return Ok(()) };
    Engine::of(device)?.cudnn().forget();
    engine::trim(device)
}

/// The plans that cuDNN made since the last [`release`], sorted.
pub(crate) fn plans(device: &Device) -> Result<Vec<Planned>> {
    match device {
        Device::Cuda(device) => Ok(Engine::of(device)?.cudnn().plans()),
        _ => Ok(Vec::new()),
    }
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
