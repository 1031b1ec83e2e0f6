//! Boundary loss of a case: `mean(p phi)` over the pixels, with `p = sigmoid(x)` and `phi` the signed distance to the true outline, in
//! pixels: the distance to the nearest foreground pixel outside, and `1 -` the distance to the nearest background pixel inside.
//!
//! Kervadec et al. 2019, arXiv 1812.07032. A case without foreground or without background has no outline: `phi` is 0.

use super::case::Case;
use crate::distance::{Grid, distances};
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
    let signed = signed_distances(&case.foreground(), case.width);
    let (probabilities, slopes) = case.probabilities();
    let count = signed.len() as f64;
    for (index, (distance, along)) in signed.iter().zip(slopes).enumerate() {
        slope(index, distance * along / count);
    }
    probabilities.iter().zip(&signed).map(|(probability, distance)| probability * distance).sum::<f64>() / count
}

/// `phi` of every pixel.
fn signed_distances(foreground: &[bool], width: usize) -> Vec<f64> {
    let some = foreground.iter().filter(|pixel| **pixel).count();
    if some == 0 || some == foreground.len() {
        return vec![0.0; foreground.len()];
    }
    let background: Vec<bool> = foreground.iter().map(|pixel| !pixel).collect();
    let outside = distances(Grid { pixels: foreground, width });
    let inside = distances(Grid { pixels: &background, width });
    let pixels = foreground.iter().zip(outside.into_iter().zip(inside));
    pixels.map(|(&is_inside, (outside, inside))| if is_inside { 1.0 - inside } else { outside }).collect()
}
