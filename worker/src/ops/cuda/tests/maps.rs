//! Pooling, upsampling, concatenation, batch norm, sums and casts of maps.

use super::*;
use crate::ops::Activation::Relu;
use crate::ops::Moments;
use crate::ops::backend::{Normalized, Population};
use crate::ops::cuda::{concat, elementwise, interleave, norm, pool, resample, upsample};

/// Names and numbers of channels: those that vectors cannot take, and those that they can.
const KINDS: [(&str, usize); 2] = [("", 3), ("_wide", 16)];

#[test]
fn pooling_agrees_with_pytorch() {
    let device = device();
    for (kind, channels) in KINDS {
        for dtype in DTYPES {
            let big = map(&operand(&[2, channels, 6, 8], 1), dtype, &device);
            let (y, positions) = pool::max_pool2d(&big).unwrap();
            let dx = pool::scatter(&gradient(&y), &positions).unwrap();
            check(&format!("pool{kind}"), dtype, &[("y", &image(&y)), ("0", &image(&dx))]);
            assert_eq!(image(&pool::gather(&big, &positions).unwrap()).to_string(), image(&y).to_string());

            let like = map(&operand(&[2, channels, 6, 8], 2), dtype, &device);
            let small = map(&operand(&[2, channels, 3, 4], 1), dtype, &device);
            let (_, positions) = pool::max_pool2d(&like).unwrap();
            let y = pool::scatter(&small, &positions).unwrap();
            let dx = pool::gather(&gradient(&y), &positions).unwrap();
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
        let (y, positions) = pool::max_pool2d(&x).unwrap();
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
            let y = upsample::upsample(&x).unwrap();
            let dx = upsample::upsample_backward(&gradient(&y)).unwrap();
            check(&format!("upsample{kind}"), dtype, &[("y", &image(&y)), ("0", &image(&dx))]);

            let a = map(&operand(&[2, channels, 4, 5], 1), dtype, &device);
            let b = map(&operand(&[2, 2 * channels, 4, 5], 2), dtype, &device);
            let y = concat::concatenate(&a, &b).unwrap();
            let (da, db) = concat::split(&gradient(&y), channels).unwrap();
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
            let moments = norm::moments(&x, Population::Channel).unwrap();
            let y = norm::normalize(&x, &moments, &gamma, &beta, Relu).unwrap();
            let grad = gradient(&y);
            let normalized =
                Normalized { x, gamma, y, moments, population: Some(Population::Channel), activation: Relu };
            let (dx, dgamma, dbeta) = norm::normalize_backward(&normalized, &grad).unwrap();
            let found = [("y", &image(&normalized.y)), ("0", &image(&dx)), ("1", &dgamma), ("2", &dbeta)];
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
            let y = norm::normalize(&x, &moments, &gamma, &beta, Identity).unwrap();
            let grad = gradient(&y);
            let normalized = Normalized { x, gamma, y, moments, population: None, activation: Identity };
            let (dx, dgamma, dbeta) = norm::normalize_backward(&normalized, &grad).unwrap();
            let found = [("y", &image(&normalized.y)), ("0", &image(&dx)), ("1", &dgamma), ("2", &dbeta)];
            check(&format!("norm_by{kind}"), dtype, &found);
        }
    }
}

#[test]
fn group_norm_agrees_with_pytorch() {
    let device = device();
    for (kind, shape, size) in [("", [3, 6, 5, 7], 3), ("_wide", [3, 16, 5, 7], 4), ("_instance", [2, 24, 9, 11], 1)] {
        for dtype in DTYPES {
            let x = map(&operand(&shape, 1), dtype, &device);
            let [gamma, beta] = [2, 3].map(|stream| plain(&operand(&shape[1..2], stream), &device));
            let population = Population::Group(size);
            let moments = norm::moments(&x, population).unwrap();
            let y = norm::normalize(&x, &moments, &gamma, &beta, Relu).unwrap();
            let grad = gradient(&y);
            let normalized = Normalized { x, gamma, y, moments, population: Some(population), activation: Relu };
            let (dx, dgamma, dbeta) = norm::normalize_backward(&normalized, &grad).unwrap();
            let found = [("y", &image(&normalized.y)), ("0", &image(&dx)), ("1", &dgamma), ("2", &dbeta)];
            check(&format!("group_norm{kind}"), dtype, &found);
        }
    }
}

