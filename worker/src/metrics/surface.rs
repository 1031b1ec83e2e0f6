//! The outlines of two masks: how far apart they are, and how much of them agrees.
//!
//! The outline of a mask are its pixels with a neighbour by a side that is not in it; beyond the edge of the picture nothing is. Distances
//! are between the middles of pixels, in pixels. Definitions are MONAI's (`monai.metrics`) where it has one.

use crate::distance::{Grid, distances};

/// How near outlines must be to agree, pixels.
const TOLERANCE: f64 = 2.0;
/// The width of the region along an outline in the boundary IoU, as a share of the picture's diagonal: that of Cheng et al. 2021, arXiv
/// 2103.16562.
const REGION: f64 = 0.02;

/// Two masks and their outlines.
pub(super) struct Outlines<'a> {
    predicted: &'a [bool],
    truth: &'a [bool],
    width: usize,
    /// The distance of each pixel of the predicted outline to the true one.
    to_truth: Vec<f64>,
    /// The distance of each pixel of the true outline to the predicted one.
    to_predicted: Vec<f64>,
}

impl<'a> Outlines<'a> {
    /// The outlines of masks of rows of `width` pixels.
    pub(super) fn of(predicted: &'a [bool], truth: &'a [bool], width: usize) -> Self {
        let (outline, true_outline) = (outline(predicted, width), outline(truth, width));
        let apart = |from: &[bool], to: &[bool]| {
            let distances = distances(Grid { pixels: to, width });
            from.iter().zip(distances).filter(|(is_in, _)| **is_in).map(|(_, distance)| distance).collect()
        };
        let (to_truth, to_predicted) = (apart(&outline, &true_outline), apart(&true_outline, &outline));
        Self { predicted, truth, width, to_truth, to_predicted }
    }

    /// The larger of the 95th percentiles of the distances of either outline to the other. Two empty masks are 0 apart; an empty and another
    /// one by the picture's diagonal, the most that two pixels can be.
    pub(super) fn hd95(&self) -> f64 {
        let percentile = |distances: &[f64]| {
            let mut sorted = distances.to_vec();
            sorted.sort_by(f64::total_cmp);
            percentile(&sorted, 0.95)
        };
        self.unless_empty(|| percentile(&self.to_truth).max(percentile(&self.to_predicted)))
    }

    /// The mean of the distances of the pixels of both outlines to the other. Empty masks as in [`hd95`](Self::hd95).
    pub(super) fn assd(&self) -> f64 {
        let count = self.to_truth.len() + self.to_predicted.len();
        self.unless_empty(|| self.to_truth.iter().chain(&self.to_predicted).sum::<f64>() / count as f64)
    }

    /// The harmonic mean of the shares of either outline that lie within two pixels of the other. 1 of two empty masks, 0 of one.
    pub(super) fn boundary_f1(&self) -> f64 {
        let share = |distances: &[f64]| {
            let near = distances.iter().filter(|distance| **distance <= TOLERANCE).count();
            near as f64 / distances.len() as f64
        };
        match (self.to_truth.is_empty(), self.to_predicted.is_empty()) {
            (true, true) => 1.0,
            (false, false) => {
                let (precision, recall) = (share(&self.to_truth), share(&self.to_predicted));
                if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
            }
            _ => 0.0,
        }
    }

    /// Intersection over union of the pixels of the masks that are near their own outlines. 1 where both are empty.
    pub(super) fn boundary_iou(&self) -> f64 {
        let near = |mask: &[bool]| {
            let outside: Vec<bool> = framed(mask, self.width).iter().map(|pixel| !pixel).collect();
            let wide = self.width + 2;
            let region = (REGION * self.diagonal()).round().max(1.0);
            let distances = distances(Grid { pixels: &outside, width: wide });
            let inner = |index: usize| (index / self.width + 1) * wide + index % self.width + 1;
            (0..mask.len()).map(|index| mask[index] && distances[inner(index)] <= region).collect::<Vec<_>>()
        };
        let (predicted, truth) = (near(self.predicted), near(self.truth));
        let both = || predicted.iter().zip(&truth);
        let (intersection, union) = (
            both().filter(|(one, other)| **one && **other).count(),
            both().filter(|(one, other)| **one || **other).count(),
        );
        if union == 0 { 1.0 } else { intersection as f64 / union as f64 }
    }

    fn unless_empty(&self, distance: impl FnOnce() -> f64) -> f64 {
        match (self.to_truth.is_empty(), self.to_predicted.is_empty()) {
            (true, true) => 0.0,
            (false, false) => distance(),
            _ => self.diagonal(),
        }
    }

    /// The distance of opposite corners of the picture.
    fn diagonal(&self) -> f64 {
        let height = self.truth.len() / self.width;
        ((self.width * self.width + height * height) as f64).sqrt()
    }
}

/// The outline of a mask.
fn outline(mask: &[bool], width: usize) -> Vec<bool> {
    let (framed, wide) = (framed(mask, width), width + 2);
    let is_outline = |index: usize| {
        let inner = (index / width + 1) * wide + index % width + 1;
        let sides = [inner - 1, inner + 1, inner - wide, inner + wide];
        framed[inner] && sides.iter().any(|side| !framed[*side])
    };
    (0..mask.len()).map(is_outline).collect()
}

/// A mask with a frame of one pixel that is not in it.
fn framed(mask: &[bool], width: usize) -> Vec<bool> {
    let wide = width + 2;
    let mut framed = vec![false; wide * (mask.len() / width + 2)];
    for (row, pixels) in mask.chunks(width).enumerate() {
        framed[(row + 1) * wide + 1..][..width].copy_from_slice(pixels);
    }
    framed
}

/// A quantile of sorted numbers, at least one, linear between neighbours as numpy has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * rest
}
