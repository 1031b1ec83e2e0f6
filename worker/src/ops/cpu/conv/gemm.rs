//! The two matrix products behind every convolution. Rows may lie anywhere, even in pieces: each is a list of runs.
//!
//! ```text
//!  Multiply    Y[i, n]  = sum over k of A[i, k] B[k, n]      outputs, and gradients of inputs
//!  Correlate   G[k, n] += sum over i of A[i, k] D[i, n]      gradients of weights
//! ```
//!
//! A row of `A` is a patch of a feature map: its runs, one after the other. Both products hold a tile of their result in
//! registers, its columns in vectors, and take the elements of `A` one by one.

use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::parallel::Scattered;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;

/// Columns of a panel of `B`.
pub(super) const PANEL: usize = 16;
/// Rows of a full tile.
const ROWS: usize = 6;
/// Rows of `A` and `D` that [`Correlate`] goes through before it moves to the next tile, so that they stay in the L1 cache.
pub(super) const CHUNK: usize = 128;

/// Elements of the panels of a matrix of `depth` rows.
pub(super) fn panels_size(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PANEL)
}

/// The left matrix.
#[derive(Clone, Copy)]
pub(super) struct Patches<'a, T> {
    /// The runs `[run][row]`; at least one run.
    pub(super) runs: &'a [Vec<&'a [T]>],
    /// Elements of a run.
    pub(super) length: usize,
}

impl<T> Patches<'_, T> {
    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.runs[0].len()
    }

    /// Number of columns.
    pub(super) fn depth(&self) -> usize {
        self.runs.len() * self.length
    }

    /// Asserts that every row has every element.
    pub(super) fn check(&self) {
        let whole = |rows: &Vec<&[T]>| rows.len() == self.rows() && rows.iter().all(|row| row.len() >= self.length);
        assert!(self.runs.iter().all(whole));
    }
}

/// `Y = A B + bias`, then the activation.
pub(super) struct Multiply<'a, 'b, T> {
    /// `A`
    pub(super) left: Patches<'a, T>,
    /// `B`: panel after panel of [`PANEL`] columns, each row after row, filled up with zeros.
    pub(super) panels: &'a [T],
    /// Columns of `B`.
    pub(super) columns: usize,
    /// One number per column, or none.
    pub(super) bias: Option<&'a [T]>,
    /// What follows.
    pub(super) activation: Activation,
    /// Where the result goes.
    pub(super) result: &'a Scattered<'b, MaybeUninit<T>>,
    /// Where each of its rows begins.
    pub(super) results: &'a [usize],
}

impl<T: Real> Vectorized for Multiply<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        self.left.check();
        assert!(self.panels.len() >= panels_size(self.left.depth(), self.columns));
        assert!(self.results.len() == self.left.rows() && self.bias.is_none_or(|bias| bias.len() == self.columns));
        let wide = S::REGISTER_COUNT >= 32;
        let mut column = 0;
        while column < self.columns {
            // SAFETY: all rows lie in their slices, and the panels have whole vectors: asserted above. The caller of the product
            // gives every task results of its own.
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
        let depth = self.left.depth();
        let zero = T::splat(simd, T::default());
        let mut sums = [[zero; V]; R];
        let mut panels = [self.panels.as_ptr(); V];
        // SAFETY: the caller promises it.
        unsafe {
            for (v, panel) in panels.iter_mut().enumerate() {
                let column = column + v * lanes;
                *panel = panel.add(column / PANEL * PANEL * depth + column % PANEL);
            }
            for run in self.left.runs {
                let sources: [_; R] = std::array::from_fn(|r| run[row + r].as_ptr());
                sums = multiply_run::<T, S, R, V>(simd, sources, panels, self.left.length, sums);
                for panel in &mut panels {
                    *panel = panel.add(self.left.length * PANEL);
                }
            }
        }
        for v in 0..V {
            let column = column + v * lanes;
            let count = lanes.min(self.columns - column);
            let bias = match self.bias {
                Some(bias) => T::load_some(simd, &bias[column..column + count]),
                None => zero,
            };
            for (r, sums) in sums.iter().enumerate() {
                let sum = T::plus(simd, sums[v], bias);
                let sum = if self.activation == Activation::Relu { T::relu(simd, sum) } else { sum };
                // SAFETY: the caller promises it.
                T::write::<S>(unsafe { self.result.slice(self.results[row + r] + column, count) }, sum);
            }
        }
        R
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

/// `G += A^T D`
pub(super) struct Correlate<'a, T> {
    /// `A`
    pub(super) left: Patches<'a, T>,
    /// Where the elements of `D` lie.
    pub(super) right: &'a [T],
    /// Where each of its rows begins.
    pub(super) rights: &'a [usize],
    /// Its columns.
    pub(super) columns: usize,
    /// `G`, row after row.
    pub(super) result: &'a mut [T],
}

