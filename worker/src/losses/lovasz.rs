//! Lovász hinge of a case: the convex extension of the Jaccard loss `1 - IoU`, at the hinge errors `e = 1 - x (2 y - 1)`.
//!
//! With the errors in descending order, `loss = sum(max(e_i, 0) (J_i - J_(i-1)))`, where `J_i` is the Jaccard loss if the first `i` pixels
//! are wrong. Berman et al. 2018, arXiv 1705.08790, algorithm 1. Where errors are equal, the loss does not depend on their order, but its
//! slope does: then the pixel that comes first in the image comes first.

use super::case::Case;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
    let mut errors: Vec<_> = case
        .pixels()
        .enumerate()
        .map(|(index, (x, y))| {
            let sign = 2.0 * y - 1.0;
            (1.0 - x * sign, sign, y, index)
        })
        .collect();
    errors.sort_by(|one, other| other.0.total_cmp(&one.0));
    let truth: f64 = case.pixels().map(|(_, y)| y).sum();
    let (mut found, mut added, mut before, mut loss) = (0.0, 0.0, 0.0, 0.0);
    for (error, sign, y, index) in errors {
        found += y;
        added += 1.0 - y;
        let jaccard = 1.0 - (truth - found) / (truth + added);
        let weight = jaccard - before;
        before = jaccard;
        // not `max`, which drops what is not a number
        let counts = error > 0.0 || error.is_nan();
        if counts {
            loss += error * weight;
        }
        slope(index, if counts { -sign * weight } else { 0.0 });
    }
    loss
}
