//! One sweep, one content: a worker whose files differ gets no job, and says why.

use crate::harness::{Lab, Signal, contents, program, tiny, until};
use std::process::Command;

fn make(lab: &Lab, name: &str, seed: &str) {
    let mut command = Command::new(program("worker"));
    command.args(["synthesize", "--cases", "12", "--seed", seed, "--out"]).arg(lab.path(name));
    assert!(command.output().unwrap().status.success());
}

#[test]
fn a_worker_with_other_files_gets_no_job_and_says_why() {
    let lab = Lab::new();
    make(&lab, "ours", "1");
    make(&lab, "theirs", "2");
    lab.write(&tiny("bce", 2, 150).replace("format: synthetic, cases: 12, seed: 3", "format: ph2"));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &[]);
    let sweep = || coordinator.status(&lab)["sweeps"][0].clone();
    assert_eq!(sweep()["state"], "waiting_for_data");

    // the first to come pins the content; then it goes, so that there is work for the second
    let mut first = lab.worker(&coordinator.url, "first", &["--data", "blobs=ours"]);
    until("the content", || (sweep()["state"] != "waiting_for_data").then_some(()));
    first.signal(Signal::TERM);
    first.wait().expect(0);
    let done = lab.history().succeeded().len();
    assert!(done < 2, "the first worker has left nothing to do");

    let mut second = lab.worker(&coordinator.url, "second", &["--data", "blobs=theirs"]);
    let line = second.says("no jobs of sweep `tiny`");
    assert!(line.contains("data set `blobs` has content") && line.contains("first offered by first"), "{line}");
    let mut empty = lab.worker(&coordinator.url, "empty", &[]);
    let line = empty.says("no folder is known");
    assert!(line.contains("--data blobs=PATH"), "{line}");
    for (name, words) in [("second", "has content"), ("empty", "no folder is known")] {
        until("the notice", || {
            let status = coordinator.status(&lab);
            let worker = status["workers"].as_array()?.iter().find(|worker| worker["name"] == name)?.clone();
            worker["notices"].to_string().contains(words).then_some(())
        });
        let text = lab.run(["status", "--coordinator", &coordinator.url]).expect(0).stdout;
        assert!(text.contains(words), "{text}");
    }

    let _third = lab.worker(&coordinator.url, "third", &["--data", "blobs=ours"]);
    coordinator.ended(&lab);
    let rows = lab.check_complete(2);
    assert!(rows.iter().all(|row| row["worker"] == "first" || row["worker"] == "third"), "{rows:?}");
    assert!(!second.stderr().contains("starts a job") && !empty.stderr().contains("starts a job"));
}

#[test]
fn a_data_set_that_is_mended_is_found_without_a_restart() {
    let lab = Lab::new();
    make(&lab, "ours", "1");
    lab.write(&tiny("bce", 2, 1).replace("format: synthetic, cases: 12, seed: 3", "format: ph2"));
    let mask = contents(&lab.path("ours")).into_keys().find(|path| path.to_str().unwrap().contains("lesion")).unwrap();
    let (mask, elsewhere) = (lab.path("ours").join(mask), lab.path("mask"));
    std::fs::rename(&mask, &elsewhere).unwrap();
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &[]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--data", "blobs=ours"]);
    worker.says("has no mask");
    std::fs::rename(&elsewhere, &mask).unwrap();
    worker.says("the data set can be read now");
    coordinator.ended(&lab);
    lab.check_complete(2);
}
