//! One loss with its parameters: a term of what a training minimises.

use super::LossName;
use serde::{Deserialize, Serialize};

/// A loss with its parameters. `x` is a logit, `p = sigmoid(x)`, `y` the target; all are means over cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Term {
    /// `mean(x - x y + log(1 + exp(-x)))`.
    Bce {},
    /// Per image `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// `-y (1-p)^gamma log p - (1-y) p^gamma log(1-p)`, the first weighted by `alpha`, the second by `1 - alpha`.
    Focal {
        /// Exponent of the modulating factor.
        gamma: f64,
        /// Weight of the foreground; 0 weighs foreground and background alike, by 1.
        #[serde(default, skip_serializing_if = "is_zero")]
        alpha: f64,
    },
    /// Cross-entropy whose foreground counts by `(1 - f) / f`, `f` its share of the training masks.
    WeightedBce {},
    /// Cross-entropy with targets `1 - smoothing` and `smoothing`.
    SoftBce {
        /// Distance of the targets from 0 and 1.
        smoothing: f64,
    },
    /// Per image `1 - (sum(p y) + smooth) / (sum(p) + sum(y) - sum(p y) + smooth)`.
    Jaccard {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// Per image `1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)` with soft counts.
    Tversky {
        /// Weight of what is wrongly foreground.
        alpha: f64,
        /// Weight of what is wrongly background.
        beta: f64,
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// The Tversky loss to the power of `gamma`.
    FocalTversky {
        /// Weight of what is wrongly foreground.
        alpha: f64,
        /// Weight of what is wrongly background.
        beta: f64,
        /// Exponent.
        gamma: f64,
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// The convex extension of the Jaccard index, with hinge errors; per image.
    LovaszHinge {},
    /// `mean(p phi)`, `phi` the signed distance from the true outline in pixels.
    Boundary {},
    /// `(1 - SSIM) / 2` of probabilities and targets.
    Ssim {},
    /// Cross-entropy of the pixels whose surroundings are dissimilar.
    Cms {
        /// Dissimilarity from which a pixel counts.
        cut: f64,
    },
    /// Squared persistence of components and holes that the target does not have.
    Topology {},
    /// Mean of the differences of neighbours' probabilities.
    TotalVariation {},
    /// `1 - mean(2 p y / (p + y))`: Dice pixel by pixel.
    DicePerPixel {},
}

/// Whether a key that was added later is left out of the JSON.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl Term {
    /// The loss's name.
    #[must_use]
    pub fn name(&self) -> LossName {
        match self {
            Self::Bce {} => LossName::Bce,
            Self::Dice { .. } => LossName::Dice,
            Self::Focal { .. } => LossName::Focal,
            Self::WeightedBce {} => LossName::WeightedBce,
            Self::SoftBce { .. } => LossName::SoftBce,
            Self::Jaccard { .. } => LossName::Jaccard,
            Self::Tversky { .. } => LossName::Tversky,
            Self::FocalTversky { .. } => LossName::FocalTversky,
            Self::LovaszHinge {} => LossName::LovaszHinge,
            Self::Boundary {} => LossName::Boundary,
            Self::Ssim {} => LossName::Ssim,
            Self::Cms { .. } => LossName::Cms,
            Self::Topology {} => LossName::Topology,
            Self::TotalVariation {} => LossName::TotalVariation,
            Self::DicePerPixel {} => LossName::DicePerPixel,
        }
    }

    /// The parameter of that name.
    #[must_use]
    pub fn parameter(mut self, name: &str) -> Option<f64> {
        self.parameter_mut(name).map(|number| *number)
    }

    /// The parameter of that name, to be changed.
    pub fn parameter_mut(&mut self, name: &str) -> Option<&mut f64> {
        match (self, name) {
            (
                Self::Dice { smooth }
                | Self::Jaccard { smooth }
                | Self::Tversky { smooth, .. }
                | Self::FocalTversky { smooth, .. },
                "smooth",
            ) => Some(smooth),
            (Self::Focal { gamma, .. } | Self::FocalTversky { gamma, .. }, "gamma") => Some(gamma),
            (Self::Focal { alpha, .. } | Self::Tversky { alpha, .. } | Self::FocalTversky { alpha, .. }, "alpha") => {
                Some(alpha)
            }
            (Self::Tversky { beta, .. } | Self::FocalTversky { beta, .. }, "beta") => Some(beta),
            (Self::SoftBce { smoothing }, "smoothing") => Some(smoothing),
            (Self::Cms { cut }, "cut") => Some(cut),
            _ => None,
        }
    }
}

impl From<LossName> for Term {
    /// The loss with its default parameters: the reference protocol's, else those of its paper.
    fn from(name: LossName) -> Self {
        // the reference protocol's, far below a pixel
        let smooth = 1e-8;
        let (alpha, beta) = (0.3, 0.7);
        match name {
            LossName::Bce => Self::Bce {},
            LossName::Dice => Self::Dice { smooth },
            LossName::Focal => Self::Focal { gamma: 2.0, alpha: 0.0 },
            LossName::WeightedBce => Self::WeightedBce {},
            LossName::SoftBce => Self::SoftBce { smoothing: 0.1 },
            LossName::Jaccard => Self::Jaccard { smooth },
            LossName::Tversky => Self::Tversky { alpha, beta, smooth },
            LossName::FocalTversky => Self::FocalTversky { alpha, beta, gamma: 0.75, smooth },
            LossName::LovaszHinge => Self::LovaszHinge {},
            LossName::Boundary => Self::Boundary {},
            LossName::Ssim => Self::Ssim {},
            LossName::Cms => Self::Cms { cut: 0.3 },
            LossName::Topology => Self::Topology {},
            LossName::TotalVariation => Self::TotalVariation {},
            LossName::DicePerPixel => Self::DicePerPixel {},
        }
    }
}

impl LossName {
    /// Whether it is defined by which pixels are lesion, so that labels between 0 and 1 mean nothing to it.
    #[must_use]
    pub fn needs_hard_labels(self) -> bool {
        matches!(self, Self::LovaszHinge | Self::Boundary | Self::Topology)
    }

    /// Why a network cannot be trained on this loss alone; `None` if it can.
    #[must_use]
    pub fn insufficiency(self) -> Option<&'static str> {
        match self {
            Self::Boundary => {
                Some("an empty or a full mask minimises it wherever a network does not yet see the lesion")
            }
            Self::Topology => Some("only the pixels where components and holes begin or end have a gradient"),
            Self::TotalVariation => Some("every constant mask minimises it"),
            _ => None,
        }
    }
}
