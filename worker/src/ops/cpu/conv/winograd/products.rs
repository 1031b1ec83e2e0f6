//! The matrix products of transformed tiles: one for each element of a tile, all of a block's in one call.
//!
//! ```text
//!  Products   M[e]   = V[e] U[e]       tiles of the result
//!  Sums       U'[e] += V[e]^T W[e]     gradient of the kernel
//! ```
//!
//! Unlike the rows of [`gemm`](crate::ops::cpu::conv::gemm), tiles lie equally far apart and are whole panels. So few registers hold
//! the addresses of many rows, which leaves more for sums, and no vector is short.

use super::kernel::{part_pitch, part_stride};
use super::tiles::Transformed;
use crate::ops::cpu::conv::gemm::{CHUNK, PANEL, panels_size};
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;
use std::ops::Range;

/// `M[e] += V[e] U[e]`, of some inputs and columns.
pub(super) struct Products<'a, T: Real> {
    /// Elements of a tile.
    pub(super) elements: usize,
    /// `V`
    pub(super) data: &'a Transformed<T>,
    /// Number of tiles.
    pub(super) tiles: usize,
    /// Which columns of `V` are multiplied.
    pub(super) inputs: Range<usize>,
    /// `U`: for each element the panels of all columns.
    pub(super) panels: &'a [T],
    /// Distance of two elements of `U`.
    pub(super) stride: usize,
    /// Number of columns of `U`.
    pub(super) columns: usize,
    /// `M`: what was there before counts only if it is to be added to.
    pub(super) result: &'a mut Transformed<T>,
    /// Whether the products are added to `M`, or are the first.
    pub(super) add: bool,
}

impl<T: Real> Vectorized for Products<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { elements, data, tiles, inputs, panels, stride, columns, result, add } = self;
        assert!(panels.len() >= (elements - 1) * stride + panels_size(inputs.len(), columns));
        assert!(data.holds(elements, tiles, inputs.end) && result.holds(elements, tiles, columns));
        let vectors = columns.div_ceil(T::count::<S>());
        for element in 0..elements {
            // SAFETY: everything lies in its slice, as asserted.
            unsafe {
                let product = Product {
                    left: data.values.as_ptr().add(element * data.stride + inputs.start),
                    pitch: data.pitch,
                    panels: panels.as_ptr().add(element * stride),
                    depth: inputs.len(),
                    result: result.values.as_mut_ptr().add(element * result.stride),
                    result_pitch: result.pitch,
                    add,
                };
                in_tiles(simd, &product, tiles, vectors);
            }
        }
    }
}

/// `U'[e] += V[e]^T W[e]`, of some tiles and inputs.
pub(super) struct Sums<'a, T: Real> {
    /// Elements of a tile.
    pub(super) elements: usize,
    /// `V`
    pub(super) data: &'a Transformed<T>,
    /// `W`
    pub(super) gradients: &'a Transformed<T>,
    /// The tiles; at least one.
    pub(super) tiles: Range<usize>,
    /// Which columns of `V` are multiplied.
    pub(super) inputs: Range<usize>,
    /// Number of columns of `W`.
    pub(super) columns: usize,
    /// `U'`: every number is written; what was there before counts only if it is to be added to.
    pub(super) result: &'a mut [MaybeUninit<T>],
    /// Whether the sums are added to `U'`, or are the first.
    pub(super) add: bool,
}

impl<T: Real> Vectorized for Sums<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { elements, data, gradients, tiles, inputs, columns, result, add } = self;
        let (pitch, stride) = (part_pitch(columns), part_stride(inputs.len(), columns));
        assert!(result.len() == elements * stride && !tiles.is_empty());
        assert!(data.holds(elements, tiles.end, inputs.end) && gradients.holds(elements, tiles.end, columns));
        for (element, result) in result.chunks_exact_mut(stride).enumerate() {
            result[inputs.len() * pitch..].fill(MaybeUninit::new(T::default()));
            for start in tiles.clone().step_by(CHUNK) {
                let left = element * data.stride + start * data.pitch + inputs.start;
                // SAFETY: everything lies in its slice, as asserted; there is nothing to be added to before the first sums.
                unsafe {
                    let sum = Sum {
                        left: data.values.as_ptr().add(left),
                        right: gradients.values.as_ptr().add(element * gradients.stride + start * gradients.pitch),
                        pitches: (data.pitch, gradients.pitch),
                        count: CHUNK.min(tiles.end - start),
                        result: result.as_mut_ptr().cast(),
                        result_pitch: pitch,
                        add: add || start > tiles.start,
                    };
                    in_tiles(simd, &sum, inputs.len(), pitch / T::count::<S>());
                }
            }
        }
    }
}

/// A matrix that is computed in tiles of `R` rows and `V` vectors, which fit into the registers.
trait Tiled<T: Real> {
    /// Computes the tile from this row and vector on.
    ///
    /// # Safety
    /// The tile lies in the matrix.
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&self, simd: S, row: usize, vector: usize);
}

