//! How a trained network is evaluated.

use super::{Postprocess, is_default};
use serde::{Deserialize, Serialize};

/// What is done beyond one pass over each image. The default is the reference protocol's: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluating {
    /// Whether logits are the mean of those of the image and its three mirror images.
    #[serde(skip_serializing_if = "is_default")]
    pub flips: bool,
    /// What is done to predicted masks before they are counted.
    #[serde(skip_serializing_if = "is_default")]
    pub postprocess: Postprocess,
}
