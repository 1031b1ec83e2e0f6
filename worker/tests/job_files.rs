//! `worker train`: what it makes of job files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::Parser;
use proto::file::LoadError;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
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
    train_with(job, &[])
}

fn train_with(job: &str, flags: &[(&str, &Path)]) -> Result<(), TrainCommandError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(job.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let flags = flags.iter().flat_map(|(flag, path)| [*flag, path.to_str().unwrap()]);
    run(Cli::parse_from(["train", "--job", path, "--device", "cpu"].into_iter().chain(flags)).args)
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
        ("width: 2", "width: 4000000", 3, "4000000"),
        ("epochs: 1", "epoch: 1", 4, "epoch"),
        ("subset: test", "subset: train", 5, "train"),
        ("learning_rate: 1.0e-3", "learning_rate: -1.0", 9, "-1.0"),
        ("split_seed: 7", "split_seed: -7", 10, "-7"),
    ];
    for (right, wrong, line, name) in mistakes {
        let error = train(&JOB.replace(right, wrong)).unwrap_err();
        let TrainCommandError::JobFile(LoadError::Mistakes(mistakes)) = &error else { panic!("{wrong}: {error}") };
        assert!(mistakes.list.iter().any(|placed| placed.line == line), "{wrong}: {error}");
        assert!(error.is_users() && error.to_string().contains(name), "{wrong}: {error}");
    }
}

/// The steps of a trace: epoch, step, cases, loss.
fn steps(path: &Path) -> Vec<(u64, u64, Vec<u64>, f64)> {
    let text = std::fs::read_to_string(path).unwrap();
    let step = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |key: &str| line[key].as_u64().unwrap();
        let cases = line["cases"].as_array().unwrap().iter().map(|case| case.as_u64().unwrap()).collect();
        (number("epoch"), number("step"), cases, line["loss"].as_f64().unwrap())
    };
    text.lines().map(step).collect()
}

#[test]
fn a_training_goes_on_from_saved_weights_and_leaves_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let [weights, first, second] = ["w.safetensors", "1.jsonl", "2.jsonl"].map(|name| folder.path().join(name));
    train_with(JOB, &[("--save", &weights), ("--trace", &first)]).unwrap();
    train_with(JOB, &[("--init", &weights), ("--trace", &second)]).unwrap();
    let (first, second) = (steps(&first), steps(&second));
    // 3 training cases in batches of 2
    let batches = |steps: &[(u64, u64, Vec<u64>, f64)]| steps.iter().map(|step| step.2.clone()).collect::<Vec<_>>();
    assert_eq!(first.iter().map(|step| (step.0, step.1, step.2.len())).collect::<Vec<_>>(), [(1, 1, 2), (1, 2, 1)]);
    assert_eq!(first.iter().flat_map(|step| &step.2).collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(batches(&first), batches(&second));
    assert_ne!(first[0].3, second[0].3, "the second training starts from other weights");
}

/// As root, a file that is put in the place of `/dev/null` breaks the machine.
#[cfg(unix)]
#[test]
fn weights_go_through_a_link_and_not_in_the_place_of_a_pipe() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let [weights, link, plain, pipe] = ["w", "link", "plain", "pipe"].map(|name| folder.path().join(name));
    std::fs::write(&plain, "").unwrap();
    symlink("w", &link).unwrap();
    for _ in 0..2 {
        // the first time the link leads nowhere
        train_with(JOB, &[("--save", &link)]).unwrap();
        assert!(link.is_symlink());
    }
    train_with(JOB, &[("--init", &weights)]).unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&weights), mode(&plain), "who may read other files may read weights");

    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = train_with(JOB, &[("--save", &pipe)]).unwrap_err();
    assert!(matches!(error, TrainCommandError::Output { .. }) && error.is_users(), "{error}");
    assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn wrong_weights_and_places_are_refused_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let [weights, text, trace, missing] =
        ["w.safetensors", "t.txt", "t.jsonl", "no/such.safetensors"].map(|name| folder.path().join(name));
    train_with(JOB, &[("--save", &weights)]).unwrap();
    std::fs::write(&text, "weights").unwrap();
    let wider = JOB.replace("width: 2", "width: 3");
    for (job, init) in
        [(wider.as_str(), &weights), (&JOB.replace("unet2", "unet"), &weights), (JOB, &text), (JOB, &missing)]
    {
        let error = train_with(job, &[("--init", init), ("--trace", &trace), ("--save", &text)]).unwrap_err();
        assert!(matches!(error, TrainCommandError::Weights { .. }) && error.is_users(), "{error}");
        assert!(!error.to_string().contains('\n') && error.to_string().contains(init.to_str().unwrap()), "{error}");
    }
    for flag in ["--save", "--trace"] {
        let error = train_with(JOB, &[(flag, &missing)]).unwrap_err();
        assert!(matches!(error, TrainCommandError::Output { .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "weights");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}
