//! Where tensors live.

use super::TrainError;
use crate::ops::{self, Planned, Versions};
use crate::{host, memory};
use candle_core::{Device, DeviceLocation};
use proto::spec::{Precision, Training};

/// A device that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The name is none.
    #[error("`{name}` is not a device: use auto, cpu or cuda:N")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The device cannot be opened.
    #[error("cannot open {name}: {source}{}", if cfg!(feature = "cudnn") { "" } else { "; build the worker with `--features cudnn`, or use --device cpu" })]
    Unavailable {
        /// The name.
        name: String,
        /// Why.
        source: candle_core::Error,
    },
}

/// The device of that name: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// If there is no such device, or this build cannot use it.
pub fn device(name: &str) -> Result<Device, DeviceError> {
    let cuda = |index| ops::open(index).map_err(|source| DeviceError::Unavailable { name: name.to_owned(), source });
    match name {
        "auto" if !cfg!(feature = "cudnn") => Ok(Device::Cpu),
        "auto" => Ok(ops::open(0).unwrap_or_else(|error| {
            tracing::warn!(error = %proto::error_chain::line(&error), "no CUDA device can be opened: computing on the CPU");
            Device::Cpu
        })),
        "cpu" => Ok(Device::Cpu),
        "cuda" => cuda(0),
        _ => match name.strip_prefix("cuda:").map(str::parse) {
            Some(Ok(index)) => cuda(index),
            _ => Err(DeviceError::Unknown { name: name.to_owned() }),
        },
    }
}

/// The names of every CUDA device; of the CPU if there is none.
#[must_use]
pub fn all() -> Vec<String> {
    match ops::device_count() {
        0 => vec!["cpu".to_owned()],
        count => (0..count).map(|index| format!("cuda:{index}")).collect(),
    }
}

/// Checks that a network is computed in these numbers there: `f32` on every device, `f64` on the CPU, `tf32` and `bf16` on CUDA
/// devices.
///
/// # Errors
/// If it is not.
pub fn check(device: &Device, precision: Precision) -> Result<(), TrainError> {
    match precision {
        Precision::F32 => Ok(()),
        Precision::F64 if device.is_cpu() => Ok(()),
        Precision::Tf32 | Precision::Bf16 if device.is_cuda() => Ok(()),
        _ => Err(TrainError::Precision { precision, device: describe(device) }),
    }
}

/// The device and how it is used, for results: on the same device, results that name the same have the same bits.
///
/// `cpu (model), f32, auto convolution`, or `cuda:0 (model), tf32, cuDNN 9.13.1 (algorithms 1a2b3c4d), NVRTC 13.0, driver 580.95.05`: the
/// hash is of the algorithms that cuDNN took for every convolution since the last [`release`].
#[must_use]
pub fn describe_training(device: &Device, training: &Training) -> String {
    let how = match software(device) {
        Some(software) => software,
        None => format!("{} convolution", training.convolution),
    };
    format!("{}, {}, {how}", describe(device), training.precision)
}

/// The software that computes on a CUDA device, and which algorithms it took.
#[must_use]
pub fn software(device: &Device) -> Option<String> {
    if device.is_cuda() {
        let Versions { cudnn, nvrtc, driver } = ops::versions();
        let mut hasher = blake3::Hasher::new();
        for Planned { convolution, pass, algorithm, bias_apart, .. } in plans(device) {
            hasher.update(format!("{convolution}, {pass}: {algorithm}, {bias_apart}\n").as_bytes());
        }
        let hash = &hasher.finalize().to_hex()[..8];
        return Some(format!("cuDNN {cudnn} (algorithms {hash}), NVRTC {nvrtc}, driver {driver}"));
    }
    None
}

/// The algorithms that cuDNN took for each convolution and pass since the last [`release`]; none where there is no cuDNN.
#[must_use]
pub fn plans(device: &Device) -> Vec<Planned> {
    ops::plans(device).unwrap_or_default()
}

/// Ends a training: forgets what was planned for it, and lets other processes have the memory that it left.
///
/// # Errors
/// If the device does not answer.
pub fn release(device: &Device) -> candle_core::Result<()> {
    memory::give_back();
    ops::release(device)
}

/// The device's place on the PCI bus, if it is a CUDA device.
#[must_use]
pub fn bus(device: &Device) -> Option<String> {
    ops::bus(device)
}

/// Has [`peak_mib`] tell of what comes from now on.
pub fn forget_peak(device: &Device) {
    let forgotten =
        if device.is_cpu() { host::forget_peak().map_err(candle_core::Error::from) } else { ops::forget_peak(device) };
    if let Err(error) = forgotten {
        tracing::debug!(%error, "the peak of memory is not measured anew: it is that since the start");
    }
}

/// The most memory that this process has had of the device since [`forget_peak`]; on the CPU, that it has used.
#[must_use]
pub fn peak_mib(device: &Device) -> Option<u32> {
    let peak = if device.is_cpu() { host::peak_mib() } else { ops::peak_mib(device) };
    peak.map(|mib| mib.ceil() as u32)
}

/// The device in words: its kind and, where it is known, its model.
#[must_use]
pub fn describe(device: &Device) -> String {
    match model(device) {
        Some(model) => format!("{} ({model})", name(device)),
        None => name(device),
    }
}

/// The name by which [`device`] finds the device.
#[must_use]
pub fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { .. } => "metal".to_owned(),
    }
}

/// The name that its maker gave it, where it is known.
#[must_use]
pub fn model(device: &Device) -> Option<String> {
    match device {
        Device::Cpu => cpu_model(),
        Device::Cuda(cuda) => cuda_model(cuda),
        Device::Metal(_) => None,
    }
}

/// All of its memory, where it is known; of the CPU that of the host.
#[must_use]
pub fn memory_mib(device: &Device) -> Option<u64> {
    if device.is_cpu() { host::total_mib() } else { ops::memory_mib(device) }
}

/// The name that Linux gives the processor.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?;
    Some(model.1.trim().to_owned())
}

#[cfg(feature = "cudnn")]
fn cuda_model(device: &candle_core::CudaDevice) -> Option<String> {
    device.cuda_stream().context().name().ok()
}

#[cfg(not(feature = "cudnn"))]
fn cuda_model(_: &candle_core::CudaDevice) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::{DeviceError, describe, device};

    #[test]
    fn devices_are_found_by_name() {
        assert!(device("cpu").is_ok_and(|device| device.is_cpu() && describe(&device).starts_with("cpu")));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1"] {
            assert!(matches!(device(wrong), Err(DeviceError::Unknown { .. })), "{wrong}");
        }
    }
}
