//! Structural dissimilarity of a case: `(1 - SSIM) / 2`, with SSIM the mean over all windows of
//!
//! ```text
//!  (2 m n + C1) (2 c + C2) / ((m^2 + n^2 + C1) (s + t + C2))
//! ```
//!
//! `m` and `s` are mean and variance of the probabilities in a window, `n` and `t` those of the targets, `c` their covariance; the window is
//! Gaussian with 11 x 11 pixels and a standard deviation of 1.5, variances are biased, `C1 = 0.01^2` and `C2 = 0.03^2`. Wang et al. 2004, IEEE
//! Transactions on Image Processing 13(4).

use super::case::Case;
use super::window::Window;
use crate::ops::Real;

/// Pixels of a side of the window.
pub(super) const SIZE: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The loss of a case; `slope` gets the index and the slope of every pixel.
///
/// SSIM is a function of three means: of `p`, of `p^2` and of `p y`. Each has a slope in each window, which the window spreads over its pixels.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
    let sides = (case.logits.len() / case.width, case.width);
    let window = Window::gaussian(SIZE, SIGMA);
    let ((p, slopes), y) = (case.probabilities(), case.truth());
    let products =
        |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).collect::<Vec<_>>();
    let [mean, mean_truth] = [&p, &y].map(|picture| window.means(picture, sides));
    let [square, square_truth, product] =
        [products(&p, &p), products(&y, &y), products(&p, &y)].map(|picture| window.means(&picture, sides));
    let count = mean.len();
    let share = -0.5 / count as f64;
    let mut similarity = 0.0;
    let mut along = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    for at in 0..count {
        let (m, n) = (mean[at], mean_truth[at]);
        let (above, like) = (2.0 * m * n + C1, 2.0 * (product[at] - m * n) + C2);
        let (below, spread) = (m * m + n * n + C1, square[at] - m * m + square_truth[at] - n * n + C2);
        let value = above * like / (below * spread);
        similarity += value;
        let of_mean = 2.0 * n * (like - above) / (below * spread) - value * 2.0 * m * (1.0 / below - 1.0 / spread);
        along[0][at] = share * of_mean;
        along[1][at] = -share * value / spread;
        along[2][at] = share * 2.0 * above / (below * spread);
    }
    let [of_p, of_square, of_product] = along.map(|windows| window.spread(&windows, sides));
    for (index, along) in slopes.into_iter().enumerate() {
        slope(index, (of_p[index] + 2.0 * p[index] * of_square[index] + y[index] * of_product[index]) * along);
    }
    (1.0 - similarity / count as f64) / 2.0
}
