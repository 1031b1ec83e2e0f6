//! Losses that are sums over pixels, as numbers for a CUDA device, with the names of `losses/bce.rs`, `dice.rs`, `focal.rs` and `tversky.rs`.

/// A loss that a CUDA device computes.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "cudnn"), expect(dead_code, reason = "only a CUDA device reads them"))]
pub(crate) enum LossKernel {
    /// Binary cross-entropy.
    Bce {
        /// Weight of the foreground.
        weight: f64,
        /// Distance of the targets from 0 and 1.
        smoothing: f64,
    },
    /// Soft Dice.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// Focal loss.
    Focal {
        /// Exponent of the modulating factor.
        gamma: f64,
        /// Weight of the foreground; 0 weighs all alike.
        alpha: f64,
    },
    /// Tversky loss to a power.
    Tversky {
        /// Weight of what is wrongly foreground.
        alpha: f64,
        /// Weight of what is wrongly background.
        beta: f64,
        /// Added to numerator and denominator.
        smooth: f64,
        /// Exponent.
        gamma: f64,
    },
}
