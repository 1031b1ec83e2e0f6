//! What a training may do beside plain steps: schedules, limited gradients, averages, against PyTorch (`tests/reference/recipe.py`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Var};
use common::{PROTOCOL, assert_close, json, noise, numbers, set_weights};
use proto::data::Inventory;
use proto::extras::Rule;
use proto::ids::ContentHash;
use proto::measure::{Measurement, Verdict};
use proto::spec::{
    Data, EpochChoice, Initialization, JobSpec, LossName, Model, Optimizer, Postprocess, Precision, Preset,
    Schedule as Kind, Selection, Split, Training,
};
use std::collections::BTreeMap;
use worker::data::CaseSet;
use worker::ops::Gradients;
use worker::optimizers::{self, Schedule, gradients};
use worker::train::{Learner, fit};

const RATE: f64 = 0.02;

#[test]
fn learning_rates_are_those_of_pytorch() {
    let expected = json("recipe.json");
    let (pct_start, div_factor, final_div_factor) = (0.1, 5.0, 10.0);
    let kinds = [
        ("constant", Kind::Constant {}),
        ("step", Kind::Step { step_size: 2, gamma: 0.3 }),
        ("cosine", Kind::Cosine { final_learning_rate: 1e-3 }),
        ("polynomial", Kind::Polynomial { power: 0.9 }),
        ("one_cycle", proto::spec::ScheduleName::OneCycle.into()),
        ("one_cycle_short", Kind::OneCycle { pct_start, div_factor, final_div_factor }),
    ];
    for (name, schedule) in kinds {
        for warmup_epochs in [0, 2] {
            let training = Training { epochs: 6, schedule, warmup_epochs, ..Training::default() };
            let schedule = Schedule::new(&training, RATE, 4);
            let found: Vec<_> = (0..24).map(|step| schedule.rate(step)).collect();
            let what = format!("{name}.{warmup_epochs}");
            assert_close(&found, &numbers(&expected["schedules"][&what]), 1e-9, &what);
        }
    }
}

#[test]
fn a_schedule_of_few_steps_is_finite() {
    for name in proto::spec::ScheduleName::ALL {
        for (epochs, warmup_epochs) in [(1, 0), (1, 1), (1, 5), (2, 0), (3, 0)] {
            let training = Training { epochs, warmup_epochs, schedule: (*name).into(), ..Training::default() };
            let schedule = Schedule::new(&training, RATE, 1);
            assert!((0..5).all(|step| (0.0..=RATE).contains(&schedule.rate(step))), "{name}, {epochs} epochs");
        }
    }
}

#[test]
fn nesterov_looks_ahead_as_in_pytorch() {
    let variable = Var::from_tensor(&noise(&[3, 5], 1, 1.0, 0.0)).unwrap();
    let variables = BTreeMap::from([("variable".to_owned(), variable.clone())]);
    let training =
        Training { optimizer: Optimizer::Sgd, weight_decay: 0.1, momentum: 0.9, nesterov: true, ..Training::default() };
    let mut optimizer = optimizers::Optimizer::new(&training, Schedule::new(&training, 0.1, 1), &variables).unwrap();
    for (step, expected) in json("recipe.json")["nesterov"].as_array().unwrap().iter().enumerate() {
        let factor = noise(&[3, 5], 10 + step as u64, 1.0, 0.0);
        let gradient = (variable.as_detached_tensor().sqr().unwrap() * factor).unwrap();
        optimizer.step(&[(variable.as_tensor(), gradient)].into_iter().collect()).unwrap();
        let found = variable.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_close(&found, &numbers(expected), 1e-11, &format!("step {step}"));
    }
}

#[test]
fn gradients_are_clipped_as_in_pytorch() {
    let expected = json("recipe.json");
    for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 1e-5)] {
        let zeros = |shape: &[usize]| Var::zeros(shape, dtype, &Device::Cpu).unwrap();
        let variables = BTreeMap::from([("a".to_owned(), zeros(&[3, 5])), ("b".to_owned(), zeros(&[70_000]))]);
        let of = [noise(&[3, 5], 1, 1.0, 0.0), noise(&[70_000], 2, 0.01, 0.0)];
        let gradients = || -> Gradients {
            let of = of.iter().map(|gradient| gradient.to_dtype(dtype).unwrap());
            variables.values().map(|variable| variable.as_tensor()).zip(of).collect()
        };
        for limit in ["1.5", "100.0"] {
            let expected = &expected["clipping"][limit];
            let norm = gradients::norm(&gradients(), &variables).unwrap().unwrap();
            assert_close(&[norm.to_scalar().unwrap()], &[expected["norm"].as_f64().unwrap()], tolerance, "norm");
            let clipped = gradients::clipped(gradients(), &variables, limit.parse().unwrap()).unwrap();
            let flat = |name: &str| -> Vec<f64> {
                let gradient = clipped.get(&variables[name]).unwrap().to_dtype(DType::F64).unwrap();
                gradient.flatten_all().unwrap().to_vec1().unwrap()
            };
            let found: Vec<_> = flat("a").into_iter().chain(flat("b").into_iter().step_by(7919)).collect();
            assert_close(&found, &numbers(&expected["gradients"]), tolerance, limit);
        }
    }
}

