//! How the learning rate changes during a training.

use super::ScheduleName;
use serde::{Deserialize, Serialize};

/// A schedule of the learning rate with its parameters, as in `torch.optim.lr_scheduler`. It begins after the warm-up, and changes the
/// learning rate from step to step, but for `Step`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The learning rate stays.
    Constant {},
    /// `StepLR`: multiplied by `gamma` every `step_size` epochs.
    Step {
        /// Epochs.
        step_size: u32,
        /// Factor.
        gamma: f64,
    },
    /// `CosineAnnealingLR` over the whole training: along half a cosine to `final_learning_rate`.
    Cosine {
        /// Where it ends, `eta_min`.
        final_learning_rate: f64,
    },
    /// `PolynomialLR` over the whole training, as nnU-Net has it: `(1 - t/T)^power`.
    Polynomial {
        /// Exponent.
        power: f64,
    },
    /// `OneCycleLR` over the whole training: from a `div_factor`-th of the learning rate up to it, then down to a `final_div_factor`-th of
    /// where it began, along cosines.
    OneCycle {
        /// Share of the steps in which it rises.
        pct_start: f64,
        /// What the learning rate is divided by at first.
        div_factor: f64,
        /// What the first learning rate is divided by at last.
        final_div_factor: f64,
    },
}

impl Schedule {
    /// The schedule's name.
    #[must_use]
    pub fn name(&self) -> ScheduleName {
        match self {
            Self::Constant {} => ScheduleName::Constant,
            Self::Step { .. } => ScheduleName::Step,
            Self::Cosine { .. } => ScheduleName::Cosine,
            Self::Polynomial { .. } => ScheduleName::Polynomial,
            Self::OneCycle { .. } => ScheduleName::OneCycle,
        }
    }
}

impl Default for Schedule {
    /// The reference protocol's: the learning rate stays.
    fn default() -> Self {
        Self::Constant {}
    }
}

impl From<ScheduleName> for Schedule {
    /// The schedule with PyTorch's parameters; the exponent is nnU-Net's.
    fn from(name: ScheduleName) -> Self {
        match name {
            ScheduleName::Constant => Self::Constant {},
            ScheduleName::Step => Self::Step { step_size: 30, gamma: 0.1 },
            ScheduleName::Cosine => Self::Cosine { final_learning_rate: 0.0 },
            ScheduleName::Polynomial => Self::Polynomial { power: 0.9 },
            ScheduleName::OneCycle => Self::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        }
    }
}
