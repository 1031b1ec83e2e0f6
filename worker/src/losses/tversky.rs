//! Losses of soft counts of a case: with `p = sigmoid(x)`, `TP = sum(p y)`, `FP = sum(p (1 - y))` and `FN = sum((1 - p) y)` over the
//! pixels,
//!
//! ```text
//!  tversky        t = 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)
//!  jaccard        tversky with alpha = beta = 1
//!  focal_tversky  t^gamma
//! ```
//!
//! `alpha` is the weight of what is wrongly foreground, as in MONAI and segmentation_models.pytorch. Salehi et al. 2017, arXiv 1706.05721;
//! Abraham and Khan 2019, arXiv 1810.07842, whose `1 / gamma` is `gamma` here. On CUDA devices: the kind `TVERSKY` in
//! `ops/cuda/kernels/losses.cu`.

use super::case::Case;
use super::logit::Logit;
use crate::ops::Real;

/// The parameters of a Tversky loss.
#[derive(Clone, Copy)]
pub(super) struct Tversky {
    /// Weight of what is wrongly foreground.
    pub(super) alpha: f64,
    /// Weight of what is wrongly background.
    pub(super) beta: f64,
    /// Added to numerator and denominator.
    pub(super) smooth: f64,
    /// Exponent of the loss.
    pub(super) gamma: f64,
}

/// The smallest loss that is raised to a power below 1: there the slope of the power is finite.
const LEAST: f64 = 1e-12;

impl Tversky {
    /// The loss of a case; `slope` gets the index and the slope of every pixel.
    ///
    /// With `N` the numerator and `D` the denominator, a pixel's slope along `p` is `(N D' - N' D) / D^2`, where `N' = y` and
    /// `D' = y + alpha (1 - y) - beta y`. Every slope depends on both sums, so there are two passes.
    pub(super) fn of_case<T: Real>(self, case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
        let Self { alpha, beta, smooth, gamma } = self;
        let (mut hits, mut predicted, mut truth) = (0.0, 0.0, 0.0);
        for (x, y) in case.pixels() {
            let (probability, _) = Logit::new(x).sigmoid();
            hits += probability * y;
            predicted += probability;
            truth += y;
        }
        let above = hits + smooth;
        let below = above + alpha * (predicted - hits) + beta * (truth - hits);
        let loss = 1.0 - above / below;
        let (value, power) = match gamma {
            1.0 => (loss, 1.0),
            _ if loss < LEAST => (loss.max(0.0).powf(gamma), 0.0),
            _ => (loss.powf(gamma), gamma * loss.powf(gamma - 1.0)),
        };
        for (index, (x, y)) in case.pixels().enumerate() {
            let (probability, other) = Logit::new(x).sigmoid();
            let along = y * (1.0 - beta) + alpha * (1.0 - y);
            slope(index, power * (above * along - y * below) / (below * below) * probability * other);
        }
        value
    }
}
