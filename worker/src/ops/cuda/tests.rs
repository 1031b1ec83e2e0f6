//! The operations against PyTorch (`tests/reference/device_ops.py`), on a CUDA device or the emulated one
//! (`tests/reference/emulated_device/run.sh`).
//!
//! Operands are numbers that bf16 holds, so that f32 results are exact but for the order of sums, and bf16 ones but for the
//! rounding of results.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/common/mod.rs"]
mod common;

use super::operand::Variant;
use super::{AdamStep, SgdStep};
use crate::metrics;
use crate::ops::Activation::{self, Identity, Relu};
use crate::ops::{Convolved, Moments, Precision};
use candle_core::{DType, Device, Tensor};
use common::{error, noise, tensors};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];
const DTYPES: [DType; 2] = [DType::F32, DType::BF16];

/// A device of the test's own, with its own stream.
fn device() -> Device {
    super::open(0).unwrap()
}

/// How many candidates of every pass the emulated cuDNN refuses, and when: `2 when planned`.
fn refusals() -> (usize, String) {
    let told = std::env::var("EMULATED_REFUSALS").unwrap_or_default();
    let (count, moment) = told.split_once(' ').unwrap_or(("0", ""));
    (count.parse().unwrap(), moment.to_owned())
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

type Shapes<'a> = [&'a [usize]; 3];

fn check_conv(name: &str, [x, weight, bias]: Shapes, activation: Activation) {
    let device = device();
    for precision in PRECISIONS {
        let dtype = dtype(precision);
        let x = map(&operand(x, 1), dtype, &device);
        let (weight, bias) = (plain(&operand(weight, 2), &device), plain(&operand(bias, 3), &device));
        let (y, packed) = super::conv2d(&x, &weight, &bias, activation, precision).unwrap();
        let grad = gradient(&y);
        let mut convolved = Convolved { x, weight, packed: Some(packed), y };
        let (dx, dw, db) = super::conv2d_backward(&convolved, &grad, activation, precision, true).unwrap();
        check(name, dtype, &[("y", &image(&convolved.y)), ("0", &image(&dx.unwrap())), ("1", &dw), ("2", &db)]);
        convolved.packed = None;
        let (dx, ..) = super::conv2d_backward(&convolved, &grad, activation, precision, true).unwrap();
        let (none, dw, _) = super::conv2d_backward(&convolved, &grad, activation, precision, false).unwrap();
        assert!(none.is_none());
        check(name, dtype, &[("0", &image(&dx.unwrap())), ("1", &dw)]);
    }
}

fn check_transpose(name: &str, [x, weight, bias]: Shapes, activation: Activation) {
    let device = device();
    for precision in PRECISIONS {
        let dtype = dtype(precision);
        let x = map(&operand(x, 1), dtype, &device);
        let (weight, bias) = (plain(&operand(weight, 2), &device), plain(&operand(bias, 3), &device));
        let (y, packed) = super::conv_transpose2d(&x, &weight, &bias, activation, precision).unwrap();
        let grad = gradient(&y);
        let convolved = Convolved { x, weight, packed: Some(packed), y };
        let (dx, dw, db) = super::conv_transpose2d_backward(&convolved, &grad, activation, precision, true).unwrap();
        check(name, dtype, &[("y", &image(&convolved.y)), ("0", &image(&dx.unwrap())), ("1", &dw), ("2", &db)]);
    }
}

#[test]
fn convolutions_agree_with_pytorch() {
    check_conv("conv3", [&[2, 5, 6, 10], &[7, 5, 3, 3], &[7]], Identity);
    check_conv("conv3_relu", [&[2, 16, 6, 5], &[24, 16, 3, 3], &[24]], Relu);
    check_conv("conv3_long_relu", [&[1, 3, 60, 50], &[8, 3, 3, 3], &[8]], Relu);
    check_conv("logits", [&[2, 16, 6, 6], &[1, 16, 3, 3], &[1]], Identity);
    check_conv("conv1", [&[2, 6, 5, 7], &[4, 6, 1, 1], &[4]], Identity);
    check_conv("conv2_relu", [&[3, 8, 8, 6], &[16, 8, 2, 2], &[16]], Relu);
    // more inputs than a block packs
    check_conv("conv3_deep_relu", [&[1, 150, 4, 5], &[6, 150, 3, 3], &[6]], Relu);
}

