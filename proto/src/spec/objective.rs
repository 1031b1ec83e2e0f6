//! How candidates are compared, and how an epoch is chosen.

use super::{EpochChoice, Metric, Split, Subset};
use serde::{Deserialize, Serialize};

/// How the epoch is chosen whose weights count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// The metric, taken on the validation subset.
    pub metric: Metric,
    /// Which epoch's weights count.
    pub epoch: EpochChoice,
}

impl Selection {
    /// The selection as a job's id has it: the last epoch is the last under every metric, so its jobs are the same jobs.
    #[must_use]
    pub fn of(metric: Metric, epoch: EpochChoice) -> Self {
        match epoch {
            EpochChoice::Best => Self { metric, epoch },
            EpochChoice::Last => Self::default(),
        }
    }
}

impl Default for Selection {
    /// The reference protocol's: the last epoch's weights.
    fn default() -> Self {
        Self { metric: Metric::ThresholdedIou, epoch: EpochChoice::Last }
    }
}

/// How candidates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The metric.
    pub metric: Metric,
    /// The subset that is asked for; see [`reported`](Self::reported).
    pub subset: Subset,
    /// Which epoch's weights count.
    pub epoch: EpochChoice,
}

impl Objective {
    /// The subset that is reported on: the test cases wherever there are some.
    #[must_use]
    pub fn reported(&self, split: &Split) -> Subset {
        if split.test > 0 { Subset::Test } else { self.subset }
    }
}

impl Default for Objective {
    /// The reference protocol's: thresholded IoU of the validation subset after the last epoch.
    fn default() -> Self {
        Self { metric: Metric::ThresholdedIou, subset: Subset::Validation, epoch: EpochChoice::Last }
    }
}