/// Computes all rows and vectors of a matrix.
///
/// # Safety
/// The matrix has that many.
#[inline(always)]
unsafe fn in_tiles<T: Real, S: Simd>(simd: S, matrix: &impl Tiled<T>, rows: usize, vectors: usize) {
    let many_registers = S::REGISTER_COUNT >= 32;
    let mut vector = 0;
    while vector < vectors {
        // SAFETY: the caller promises it.
        vector += unsafe {
            match vectors - vector {
                4.. if many_registers => stripe::<T, S, 6, 4>(simd, matrix, rows, vector),
                2.. if many_registers => stripe::<T, S, 12, 2>(simd, matrix, rows, vector),
                _ if many_registers => stripe::<T, S, 16, 1>(simd, matrix, rows, vector),
                2.. => stripe::<T, S, 6, 2>(simd, matrix, rows, vector),
                _ => stripe::<T, S, 12, 1>(simd, matrix, rows, vector),
            }
        };
    }
}

/// Computes `V` vectors of all rows; returns `V`.
///
/// # Safety
/// The matrix has that many.
#[inline(always)]
unsafe fn stripe<T: Real, S: Simd, const R: usize, const V: usize>(
    simd: S,
    matrix: &impl Tiled<T>,
    rows: usize,
    vector: usize,
) -> usize {
    let mut row = 0;
    // SAFETY: the caller promises it.
    unsafe {
        while row + R <= rows {
            matrix.tile::<S, R, V>(simd, row, vector);
            row += R;
        }
        while row + 4 <= rows {
            matrix.tile::<S, 4, V>(simd, row, vector);
            row += 4;
        }
        while row < rows {
            matrix.tile::<S, 1, V>(simd, row, vector);
            row += 1;
        }
    }
    V
}

/// One of the [`Products`].
struct Product<T> {
    left: *const T,
    /// Distance of two rows of the left matrix.
    pitch: usize,
    panels: *const T,
    /// Rows of the panels.
    depth: usize,
    result: *mut T,
    result_pitch: usize,
    add: bool,
}

impl<T: Real> Tiled<T> for Product<T> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&self, simd: S, row: usize, vector: usize) {
        let lanes = T::count::<S>();
        let mut panels = [self.panels; V];
        // SAFETY: the caller promises it.
        unsafe {
            for (v, panel) in panels.iter_mut().enumerate() {
                let column = (vector + v) * lanes;
                *panel = panel.add(column / PANEL * PANEL * self.depth + column % PANEL);
            }
            let left = (self.left.add(row * self.pitch), self.pitch);
            let result = self.result.add(row * self.result_pitch + vector * lanes);
            let mut sums = [[T::splat(simd, T::default()); V]; R];
            if self.add {
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = T::load::<S>(result.add(r * self.result_pitch + v * lanes));
                    }
                }
            }
            let sums = multiply_add::<T, S, R, V>(simd, left, panels, (1, PANEL), self.depth, sums);
            for (r, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    T::store::<S>(result.add(r * self.result_pitch + v * lanes), sum);
                }
            }
        }
    }
}

/// One of the [`Sums`], of some tiles.
struct Sum<T> {
    left: *const T,
    right: *const T,
    /// Distances of two rows of both.
    pitches: (usize, usize),
    /// Rows of both.
    count: usize,
    result: *mut T,
    result_pitch: usize,
    add: bool,
}

impl<T: Real> Tiled<T> for Sum<T> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&self, simd: S, row: usize, vector: usize) {
        let lanes = T::count::<S>();
        let mut right = [self.right; V];
        // SAFETY: the caller promises it.
        unsafe {
            for (v, right) in right.iter_mut().enumerate() {
                *right = right.add((vector + v) * lanes);
            }
            let (left, none) = ((self.left.add(row), 1), [[T::splat(simd, T::default()); V]; R]);
            let sums = multiply_add::<T, S, R, V>(simd, left, right, self.pitches, self.count, none);
            for (r, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let target = self.result.add((row + r) * self.result_pitch + (vector + v) * lanes);
                    T::store::<S>(target, if self.add { T::plus(simd, T::load::<S>(target), sum) } else { sum });
                }
            }
        }
    }
}

/// The products of `R` numbers with `V` vectors, over `count` steps, added to `sums`. The numbers lie `left.1` apart; from step to step the
/// left moves on by `steps.0`, the right by `steps.1`.
///
/// # Safety
/// All of them are readable.
#[inline(always)]
unsafe fn multiply_add<T: Real, S: Simd, const R: usize, const V: usize>(
    simd: S,
    (left, distance): (*const T, usize),
    right: [*const T; V],
    steps: (usize, usize),
    count: usize,
    mut sums: [[T::Lanes<S>; V]; R],
) -> [[T::Lanes<S>; V]; R] {
    let zero = T::splat(simd, T::default());
    for step in 0..count {
        // SAFETY: the caller promises it.
        unsafe {
            let left = left.add(step * steps.0);
            let mut vectors = [zero; V];
            for (vector, right) in vectors.iter_mut().zip(right) {
                *vector = T::load::<S>(right.add(step * steps.1));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let number = T::splat(simd, *left.add(r * distance));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = T::mul_add(simd, number, vector, *sum);
                }
            }
        }
    }
    sums
}