#[test]
fn transposed_convolutions_agree_with_pytorch() {
    check_transpose("transpose", [&[3, 5, 4, 3], &[5, 3, 2, 2], &[3]], Identity);
    check_transpose("transpose_relu", [&[2, 16, 5, 4], &[16, 8, 2, 2], &[8]], Relu);
}

#[test]
fn convolution_plans_tell_what_was_taken_and_what_refused() {
    let device = device();
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap().to_device(&device).unwrap();
    let (x, weight) = (ones(&[1, 4, 4, 3]), ones(&[8, 3, 3, 3]));
    let (y, packed) = super::conv2d(&x, &weight, &ones(&[8]), Identity, Precision::Tf32).unwrap();
    let convolved = Convolved { x, weight, packed: Some(packed), y };
    super::conv2d_backward(&convolved, &ones(&[1, 4, 4, 8]), Identity, Precision::Tf32, true).unwrap();
    let (refused, moment) = refusals();
    let passes = [("Forward", "FWD"), ("BackwardData", "BWD_DATA"), ("BackwardFilter", "BWD_FILTER")];
    for (pass, name) in passes {
        let plans = super::plans(&device).unwrap();
        let plan = plans.iter().find(|plan| plan.pass == pass).unwrap();
        assert_eq!(plan.convolution, "1 x 4 x 4 x 4 -> 8, 3x3, Tf32");
        assert!(plan.algorithm.starts_with(&format!("CUDNN_CONVOLUTION_{name}_ALGO_")), "{plan}");
        // a device may refuse some of its own accord
        assert!(plan.refused.len() >= refused, "{plan}");
        assert!(plan.refused.iter().take(refused).all(|line| line.contains(&moment)), "{plan}");
        assert!(!plan.refused.iter().any(|line| line.starts_with(&format!("{} ", plan.algorithm))), "{plan}");
    }
    super::release(&device).unwrap();
    assert_eq!(super::plans(&device).unwrap(), []);
}

/// Run alone, with every candidate refused.
#[test]
#[ignore = "needs an emulated cuDNN that refuses everything"]
fn without_a_deterministic_algorithm_the_error_names_all_that_were_refused() {
    let device = device();
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &device).unwrap();
    let (x, weight, bias) = (zeros(&[1, 4, 4, 8]), zeros(&[8, 8, 3, 3]), zeros(&[8]));
    let error = super::conv2d(&x, &weight, &bias, Relu, Precision::F32).unwrap_err().to_string();
    let (_, moment) = refusals();
    for algorithm in ["IMPLICIT_PRECOMP_GEMM", "IMPLICIT_GEMM", "WINOGRAD"] {
        let refusal = format!("CUDNN_CONVOLUTION_FWD_ALGO_{algorithm} {moment} (CUDNN_STATUS_NOT_SUPPORTED)");
        assert!(error.contains(&refusal), "{error}");
    }
    assert!(
        error.starts_with("cuDNN has no deterministic algorithm for Forward of 1 x 4 x 4 x 8 -> 8, 3x3, F32"),
        "{error}"
    );
}

/// Names and numbers of channels: those that vectors cannot take, and those that they can.
const KINDS: [(&str, usize); 2] = [("", 3), ("_wide", 16)];

#[test]
fn pooling_agrees_with_pytorch() {
    let device = device();
    for (kind, channels) in KINDS {
        for dtype in DTYPES {
            let big = map(&operand(&[2, channels, 6, 8], 1), dtype, &device);
            let (y, positions) = super::max_pool2d(&big).unwrap();
            let dx = super::scatter(&gradient(&y), &positions).unwrap();
            check(&format!("pool{kind}"), dtype, &[("y", &image(&y)), ("0", &image(&dx))]);
            assert_eq!(image(&super::gather(&big, &positions).unwrap()).to_string(), image(&y).to_string());

            let like = map(&operand(&[2, channels, 6, 8], 2), dtype, &device);
            let small = map(&operand(&[2, channels, 3, 4], 1), dtype, &device);
            let (_, positions) = super::max_pool2d(&like).unwrap();
            let y = super::scatter(&small, &positions).unwrap();
            let dx = super::gather(&gradient(&y), &positions).unwrap();
            check(&format!("unpool{kind}"), dtype, &[("y", &image(&y)), ("0", &image(&dx))]);
        }
    }
}

