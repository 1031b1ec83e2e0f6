//! Splits are disjoint, of the sizes asked for, and a function of the seed.

use proto::ids::ContentHash;
use proto::spec::{Scheme, Split, Stratify};
use std::collections::BTreeSet;
use worker::data::split::{self, Pool, SplitError, Subsets};

const SPLIT: Split = Split {
    scheme: Scheme::Random,
    train: 100,
    validation: 50,
    test: 40,
    stratify: Stratify::None,
    folds: 0,
    partition: None,
};
const ROTATION: Split = Split { scheme: Scheme::Rotation, train: 20, validation: 10, test: 10, ..SPLIT };

/// Splits cases whose lesions do not matter.
fn assign(split: &Split, cases: usize, seed: u64) -> Result<Subsets, SplitError> {
    split::assign(split, &Pool::of_size(cases), seed)
}

/// Cases of which only the areas of their lesions are known.
fn of_areas(areas: &[u32]) -> Pool {
    Pool { areas: areas.to_vec(), ..Pool::default() }
}

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

#[test]
fn a_permutation_gives_four_rotations_that_test_each_case_once() {
    for permutation in 0..5 {
        let turns: Vec<_> =
            (4 * permutation..4 * permutation + 4).map(|seed| assign(&ROTATION, 40, seed).unwrap()).collect();
        for turn in &turns {
            assert_eq!([turn.train.len(), turn.validation.len(), turn.test.len()], [20, 10, 10]);
            assert_eq!(all(turn).into_iter().collect::<BTreeSet<_>>(), (0..40).collect());
        }
        for subset in [|turn: &Subsets| turn.test.clone(), |turn: &Subsets| turn.validation.clone()] {
            let mut cases: Vec<_> = turns.iter().flat_map(subset).collect();
            cases.sort_unstable();
            assert_eq!(cases, (0..40).collect::<Vec<_>>(), "each case once");
        }
    }
    assert_ne!(assign(&ROTATION, 40, 0), assign(&ROTATION, 40, 4), "another permutation");
}

/// As for `random`, the numbers are those of `tests/reference/split.py`.
#[test]
fn the_rotation_of_a_seed_never_changes() {
    let split = Split { train: 4, validation: 2, test: 2, ..ROTATION };
    assert_eq!(all(&assign(&split, 8, 5).unwrap()), [5, 3, 2, 6, 0, 7, 1, 4]);
    assert_eq!(all(&assign(&split, 10, 5).unwrap()), [5, 3, 2, 6, 0, 9, 1, 4]);
}

#[test]
fn cases_beyond_the_blocks_are_left_out_of_every_permutation() {
    let tested = |permutation: u64| -> BTreeSet<u32> {
        (0..4).flat_map(|turn| assign(&ROTATION, 43, 4 * permutation + turn).unwrap().test).collect()
    };
    let pool = tested(0);
    assert_eq!(pool.len(), 40);
    assert!((1..20).all(|permutation| tested(permutation) == pool));
}

#[test]
fn a_rotation_needs_equal_blocks() {
    for (train, validation, test) in [(20, 10, 9), (10, 10, 10), (0, 0, 0)] {
        let error = assign(&Split { train, validation, test, ..ROTATION }, 40, 0).unwrap_err();
        assert!(matches!(error, SplitError::UnequalBlocks { .. }), "{error}");
    }
    assert!(matches!(assign(&ROTATION, 39, 0), Err(SplitError::TooFew { .. })));
}

#[test]
fn folds_are_tested_in_turn_and_test_each_case_once() {
    for (cases, folds) in [(23, 5), (10, 10), (9, 2)] {
        for permutation in 0..4 {
            let split = |seed: u64| {
                let base = Split { scheme: Scheme::KFold, folds, ..SPLIT };
                let turn = seed % u64::from(folds);
                let test = (base.fold_start(turn + 1, cases) - base.fold_start(turn, cases)) as u32;
                Split { validation: 2, test, train: cases as u32 - test - 2, ..base }
            };
            let first = permutation * u64::from(folds);
            let turns: Vec<_> = (first..first + u64::from(folds))
                .map(|seed| (split(seed), assign(&split(seed), cases as usize, seed).unwrap()))
                .collect();
            for (split, turn) in &turns {
                let sizes = [turn.train.len(), turn.validation.len(), turn.test.len()];
                assert_eq!(sizes, [split.train, split.validation, split.test].map(|size| size as usize));
                assert_eq!(all(turn).into_iter().collect::<BTreeSet<_>>(), (0..cases as u32).collect());
            }
            let tested: BTreeSet<_> = turns.iter().flat_map(|(_, turn)| turn.test.clone()).collect();
            assert_eq!(tested.len(), cases as usize);
        }
    }
}

