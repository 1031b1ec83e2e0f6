//! The weights that jobs keep: from the worker to whoever asks.

use crate::harness::{Browser, Lab, Process, contents, link, tiny};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn sweep() -> String {
    tiny("bce, dice", 2, 2) + "artifacts: {weights: best}\n"
}

fn files(lab: &Lab, folder: &str) -> BTreeSet<PathBuf> {
    contents(&lab.path(folder)).into_keys().collect()
}

#[test]
fn every_job_keeps_its_weights_beside_the_store() {
    let lab = Lab::new();
    lab.write(&sweep());
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    let rows = lab.check_complete(4);
    let printed = lab.run(["weights", "--out", "out"]).expect(0);
    let expected: BTreeSet<_> = rows.iter().map(|row| PathBuf::from(format!("{}.safetensors", row["job"]))).collect();
    assert_eq!(files(&lab, "out"), expected);
    assert_eq!(printed.stdout.lines().count(), 4);
    // the table and the page of a job name its file
    let kept = files(&lab, "sweeps.db.artifacts");
    let named: BTreeSet<_> = rows.iter().map(|row| PathBuf::from(&row["weights"])).collect();
    assert!(named.len() == 4 && named.is_subset(&kept), "{named:?}, {kept:?}");
    let page = ["page", "sweeps.db", "--page", "127.0.0.1:0"];
    let mut page = Process::start(&mut lab.command("coordinator", page));
    let browser = Browser::let_in(&link(&mut page));
    for row in &rows {
        let job = browser.page(&format!("/job/{}", row["job"])).body;
        assert!(job.contains(&row["weights"]) && job.contains("coordinator weights tiny "), "{job}");
    }
    lab.run(["weights", "tiny", "--best", "--out", "best"]).expect(0);
    let best = files(&lab, "best");
    assert!(best.len() == 2 && best.is_subset(&expected), "{best:?}");

    // a running coordinator sends the same
    let before = contents(&lab.path("out"));
    let coordinator = lab.serve(&[]);
    lab.run(["weights", "--out", "sent", "--coordinator", &coordinator.url]).expect(0);
    assert_eq!(contents(&lab.path("sent")), before);
    let named = ["--artifacts", "sweeps.db.artifacts", "--coordinator", &coordinator.url];
    lab.run(["weights", "--out", "named"].into_iter().chain(named)).expect(0);
    assert_eq!(contents(&lab.path("named")), before);

    let damaged = lab.path("sweeps.db.artifacts/weights");
    let (first, mut bytes) = contents(&damaged).pop_first().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(damaged.join(&first), &bytes).unwrap();
    let refused = lab.run(["weights", "--out", "x", "--coordinator", &coordinator.url]).expect(2).stderr;
    assert!(refused.contains("is damaged: its hash is") && refused.contains("run its job again"), "{refused}");
    fs::remove_file(damaged.join(&first)).unwrap();
    let missing = lab.run(["weights", "--out", "x", "--coordinator", &coordinator.url]).expect(2).stderr;
    assert!(missing.contains("the worker kept it at ") && missing.contains("--artifacts"), "{missing}");
}

#[test]
fn weights_that_nobody_asked_for_are_not_there() {
    let lab = Lab::new();
    lab.write(&tiny("bce", 1, 1));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    let refused = lab.run(["weights", "--out", "out"]).expect(2).stderr;
    assert!(refused.contains("no job has kept its weights: `artifacts: {weights: best}`"), "{refused}");
    assert!(!lab.path("out").exists() && !lab.path("sweeps.db.artifacts").exists());
    assert!(lab.rows("jobs").iter().all(|row| row["weights"].is_empty()));
    // the same jobs: they have their results already
    lab.write(&(tiny("bce", 1, 1) + "artifacts: {weights: best}\n"));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    assert_eq!(lab.history().granted().len(), 1, "keeping weights does not make another job");
}