#[test]
fn of_equals_the_first_is_pooled_and_not_a_number_wins() {
    let device = device();
    let nan = f32::NAN;
    // channel by channel: a window each
    let windows = [[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 2.0, 1.0], [3.0, nan, 4.0, 5.0], [nan, 9.0, nan, 0.0]];
    let values: Vec<f32> = (0..4).flat_map(|pixel| windows.map(|window| window[pixel])).collect();
    for dtype in DTYPES {
        let x = Tensor::from_vec(values.clone(), (1, 2, 2, 4), &Device::Cpu).unwrap();
        let x = x.to_dtype(dtype).unwrap().to_device(&device).unwrap();
        let (y, positions) = super::max_pool2d(&x).unwrap();
        assert_eq!(positions.flatten_all().unwrap().to_vec1::<u8>().unwrap(), [0, 1, 1, 2]);
        let y = image(&y).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert!(y[..2] == [1.0, 2.0] && y[2].is_nan() && y[3].is_nan(), "{y:?}");
    }
}

#[test]
fn upsampling_and_concatenation_agree_with_pytorch() {
    let device = device();
    for (kind, channels) in KINDS {
        for dtype in DTYPES {
            let x = map(&operand(&[2, channels, 3, 5], 1), dtype, &device);
            let y = super::upsample(&x).unwrap();
            let dx = super::upsample_backward(&gradient(&y)).unwrap();
            check(&format!("upsample{kind}"), dtype, &[("y", &image(&y)), ("0", &image(&dx))]);

            let a = map(&operand(&[2, channels, 4, 5], 1), dtype, &device);
            let b = map(&operand(&[2, 2 * channels, 4, 5], 2), dtype, &device);
            let y = super::concatenate(&a, &b).unwrap();
            let (da, db) = super::split(&gradient(&y), channels).unwrap();
            let found = [("y", &image(&y)), ("0", &image(&da)), ("1", &image(&db))];
            check(&format!("concatenate{kind}"), dtype, &found);
        }
    }
}

#[test]
fn batch_norm_agrees_with_pytorch() {
    let device = device();
    let shapes = [("", [3, 3, 5, 7]), ("_wide", [3, 16, 5, 7]), ("_many", [1, 264, 9, 11])];
    for (kind, shape) in shapes {
        for dtype in DTYPES {
            let x = map(&operand(&shape, 1), dtype, &device);
            let [gamma, beta] = [2, 3].map(|stream| plain(&operand(&shape[1..2], stream), &device));
            let moments = super::moments(&x).unwrap();
            let y = super::normalize(&x, &moments, &gamma, &beta, Relu).unwrap();
            let grad = gradient(&y);
            let (dx, dgamma, dbeta) = super::normalize_backward((&x, &gamma, &y), &moments, grad, Relu, true).unwrap();
            let found = [("y", &image(&y)), ("0", &image(&dx)), ("1", &dgamma), ("2", &dbeta)];
            check(&format!("norm{kind}"), dtype, &found);
        }
    }
}

#[test]
fn batch_norm_by_given_moments_agrees_with_pytorch() {
    let device = device();
    for (kind, channels) in KINDS {
        for dtype in DTYPES {
            let x = map(&operand(&[3, channels, 5, 7], 1), dtype, &device);
            let [gamma, beta, mean] = [2, 3, 5].map(|stream| plain(&operand(&[channels], stream), &device));
            let variance = plain(&bf16(&noise(&[channels], 6, 0.5, 1.0)), &device);
            let moments = Moments { mean, variance };
            let y = super::normalize(&x, &moments, &gamma, &beta, Identity).unwrap();
            let grad = gradient(&y);
            let (dx, dgamma, dbeta) =
                super::normalize_backward((&x, &gamma, &y), &moments, grad, Identity, false).unwrap();
            let found = [("y", &image(&y)), ("0", &image(&dx)), ("1", &dgamma), ("2", &dbeta)];
            check(&format!("norm_by{kind}"), dtype, &found);
        }
    }
}

#[test]
fn moments_are_precise_far_from_zero() {
    let device = device();
    let far = bf16(&noise(&[2, 40, 37, 41], 1, 1.0, 100.0));
    for dtype in DTYPES {
        let Moments { mean, variance } = super::moments(&map(&far, dtype, &device)).unwrap();
        check("moments", DType::F32, &[("mean", &mean), ("variance", &variance)]);
    }
}

