//! Stochastic gradient descent with momentum, as in PyTorch.
//!
//! ```text
//!  g += weight_decay p
//!  v  = momentum v + g
//!  p -= learning_rate v                   with Nesterov's look ahead: learning_rate (g + momentum v)
//! ```

use super::Part;
use super::elementwise::{self, Update};
use crate::ops::{self, Real};
use candle_core::Result;

#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    pub(super) weight_decay: f64,
    pub(super) momentum: f64,
    pub(super) nesterov: bool,
}

/// A step.
#[derive(Clone, Copy)]
struct Step {
    rule: Sgd,
    learning_rate: f64,
}

impl Update<1> for Step {
    #[inline(always)]
    fn apply<T: Real>(&self, value: T, gradient: T, [velocity]: [T; 1]) -> (T, [T; 1]) {
        let gradient = gradient + value * T::from_f64(self.rule.weight_decay);
        let momentum = T::from_f64(self.rule.momentum);
        let velocity = velocity * momentum + gradient;
        let direction = if self.rule.nesterov { gradient + velocity * momentum } else { velocity };
        (value - direction * T::from_f64(self.learning_rate), [velocity])
    }
}

impl Sgd {
    pub(super) fn update(self, parts: &[Part<'_>], learning_rate: f64) -> Result<()> {
        if parts.first().is_some_and(|part| part.variable.device().is_cuda()) {
            let Self { weight_decay: decay, momentum, nesterov } = self;
            let step = ops::SgdStep { decay, momentum, nesterov, learning_rate };
            let tensors = parts.iter().map(|Part { variable, gradient, state }| match state {
                [velocity] => Ok([variable.as_tensor(), gradient, velocity]),
                _ => candle_core::bail!("SGD keeps one tensor per variable"),
            });
            return ops::sgd(&tensors.collect::<Result<Vec<_>>>()?, step);
        }
        parts.iter().try_for_each(|part| elementwise::run(part, Step { rule: self, learning_rate }))
    }
}
