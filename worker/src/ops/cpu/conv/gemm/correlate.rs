//! `G += A^T D`: gradients of weights.

use super::{CHUNK, Patches, ROWS};
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Numbers in a line of the cache, as `f32`.
const LINE: usize = 16;
/// Rows of `D` that lie farther apart are copied where a tile reads no more than [`LINE`] numbers of each: a power of two apart they would
/// share a few sets of the L1 cache, and push each other out of it.
const MAX_PITCH: usize = 2 * LINE;

/// Where rows are copied to, one right behind the other. Aligned, so that no vector crosses a line.
#[repr(align(64))]
struct Copied<T>([MaybeUninit<T>; CHUNK * LINE]);

/// `G += A^T D`
pub(in crate::ops::cpu::conv) struct Correlate<'a, T> {
    /// `A`
    pub(in crate::ops::cpu::conv) left: Patches<'a, T>,
    /// `D`, from its first element on.
    pub(in crate::ops::cpu::conv) right: &'a [T],
    /// Distance of two of its rows.
    pub(in crate::ops::cpu::conv) pitch: usize,
    /// Its columns.
    pub(in crate::ops::cpu::conv) columns: usize,
    /// `G`, row after row.
    pub(in crate::ops::cpu::conv) result: &'a mut [T],
}

impl<T: Real> Vectorized for Correlate<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let lanes = T::count::<S>();
        let count = self.left.rows();
        assert!(count == 0 || (count - 1) * self.pitch + self.columns <= self.right.len());
        assert!(self.result.len() >= self.left.depth() * self.columns);
        let wide = S::REGISTER_COUNT >= 32;
        let mut copy = Copied([MaybeUninit::uninit(); CHUNK * LINE]);
        for start in (0..count).step_by(CHUNK) {
            let rows = start..count.min(start + CHUNK);
            let mut column = 0;
            while column < self.columns {
                // SAFETY: the rows of `D` lie in their slice, as asserted above, those of `A` by their constructor.
                unsafe {
                    column += match (self.columns - column) / lanes {
                        4.. if wide => self.stripe::<S, 4>(simd, &rows, column, lanes, &mut copy),
                        2.. => self.stripe::<S, 2>(simd, &rows, column, lanes, &mut copy),
                        1.. => self.stripe::<S, 1>(simd, &rows, column, lanes, &mut copy),
                        0 => self.stripe::<S, 1>(simd, &rows, column, self.columns - column, &mut copy),
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
    /// Both matrices have these rows, of which there is one at least; `D` has the columns. `lanes` is a register's, or less if `V` is 1.
    #[inline(always)]
    unsafe fn stripe<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        rows: &Range<usize>,
        column: usize,
        lanes: usize,
        copy: &mut Copied<T>,
    ) -> usize {
        let (places, length) = (&self.left.places[rows.clone()], self.left.runs.length);
        let full = lanes == T::count::<S>();
        let alone = V == 1 && S::REGISTER_COUNT >= 32;
        let mut right = (self.right[rows.start * self.pitch + column..].as_ptr(), self.pitch);
        if full && V * lanes <= LINE && self.pitch > MAX_PITCH {
            // SAFETY: the caller promises it.
            right = unsafe { copied::<T, S, V>(right, rows.len(), copy) };
        }
        for (run, offset) in self.left.runs.offsets().enumerate() {
            let mut k = 0;
            while k < length {
                let left = (places, offset + k, run * length + k);
                // SAFETY: the caller promises it.
                unsafe {
                    k += match (length - k, full) {
                        // with one vector, few rows would wait for their sums; 9 are those of a row of taps of a colour image
                        (16.., true) if alone => self.tile::<S, 16, V, true>(simd, right, left, column, lanes),
                        (9.., true) if alone => self.tile::<S, 9, V, true>(simd, right, left, column, lanes),
                        (ROWS.., true) => self.tile::<S, ROWS, V, true>(simd, right, left, column, lanes),
                        (4.., true) => self.tile::<S, 4, V, true>(simd, right, left, column, lanes),
                        (3, true) => self.tile::<S, 3, V, true>(simd, right, left, column, lanes),
                        (2.., true) => self.tile::<S, 2, V, true>(simd, right, left, column, lanes),
                        (_, true) => self.tile::<S, 1, V, true>(simd, right, left, column, lanes),
                        (4.., false) => self.tile::<S, 4, V, false>(simd, right, left, column, lanes),
                        (_, false) => self.tile::<S, 1, V, false>(simd, right, left, column, lanes),
                    };
                }
            }
        }
        V * lanes
    }

    /// Computes `R` rows of `V` vectors of the result, from row `first` on; returns `R`. Their columns of `A` begin `offset` behind each
    /// of `places`.
    ///
    /// # Safety
    /// `R` elements are readable there, and as many rows of `V` times `lanes` elements as there are places, `pitch` apart, from `right` on.
    /// `lanes` is a register's if `FULL`; else it is less and `V` is 1.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize, const FULL: bool>(
        &mut self,
        simd: S,
        (mut right, pitch): (*const T, usize),
        (places, offset, first): (&[usize], usize, usize),
        column: usize,
        lanes: usize,
    ) -> usize {
        let zero = T::splat(simd, T::default());
        let mut sums = [[zero; V]; R];
        // SAFETY: the caller promises it.
        unsafe {
            let start = self.left.start().add(offset);
            for &place in places {
                let left = start.add(place);
                let mut values = [zero; V];
                for (v, value) in values.iter_mut().enumerate() {
                    *value = if FULL {
                        T::load::<S>(right.add(v * lanes))
                    } else {
                        T::load_some(simd, std::slice::from_raw_parts(right, lanes))
                    };
                }
                right = right.wrapping_add(pitch);
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

/// Copies `rows` rows of `V` vectors, `pitch` apart from `from` on; returns where the copy begins, and its pitch.
///
/// # Safety
/// They are readable.
#[inline(always)]
unsafe fn copied<T: Real, S: Simd, const V: usize>(
    (from, pitch): (*const T, usize),
    rows: usize,
    copy: &mut Copied<T>,
) -> (*const T, usize) {
    let lanes = T::count::<S>();
    assert!(rows * V * lanes <= copy.0.len());
    let to = copy.0.as_mut_ptr().cast::<T>();
    for row in 0..rows {
        for v in 0..V {
            // SAFETY: the caller promises that they are readable, and there is room for them.
            unsafe { T::store::<S>(to.add((row * V + v) * lanes), T::load::<S>(from.add(row * pitch + v * lanes))) };
        }
    }
    (to, V * lanes)
}
