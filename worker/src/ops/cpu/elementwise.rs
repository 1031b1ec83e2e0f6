//! Sums of maps and of gradients that meet, and whether numbers are finite.

use super::run::instruction_set::vectorize;
use super::run::parallel;
use super::run::simd::Real;
use super::run::storage::{by_float, change, read, tensor};
use crate::ops::Activation;
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;

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

/// `activation(a + b)`
pub(super) fn residual(a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
    by_float!(a.dtype(), T => read([a, b], |[a_values, b_values]: [&[T]; 2]| {
        tensor(activated_sum(a_values, b_values, activation), a.dims())
    }))
}

/// The gradient of an operand of [`residual`], in the place of `grad`.
pub(super) fn residual_backward(y: &Tensor, grad: Tensor, activation: Activation) -> Result<Tensor> {
    if activation == Activation::Relu {
        by_float!(y.dtype(), T => change(&grad, y, |grad: &mut [T], y| {
            parallel::chunks(grad, CHUNK, |chunk, grad| {
                let y = &y[chunk * CHUNK..][..grad.len()];
                vectorize(
                    #[inline(always)]
                    || {
                        for (grad, &y) in grad.iter_mut().zip(y) {
                            *grad = if y > T::default() { *grad } else { T::default() };
                        }
                    },
                );
            });
        }))?;
    }
    Ok(grad)
}

fn activated_sum<T: Real>(a: &[T], b: &[T], activation: Activation) -> Vec<T> {
    let write = |chunk: usize, y: &mut [MaybeUninit<T>]| {
        let (a, b) = (&a[chunk * CHUNK..][..y.len()], &b[chunk * CHUNK..][..y.len()]);
        vectorize(
            #[inline(always)]
            || {
                for (y, (&a, &b)) in y.iter_mut().zip(a.iter().zip(b)) {
                    let sum = a + b;
                    // not-a-number is not below zero, so it stays
                    let negative = activation == Activation::Relu && sum < T::default();
                    y.write(if negative { T::default() } else { sum });
                }
            },
        );
    };
    // SAFETY: a chunk of `y` is as long as its parts of `a` and `b`, and all of it is written.
    unsafe { parallel::written_chunks(a.len(), CHUNK, write) }
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
