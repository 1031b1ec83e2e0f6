//! Replicates of real trainings: rotations, crossed seeds, and what comes with a result beside its scores.

use crate::harness::{Lab, Row, tiny};
use coordinator::results;
use coordinator::store::Reader;
use proto::ids::JobId;
use std::collections::{BTreeMap, BTreeSet};

/// Runs the sweep file to its end: its jobs.
fn run(lab: &Lab, sweep: &str, jobs: usize) -> Vec<Row> {
    lab.write(sweep);
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    lab.check_complete(jobs)
}

/// The distinct values of a column, by the value of another.
fn by<'a>(rows: &'a [Row], key: &str, column: &str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        values.entry(&row[key]).or_default().insert(&row[column]);
    }
    values
}

#[test]
fn a_permutation_tests_every_case_once_and_all_candidates_on_the_same() {
    let lab = Lab::new();
    let split = "{scheme: rotation, train: 6, validation: 3, test: 3, stratify: lesion_fraction}";
    let sweep = tiny("bce, dice", 4, 1).replace("{scheme: random, train: 6, validation: 3, test: 3}", split);
    let rows = run(&lab, &sweep, 8);
    let hashes = by(&rows, "split_seed", "split_hash");
    assert!(hashes.values().all(|of_split| of_split.len() == 1), "a split, a hash: {hashes:?}");
    assert_eq!(hashes.values().flatten().collect::<BTreeSet<_>>().len(), 4, "four splits: {hashes:?}");
    let cases = lab.rows("cases");
    for subset in ["validation", "test"] {
        for loss in ["bce", "dice"] {
            let of_loss = cases.iter().filter(|row| row["subset"] == subset && row["loss"] == loss);
            let mut counted: Vec<_> = of_loss.map(|row| row["case"].as_str()).collect();
            counted.sort_unstable();
            assert_eq!(counted.len(), 12);
            assert!(counted.is_sorted_by(|one, next| one < next), "{subset}: each case once: {counted:?}");
        }
    }
}

#[test]
fn crossed_seeds_share_their_splits_and_their_baselines() {
    let lab = Lab::new();
    let sweep = tiny("bce", 1, 1).replace("split_seeds: 1", "split_seeds: 2, init_seeds: 2, order_seeds: 1");
    let rows = run(&lab, &sweep, 4);
    let hashes = by(&rows, "init_seed", "split_hash");
    assert_eq!((hashes["0"].len(), &hashes["0"]), (2, &hashes["1"]));
    let losses: BTreeSet<_> = rows.iter().map(|row| &row["test_loss"]).collect();
    assert_eq!(losses.len(), 4, "other weights, other losses");

    let reader = Reader::open(&lab.store()).unwrap();
    let baselines = results::read(&reader, "").unwrap().baselines;
    let names: Vec<_> = baselines.iter().map(|row| (row.replicate, row.baseline.name())).collect();
    let expected = (0..4).flat_map(|replicate| ["all_foreground", "mean_mask", "otsu"].map(|name| (replicate, name)));
    assert_eq!(names, expected.collect::<Vec<_>>());
    // replicates 0 and 2 have the split 0
    assert!((0..3).all(|row| baselines[row].test == baselines[row + 6].test));
    assert_ne!(baselines[0].test, baselines[3].test);
    let cases = lab.rows("cases");
    let of_first = |row: &&Row| row["job"] == rows[0]["job"] && row["subset"] == "test";
    let lesion: Vec<u32> = cases.iter().filter(of_first).map(|row| number(row, "tp") + number(row, "fn")).collect();
    let mut everything = baselines[0].test.clone();
    everything.sort_by_key(|case| case.case);
    assert_eq!(
        everything.iter().map(|case| case.counts.tp).collect::<Vec<_>>(),
        lesion,
        "all foreground finds all of it"
    );
}

fn number(row: &Row, column: &str) -> u32 {
    row[column].parse().unwrap()
}

#[test]
fn the_first_replicate_brings_its_best_median_and_worst_case() {
    let lab = Lab::new();
    let rows = run(&lab, &tiny("bce, dice", 2, 1), 4);
    let reader = Reader::open(&lab.store()).unwrap();
    let artifacts = |row: &Row| reader.artifacts(row["job"].parse::<JobId>().unwrap()).unwrap();
    let cases = lab.rows("cases");
    for row in &rows {
        let shown: Vec<_> = artifacts(row).iter().map(|artifact| (artifact.rank, artifact.of, artifact.iou)).collect();
        if row["split_seed"] != "0" {
            assert_eq!(shown, []);
            continue;
        }
        let of_job = cases.iter().filter(|case| case["job"] == row["job"] && case["subset"] == "test");
        let mut ious: Vec<f64> = of_job.map(|case| case["iou"].parse().unwrap()).collect();
        ious.sort_by(|one, other| other.total_cmp(one));
        assert_eq!(shown, [(1, 3, ious[0]), (2, 3, ious[1]), (3, 3, ious[2])]);
        assert!(artifacts(row).iter().all(|artifact| artifact.png.starts_with(b"\x89PNG")));
    }
    // asking for other pictures does not make other jobs
    let none = tiny("bce, dice", 2, 1) + "artifacts: {examples: 0}\n";
    run(&lab, &none, 4);
    assert_eq!(lab.history().granted().len(), 4);
}
