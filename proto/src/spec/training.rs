//! A network's size, and how it is trained.

use super::{Architecture, Convolution, Initialization, Norm, Optimizer, Precision, Schedule, is_default};
use serde::{Deserialize, Serialize};

/// The network's size and parts. The default is the reference protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Channels of the first block; deeper blocks have multiples of it.
    pub width: u32,
    /// What normalises the maps in the place of a network's own norm; see [`norm_of`](Self::norm_of).
    #[serde(skip_serializing_if = "is_default")]
    pub norm: Norm,
    /// Whether the 3x3 convolutions of a U-Net's block are added to the block's input (He et al. 2016, arXiv 1512.03385), by way of a
    /// 1x1 convolution where the channels differ.
    #[serde(skip_serializing_if = "is_default")]
    pub residual: bool,
}

impl Model {
    /// The greatest width.
    pub const MAX_WIDTH: u32 = 1024;

    /// What normalises the maps of a network.
    ///
    /// DeepLab v3+ has group norm unless batch norm is asked for: behind its mean over the image batch norm has one value per case and
    /// channel, too few in small batches and none to spare in a last batch of one case.
    #[must_use]
    pub fn norm_of(&self, architecture: Architecture) -> Norm {
        match architecture {
            Architecture::SegNet => Norm::Batch,
            Architecture::NnUNet => Norm::Instance,
            Architecture::DeepLabV3Plus if self.norm == Norm::None => Norm::Group,
            Architecture::UNet | Architecture::UNet2 | Architecture::DeepLabV3Plus => self.norm,
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self { width: 64, norm: Norm::None, residual: false }
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
    /// How the learning rate changes after the warm-up.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// Epochs in which the learning rate rises linearly to where its schedule begins.
    #[serde(skip_serializing_if = "is_default")]
    pub warmup_epochs: u32,
    /// Greatest norm of all gradients of a step together; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub clip_norm: f64,
    /// Whether SGD looks ahead by its momentum.
    #[serde(skip_serializing_if = "is_default")]
    pub nesterov: bool,
    /// Share that an exponential moving average of the weights keeps in every step. The averaged weights are evaluated and selected; 0 for
    /// no average.
    #[serde(skip_serializing_if = "is_default")]
    pub ema: f64,
    /// `e` of the targets `y (1 - e) + e / 2` that are trained on.
    #[serde(skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Batches whose gradients make one step.
    #[serde(skip_serializing_if = "is_one")]
    pub accumulate: u32,
    /// Epochs without a better validation score after which the training ends; 0 for never.
    #[serde(skip_serializing_if = "is_default")]
    pub patience: u32,
    /// Whether images are standardised by mean and standard deviation of each channel over the training cases.
    #[serde(skip_serializing_if = "is_default")]
    pub standardize: bool,
    /// Epochs in a row with collapsed predictions after which the training ends; 0 for never.
    #[serde(skip_serializing_if = "is_default")]
    pub stop_collapsed_after: u32,
}

fn is_one(number: &u32) -> bool {
    *number == 1
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
            schedule: Schedule::default(),
            warmup_epochs: 0,
            clip_norm: 0.0,
            nesterov: false,
            ema: 0.0,
            label_smoothing: 0.0,
            accumulate: 1,
            patience: 0,
            standardize: false,
            stop_collapsed_after: 0,
        }
    }
}
