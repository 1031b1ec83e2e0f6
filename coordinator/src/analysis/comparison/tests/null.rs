//! How often each test cries wolf: 2,000 sweeps of candidates that do not differ.
//!
//! 200 cases are split into 100 to train, 50 to validate and 50 to test, 12 times, for four candidates. The scores differ by what
//! each regime says. Two kinds of "do not differ" belong to the two questions: on new data, candidates' effects on cases have mean
//! zero over all cases there might be; on this pool, they sum to zero over these 200. See the table with
//!
//! ```text
//! cargo test -p coordinator --lib null -- --nocapture
//! ```

use crate::analysis::comparison::grid::Grid;
use crate::analysis::comparison::pairing::Pairing;
use crate::analysis::comparison::student::Students;
use crate::analysis::comparison::{Comparison, Family, Options};
use crate::analysis::observations::{Candidate, CaseScore, Ended, Observation, Observations, Replicate};
use crate::stats::paired::Moments;
use crate::stats::random::Random;
use rayon::prelude::*;
use std::collections::BTreeMap;

const SWEEPS: u64 = 2000;
const CASES: usize = 200;
const TRAIN: usize = 100;
const TEST: usize = 50;
const SPLITS: usize = 12;
const CANDIDATES: usize = 4;

/// Standard deviations of what makes candidates' scores differ: by case tested, by run, by case trained on. The first is of a case,
/// the others of a split's score, in units of what cases tested make of it.
#[derive(Clone, Copy)]
struct Regime {
    name: &'static str,
    cases: f64,
    runs: f64,
    training: f64,
}

const REGIMES: [Regime; 4] = [
    Regime { name: "image effects", cases: 1.0, runs: 0.0, training: 0.0 },
    Regime { name: "image effects, runs", cases: 1.0, runs: 1.0, training: 0.0 },
    Regime { name: "image effects, training sets", cases: 1.0, runs: 0.0, training: 1.0 },
    Regime { name: "runs only", cases: 0.0, runs: 1.0, training: 0.0 },
];

/// In which sense the candidates are alike.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Alike {
    OnNewData,
    OnThisPool,
}

