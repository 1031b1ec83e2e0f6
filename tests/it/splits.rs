//! Splits that a sweep file describes by more than numbers: groups, folds, fixed test cases, and lists in files beside it.

use crate::harness::{Lab, Row, tiny};
use std::collections::{BTreeMap, BTreeSet};

/// What `tiny` says of the split of its twelve cases, and of the replicates.
const SPLIT: &str = "{scheme: random, train: 6, validation: 3, test: 3}";

/// Runs a sweep with this split to its end: the cases of each job by its split seed and subset.
fn run(lab: &Lab, split: &str, replicates: &str, jobs: usize) -> BTreeMap<(String, String), BTreeSet<String>> {
    let sweep = tiny("bce", 1, 1).replace(SPLIT, split).replace("{split_seeds: 1}", replicates);
    assert!(sweep.contains(split) && sweep.contains(replicates), "{sweep}");
    lab.write(&sweep);
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    lab.check_complete(jobs);
    let mut cases = BTreeMap::<_, BTreeSet<String>>::new();
    let of = |row: &Row, key: &str| row[key].clone();
    for row in lab.rows("cases") {
        cases.entry((of(&row, "split_seed"), of(&row, "subset"))).or_default().insert(of(&row, "case"));
    }
    cases
}

fn names(cases: &[u32]) -> BTreeSet<String> {
    cases.iter().map(|case| format!("SYN{case:03}")).collect()
}

#[test]
fn a_patients_images_are_in_one_subset() {
    let lab = Lab::new();
    let patients: String = (0..12).map(|case| format!("SYN{case:03},patient {}\n", case % 5)).collect();
    std::fs::write(lab.path("patients.csv"), format!("case,group\n{patients}")).unwrap();
    let split = "{train: 0.5, validation: 0.25, test: 0.25, groups: patients.csv}";
    let cases = run(&lab, split, "{split_seeds: 6}", 6);
    let patient = |case: &String| case[3..].parse::<u32>().unwrap() % 5;
    for seed in 0..6 {
        let of =
            |subset: &str| cases[&(seed.to_string(), subset.to_owned())].iter().map(patient).collect::<BTreeSet<_>>();
        assert!(of("validation").is_disjoint(&of("test")), "{cases:?}");
        let tested = &cases[&(seed.to_string(), "test".to_owned())];
        assert!(of("test").iter().all(|patient| (0..12).filter(|case| case % 5 == *patient).count() <= tested.len()));
    }
    // the file is not needed any more: the store has what it listed
    std::fs::remove_file(lab.path("patients.csv")).unwrap();
    assert!(lab.run(["jobs", "--format", "csv"]).expect(0).stdout.lines().count() == 7);
}

#[test]
fn folds_test_every_case_once_a_repeat() {
    let lab = Lab::new();
    let cases = run(&lab, "{scheme: kfold, folds: 3, repeats: 2}", "{init_seeds: 0}", 6);
    for repeat in 0..2 {
        let tested: Vec<_> =
            (0..3).flat_map(|fold| cases[&((3 * repeat + fold).to_string(), "test".to_owned())].clone()).collect();
        assert_eq!(tested.len(), 12);
        assert_eq!(tested.into_iter().collect::<BTreeSet<_>>(), names(&(0..12).collect::<Vec<_>>()));
    }
}

#[test]
fn listed_splits_and_fixed_test_cases_are_taken_as_they_are_listed() {
    let lab = Lab::new();
    let lists = r#"[{"train": ["SYN000", "SYN001"], "val": ["SYN005", "SYN007"]}, {"train": ["SYN005"], "val": ["SYN000", "SYN011"]}]"#;
    std::fs::write(lab.path("splits.json"), lists).unwrap();
    let sweep = tiny("bce, dice", 1, 1).replace(SPLIT, "{scheme: file, file: splits.json}");
    lab.write(&sweep.replace("replicates: {split_seeds: 1}", "objective: {subset: validation}"));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    lab.check_complete(4);
    for row in lab.rows("cases") {
        let expected = if row["split_seed"] == "0" { names(&[5, 7]) } else { names(&[0, 11]) };
        assert!(row["subset"] == "validation" && expected.contains(&row["case"]), "{row:?}");
    }

    let lab = Lab::new();
    std::fs::write(lab.path("test.txt"), "SYN003\nSYN009\n").unwrap();
    let cases = run(&lab, "{train: rest, validation: 3, test: test.txt}", "{split_seeds: 3}", 3);
    let tested: BTreeSet<_> =
        cases.iter().filter(|((_, subset), _)| subset == "test").map(|(_, cases)| cases).collect();
    assert_eq!(tested, [&names(&[3, 9])].into());
}

#[test]
fn lists_that_do_not_fit_are_refused_before_anything_is_stored() {
    let lab = Lab::new();
    std::fs::write(lab.path("patients.csv"), "case,group\nSYN000,a\n").unwrap();
    for (split, expected) in [
        ("{train: 6, validation: 3, test: 3, groups: patients.csv}", "no group for case `SYN001` (and 10 more)"),
        ("{train: 6, validation: 3, test: {pattern: X}}", "no case matches `split.test`'s pattern `X`"),
        ("{train: 6, validation: 3, test: nowhere.txt}", "`nowhere.txt`: cannot be read"),
        ("{scheme: kfold, folds: 13}", "13 folds are asked for, but there are 12 cases"),
    ] {
        lab.write(&tiny("bce", 1, 1).replace(SPLIT, split));
        let ended = lab.run(["--sweep", "sweep.yaml", "--local-workers", "1", "--listen", "127.0.0.1:0"]).expect(2);
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert!(!lab.store().exists());
    }
}