#[test]
fn residuals_agree_with_pytorch() {
    let device = device();
    for (kind, channels) in KINDS {
        for dtype in DTYPES {
            let [a, b] = [1, 2].map(|stream| map(&operand(&[2, channels, 4, 5], stream), dtype, &device));
            let y = elementwise::add_rectified(&a, &b).unwrap();
            let grad = image(&elementwise::mask(&gradient(&y), &y).unwrap());
            check(&format!("residual{kind}"), dtype, &[("y", &image(&y)), ("0", &grad), ("1", &grad)]);
        }
    }
}

#[test]
fn moments_are_precise_far_from_zero() {
    let device = device();
    let far = bf16(&noise(&[2, 40, 37, 41], 1, 1.0, 100.0));
    for dtype in DTYPES {
        let Moments { mean, variance } = norm::moments(&map(&far, dtype, &device), Population::Channel).unwrap();
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
            let sum = elementwise::add(&x, &y).unwrap().to_device(&Device::Cpu).unwrap();
            let expected = (&a + &b).unwrap().to_dtype(dtype).unwrap();
            assert_eq!(sum.to_string(), expected.to_string());
        }
        // between two numbers of bf16, halfway between, too large, not a number, denormal
        let mut values =
            vec![1.003, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, 3.4e38, f32::INFINITY, f32::NAN, 1e-40, -0.0];
        values.resize(count, -1.2345);
        let x = Tensor::from_vec(values, count, &Device::Cpu).unwrap();
        let narrow = elementwise::cast(&x.to_device(&device).unwrap(), DType::BF16).unwrap();
        let wide = elementwise::cast(&narrow, DType::F32).unwrap();
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
fn lines_are_multiplied_by_a_matrix() {
    let device = device();
    for (_, channels) in KINDS {
        for (dtype, bound) in [(DType::F32, 2e-6), (DType::BF16, 8e-3)] {
            let (x, matrix) = (operand(&[2, 4, 3, channels], 1), operand(&[5, 4], 2));
            let on_device = x.to_dtype(DType::F32).unwrap().to_dtype(dtype).unwrap().to_device(&device).unwrap();
            let found = resample::resample(&on_device, &plain(&matrix, &device)).unwrap();
            let expected = matrix.broadcast_matmul(&x.flatten(2, 3).unwrap()).unwrap();
            let expected = expected.reshape((2, 5, 3, channels)).unwrap();
            let found = found.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
            let norm = |x: &Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
            let difference = norm(&(found - &expected).unwrap()) / norm(&expected);
            assert!(difference < bound, "{channels} channels, {dtype:?}: off by {difference:e}");
        }
    }
    let x = plain(&operand(&[1, 3, 2], 1), &device);
    assert!(resample::resample(&x, &plain(&operand(&[5, 4], 2), &device)).is_err(), "lines of another length");
}

/// As on the host, whose parts the tests of dilated convolutions compare with PyTorch.
#[test]
fn parts_that_interleave_are_those_of_the_host() {
    let device = device();
    for (_, channels) in KINDS {
        for dtype in DTYPES {
            for rate in [1, 2, 3] {
                let x = map(&operand(&[2, channels, 5, 7], 1), dtype, &device);
                let on_host = x.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
                let expected = crate::ops::interleave::apart(&on_host, rate).unwrap();
                let parts = interleave::apart(&x, rate).unwrap();
                assert_eq!(image(&parts).to_string(), image(&expected).to_string(), "rate {rate}");
                let whole = interleave::together(&parts, rate, (5, 7)).unwrap();
                assert_eq!(image(&whole).to_string(), image(&x).to_string(), "rate {rate}");
            }
        }
    }
    let x = map(&operand(&[2, 3, 5, 7], 1), DType::F32, &device);
    assert!(interleave::together(&x, 2, (10, 14)).is_err(), "two parts are not four");
}
