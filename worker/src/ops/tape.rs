//! A recorded forward pass, and the way back through it.
//!
//! Candle's own backward pass makes a tensor of zeros for every gradient, adds to it and keeps all of them; at the speed of these
//! operations that alone would be a third of a step. Here a step of the way back is a function. A gradient is moved to where it is
//! needed, changed in place, and added only where paths meet. A step frees its operands when it is done.

use super::backend::{Backend, Blend};
use candle_core::{Result, Tensor, TensorId};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// From the gradient of a step's output to those of its inputs; none for an input that needs none.
pub(super) type Backward = Box<dyn FnOnce(&dyn Backend, Tensor) -> Result<Vec<Option<Tensor>>>>;

struct Step {
    inputs: Vec<TensorId>,
    output: TensorId,
    backward: Backward,
}

/// The steps of a forward pass.
#[derive(Default)]
pub struct Tape {
    steps: RefCell<Vec<Step>>,
    blends: RefCell<Vec<Blend>>,
    tracked: RefCell<HashSet<TensorId>>,
}

/// Gradients of variables, and of what was computed.
#[derive(Debug, Default)]
pub struct Gradients(HashMap<TensorId, Tensor>);

impl Tape {
    /// Whether a gradient flows to `tensor`: it is a variable, or was computed on this tape.
    pub(super) fn tracks(&self, tensor: &Tensor) -> bool {
        tensor.is_variable() || self.tracked.borrow().contains(&tensor.id())
    }

    /// Records a step.
    pub(super) fn record(&self, inputs: &[&Tensor], output: &Tensor, backward: Backward) {
        self.tracked.borrow_mut().insert(output.id());
        let inputs = inputs.iter().map(|input| input.id()).collect();
        self.steps.borrow_mut().push(Step { inputs, output: output.id(), backward });
    }

    /// Notes running statistics that are to follow the batch's.
    pub(super) fn follow(&self, blends: impl IntoIterator<Item = Blend>) {
        self.blends.borrow_mut().extend(blends);
    }

    /// The running statistics that are to follow, once.
    pub(crate) fn take_blends(&self) -> Vec<Blend> {
        self.blends.take()
    }

    /// The gradients of all variables, computed by the backend of the pass from the gradient of its result; nothing else may share
    /// the storage of that.
    ///
    /// # Errors
    /// If shapes do not fit, or allocation fails.
    pub fn backward(self, backend: &dyn Backend, output: &Tensor, gradient: Tensor) -> Result<Gradients> {
        self.backward_from(backend, [(output, gradient)].into_iter().collect())
    }

    /// The same from the gradients of several results, which share no storage either.
    ///
    /// # Errors
    /// As for [`backward`](Self::backward).
    pub fn backward_from(self, backend: &dyn Backend, results: Gradients) -> Result<Gradients> {
        let mut gradients = results;
        let mut steps = self.steps.into_inner();
        while let Some(Step { inputs, output, backward }) = steps.pop() {
            let Some(gradient) = gradients.0.remove(&output) else { continue };
            for (input, gradient) in inputs.into_iter().zip(backward(backend, gradient)?) {
                if let Some(gradient) = gradient {
                    gradients.add(backend, input, gradient)?;
                }
            }
        }
        Ok(gradients)
    }
}

impl<'a> FromIterator<(&'a Tensor, Tensor)> for Gradients {
    /// Gradients by what they are the gradients of.
    fn from_iter<I: IntoIterator<Item = (&'a Tensor, Tensor)>>(gradients: I) -> Self {
        Self(gradients.into_iter().map(|(variable, gradient)| (variable.id(), gradient)).collect())
    }
}

impl Gradients {
    /// The gradient of a variable.
    #[must_use]
    pub fn get(&self, variable: &Tensor) -> Option<&Tensor> {
        self.0.get(&variable.id())
    }

    fn add(&mut self, backend: &dyn Backend, id: TensorId, gradient: Tensor) -> Result<()> {
        match self.0.get_mut(&id) {
            Some(sum) => backend.add(sum, &gradient)?,
            None => {
                self.0.insert(id, gradient);
            }
        }
        Ok(())
    }
}
