//! A family of which some pairs are kept.

use crate::analysis::comparison::grid::Grid;
use crate::analysis::comparison::options::Options;
use crate::analysis::comparison::pairing::{Pairing, RowPair};
use crate::analysis::comparison::student::Students;
use crate::analysis::observations::{Candidate, Observation, Observations, Replicate};
use crate::stats::random::Random;

const CANDIDATES: usize = 12;
const SPLITS: usize = 5;

/// Candidates with made-up scores; one job in `missing` has not ended.
fn observations(missing: usize) -> Observations {
    let mut random = Random::of(7);
    let mut observation = |level: f64| match random.below(missing) {
        0 => Observation::Missing,
        _ => Observation::scored(level + random.below(1000) as f64 / 5000.0),
    };
    let candidate = |index: usize| Candidate {
        values: Vec::new(),
        observations: (0..SPLITS).map(|_| observation(0.02 * index as f64)).collect(),
    };
    Observations {
        higher_is_better: true,
        candidates: (0..CANDIDATES).map(candidate).collect(),
        replicates: vec![Replicate::default(); SPLITS],
        ..Observations::default()
    }
}

#[test]
fn a_pair_has_the_same_numbers_whether_all_pairs_are_kept_or_only_those_with_one_candidate() {
    // of every second job, some pairs share fewer than two splits
    for missing in [2, 4, 1_000_000] {
        let (options, grid) = (Options::default(), Grid::of(&observations(missing), None));
        let students = Students::new(SPLITS, options.alpha);
        let pairing = Pairing {
            grid: &grid,
            students: &students,
            options: &options,
            ratio: 0.5,
            reaches_new_data: true,
            rope: 0.01,
        };
        let count = CANDIDATES as u32;
        let pairs: Vec<RowPair> = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let all = pairing.family(&pairs, |_| true);
        let some = pairing.family(&pairs, |(a, b)| a == 3 || b == 3);
        assert_eq!((all.typical_sd, all.tested, all.family.flips), (some.typical_sd, some.tested, some.family.flips));
        assert_eq!((all.family.is_whole(), some.family.is_whole()), (true, false));
        let of_three = all.family.pairs.iter().filter(|pair| pair.first == 3 || pair.second == 3);
        assert!(of_three.eq(&some.family.pairs), "{missing}");
        assert_eq!(some.family.pairs.len(), CANDIDATES - 1);
        let compared = all.family.pairs.iter().filter(|pair| pair.comparison.is_some()).count();
        assert_eq!(compared, all.tested);
        assert!(missing > 2 || compared < pairs.len(), "some pairs are not compared");
    }
}
