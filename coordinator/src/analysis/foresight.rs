//! Which differences a sweep will tell apart, before it runs: the power of its tests, from the numbers of its splits and candidates.

use super::comparison::MIN_SPLITS;
use crate::stats::power::detectable;
use crate::text::{measured, plural};
use serde::Serialize;

/// Numbers of splits that a table has beside the sweep's own.
const USUAL_SPLITS: [usize; 8] = [5, 8, 10, 12, 15, 20, 30, 100];

/// What decides before a sweep how small a difference it can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Number of different splits that every candidate has.
    pub splits: usize,
    /// Number of candidates.
    pub candidates: usize,
    /// Test cases by the other cases of the pool, or by training cases if the pool is not known.
    pub ratio: f64,
    /// Level of the tests.
    pub alpha: f64,
    /// Power at which a difference counts as told apart.
    pub power: f64,
}

/// The least true difference that a number of splits tells apart, in standard deviations of a pair's differences over splits. `None`
/// where so few splits show nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ToldApart {
    /// Number of splits.
    pub splits: usize,
    /// Between a pair by itself, on this pool.
    pub this_pool: Option<f64>,
    /// Between one of all pairs (Bonferroni), on this pool.
    pub this_pool_all_pairs: Option<f64>,
    /// Between a pair by itself, on new data.
    pub new_data: Option<f64>,
    /// Between one of all pairs (Bonferroni), on new data.
    pub new_data_all_pairs: Option<f64>,
}

impl Design {
    /// Number of pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.candidates * self.candidates.saturating_sub(1) / 2
    }

    /// What the sweep tells apart if it has that many splits.
    #[must_use]
    pub fn with(&self, splits: usize) -> ToldApart {
        let Self { alpha, power, ratio, .. } = *self;
        let one_of_all = alpha / self.pairs().max(1) as f64;
        let enough = splits >= MIN_SPLITS;
        let least = |ratio: f64, level: f64| enough.then(|| detectable(splits, ratio, level, power));
        let [this_pool, this_pool_all_pairs] = [alpha, one_of_all].map(|level| least(0.0, level));
        let [new_data, new_data_all_pairs] = [alpha, one_of_all].map(|level| least(ratio, level));
        ToldApart { splits, this_pool, this_pool_all_pairs, new_data, new_data_all_pairs }
    }

    /// [`Design::with`] for the usual numbers of splits and the sweep's own, in ascending order.
    #[must_use]
    pub fn table(&self) -> Vec<ToldApart> {
        let mut splits = USUAL_SPLITS.to_vec();
        splits.extend((self.splits > 1).then_some(self.splits));
        splits.sort_unstable();
        splits.dedup();
        splits.into_iter().map(|splits| self.with(splits)).collect()
    }

    /// What the sweep tells apart, a sentence per question; nothing without two candidates. `sd` is the standard deviation of a
    /// pair's differences, in units of the score, if it is known.
    #[must_use]
    pub fn sentences(&self, sd: Option<f64>) -> Vec<String> {
        if self.candidates < 2 {
            return Vec::new();
        }
        let told = self.with(self.splits);
        let size = |effect: f64| match sd {
            Some(sd) => format!("{} ({effect:.2} sd)", measured(effect * sd)),
            None => format!("{effect:.2} sd"),
        };
        let pairs = self.pairs();
        let question = |name: &str, pair: Option<f64>, all: Option<f64>| match pair.zip(all) {
            None => {
                format!("{name}: none, with {}; that takes {MIN_SPLITS}", plural(self.splits as u64, "split"))
            }
            Some((pair, _)) if pairs == 1 => format!("{name}: {}", size(pair)),
            Some((pair, all)) => {
                format!("{name}: {} between one pair, {} between one of {pairs} pairs", size(pair), size(all))
            }
        };
        let new_data = format!("new data (ratio {:.2})", self.ratio);
        vec![
            question("this pool", told.this_pool, told.this_pool_all_pairs),
            question(&new_data, told.new_data, told.new_data_all_pairs),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use serde_json::Value;

    fn design(splits: usize, candidates: usize, ratio: f64) -> Design {
        Design { splits, candidates, ratio, alpha: 0.05, power: 0.8 }
    }

    #[test]
    fn differences_are_those_of_the_noncentral_t() {
        let reference: Value = serde_json::from_str(include_str!("../../tests/golden/foresight.json")).unwrap();
        for expected in reference.as_array().unwrap() {
            let number = |key: &str| expected[key].as_u64().unwrap() as usize;
            let found = design(number("splits"), number("candidates"), expected["ratio"].as_f64().unwrap());
            let found = serde_json::to_value(found.with(number("splits"))).unwrap();
            for key in ["this_pool", "this_pool_all_pairs", "new_data", "new_data_all_pairs"] {
                let (found, expected) = (found[key].as_f64(), expected[key].as_f64());
                assert_eq!(found.is_some(), expected.is_some(), "{key} of {reference}");
                let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
                assert!((found - expected).abs() <= 1e-8 * expected, "{key}: found {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn few_splits_show_nothing_and_more_splits_show_smaller_differences() {
        let table = design(3, 9, 0.5).table();
        assert_eq!(table.iter().map(|row| row.splits).collect::<Vec<_>>(), [3, 5, 8, 10, 12, 15, 20, 30, 100]);
        assert_eq!((table[0].new_data, table[0].this_pool), (None, None));
        assert!(table[1].new_data.is_some() && table[1].this_pool.is_some());
        assert!(table.windows(2).skip(1).all(|rows| rows[1].new_data_all_pairs < rows[0].new_data_all_pairs));
        let few = design(3, 9, 0.5).sentences(None);
        assert!(few[0].contains("with 3 splits; that takes 5") && few[1].contains("that takes 5"), "{few:?}");
        assert!(design(12, 1, 0.5).sentences(None).is_empty());
        let scores = design(12, 2, 0.5).sentences(Some(0.1));
        assert!(scores[0].contains("0.0889 (0.89 sd)"), "{scores:?}");
    }
}
