//! Which differences a sweep will tell apart, in words, before it runs.

use super::comparison::{Design, MIN_SPLITS};
use crate::text::{measured, plural};

/// What the sweep tells apart, a sentence per question; nothing without two candidates. `sd` is the standard deviation of a
/// pair's differences, in units of the score, if it is known.
#[must_use]
pub fn sentences(design: &Design, sd: Option<f64>) -> Vec<String> {
    if design.pairs == 0 {
        return Vec::new();
    }
    let told = design.with(design.splits);
    let size = |effect: f64| match sd {
        Some(sd) => format!("{} ({effect:.2} sd)", measured(effect * sd)),
        None => format!("{effect:.2} sd"),
    };
    let pairs = design.pairs;
    let question = |name: &str, pair: Option<f64>, all: Option<f64>| match pair.zip(all) {
        None => {
            format!("{name}: none, with {}; that takes {MIN_SPLITS}", plural(design.splits as u64, "split"))
        }
        Some((pair, _)) if pairs == 1 => format!("{name}: {}", size(pair)),
        Some((pair, all)) => {
            format!("{name}: {} between one pair, {} between one of {pairs} pairs", size(pair), size(all))
        }
    };
    let new_data = format!("new data (ratio {:.2})", design.ratio);
    vec![
        question("this pool", told.this_pool, told.this_pool_all_pairs),
        question(&new_data, told.new_data, told.new_data_all_pairs),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use serde_json::Value;

    fn design(splits: usize, candidates: usize, ratio: f64) -> Design {
        let pairs = candidates * (candidates - 1) / 2;
        Design { splits, pairs, ratio, alpha: 0.05, power: 0.8 }
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
        let few = sentences(&design(3, 9, 0.5), None);
        assert!(few[0].contains("with 3 splits; that takes 5") && few[1].contains("that takes 5"), "{few:?}");
        assert!(sentences(&design(12, 1, 0.5), None).is_empty());
        let scores = sentences(&design(12, 2, 0.5), Some(0.1));
        assert!(scores[0].contains("0.0889 (0.89 sd)"), "{scores:?}");
    }
}
