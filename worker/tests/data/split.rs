//! Splits are disjoint, of the sizes asked for, and a function of the seed.

use proto::spec::{Scheme, Split};
use std::collections::BTreeSet;
use worker::data::split::{Subsets, assign};

const SPLIT: Split = Split { scheme: Scheme::Random, train: 100, validation: 50, test: 40 };

fn all(subsets: &Subsets) -> Vec<u32> {
    [&subsets.train[..], &subsets.validation, &subsets.test].concat()
}

#[test]
fn subsets_are_disjoint_and_of_the_right_sizes() {
    for seed in 0..50 {
        let subsets = assign(&SPLIT, 200, seed).unwrap();
        assert_eq!([subsets.train.len(), subsets.validation.len(), subsets.test.len()], [100, 50, 40]);
        let distinct: BTreeSet<_> = all(&subsets).into_iter().collect();
        assert_eq!(distinct.len(), 190);
        assert!(distinct.into_iter().all(|case| case < 200));
    }
}

#[test]
fn a_seed_gives_one_split() {
    assert_eq!(assign(&SPLIT, 200, 3), assign(&SPLIT, 200, 3));
    assert_ne!(assign(&SPLIT, 200, 3), assign(&SPLIT, 200, 4));
}

#[test]
fn subset_sizes_only_move_the_cuts() {
    let other = Split { train: 10, validation: 90, test: 100, ..SPLIT };
    let (one, other) = (assign(&SPLIT, 200, 3).unwrap(), assign(&other, 200, 3).unwrap());
    assert_eq!(all(&one), all(&other)[..190]);
}

#[test]
fn every_case_is_tested_equally_often() {
    let mut tested = [0u32; 20];
    let split = Split { train: 10, validation: 5, test: 5, ..SPLIT };
    for seed in 0..4000 {
        for case in assign(&split, 20, seed).unwrap().test {
            tested[case as usize] += 1;
        }
    }
    // binomial, 4000 draws at 1/4: mean 1000, standard deviation 27; five of them
    assert!(tested.iter().all(|count| count.abs_diff(1000) < 137), "{tested:?}");
}

/// A job's id holds its seed, not its cases, so a seed must mean the same cases in every release. The numbers are those of
/// `tests/reference/split.py`.
#[test]
fn the_split_of_a_seed_never_changes() {
    let split = Split { train: 4, validation: 3, test: 3, ..SPLIT };
    assert_eq!(all(&assign(&split, 10, 0).unwrap()), [8, 6, 9, 5, 0, 3, 2, 7, 1, 4]);
    assert_eq!(all(&assign(&SPLIT, 200, 3).unwrap())[..10], [146, 132, 13, 63, 35, 78, 127, 175, 96, 163]);
}

#[test]
fn subsets_larger_than_the_data_set_are_refused() {
    assert!(assign(&SPLIT, 190, 0).is_ok());
    let error = assign(&SPLIT, 189, 0).unwrap_err().to_string();
    assert!(error.contains("needs 190 cases (100 + 50 + 40)") && error.contains("has 189"), "{error}");
    let huge = Split { train: u32::MAX, validation: u32::MAX, test: u32::MAX, ..SPLIT };
    assert!(assign(&huge, 200, 0).unwrap_err().to_string().contains("needs 12884901885 cases"));
}
