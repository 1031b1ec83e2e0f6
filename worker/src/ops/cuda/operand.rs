//! Tensors as kernels and cuDNN take them: addresses, sizes, and how many elements a thread may move at once.

use crate::ops::Precision;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice};
use candle_core::{DType, Device, Layout, Result, Shape, Storage, Tensor, bail};

/// Bytes that a thread moves at once.
const VECTOR: usize = 16;

/// What a kernel is compiled for: the elements of maps, and how many a thread moves at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub(super) dtype: DType,
    pub(super) lanes: usize,
}

impl Variant {
    /// One element at a time.
    pub(super) fn single(dtype: DType) -> Self {
        Self { dtype, lanes: 1 }
    }

    /// As many elements as 16 bytes hold, if the numbers of channels and the addresses allow it.
    pub(super) fn of(dtype: DType, channels: &[usize], addresses: &[u64]) -> Self {
        let lanes = full(dtype);
        let fits = channels.iter().all(|channels| channels.is_multiple_of(lanes))
            && addresses.iter().all(|address| address.is_multiple_of(VECTOR as u64));
        Self { dtype, lanes: if fits { lanes } else { 1 } }
    }
}

/// Elements in 16 bytes: what tensor cores and vectors want channels to be a multiple of.
pub(super) fn full(dtype: DType) -> usize {
    VECTOR / dtype.size_in_bytes()
}

/// The type of feature maps. Convolutions multiply f32 on the ordinary cores; for `tf32` they round it to 10 bits of mantissa and
/// take the tensor cores, as they do for bf16. All sum in f32.
pub(super) fn dtype(precision: Precision) -> DType {
    match precision {
        Precision::F32 | Precision::Tf32 => DType::F32,
        Precision::F64 => DType::F64, // there are no kernels for it: they refuse it
        Precision::Bf16 => DType::BF16,
    }
}

/// The CUDA device of a tensor.
pub(super) fn device(tensor: &Tensor) -> Result<&CudaDevice> {
    match tensor.device() {
        Device::Cuda(device) => Ok(device),
        other => bail!("an operand is on {:?}, not on a CUDA device", other.location()),
    }
}

/// The sizes of a map `[n, h, w, c]` of f32 or bf16.
pub(super) fn map(x: &Tensor) -> Result<[usize; 4]> {
    if !matches!(x.dtype(), DType::F32 | DType::BF16) {
        bail!("a map of {:?}: expected f32 or bf16", x.dtype());
    }
    Ok(x.dims4()?.into())
}

/// Checks type and shape of an operand.
pub(super) fn expect(tensor: &Tensor, dtype: DType, shape: &[usize]) -> Result<()> {
    if tensor.dtype() == dtype && tensor.dims() == shape {
        return Ok(());
    }
    bail!("an operand of {:?} {:?}: expected {dtype:?} {shape:?}", tensor.dtype(), tensor.dims())
}

/// A new tensor whose every element the caller is about to write.
pub(super) fn empty(shape: impl Into<Shape>, dtype: DType, device: &CudaDevice) -> Result<Tensor> {
    // SAFETY: it is read by the device alone, in the order of the stream, after it was written.
    unsafe { Tensor::empty(shape, dtype, &Device::Cuda(device.clone())) }
}

/// Where the elements of a contiguous tensor lie. The address stays valid in the order of the stream, even if the tensor is
/// dropped: memory is freed in that order too.
pub(super) fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("an operand is not on a CUDA device") };
    match &storage.slice {
        CudaStorageSlice::F32(slice) => start(slice, layout),
        CudaStorageSlice::BF16(slice) => start(slice, layout),
        CudaStorageSlice::U8(slice) => start(slice, layout),
        CudaStorageSlice::U32(slice) => start(slice, layout),
        CudaStorageSlice::F64(slice) => start(slice, layout),
        _ => bail!("an operand of {:?}: expected f32, f64, bf16, u8 or u32", tensor.dtype()),
    }
}

fn start<T>(slice: &CudaSlice<T>, layout: &Layout) -> Result<u64> {
    let Some((start, _)) = layout.contiguous_offsets() else {
        bail!("an operand of shape {:?} is not contiguous", layout.shape());
    };
    let (address, _) = slice.device_ptr(slice.stream());
    Ok(address + (start * size_of::<T>()) as u64)
}
