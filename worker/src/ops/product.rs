//! The two matrix products behind every convolution, on a strip read as a matrix that is never written down.
//!
//! Row `k` of that matrix `V` is the strip from `shifts[k]` on: one of its channels, moved by one tap of the kernel. So for
//! positions `q`
//!
//! ```text
//!  multiply    Y[m, q] = sum over k of W[m, k] V[k, q]      outputs, and gradients of inputs
//!  correlate   G[m, k] = sum over q of D[m, q] V[k, q]      gradients of weights
//! ```
//!
//! Each holds a block of its result in registers over the whole sum.

use super::simd::Real;
use pulp::{Simd, WithSimd};

/// Rows of a full block; the rest is cut into blocks of 4, 2 and 1.
const ROWS: usize = 8;
/// Registers of positions in a block of [`Multiply`], columns in a block of [`Correlate`].
const COLUMNS: usize = 3;
/// Positions over which [`Correlate`] sums before it moves to the next block, so that they stay in the nearest cache.
const CHUNK: usize = 1024;

/// Cuts `rows` into blocks: first row and size.
fn blocks(rows: usize) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    let mut start = 0;
    for size in [ROWS, 4, 2, 1] {
        while rows - start >= size {
            blocks.push((start, size));
            start += size;
        }
    }
    blocks
}

/// A matrix of weights, block after block, column after column.
pub(super) struct Weights<T> {
    values: Vec<T>,
    blocks: Vec<(usize, usize)>,
    columns: usize,
}

impl<T: Real> Weights<T> {
    /// The matrix with `value(row, column)`.
    pub(super) fn new(rows: usize, columns: usize, value: impl Fn(usize, usize) -> T) -> Self {
        let blocks = blocks(rows);
        let mut values = Vec::with_capacity(rows * columns);
        for &(start, size) in &blocks {
            for column in 0..columns {
                values.extend((start..start + size).map(|row| value(row, column)));
            }
        }
        Self { values, blocks, columns }
    }
}

/// `Y = W V` for the first `span` positions; `Y` has its rows `stride` apart.
pub(super) struct Multiply<'a, T> {
    /// The left matrix.
    pub(super) weights: &'a Weights<T>,
    /// The strip.
    pub(super) strip: &'a [T],
    /// Where each row of the right matrix begins in the strip.
    pub(super) shifts: &'a [usize],
    /// Positions.
    pub(super) span: usize,
    /// Distance of the rows of the result; at least `span` and 63 more.
    pub(super) stride: usize,
}

impl<T: Real> WithSimd for Multiply<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<T> {
        let Self { weights, strip, shifts, span, stride } = self;
        let lanes = T::count::<S>();
        let padded = span.next_multiple_of(lanes);
        let rows = weights.blocks.last().map_or(0, |(start, size)| start + size);
        assert!(padded <= stride && shifts.len() == weights.columns);
        assert!(shifts.iter().all(|shift| shift + padded <= strip.len()));
        let mut result = vec![T::default(); rows * stride];
        let wide = S::REGISTER_COUNT >= 32;
        for &(start, size) in &weights.blocks {
            let block = &weights.values[start * weights.columns..];
            let rows = &mut result[start * stride..(start + size) * stride];
            // SAFETY: every row of V has `padded` readable positions from its shift on, and every row of the result has
            // `padded` writable ones: both asserted above.
            unsafe {
                match (size, wide) {
                    (ROWS, true) => stripe::<T, S, 8, 8>(simd, block, strip, shifts, rows, stride, padded),
                    (ROWS, false) => stripe::<T, S, 8, 4>(simd, block, strip, shifts, rows, stride, padded),
                    (4, _) => stripe::<T, S, 4, 4>(simd, block, strip, shifts, rows, stride, padded),
                    (2, _) => stripe::<T, S, 2, 2>(simd, block, strip, shifts, rows, stride, padded),
                    _ => stripe::<T, S, 1, 1>(simd, block, strip, shifts, rows, stride, padded),
                }
            }
        }
        result
    }
}

/// One block of `SIZE` rows, `R` at a time.
///
/// # Safety
/// Every shift has `padded` positions of the strip after it, every row has `padded` positions; `padded` is a multiple of the lanes.
#[inline(always)]
unsafe fn stripe<T: Real, S: Simd, const SIZE: usize, const R: usize>(
    simd: S,
    weights: &[T],
    strip: &[T],
    shifts: &[usize],
    rows: &mut [T],
    stride: usize,
    padded: usize,
) {
    let lanes = T::count::<S>();
    for first in (0..SIZE).step_by(R) {
        let (weights, rows) = (weights[first..].as_ptr(), rows[first * stride..].as_mut_ptr());
        let mut position = 0;
        // SAFETY: passed on; `position` and the registers of a tile stay within `padded`.
        unsafe {
            while position + COLUMNS * lanes <= padded {
                tile::<T, S, SIZE, R, COLUMNS>(simd, weights, strip.as_ptr(), shifts, rows, stride, position);
                position += COLUMNS * lanes;
            }
            while position < padded {
                tile::<T, S, SIZE, R, 1>(simd, weights, strip.as_ptr(), shifts, rows, stride, position);
                position += lanes;
            }
        }
    }
}

