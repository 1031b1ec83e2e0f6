//! Which backend a device has.

use super::backend::Backend;
use super::cpu::Cpu;
use super::{Convolution, Precision, cuda};
use candle_core::{Device, Result, bail};

/// The backend of `device`: on the CPU `convolution` is how it computes 3x3 convolutions, on a CUDA device `precision` is the type of
/// the numbers that it computes maps in.
///
/// # Errors
/// If this build has no kernels for the device.
pub fn backend(device: &Device, convolution: Convolution, precision: Precision) -> Result<Box<dyn Backend>> {
    match device {
        Device::Cpu => Ok(Box::new(Cpu { convolution })),
        Device::Cuda(_) => cuda::backend(precision),
        Device::Metal(_) => bail!("there are no kernels for {:?}: use cpu or cuda:N", device.location()),
    }
}
