//! A decoded picture -> its grey values or its colours, and its alpha channel, in the file's own depth.

use super::MaskProblem;
use image::DynamicImage;
use proto::data::MaskValue;
use std::collections::HashMap;

/// The channels of a mask's file.
pub(super) struct Channels {
    pub(super) color: Samples,
    pub(super) alpha: Option<Gray>,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What a pixel says without its alpha.
pub(super) enum Samples {
    Gray(Gray),
    Color(Vec<[u8; 3]>),
}

/// A channel.
#[derive(Clone)]
pub(super) struct Gray {
    /// `[height, width]`.
    pub(super) values: Vec<u16>,
    /// The largest value that the file could hold: 255 or 65535.
    pub(super) white: u16,
}

/// So many colours are meant one by one; among more there may be noise.
const MAX_NAMED_COLORS: usize = 16;
/// Largest difference between red, green and blue of what is grey but for noise, as JPEG makes it.
const MAX_CHROMA: u8 = 16;

impl Channels {
    /// The channels of a picture.
    ///
    /// # Errors
    /// If its samples are not whole numbers.
    pub(super) fn of(picture: DynamicImage) -> Result<Self, MaskProblem> {
        let (width, height) = (picture.width(), picture.height());
        let (color, alpha) = match picture {
            DynamicImage::ImageLuma8(picture) => split::<_, 1>(&picture, u8::MAX.into()),
            DynamicImage::ImageLumaA8(picture) => split::<_, 2>(&picture, u8::MAX.into()),
            DynamicImage::ImageRgb8(picture) => split::<_, 3>(&picture, u8::MAX.into()),
            DynamicImage::ImageRgba8(picture) => split::<_, 4>(&picture, u8::MAX.into()),
            DynamicImage::ImageLuma16(picture) => split::<_, 1>(&picture, u16::MAX),
            DynamicImage::ImageLumaA16(picture) => split::<_, 2>(&picture, u16::MAX),
            DynamicImage::ImageRgb16(picture) => split::<_, 3>(&picture, u16::MAX),
            DynamicImage::ImageRgba16(picture) => split::<_, 4>(&picture, u16::MAX),
            _ => return Err(MaskProblem::Float),
        };
        Ok(Self { color, alpha, width, height })
    }
}

/// Colours and alpha of pixels with `N` samples.
fn split<T: Copy + PartialEq + Into<u16>, const N: usize>(samples: &[T], white: u16) -> (Samples, Option<Gray>) {
    let (pixels, _) = samples.as_chunks::<N>();
    let channel = |at: usize| Gray { values: pixels.iter().map(|pixel| pixel[at].into()).collect(), white };
    let is_gray = pixels.iter().all(|pixel| pixel[..N.min(3)].windows(2).all(|pair| pair[0] == pair[1]));
    let color = if is_gray {
        Samples::Gray(channel(0))
    } else {
        // a colour is named by eight bits a channel
        let shift = if white > u8::MAX.into() { 8 } else { 0 };
        let color = |pixel: &[T; N]| [0, 1, 2].map(|at| (pixel[at].into() >> shift) as u8);
        without_noise(pixels.iter().map(color).collect())
    };
    (color, N.is_multiple_of(2).then(|| channel(N - 1)))
}

/// Colours; or grey values, if there are many colours and all are nearly grey.
fn without_noise(pixels: Vec<[u8; 3]>) -> Samples {
    let chroma = |[red, green, blue]: &[u8; 3]| red.max(green).max(blue) - red.min(green).min(blue);
    let is_noise = pixels.iter().map(chroma).max() <= Some(MAX_CHROMA) && counts(&pixels).len() > MAX_NAMED_COLORS;
    if is_noise { Samples::Gray(luma(&pixels)) } else { Samples::Color(pixels) }
}

/// Brightness, with the weights of ITU-R BT.601.
fn luma(pixels: &[[u8; 3]]) -> Gray {
    let luma = |color: &[u8; 3]| {
        let [red, green, blue] = color.map(u32::from);
        ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u16
    };
    Gray { values: pixels.iter().map(luma).collect(), white: u8::MAX.into() }
}

/// How often each value occurs. Equal neighbours are counted together, which makes it quick.
pub(super) fn counts<T: Copy + Eq + std::hash::Hash>(values: &[T]) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for run in values.chunk_by(T::eq) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    counts
}

impl Gray {
    /// Whether there is more than one value.
    pub(super) fn varies(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }

    /// 1 where the value is at least `least`.
    pub(super) fn is_at_least(&self, least: u16) -> Vec<u8> {
        self.values.iter().map(|value| u8::from(*value >= least)).collect()
    }
}

impl Samples {
    /// 1 where the value is one of those.
    pub(super) fn is_one_of(&self, lesion: &[MaskValue]) -> Vec<u8> {
        let gray = |value: &MaskValue| match *value {
            MaskValue::Gray(value) => Some(value),
            MaskValue::Color([red, green, blue]) => (red == green && green == blue).then_some(red.into()),
        };
        match self {
            Self::Gray(Gray { values, .. }) => {
                let lesion: Vec<u16> = lesion.iter().filter_map(gray).collect();
                values.iter().map(|value| u8::from(lesion.contains(value))).collect()
            }
            Self::Color(pixels) => {
                let color = |value: &MaskValue| match *value {
                    MaskValue::Gray(value) => u8::try_from(value).ok().map(|value| [value; 3]),
                    MaskValue::Color(color) => Some(color),
                };
                let lesion: Vec<_> = lesion.iter().filter_map(color).collect();
                pixels.iter().map(|pixel| u8::from(lesion.contains(pixel))).collect()
            }
        }
    }

    /// 1 where the value, or the colour's brightness, is at least `least`.
    pub(super) fn is_at_least(&self, least: u16) -> Vec<u8> {
        match self {
            Self::Gray(gray) => gray.is_at_least(least),
            Self::Color(pixels) => luma(pixels).is_at_least(least),
        }
    }
}
