//! Optimizers and whole networks, step after step, against PyTorch (`tests/reference/training.py`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and say what it found")]

mod common;

use candle_core::{DType, Device, Var};
use common::{PROTOCOL, assert_close, json, noise, numbers, set_weights};
use proto::ids::ContentHash;
use proto::spec::{
    Architecture, Convolution, Data, JobSpec, LossName, Model, Optimizer, Precision, Seeds, Selection, Split, Trainer,
    Training,
};
use std::collections::BTreeMap;
use worker::ops::Gradients;
use worker::optimizers::{self, Schedule};
use worker::train::Learner;

#[test]
fn optimizers_agree_with_pytorch() {
    let expected = json("optimizers.json");
    let options = [
        ("adam", Optimizer::Adam, 1e-2, 0.0, 0.0),
        ("adam_decay", Optimizer::Adam, 1e-2, 0.1, 0.0),
        ("adamw", Optimizer::AdamW, 1e-2, 0.1, 0.0),
        ("sgd", Optimizer::Sgd, 1e-1, 0.0, 0.0),
        ("sgd_momentum", Optimizer::Sgd, 1e-1, 0.1, 0.9),
    ];
    for (name, optimizer, learning_rate, weight_decay, momentum) in options {
        let variable = Var::from_tensor(&noise(&[3, 5], 1, 1.0, 0.0)).unwrap();
        let variables = BTreeMap::from([("variable".to_owned(), variable.clone())]);
        let training = Training { optimizer, weight_decay, momentum, ..Training::default() };
        let schedule = Schedule::new(&training, learning_rate, 1);
        let mut optimizer = optimizers::Optimizer::new(&training, schedule, &variables).unwrap();
        for (step, expected) in expected[name].as_array().unwrap().iter().enumerate() {
            let factor = noise(&[3, 5], 10 + step as u64, 1.0, 0.0);
            let gradient = (variable.as_detached_tensor().sqr().unwrap() * factor).unwrap();
            let gradients: Gradients = [(variable.as_tensor(), gradient)].into_iter().collect();
            optimizer.step(&gradients).unwrap();
            let found = variable.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert_close(&found, &numbers(expected), 1e-11, &format!("{name}, step {step}"));
        }
        assert_eq!(optimizer.steps(), 5);
    }
}

/// In f64 the losses are PyTorch's to the last digits. In f32 SegNet's are too, until rounding makes another of two near-equal
/// maxima the larger; how numbers are rounded depends on the algorithm and the processor.
#[test]
fn whole_networks_train_as_in_pytorch() {
    const FIRST: usize = 10;
    let batches = [0, 1, 2].map(|index| {
        let images = noise(&[4, 3, 32, 32], 100 + index, 0.5, 0.5);
        (images, noise(&[4, 1, 32, 32], 110 + index, 1.0, 0.0).gt(0.3).unwrap())
    });
    let expected = json("steps.json");
    for architecture in PROTOCOL {
        for loss in [LossName::Bce, LossName::Dice, LossName::Focal] {
            let expected = numbers(&expected[format!("{architecture}.{loss}")]);
            let worst = |precision, convolution, steps: usize| {
                let spec = JobSpec {
                    trainer: Trainer::Candle,
                    data: Data { content: ContentHash(0), image_size: 32 },
                    split: Split::default(),
                    architecture,
                    model: Model { width: 4, ..Model::default() },
                    loss: loss.into(),
                    learning_rate: 1e-3,
                    training: Training { precision, convolution, ..Training::default() },
                    selection: Selection::default(),
                    seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
                    ..JobSpec::default()
                };
                let mut learner = Learner::new(&spec, 0.5, &Device::Cpu).unwrap();
                set_weights(learner.network.parameters());
                let mut step = |index: usize| {
                    let (images, targets) = &batches[index % batches.len()];
                    let losses = learner.step(images, targets).unwrap().to_dtype(DType::F64).unwrap();
                    losses.mean(0).unwrap().to_scalar::<f64>().unwrap()
                };
                (0..steps).map(|index| (step(index) / expected[index] - 1.0).abs()).fold(0.0, f64::max)
            };
            for &convolution in Convolution::ALL {
                let all = worst(Precision::F64, convolution, expected.len());
                let first = worst(Precision::F32, convolution, FIRST);
                let limit = if architecture == Architecture::SegNet { 2e-2 } else { 1e-3 };
                let found =
                    format!("{architecture}, {loss}, {convolution}: {all:.1e} in f64, first {first:.1e} in f32");
                println!("{found}");
                assert!(all < 1e-12 && first < limit, "{found}");
            }
        }
    }
}

#[test]
fn what_an_optimizer_remembers_is_flat_and_named() {
    let variables = [("a", 3), ("b", 2)].map(|(name, count)| {
        let variable = Var::from_tensor(&noise(&[count], count as u64, 1.0, 0.0)).unwrap();
        (name.to_owned(), variable)
    });
    let variables = BTreeMap::from(variables);
    let mut optimizer =
        optimizers::Optimizer::new(&Training::default(), Schedule::new(&Training::default(), 1e-3, 1), &variables)
            .unwrap();
    let gradients: Gradients =
        variables.values().map(|variable| (variable.as_tensor(), variable.affine(10.0, 0.0).unwrap())).collect();
    let first: Vec<f64> = variables.values().flat_map(|variable| variable.to_vec1::<f64>().unwrap()).collect();
    optimizer.step(&gradients).unwrap();
    let [mean, square] = optimizer.state() else { panic!("Adam has two moments") };
    assert_close(&mean.to_vec1().unwrap(), &first, 1e-12, "a tenth of the gradients");
    let squares: Vec<f64> = first.iter().map(|value| 0.1 * value * value).collect();
    assert_close(&square.to_vec1().unwrap(), &squares, 1e-12, "a thousandth of their squares");
    let named = optimizer.state_by_name();
    assert_close(&named["b"][0].to_vec1().unwrap(), &first[3..], 1e-12, "the part of b");
}