/// The numbers are those of `tests/reference/split.py`.
#[test]
fn the_folds_and_the_groups_of_a_seed_never_change() {
    let split = Split { scheme: Scheme::KFold, folds: 3, train: 5, validation: 2, test: 4, ..SPLIT };
    let Subsets { train, validation, test } = assign(&split, 11, 4).unwrap();
    assert_eq!((train, validation, test), (vec![0, 4, 1, 8, 7], vec![9, 3], vec![6, 10, 2, 5]));
    let groups = vec![0, 0, 1, 2, 2, 2, 3, 4, 4, 5];
    let split = Split { train: 5, validation: 2, test: 3, ..SPLIT };
    let subsets = split::assign(&split, &Pool { groups, ..Pool::of_size(10) }, 1).unwrap();
    assert_eq!((subsets.train, subsets.validation), (vec![2, 3, 4, 5, 0, 1], vec![9, 6]));
    assert_eq!(subsets.test, [7, 8]);
}

#[test]
fn groups_stay_together_and_the_sizes_are_met_as_nearly_as_that_allows() {
    // groups of 1 to 4 cases, not in the order of the cases
    let groups: Vec<u32> = (0..200).map(|case| case * 7 % 80).collect();
    let areas = (0..200).map(|case| case * 7919 % 83).collect();
    let pool = Pool { groups: groups.clone(), areas, ..Pool::default() };
    let kfold = Split { scheme: Scheme::KFold, folds: 4, train: 100, validation: 50, test: 50, ..SPLIT };
    for split in [Split { test: 50, ..SPLIT }, SPLIT, kfold, Split { stratify: Stratify::LesionFraction, ..kfold }] {
        for seed in 0..40 {
            let subsets = split::assign(&split, &pool, seed).unwrap();
            let of = |subset: &[u32]| subset.iter().map(|case| groups[*case as usize]).collect::<BTreeSet<_>>();
            let [train, validation, test] = [&subsets.train, &subsets.validation, &subsets.test].map(|cases| of(cases));
            assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
            let met = |subset: &[u32], size: u32| (subset.len() as u32).abs_diff(size) <= 4;
            assert!(met(&subsets.validation, split.validation) && met(&subsets.test, split.test), "{subsets:?}");
            let distinct: BTreeSet<_> = all(&subsets).into_iter().collect();
            assert_eq!(distinct.len(), all(&subsets).len());
            if split.total() == 200 {
                assert_eq!(distinct.len(), 200, "no case is left out");
            }
        }
    }
    let pool = Pool { groups: vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 1], ..Pool::of_size(10) };
    let split = Split { train: 5, validation: 2, test: 3, ..SPLIT };
    assert_eq!(split::assign(&split, &pool, 0), Err(SplitError::TooFewGroups { groups: 2 }));
    let rotation = Split { train: 4, validation: 2, test: 2, ..ROTATION };
    assert_eq!(split::assign(&rotation, &pool, 0), Err(SplitError::MarkedRotation));
}

