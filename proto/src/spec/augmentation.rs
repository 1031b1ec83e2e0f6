//! How training images are changed from epoch to epoch, and their masks with them.

use super::{Preset, is_default};
use serde::{Deserialize, Serialize};

/// The ranges that random changes are drawn from, for each case and epoch anew; 0 switches a change off. The default changes nothing.
///
/// `worker/src/augment` says what each of them is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// What the other numbers were taken from.
    pub preset: Preset,
    /// Whether images are mirrored, left to right and top to bottom, each with probability 1/2.
    #[serde(skip_serializing_if = "is_default")]
    pub flips: bool,
    /// Whether images are turned by 0, 90, 180 or 270 degrees, each equally likely.
    #[serde(skip_serializing_if = "is_default")]
    pub quarter_turns: bool,
    /// Greatest angle of a rotation, degrees, either way.
    #[serde(skip_serializing_if = "is_default")]
    pub rotation: f64,
    /// Images grow or shrink by a factor of at most 1 plus this.
    #[serde(skip_serializing_if = "is_default")]
    pub scale: f64,
    /// Greatest shift of a row, as a share of its distance from the middle, either way.
    #[serde(skip_serializing_if = "is_default")]
    pub shear: f64,
    /// Standard deviation of the displacements of an elastic deformation at its control points, as a share of the image.
    #[serde(skip_serializing_if = "is_default")]
    pub elastic: f64,
    /// Values are multiplied by 1 plus or minus at most this.
    #[serde(skip_serializing_if = "is_default")]
    pub brightness: f64,
    /// Differences from the mean gray are multiplied by 1 plus or minus at most this.
    #[serde(skip_serializing_if = "is_default")]
    pub contrast: f64,
    /// Values are raised to a power between 1 plus this and its inverse.
    #[serde(skip_serializing_if = "is_default")]
    pub gamma: f64,
    /// Hues are shifted by at most this share of the colour circle, either way.
    #[serde(skip_serializing_if = "is_default")]
    pub hue: f64,
    /// Greatest standard deviation of added noise, as a share of the range of values.
    #[serde(skip_serializing_if = "is_default")]
    pub noise: f64,
    /// Greatest standard deviation of a Gaussian blur, pixels.
    #[serde(skip_serializing_if = "is_default")]
    pub blur: f64,
    /// Greatest side of the square that is cut out of an image, as a share of the image; the mask keeps what was there.
    #[serde(skip_serializing_if = "is_default")]
    pub cutout: f64,
}

impl From<Preset> for Augmentation {
    fn from(preset: Preset) -> Self {
        let nothing = Self { preset, ..Self::default() };
        match preset {
            Preset::None | Preset::Custom => nothing,
            Preset::Light => Self {
                flips: true,
                quarter_turns: true,
                rotation: 15.0,
                scale: 0.1,
                brightness: 0.1,
                contrast: 0.1,
                ..nothing
            },
            Preset::Strong => Self {
                preset,
                flips: true,
                quarter_turns: true,
                rotation: 45.0,
                scale: 0.25,
                shear: 0.15,
                elastic: 0.02,
                brightness: 0.2,
                contrast: 0.2,
                gamma: 0.3,
                hue: 0.02,
                noise: 0.03,
                blur: 0.75,
                cutout: 0.2,
            },
        }
    }
}
