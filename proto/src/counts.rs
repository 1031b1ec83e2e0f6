//! Pixel counts, and the scores that are ratios of them, taken last, so that every part of the product computes the same number from the
//! same pixels.

use crate::spec::Metric;
use serde::{Deserialize, Serialize};

/// Pixels of one case, by prediction (sigmoid >= 0.5) and truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Foreground, predicted so.
    pub tp: u32,
    /// Background, predicted foreground.
    pub fp: u32,
    /// Foreground, predicted background.
    #[serde(rename = "fn")]
    pub fn_: u32,
    /// Background, predicted so.
    pub tn: u32,
}

impl Counts {
    /// Intersection over union; 1 where both masks are empty.
    #[must_use]
    pub fn iou(&self) -> f64 {
        Pixels::of(self).iou()
    }

    /// The share of the ten thresholds .50, .55, ..., .95 that lie strictly below the IoU: `clamp(ceil(20 (I/U - 1/2)), 0, 10) / 10`
    /// in integers, because floats disagree where I/U is a threshold.
    #[must_use]
    pub fn thresholded_iou(&self) -> f64 {
        Pixels::of(self).thresholded_iou()
    }

    /// `2 TP / (2 TP + FP + FN)`; 1 where both masks are empty.
    #[must_use]
    pub fn dice(&self) -> f64 {
        Pixels::of(self).dice()
    }

    /// The case's own score; `None` for metrics that are not a ratio of a case's pixels.
    #[must_use]
    pub fn score(&self, metric: Metric) -> Option<f64> {
        Pixels::of(self).of_case(metric)
    }

    /// Number of pixels of the case.
    #[must_use]
    pub fn pixels(&self) -> u32 {
        self.tp + self.fp + self.fn_ + self.tn
    }
}

/// The counts of one case. Cases are named by their index in the data set's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseCounts {
    /// Index of the case.
    pub case: u32,
    /// Its pixels.
    pub counts: Counts,
}

/// The score of all pixels of some cases together; `None` of no cases, and for metrics that are none of the pooled ones.
#[must_use]
pub fn pooled(metric: Metric, cases: &[CaseCounts]) -> Option<f64> {
    let sum = cases.iter().fold(Pixels::default(), |sum, case| sum.plus(&case.counts));
    sum.pooled(metric).filter(|_| !cases.is_empty())
}

/// Pixels of one case or of many.
#[derive(Clone, Copy, Default)]
struct Pixels {
    tp: u64,
    fp: u64,
    fn_: u64,
    tn: u64,
}

impl Pixels {
    fn of(counts: &Counts) -> Self {
        Self::default().plus(counts)
    }

    fn plus(self, counts: &Counts) -> Self {
        Self {
            tp: self.tp + u64::from(counts.tp),
            fp: self.fp + u64::from(counts.fp),
            fn_: self.fn_ + u64::from(counts.fn_),
            tn: self.tn + u64::from(counts.tn),
        }
    }