/// `R` rows times `C` registers of the result.
///
/// # Safety
/// As for [`stripe`], at `position`.
#[inline(always)]
unsafe fn tile<T: Real, S: Simd, const SIZE: usize, const R: usize, const C: usize>(
    simd: S,
    weights: *const T,
    strip: *const T,
    shifts: &[usize],
    rows: *mut T,
    stride: usize,
    position: usize,
) {
    let lanes = T::count::<S>();
    let mut sums = [[T::splat(simd, T::default()); C]; R];
    let mut weights = weights;
    for &shift in shifts {
        // SAFETY: see above.
        unsafe {
            let source = strip.add(shift + position);
            let mut values = [T::splat(simd, T::default()); C];
            for (c, value) in values.iter_mut().enumerate() {
                *value = load::<T, S>(source.add(c * lanes));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let weight = T::splat(simd, *weights.add(r));
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = T::mul_add(simd, weight, value, *sum);
                }
            }
            weights = weights.add(SIZE);
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (c, sum) in sums.iter().enumerate() {
            // SAFETY: see above.
            unsafe { rows.add(r * stride + position + c * lanes).cast::<T::Lanes<S>>().write_unaligned(*sum) };
        }
    }
}

/// A register from memory.
///
/// # Safety
/// A register's worth of numbers is readable at `source`.
#[inline(always)]
unsafe fn load<T: Real, S: Simd>(source: *const T) -> T::Lanes<S> {
    // SAFETY: the caller's.
    unsafe { source.cast::<T::Lanes<S>>().read_unaligned() }
}

/// `G += D V^T` over `span` positions, for a range of rows of `D`.
pub(super) struct Correlate<'a, T> {
    /// The left matrix: its first row.
    pub(super) left: &'a [T],
    /// Distance of its rows. Past `span`, a row holds zeros for one register more.
    pub(super) left_stride: usize,
    /// Number of its rows.
    pub(super) rows: usize,
    /// The strip.
    pub(super) strip: &'a [T],
    /// Where each row of the right matrix begins in the strip.
    pub(super) shifts: &'a [usize],
    /// Positions.
    pub(super) span: usize,
    /// The result, `[rows, shifts]`.
    pub(super) result: &'a mut [T],
}

impl<T: Real> WithSimd for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let padded = self.span.next_multiple_of(lanes);
        assert!(self.rows > 0 && (self.rows - 1) * self.left_stride + padded <= self.left.len());
        assert!(self.shifts.iter().all(|shift| shift + padded <= self.strip.len()));
        assert!(self.result.len() == self.rows * self.shifts.len());
        let wide = S::REGISTER_COUNT >= 32;
        let blocks = blocks(self.rows);
        for from in (0..padded).step_by(CHUNK) {
            let positions = from..padded.min(from + CHUNK);
            for &(start, size) in &blocks {
                let left = &self.left[start * self.left_stride..];
                let result = &mut self.result[start * self.shifts.len()..(start + size) * self.shifts.len()];
                let sums = Sums {
                    left,
                    left_stride: self.left_stride,
                    strip: self.strip,
                    shifts: self.shifts,
                    positions: positions.clone(),
                };
                // SAFETY: every row of D and of V has `padded` readable positions: asserted above.
                unsafe {
                    match (size, wide) {
                        (ROWS, true) => sums.block::<S, 8, 8>(simd, result),
                        (ROWS, false) => sums.block::<S, 8, 4>(simd, result),
                        (4, _) => sums.block::<S, 4, 4>(simd, result),
                        (2, _) => sums.block::<S, 2, 2>(simd, result),
                        _ => sums.block::<S, 1, 1>(simd, result),
                    }
                }
            }
        }
    }
}

/// Operands of [`Correlate`] on one chunk.
struct Sums<'a, T> {
    left: &'a [T],
    left_stride: usize,
    strip: &'a [T],
    shifts: &'a [usize],
    positions: std::ops::Range<usize>,
}

impl<T: Real> Sums<'_, T> {
    /// `SIZE` rows of the result, `R` at a time.
    ///
    /// # Safety
    /// All positions are readable in all rows.
    #[inline(always)]
    unsafe fn block<S: Simd, const SIZE: usize, const R: usize>(&self, simd: S, result: &mut [T]) {
        let columns = self.shifts.len();
        for first in (0..SIZE).step_by(R) {
            let left = self.left[first * self.left_stride..].as_ptr();
            let result = &mut result[first * columns..(first + R) * columns];
            let mut column = 0;
            // SAFETY: passed on.
            unsafe {
                while column + COLUMNS <= columns {
                    self.tile::<S, R, COLUMNS>(simd, left, column, result);
                    column += COLUMNS;
                }
                while column < columns {
                    self.tile::<S, R, 1>(simd, left, column, result);
                    column += 1;
                }
            }
        }
    }

    /// `R` rows times `C` columns of the result.
    ///
    /// # Safety
    /// As for [`block`](Self::block).
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const C: usize>(
        &self,
        simd: S,
        left: *const T,
        column: usize,
        result: &mut [T],
    ) {
        let mut sums = [[T::splat(simd, T::default()); C]; R];
        let mut sources = [self.strip.as_ptr(); C];
        for (c, source) in sources.iter_mut().enumerate() {
            // SAFETY: a shift is an index of the strip.
            *source = unsafe { source.add(self.shifts[column + c]) };
        }
        let mut position = self.positions.start;
        while position < self.positions.end {
            // SAFETY: the caller's.
            unsafe {
                let mut values = [T::splat(simd, T::default()); C];
                for (value, source) in values.iter_mut().zip(sources) {
                    *value = load::<T, S>(source.add(position));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let factor = load::<T, S>(left.add(r * self.left_stride + position));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = T::mul_add(simd, factor, value, *sum);
                    }
                }
            }
            position += T::count::<S>();
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                result[r * self.shifts.len() + column + c] += T::total(simd, *sum);
            }
        }
    }
}
