//! Stands in for `cuda` in builds without it. Such a build opens no CUDA device, so nothing ever computes here.

use super::backend::Backend;
use super::losses::LossKernel;
use super::software::{Planned, Versions};
use super::steps::{AdamStep, SgdStep};
use candle_core::{DType, Device, Result, Tensor, bail};
use proto::spec::Precision;

fn absent<T>() -> Result<T> {
    bail!("this build has no kernels for CUDA: build the worker with `--features cudnn`")
}

pub(crate) fn open(index: usize) -> Result<Device> {
    Device::new_cuda(index)
}

pub(crate) fn device_count() -> usize {
    0
}

pub(crate) fn bus(_: &Device) -> Option<String> {
    None
}

pub(crate) fn memory_mib(_: &Device) -> Option<u64> {
    None
}

#[expect(clippy::unnecessary_wraps, reason = "with CUDA it may fail")]
pub(crate) fn forget_peak(_: &Device) -> Result<()> {
    Ok(())
}

pub(crate) fn peak_mib(_: &Device) -> Option<f64> {
    None
}

#[expect(clippy::unnecessary_wraps, reason = "with CUDA it may fail")]
pub(crate) fn release(_: &Device) -> Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "with CUDA it may fail")]
pub(crate) fn plans(_: &Device) -> Result<Vec<Planned>> {
    Ok(Vec::new())
}

pub(crate) fn versions() -> Versions {
    Versions::default()
}

pub(super) fn backend(_: Precision) -> Result<Box<dyn Backend>> {
    absent()
}

pub(crate) fn add(_: &Tensor, _: &Tensor) -> Result<Tensor> {
    absent()
}

pub(crate) fn losses(_: LossKernel, _: f64, _: &Tensor, _: &Tensor) -> Result<Tensor> {
    absent()
}

pub(crate) fn losses_with_gradient(_: LossKernel, _: f64, _: &Tensor, _: &Tensor) -> Result<(Tensor, Tensor)> {
    absent()
}

pub(crate) fn count(_: &Tensor, _: &Tensor) -> Result<Tensor> {
    absent()
}

pub(crate) fn gather_batch(_: &Tensor, _: &Tensor, _: &Tensor, _: DType) -> Result<(Tensor, Tensor)> {
    absent()
}

pub(crate) fn reduce_targets(_: &Tensor, _: usize) -> Result<Tensor> {
    absent()
}

pub(super) fn apart(_: &Tensor, _: usize) -> Result<Tensor> {
    absent()
}

pub(super) fn together(_: &Tensor, _: usize, _: (usize, usize)) -> Result<Tensor> {
    absent()
}

pub(super) fn resample(_: &Tensor, _: &Tensor) -> Result<Tensor> {
    absent()
}

pub(crate) fn adam(_: &[[&Tensor; 4]], _: AdamStep) -> Result<()> {
    absent()
}

pub(crate) fn sgd(_: &[[&Tensor; 3]], _: SgdStep) -> Result<()> {
    absent()
}