pub(super) fn normal(random: &mut Random) -> f64 {
    // Box and Muller; one of the two is enough
    let uniform = |random: &mut Random| (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
    let (u, v) = (1.0 - uniform(random), uniform(random));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// An effect of each case; on this pool they sum to zero.
fn effects(random: &mut Random, alike: Alike) -> Vec<f64> {
    let mut effects: Vec<f64> = (0..CASES).map(|_| normal(random)).collect();
    if alike == Alike::OnThisPool {
        let mean = effects.iter().sum::<f64>() / CASES as f64;
        effects.iter_mut().for_each(|effect| *effect -= mean);
    }
    effects
}

pub(super) fn shuffled(random: &mut Random, cases: usize) -> Vec<usize> {
    let mut cases: Vec<usize> = (0..cases).collect();
    for last in (1..cases.len()).rev() {
        cases.swap(last, random.below(last + 1));
    }
    cases
}

fn sweep(regime: Regime, alike: Alike, seed: u64) -> Observations {
    let random = &mut Random::of(seed);
    let splits: Vec<Vec<usize>> = (0..SPLITS).map(|_| shuffled(random, CASES)).collect();
    // a mean over so many of the pool's cases, drawn without replacement, has this deviation by unit of theirs
    let of_mean = |n: usize| ((1.0 - n as f64 / CASES as f64) / n as f64).sqrt();
    let unit = of_mean(TEST);
    let candidate = || {
        let (tested, trained) = (effects(random, alike), effects(random, alike));
        let observations = splits.iter().map(|split| {
            let training = split[..TRAIN].iter().map(|case| trained[*case]).sum::<f64>() / TRAIN as f64;
            let shift = unit * (regime.runs * normal(random) + regime.training * training / of_mean(TRAIN));
            let mut cases: Vec<usize> = split[CASES - TEST..].to_vec();
            cases.sort_unstable();
            let score = |case: &usize| CaseScore { case: *case as u32, score: regime.cases * tested[*case] + shift };
            let cases: Vec<CaseScore> = cases.iter().map(score).collect();
            let score = cases.iter().map(|case| case.score).sum::<f64>() / TEST as f64;
            Observation::Ended(Ended { score: Some(score), cases, ..Ended::default() })
        });
        Candidate { values: Vec::new(), observations: observations.collect() }
    };
    Observations {
        higher_is_better: true,
        candidates: std::iter::repeat_with(candidate).take(CANDIDATES).collect(),
        replicates: vec![Replicate::default(); SPLITS],
        ..Observations::default()
    }
}

fn family(observations: &Observations) -> Family {
    let options = Options::default();
    let grid = Grid::of(observations, None);
    let students = Students::new(SPLITS, options.alpha);
    let count = CANDIDATES as u32;
    let pairs: Vec<_> = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
    Pairing { grid: &grid, students: &students, options: &options, ratio: 0.5, reaches_new_data: true, rope: 0.01 }
        .family(&pairs, |_| true)
        .family
}

/// The tests: of the first pair, then of any pair after a correction.
fn rejections(family: &Family) -> [(&'static str, bool); 10] {
    let numbers: Vec<&Comparison> = family.pairs.iter().filter_map(|pair| pair.comparison.as_ref()).collect();
    let first = numbers[0];
    let moments = Moments { n: SPLITS, mean: first.mean, sd: first.sd };
    let any = |p: fn(&Comparison) -> f64| numbers.iter().any(|numbers| p(numbers) <= 0.05);
    [
        ("naive t", first.p_this_pool <= 0.05),
        ("sign flips", first.p_flip <= 0.05),
        ("Wilcoxon", first.p_wilcoxon <= 0.05),
        ("NB 1/3", moments.p(1.0 / 3.0) <= 0.05),
        ("NB 1/2", first.p_new_data <= 0.05),
        ("NB 1", moments.p(1.0) <= 0.05),
        ("case x split", first.new_cases.is_some_and(|clustered| clustered.p <= 0.05)),
        ("posterior", first.posterior.better.max(first.posterior.worse) >= 0.975),
        ("any: max-T", any(|numbers| numbers.p_max_t)),
        ("any: NB 1/2, Holm", any(|numbers| numbers.p_holm)),
    ]
}

/// The share of sweeps in which each test rejects.
fn sizes(regime: Regime, alike: Alike) -> BTreeMap<&'static str, f64> {
    let counted = (0..SWEEPS).into_par_iter().map(|seed| rejections(&family(&sweep(regime, alike, seed))));
    let add = |mut sizes: BTreeMap<&'static str, f64>, rejections: [(&'static str, bool); 10]| {
        for (name, rejected) in rejections {
            *sizes.entry(name).or_default() += f64::from(u8::from(rejected)) / SWEEPS as f64;
        }
        sizes
    };
    let merge = |mut sizes: BTreeMap<&'static str, f64>, other: BTreeMap<&'static str, f64>| {
        for (name, size) in other {
            *sizes.entry(name).or_default() += size;
        }
        sizes
    };
    counted.fold(BTreeMap::new, add).reduce(BTreeMap::new, merge)
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what the simulation is for")]
fn the_size_of_each_test_is_what_its_question_promises() {
    let names = rejections(&family(&sweep(REGIMES[0], Alike::OnNewData, 0))).map(|(name, _)| name);
    let mut table = BTreeMap::new();
    for (alike, question) in [(Alike::OnThisPool, "this pool"), (Alike::OnNewData, "new data")] {
        println!("\nsize at a nominal .05, {SWEEPS} sweeps, candidates alike on {question}");
        for (index, regime) in REGIMES.into_iter().enumerate() {
            let sizes = sizes(regime, alike);
            let cells: Vec<_> = names.iter().map(|name| format!("{name} {:.3}", sizes[name])).collect();
            println!("{:<30} {}", regime.name, cells.join("  "));
            table.insert((question, index), sizes);
        }
    }
    let size = |question, regime, test| table[&(question, regime)][test];
    // two standard errors of 2,000 sweeps are .01
    for (index, regime) in REGIMES.iter().enumerate() {
        for test in ["naive t", "sign flips", "Wilcoxon", "any: max-T"] {
            let size = size("this pool", index, test);
            assert!((0.03..=0.065).contains(&size), "{test}, {}: {size}", regime.name);
        }
    }
    for test in ["NB 1/3", "NB 1/2", "case x split", "any: NB 1/2, Holm"] {
        let size = size("new data", 0, test);
        assert!(size <= 0.06, "{test}: {size}");
    }
    assert!(size("new data", 0, "NB 1/3") >= 0.03, "it is the right ratio for image effects, not a timid one");
    assert!(size("new data", 0, "naive t") > 0.25, "the simulation shows what the correction is for");
    assert!(size("new data", 2, "NB 1/2") > 0.06, "effects of training sets are beyond it: the report must say so");
}
