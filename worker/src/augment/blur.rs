//! A Gaussian blur: rows, then columns. Weights end at 4 standard deviations, and beyond its edges the image is mirrored, as in
//! `scipy.ndimage.gaussian_filter`.

use crate::ops::vectorize;

/// Standard deviations that the weights reach to.
const REACH: f64 = 4.0;

/// Blurs a plane `[size, size]` by a standard deviation in pixels.
pub(super) fn apply(plane: &mut [f32], size: usize, deviation: f64) {
    let weights = weights(deviation);
    if weights.len() < 2 {
        return;
    }
    let mut source = vec![0.0; size + 2 * (weights.len() - 1)];
    for row in plane.chunks_mut(size) {
        extend(row, &mut source);
        blurred(&source, &weights, row);
    }
    // columns: each row of the result is a weighted sum of rows
    let rows = plane.to_vec();
    for (y, target) in plane.chunks_mut(size).enumerate() {
        target.fill(0.0);
        for (distance, &weight) in weights.iter().enumerate() {
            let places = [y as isize - distance as isize, y as isize + distance as isize];
            for place in &places[..if distance == 0 { 1 } else { 2 }] {
                add(target, &rows[mirrored(*place, size) * size..][..size], weight);
            }
        }
    }
}

/// The weight of the middle, then of the pixels at distance 1, 2 ... on either side.
fn weights(deviation: f64) -> Vec<f32> {
    let reach = (REACH * deviation + 0.5) as usize;
    let raw: Vec<f64> = (0..=reach).map(|distance| (-0.5 * (distance as f64 / deviation).powi(2)).exp()).collect();
    let total = 2.0 * raw.iter().sum::<f64>() - raw[0];
    raw.into_iter().map(|weight| (weight / total) as f32).collect()
}

/// A place beyond the edges, mirrored back.
fn mirrored(place: isize, size: usize) -> usize {
    let turn = place.rem_euclid(2 * size as isize) as usize;
    turn.min(2 * size - 1 - turn)
}

/// A row with as much of its mirror image on either side as there is room.
fn extend(row: &[f32], target: &mut [f32]) {
    let reach = (target.len() - row.len()) / 2;
    for (at, value) in target.iter_mut().enumerate() {
        *value = row[mirrored(at as isize - reach as isize, row.len())];
    }
}

fn blurred(source: &[f32], weights: &[f32], target: &mut [f32]) {
    let reach = weights.len() - 1;
    target.fill(0.0);
    add(target, &source[reach..], weights[0]);
    for (distance, &weight) in weights.iter().enumerate().skip(1) {
        add(target, &source[reach - distance..], weight);
        add(target, &source[reach + distance..], weight);
    }
}

fn add(target: &mut [f32], source: &[f32], weight: f32) {
    vectorize(
        #[inline(always)]
        || target.iter_mut().zip(source).for_each(|(target, source)| *target += weight * source),
    );
}
