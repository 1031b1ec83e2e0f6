//! Losses and optimizers against PyTorch (`tests/reference/training.py`), and whole trainings on blobs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and say what it found")]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{json, noise, set_weights};
use proto::data::Inventory;
use proto::ids::ContentHash;
use proto::measure::{JobResult, Measurement, Verdict};
use proto::spec::{
    Architecture, Convolution, Data, EpochChoice, Initialization, JobSpec, Loss, LossName, Metric, Model, Optimizer,
    Precision, Seeds, Selection, Split, Trainer, Training,
};
use std::collections::BTreeMap;
use worker::data::CaseSet;
use worker::ops::Gradients;
use worker::optimizers;
use worker::train::{Learner, TrainError, fit};
use worker::{losses, metrics, models};

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs();
        assert!(difference <= tolerance * expected.abs().max(1e-3), "{what}: {found:e}, expected {expected:e}");
    }
}

#[test]
fn losses_and_their_gradients_agree_with_pytorch() {
    let expected = json("losses.json");
    let options = [
        ("bce", Loss::from(LossName::Bce)),
        ("dice", Loss::from(LossName::Dice)),
        ("focal", Loss::from(LossName::Focal)),
        ("dice_smooth1", Loss::Dice { smooth: 1.0 }),
        ("focal_gamma0.5", Loss::Focal { gamma: 0.5 }),
    ];
    for (name, loss) in options {
        for (case, x, y) in [("plain", "x", "y"), ("extreme", "extreme", "truth")] {
            for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
                let operand = |key: &str| {
                    let values = numbers(&expected[key]);
                    let shape = (1, 1, 1, values.len());
                    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
                };
                let x = Var::from_tensor(&operand(x)).unwrap();
                let composed = losses::composed(&loss, &x, &operand(y)).unwrap();
                let gradients = composed.sum_all().unwrap().backward().unwrap();
                let (fused, gradient) = losses::with_gradient(&loss, &x, &operand(y)).unwrap();
                let evaluated = losses::per_case(&loss, &x, &operand(y)).unwrap();
                let flat = |tensor: &Tensor| {
                    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
                };
                let what = format!("{name}, {case}, {dtype:?}");
                let expected = &expected[name][case];
                for value in [composed, fused, evaluated] {
                    assert_close(&flat(&value), &[expected["value"].as_f64().unwrap()], tolerance, &what);
                }
                for gradient in [gradients.get(&x).unwrap(), &gradient] {
                    assert_close(&flat(gradient), &numbers(&expected["gradient"]), tolerance, &what);
                }
            }
        }
    }
}