#[test]
fn gradients_add_and_maps_change_their_type() {
    let device = device();
    for count in [24, 25] {
        let [a, b] = [1, 2].map(|stream| operand(&[count], stream).to_dtype(DType::F32).unwrap());
        for dtype in DTYPES {
            let [x, y] = [&a, &b].map(|x| x.to_dtype(dtype).unwrap().to_device(&device).unwrap());
            let sum = super::add(&x, &y).unwrap().to_device(&Device::Cpu).unwrap();
            let expected = (&a + &b).unwrap().to_dtype(dtype).unwrap();
            assert_eq!(sum.to_string(), expected.to_string());
        }
        // between two numbers of bf16, halfway between, too large, not a number, denormal
        let mut values =
            vec![1.003, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, 3.4e38, f32::INFINITY, f32::NAN, 1e-40, -0.0];
        values.resize(count, -1.2345);
        let x = Tensor::from_vec(values, count, &Device::Cpu).unwrap();
        let narrow = super::cast(&x.to_device(&device).unwrap(), DType::BF16).unwrap();
        let wide = super::cast(&narrow, DType::F32).unwrap();
        let bits = |x: &Tensor| {
            let x = x.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            x.into_iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect::<Vec<_>>()
        };
        let expected = bits(&x.to_dtype(DType::BF16).unwrap());
        assert_eq!(bits(&narrow), expected);
        assert_eq!(bits(&wide), expected);
    }
}

#[test]
fn steps_agree_with_pytorch() {
    let device = device();
    let numbers = |stream| plain(&operand(&[1000], stream), &device);
    let zeros = || Tensor::zeros(1000, DType::F32, &device).unwrap();
    let other = [(); 4].map(|()| Tensor::zeros(3, DType::F32, &device).unwrap());
    for (name, decay, keep) in [("adam", 0.1, 1.0), ("adamw", 0.0, 1.0 - 0.01 * 0.1)] {
        let (parameters, first, second) = (numbers(1), zeros(), zeros());
        for (step, stream) in [(1, 2), (2, 3), (3, 4)] {
            let correction = |beta: f64| 1.0 - beta.powi(step);
            let (size, root) = (0.01 / correction(0.9), correction(0.999).sqrt());
            let step_ = AdamStep { decay, betas: (0.9, 0.999), epsilon: 1e-8, keep, size, root };
            let tensors = [other.each_ref(), [&parameters, &numbers(stream), &first, &second]];
            super::adam(&tensors, step_).unwrap();
        }
        assert_close(name, &parameters);
    }
    let (parameters, velocity) = (numbers(1), zeros());
    for stream in 2..=4 {
        let step_ = SgdStep { decay: 0.1, momentum: 0.9, learning_rate: 0.01 };
        super::sgd(&[[&parameters, &numbers(stream), &velocity]], step_).unwrap();
    }
    assert_close("sgd", &parameters);
}

fn assert_close(name: &str, found: &Tensor) {
    let difference = error(&found.to_device(&Device::Cpu).unwrap(), &tensors("device_ops.safetensors")[name], 0.0);
    assert!(difference < 1e-6, "{name}: off by {difference:e}");
}

/// More tensors than one launch takes, of sizes that end within blocks of threads.
#[test]
fn many_tensors_are_updated_in_one_call() {
    let device = device();
    let sizes: Vec<usize> = (0..200).map(|index| 1 + index * 37 % 300).collect();
    let filled =
        |size: usize, value: f64| Tensor::full(value as f32, size, &Device::Cpu).unwrap().to_device(&device).unwrap();
    let running: Vec<_> = sizes.iter().enumerate().map(|(index, &size)| filled(size, index as f64)).collect();
    let latest: Vec<_> = sizes.iter().map(|&size| filled(size, 8.0)).collect();
    let tensors: Vec<_> = running.iter().zip(&latest).map(|(running, latest)| [running, latest]).collect();
    let shares: Vec<_> = (0..200).map(|index| f64::from(index) / 4.0).collect();
    super::blend(&tensors, &shares, 0.5).unwrap();
    for (index, running) in running.iter().enumerate() {
        let expected = index as f32 / 2.0 + 2.0 * index as f32;
        assert!(running.to_vec1::<f32>().unwrap().iter().all(|value| *value == expected), "tensor {index}");
    }
    let all: Vec<_> = running.iter().collect();
    assert!(super::are_finite(&all).unwrap());
    for wrong in [f64::NAN, f64::NEG_INFINITY] {
        // the last element of a tensor in the second launch
        let size = sizes[150];
        let mut values = vec![1.0; size];
        values[size - 1] = wrong as f32;
        let spoilt = Tensor::from_vec(values, size, &Device::Cpu).unwrap().to_device(&device).unwrap();
        let all: Vec<_> =
            running.iter().enumerate().map(|(index, good)| if index == 150 { &spoilt } else { good }).collect();
        assert!(!super::are_finite(&all).unwrap());
    }
    let unequal = filled(2, 0.0);
    assert!(super::blend(&[[&unequal, &latest[1]]], &[1.0], 0.0).is_err());
}

