//! Convolutions, and the algorithms that they take.

use super::*;
use crate::ops::Activation::{self, Relu};
use crate::ops::backend::ConvGradients;
use crate::ops::cuda::{self, conv};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

/// How many candidates of every pass the emulated cuDNN refuses, and when: `2 when planned`.
fn refusals() -> (usize, String) {
    let told = std::env::var("EMULATED_REFUSALS").unwrap_or_default();
    let (count, moment) = told.split_once(' ').unwrap_or(("0", ""));
    (count.parse().unwrap(), moment.to_owned())
}

type Shapes<'a> = [&'a [usize]; 3];

fn check_gradients(name: &str, y: &Tensor, ConvGradients { x, weight, bias }: ConvGradients) {
    check(name, y.dtype(), &[("y", &image(y)), ("0", &image(&x.unwrap())), ("1", &weight), ("2", &bias)]);
}

fn check_conv(name: &str, [x, weight, bias]: Shapes, activation: Activation) {
    let device = device();
    for precision in PRECISIONS {
        let dtype = dtype(precision);
        let x = map(&operand(x, 1), dtype, &device);
        let (weight, bias) = (plain(&operand(weight, 2), &device), plain(&operand(bias, 3), &device));
        let mut convolved = conv::conv2d(&x, &weight, &bias, activation, precision).unwrap();
        let grad = gradient(&convolved.y);
        check_gradients(name, &convolved.y, conv::conv2d_backward(&convolved, &grad, precision, true).unwrap());
        convolved.packed = None;
        check_gradients(name, &convolved.y, conv::conv2d_backward(&convolved, &grad, precision, true).unwrap());
        let gradients = conv::conv2d_backward(&convolved, &grad, precision, false).unwrap();
        assert!(gradients.x.is_none());
        check(name, dtype, &[("1", &gradients.weight)]);
    }
}

fn check_transpose(name: &str, [x, weight, bias]: Shapes, activation: Activation) {
    let device = device();
    for precision in PRECISIONS {
        let dtype = dtype(precision);
        let x = map(&operand(x, 1), dtype, &device);
        let (weight, bias) = (plain(&operand(weight, 2), &device), plain(&operand(bias, 3), &device));
        let convolved = conv::conv_transpose2d(&x, &weight, &bias, activation, precision).unwrap();
        let grad = gradient(&convolved.y);
        check_gradients(name, &convolved.y, conv::conv_transpose2d_backward(&convolved, &grad, precision).unwrap());
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
    let convolved = conv::conv2d(&x, &weight, &ones(&[8]), Identity, Precision::Tf32).unwrap();
    conv::conv2d_backward(&convolved, &ones(&[1, 4, 4, 8]), Precision::Tf32, true).unwrap();
    let (refused, moment) = refusals();
    let passes = [("Forward", "FWD"), ("BackwardData", "BWD_DATA"), ("BackwardFilter", "BWD_FILTER")];
    for (pass, name) in passes {
        let plans = cuda::plans(&device).unwrap();
        let plan = plans.iter().find(|plan| plan.pass == pass).unwrap();
        assert_eq!(plan.convolution, "1 x 4 x 4 x 4 -> 8, 3x3, Tf32");
        assert!(plan.algorithm.starts_with(&format!("CUDNN_CONVOLUTION_{name}_ALGO_")), "{plan}");
        // a device may refuse some of its own accord
        assert!(plan.refused.len() >= refused, "{plan}");
        assert!(plan.refused.iter().take(refused).all(|line| line.contains(&moment)), "{plan}");
        assert!(!plan.refused.iter().any(|line| line.starts_with(&format!("{} ", plan.algorithm))), "{plan}");
    }
    cuda::release(&device).unwrap();
    assert_eq!(cuda::plans(&device).unwrap(), []);
}

/// Run alone, with every candidate refused.
#[test]
#[ignore = "needs an emulated cuDNN that refuses everything"]
fn without_a_deterministic_algorithm_the_error_names_all_that_were_refused() {
    let device = device();
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &device).unwrap();
    let (x, weight, bias) = (zeros(&[1, 4, 4, 8]), zeros(&[8, 8, 3, 3]), zeros(&[8]));
    let error = conv::conv2d(&x, &weight, &bias, Relu, Precision::F32).unwrap_err().to_string();
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
