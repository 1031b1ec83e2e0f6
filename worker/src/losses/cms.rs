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
use crate::ops::Real;

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

/// Every pixel less the mean of its surroundings, by their standard deviation. Its sum of squares is of differences from the mean: the mean of
/// squares less the square of the mean would leave rounding where all is alike, and a root makes much of little.
fn standardized(picture: &[f64], (height, width): (usize, usize)) -> Vec<f64> {
    let weights = weights();
    let pixel = |index: usize| {
        let (y, x) = (index / width, index % width);
        let rows = [-1, 0, 1].map(|down| mirrored(y, down, height) * width);
        let columns = [-1, 0, 1].map(|right| mirrored(x, right, width));
        let around: [f64; 9] = std::array::from_fn(|at| picture[rows[at / 3] + columns[at % 3]]);
        let mean: f64 = weights.iter().zip(&around).map(|(weight, value)| weight * value).sum();
        let variance: f64 = weights.iter().zip(&around).map(|(weight, value)| weight * (value - mean).powi(2)).sum();
        (picture[index] - mean + C) / (variance.sqrt() + C)
    };
    (0..picture.len()).map(pixel).collect()
}

/// The weights of a window, row by row; they add up to 1.
fn weights() -> [f64; 9] {
    let near = (-1.0 / (2.0 * SIGMA * SIGMA)).exp();
    let side = [near, 1.0, near].map(|weight| weight / (1.0 + 2.0 * near));
    std::array::from_fn(|at| side[at / 3] * side[at % 3])
}

/// The place beside a place of a side of that length, mirrored at its ends.
fn mirrored(place: usize, step: isize, length: usize) -> usize {
    let beside = place.saturating_add_signed(step);
    match (place, step) {
        (0, -1) => 1.min(length - 1),
        _ if beside >= length => length.saturating_sub(2),
        _ => beside,
    }
}
