//! What a data set in a folder holds is said before anything is trained on it, by every program in the same words.

use crate::harness::{Lab, program, tiny};
use serde_json::Value;
use std::process::Command;

/// A lab with a data set in PH2's layout whose sweep file exchanges lesion and background.
fn inverted() -> Lab {
    let lab = Lab::new();
    let mut synthesize = Command::new(program("worker"));
    let made = synthesize.args(["synthesize", "--cases", "12", "--seed", "3", "--out"]).arg(lab.path("data")).output();
    assert!(made.unwrap().status.success());
    lab.write(&tiny("bce", 1, 1).replace("format: synthetic, cases: 12, seed: 3", "format: ph2, invert: true"));
    lab
}

const QUESTION: &str = "are the masks inverted? If they are, write `invert: true`";

#[test]
fn a_plan_says_what_the_data_set_holds() {
    let lab = inverted();
    let plan = lab.run(["plan", "sweep.yaml", "--data", "blobs=data"]).expect(0).stdout;
    for line in
        ["\ncases       12\n", "\nlesion      ", "\nmasks       0 empty, 0 full\n", "\nwarning: most masks cover"]
    {
        assert!(plan.contains(line), "`{line}` is not in\n{plan}");
    }
    assert!(plan.contains(QUESTION), "{plan}");
    let json = lab.run(["plan", "sweep.yaml", "--data", "blobs=data", "--format", "json"]).expect(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["data"]["cases"], &json["data"]["seems_inverted"]), (&12.into(), &true.into()));
    let without = lab.run(["plan", "sweep.yaml", "--format", "json"]).expect(0).stdout;
    assert!(!without.contains("seems_inverted"), "nobody has looked");
}

#[test]
fn a_local_sweep_and_its_workers_say_what_the_data_set_holds() {
    let lab = inverted();
    let arguments = ["--local-workers", "1", "--data", "blobs=data"];
    let mut coordinator = lab.sweep(&arguments);
    let said = coordinator.process.wait().expect(0).stderr;
    for words in ["blobs: lesion: ", "blobs: masks: 0 empty, 0 full", "warning: blobs: most masks cover", QUESTION] {
        assert_eq!(said.matches(words).count(), 1, "`{words}` in\n{said}");
    }
}
