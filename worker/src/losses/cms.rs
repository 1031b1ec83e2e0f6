//! Correlation maximised structural similarity of a case: the cross-entropy of those pixels whose surroundings are predicted wrongly,
//!
//! ```text
//!  e = |(p - m + C) / (s + C) - (y - n + C) / (t + C)|,   loss = sum(e bce over e > cut) / number of pixels with e > cut
//! ```
//!
//! `m` and `s` are mean and standard deviation of the probabilities in a window of 3 x 3 pixels around a pixel, `n` and `t` those of the targets;
//! `C` is 0.01. Zhao et al. 2019, arXiv 1910.08711. `e` says how much a pixel counts; as a weight it has no slope. Beyond the edge of the
//! picture lies a mirror of it. Where no pixel is above the cut, the loss is 0.

use super::bce;
use super::case::Case;
use super::window::Window;
use crate::ops::Real;

const SIZE: usize = 3;
const SIGMA: f64 = 1.5;
const C: f64 = 0.01;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, cut: f64, mut slope: impl FnMut(usize, f64)) -> f64 {
    let sides = (case.logits.len() / case.width, case.width);
    let (probabilities, _) = case.probabilities();
    let (predicted, truth) = (standardized(&probabilities, sides), standardized(&case.truth(), sides));
    let errors: Vec<_> = predicted.iter().zip(&truth).map(|(predicted, truth)| (predicted - truth).abs()).collect();
    let count = errors.iter().filter(|error| **error > cut).count().max(1) as f64;
    let mut total = 0.0;
    for (index, ((x, y), error)) in case.pixels().zip(errors).enumerate() {
        let weight = if error > cut { error / count } else { 0.0 };
        let (value, along) = bce::value_and_slope(x, y);
        // not 0 times what may be infinite
        if weight > 0.0 {
            total += weight * value;
            slope(index, weight * along);
        }
    }
    total
}

/// Every pixel less the mean of its surroundings, by their standard deviation.
fn standardized(picture: &[f64], (height, width): (usize, usize)) -> Vec<f64> {
    let window = Window::gaussian(SIZE, SIGMA);
    let wide = (height + SIZE - 1, width + SIZE - 1);
    let mirrored = mirrored(picture, (height, width));
    let squares: Vec<_> = mirrored.iter().map(|pixel| pixel * pixel).collect();
    let (means, squares) = (window.means(&mirrored, wide), window.means(&squares, wide));
    let pixels = picture.iter().zip(means.iter().zip(&squares));
    // rounding can make a variance of 0 negative
    pixels.map(|(pixel, (mean, square))| (pixel - mean + C) / ((square - mean * mean).max(0.0).sqrt() + C)).collect()
}

/// The picture with a mirror of half a window around it.
fn mirrored(picture: &[f64], (height, width): (usize, usize)) -> Vec<f64> {
    let edge = SIZE / 2;
    let inside = |at: usize, length: usize| {
        let at = at.abs_diff(edge);
        if at < length { at } else { 2 * (length - 1) - at }
    };
    let rows = (0..height + 2 * edge).map(|y| inside(y, height) * width);
    rows.flat_map(|row| (0..width + 2 * edge).map(move |x| picture[row + inside(x, width)])).collect()
}
