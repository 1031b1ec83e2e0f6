//! `worker train`: what it makes of job files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::Parser;
use std::io::Write;
use worker::cli::train::{Args, TrainCommandError, run};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

const JOB: &str = "\
dataset: {name: blobs, format: synthetic, image_size: 32, cases: 6, seed: 1}
split: {train: 3, validation: 1, test: 2}
model: {width: 2}
training: {epochs: 1, batch_size: 2}
objective: {metric: iou, subset: test, epoch: best}
losses: {dice: {smooth: 1.0}}
architecture: unet2
loss: dice
learning_rate: 1.0e-3
split_seed: 7
";

fn train(job: &str) -> Result<(), TrainCommandError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(job.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    run(Cli::parse_from(["train", "--job", path, "--device", "cpu"]).args)
}

#[test]
fn a_job_file_is_trained() {
    train(JOB).unwrap();
    train(&JOB.replace(", cases: 6", "")).unwrap();
}

#[test]
fn mistakes_are_named_with_their_place() {
    let mistakes = [
        ("loss: dice", "loos: dice", 8, "loos"),
        ("architecture: unet2", "architecture: unet3", 7, "unet3"),
        ("width: 2", "width: wide", 3, "wide"),
        ("epochs: 1", "epoch: 1", 4, "epoch"),
        ("split_seed: 7", "split_seed: -7", 10, "-7"),
    ];
    for (right, wrong, expected, name) in mistakes {
        let error = train(&JOB.replace(right, wrong)).unwrap_err();
        let TrainCommandError::Invalid { line, message, .. } = &error else { panic!("{wrong}: {error}") };
        assert!((*line, message.contains(name)) == (expected, true), "{wrong}: {error}");
    }
    for (right, wrong) in [("1.0e-3", "-1.0"), ("width: 2", "width: 4000000"), ("subset: test", "subset: train")] {
        let error = train(&JOB.replace(right, wrong)).unwrap_err();
        assert!(matches!(error, TrainCommandError::Invalid { .. }), "{wrong}: {error}");
    }
}
