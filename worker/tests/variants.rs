//! The U-Nets with norms and residual blocks against PyTorch (`tests/reference/variants.py`): parameters, gradients and steps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{error, noise, set_weights, tensors, weight_of};
use proto::cost;
use proto::spec::{Architecture, JobSpec, Loss, LossName, Model, Norm, Precision, Training};
use std::collections::BTreeSet;
use worker::losses::Criterion;
use worker::train::Learner;

const VARIANTS: [(Architecture, Norm, bool); 6] = [
    (Architecture::UNet, Norm::Batch, true),
    (Architecture::UNet, Norm::Group, false),
    (Architecture::UNet, Norm::None, true),
    (Architecture::UNet2, Norm::Batch, false),
    (Architecture::UNet2, Norm::Group, true),
    (Architecture::UNet2, Norm::Instance, true),
];

/// The network of the fixture, with the rule that trains it.
fn learner(architecture: Architecture, norm: Norm, residual: bool, precision: Precision) -> Learner {
    let spec = JobSpec {
        architecture,
        model: Model { width: 6, norm, residual },
        loss: LossName::Bce.into(),
        learning_rate: 1e-3,
        training: Training { precision, ..Training::default() },
        ..JobSpec::default()
    };
    let learner = Learner::new(&spec, 0.5, &Device::Cpu).unwrap();
    set_weights(learner.network.parameters());
    learner
}

fn batch(index: u64, dtype: DType) -> (Tensor, Tensor) {
    let images = noise(&[4, 3, 32, 32], 100 + index, 0.5, 0.5).to_dtype(dtype).unwrap();
    (images, noise(&[4, 1, 32, 32], 110 + index, 1.0, 0.0).gt(0.3).unwrap().to_dtype(dtype).unwrap())
}

#[test]
fn norms_and_residual_blocks_are_those_of_pytorch() {
    let expected = tensors("variants.safetensors");
    for (architecture, norm, residual) in VARIANTS {
        let key = format!("{architecture}.{norm}.{}", if residual { "residual" } else { "plain" });
        let of = |name: &str| &expected[&format!("{key}.{name}")];
        for (precision, dtype, limit) in [(Precision::F64, DType::F64, 1e-10), (Precision::F32, DType::F32, 2e-4)] {
            let network = learner(architecture, norm, residual, precision).network;
            let (images, targets) = batch(0, dtype);
            let pass = network.record(&images).unwrap();
            let found = error(&pass.logits, of("logits"), 0.0);
            assert!(found < limit, "{key}, {precision}: logits {found:.1e}");
            let loss = Criterion::from(&Loss::from(LossName::Bce));
            let (_, gradient) = loss.with_gradient(&pass.logits, &targets).unwrap();
            let gradients = pass.backward(&gradient).unwrap();
            let found = error(&network.forward(&images).unwrap(), of("evaluation"), 0.0);
            assert!(found < limit, "{key}, {precision}: evaluation {found:.1e}");
            let size = |name: &str| *of(name).to_vec1::<f64>().unwrap().last().unwrap();
            for (name, variable) in network.parameters() {
                // the gradient of a bias before a norm is zero but for rounding, PyTorch's too
                let floor = if size(name) < 1e-9 * size(&weight_of(name)) { size(&weight_of(name)) } else { 0.0 };
                let found = error(gradients.get(variable).unwrap(), of(name), floor);
                assert!(found < limit, "{key}, {precision}: gradient of {name} {found:.1e}");
            }
        }
    }
}

#[test]
fn norms_and_residual_blocks_train_as_in_pytorch() {
    let expected = tensors("variants.safetensors");
    for (architecture, norm, residual) in VARIANTS {
        let key = format!("{architecture}.{norm}.{}", if residual { "residual" } else { "plain" });
        let mut learner = learner(architecture, norm, residual, Precision::F64);
        for (step, expected) in expected[&format!("{key}.losses")].to_vec1::<f64>().unwrap().iter().enumerate() {
            let (images, targets) = batch(step as u64 % 3, DType::F64);
            let losses = learner.step(&images, &targets).unwrap().to_dtype(DType::F64).unwrap();
            let found = losses.mean(0).unwrap().to_scalar::<f64>().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-10, "{key}, step {step}: {found:e}, expected {expected:e}");
        }
    }
}

#[test]
fn every_variable_has_pytorchs_name_and_is_counted_beforehand() {
    let expected = tensors("variants.safetensors");
    for (architecture, norm, residual) in VARIANTS {
        let network = learner(architecture, norm, residual, Precision::F32).network;
        let key = format!("{architecture}.{norm}.{}.", if residual { "residual" } else { "plain" });
        let others = ["logits", "evaluation", "losses"];
        let names: BTreeSet<_> = expected.keys().filter_map(|name| name.strip_prefix(&key)).collect();
        let names: Vec<_> = names.into_iter().filter(|name| !others.contains(name)).collect();
        assert_eq!(network.parameters().keys().collect::<Vec<_>>(), names, "{key}");
        let model = Model { width: 6, norm, residual };
        assert_eq!(network.parameter_count(), cost::parameters(architecture, model), "{key}");
    }
}