#[test]
fn pixels_are_counted_as_on_the_cpu() {
    let device = device();
    // shares that are full, the last one not
    for size in [[3, 1, 5, 7], [2, 1, 61, 75]] {
        let logits = noise(&size, 1, 1.0, 0.1).to_dtype(DType::F32).unwrap();
        let targets = noise(&size, 2, 1.0, 0.0).gt(0.2).unwrap().to_dtype(DType::F32).unwrap();
        let mut values = logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (values[0], values[1], values[2]) = (f32::NAN, -0.0, f32::NEG_INFINITY);
        let logits = Tensor::from_vec(values, &size[..], &Device::Cpu).unwrap();
        let expected = metrics::counts(&metrics::count(&logits, &targets).unwrap()).unwrap();
        let there = [&logits, &targets].map(|x| x.to_device(&device).unwrap());
        assert_eq!(metrics::counts(&metrics::count(&there[0], &there[1]).unwrap()).unwrap(), expected);
    }
}

#[test]
fn batches_are_gathered_in_the_order_asked_for() {
    let device = device();
    let bytes = |count: usize, bound: usize| (0..count).map(|index| (index * 37 % bound) as u8).collect::<Vec<_>>();
    let (images, masks) = (bytes(5 * 3 * 6, 256), bytes(5 * 6, 2));
    let on_device = |bytes: &[u8], shape: &[usize]| Tensor::from_slice(bytes, shape, &device).unwrap();
    let indices = Tensor::from_slice(&[4u32, 0, 4], 3, &device).unwrap();
    for dtype in DTYPES {
        let (x, targets) =
            super::gather_batch(&on_device(&images, &[5, 3, 2, 3]), &on_device(&masks, &[5, 2, 3]), &indices, dtype)
                .unwrap();
        let expected = |case: usize| images[case * 18..][..18].iter().map(|&byte| f32::from(byte) / 255.0);
        let expected: Vec<f32> = [4, 0, 4].into_iter().flat_map(expected).collect();
        let expected = Tensor::from_vec(expected, (3, 3, 2, 3), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        assert_eq!(image(&x).to_string(), expected.to_dtype(DType::F64).unwrap().to_string());
        let expected: Vec<f32> =
            [4, 0, 4].into_iter().flat_map(|case| masks[case * 6..][..6].iter().map(|&mask| f32::from(mask))).collect();
        assert_eq!(targets.dims(), [3, 2, 3, 1]);
        assert_eq!(targets.flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected);
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let device = device();
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &device).unwrap();
    let x = zeros(&[1, 5, 6, 4], DType::F32);
    let conv = |weight: &[usize], precision| {
        super::conv2d(&x, &zeros(weight, DType::F32), &zeros(&weight[..1], DType::F32), Identity, precision)
    };
    assert!(conv(&[8, 4, 3, 3], Precision::F32).is_ok());
    assert!(conv(&[8, 4, 3, 3], Precision::Bf16).is_err());
    assert!(conv(&[8, 3, 3, 3], Precision::F32).is_err());
    assert!(conv(&[8, 4, 2, 2], Precision::F32).is_err());
    assert!(conv(&[8, 4, 5, 5], Precision::F32).is_err());
    assert!(super::max_pool2d(&x).is_err());
    assert!(super::concatenate(&x, &zeros(&[1, 5, 6, 4], DType::BF16)).is_err());
    assert!(super::add(&x, &zeros(&[1, 5, 6, 3], DType::F32)).is_err());
    assert!(super::upsample(&x.transpose(1, 2).unwrap()).is_err());
    assert!(super::upsample(&Tensor::zeros((1, 5, 6, 4), DType::F32, &Device::Cpu).unwrap()).is_err());
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
