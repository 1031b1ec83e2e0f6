//! What results are judged by.

use super::choices::choice;
use serde::{Deserialize, Serialize};

choice! {
    /// A number that a result is judged by. All are means over cases, but the loss and the pooled ones.
    Metric {
        /// The training loss on that subset.
        Loss = "loss",
        /// Intersection over union.
        Iou = "iou",
        /// The share of the thresholds .50, .55, ..., .95 that lie strictly below the IoU.
        ThresholdedIou = "thresholded_iou",
        /// Dice coefficient.
        Dice = "dice",
        /// True-positive rate.
        Sensitivity = "sensitivity",
        /// True-negative rate.
        Specificity = "specificity",
        /// Share of right pixels.
        Accuracy = "accuracy",
        /// Share of the predicted foreground that is foreground.
        Precision = "precision",
        /// F-measure with sensitivity four times as important as precision.
        F2 = "f2",
        /// Intersection over union of the pixels of all cases together.
        PooledIou = "pooled_iou",
        /// Dice coefficient of the pixels of all cases together.
        PooledDice = "pooled_dice",
        /// True-positive rate of the pixels of all cases together.
        PooledSensitivity = "pooled_sensitivity",
        /// True-negative rate of the pixels of all cases together.
        PooledSpecificity = "pooled_specificity",
        /// Precision of the pixels of all cases together.
        PooledPrecision = "pooled_precision",
        /// F-measure of the pixels of all cases together.
        PooledF2 = "pooled_f2",
        /// 95th percentile of the distances between the outlines, pixels.
        Hd95 = "hd95",
        /// Average symmetric distance between the outlines, pixels.
        Assd = "assd",
        /// F-measure of the outlines, within two pixels.
        BoundaryF1 = "boundary_f1",
        /// Intersection over union of the regions along the outlines.
        BoundaryIou = "boundary_iou",
        /// Expected calibration error of the probabilities.
        Ece = "ece",
        /// Mean squared difference of probability and truth.
        Brier = "brier",
        /// Area under the receiver operating characteristic of the pixels.
        Auroc = "auroc",
    }
}

impl Metric {
    /// Those that every epoch has: one of them is a sweep's objective.
    pub const OF_EPOCHS: [Self; 7] =
        [Self::Loss, Self::Iou, Self::ThresholdedIou, Self::Dice, Self::Sensitivity, Self::Specificity, Self::Accuracy];

    /// Those that are measured on the masks of the selected epoch, if the sweep asks for them: pixel counts do not tell them.
    pub const MEASURED: [Self; 7] =
        [Self::Hd95, Self::Assd, Self::BoundaryF1, Self::BoundaryIou, Self::Ece, Self::Brier, Self::Auroc];

    /// Whether less of it is better.
    #[must_use]
    pub fn is_cost(self) -> bool {
        matches!(self, Self::Loss | Self::Hd95 | Self::Assd | Self::Ece | Self::Brier)
    }

    /// Whether it is a number from 0 to 1.
    #[must_use]
    pub fn is_share(self) -> bool {
        !matches!(self, Self::Loss | Self::Hd95 | Self::Assd)
    }

    /// Whether `new` is strictly better than `old` under this metric.
    #[must_use]
    pub fn better(self, new: f64, old: f64) -> bool {
        if self.is_cost() { new < old } else { new > old }
    }
}
