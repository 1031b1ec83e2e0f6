//! What changes while a job trains, in one place: after an epoch it is all that the rest of the training depends on, beside the
//! specification and the cases. Random numbers are drawn anew for each epoch, so no stream has a state.

use super::learner::Learner;
use crate::models::Snapshot;
use proto::measure::{Evaluation, Measurement};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A training after some epochs.
#[derive(Debug)]
pub struct State {
    /// How far it is.
    pub progress: Progress,
    /// The network, the average of its weights, and the state of the update rule.
    pub learner: Learner,
    /// The epoch whose weights count so far; none before the first finite one.
    pub selected: Option<Selected>,
    /// What every epoch has measured.
    pub history: Vec<Measurement>,
    /// What it ran on before it went on at a checkpoint, if that was something else.
    pub earlier: Option<Earlier>,
}

/// The epochs before a checkpoint that ran on another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Their number.
    pub epochs: u32,
    /// The device in words.
    pub device: String,
}

impl fmt::Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the first {} epochs on {}", self.epochs, self.device)
    }
}

/// How far a training is, in plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Epochs that were trained.
    pub epoch: u32,
    /// Time that they took, their evaluations on the validation cases included, seconds.
    pub seconds: f64,
    /// Whether the last of them left something that is not finite, which ended the training.
    pub diverged: bool,
    /// The epoch with the best validation value of the objective's metric so far, and that value.
    pub best: Option<(u32, f64)>,
    /// The best mean loss of an epoch on the training cases.
    pub best_train_loss: Option<f64>,
    /// Epochs in a row, up to the last, in whose last step the gradient had all but vanished.
    pub without_gradient: u32,
    /// Epochs in a row, up to the last, whose predictions on the validation cases had collapsed; 0 where nobody asks.
    pub collapsed: u32,
}

/// The epoch whose weights count so far.
#[derive(Debug)]
pub struct Selected {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Its evaluation on the validation cases.
    pub validation: Evaluation,
    /// Its weights, running statistics included.
    pub weights: Snapshot,
}
