//! A network's size, and how it is trained.

use super::{Convolution, Initialization, Optimizer, Precision, is_default};
use serde::{Deserialize, Serialize};

/// The network's size. The default is the reference protocol's: 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Channels of the first block; deeper blocks have multiples of it.
    pub width: u32,
}

impl Model {
    /// The greatest width.
    pub const MAX_WIDTH: u32 = 1024;
}

impl Default for Model {
    fn default() -> Self {
        Self { width: 64 }
    }
}

/// How a network is trained. The default is the reference protocol.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Passes over the training cases.
    pub epochs: u32,
    /// Cases per step; the last batch of an epoch may be smaller.
    pub batch_size: u32,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Weight decay of the update rule.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// How weights are drawn.
    pub initialization: Initialization,
    /// How 3x3 convolutions are computed.
    #[serde(skip_serializing_if = "is_default")]
    pub convolution: Convolution,
    /// The numbers that the network is computed in.
    #[serde(skip_serializing_if = "is_default")]
    pub precision: Precision,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 40,
            batch_size: 10,
            optimizer: Optimizer::Adam,
            weight_decay: 0.0,
            momentum: 0.0,
            initialization: Initialization::Pytorch,
            convolution: Convolution::default(),
            precision: Precision::default(),
        }
    }
}
