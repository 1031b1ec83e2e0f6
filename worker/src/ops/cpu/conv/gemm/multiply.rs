//! `Y = A B + bias`: outputs, and gradients of inputs.

use super::{PANEL, Patches, ROWS, Runs, panels_size};
use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::parallel::Scattered;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;

/// `Y = A B + bias`, then the activation.
pub(in crate::ops::cpu::conv) struct Multiply<'a, 'b, T> {
    /// `A`
    pub(in crate::ops::cpu::conv) left: Patches<'a, T>,
    /// `B`: panel after panel of [`PANEL`] columns, each row after row, filled up with zeros.
    pub(in crate::ops::cpu::conv) panels: &'a [T],
    /// Columns of `B`.
    pub(in crate::ops::cpu::conv) columns: usize,
    /// One number per column, or none.
    pub(in crate::ops::cpu::conv) bias: Option<&'a [T]>,
    /// What follows.
    pub(in crate::ops::cpu::conv) activation: Activation,
    /// Where the result goes.
    pub(in crate::ops::cpu::conv) result: &'a Scattered<'b, MaybeUninit<T>>,
    /// Where each of its rows begins, behind `first`.
    pub(in crate::ops::cpu::conv) results: &'a [usize],
    /// What is added to each of `results`.
    pub(in crate::ops::cpu::conv) first: usize,
}

impl<T: Real> Vectorized for Multiply<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        assert!(self.panels.len() >= panels_size(self.left.depth(), self.columns));
        assert!(self.results.len() == self.left.rows() && self.bias.is_none_or(|bias| bias.len() == self.columns));
        let wide = S::REGISTER_COUNT >= 32;
        let mut column = 0;
        while column < self.columns {
            // SAFETY: the panels have whole vectors, as asserted above. The caller of the product gives every task results of its own.
            unsafe {
                column += lanes
                    * match (self.columns - column).div_ceil(lanes) {
                        4.. if wide => self.stripe::<S, ROWS, 4>(simd, column),
                        2.. => self.stripe::<S, ROWS, 2>(simd, column),
                        _ => self.stripe::<S, ROWS, 1>(simd, column),
                    };
            }
        }
    }
}

impl<T: Real> Multiply<'_, '_, T> {
    /// Computes `V` vectors of columns of all rows, `R` rows at once; returns `V`.
    ///
    /// # Safety
    /// See [`run`](Vectorized::run).
    #[inline(always)]
    unsafe fn stripe<S: Simd, const R: usize, const V: usize>(&self, simd: S, column: usize) -> usize {
        let rows = self.left.rows();
        let mut row = 0;
        // SAFETY: the caller promises it.
        unsafe {
            while row < rows {
                row += match rows - row {
                    left if left >= R => self.tile::<S, R, V>(simd, row, column),
                    4.. => self.tile::<S, 4, V>(simd, row, column),
                    2.. => self.tile::<S, 2, V>(simd, row, column),
                    _ => self.tile::<S, 1, V>(simd, row, column),
                };
            }
        }
        V
    }

    /// Computes `R` rows of `V` vectors; returns `R`.
    ///
    /// # Safety
    /// See [`run`](Vectorized::run).
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&self, simd: S, row: usize, column: usize) -> usize {
        let lanes = T::count::<S>();
        let (left, Runs { count, pitch, length }) = (&self.left, self.left.runs);
        let mut sums = [[T::splat(simd, T::default()); V]; R];
        let mut panels = [self.panels.as_ptr(); V];
        let places = &left.places[row..row + R];
        let mut sources: [_; R] = std::array::from_fn(|r| left.start().wrapping_add(places[r]));
        // SAFETY: the caller promises it of the panels, the patches of their runs.
        unsafe {
            for (v, panel) in panels.iter_mut().enumerate() {
                let column = column + v * lanes;
                *panel = panel.add(column / PANEL * PANEL * left.depth() + column % PANEL);
            }
            for _ in 0..count {
                sums = multiply_run::<T, S, R, V>(simd, sources, panels, length, sums);
                sources = sources.map(|source| source.wrapping_add(pitch));
                panels = panels.map(|panel| panel.wrapping_add(length * PANEL));
            }
        }
        let results = &self.results[row..row + R];
        if self.columns - column >= V * lanes {
            self.finish_whole::<S, R, V>(simd, sums, results, column);
        } else {
            self.finish_short::<S, R, V>(simd, sums, results, column);
        }
        R
    }

    /// What follows the sums of `V` whole vectors. They stay in registers.
    #[inline(always)]
    fn finish_whole<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        sums: [[T::Lanes<S>; V]; R],
        results: &[usize],
        column: usize,
    ) {
        let lanes = T::count::<S>();
        let bias: [_; V] = match self.bias {
            Some(bias) => std::array::from_fn(|v| T::load_some(simd, &bias[column + v * lanes..][..lanes])),
            None => [T::splat(simd, T::default()); V],
        };
        for (sums, place) in sums.into_iter().zip(results) {
            let target = self.result.place(self.first + place + column, V * lanes).cast::<T>();
            for v in 0..V {
                // SAFETY: there is room for `V` vectors, and the caller of the product gives every task results of its own.
                unsafe { T::store::<S>(target.wrapping_add(v * lanes), self.finish(simd, sums[v], bias[v])) };
            }
        }
    }

    /// What follows the sums of `V` vectors of which the last reach over the last column.
    #[inline(always)]
    fn finish_short<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        sums: [[T::Lanes<S>; V]; R],
        results: &[usize],
        column: usize,
    ) {
        let lanes = T::count::<S>();
        for v in 0..V {
            let column = column + v * lanes;
            let count = lanes.min(self.columns - column);
            let bias = match self.bias {
                Some(bias) => T::load_some(simd, &bias[column..column + count]),
                None => T::splat(simd, T::default()),
            };
            for (sums, place) in sums.iter().zip(results) {
                // SAFETY: the caller of the product gives every task results of its own.
                let target = unsafe { self.result.slice(self.first + place + column, count) };
                T::write::<S>(target, self.finish(simd, sums[v], bias));
            }
        }
    }

    /// Bias and activation.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, sum: T::Lanes<S>, bias: T::Lanes<S>) -> T::Lanes<S> {
        let sum = T::plus(simd, sum, bias);
        if self.activation == Activation::Relu { T::relu(simd, sum) } else { sum }
    }
}

/// The products of `R` runs with `V` panels, added to `sums`.
///
/// A loop of its own: inside the loop over runs, the compiler would keep sums in memory where registers are few.
///
/// # Safety
/// The runs have `length` elements, the panels as many rows.
#[inline(always)]
unsafe fn multiply_run<T: Real, S: Simd, const R: usize, const V: usize>(
    simd: S,
    runs: [*const T; R],
    panels: [*const T; V],
    length: usize,
    mut sums: [[T::Lanes<S>; V]; R],
) -> [[T::Lanes<S>; V]; R] {
    let zero = T::splat(simd, T::default());
    for k in 0..length {
        // SAFETY: the caller promises it.
        unsafe {
            let mut right = [zero; V];
            for (right, panel) in right.iter_mut().zip(panels) {
                *right = T::load::<S>(panel.add(k * PANEL));
            }
            for (sums, run) in sums.iter_mut().zip(runs) {
                let left = T::splat(simd, *run.add(k));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = T::mul_add(simd, left, right, *sum);
                }
            }
        }
    }
    sums
}
