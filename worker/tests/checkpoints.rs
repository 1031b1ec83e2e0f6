//! A training that goes on at a checkpoint: the same bits as one that was never interrupted, and no epoch before it again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::Device;
use common::{blobs, reference, tensors};
use proto::ids::ContentHash;
use proto::measure::{JobResult, Measurement};
use proto::spec::{
    Architecture, Data, EpochChoice, Evaluating, JobSpec, LossName, Metric, Model, Optimizer, Postprocess, Preset,
    Schedule, Seeds, Selection, Split, Trainer, Training,
};
use std::collections::BTreeMap;
use worker::data::CaseSet;
use worker::predict::Ensemble;
use worker::tensor_file::TensorFileError;
use worker::train::{Checkpoint, CheckpointError, Event, Session};
use worker::weights::{self, About, Weights};

const EPOCHS: u32 = 4;

fn spec(architecture: Architecture, optimizer: Optimizer, epoch: EpochChoice) -> JobSpec {
    JobSpec {
        trainer: Trainer::Candle,
        data: Data { content: ContentHash(1), image_size: 32 },
        split: Split { train: 10, validation: 4, test: 4, ..Split::default() },
        architecture,
        model: Model { width: 4, ..Model::default() },
        loss: LossName::Bce.into(),
        learning_rate: 1e-2,
        training: Training { epochs: EPOCHS, batch_size: 4, optimizer, ..Training::default() },
        selection: Selection { metric: Metric::Iou, epoch },
        seeds: Seeds { split_seed: 1, init_seed: 2, order_seed: 3 },
        ..JobSpec::default()
    }
}

/// A job with every part of a training that has a state of its own, or draws random numbers.
fn recipe() -> JobSpec {
    let base = spec(Architecture::UNet2, Optimizer::Sgd, EpochChoice::Best);
    let training = Training {
        schedule: Schedule::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        momentum: 0.9,
        nesterov: true,
        clip_norm: 1.0,
        ema: 0.9,
        label_smoothing: 0.1,
        accumulate: 2,
        patience: 10,
        standardize: true,
        stop_collapsed_after: 10,
        ..base.training
    };
    let evaluating = Evaluating { flips: true, postprocess: Postprocess::Both };
    JobSpec { training, evaluating, augmentation: Preset::Light.into(), ..base }
}

/// What a training has told and come to, without times.
#[derive(Debug, PartialEq)]
struct Told {
    steps: Vec<(u32, u32, u64)>,
    measurements: Vec<Measurement>,
    result: JobResult,
    /// Of the weights that the result is of.
    weights: blake3::Hash,
}

/// Trains a session to its end; `checkpoints` gets a checkpoint of each epoch but the last.
fn train(mut session: Session<'_>, checkpoints: &mut BTreeMap<u32, Vec<u8>>) -> Told {
    let (mut steps, mut measurements) = (Vec::new(), Vec::new());
    let mut observe = |event: Event<'_>| match event {
        Event::Step { epoch, step, loss, .. } => steps.push((epoch, step, loss.to_bits())),
        Event::Epoch(measurement) => measurements.push(Measurement { seconds: 0.0, ..*measurement }),
    };
    let mut keep =
        |session: &Session<'_>| drop(checkpoints.insert(session.epochs_done(), session.checkpoint().unwrap()));
    let mut result = session.run_with(&mut observe, &mut keep).unwrap();
    result.train_seconds = 0.0;
    let about = About::new(session.spec(), result.best_epoch, result.split_hash, session.standard());
    let weights = blake3::hash(&weights::encode(&about, session.network()).unwrap());
    Told { steps, measurements, result, weights }
}

/// The training that goes on at a checkpoint.
fn resumed(spec: &JobSpec, cases: &CaseSet, checkpoint: &[u8]) -> Told {
    let mut session = Session::new(spec, cases, &Device::Cpu).unwrap();
    session.resume(&Checkpoint::decode(checkpoint.to_vec()).unwrap()).unwrap();
    train(session, &mut BTreeMap::new())
}

