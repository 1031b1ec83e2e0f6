//! A decoded picture -> its grey values or its colours, and its alpha channel, in the file's own depth.

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

/// What a pixel says without its alpha: `[height, width]`.
pub(super) enum Samples {
    Gray(Gray),
    Color(Vec<[u8; 3]>),
}

/// A channel, `[height, width]`, in the file's depth.
pub(super) enum Gray {
    Bits8(Vec<u8>),
    Bits16(Vec<u16>),
}

/// So many colours are meant one by one; among more there may be noise.
const MAX_NAMED_COLORS: usize = 16;
/// Largest difference between red, green and blue of what is grey but for noise, as JPEG makes it.
const MAX_CHROMA: u8 = 16;

impl Channels {
    /// The channels of a picture.
    pub(super) fn of(picture: DynamicImage) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let (color, alpha) = match picture {
            DynamicImage::ImageLuma8(picture) => (Samples::Gray(Gray::Bits8(picture.into_raw())), None),
            DynamicImage::ImageLumaA8(picture) => split::<_, 2>(&picture, Gray::Bits8, u8::from),
            DynamicImage::ImageRgb8(picture) => split::<_, 3>(&picture, Gray::Bits8, u8::from),
            DynamicImage::ImageRgba8(picture) => split::<_, 4>(&picture, Gray::Bits8, u8::from),
            DynamicImage::ImageLuma16(picture) => (Samples::Gray(Gray::Bits16(picture.into_raw())), None),
            DynamicImage::ImageLumaA16(picture) => split::<_, 2>(&picture, Gray::Bits16, upper),
            DynamicImage::ImageRgb16(picture) => split::<_, 3>(&picture, Gray::Bits16, upper),
            DynamicImage::ImageRgba16(picture) => split::<_, 4>(&picture, Gray::Bits16, upper),
            // no decoder makes another kind of whole numbers
            picture => split::<_, 4>(&picture.into_rgba16(), Gray::Bits16, upper),
        };
        Self { color, alpha, width, height }
    }
}

/// The eight bits by which a colour is named.
fn upper(sample: u16) -> u8 {
    let [upper, _] = sample.to_be_bytes();
    upper
}

/// Colours and alpha of pixels with `N` samples. `gray` makes a channel, `named` the eight bits by which a colour is named.
fn split<T: Copy + PartialEq, const N: usize>(
    samples: &[T],
    gray: fn(Vec<T>) -> Gray,
    named: fn(T) -> u8,
) -> (Samples, Option<Gray>) {
    let (pixels, _) = samples.as_chunks::<N>();
    let channel = |at: usize| gray(pixels.iter().map(|pixel| pixel[at]).collect());
    let is_gray = N < 3 || pixels.iter().all(|pixel| pixel[..3].iter().all(|sample| *sample == pixel[0]));
    let color = if is_gray {
        Samples::Gray(channel(0))
    } else {
        without_noise(pixels.iter().map(|pixel| [0, 1, 2].map(|at| named(pixel[at]))).collect())
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
        ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
    };
    Gray::Bits8(pixels.iter().map(luma).collect())
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
    /// The largest value that the file could hold.
    pub(super) fn white(&self) -> u16 {
        match self {
            Self::Bits8(_) => u8::MAX.into(),
            Self::Bits16(_) => u16::MAX,
        }
    }

    /// Whether there is more than one value.
    pub(super) fn varies(&self) -> bool {
        match self {
            Self::Bits8(values) => values.iter().any(|value| *value != values[0]),
            Self::Bits16(values) => values.iter().any(|value| *value != values[0]),
        }
    }

    /// How often each value occurs.
    pub(super) fn counts(&self) -> HashMap<u16, usize> {
        match self {
            Self::Bits8(values) => counts(values).into_iter().map(|(value, n)| (value.into(), n)).collect(),
            Self::Bits16(values) => counts(values),
        }
    }

    /// 1 where the value is at least `least`.
    fn at_least(self, least: u16) -> Vec<u8> {
        match (self, u8::try_from(least)) {
            (Self::Bits8(mut values), Ok(least)) => {
                values.iter_mut().for_each(|value| *value = u8::from(*value >= least));
                values
            }
            (Self::Bits8(values), Err(_)) => vec![0; values.len()],
            (Self::Bits16(values), _) => values.iter().map(|value| u8::from(*value >= least)).collect(),
        }
    }

    /// 1 where the value is one of those.
    fn one_of(&self, lesion: &[u16]) -> Vec<u8> {
        match self {
            Self::Bits8(values) => values.iter().map(|value| u8::from(lesion.contains(&(*value).into()))).collect(),
            Self::Bits16(values) => values.iter().map(|value| u8::from(lesion.contains(value))).collect(),
        }
    }
}

impl Samples {
    /// 1 where the value is one of those.
    pub(super) fn one_of(&self, lesion: &[MaskValue]) -> Vec<u8> {
        match self {
            Self::Gray(gray) => {
                let value = |value: &MaskValue| match *value {
                    MaskValue::Gray(value) => Some(value),
                    MaskValue::Color([red, green, blue]) => (red == green && green == blue).then_some(red.into()),
                };
                gray.one_of(&lesion.iter().filter_map(value).collect::<Vec<_>>())
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
    pub(super) fn at_least(self, least: u16) -> Vec<u8> {
        match self {
            Self::Gray(gray) => gray.at_least(least),
            Self::Color(pixels) => luma(&pixels).at_least(least),
        }
    }
}
