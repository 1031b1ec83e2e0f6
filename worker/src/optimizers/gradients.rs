//! What happens to gradients between the way back and the update: means over batches, and a limit of their norm.

use crate::ops::storage::{by_float, read};
use crate::ops::{Gradients, parallel};
use candle_core::{DType, Device, Result, Tensor, Var, WithDType};
use std::collections::BTreeMap;

/// Elements whose squares a task adds up.
const CHUNK: usize = 1 << 16;

/// What PyTorch's `clip_grad_norm_` adds to the norm that it divides by.
const EPSILON: f64 = 1e-6;

/// The mean of gradients over batches of different sizes.
#[derive(Debug)]
pub struct Mean {
    gradients: Gradients,
    cases: usize,
}

impl Mean {
    /// The gradients of a batch of so many cases.
    #[must_use]
    pub fn of(gradients: Gradients, cases: usize) -> Self {
        Self { gradients, cases }
    }

    /// The mean of this one and that of another batch, each case counting the same.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn and(self, other: Self, variables: &BTreeMap<String, Var>) -> Result<Self> {
        let cases = self.cases + other.cases;
        let share = |cases_of_it: usize| cases_of_it as f64 / cases as f64;
        let mean = each(variables, |variable| match (self.gradients.get(variable), other.gradients.get(variable)) {
            (Some(a), Some(b)) => {
                Some(a.affine(share(self.cases), 0.0).and_then(|a| a + b.affine(share(other.cases), 0.0)?))
            }
            (a, b) => a.or(b).cloned().map(Ok),
        })?;
        Ok(Self { gradients: mean, cases })
    }

    /// The norm of all of them together, computed on the host; `None` without gradients. Waits for a device.
    ///
    /// # Errors
    /// If they cannot be read from the device.
    pub fn norm(&self, variables: &BTreeMap<String, Var>) -> Result<Option<f64>> {
        let on_host =
            each(variables, |variable| self.gradients.get(variable).map(|gradient| gradient.to_device(&Device::Cpu)))?;
        norm(&on_host, variables)?.map(|norm| norm.to_dtype(DType::F64)?.to_scalar()).transpose()
    }

    /// The gradients.
    #[must_use]
    pub fn gradients(self) -> Gradients {
        self.gradients
    }
}

/// The norm of all gradients together (PyTorch's `get_total_norm`), f32 or f64 `[]`, where they lie. Does not wait for a device.
///
/// # Errors
/// If allocation fails.
pub fn norm(gradients: &Gradients, variables: &BTreeMap<String, Var>) -> Result<Option<Tensor>> {
    let mut sum: Option<Tensor> = None;
    for gradient in variables.values().filter_map(|variable| gradients.get(variable)) {
        let squares = squares(gradient)?;
        sum = Some(match sum {
            Some(sum) => (sum + squares)?,
            None => squares,
        });
    }
    sum.map(|sum| sum.sqrt()).transpose()
}

/// The gradients, multiplied by `max_norm / (norm + 1e-6)` where that is below 1: PyTorch's `clip_grad_norm_`. Does not wait for a device.
///
/// # Errors
/// If allocation fails.
pub fn clipped(gradients: Gradients, variables: &BTreeMap<String, Var>, max_norm: f64) -> Result<Gradients> {
    let Some(norm) = norm(&gradients, variables)? else { return Ok(gradients) };
    let factor = (norm.affine(1.0, EPSILON)?.recip()? * max_norm)?.minimum(1.0)?;
    if factor.device().is_cpu() && factor.to_dtype(DType::F64)?.to_scalar::<f64>()? == 1.0 {
        return Ok(gradients);
    }
    each(variables, |variable| {
        gradients.get(variable).map(|gradient| gradient.broadcast_mul(&factor.to_dtype(gradient.dtype())?))
    })
}

/// The gradients that `of` gives for each variable.
fn each(variables: &BTreeMap<String, Var>, of: impl Fn(&Var) -> Option<Result<Tensor>>) -> Result<Gradients> {
    let with = |variable| of(variable).map(|gradient: Result<Tensor>| Ok((variable.as_tensor(), gradient?)));
    variables.values().filter_map(with).collect()
}

/// The sum of the squares of a tensor, `[]`. On the CPU it is made of chunks in f64, so its bits do not depend on the number of threads.
fn squares(tensor: &Tensor) -> Result<Tensor> {
    if !tensor.device().is_cpu() {
        return tensor.to_dtype(DType::F32)?.sqr()?.sum_all();
    }
    let tensor = tensor.contiguous()?;
    by_float!(tensor.dtype(), T => read([&tensor], |[values]: [&[T]; 1]| {
        Tensor::new(sum_of_squares(values), tensor.device())
    }))
}

fn sum_of_squares<T: WithDType>(values: &[T]) -> f64 {
    let sums = parallel::collect(values.len().div_ceil(CHUNK), |index| {
        let chunk = &values[index * CHUNK..values.len().min((index + 1) * CHUNK)];
        chunk.iter().map(|value| value.to_f64().powi(2)).sum::<f64>()
    });
    sums.into_iter().sum()
}
