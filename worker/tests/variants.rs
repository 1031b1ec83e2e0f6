//! The U-Nets with norms and residual blocks, and the networks beside those of the reference protocol, against PyTorch
//! (`tests/reference/variants.py`, `nnunet_plan.py`): parameters, gradients and steps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{error, json, noise, numbers, set_weights, tensors, weight_of};
use proto::cost;
use proto::spec::{Architecture, Data, Initialization, JobSpec, Loss, LossName, Model, Norm, Precision, Training};
use std::collections::BTreeSet;
use worker::losses::Criterion;
use worker::models;
use worker::train::Learner;

/// The name in the fixture, the network, and its parts.
const VARIANTS: [(&str, Architecture, Norm, bool); 9] = [
    ("unet.batch.residual", Architecture::UNet, Norm::Batch, true),
    ("unet.group.plain", Architecture::UNet, Norm::Group, false),
    ("unet.none.residual", Architecture::UNet, Norm::None, true),
    ("unet2.batch.plain", Architecture::UNet2, Norm::Batch, false),
    ("unet2.group.residual", Architecture::UNet2, Norm::Group, true),
    ("unet2.instance.residual", Architecture::UNet2, Norm::Instance, true),
    ("nnunet", Architecture::NnUNet, Norm::None, false),
    ("deeplabv3plus.batch", Architecture::DeepLabV3Plus, Norm::Batch, false),
    ("deeplabv3plus.group", Architecture::DeepLabV3Plus, Norm::None, false),
];

/// The network of the fixture, with the rule that trains it.
fn learner(architecture: Architecture, norm: Norm, residual: bool, precision: Precision) -> Learner {
    let spec = JobSpec {
        data: Data { image_size: 32, ..JobSpec::default().data },
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
    for (key, architecture, norm, residual) in VARIANTS {
        let of = |name: &str| &expected[&format!("{key}.{name}")];
        for (precision, dtype, limit) in [(Precision::F64, DType::F64, 1e-10), (Precision::F32, DType::F32, 2e-4)] {
            let network = learner(architecture, norm, residual, precision).network;
            let (images, targets) = batch(0, dtype);
            let pass = network.record(&images).unwrap();
            for (level, logits) in pass.logits.iter().enumerate() {
                let found = error(logits, of(&format!("logits.{level}")), 0.0);
                assert!(found < limit, "{key}, {precision}: logits {level} {found:.1e}");
            }
            assert!(!expected.contains_key(&format!("{key}.logits.{}", pass.logits.len())), "{key}: more resolutions");
            let loss = Criterion::from(&Loss::from(LossName::Bce));
            let (_, gradients) = loss.at_resolutions(&pass.logits, &targets).unwrap();
            let gradients = pass.backward(&gradients).unwrap();
            let found = error(&network.forward(&images).unwrap(), of("evaluation"), 0.0);
            assert!(found < limit, "{key}, {precision}: evaluation {found:.1e}");
            let of = |name: &str| of(&format!("gradient.{name}"));
            let size = |name: &str| *of(name).to_vec1::<f64>().unwrap().last().unwrap();
            for (name, variable) in network.parameters() {
                let Some(gradient) = gradients.get(variable) else {
                    assert_eq!(size(name), 0.0, "{key}: no gradient of {name}");
                    continue;
                };
                // the gradient of a bias before a norm is zero but for rounding, PyTorch's too
                let floor = if size(name) < 1e-9 * size(&weight_of(name)) { size(&weight_of(name)) } else { 0.0 };
                let found = error(gradient, of(name), floor);
                assert!(found < limit, "{key}, {precision}: gradient of {name} {found:.1e}");
            }
        }
    }
}

#[test]
fn norms_and_residual_blocks_train_as_in_pytorch() {
    let expected = tensors("variants.safetensors");
    for (key, architecture, norm, residual) in VARIANTS {
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
    for (key, architecture, norm, residual) in VARIANTS {
        let network = learner(architecture, norm, residual, Precision::F32).network;
        let prefix = format!("{key}.gradient.");
        let names: BTreeSet<_> = expected.keys().filter_map(|name| name.strip_prefix(&prefix)).collect();
        assert!(network.parameters().keys().eq(names), "{key}");
        let model = Model { width: 6, norm, residual };
        assert_eq!(network.parameter_count(), cost::parameters(architecture, model, 32), "{key}");
    }
}

#[test]
fn nnunet_is_the_network_that_its_own_planner_plans() {
    for (size, planned) in json("nnunet_plan.json").as_object().unwrap() {
        let size: u32 = size.parse().unwrap();
        let (features, halvings) = (numbers(&planned["features"]), Architecture::NnUNet.halvings(size));
        assert_eq!(halvings as usize + 1, features.len(), "{size} pixels");
        let model = Model { width: features[0] as u32, ..Model::default() };
        let count = cost::parameters(Architecture::NnUNet, model, size);
        assert_eq!(Some(count), planned["parameters"].as_u64(), "{size} pixels");
        let Some(shapes) = planned["shapes"].as_object() else { continue };
        let build =
            models::build(Architecture::NnUNet, model, size, Initialization::He, 0, &Device::Cpu, DType::F32).unwrap();
        let found =
            build.parameters().iter().map(|(name, variable)| (name.clone(), serde_json::json!(variable.dims())));
        assert_eq!(&found.collect::<serde_json::Map<_, _>>(), shapes, "{size} pixels");
    }
}
