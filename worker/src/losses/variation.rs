//! Total variation of a case: the mean of `|p - p'|` over neighbours in a row, plus that over neighbours in a column, with
//! `p = sigmoid(x)`. Kornia's `total_variation(reduction="mean")`. It does not look at the truth, and so only adds to another loss.

use super::case::Case;
use crate::ops::Real;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
    let (probabilities, slopes) = case.probabilities();
    let (width, height) = (case.width, case.logits.len() / case.width);
    let mut along = vec![0.0; probabilities.len()];
    let mut total = 0.0;
    let columns = (0..height).flat_map(|y| (1..width).map(move |x| (y * width + x - 1, y * width + x)));
    let rows = (width..probabilities.len()).map(|index| (index - width, index));
    for (pairs, count) in [
        (&mut columns.into_iter() as &mut dyn Iterator<Item = (usize, usize)>, height * (width - 1)),
        (&mut rows.into_iter(), (height - 1) * width),
    ] {
        let share = 1.0 / (count.max(1) as f64);
        for (one, other) in pairs {
            let difference = probabilities[other] - probabilities[one];
            total += difference.abs() * share;
            // 0 between equals, as the slope of an absolute value in PyTorch
            let sign = if difference > 0.0 {
                1.0
            } else if difference < 0.0 {
                -1.0
            } else {
                0.0
            };
            along[other] += sign * share;
            along[one] -= sign * share;
        }
    }
    for (index, (along, slope_of_p)) in along.into_iter().zip(slopes).enumerate() {
        slope(index, along * slope_of_p);
    }
    total
}