#[test]
fn fixed_cases_are_tested_always_and_listed_cases_are_taken_as_they_are_listed() {
    let fixed: Vec<u32> = vec![3, 7, 11, 12];
    let pool = Pool { fixed_test: fixed.clone(), ..Pool::of_size(20) };
    let split = Split { train: 10, validation: 6, test: 4, ..SPLIT };
    let subsets: Vec<_> = (0..20).map(|seed| split::assign(&split, &pool, seed).unwrap()).collect();
    assert!(subsets.iter().all(|subsets| subsets.test == fixed && all(subsets).len() == 20));
    assert!(subsets.iter().all(|subsets| subsets.train.iter().all(|case| !fixed.contains(case))));
    assert_ne!(subsets[0].train, subsets[1].train);

    let hash = ContentHash(5);
    let listed = [(hash, [vec![4, 0], vec![], vec![2]])].into();
    let pool = Pool { partitions: listed, ..Pool::of_size(5) };
    let split = Split { scheme: Scheme::File, train: 2, validation: 0, test: 1, partition: Some(hash), ..SPLIT };
    let subsets = split::assign(&split, &pool, 9).unwrap();
    assert_eq!(subsets, Subsets { train: vec![4, 0], validation: vec![], test: vec![2] });
    let other = Split { partition: Some(ContentHash(6)), ..split };
    assert_eq!(split::assign(&other, &pool, 9), Err(SplitError::NoPartition { split_seed: 9 }));
}

/// How many cases of each fifth, by area, are in the subset.
fn fifths(areas: &[u32], subset: &[u32]) -> [usize; 5] {
    let mut by_area: Vec<u32> = (0..areas.len() as u32).collect();
    by_area.sort_by_key(|&case| (areas[case as usize], case));
    let mut counts = [0; 5];
    for (rank, case) in by_area.iter().enumerate() {
        counts[5 * rank / areas.len()] += usize::from(subset.contains(case));
    }
    counts
}

#[test]
fn stratified_subsets_have_every_lesion_size_in_proportion() {
    // many cases of equal area among them
    let areas: Vec<u32> = (0..200).map(|case| (case * 7919 % 83) * (case % 7)).collect();
    let mut chance = 0;
    for seed in 0..40 {
        for scheme in [Scheme::Random, Scheme::Rotation] {
            let split = Split { scheme, test: 50, stratify: Stratify::LesionFraction, ..SPLIT };
            let subsets = split::assign(&split, &of_areas(&areas), seed).unwrap();
            assert_eq!(fifths(&areas, &subsets.train), [20; 5]);
            assert_eq!(fifths(&areas, &subsets.validation), [10; 5]);
            assert_eq!(fifths(&areas, &subsets.test), [10; 5]);
            let plain = split::assign(&Split { stratify: Stratify::None, ..split }, &of_areas(&areas), seed).unwrap();
            chance += usize::from(fifths(&areas, &plain.test) != [10; 5]);
        }
    }
    assert!(chance > 70, "chance alone does not do that: {chance} of 80");
    // where the bins do not divide evenly, no bin is off by more than a case at either end of the subset
    let split = Split { train: 31, validation: 17, test: 23, stratify: Stratify::LesionFraction, ..SPLIT };
    for seed in 0..40 {
        let test = split::assign(&split, &of_areas(&areas[..83]), seed).unwrap().test;
        let off = fifths(&areas[..83], &test).map(|count| (count as f64 - 23.0 / 5.0).abs());
        assert!(off.iter().all(|off| *off < 2.0), "{off:?}");
    }
}

#[test]
fn stratified_subsets_are_still_drawn_by_chance() {
    let areas: Vec<u32> = (0..20).collect();
    let split = Split { train: 10, validation: 5, test: 5, stratify: Stratify::LesionFraction, ..SPLIT };
    let mut tested = [0u32; 20];
    for seed in 0..4000 {
        for case in split::assign(&split, &of_areas(&areas), seed).unwrap().test {
            tested[case as usize] += 1;
        }
    }
    assert!(tested.iter().all(|count| count.abs_diff(1000) < 137), "{tested:?}");
}

#[test]
fn a_split_hash_tells_subsets_apart_and_not_their_order() {
    let subsets = Subsets { train: vec![3, 1], validation: vec![0], test: vec![2] };
    let hash = |subsets: &Subsets| subsets.hash(ContentHash(7));
    let turned = Subsets { train: vec![1, 3], ..subsets.clone() };
    let moved = Subsets { train: vec![3], validation: vec![0, 1], ..subsets.clone() };
    assert_eq!(hash(&subsets), hash(&turned));
    assert_ne!(hash(&subsets), hash(&moved));
    assert_ne!(hash(&subsets), subsets.hash(ContentHash(8)), "other images");
    // tests/reference/split.py
    assert_eq!(hash(&subsets).to_string(), "e35d86d6e2fa211fe5317f221c76ee5c");
}
