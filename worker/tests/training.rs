//! Whole trainings on blobs: what they learn, what ends them, and that their bits do not depend on how they are run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{blobs, noise};
use proto::ids::ContentHash;
use proto::measure::{Counts, JobResult, Measurement, Verdict};
use proto::spec::{
    Architecture, Convolution, Data, EpochChoice, Initialization, JobSpec, Loss, LossName, Metric, Model, Optimizer,
    Precision, Seeds, Selection, Split, Trainer, Training,
};
use std::collections::BTreeMap;
use worker::losses::Criterion;
use worker::optimizers::{self, Schedule};
use worker::train::{Learner, TrainError, fit};
use worker::{metrics, models};

#[test]
fn pixels_are_counted_at_probability_one_half() {
    let logits = Tensor::new(&[[-0.1f32, 0.0, 2.0, f32::NAN], [1.0, 0.0, 2.0, -0.0]], &Device::Cpu).unwrap();
    let targets = Tensor::new(&[[1f32, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]], &Device::Cpu).unwrap();
    let counts = metrics::counts(&metrics::count(&logits, &targets).unwrap()).unwrap();
    let expected = [Counts { tp: 1, fp: 1, fn_: 1, tn: 1 }, Counts { tp: 3, fp: 1, fn_: 0, tn: 0 }];
    assert_eq!(counts, expected);
    // below 0 in f64, 0 in f32
    let tiny = Tensor::new(&[[-1e-60f64]], &Device::Cpu).unwrap();
    let counts = metrics::counts(&metrics::count(&tiny, &tiny.ones_like().unwrap()).unwrap()).unwrap();
    assert_eq!(counts, [Counts { tp: 0, fp: 0, fn_: 1, tn: 0 }]);
}

fn spec(architecture: Architecture, loss: LossName) -> JobSpec {
    JobSpec {
        trainer: Trainer::Candle,
        data: Data { content: ContentHash(1), image_size: 32 },
        split: Split { train: 10, validation: 4, test: 4, ..Split::default() },
        architecture,
        model: Model { width: 4, ..Model::default() },
        loss: loss.into(),
        learning_rate: 1e-2,
        training: Training { epochs: 3, batch_size: 4, ..Training::default() },
        selection: Selection { metric: Metric::Iou, epoch: EpochChoice::Best },
        seeds: Seeds { split_seed: 1, init_seed: 2, order_seed: 3 },
        ..JobSpec::default()
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
        spec.training = Training { epochs: 40, stop_collapsed_after: 30, ..spec.training };
        // batch norm bears larger steps, and on so few images it needs them
        spec.learning_rate = if architecture == Architecture::SegNet { 1e-2 } else { 3e-3 };
        spec.training.initialization = Initialization::He;
        let (measurements, result) = train(&spec);
        let losses: Vec<_> = measurements.iter().map(|measurement| measurement.train_loss.unwrap()).collect();
        assert!(losses[39] < 0.5 * losses[0], "{architecture}: {losses:?}");
        assert_eq!((result.verdict, result.epochs, &result.extras.evidence), (Verdict::Trained, 40, &vec![]));
        let best = measurements.iter().find(|measurement| measurement.epoch == result.best_epoch).unwrap();
        assert_eq!(best.validation, result.validation.scores(), "{architecture}");
        assert!(measurements.iter().all(|measurement| measurement.validation.iou <= best.validation.iou));
    }
}

#[test]
fn every_parameter_changes_in_one_step() {
    for &architecture in Architecture::ALL {
        let model = Model { width: 4, ..Model::default() };
        let network = models::build(architecture, model, 32, Initialization::He, 1, &Device::Cpu, DType::F32).unwrap();
        let values = || -> BTreeMap<_, _> {
            let values = |variable: &Var| variable.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            network.parameters().iter().map(|(name, variable)| (name.clone(), values(variable))).collect()
        };
        let before = values();
        let training = Training::default();
        let mut optimizer =
            optimizers::Optimizer::new(&training, Schedule::new(&training, 1e-3, 1), network.parameters()).unwrap();
        let images = noise(&[4, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
        let pass = network.record(&images).unwrap();
        let targets = pass.logits[0].zeros_like().unwrap();
        let loss = Criterion::from(&Loss::from(LossName::Bce));
        let (_, gradients) = loss.at_resolutions(&pass.logits, &targets).unwrap();
        optimizer.step(&pass.backward(&gradients).unwrap()).unwrap();
        for (name, after) in values() {
            // the lowest resolution is not trained
            let stays = architecture == Architecture::NnUNet && name.starts_with("decoder.seg_layers.0.");
            assert_eq!(before[&name] == after, stays, "{architecture}: {name}");
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
    Learner::new(&spec, 0.5, &Device::Cpu).unwrap()
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
        let model = Model { width: 2, ..Model::default() };
        models::build(Architecture::SegNet, model, 32, Initialization::Pytorch, seed, &Device::Cpu, DType::F32).unwrap()
    };
    let (first, second) = (build(1), build(2));
    let images = noise(&[2, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
    first.record(&images).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), first.encode().unwrap()).unwrap();
    let names = candle_core::safetensors::load(file.path(), &Device::Cpu).unwrap();
    for name in ["enc_conv0.1.running_var", "enc_conv0.1.num_batches_tracked", "dec_conv3.6.weight"] {
        assert!(names.contains_key(name), "{name}");
    }
    second.load(file.path()).unwrap();
    let logits =
        |network: &models::Network| network.forward(&images).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(logits(&first), logits(&second));
    let other = models::build(
        Architecture::UNet,
        Model { width: 2, ..Model::default() },
        32,
        Initialization::Pytorch,
        1,
        &Device::Cpu,
        DType::F32,
    );
    assert!(other.unwrap().load(file.path()).is_err());
}
