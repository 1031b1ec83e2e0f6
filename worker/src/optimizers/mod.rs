//! Update rules, as in `torch.optim`: gradients in, variables changed in place.
//!
//! An update is a fused loop per variable on the CPU, a kernel per variable on a CUDA device. The state is a few tensors per
//! variable, which can be read.

mod adam;
mod in_place;
mod sgd;

use crate::ops::Gradients;
use candle_core::{Result, Tensor, Var};
use proto::spec::{self, Training};
use std::collections::BTreeMap;

use adam::Adam;
use sgd::Sgd;

/// An update rule for one variable at a time.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Adam(Adam),
    Sgd(Sgd),
}

/// A variable with what its rule remembers of it.
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
    learning_rate: f64,
    steps: u64,
    slots: Vec<Slot>,
}

impl Optimizer {
    /// The rule that `training` names, for `variables`.
    ///
    /// # Errors
    /// If memory for the state cannot be had.
    pub fn new(training: &Training, learning_rate: f64, variables: &BTreeMap<String, Var>) -> Result<Self> {
        let weight_decay = training.weight_decay;
        let rule = match training.optimizer {
            spec::Optimizer::Adam => Rule::Adam(Adam { weight_decay, decoupled: false }),
            spec::Optimizer::AdamW => Rule::Adam(Adam { weight_decay, decoupled: true }),
            spec::Optimizer::Sgd => Rule::Sgd(Sgd { weight_decay, momentum: training.momentum }),
        };
        let tensors = match rule {
            Rule::Adam(_) => 2,
            Rule::Sgd(_) => 1,
        };
        let slot = |(name, variable): (&String, &Var)| {
            let state = (0..tensors).map(|_| variable.zeros_like()).collect::<Result<_>>()?;
            Ok(Slot { name: name.clone(), variable: variable.clone(), state })
        };
        Ok(Self { rule, learning_rate, steps: 0, slots: variables.iter().map(slot).collect::<Result<_>>()? })
    }

    /// Changes every variable that has a gradient.
    ///
    /// # Errors
    /// If a gradient does not fit its variable.
    pub fn step(&mut self, gradients: &Gradients) -> Result<()> {
        self.steps += 1;
        for slot in &mut self.slots {
            let Some(gradient) = gradients.get(&slot.variable) else { continue };
            let gradient = gradient.contiguous()?;
            match self.rule {
                Rule::Adam(adam) => {
                    adam.update(&slot.variable, &gradient, &mut slot.state, self.learning_rate, self.steps)?;
                }
                Rule::Sgd(sgd) => sgd.update(&slot.variable, &gradient, &mut slot.state, self.learning_rate)?,
            }
        }
        Ok(())
    }

    /// Number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The state of every variable: Adam's first and second moments, or SGD's velocity.
    #[must_use]
    pub fn state(&self) -> BTreeMap<&str, &[Tensor]> {
        self.slots.iter().map(|slot| (slot.name.as_str(), slot.state.as_slice())).collect()
    }
}
