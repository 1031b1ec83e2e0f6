//! Adam and AdamW, with PyTorch's defaults: betas .9 and .999, epsilon 1e-8.
//!
//! ```text
//!  g += weight_decay p                (Adam)        p -= learning_rate weight_decay p    (AdamW)
//!  m += (1 - beta1) (g - m)
//!  v += (1 - beta2) (g^2 - v)
//!  p -= learning_rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
//! ```

use super::in_place::{InPlace, Update};
#[cfg(feature = "cudnn")]
use crate::ops;
use crate::ops::Real;
use candle_core::{Result, Tensor, Var};

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    pub(super) weight_decay: f64,
    /// Whether the weights decay by themselves (AdamW) or through the gradient.
    pub(super) decoupled: bool,
}

/// The mean of gradients, from the variable and its gradient.
#[derive(Clone, Copy)]
struct First {
    decay: f64,
}

impl Update for First {
    #[inline(always)]
    fn apply<T: Real>(&self, mean: T, variable: T, gradient: T) -> T {
        let gradient = gradient + variable * T::from_f64(self.decay);
        mean + (gradient - mean) * T::from_f64(1.0 - BETAS.0)
    }
}

/// The mean of squared gradients, from the variable and its gradient.
#[derive(Clone, Copy)]
struct Second {
    decay: f64,
}

impl Update for Second {
    #[inline(always)]
    fn apply<T: Real>(&self, mean: T, variable: T, gradient: T) -> T {
        let gradient = gradient + variable * T::from_f64(self.decay);
        mean * T::from_f64(BETAS.1) + gradient * gradient * T::from_f64(1.0 - BETAS.1)
    }
}

/// The variable, from both means.
#[derive(Clone, Copy)]
struct Step {
    /// What is left of the variable.
    keep: f64,
    size: f64,
    root: f64,
}

impl Update for Step {
    #[inline(always)]
    fn apply<T: Real>(&self, variable: T, first: T, second: T) -> T {
        let scale = second.sqrt() / T::from_f64(self.root) + T::from_f64(EPSILON);
        variable * T::from_f64(self.keep) - first / scale * T::from_f64(self.size)
    }
}

impl Adam {
    /// Step number `step`, counted from 1.
    pub(super) fn update(
        self,
        variable: &Var,
        gradient: &Tensor,
        state: &mut [Tensor],
        learning_rate: f64,
        step: u64,
    ) -> Result<()> {
        let [first, second] = state else { candle_core::bail!("Adam keeps two tensors a variable") };
        let (decay, decoupled) = if self.decoupled { (0.0, self.weight_decay) } else { (self.weight_decay, 0.0) };
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let step = Step {
            keep: 1.0 - learning_rate * decoupled,
            size: learning_rate / correction(BETAS.0),
            root: correction(BETAS.1).sqrt(),
        };
        if variable.device().is_cpu() {
            first.inplace_op3(variable, gradient, &InPlace(First { decay }))?;
            second.inplace_op3(variable, gradient, &InPlace(Second { decay }))?;
            return variable.inplace_op3(first, second, &InPlace(step));
        }
        #[cfg(feature = "cudnn")]
        if variable.device().is_cuda() {
            let Step { keep, size, root } = step;
            let step = ops::AdamStep { decay, betas: BETAS, epsilon: EPSILON, keep, size, root };
            return ops::adam(variable, gradient, first, second, step);
        }
        candle_core::bail!("this build has no Adam for {:?}", variable.device().location())
    }
}
