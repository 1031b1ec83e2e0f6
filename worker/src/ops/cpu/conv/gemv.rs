//! The products of [`gemm`](super::gemm) where `B` and `D` have one column, as in a layer with one channel out.
//!
//! ```text
//!  Project      y[i]  = sum over k of A[i, k] b[k]      outputs
//!  Accumulate   g[k] += sum over i of A[i, k] d[i]      gradients of weights
//! ```
//!
//! A vector of columns would have one lane in use, so vectors run along `k`.

use super::gemm::{CHUNK, Patches};
use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::parallel::Scattered;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;

/// Rows whose sums are in registers at once.
const ROWS: usize = 8;
/// Vectors of sums that are in registers at once.
const VECTORS: usize = 4;

/// `y = A b + bias`, then the activation.
pub(super) struct Project<'a, 'b, T> {
    /// `A`
    pub(super) left: Patches<'a, T>,
    /// `b`
    pub(super) right: &'a [T],
    /// What is added.
    pub(super) bias: T,
    /// What follows.
    pub(super) activation: Activation,
    /// Where the result goes.
    pub(super) result: &'a Scattered<'b, MaybeUninit<T>>,
    /// Where each of its elements lies, behind `first`.
    pub(super) results: &'a [usize],
    /// What is added to each of `results`.
    pub(super) first: usize,
}

impl<T: Real> Vectorized for Project<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        assert!(self.right.len() == self.left.depth() && self.results.len() == self.left.rows());
        let mut row = 0;
        while row < self.results.len() {
            row += match self.results.len() - row {
                ROWS.. => self.rows::<S, ROWS>(simd, row),
                _ => self.rows::<S, 1>(simd, row),
            };
        }
    }
}

impl<T: Real> Project<'_, '_, T> {
    /// Computes `R` rows; returns `R`.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&self, simd: S, row: usize) -> usize {
        let (lanes, length) = (T::count::<S>(), self.left.runs().length);
        let mut sums = [T::splat(simd, T::default()); R];
        let places = &self.left.places()[row..row + R];
        for (run, right) in self.left.runs().offsets().zip(self.right.chunks_exact(length)) {
            let sources: [_; R] = std::array::from_fn(|r| &self.left.values()[places[r] + run..][..length]);
            for k in (0..length).step_by(lanes) {
                let count = lanes.min(length - k);
                let right = T::load_some(simd, &right[k..k + count]);
                for (sum, source) in sums.iter_mut().zip(sources) {
                    *sum = T::mul_add(simd, T::load_some(simd, &source[k..k + count]), right, *sum);
                }
            }
        }
        for (sum, &at) in sums.into_iter().zip(&self.results[row..]) {
            let total = T::total(simd, sum) + self.bias;
            // not-a-number is not below zero, so it stays
            let negative = self.activation == Activation::Relu && total < T::default();
            // SAFETY: the caller of the product gives every task results of its own.
            unsafe { self.result.slice(self.first + at, 1)[0].write(if negative { T::default() } else { total }) };
        }
        R
    }
}

/// `g += A^T d`
pub(super) struct Accumulate<'a, T> {
    /// `A`
    pub(super) left: Patches<'a, T>,
    /// `d`, from the first row's element on.
    pub(super) right: &'a [T],
    /// `g`
    pub(super) result: &'a mut [T],
}

impl<T: Real> Vectorized for Accumulate<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        assert!(self.result.len() == self.left.depth() && self.right.len() >= self.left.rows());
        let (lanes, length) = (T::count::<S>(), self.left.runs().length);
        for (run, result) in self.left.runs().offsets().zip(self.result.chunks_exact_mut(length)) {
            let values = &self.left.values()[run..];
            for (places, factors) in self.left.places().chunks(CHUNK).zip(self.right.chunks(CHUNK)) {
                let mut k = 0;
                while k < length {
                    let sums = &mut result[k..length.min(k + VECTORS * lanes)];
                    k += match sums.len().div_ceil(lanes) {
                        VECTORS => add::<T, S, VECTORS>(simd, (values, places), factors, k, sums),
                        3 => add::<T, S, 3>(simd, (values, places), factors, k, sums),
                        2 => add::<T, S, 2>(simd, (values, places), factors, k, sums),
                        _ => add::<T, S, 1>(simd, (values, places), factors, k, sums),
                    };
                }
            }
        }
    }
}

/// Adds the products with the elements from `k` behind each place on to `V` vectors, the last of which may be short; returns the number of
/// elements.
#[inline(always)]
fn add<T: Real, S: Simd, const V: usize>(
    simd: S,
    (values, places): (&[T], &[usize]),
    factors: &[T],
    k: usize,
    result: &mut [T],
) -> usize {
    let (lanes, count) = (T::count::<S>(), result.len());
    let mut sums = [T::splat(simd, T::default()); V];
    for (place, &factor) in places.iter().zip(factors) {
        let factor = T::splat(simd, factor);
        for (sum, source) in sums.iter_mut().zip(values[place + k..][..count].chunks(lanes)) {
            *sum = T::mul_add(simd, factor, T::load_some(simd, source), *sum);
        }
    }
    for (sum, target) in sums.into_iter().zip(result.chunks_mut(lanes)) {
        let total = T::plus(simd, T::load_some(simd, target), sum);
        T::store_some(simd, target, total);
    }
    count
}
