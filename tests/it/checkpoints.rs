//! Attempts that end early leave checkpoints, at which the next attempt goes on, on another worker too.

use crate::harness::{Coordinator, Lab, Process, Row, Signal, children, contents, kill, may_trace, tiny, until};
use proto::artifact_store::checkpoints_of;
use rand::{RngExt, rng};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// So many that a job has not ended before a program that was started to look at it says so, on a busy machine too: each takes 3 ms.
const EPOCHS: u32 = 300;

/// Jobs of many short epochs.
fn sweep(jobs: u32, checkpoints: bool) -> String {
    let sections = if checkpoints { "checkpoints: {every: 1, keep: last}\n" } else { "" };
    format!("{}artifacts: {{weights: best}}\n{sections}", tiny("bce", jobs, EPOCHS))
}

/// The jobs of a run that nothing interrupts, and the files of weights by name.
fn uninterrupted(jobs: u32) -> (Vec<Row>, Vec<Row>, BTreeMap<String, Vec<u8>>) {
    let lab = Lab::new();
    lab.write(&sweep(jobs, false));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    (lab.check_complete(jobs as usize), lab.rows("measurements"), weights(&lab, "sweeps.db.artifacts"))
}

fn weights(lab: &Lab, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = whole(&lab.path(folder).join("weights"));
    files.into_iter().map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes)).collect()
}

/// The files of a folder, without those that a trainer was writing when it was killed: their names begin with a dot.
fn whole(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = contents(folder);
    files.retain(|path, _| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    files
}

fn worker(lab: &Lab, coordinator: &Coordinator, name: &str) -> Process {
    lab.worker(&coordinator.url, name, &["--artifacts", "shared"])
}

/// Without what depends on who ran it when.
fn comparable(rows: &[Row]) -> Vec<Row> {
    let own = ["attempt", "attempts", "message", "worker", "seconds", "train_seconds", "peak_mib"];
    rows.iter()
        .map(|row| row.iter().filter(|(column, _)| !own.contains(&column.as_str())).map(owned).collect())
        .collect()
}

/// The same of jobs that keep no weights beside those that do.
fn without_weights(rows: &[Row]) -> Vec<Row> {
    let mut rows = comparable(rows);
    rows.iter_mut().for_each(|row| drop(row.remove("weights")));
    rows
}

fn owned((column, value): (&String, &String)) -> (String, String) {
    (column.clone(), value.clone())
}

/// The measurements of each attempt of a job, in order.
fn by_attempt<'a>(measurements: &'a [Row], job: &str) -> BTreeMap<u32, Vec<&'a Row>> {
    let mut attempts: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in measurements.iter().filter(|row| row["job"] == job) {
        attempts.entry(row["attempt"].parse().unwrap()).or_default().push(row);
    }
    attempts
}

/// Checks that each attempt took over what the one before had trained: a second training of an epoch would take another time. The last
/// epoch that an attempt told of may have had no checkpoint yet.
fn assert_nothing_is_trained_twice(attempts: &BTreeMap<u32, Vec<&Row>>) {
    for (before, after) in attempts.values().zip(attempts.values().skip(1)) {
        for (index, (old, new)) in before.iter().zip(after).enumerate().take(before.len() - 1) {
            assert_eq!((&old["epoch"], &old["seconds"]), (&new["epoch"], &new["seconds"]), "epoch {}", index + 1);
        }
    }
}

/// Waits for a job of the worker that has come to this epoch.
fn has_come_to(lab: &Lab, coordinator: &Coordinator, worker: &str, epoch: u64) {
    until(&format!("epoch {epoch} of {worker}"), || {
        let status = coordinator.status(lab);
        let ended = status["sweeps"][0]["state"] == "ended";
        let mut workers = status["workers"].as_array()?.iter().filter(|entry| entry["name"] == worker);
        let mut running = workers.by_ref().flat_map(|entry| entry["running"].as_array().unwrap());
        (ended || running.any(|job| job["epoch"].as_u64() >= Some(epoch))).then_some(())
    });
}

#[test]
fn ten_deaths_change_no_bit_and_cost_no_epoch_before_the_last_checkpoint() {
    const JOBS: u32 = 5;
    let (rows, measured, kept) = uninterrupted(JOBS);
    let lab = Lab::new();
    lab.write(&sweep(JOBS, true));
    let coordinator = lab.serve(&["--lease", "1s"]);
    lab.submit(&coordinator.url, &[]);
    let mut random = rng();
    for death in 0..10 {
        let name = format!("worker-{death}");
        let mut worker = worker(&lab, &coordinator, &name);
        has_come_to(&lab, &coordinator, &name, random.random_range(1..12));
        // a job may be lost four times, and fail twice
        if [0, 3, 6, 9].contains(&death) {
            worker.kill();
            continue;
        }
        if [4, 8].contains(&death) {
            // the same worker goes on with a new trainer
            children(worker.id()).into_iter().for_each(|trainer| kill(trainer, Signal::KILL));
            has_come_to(&lab, &coordinator, &name, random.random_range(5..15));
        }
        worker.signal(Signal::TERM);
        worker.wait().expect(0);
    }
    let _last = worker(&lab, &coordinator, "last");
    coordinator.ended(&lab);
    let found = lab.check_complete(JOBS as usize);
    assert_eq!(comparable(&found), comparable(&rows));
    assert_eq!(weights(&lab, "shared"), kept, "the same weights, bit for bit");
    let measurements = lab.rows("measurements");
    let mut interrupted = 0;
    for row in &found {
        let attempts = by_attempt(&measurements, &row["job"]);
        interrupted += attempts.len() - 1;
        assert_nothing_is_trained_twice(&attempts);
        let last: Vec<Row> = attempts.values().last().unwrap().iter().map(|row| (*row).clone()).collect();
        let whole: Vec<Row> = measured.iter().filter(|of| of["job"] == row["job"]).cloned().collect();
        assert_eq!(comparable(&last), comparable(&whole), "the last attempt tells of every epoch");
    }
    assert!(interrupted > 0);
    until("the end of the checkpoints", || {
        (!lab.path("shared/checkpoints").is_dir() || contents(&lab.path("shared/checkpoints")).is_empty()).then_some(())
    });
}

