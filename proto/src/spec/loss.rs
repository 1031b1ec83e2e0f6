//! A loss with its parameters.

use super::LossName;
use serde::{Deserialize, Serialize};

/// A loss with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// `mean(x - x y + log(1 + exp(-x)))`.
    Bce {},
    /// Per image `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// `-y (1-p)^gamma log p - (1-y) p^gamma log(1-p)`.
    Focal {
        /// Exponent of the modulating factor.
        gamma: f64,
    },
}

impl Loss {
    /// The loss's name.
    #[must_use]
    pub fn name(&self) -> LossName {
        match self {
            Self::Bce {} => LossName::Bce,
            Self::Dice { .. } => LossName::Dice,
            Self::Focal { .. } => LossName::Focal,
        }
    }
}

impl From<LossName> for Loss {
    /// The loss with the reference protocol's parameters.
    fn from(name: LossName) -> Self {
        match name {
            LossName::Bce => Self::Bce {},
            LossName::Dice => Self::Dice { smooth: 1e-8 },
            LossName::Focal => Self::Focal { gamma: 2.0 },
        }
    }
}
