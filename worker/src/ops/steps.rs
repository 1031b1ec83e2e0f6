//! Steps of the update rules, as numbers for a CUDA device.

/// A step of Adam or AdamW, with the names of `optimizers/adam.rs`.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "cudnn"), expect(dead_code, reason = "only a CUDA device reads them"))]
pub(crate) struct AdamStep {
    /// Share of the parameters that is added to their gradients.
    pub(crate) decay: f64,
    /// Shares of the moments that are kept.
    pub(crate) betas: (f64, f64),
    /// Added to the root of the second moment.
    pub(crate) epsilon: f64,
    /// Share of the parameters that is kept.
    pub(crate) keep: f64,
    /// `learning_rate / (1 - beta1^t)`
    pub(crate) size: f64,
    /// `sqrt(1 - beta2^t)`
    pub(crate) root: f64,
}

/// A step of stochastic gradient descent, with the names of `optimizers/sgd.rs`.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "cudnn"), expect(dead_code, reason = "only a CUDA device reads them"))]
pub(crate) struct SgdStep {
    /// Share of the parameters that is added to their gradients.
    pub(crate) decay: f64,
    /// Share of the velocity that is kept.
    pub(crate) momentum: f64,
    /// Whether the parameters move by the gradient and the share of the velocity that the next step would keep.
    pub(crate) nesterov: bool,
    /// Share of the velocity that the parameters move by.
    pub(crate) learning_rate: f64,
}
