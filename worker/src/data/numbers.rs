//! Samples that are numbers, not shades between black and white: what they are in words, and what a mask means by them.

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, Luma, Pixel, Rgb};

/// The samples of a picture, `[height, width, channels]`.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Pixels per row.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
    /// 1 or 3.
    pub(super) channels: u8,
    pub(super) values: Vec<f64>,
    /// What turns the picture upright.
    pub(super) orientation: Orientation,
}

/// Maximum number of values that a message shows.
const MAX_SHOWN: usize = 6;

impl Numbers {
    /// An upright picture of the same numbers, in 8 bits if that is enough; `None` if it cannot hold them.
    pub(super) fn picture(&self) -> Option<DynamicImage> {
        let is_whole = |value: &f64| (0.0..=f64::from(u16::MAX)).contains(value) && value.trunc() == *value;
        if !self.values.iter().all(is_whole) {
            return None;
        }
        let is_narrow = self.range().1 <= f64::from(u8::MAX);
        let mut picture = match (self.channels, is_narrow) {
            (1, true) => self.buffer::<Luma<u8>>(|value| value as u8).map(DynamicImage::ImageLuma8),
            (1, false) => self.buffer::<Luma<u16>>(|value| value as u16).map(DynamicImage::ImageLuma16),
            (_, true) => self.buffer::<Rgb<u8>>(|value| value as u8).map(DynamicImage::ImageRgb8),
            (_, false) => self.buffer::<Rgb<u16>>(|value| value as u16).map(DynamicImage::ImageRgb16),
        }?;
        picture.apply_orientation(self.orientation);
        Some(picture)
    }

    fn buffer<P: Pixel>(&self, sample: fn(f64) -> P::Subpixel) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
        ImageBuffer::from_raw(self.width, self.height, self.values.iter().map(|value| sample(*value)).collect())
    }

    /// The smallest and the largest number.
    fn range(&self) -> (f64, f64) {
        let fold = |choose: fn(f64, f64) -> f64| self.values.iter().copied().fold(f64::NAN, choose);
        (fold(f64::min), fold(f64::max))
    }

    /// Which numbers there are.
    pub(super) fn found(&self) -> String {
        let mut shown: Vec<f64> = Vec::new();
        for value in &self.values {
            if shown.iter().all(|shown| shown.total_cmp(value).is_ne()) {
                shown.push(*value);
            }
            if shown.len() > MAX_SHOWN {
                let (least, most) = self.range();
                return format!("numbers from {} to {}", least + 0.0, most + 0.0);
            }
        }
        shown.sort_by(f64::total_cmp);
        let shown: Vec<_> = shown.iter().map(f64::to_string).collect();
        format!("the numbers {}", shown.join(", "))
    }

    /// What helps if the picture is an image.
    pub(super) fn remedy(&self) -> &'static str {
        match self.range() {
            (0.0.., ..=1.0) => "if 1 is white, save 255 times its samples with 8 bits",
            (0.0.., ..=255.0) => "if 255 is white, save its samples with 8 bits",
            (0.0.., ..=65535.0) => "if 65535 is white, save its samples with 16 bits",
            _ => "scale its samples to 0 to 255, and save them with 8 bits",
        }
    }
}
