//! The section `split` of sweep files: which cases replicates train on and test, and what is said about wrong ones.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use coordinator::plan::{Plan, parse};
use proto::data::Inventory;
use proto::ids::ContentHash;
use proto::spec::{Scheme, Stratify};

const HEAD: &str = "sweep: s\ndataset: {name: ph2, format: ph2}\n";

#[track_caller]
fn plan(rest: &str) -> Plan {
    parse("sweep.yaml", &format!("{HEAD}{rest}")).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn splits_rotate_and_are_stratified_on_demand() {
    let split = |text: &str| plan(&format!("split: {text}")).candidates[0].template.split;
    let rotation = split("{scheme: rotation, train: 80, validation: 40, test: 40}");
    assert_eq!((rotation.scheme, rotation.train, rotation.stratify), (Scheme::Rotation, 80, Stratify::None));
    assert_eq!(split("{stratify: lesion_fraction}").stratify, Stratify::LesionFraction);
    assert_eq!(split("{stratify: none}"), split("{}"));
}

/// A data set of that many cases.
fn data(cases: usize) -> Inventory {
    Inventory::new(ContentHash(1), (0..cases).map(|case| format!("P{}_{case}", case / 2)).collect())
}

#[test]
fn shares_of_a_data_set_are_the_same_jobs_as_numbers_of_cases() {
    let ids = |split: &str| -> Vec<_> {
        let plan = plan(&format!("split: {split}\nreplicates: {{split_seeds: 3}}"));
        plan.queue().map(|(candidate, replicate)| plan.job(candidate, replicate, &data(80)).id()).collect()
    };
    let counts = ids("{train: 40, validation: 20, test: 20}");
    for same in ["{train: 0.5, validation: 0.25, test: 0.25}", "{train: rest, validation: 20, test: 0.25}"] {
        assert_eq!(ids(same), counts, "{same}");
    }
    assert_ne!(ids("{train: 0.5, validation: 0.25, test: 0.2}"), counts);
}

#[test]
fn folds_and_listed_splits_are_the_replicates_unless_the_file_names_others() {
    let seeds = |text: &str| plan(text).replicates.iter().map(|seeds| seeds.split_seed).collect::<Vec<_>>();
    let folds = "split: {scheme: kfold, folds: 3, repeats: 2}";
    assert_eq!(seeds(folds), (0..6).collect::<Vec<_>>());
    assert_eq!(seeds(&format!("{folds}\nreplicates: {{init_seeds: 0}}")), (0..6).collect::<Vec<_>>());
    assert_eq!(seeds(&format!("{folds}\nreplicates: {{split_seeds: [1, 4]}}")), [1, 4]);
    let listed = r#"split: {scheme: file, file: '{"2": {"train": ["P0_0"], "test": ["P0_1"]}, "5": {"train": ["P0_1"], "test": ["P1_2"]}}'}"#;
    assert_eq!(seeds(listed), [2, 5]);
    let plan = plan(listed);
    let split = |replicate| plan.split(replicate, &data(4)).unwrap();
    assert_eq!((split(0).train, split(0).validation, split(0).test), (1, 0, 1));
    assert_ne!(split(0).partition, split(1).partition, "each split has its own cases, and so its own job");
}

#[test]
fn mistakes_of_a_split_have_their_place_and_their_remedy() {
    for (split, expected) in [
        ("{train: 10, validation: 5}", "the size of the test subset is missing"),
        ("{train: rest, validation: rest, test: 5}", "`train` has the rest already"),
        ("{train: 0.7, validation: 0.2, test: 0.2}", "the shares add up to 110 %"),
        ("{train: 1.5, validation: 2, test: 2}", "expected a whole number from 1"),
        ("{scheme: kfold}", "missing key `folds`"),
        ("{scheme: kfold, folds: 1}", "1 is out of range"),
        ("{scheme: kfold, folds: 5, test: 10}", "the scheme is `kfold`, this key belongs to random or rotation"),
        ("{folds: 5}", "the scheme is `random`, this key belongs to kfold"),
        ("{scheme: rotation, train: 0.5, validation: 0.25, test: 0.25}", "blocks of a rotation are given as numbers"),
        ("{scheme: rotation, train: 4, validation: 2, test: 2, groups: {pattern: x}}", "belongs to random or kfold"),
        ("{groups: {pattern: '('}}", "is not a regular expression"),
        ("{groups: patients.csv}", "its content does not come with the sweep file"),
        ("{scheme: file, file: '[1]'}", "invalid type"),
        ("{scheme: file}", "missing key `file`"),
    ] {
        let text = parse("s.yaml", &format!("sweep: s\ndataset: {{name: d, format: ph2}}\nsplit: {split}\n"));
        let text = text.unwrap_err().to_string();
        assert!(text.contains(expected) && text.contains("--> s.yaml:3:"), "{expected}: {text}");
    }
    let text = "sweep: s\ndataset: {name: d, format: synthetic, cases: 4}\nsplit: {scheme: kfold, folds: 5}\n";
    let text = parse("s.yaml", text).unwrap_err().to_string();
    assert!(text.contains("5 folds are asked for, but there are 4 cases"), "{text}");
}
