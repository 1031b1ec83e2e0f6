//! Brightness, contrast, gamma and hue, as torchvision's `adjust_brightness`, `adjust_contrast`, `adjust_gamma` and `adjust_hue` have
//! them, in this order, on values between 0 and 1.
//!
//! ```text
//!  brightness   b v
//!  contrast     m + c (v - m)      m: the mean gray of the image, .2989 red + .587 green + .114 blue
//!  gamma        v^g
//!  hue          the hue of the pixel's HSV, shifted along its circle
//! ```
//!
//! The first three depend on the value alone, so they are looked up in a table of all bytes.

use super::changes::Changes;
use super::to_byte;
use crate::ops::vectorize;

/// Shares of red, green and blue in a gray.
const GRAY: [f32; 3] = [0.2989, 0.587, 0.114];

/// Changes the light of an image `[3, pixels]`.
pub(super) fn apply(changes: &Changes, image: &mut [u8], pixels: usize) {
    let table = table(changes, image, pixels);
    image.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
    if changes.hue != 0.0 {
        shift_hues(image, pixels, changes.hue as f32);
    }
}

/// What becomes of each byte.
fn table(changes: &Changes, image: &[u8], pixels: usize) -> [u8; 256] {
    let bright: [f64; 256] = std::array::from_fn(|byte| (changes.brightness * byte as f64 / 255.0).clamp(0.0, 1.0));
    let mean = |plane: &[u8]| {
        let mut counts = [0_u32; 256];
        plane.iter().for_each(|&value| counts[usize::from(value)] += 1);
        let sum: f64 = counts.iter().zip(bright).map(|(&count, value)| f64::from(count) * value).sum();
        sum / pixels as f64
    };
    let gray: f64 = image.chunks(pixels).zip(GRAY).map(|(plane, share)| f64::from(share) * mean(plane)).sum();
    bright.map(|value| {
        let contrasted = (gray + changes.contrast * (value - gray)).clamp(0.0, 1.0);
        to_byte((contrasted.powf(changes.gamma) * 255.0) as f32)
    })
}

/// Shifts the hues of an image `[3, pixels]`.
fn shift_hues(image: &mut [u8], pixels: usize, shift: f32) {
    let (red, others) = image.split_at_mut(pixels);
    let (green, blue) = others.split_at_mut(pixels);
    vectorize(
        #[inline(always)]
        || {
            for ((red, green), blue) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
                let rgb = [f32::from(*red), f32::from(*green), f32::from(*blue)];
                [*red, *green, *blue] = with_hue(rgb, shift).map(to_byte);
            }
        },
    );
}

/// A colour with another hue. A channel's value is `v - c clamp(min(k, 4 - k), 0, 1)`, `k` being the hue's distance from the channel.
#[inline(always)]
fn with_hue([red, green, blue]: [f32; 3], shift: f32) -> [f32; 3] {
    let greatest = red.max(green).max(blue);
    let range = greatest - red.min(green).min(blue);
    let per_range = if range > 0.0 { 1.0 / range } else { 0.0 };
    // sixths of the circle from red
    let hue = if greatest == red {
        (green - blue) * per_range
    } else if greatest == green {
        (blue - red) * per_range + 2.0
    } else {
        (red - green) * per_range + 4.0
    };
    let hue = hue + 6.0 * shift;
    [5.0, 3.0, 1.0].map(|channel| {
        let k = channel + hue;
        let k = k - 6.0 * (k / 6.0).floor();
        greatest - range * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}
