//! Measurements and results. Scores are ratios of integer counts, taken last (`Counts` -> `Scores`), so that every part of
//! the product computes the same number from the same pixels.

use crate::extras::Extras;
use crate::ids::SplitHash;
use crate::spec::{Metric, Subset};
use crate::text::{Line, Tail};
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
        ratio(self.tp, self.tp + self.fp + self.fn_)
    }

    /// The share of the ten thresholds .50, .55, ..., .95 that lie strictly below the IoU: `clamp(ceil(20 (I/U - 1/2)), 0, 10) / 10`
    /// in integers, because floats disagree where I/U is a threshold.
    #[must_use]
    pub fn thresholded_iou(&self) -> f64 {
        let intersection = i64::from(self.tp);
        let union = intersection + i64::from(self.fp) + i64::from(self.fn_);
        if union == 0 {
            return 1.0;
        }
        let above = 20 * intersection - 10 * union;
        let thresholds = if above <= 0 { 0 } else { (above + union - 1) / union };
        thresholds.min(10) as f64 / 10.0
    }

    /// `2 TP / (2 TP + FP + FN)`; 1 where both masks are empty.
    #[must_use]
    pub fn dice(&self) -> f64 {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }

    /// `TP / (TP + FN)`; 1 where there is no foreground.
    #[must_use]
    pub fn sensitivity(&self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// `TN / (TN + FP)`; 1 where there is no background.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        ratio(self.tn, self.tn + self.fp)
    }

    /// Share of right pixels.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio(self.tp + self.tn, self.pixels())
    }

    /// The score of that name; `None` for the loss, which no counts tell.
    #[must_use]
    pub fn score(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Loss => None,
            Metric::Iou => Some(self.iou()),
            Metric::ThresholdedIou => Some(self.thresholded_iou()),
            Metric::Dice => Some(self.dice()),
            Metric::Sensitivity => Some(self.sensitivity()),
            Metric::Specificity => Some(self.specificity()),
            Metric::Accuracy => Some(self.accuracy()),
        }
    }

    /// Number of pixels of the case.
    #[must_use]
    pub fn pixels(&self) -> u32 {
        self.tp + self.fp + self.fn_ + self.tn
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) }
}

/// The counts of one case. Cases are named by their index in the data set's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseCounts {
    /// Index of the case.
    pub case: u32,
    /// Its pixels.
    pub counts: Counts,
}

/// Scores of a subset: the mean over its cases. `None` where the number is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Mean loss over the cases.
    pub loss: Option<f64>,
    /// Mean of [`Counts::iou`].
    pub iou: Option<f64>,
    /// Mean of [`Counts::thresholded_iou`].
    pub thresholded_iou: Option<f64>,
    /// Mean of [`Counts::dice`].
    pub dice: Option<f64>,
    /// Mean of [`Counts::sensitivity`].
    pub sensitivity: Option<f64>,
    /// Mean of [`Counts::specificity`].
    pub specificity: Option<f64>,
    /// Mean of [`Counts::accuracy`].
    pub accuracy: Option<f64>,
}

impl Scores {
    /// The scores of a subset from its loss and its cases; no cases, no scores.
    #[must_use]
    pub fn of(loss: f64, cases: &[CaseCounts]) -> Self {
        let mean = |score: fn(&Counts) -> f64| {
            (!cases.is_empty()).then(|| cases.iter().map(|case| score(&case.counts)).sum::<f64>() / cases.len() as f64)
        };
        Self {
            loss: Some(loss).filter(|loss| loss.is_finite()),
            iou: mean(Counts::iou),
            thresholded_iou: mean(Counts::thresholded_iou),
            dice: mean(Counts::dice),
            sensitivity: mean(Counts::sensitivity),
            specificity: mean(Counts::specificity),
            accuracy: mean(Counts::accuracy),
        }
    }

    /// The score of that name.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Loss => self.loss,
            Metric::Iou => self.iou,
            Metric::ThresholdedIou => self.thresholded_iou,
            Metric::Dice => self.dice,
            Metric::Sensitivity => self.sensitivity,
            Metric::Specificity => self.specificity,
            Metric::Accuracy => self.accuracy,
        }
    }
}

