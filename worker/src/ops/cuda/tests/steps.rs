//! What changes weights, and what is counted and gathered.

use super::*;
use crate::metrics;
use crate::ops::cuda::{self, steps};
use crate::ops::{AdamStep, SgdStep};

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
            cuda::adam(&tensors, step_).unwrap();
        }
        assert_close(name, &parameters);
    }
    let (parameters, velocity) = (numbers(1), zeros());
    for stream in 2..=4 {
        let step_ = SgdStep { decay: 0.1, momentum: 0.9, nesterov: false, learning_rate: 0.01 };
        cuda::sgd(&[[&parameters, &numbers(stream), &velocity]], step_).unwrap();
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
    steps::blend(&tensors, &shares, 0.5).unwrap();
    for (index, running) in running.iter().enumerate() {
        let expected = index as f32 / 2.0 + 2.0 * index as f32;
        assert!(running.to_vec1::<f32>().unwrap().iter().all(|value| *value == expected), "tensor {index}");
    }
    let all: Vec<_> = running.iter().collect();
    assert!(steps::are_finite(&all).unwrap());
    for wrong in [f64::NAN, f64::NEG_INFINITY] {
        // the last element of a tensor in the second launch
        let size = sizes[150];
        let mut values = vec![1.0; size];
        values[size - 1] = wrong as f32;
        let spoilt = Tensor::from_vec(values, size, &Device::Cpu).unwrap().to_device(&device).unwrap();
        let all: Vec<_> =
            running.iter().enumerate().map(|(index, good)| if index == 150 { &spoilt } else { good }).collect();
        assert!(!steps::are_finite(&all).unwrap());
    }
    let unequal = filled(2, 0.0);
    assert!(steps::blend(&[[&unequal, &latest[1]]], &[1.0], 0.0).is_err());
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
            cuda::gather_batch(&on_device(&images, &[5, 3, 2, 3]), &on_device(&masks, &[5, 2, 3]), &indices, dtype)
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
fn targets_are_reduced_to_the_pixel_behind_the_middle_of_each_block() {
    let device = device();
    let pixel = |n: usize, y: usize, x: usize| (100 * n + 10 * y + x) as f32;
    let all = (0..2).flat_map(|n| (0..4).flat_map(move |y| (0..8).map(move |x| pixel(n, y, x))));
    let targets = Tensor::from_vec(all.collect::<Vec<_>>(), (2, 1, 4, 8), &device).unwrap();
    let reduced = |factor| cuda::reduce_targets(&targets, factor).unwrap();
    assert_eq!(reduced(2).dims(), [2, 1, 2, 4]);
    let expected = |factor: usize| -> Vec<f32> {
        let places = move |length: usize| (0..length / factor).map(move |at| at * factor + factor / 2);
        (0..2).flat_map(|n| places(4).flat_map(move |y| places(8).map(move |x| pixel(n, y, x)))).collect()
    };
    for factor in [2, 4] {
        assert_eq!(reduced(factor).flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected(factor));
    }
    assert!(cuda::reduce_targets(&targets, 3).is_err());
}
