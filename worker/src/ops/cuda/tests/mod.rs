//! The operations against PyTorch (`tests/reference/device_ops.py`), on a CUDA device or the emulated one
//! (`tests/reference/emulated_device/run.sh`).
//!
//! Operands are numbers that bf16 holds, so that f32 results are exact but for the order of sums, and bf16 ones but for the
//! rounding of results.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../../tests/common/mod.rs"]
mod common;
mod convolutions;
mod maps;
mod steps;

use super::operand::Variant;
use crate::ops::Activation::Identity;
use crate::ops::Precision;
use candle_core::{DType, Device, Tensor};
use common::{error, noise, tensors};

const DTYPES: [DType; 2] = [DType::F32, DType::BF16];

/// A device of the test's own, with its own stream.
fn device() -> Device {
    super::open(0).unwrap()
}

fn dtype(precision: Precision) -> DType {
    if precision == Precision::Bf16 { DType::BF16 } else { DType::F32 }
}

/// Noise of numbers that bf16 holds.
fn operand(shape: &[usize], stream: u64) -> Tensor {
    bf16(&noise(shape, stream, 1.0, 0.0))
}

fn bf16(x: &Tensor) -> Tensor {
    x.to_dtype(DType::F32).unwrap().to_dtype(DType::BF16).unwrap().to_dtype(DType::F64).unwrap()
}

/// Numbers as they are, f32 on the device.
fn plain(x: &Tensor, device: &Device) -> Tensor {
    x.to_dtype(DType::F32).unwrap().to_device(device).unwrap()
}

/// `[n, c, h, w]` as a map on the device.
fn map(x: &Tensor, dtype: DType, device: &Device) -> Tensor {
    let last = x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap();
    last.to_dtype(DType::F32).unwrap().to_dtype(dtype).unwrap().to_device(device).unwrap()
}

/// A map as `[n, c, h, w]`.
fn image(x: &Tensor) -> Tensor {
    let x = x.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

/// Noise as the gradient of a map.
fn gradient(y: &Tensor) -> Tensor {
    map(&operand(image(y).dims(), 9), y.dtype(), y.device())
}

/// Compares with the fixture; maps are `[n, c, h, w]` here.
fn check(name: &str, dtype: DType, found: &[(&str, &Tensor)]) {
    let expected = tensors("device_ops.safetensors");
    // a convolution that ends beside zero may be rounded to the other side before the bias is added, and lose its gradient
    let bound = |part| match dtype {
        DType::BF16 if name.contains("_relu") && part != "y" => 0.15,
        DType::BF16 => 8e-3,
        _ => 2e-6,
    };
    for (part, found) in found {
        let found = found.to_device(&Device::Cpu).unwrap();
        let difference = error(&found, &expected[&format!("{name}.{part}")], 0.0);
        assert!(difference < bound(*part), "{name}.{part}, {dtype:?}: off by {difference:e}");
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let device = device();
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &device).unwrap();
    let x = zeros(&[1, 5, 6, 4], DType::F32);
    let conv = |weight: &[usize], precision| {
        super::conv::conv2d(&x, &zeros(weight, DType::F32), &zeros(&weight[..1], DType::F32), Identity, precision)
    };
    assert!(conv(&[8, 4, 3, 3], Precision::F32).is_ok());
    assert!(conv(&[8, 4, 3, 3], Precision::Bf16).is_err());
    assert!(conv(&[8, 3, 3, 3], Precision::F32).is_err());
    assert!(conv(&[8, 4, 2, 2], Precision::F32).is_err());
    assert!(conv(&[8, 4, 5, 5], Precision::F32).is_err());
    assert!(super::pool::max_pool2d(&x).is_err());
    assert!(super::concat::concatenate(&x, &zeros(&[1, 5, 6, 4], DType::BF16)).is_err());
    assert!(super::elementwise::add(&x, &zeros(&[1, 5, 6, 3], DType::F32)).is_err());
    assert!(super::upsample::upsample(&x.transpose(1, 2).unwrap()).is_err());
    assert!(super::upsample::upsample(&Tensor::zeros((1, 5, 6, 4), DType::F32, &Device::Cpu).unwrap()).is_err());
}

#[test]
fn kernels_compile_for_other_devices() {
    super::libraries::open().unwrap();
    for architecture in ["sm_80", "sm_90"] {
        for variant in [(DType::F32, 4), (DType::F32, 1), (DType::BF16, 8), (DType::BF16, 1)] {
            let (dtype, lanes) = variant;
            assert!(!super::compiler::compile(Variant { dtype, lanes }, architecture).unwrap().is_empty());
        }
    }
}
