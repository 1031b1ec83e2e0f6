//! Sums of gradients that meet, and whether numbers are finite.

use super::run::instruction_set::vectorize;
use super::run::parallel;
use super::run::storage::{by_float, change, read};
use candle_core::{Result, Tensor};

/// Elements that a task adds.
const CHUNK: usize = 1 << 14;

/// `sum += operand`, in place.
pub(super) fn add(sum: &Tensor, operand: &Tensor) -> Result<()> {
    by_float!(sum.dtype(), T => change(sum, operand, |sum: &mut [T], operand| {
        parallel::chunks(sum, CHUNK, |chunk, sum| {
            let operand = &operand[chunk * CHUNK..][..sum.len()];
            vectorize(
                #[inline(always)]
                || sum.iter_mut().zip(operand).for_each(|(sum, &operand)| *sum += operand),
            );
        });
    }))
}

/// Whether every element of every tensor is finite.
pub(super) fn are_finite(tensors: &[&Tensor]) -> Result<bool> {
    for tensor in tensors {
        let finite = by_float!(tensor.dtype(), T => {
            read([tensor], |[elements]: [&[T]; 1]| Ok(elements.iter().all(|element| element.is_finite())))
        })?;
        if !finite {
            return Ok(false);
        }
    }
    Ok(true)
}