    fn of_case(self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Iou => Some(self.iou()),
            Metric::ThresholdedIou => Some(self.thresholded_iou()),
            Metric::Dice => Some(self.dice()),
            Metric::Sensitivity => Some(self.sensitivity()),
            Metric::Specificity => Some(self.specificity()),
            Metric::Accuracy => Some(self.accuracy()),
            Metric::Precision => Some(self.precision()),
            Metric::F2 => Some(self.f2()),
            _ => None,
        }
    }

    fn pooled(self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::PooledIou => Some(self.iou()),
            Metric::PooledDice => Some(self.dice()),
            Metric::PooledSensitivity => Some(self.sensitivity()),
            Metric::PooledSpecificity => Some(self.specificity()),
            Metric::PooledPrecision => Some(self.precision()),
            Metric::PooledF2 => Some(self.f2()),
            _ => None,
        }
    }

    fn iou(self) -> f64 {
        ratio(self.tp, self.tp + self.fp + self.fn_)
    }

    fn thresholded_iou(self) -> f64 {
        let union = self.tp + self.fp + self.fn_;
        if union == 0 {
            return 1.0;
        }
        let above = (20 * self.tp).saturating_sub(10 * union);
        above.div_ceil(union).min(10) as f64 / 10.0
    }

    fn dice(self) -> f64 {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }

    /// `TP / (TP + FN)`; 1 where there is no foreground.
    fn sensitivity(self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// `TN / (TN + FP)`; 1 where there is no background.
    fn specificity(self) -> f64 {
        ratio(self.tn, self.tn + self.fp)
    }

    /// Share of right pixels.
    fn accuracy(self) -> f64 {
        ratio(self.tp + self.tn, self.tp + self.fp + self.fn_ + self.tn)
    }

    /// `TP / (TP + FP)`; 1 where no foreground is predicted.
    fn precision(self) -> f64 {
        ratio(self.tp, self.tp + self.fp)
    }

    /// `5 TP / (5 TP + 4 FN + FP)`, sensitivity four times as important as precision; 1 where both masks are empty.
    fn f2(self) -> f64 {
        ratio(5 * self.tp, 5 * self.tp + 4 * self.fn_ + self.fp)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tp` of 100 pixels of union.
    fn counts(tp: u32) -> Counts {
        Counts { tp, fp: 100 - tp, fn_: 0, tn: 0 }
    }

    #[test]
    fn thresholded_iou_is_exact_at_the_thresholds() {
        // clamp(20 (IoU - .5), 0, 10).ceil() / 10 in exact arithmetic; f32 and f64 give .2, .3 or .4 at some of them
        let expected = [
            (0, 0.0),
            (50, 0.0),
            (51, 0.1),
            (55, 0.1),
            (56, 0.2),
            (65, 0.3),
            (75, 0.5),
            (95, 0.9),
            (96, 1.0),
            (100, 1.0),
        ];
        for (tp, score) in expected {
            assert_eq!(counts(tp).thresholded_iou(), score, "{tp}/100");
        }
    }

    #[test]
    fn empty_masks_that_agree_score_one() {
        let empty = Counts { tn: 9, ..Counts::default() };
        let metrics =
            [Metric::Iou, Metric::ThresholdedIou, Metric::Dice, Metric::Sensitivity, Metric::Precision, Metric::F2];
        assert_eq!(metrics.map(|metric| empty.score(metric)), [Some(1.0); 6]);
    }

    #[test]
    fn iou_and_dice_agree() {
        for tp in 0..=100 {
            let (iou, dice) = (counts(tp).iou(), counts(tp).dice());
            assert!((iou - dice / (2.0 - dice)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_reference_masks_have_the_reference_scores() {
        // statistics of x > 0 against y in tests/reference/losses.py
        let counts = Counts { tp: 5, fp: 1, fn_: 1, tn: 9 };
        let score = |metric| counts.score(metric);
        assert_eq!([score(Metric::Specificity), score(Metric::Accuracy)], [Some(0.9), Some(0.875)]);
        assert_eq!(counts.thresholded_iou(), 0.5);
        assert!((counts.iou() - 0.714_285_714_285_714_3).abs() < 1e-15);
    }
    #[test]
    fn pooled_scores_are_those_of_all_pixels_together() {
        let case = |tp, fp, fn_, tn| CaseCounts { case: 0, counts: Counts { tp, fp, fn_, tn } };
        let cases = [case(8, 2, 0, 90), case(0, 0, 10, 90)];
        // TP 8, FP 2, FN 10, TN 180
        for (metric, expected) in [
            (Metric::PooledIou, 8.0 / 20.0),
            (Metric::PooledDice, 16.0 / 28.0),
            (Metric::PooledSensitivity, 8.0 / 18.0),
            (Metric::PooledSpecificity, 180.0 / 182.0),
            (Metric::PooledPrecision, 8.0 / 10.0),
            (Metric::PooledF2, 40.0 / 82.0),
        ] {
            assert_eq!(pooled(metric, &cases), Some(expected), "{metric}");
        }
        assert_eq!((pooled(Metric::PooledIou, &[]), pooled(Metric::Iou, &cases)), (None, None));
        let most = CaseCounts { case: 0, counts: Counts { tp: u32::MAX / 2, ..Counts::default() } };
        assert_eq!(pooled(Metric::PooledDice, &[most; 9]), Some(1.0));
    }
}