#[test]
fn a_training_goes_on_at_any_epoch_with_the_same_bits() {
    let cases = blobs(18);
    let jobs = [
        spec(Architecture::SegNet, Optimizer::Adam, EpochChoice::Best),
        spec(Architecture::UNet, Optimizer::AdamW, EpochChoice::Last),
        spec(Architecture::UNet2, Optimizer::Sgd, EpochChoice::Best),
        recipe(),
    ];
    for spec in &jobs {
        let mut checkpoints = BTreeMap::new();
        let whole = train(Session::new(spec, &cases, &Device::Cpu).unwrap(), &mut checkpoints);
        assert_eq!(checkpoints.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((whole.measurements.len(), whole.steps.len()), (4, 12));
        for (epoch, checkpoint) in &checkpoints {
            let rest = resumed(spec, &cases, checkpoint);
            let later: Vec<_> = whole.steps.iter().copied().filter(|(of, ..)| of > epoch).collect();
            assert_eq!(rest.steps, later, "no epoch before the checkpoint again");
            let all = Told { steps: whole.steps.clone(), ..rest };
            assert_eq!(all, whole, "{}, after epoch {epoch}", spec.architecture);
        }
    }
}

#[test]
fn what_is_no_checkpoint_of_the_job_is_refused() {
    let cases = blobs(18);
    let own = spec(Architecture::UNet, Optimizer::Adam, EpochChoice::Best);
    let mut checkpoints = BTreeMap::new();
    let mut session = Session::new(&own, &cases, &Device::Cpu).unwrap();
    session.run_with(&mut |_| (), &mut |session| drop(checkpoints.insert(1, session.checkpoint().unwrap()))).unwrap();
    let bytes = &checkpoints[&1];

    let other = JobSpec { learning_rate: 2e-2, ..own.clone() };
    let mut session = Session::new(&other, &cases, &Device::Cpu).unwrap();
    let refused = session.resume(&Checkpoint::decode(bytes.clone()).unwrap()).unwrap_err();
    assert!(matches!(refused, CheckpointError::OtherJob { .. }));
    assert_eq!(refused.to_string(), format!("it is of job {}, not of {}", own.id(), other.id()));

    let mut torn = bytes.clone();
    torn.truncate(bytes.len() / 2);
    assert!(matches!(Checkpoint::decode(torn), Err(CheckpointError::File(TensorFileError::Format(_)))));
    let mut flipped = bytes.clone();
    flipped[bytes.len() - 3] ^= 4;
    assert!(matches!(Checkpoint::decode(flipped), Err(CheckpointError::File(TensorFileError::Damaged))));

    let session = Session::new(&own, &cases, &Device::Cpu).unwrap();
    let kept = weights::encode(&About::new(&own, 1, None, None), session.network()).unwrap();
    let refused = Checkpoint::decode(kept.clone()).unwrap_err().to_string();
    assert_eq!(refused, "it holds weights, version 1; this build reads checkpoint, version 1");
    let refused = Weights::decode(bytes.clone()).unwrap_err().to_string();
    assert_eq!(refused, "it holds checkpoint, version 1; this build reads weights, version 1");
    assert!(Weights::decode(kept).is_ok());
}

#[test]
fn weights_make_the_network_that_they_are_of() {
    let cases = blobs(18);
    let spec = spec(Architecture::SegNet, Optimizer::Adam, EpochChoice::Best);
    let mut session = Session::new(&spec, &cases, &Device::Cpu).unwrap();
    let result = session.run(&mut |_| ()).unwrap();
    let about = About::new(&spec, result.best_epoch, result.split_hash, session.standard());
    let weights = Weights::decode(weights::encode(&about, session.network()).unwrap()).unwrap();
    assert_eq!(weights.about, about);
    let network = weights.network(&Device::Cpu).unwrap();
    assert_eq!(network.hash().unwrap(), session.network().hash().unwrap());
}

/// `tests/reference/weights.py` has read a file of the worker's, changed the weights, and saved them.
#[test]
fn weights_that_pytorch_saved_give_its_logits() {
    let bytes = std::fs::read(reference("weights_torch.safetensors")).unwrap();
    let weights = Weights::decode(bytes).unwrap();
    assert_eq!((weights.about.architecture, weights.about.image_size), (Architecture::SegNet, 32));
    let expected = tensors("weights_logits.safetensors");
    let image: Vec<u8> = expected["image"].flatten_all().unwrap().to_vec1().unwrap();
    let found = Ensemble::new(vec![weights], "cpu").unwrap().logits(&image).unwrap();
    let expected = expected["logits"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let worst = found[0].iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
    assert!(expected.iter().any(|logit| logit.abs() > 0.01));
}
