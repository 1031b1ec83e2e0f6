//! Adam (Kingma and Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with PyTorch's defaults:
//! betas .9 and .999, epsilon 1e-8.
//!
//! ```text
//!  g += weight_decay p                (Adam)        p -= learning_rate weight_decay p    (AdamW)
//!  m += (1 - beta1) (g - m)
//!  v += (1 - beta2) (g^2 - v)
//!  p -= learning_rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
//! ```

use super::Part;
use super::elementwise::{self, Update};
use crate::ops::{self, Real};
use candle_core::Result;

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    pub(super) weight_decay: f64,
    /// Whether the weights decay by themselves (AdamW) or through the gradient.
    pub(super) decoupled: bool,
}

/// The factors of one step.
#[derive(Clone, Copy)]
struct Step {
    /// Share of the variable that is added to its gradient.
    decay: f64,
    /// Share of the variable that is kept.
    keep: f64,
    /// `learning_rate / (1 - beta1^t)`
    size: f64,
    /// `sqrt(1 - beta2^t)`
    root: f64,
}

impl Update<2> for Step {
    #[inline(always)]
    fn apply<T: Real>(&self, value: T, gradient: T, [first, second]: [T; 2]) -> (T, [T; 2]) {
        let gradient = gradient + value * T::from_f64(self.decay);
        let first = first + (gradient - first) * T::from_f64(1.0 - BETAS.0);
        let second = second * T::from_f64(BETAS.1) + gradient * gradient * T::from_f64(1.0 - BETAS.1);
        let scale = second.sqrt() / T::from_f64(self.root) + T::from_f64(EPSILON);
        (value * T::from_f64(self.keep) - first / scale * T::from_f64(self.size), [first, second])
    }
}

impl Adam {
    /// Step number `step`, counted from 1.
    pub(super) fn update(self, parts: &[Part<'_>], learning_rate: f64, step: u64) -> Result<()> {
        let (decay, decoupled) = if self.decoupled { (0.0, self.weight_decay) } else { (self.weight_decay, 0.0) };
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let step = Step {
            decay,
            keep: 1.0 - learning_rate * decoupled,
            size: learning_rate / correction(BETAS.0),
            root: correction(BETAS.1).sqrt(),
        };
        if parts.first().is_some_and(|part| part.variable.device().is_cuda()) {
            let Step { decay, keep, size, root } = step;
            let step = ops::AdamStep { decay, betas: BETAS, epsilon: EPSILON, keep, size, root };
            let tensors = parts.iter().map(|Part { variable, gradient, state }| match state {
                [first, second] => Ok([variable.as_tensor(), gradient, first, second]),
                _ => candle_core::bail!("Adam keeps two tensors per variable"),
            });
            return ops::adam(&tensors.collect::<Result<Vec<_>>>()?, step);
        }
        parts.iter().try_for_each(|part| elementwise::run(part, step))
    }
}
