//! Stochastic gradient descent with momentum.
//!
//! ```text
//!  g += weight_decay p
//!  v  = momentum v + g
//!  p -= learning_rate v
//! ```

use super::in_place::{InPlace, Update};
#[cfg(feature = "cudnn")]
use crate::ops;
use crate::ops::Real;
use candle_core::{Result, Tensor, Var};

#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    pub(super) weight_decay: f64,
    pub(super) momentum: f64,
}

/// The velocity, from the variable and its gradient.
#[derive(Clone, Copy)]
struct Velocity(Sgd);

impl Update for Velocity {
    #[inline(always)]
    fn apply<T: Real>(&self, velocity: T, variable: T, gradient: T) -> T {
        velocity * T::from_f64(self.0.momentum) + (gradient + variable * T::from_f64(self.0.weight_decay))
    }
}

/// The variable, from its velocity.
#[derive(Clone, Copy)]
struct Step {
    learning_rate: f64,
}

impl Update for Step {
    #[inline(always)]
    fn apply<T: Real>(&self, variable: T, velocity: T, _: T) -> T {
        variable - velocity * T::from_f64(self.learning_rate)
    }
}

impl Sgd {
    pub(super) fn update(
        self,
        variable: &Var,
        gradient: &Tensor,
        state: &mut [Tensor],
        learning_rate: f64,
    ) -> Result<()> {
        let [velocity] = state else { candle_core::bail!("SGD keeps one tensor a variable") };
        if variable.device().is_cpu() {
            velocity.inplace_op3(variable, gradient, &InPlace(Velocity(self)))?;
            return variable.inplace_op3(velocity, gradient, &InPlace(Step { learning_rate }));
        }
        #[cfg(feature = "cudnn")]
        if variable.device().is_cuda() {
            let step = ops::SgdStep { decay: self.weight_decay, momentum: self.momentum, learning_rate };
            return ops::sgd(variable, gradient, velocity, step);
        }
        candle_core::bail!("this build has no SGD for {:?}", variable.device().location())
    }
}