/// AdamW with a cosine, clipping, label smoothing, two batches a step and averaged weights, running statistics included.
#[test]
fn a_whole_recipe_trains_as_in_pytorch() {
    let batches = [0, 1, 2].map(|index| {
        let images = noise(&[4, 3, 32, 32], 100 + index, 0.5, 0.5);
        (images, noise(&[4, 1, 32, 32], 110 + index, 1.0, 0.0).gt(0.3).unwrap())
    });
    let expected = json("recipe.json");
    for architecture in PROTOCOL {
        let spec = JobSpec {
            data: Data { content: ContentHash(0), image_size: 32 },
            split: Split { train: 80, ..Split::default() },
            architecture,
            model: Model { width: 4, ..Model::default() },
            learning_rate: 1e-2,
            training: Training {
                epochs: 1,
                batch_size: 4,
                optimizer: Optimizer::AdamW,
                weight_decay: 0.1,
                precision: Precision::F64,
                schedule: Kind::Cosine { final_learning_rate: 1e-3 },
                clip_norm: 0.5,
                ema: 0.7,
                label_smoothing: 0.1,
                accumulate: 2,
                ..Training::default()
            },
            ..JobSpec::default()
        };
        let mut learner = Learner::new(&spec, 0.5, &Device::Cpu).unwrap();
        set_weights(learner.network.parameters());
        let mut losses = Vec::new();
        for batch in 0..20 {
            let (images, targets) = &batches[batch % 3];
            losses.push(learner.gather(images, targets).unwrap().mean(0).unwrap().to_scalar().unwrap());
            if batch % 2 == 1 {
                learner.update().unwrap();
            }
        }
        let expected = &expected["together"][architecture.name()];
        assert_close(&losses, &numbers(&expected["losses"]), 1e-10, architecture.name());
        let logits = learner.evaluated().forward(&batches[0].0).unwrap().flatten_all().unwrap();
        let logits: Vec<_> = logits.to_vec1::<f64>().unwrap().into_iter().step_by(97).collect();
        assert_close(&logits, &numbers(&expected["logits"]), 1e-7, architecture.name());
    }
}

/// Twelve pictures of 16 pixels whose left part is bright and is the mask.
fn cases() -> CaseSet {
    const SIZE: usize = 16;
    let mask = |case: usize| (0..SIZE * SIZE).map(move |pixel| u8::from(pixel % SIZE < 3 + case));
    let masks: Vec<u8> = (0..12).flat_map(mask).collect();
    let images = (0..12).flat_map(|case| (0..3).flat_map(move |_| mask(case).map(|inside| 40 + 150 * inside)));
    let ids = (0..12).map(|case| format!("{case:02}")).collect();
    CaseSet::new(Inventory::new(ContentHash(1), ids), SIZE as u32, images.collect(), masks)
}

fn train(change: impl Fn(&mut JobSpec)) -> (Vec<Measurement>, proto::measure::JobResult) {
    let mut spec = JobSpec {
        data: Data { content: ContentHash(1), image_size: 16 },
        split: Split { train: 6, validation: 3, test: 3, ..Split::default() },
        model: Model { width: 2, ..Model::default() },
        loss: LossName::Bce.into(),
        training: Training { epochs: 12, batch_size: 2, ..Training::default() },
        ..JobSpec::default()
    };
    change(&mut spec);
    let mut measurements = Vec::new();
    let result = fit(&spec, &cases(), &Device::Cpu, &mut |measurement| measurements.push(*measurement)).unwrap();
    (measurements, result)
}

#[test]
fn a_training_without_progress_ends_early() {
    // a learning rate that changes nothing: the first epoch stays the best
    let (measurements, result) = train(|spec| {
        spec.learning_rate = 1e-30;
        spec.training.patience = 4;
    });
    assert_eq!((measurements.len(), result.epochs, result.best_epoch), (5, 5, 5));
    let (_, best) = train(|spec| {
        spec.learning_rate = 1e-30;
        spec.training.patience = 4;
        spec.selection = Selection { epoch: EpochChoice::Best, ..spec.selection };
    });
    assert_eq!((best.epochs, best.best_epoch), (5, 1));
    let (measurements, result) = train(|spec| spec.learning_rate = 1e-30);
    assert_eq!((measurements.len(), result.epochs), (12, 12));
}

