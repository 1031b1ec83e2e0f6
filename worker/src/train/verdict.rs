//! Whether a training that ended is a model.
//!
//! * **diverged**: the loss of a step, of the last epoch, or on the test cases was not finite.
//! * **trivial**: the mean IoU on the test cases is no better than that of the best constant mask on the same cases; the
//!   constant masks are all foreground, all background, and the mean training mask at 0.5.
//! * **degenerate**: better than that, but on at least 90 % of the test cases the predicted foreground is less than 1 % or
//!   more than 99 % of the image.
//! * **trained**: none of these, tried in this order.
//!
//! Where a split has no test cases, the validation cases stand in for them.

use super::baselines::Baselines;
use proto::extras::Baseline;
use proto::measure::{CaseCounts, Counts, Evaluation, Verdict};

/// Share of the test cases with a nearly empty or full prediction that makes a network degenerate.
const DEGENERATE_CASES: f64 = 0.9;
/// A prediction with less foreground than this, or less background, is nearly empty or full.
const NEARLY: f64 = 0.01;

/// The verdict on a training that did not diverge.
#[must_use]
pub fn verdict(baselines: &Baselines<'_>, test: &Evaluation) -> Verdict {
    if mean_iou(&test.cases) <= best_constant(baselines, test) {
        Verdict::Trivial
    } else if degenerate(test) {
        Verdict::Degenerate
    } else {
        Verdict::Trained
    }
}

fn degenerate(test: &Evaluation) -> bool {
    let nearly = |counts: &Counts| {
        let share = f64::from(counts.tp + counts.fp) / f64::from(counts.pixels());
        !(NEARLY..=1.0 - NEARLY).contains(&share)
    };
    let constant = test.cases.iter().filter(|case| nearly(&case.counts)).count();
    constant as f64 >= DEGENERATE_CASES * test.cases.len() as f64
}

fn mean_iou(cases: &[CaseCounts]) -> f64 {
    cases.iter().map(|case| case.counts.iou()).sum::<f64>() / cases.len() as f64
}

/// The best mean IoU of a mask that does not depend on the image.
fn best_constant(baselines: &Baselines<'_>, test: &Evaluation) -> f64 {
    let cases: Vec<u32> = test.cases.iter().map(|case| case.case).collect();
    let [all, mean] = [Baseline::AllForeground, Baseline::MeanMask].map(|baseline| baselines.counts(baseline, &cases));
    // all background is right where there is no foreground to be found, and nowhere else
    let nothing = all.iter().filter(|case| case.counts.tp == 0).count() as f64 / all.len() as f64;
    mean_iou(&all).max(mean_iou(&mean)).max(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::CaseSet;
    use proto::data::Inventory;
    use proto::ids::ContentHash;

    /// Ten cases of 4 x 4 pixels: the left half is foreground; in the last one the right half.
    fn halves() -> CaseSet {
        let left: [u8; 16] = std::array::from_fn(|pixel| u8::from(pixel % 4 < 2));
        let mut masks = left.repeat(9);
        masks.extend(left.map(|pixel| 1 - pixel));
        let inventory = Inventory::new(ContentHash(0), (0..10).map(|case| case.to_string()).collect());
        CaseSet::new(inventory, 4, vec![0; 10 * 48], masks)
    }

    fn test(counts: Counts) -> Evaluation {
        Evaluation::of(0.1, (5..10).map(|case| CaseCounts { case, counts }).collect())
    }

    #[test]
    fn a_training_is_judged_by_its_test_cases() {
        let train: Vec<u32> = (0..5).collect();
        let cases = halves();
        let judge = |counts| verdict(&Baselines::new(&cases, &train), &test(counts));
        let (full, empty) = (Counts { tp: 8, fp: 8, fn_: 0, tn: 0 }, Counts { tp: 0, fp: 0, fn_: 8, tn: 8 });
        assert_eq!([judge(full), judge(empty)], [Verdict::Trivial; 2]);
        // the mean training mask, left half, is right on 4 of the 5 test cases: 0.8
        assert_eq!(judge(Counts { tp: 8, fp: 2, fn_: 0, tn: 6 }), Verdict::Trivial);
        assert_eq!(judge(Counts { tp: 8, fp: 1, fn_: 0, tn: 7 }), Verdict::Trained);
        // nothing was there and nothing was found: better than any constant mask of the rest, and still no image was looked at
        assert_eq!(judge(Counts { tp: 0, fp: 0, fn_: 0, tn: 16 }), Verdict::Degenerate);
    }

    #[test]
    fn nine_constant_predictions_of_ten_are_degenerate() {
        let full = Counts { tp: 8, fp: 8, fn_: 0, tn: 0 };
        let right = Counts { tp: 8, fp: 0, fn_: 0, tn: 8 };
        let mut evaluation = test(full);
        evaluation.cases.extend(test(full).cases);
        evaluation.cases[9].counts = right;
        assert!(degenerate(&evaluation));
        evaluation.cases[8].counts = right;
        assert!(!degenerate(&evaluation));
    }
}