impl Metric {
    /// Whether `new` is strictly better than `old` under this metric.
    #[must_use]
    pub fn better(self, new: f64, old: f64) -> bool {
        match self {
            Self::Loss => new < old,
            _ => new > old,
        }
    }
}

/// The numbers of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean loss over the training cases, each taken at its step; `None` if not finite.
    pub train_loss: Option<f64>,
    /// Scores on the validation cases after the epoch.
    pub validation: Scores,
    /// Time since the attempt's training began, seconds.
    pub seconds: f64,
}

/// Whether a training that ended is a model (`trained`) or only a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than a constant mask.
    Trained,
    /// No better than a mask that does not depend on the image.
    Trivial,
    /// Nearly all-empty or all-full masks on nearly all cases.
    Degenerate,
    /// The loss became infinite or not a number.
    Diverged,
}

impl Verdict {
    /// The verdict of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Trained, Self::Trivial, Self::Degenerate, Self::Diverged]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trained => "trained",
            Self::Trivial => "trivial",
            Self::Degenerate => "degenerate",
            Self::Diverged => "diverged",
        }
    }
}

/// A subset, evaluated with the weights of the selected epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean loss over the cases; not finite if the training diverged.
    pub loss: f64,
    /// Counts of every case, in the split's order.
    pub cases: Vec<CaseCounts>,
}

impl Evaluation {
    /// The scores of the subset.
    #[must_use]
    pub fn scores(&self) -> Scores {
        Scores::of(self.loss, &self.cases)
    }
}

/// What a job that ran to its end is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// Whether it is a model.
    pub verdict: Verdict,
    /// Epochs that were trained; fewer than asked for if the training diverged.
    pub epochs: u32,
    /// The epoch whose weights were evaluated, counted from 1; 0 if none was finite.
    pub best_epoch: u32,
    /// The validation subset at that epoch; without cases if no epoch was finite.
    pub validation: Evaluation,
    /// The test subset at that epoch; without cases if no epoch was finite.
    pub test: Evaluation,
    /// Duration of the training, validation included, seconds.
    pub train_seconds: f64,
    /// Number of trained parameters.
    pub parameters: u64,
    /// What it ran on.
    pub device: String,
    /// The cases it was trained, selected and tested on; `None` where the worker did not say.
    pub split_hash: Option<SplitHash>,
    /// What is kept beside its row.
    pub extras: Extras,
}

impl JobResult {
    /// The evaluation of a subset; the training cases are not evaluated.
    #[must_use]
    pub fn evaluation(&self, subset: Subset) -> Option<&Evaluation> {
        match subset {
            Subset::Train => None,
            Subset::Validation => Some(&self.validation),
            Subset::Test => Some(&self.test),
        }
    }
}

/// Why an attempt gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The trainer reported an error.
    Error,
    /// The trainer process died (a signal, an abort, a device fault).
    Crashed,
    /// Memory ran out.
    OutOfMemory,
    /// The data set could not be read.
    Data,
}

impl FailureKind {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Crashed => "crashed",
            Self::OutOfMemory => "out_of_memory",
            Self::Data => "data",
        }
    }
}

/// How an attempt ended, as its worker saw it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Succeeded(Box<JobResult>),
    /// Without one.
    Failed {
        /// Whose fault.
        kind: FailureKind,
        /// One line for people.
        message: Line,
        /// The end of what the trainer said, if anything.
        log: Tail,
    },
    /// Given back unfinished, because the worker drains.
    Released,
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
        assert_eq!([empty.iou(), empty.thresholded_iou(), empty.dice(), empty.sensitivity()], [1.0; 4]);
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
        assert_eq!((counts.specificity(), counts.accuracy(), counts.thresholded_iou()), (0.9, 0.875, 0.5));
        assert!((counts.iou() - 0.714_285_714_285_714_3).abs() < 1e-15);
    }
}
