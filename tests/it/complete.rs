//! From a file to a table, with real training; what is done is not done again.

use crate::harness::{Ended, Lab, tiny};

/// Runs the sweep file to its end.
fn run(lab: &Lab) -> Ended {
    lab.sweep(&["--local-workers", "2"]).process.wait().expect(0)
}

#[test]
fn a_sweep_runs_to_its_table_and_only_new_jobs_run_again() {
    let lab = Lab::new();
    lab.write(&tiny("bce, dice", 2, 2));
    let first = run(&lab);
    assert_eq!(first.stdout, lab.table("candidates", "table"), "the standard output is the table and nothing else");
    assert!(first.stderr.contains("complete after"), "{}", first.stderr);
    let rows = lab.check_complete(4);
    for row in &rows {
        assert_eq!(
            (row["attempts"].as_str(), row["epochs"].as_str(), row["init_seed"].as_str()),
            ("1", "2", row["split_seed"].as_str())
        );
        let score: f64 = row["test_iou"].parse().unwrap();
        assert!((0.0..=1.0).contains(&score) && row["device"].contains("cpu"), "{row:?}");
    }
    assert_eq!(lab.rows("measurements").len(), 4 * 2);
    assert_eq!(lab.rows("cases").len(), 4 * (3 + 3));

    let tables = |lab: &Lab| ["jobs", "cases", "measurements"].map(|rows| lab.table(rows, "csv"));
    let (before, history) = (tables(&lab), lab.history());
    let second = run(&lab);
    assert_eq!(second.stdout, first.stdout, "the same table, byte for byte");
    assert_eq!(tables(&lab), before, "nothing was trained, nothing was changed");
    assert_eq!(lab.history().granted(), history.granted());

    lab.write(&tiny("bce, dice", 3, 2));
    run(&lab);
    let more = lab.check_complete(6);
    assert_eq!(lab.history().granted().len(), 6, "only the jobs of the new seed ran");
    for row in &rows {
        assert!(more.contains(row), "{row:?} has changed");
    }
}

#[test]
fn jobs_are_shared_by_sweeps_that_want_the_same() {
    let lab = Lab::new();
    lab.write(&tiny("bce, dice", 1, 1));
    run(&lab);
    lab.write(&tiny("bce", 1, 1).replace("sweep: tiny", "sweep: other"));
    run(&lab);
    assert_eq!(lab.rows("jobs").len(), 1);
    assert_eq!(lab.history().granted().len(), 2, "the other sweep's only job had been run");
}
