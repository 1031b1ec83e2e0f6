//! How often each test cries wolf where groups of cases stay together, and where folds are tested in turn: 1,000 sweeps of two candidates
//! that do not differ, as in `null`. See the table with
//!
//! ```text
//! cargo test -p coordinator --lib schemes -- --nocapture
//! ```

use super::null::{Alike, normal, shuffled};
use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::{Candidate, CaseScore, Ended, Observation, Observations, Replicate};
use crate::stats::random::Random;
use rayon::prelude::*;

const SWEEPS: u64 = 1000;
const CASES: usize = 200;
/// Cases of a patient.
const GROUP: usize = 5;
const FOLDS: usize = 5;
const REPEATS: usize = 3;

/// How the 200 cases are divided.
#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    /// Whole groups are drawn, 10 of 40 to test, 12 times.
    Groups,
    /// Five folds of each of three permutations.
    Folds,
}

/// The test cases of each split.
fn tested(random: &mut Random, scheme: Scheme) -> Vec<Vec<usize>> {
    match scheme {
        Scheme::Groups => {
            let groups = |random: &mut Random| shuffled(random, CASES / GROUP)[..CASES / GROUP / 4].to_vec();
            let cases = |groups: Vec<usize>| groups.iter().flat_map(|g| g * GROUP..(g + 1) * GROUP).collect();
            (0..12).map(|_| cases(groups(random))).collect()
        }
        Scheme::Folds => {
            let folds = |order: Vec<usize>| order.chunks(CASES / FOLDS).map(<[usize]>::to_vec).collect::<Vec<_>>();
            (0..REPEATS).flat_map(|_| folds(shuffled(random, CASES))).collect()
        }
    }
}

/// Half of the variance of a case's effect is its group's.
fn effects(random: &mut Random, scheme: Scheme, alike: Alike) -> Vec<f64> {
    let of_groups: Vec<f64> = (0..CASES / GROUP).map(|_| normal(random)).collect();
    let shared = if scheme == Scheme::Groups { 0.5_f64.sqrt() } else { 0.0 };
    let own = (1.0 - shared * shared).sqrt();
    let mut effects: Vec<f64> =
        (0..CASES).map(|case| shared * of_groups[case / GROUP] + own * normal(random)).collect();
    if alike == Alike::OnThisPool {
        let mean = effects.iter().sum::<f64>() / CASES as f64;
        effects.iter_mut().for_each(|effect| *effect -= mean);
    }
    effects
}

fn sweep(scheme: Scheme, alike: Alike, seed: u64) -> Observations {
    let random = &mut Random::of(seed);
    let splits = tested(random, scheme);
    let ratio = splits[0].len() as f64 / (CASES - splits[0].len()) as f64;
    let candidate = || {
        let effects = effects(random, scheme, alike);
        let observation = |split: &Vec<usize>| {
            let mut cases: Vec<CaseScore> =
                split.iter().map(|case| CaseScore { case: *case as u32, score: effects[*case] }).collect();
            cases.sort_by_key(|case| case.case);
            let score = cases.iter().map(|case| case.score).sum::<f64>() / cases.len() as f64;
            Observation::Ended(Ended { score: Some(score), cases, ..Ended::default() })
        };
        Candidate { values: Vec::new(), observations: splits.iter().map(observation).collect() }
    };
    Observations {
        higher_is_better: true,
        candidates: std::iter::repeat_with(candidate).take(2).collect(),
        replicates: vec![Replicate::default(); splits.len()],
        ratio: Some(ratio),
        clusters: if scheme == Scheme::Groups {
            (0..CASES).map(|case| (case / GROUP) as u32).collect()
        } else {
            Vec::new()
        },
        ..Observations::default()
    }
}

const TESTS: [&str; 4] = ["this pool", "new cases", "new cases, groups not known", "new data"];

fn rejections(observations: &Observations) -> [bool; 4] {
    let numbers = |observations: &Observations| {
        let analysis = Analysis::of(observations, &Options::default());
        analysis.pairs.pairs.into_iter().find_map(|pair| pair.comparison).expect("two candidates are compared")
    };
    let found = numbers(observations);
    let blind = numbers(&Observations { clusters: Vec::new(), ..observations.clone() });
    let [cases, blind] = [&found, &blind].map(|found| found.new_cases.as_ref().map_or(1.0, |cases| cases.p));
    [found.p_this_pool, cases, blind, found.p_new_data].map(|p| p <= 0.05)
}

fn sizes(scheme: Scheme, alike: Alike) -> [f64; 4] {
    let counted = (0..SWEEPS).into_par_iter().map(|seed| rejections(&sweep(scheme, alike, seed)));
    let add = |counts: [u64; 4], found: [bool; 4]| {
        let mut counts = counts;
        counts.iter_mut().zip(found).for_each(|(count, found)| *count += u64::from(found));
        counts
    };
    let merge = |one: [u64; 4], other: [u64; 4]| std::array::from_fn(|test| one[test] + other[test]);
    counted.fold(|| [0; 4], add).reduce(|| [0; 4], merge).map(|count| count as f64 / SWEEPS as f64)
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what the simulation is for")]
fn groups_and_folds_keep_the_size_of_each_questions_test() {
    let show = |name: &str, scheme, alike| {
        let sizes = sizes(scheme, alike);
        let cells: Vec<_> = TESTS.iter().zip(sizes).map(|(test, size)| format!("{test} {size:.4}")).collect();
        println!("{name:<36} {}", cells.join("  "));
        sizes
    };
    println!("\nsize at a nominal .05, {SWEEPS} sweeps");
    let [pool, ..] = show("groups, alike on this pool", Scheme::Groups, Alike::OnThisPool);
    let [naive, grouped, blind, data] = show("groups, alike on new data", Scheme::Groups, Alike::OnNewData);
    let [folds_pool, ..] = show("folds, alike on this pool", Scheme::Folds, Alike::OnThisPool);
    let [_, folds_cases, _, folds_data] = show("folds, alike on new data", Scheme::Folds, Alike::OnNewData);
    // two standard errors of 1,000 sweeps are .014
    assert!((0.035..=0.065).contains(&pool), "{pool}");
    assert!(grouped <= 0.06 && data <= 0.06 && folds_cases <= 0.06 && folds_data <= 0.06);
    assert!(blind > 0.09 && naive > 0.25, "what groups are for: {blind}, {naive}");
    assert!(folds_pool <= 0.06, "the ease of cases cancels within a permutation: {folds_pool}");
}