#[test]
fn confident_logits_keep_their_loss() {
    // from the report's form log(1 + exp(-x)) comes infinity at -1000 and 0 at 100
    let loss = |x: f64, y: f64| {
        let tensor = |value| Tensor::full(value, (1, 1, 1, 1), &Device::Cpu).unwrap();
        losses::per_case(&Loss::Bce {}, &tensor(x), &tensor(y)).unwrap().to_vec1::<f64>().unwrap()[0]
    };
    assert_eq!(loss(-1000.0, 1.0), 1000.0);
    assert_eq!(loss(1000.0, 1.0), 0.0);
    assert!((loss(100.0, 1.0) / 3.720_075_976_020_836e-44 - 1.0).abs() < 1e-12);
}

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
        let mut optimizer = optimizers::Optimizer::new(&training, learning_rate, &variables).unwrap();
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
/// maxima the larger.
#[test]
fn whole_networks_train_as_in_pytorch() {
    const FIRST: usize = 10;
    let batches = [0, 1, 2].map(|index| {
        let images = noise(&[4, 3, 32, 32], 100 + index, 0.5, 0.5);
        (images, noise(&[4, 1, 32, 32], 110 + index, 1.0, 0.0).gt(0.3).unwrap())
    });
    let expected = json("steps.json");
    for &architecture in Architecture::ALL {
        for &loss in LossName::ALL {
            let expected = numbers(&expected[format!("{architecture}.{loss}")]);
            let worst = |precision, convolution, steps: usize| {
                let mut spec = spec(architecture, loss);
                spec.model.width = 4;
                spec.learning_rate = 1e-3;
                spec.training.precision = precision;
                spec.training.convolution = convolution;
                let mut learner = Learner::new(&spec, &Device::Cpu).unwrap();
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
    let mut optimizer = optimizers::Optimizer::new(&Training::default(), 1e-3, &variables).unwrap();
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

#[test]
fn pixels_are_counted_at_probability_one_half() {
    let logits = Tensor::new(&[[-0.1f32, 0.0, 2.0, f32::NAN]], &Device::Cpu).unwrap();
    let counts = metrics::counts(&logits, &[1, 1, 0, 0]).unwrap()[0];
    assert_eq!((counts.tp, counts.fp, counts.fn_, counts.tn), (1, 1, 1, 1));
}

/// Bright discs on dark ground, `count` of them.
fn blobs(count: usize) -> CaseSet {
    const SIZE: usize = 32;
    let mut masks = Vec::new();
    let mut images = Vec::new();
    for case in 0..count {
        let (x, y, radius) = (10 + case * 7 % 13, 9 + case * 5 % 14, 4 + case % 5);
        let inside =
            |pixel: usize| (pixel % SIZE).abs_diff(x).pow(2) + (pixel / SIZE).abs_diff(y).pow(2) < radius.pow(2);
        let mask: Vec<u8> = (0..SIZE * SIZE).map(|pixel| u8::from(inside(pixel))).collect();
        let noise = |pixel: usize| (pixel * 37 + case * 11) as u8 % 50;
        for channel in 0..3 {
            images.extend((0..SIZE * SIZE).map(|pixel| mask[pixel] * (150 - 40 * channel) + noise(pixel)));
        }
        masks.extend(mask);
    }
    let cases = (0..count).map(|case| format!("{case:03}")).collect();
    CaseSet { inventory: Inventory { content: ContentHash(1), cases }, image_size: SIZE as u32, images, masks }
}

fn spec(architecture: Architecture, loss: LossName) -> JobSpec {
    JobSpec {
        trainer: Trainer::Candle,
        data: Data { content: ContentHash(1), image_size: 32 },
        split: Split { train: 10, validation: 4, test: 4, ..Split::default() },
        architecture,
        model: Model { width: 4 },
        loss: loss.into(),
        learning_rate: 1e-2,
        training: Training { epochs: 3, batch_size: 4, ..Training::default() },
        selection: Selection { metric: Metric::Iou, epoch: EpochChoice::Best },
        seeds: Seeds { split_seed: 1, init_seed: 2, order_seed: 3 },
        simulation: None,
    }
}

/// A training's measurements, without times, and its result.
fn train(spec: &JobSpec) -> (Vec<Measurement>, JobResult) {
    let mut measurements = Vec::new();
    let mut result = fit(spec, &blobs(18), &Device::Cpu, &mut |measurement| measurements.push(*measurement)).unwrap();
    measurements.iter_mut().for_each(|measurement| measurement.seconds = 0.0);
    result.train_seconds = 0.0;
    (measurements, result)
}

#[test]
fn the_same_job_has_the_same_bits_twice_and_on_any_number_of_threads() {
    for &architecture in Architecture::ALL {
        let spec = spec(architecture, LossName::Bce);
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| train(&spec))
        };
        let once = with_threads(1);
        assert_eq!(once, with_threads(1), "{architecture}");
        assert_eq!(once, with_threads(2), "{architecture}");
        assert_eq!(once, with_threads(3), "{architecture}");
    }
}

#[test]
fn training_lowers_the_loss_and_learns_blobs() {
    for &architecture in Architecture::ALL {
        let mut spec = spec(architecture, LossName::Bce);
        spec.training.epochs = 40;
        // batch norm bears larger steps, and on so few images it needs them
        spec.learning_rate = if architecture == Architecture::SegNet { 1e-2 } else { 3e-3 };
        spec.training.initialization = Initialization::He;
        let (measurements, result) = train(&spec);
        let losses: Vec<_> = measurements.iter().map(|measurement| measurement.train_loss.unwrap()).collect();
        assert!(losses[39] < 0.5 * losses[0], "{architecture}: {losses:?}");
        assert_eq!(result.verdict, Verdict::Trained, "{architecture}");
        let best = measurements.iter().find(|measurement| measurement.epoch == result.best_epoch).unwrap();
        assert_eq!(best.validation, result.validation.scores(), "{architecture}");
        assert!(measurements.iter().all(|measurement| measurement.validation.iou <= best.validation.iou));
    }
}

#[test]
fn every_parameter_changes_in_one_step() {
    for &architecture in Architecture::ALL {
        let model = Model { width: 4 };
        let network = models::build(architecture, model, Initialization::He, 1, &Device::Cpu, DType::F32).unwrap();
        let values = || -> BTreeMap<_, _> {
            let values = |variable: &Var| variable.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            network.parameters().iter().map(|(name, variable)| (name.clone(), values(variable))).collect()
        };
        let before = values();
        let mut optimizer = optimizers::Optimizer::new(&Training::default(), 1e-3, network.parameters()).unwrap();
        let images = noise(&[4, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
        let pass = network.record(&images).unwrap();
        let targets = pass.logits.zeros_like().unwrap();
        let (_, gradient) = losses::with_gradient(&Loss::Bce {}, &pass.logits, &targets).unwrap();
        optimizer.step(&pass.backward(&gradient).unwrap()).unwrap();
        for (name, after) in values() {
            assert_ne!(before[&name], after, "{architecture}: {name}");
        }
    }
}

#[test]
fn a_training_that_diverges_says_so() {
    let mut spec = spec(Architecture::UNet, LossName::Bce);
    spec.training = Training { optimizer: Optimizer::Sgd, initialization: Initialization::He, ..spec.training };
    spec.learning_rate = 1e30;
    let (measurements, result) = train(&spec);
    assert_eq!((result.verdict, result.best_epoch), (Verdict::Diverged, 0));
    assert!(result.test.cases.is_empty() && !result.test.loss.is_finite());
    assert_eq!(measurements.last().unwrap().train_loss, None);
    assert!((result.epochs as usize) == measurements.len());
}

#[test]
fn weights_that_the_last_step_spoils_are_no_model() {
    let mut spec = spec(Architecture::UNet, LossName::Bce);
    spec.training.optimizer = Optimizer::Sgd;
    spec.training.epochs = 1;
    spec.training.batch_size = spec.split.train;
    spec.learning_rate = 1e30;
    assert_eq!(train(&spec).1.verdict, Verdict::Diverged);
    // nothing but the test cases can tell
    spec.split.validation = 0;
    spec.selection = Selection { epoch: EpochChoice::Last, ..spec.selection };
    assert_eq!(train(&spec).1.verdict, Verdict::Diverged);
}

#[test]
fn the_last_epoch_counts_if_asked_for() {
    let mut spec = spec(Architecture::UNet2, LossName::Dice);
    spec.selection.epoch = EpochChoice::Last;
    let (measurements, result) = train(&spec);
    assert_eq!(result.best_epoch, 3);
    assert_eq!(result.validation.scores(), measurements[2].validation);
}

#[test]
fn a_split_may_leave_a_subset_empty() {
    let mut spec = spec(Architecture::UNet2, LossName::Bce);
    spec.selection.epoch = EpochChoice::Last;
    spec.split.validation = 0;
    let (_, result) = train(&spec);
    assert_eq!((result.best_epoch, result.validation.cases.len(), result.test.cases.len()), (3, 0, 4));
    (spec.split.validation, spec.split.test) = (4, 0);
    let (_, result) = train(&spec);
    assert_eq!((result.best_epoch, result.validation.cases.len(), result.test.cases.len()), (3, 4, 0));
}

#[test]
fn jobs_that_do_not_fit_are_refused() {
    let refuse = |change: fn(&mut JobSpec)| {
        let mut spec = spec(Architecture::SegNet, LossName::Bce);
        change(&mut spec);
        fit(&spec, &blobs(18), &Device::Cpu, &mut |_| ()).unwrap_err()
    };
    assert!(matches!(refuse(|spec| spec.data.image_size = 64), TrainError::ImageSize { expected: 64, found: 32 }));
    assert!(matches!(refuse(|spec| spec.split.train = 100), TrainError::Split(_)));
    assert!(matches!(refuse(|spec| spec.training.batch_size = 0), TrainError::Zero { key: "batch_size" }));
    let tf32 = refuse(|spec| spec.training.precision = Precision::Tf32);
    assert!(tf32.to_string().contains("use f32"), "{tf32}");
}

/// A batch for a learner.
fn batch() -> (Tensor, Tensor) {
    let images = noise(&[4, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
    let targets = noise(&[4, 1, 32, 32], 2, 1.0, 0.0).gt(0.3).unwrap().to_dtype(DType::F32).unwrap();
    (images, targets)
}

fn learner(architecture: Architecture, convolution: Convolution) -> Learner {
    let mut spec = spec(architecture, LossName::Bce);
    spec.training.convolution = convolution;
    Learner::new(&spec, &Device::Cpu).unwrap()
}

#[test]
fn the_convolution_that_a_job_asks_for_changes_its_rounding_only() {
    let (images, targets) = batch();
    for &architecture in Architecture::ALL {
        let run = |convolution| {
            let mut learner = learner(architecture, convolution);
            let logits = learner.network.forward(&images).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // logits that differ in their last bits often have the same mean loss, in f32: weights tell more
            learner.step(&images, &targets).unwrap();
            (logits, learner.network.hash().unwrap())
        };
        let found = [Convolution::Direct, Convolution::Winograd2, Convolution::Winograd4].map(run);
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let ((a, a_hash), (b, b_hash)) = (&found[a], &found[b]);
            assert!(a != b && a_hash != b_hash, "{architecture}: the same bits");
            let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
            let distance = norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied());
            assert!(distance < 1e-5, "{architecture}: {distance:e}");
        }
    }
}

#[test]
fn steps_leave_the_same_weights_twice_and_on_any_number_of_threads() {
    let (images, targets) = batch();
    for &architecture in Architecture::ALL {
        for &convolution in Convolution::ALL {
            let hash = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let mut learner = learner(architecture, convolution);
                    let before = learner.network.hash().unwrap();
                    (0..3).for_each(|_| drop(learner.step(&images, &targets).unwrap()));
                    let after = learner.network.hash().unwrap();
                    assert_ne!(before, after);
                    after
                })
            };
            let once = hash(1);
            for threads in [1, 2, 3] {
                assert_eq!(once, hash(threads), "{architecture}, {convolution}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_state_dict_is_read_back() {
    let build = |seed| {
        let model = Model { width: 2 };
        models::build(Architecture::SegNet, model, Initialization::Pytorch, seed, &Device::Cpu, DType::F32).unwrap()
    };
    let (first, second) = (build(1), build(2));
    let images = noise(&[2, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
    first.record(&images).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    first.save(file.path()).unwrap();
    let names = candle_core::safetensors::load(file.path(), &Device::Cpu).unwrap();
    for name in ["enc_conv0.1.running_var", "enc_conv0.1.num_batches_tracked", "dec_conv3.6.weight"] {
        assert!(names.contains_key(name), "{name}");
    }
    second.load(file.path()).unwrap();
    let logits =
        |network: &models::Network| network.forward(&images).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(logits(&first), logits(&second));
    let other =
        models::build(Architecture::UNet, Model { width: 2 }, Initialization::Pytorch, 1, &Device::Cpu, DType::F32);
    assert!(other.unwrap().load(file.path()).is_err());
}