impl<T: Real> Vectorized for Correlate<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let lanes = T::count::<S>();
        self.left.check();
        let last = self.rights.iter().copied().max().unwrap_or(0);
        assert!(self.rights.len() == self.left.rows() && last + self.columns <= self.right.len());
        assert!(self.result.len() >= self.left.depth() * self.columns);
        let wide = S::REGISTER_COUNT >= 32;
        for start in (0..self.rights.len()).step_by(CHUNK) {
            let rows = start..self.rights.len().min(start + CHUNK);
            let mut column = 0;
            while column < self.columns {
                // SAFETY: all rows lie in their slices: asserted above.
                unsafe {
                    column += match (self.columns - column) / lanes {
                        4.. if wide => self.stripe::<S, 4>(simd, &rows, column, lanes),
                        2.. => self.stripe::<S, 2>(simd, &rows, column, lanes),
                        1.. => self.stripe::<S, 1>(simd, &rows, column, lanes),
                        0 => self.stripe::<S, 1>(simd, &rows, column, self.columns - column),
                    };
                }
            }
        }
    }
}

impl<T: Real> Correlate<'_, T> {
    /// Computes `V` vectors of `lanes` columns each, of all rows of the result; returns the number of columns.
    ///
    /// # Safety
    /// See [`run`](Vectorized::run).
    #[inline(always)]
    unsafe fn stripe<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        rows: &std::ops::Range<usize>,
        column: usize,
        lanes: usize,
    ) -> usize {
        let Patches { runs, length } = self.left;
        let full = lanes == T::count::<S>();
        let alone = V == 1 && S::REGISTER_COUNT >= 32;
        for (run, patches) in runs.iter().enumerate() {
            let patches = &patches[rows.clone()];
            let mut k = 0;
            while k < length {
                let place = (patches, k, run * length + k);
                // SAFETY: the caller promises it.
                unsafe {
                    k += match (length - k, full) {
                        // with one vector, few rows would wait for their sums; 9 are those of a row of taps of a colour image
                        (16.., true) if alone => self.tile::<S, 16, V, true>(simd, rows, place, column, lanes),
                        (9.., true) if alone => self.tile::<S, 9, V, true>(simd, rows, place, column, lanes),
                        (ROWS.., true) => self.tile::<S, ROWS, V, true>(simd, rows, place, column, lanes),
                        (4.., true) => self.tile::<S, 4, V, true>(simd, rows, place, column, lanes),
                        (3, true) => self.tile::<S, 3, V, true>(simd, rows, place, column, lanes),
                        (2.., true) => self.tile::<S, 2, V, true>(simd, rows, place, column, lanes),
                        (_, true) => self.tile::<S, 1, V, true>(simd, rows, place, column, lanes),
                        (4.., false) => self.tile::<S, 4, V, false>(simd, rows, place, column, lanes),
                        (_, false) => self.tile::<S, 1, V, false>(simd, rows, place, column, lanes),
                    };
                }
            }
        }
        V * lanes
    }

    /// Computes `R` rows of `V` vectors of the result; returns `R`. The rows are those of the columns of `A` that begin with element
    /// `k` of these patches; `first` is the number of the first.
    ///
    /// # Safety
    /// See [`run`](Vectorized::run).
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize, const FULL: bool>(
        &mut self,
        simd: S,
        rows: &std::ops::Range<usize>,
        (patches, k, first): (&[&[T]], usize, usize),
        column: usize,
        lanes: usize,
    ) -> usize {
        let zero = T::splat(simd, T::default());
        let mut sums = [[zero; V]; R];
        // SAFETY: the caller promises it.
        unsafe {
            for (patch, &to) in patches.iter().zip(&self.rights[rows.clone()]) {
                let (left, right) = (patch.as_ptr().add(k), self.right.as_ptr().add(column + to));
                let mut values = [zero; V];
                for (v, value) in values.iter_mut().enumerate() {
                    *value = if FULL {
                        T::load::<S>(right.add(v * lanes))
                    } else {
                        T::load_some(simd, std::slice::from_raw_parts(right, lanes))
                    };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let factor = T::splat(simd, *left.add(r));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = T::mul_add(simd, factor, value, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let start = (first + r) * self.columns + column + v * lanes;
                let target = &mut self.result[start..start + lanes];
                if FULL {
                    // SAFETY: the slice is as long as a register.
                    unsafe { T::store::<S>(target.as_mut_ptr(), T::plus(simd, T::load::<S>(target.as_ptr()), sum)) }
                } else {
                    let total = T::plus(simd, T::load_some(simd, target), sum);
                    T::store_some(simd, target, total);
                }
            }
        }
        R
    }
}