#[test]
fn a_drained_job_goes_on_where_the_worker_left_it() {
    let (rows, ..) = uninterrupted(1);
    let lab = Lab::new();
    lab.write(&sweep(1, true));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &[]);
    let mut first = worker(&lab, &coordinator, "first");
    first.says("checkpoint after epoch 5");
    first.signal(Signal::TERM);
    first.wait().expect(0);
    let mut second = worker(&lab, &coordinator, "second");
    let line = second.says("goes on after epoch");
    assert!(line.contains(&format!("shared/{}", checkpoints_of(rows[0]["job"].parse().unwrap()))), "{line}");
    coordinator.ended(&lab);
    assert_eq!(comparable(&lab.check_complete(1)), comparable(&rows));
    assert_nothing_is_trained_twice(&by_attempt(&lab.rows("measurements"), &rows[0]["job"]));
}

/// A checkpoint of a job that is no other test's, and that job: its worker ends long before its epochs do.
fn stray() -> (Vec<u8>, String) {
    let lab = Lab::new();
    lab.write(&sweep(1, true).replace(&format!("epochs: {EPOCHS}"), "epochs: 5000"));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &[]);
    let mut worker = worker(&lab, &coordinator, "w");
    has_come_to(&lab, &coordinator, "w", 2);
    worker.signal(Signal::TERM);
    worker.wait().expect(0);
    let (path, bytes) = whole(&lab.path("shared/checkpoints")).pop_first().unwrap();
    (bytes, path.iter().next().unwrap().to_string_lossy().into_owned())
}

#[test]
fn what_is_no_checkpoint_of_the_job_is_passed_over() {
    let (rows, ..) = uninterrupted(2);
    let (bytes, owner) = stray();
    let lab = Lab::new();
    lab.write(&sweep(2, true));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &[]);
    for (row, file) in rows.iter().zip([&bytes[..], &bytes[..bytes.len() - 5]]) {
        let folder = lab.path("shared").join(checkpoints_of(row["job"].parse().unwrap()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("7-other.safetensors"), file).unwrap();
    }
    let mut worker = worker(&lab, &coordinator, "w");
    worker.says("is not used: not a whole safetensors file");
    worker.says(&format!("is not used: it is of job {owner}, not of"));
    coordinator.ended(&lab);
    assert_eq!(comparable(&lab.check_complete(2)), comparable(&rows));
}

#[test]
fn a_training_goes_on_without_a_place_for_its_checkpoints() {
    let (rows, ..) = uninterrupted(1);
    let lab = Lab::new();
    lab.write(&sweep(1, true).replace("artifacts: {weights: best}\n", ""));
    fs::write(lab.path("shared"), "a file").unwrap();
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &[]);
    let mut worker = worker(&lab, &coordinator, "w");
    let line = worker.says("no checkpoint after epoch 1: cannot write shared/checkpoints/");
    assert!(line.contains("the training goes on, make room or access (--artifacts)"), "{line}");
    coordinator.ended(&lab);
    assert_eq!(without_weights(&lab.check_complete(1)), without_weights(&rows));
}

#[test]
fn a_full_disk_costs_the_checkpoints_and_not_the_job() {
    if !may_trace() {
        return;
    }
    let (rows, ..) = uninterrupted(1);
    let lab = Lab::new();
    lab.write(&sweep(1, true).replace("artifacts: {weights: best}\n", ""));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &[]);
    let command = lab.command("worker", ["--coordinator", &coordinator.url, "--artifacts", "shared"]);
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "--output=/dev/null", "--trace=fsync", "--inject=fsync:error=ENOSPC", "--"]);
    strace.arg(command.get_program()).args(command.get_args()).current_dir(lab.path(""));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let mut worker = Process::start(&mut strace);
    let line = worker.says("no checkpoint after epoch");
    assert!(line.contains("No space left on device"), "{line}");
    coordinator.ended(&lab);
    assert_eq!(without_weights(&lab.check_complete(1)), without_weights(&rows));
    assert_eq!(contents(&lab.path("shared")).len(), 0, "nothing unfinished is left");
}
