//! Measurements and results, and the scores that they come to.

pub use crate::counts::{CaseCounts, Counts};

use crate::counts::pooled;
use crate::extras::Extras;
use crate::ids::SplitHash;
use crate::spec::{Metric, Subset};
use crate::text::{Line, Tail};
use serde::{Deserialize, Serialize};

/// The scores of a subset that every epoch has ([`Metric::OF_EPOCHS`]): means over its cases. `None` where the number is not finite.
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
    /// Mean sensitivity of the cases.
    pub sensitivity: Option<f64>,
    /// Mean specificity of the cases.
    pub specificity: Option<f64>,
    /// Mean accuracy of the cases.
    pub accuracy: Option<f64>,
}

impl Scores {
    /// The scores of a subset from its loss and its cases; no cases, no scores.
    #[must_use]
    pub fn of(loss: f64, cases: &[CaseCounts]) -> Self {
        Self {
            loss: Some(loss).filter(|loss| loss.is_finite()),
            iou: mean(cases, Metric::Iou),
            thresholded_iou: mean(cases, Metric::ThresholdedIou),
            dice: mean(cases, Metric::Dice),
            sensitivity: mean(cases, Metric::Sensitivity),
            specificity: mean(cases, Metric::Specificity),
            accuracy: mean(cases, Metric::Accuracy),
        }
    }

    /// The score of that name; `None` for a metric that epochs do not have.
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
            _ => None,
        }
    }
}

/// The mean of a score of each case; no cases, no score.
fn mean(cases: &[CaseCounts], metric: Metric) -> Option<f64> {
    let sum = cases.iter().map(|case| case.counts.score(metric)).sum::<Option<f64>>()?;
    (!cases.is_empty()).then(|| sum / cases.len() as f64)
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
    /// What was measured on the masks because the job asks for it; each metric at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Measured>,
}

/// A metric that pixel counts do not tell, case by case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// One of [`Metric::MEASURED`].
    pub metric: Metric,
    /// Its value on every case, in the order of the cases; `None` where a case has none.
    pub values: Vec<Option<f64>>,
}

impl Evaluation {
    /// The evaluation of cases of which nothing but their pixels was counted.
    #[must_use]
    pub fn of(loss: f64, cases: Vec<CaseCounts>) -> Self {
        Self { loss, cases, measured: Vec::new() }
    }

    /// The scores of the subset that every epoch has.
    #[must_use]
    pub fn scores(&self) -> Scores {
        Scores::of(self.loss, &self.cases)
    }

    /// The score of the subset by any metric; `None` if it is not finite, or was not measured.
    #[must_use]
    pub fn score(&self, metric: Metric) -> Option<f64> {
        if metric == Metric::Loss {
            return Some(self.loss).filter(|loss| loss.is_finite());
        }
        if let Some(measured) = self.measured.iter().find(|measured| measured.metric == metric) {
            let values: Vec<_> = measured.values.iter().flatten().collect();
            return (!values.is_empty()).then(|| values.iter().copied().sum::<f64>() / values.len() as f64);
        }
        pooled(metric, &self.cases).or_else(|| mean(&self.cases, metric))
    }

    /// The cases that have a score of their own by a metric, by their indices, each with its score.
    #[must_use]
    pub fn case_scores(&self, metric: Metric) -> Vec<(u32, f64)> {
        let measured = self.measured.iter().find(|measured| measured.metric == metric);
        let score = |(index, case): (usize, &CaseCounts)| match measured {
            Some(measured) => Some((case.case, measured.values.get(index).copied()??)),
            None => Some((case.case, case.counts.score(metric)?)),
        };
        self.cases.iter().enumerate().filter_map(score).collect()
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
    /// The job does not fit into the memory of any worker.
    TooLarge,
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
            Self::TooLarge => "too_large",
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
    /// Given back unfinished, because the worker drains or has no room for it now.
    Released,
}