#[test]
fn a_collapsed_training_ends_early_and_says_why() {
    // a network that stays as it was drawn predicts the same everywhere
    let untrained = |stop_collapsed_after| {
        train(|spec| {
            spec.learning_rate = 1e-30;
            spec.training.stop_collapsed_after = stop_collapsed_after;
        })
        .1
    };
    let stopped = untrained(3);
    assert_eq!((stopped.epochs, untrained(0).epochs), (3, 12));
    assert_eq!(stopped.verdict, Verdict::Trivial);
    let rules: Vec<_> = stopped.extras.evidence.iter().map(|hit| hit.rule).collect();
    for rule in [Rule::ConstantMask, Rule::NearlyEmptyOrFull, Rule::SameForAllImages, Rule::ConstantProbability] {
        assert!(rules.contains(&rule), "{rule:?} is not among {rules:?}");
    }
}

#[test]
fn flips_make_a_network_treat_mirror_images_alike() {
    let mut spec = JobSpec {
        data: Data { content: ContentHash(0), image_size: 32 },
        model: Model { width: 4, ..Model::default() },
        training: Training { initialization: Initialization::He, ..Training::default() },
        ..JobSpec::default()
    };
    let images = noise(&[2, 3, 32, 32], 1, 0.5, 0.5).to_dtype(DType::F32).unwrap();
    let off_by = |spec: &JobSpec, axis: usize| {
        let learner = Learner::new(spec, 0.5, &Device::Cpu).unwrap();
        let mirrored = learner.logits(&images.flip(&[axis]).unwrap()).unwrap().flip(&[axis]).unwrap();
        let difference = (learner.logits(&images).unwrap() - mirrored).unwrap().abs().unwrap();
        difference.flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
    };
    assert!(off_by(&spec, 2) > 1e-2 && off_by(&spec, 3) > 1e-2);
    spec.evaluating.flips = true;
    assert!(off_by(&spec, 2) < 1e-5 && off_by(&spec, 3) < 1e-5);
}

#[test]
fn masks_are_post_processed_before_they_are_counted() {
    let foreground = |postprocess| {
        let (measurements, result) = train(|spec| {
            spec.training = Training { epochs: 1, initialization: Initialization::He, ..spec.training };
            spec.learning_rate = 1e-30;
            spec.evaluating.postprocess = postprocess;
        });
        assert_eq!(measurements[0].validation, result.validation.scores());
        let counts = result.validation.cases.iter().chain(&result.test.cases).map(|case| case.counts);
        (counts.map(|counts| counts.tp + counts.fp).sum::<u32>(), result.test.loss)
    };
    let [none, largest, filled] =
        [Postprocess::None, Postprocess::LargestComponent, Postprocess::FillHoles].map(foreground);
    assert!(largest.0 < none.0 && none.0 <= filled.0, "{largest:?} {none:?} {filled:?}");
    assert_eq!((none.1, none.1), (largest.1, filled.1), "the loss is of the logits");
}

/// Batches are made beside the steps, so it must not matter which thread makes them.
#[test]
fn an_augmented_training_has_the_same_bits_on_any_number_of_threads() {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            train(|spec| {
                spec.augmentation = Preset::Strong.into();
                spec.training = Training { epochs: 3, accumulate: 2, standardize: true, ema: 0.5, ..spec.training };
            })
        })
    };
    let scores = |(measurements, result): (Vec<Measurement>, proto::measure::JobResult)| {
        let losses: Vec<_> = measurements.iter().map(|epoch| (epoch.train_loss, epoch.validation)).collect();
        (losses, result.test)
    };
    let once = scores(with_threads(1));
    assert_eq!(once, scores(with_threads(1)));
    assert_eq!(once, scores(with_threads(2)));
    assert_eq!(once, scores(with_threads(3)));
    assert_ne!(once, scores(train(|spec| spec.training.epochs = 3)), "nothing was changed");
}

#[test]
fn the_averaged_weights_are_evaluated() {
    let plain = train(|_| ()).1;
    let unchanged = train(|spec| spec.training.ema = f64::MIN_POSITIVE).1;
    // an average that keeps next to nothing is the network itself, up to rounding
    assert!((unchanged.test.loss / plain.test.loss - 1.0).abs() < 1e-4, "{} {}", unchanged.test.loss, plain.test.loss);
    // one that keeps nearly all is still the network after the first step
    let (measurements, _) = train(|spec| spec.training.ema = 1.0 - 1e-12);
    let first = measurements[0].validation.loss.unwrap();
    let last = measurements[11].validation.loss.unwrap();
    assert!((last / first - 1.0).abs() < 1e-5, "{first} {last}");
}
