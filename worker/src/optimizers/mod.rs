//! Update rules, as in `torch.optim`: gradients in, variables changed in place. `gradients` says what happens to gradients before,
//! `schedule` gives the learning rate of every step.
//!
//! An update is one pass over all numbers: a loop per variable on the CPU, one kernel on a CUDA device. The state of a rule is flat,
//! one tensor per kind of number for all variables, and can be read.

mod adam;
mod elementwise;
pub mod gradients;
mod schedule;
mod sgd;

use crate::ops::Gradients;
use candle_core::{Result, Tensor, Var};
use proto::spec::{self, Training};
use std::collections::BTreeMap;

use adam::Adam;
pub use schedule::Schedule;
use sgd::Sgd;

/// A variable with its gradient and its rule's state.
struct Part<'a> {
    variable: &'a Var,
    gradient: Tensor,
    state: &'a [Tensor],
}

/// An update rule.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Adam(Adam),
    Sgd(Sgd),
}

/// A variable with its state: its parts of the flat tensors.
#[derive(Debug)]
struct Slot {
    name: String,
    variable: Var,
    state: Vec<Tensor>,
}

/// Variables and the rule that trains them.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    schedule: Schedule,
    steps: u64,
    state: Vec<Tensor>,
    slots: Vec<Slot>,
}

impl Optimizer {
    /// The rule that `training` names, for `variables`, with the learning rates of `schedule`.
    ///
    /// # Errors
    /// If allocation of the state fails.
    pub fn new(training: &Training, schedule: Schedule, variables: &BTreeMap<String, Var>) -> Result<Self> {
        let weight_decay = training.weight_decay;
        let rule = match training.optimizer {
            spec::Optimizer::Adam => Rule::Adam(Adam { weight_decay, decoupled: false }),
            spec::Optimizer::AdamW => Rule::Adam(Adam { weight_decay, decoupled: true }),
            spec::Optimizer::Sgd => {
                Rule::Sgd(Sgd { weight_decay, momentum: training.momentum, nesterov: training.nesterov })
            }
        };
        let tensors = match rule {
            Rule::Adam(_) => 2,
            Rule::Sgd(_) => 1,
        };
        let mut state = Vec::new();
        if let Some(variable) = variables.values().next() {
            let total: usize = variables.values().map(|variable| variable.elem_count()).sum();
            let zeros = |_| Tensor::zeros(total, variable.dtype(), variable.device());
            state = (0..tensors).map(zeros).collect::<Result<_>>()?;
        }
        let mut start = 0;
        let slot = |(name, variable): (&String, &Var)| {
            let part = |flat: &Tensor| flat.narrow(0, start, variable.elem_count())?.reshape(variable.shape());
            let state = state.iter().map(part).collect::<Result<_>>()?;
            start += variable.elem_count();
            Ok(Slot { name: name.clone(), variable: variable.clone(), state })
        };
        let slots = variables.iter().map(slot).collect::<Result<_>>()?;
        Ok(Self { rule, schedule, steps: 0, state, slots })
    }

    /// Changes every variable that has a gradient.
    ///
    /// # Errors
    /// If a gradient does not fit its variable.
    pub fn step(&mut self, gradients: &Gradients) -> Result<()> {
        let learning_rate = self.schedule.rate(self.steps);
        self.steps += 1;
        let mut parts = Vec::with_capacity(self.slots.len());
        for Slot { variable, state, .. } in &self.slots {
            if let Some(gradient) = gradients.get(variable) {
                parts.push(Part { variable, gradient: gradient.contiguous()?, state });
            }
        }
        match self.rule {
            Rule::Adam(adam) => adam.update(&parts, learning_rate, self.steps),
            Rule::Sgd(sgd) => sgd.update(&parts, learning_rate),
        }
    }

    /// Number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The state of the rule, flat: Adam's first and second moments, or SGD's velocity, of all variables in the order of their names.
    #[must_use]
    pub fn state(&self) -> &[Tensor] {
        &self.state
    }

    /// Goes on where a rule for the same variables was after so many steps, with this [`state`](Self::state).
    ///
    /// # Errors
    /// If the state does not fit the variables.
    pub fn restore(&mut self, steps: u64, state: &[Tensor]) -> Result<()> {
        if state.len() != self.state.len() || state.iter().zip(&self.state).any(|(new, own)| new.dims() != own.dims()) {
            candle_core::bail!("the state of the update rule does not fit");
        }
        for (new, own) in state.iter().zip(&self.state) {
            // in place: the parts of each variable share its memory
            own.slice_set(&new.to_dtype(own.dtype())?.to_device(own.device())?, 0, 0)?;
        }
        self.steps = steps;
        Ok(())
    }

    /// The parts of [`state`](Self::state) that belong to each variable, in its shape.
    #[must_use]
    pub fn state_by_name(&self) -> BTreeMap<&str, &[Tensor]> {
        self.slots.iter().map(|slot| (slot.name.as_str(), slot.state.as_slice())).collect()
    }
}
