//! Stochastic gradient descent with momentum.
//!
//! ```text
//!  g += weight_decay p
//!  v  = momentum v + g
//!  p -= learning_rate v
//! ```

use super::pass::{self, Update};
#[cfg(feature = "cudnn")]
use crate::ops;
use crate::ops::Real;
use candle_core::{Result, Tensor, Var};

#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    pub(super) weight_decay: f64,
    pub(super) momentum: f64,
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
        let velocity = velocity * T::from_f64(self.rule.momentum) + gradient;
        (value - velocity * T::from_f64(self.learning_rate), [velocity])
    }
}

impl Sgd {
    pub(super) fn update(self, variable: &Var, gradient: &Tensor, state: &[Tensor], learning_rate: f64) -> Result<()> {
        if variable.device().is_cpu() {
            return pass::run(variable, gradient, state, Step { rule: self, learning_rate });
        }
        #[cfg(feature = "cudnn")]
        if variable.device().is_cuda() {
            let [velocity] = state else { candle_core::bail!("SGD keeps one tensor a variable") };
            let step = ops::SgdStep { decay: self.weight_decay, momentum: self.momentum, learning_rate };
            return ops::sgd(variable, gradient, velocity, step);
        }
        candle_core::bail!("this build has no SGD for {:?}", variable.device().location())
    }
}
