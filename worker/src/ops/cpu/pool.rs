//! 2x2 max pooling and its inverse, by the position of each window's maximum.
//!
//! `max_pool2d` finds the maxima and their positions (0 to 3, row by row; the first of equals). `gather` takes from every window the
//! element at its position, `scatter` puts an element there and zeros elsewhere: each is the other's gradient.

use super::run::instruction_set::vectorize;
use super::run::parallel::{self, Scattered};
use super::run::simd::Real;
use super::run::storage::{by_float, read, tensor};
use crate::ops::Kernel;
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;

/// Maxima and positions.
pub(super) fn max_pool2d(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let windows = Windows::of_whole(x)?;
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| {
        let (maxima, positions) = windows.max(x);
        Ok((tensor(maxima, &windows.pooled())?, tensor(positions, &windows.pooled())?))
    }))
}

/// The element of every window at its position.
pub(super) fn gather(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let windows = Windows::of_whole(x)?;
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| read([positions], |[at]| {
        tensor(windows.gather(x, at), &windows.pooled())
    })))
}

/// Every element at its position of the window, zeros elsewhere.
pub(super) fn scatter(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let windows = Windows::of_pooled(x)?;
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| read([positions], |[at]| {
        tensor(windows.scatter(x, at), &windows.whole())
    })))
}

/// The 2x2 windows of a map, and so the sizes of the pooled map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Images.
    batch: usize,
    /// Windows of a column.
    height: usize,
    /// Windows of a row.
    width: usize,
    /// Channels.
    pub(super) channels: usize,
}

impl Windows {
    /// Those of the map `x`.
    pub(super) fn of_whole(x: &Tensor) -> Result<Self> {
        let (batch, height, width, channels) = x.dims4()?;
        let (height, width) = Kernel::K2Stride2.output(height, width)?;
        Ok(Self { batch, height, width, channels })
    }

    /// Those of the map of twice the size of `x`.
    pub(super) fn of_pooled(x: &Tensor) -> Result<Self> {
        let (batch, height, width, channels) = x.dims4()?;
        Ok(Self { batch, height, width, channels })
    }

    /// The shape of the map.
    pub(super) fn whole(self) -> [usize; 4] {
        [self.batch, 2 * self.height, 2 * self.width, self.channels]
    }

    /// The shape of the pooled map.
    pub(super) fn pooled(self) -> [usize; 4] {
        [self.batch, self.height, self.width, self.channels]
    }

    /// Elements of the pooled map.
    pub(super) fn size(self) -> usize {
        self.batch * self.height * self.row()
    }

    /// Elements of a row of the pooled map.
    pub(super) fn row(self) -> usize {
        self.width * self.channels
    }

    /// The four parts of every window of a row: left and right of the upper row, left and right of the lower.
    pub(super) fn parts<T>(self, x: &[T], row: usize) -> impl Iterator<Item = [&[T]; 4]> {
        let rows = &x[row * 4 * self.row()..(row + 1) * 4 * self.row()];
        let (top, bottom) = rows.split_at(2 * self.row());
        top.chunks_exact(2 * self.channels).zip(bottom.chunks_exact(2 * self.channels)).map(move |(top, bottom)| {
            let ((a, b), (c, d)) = (top.split_at(self.channels), bottom.split_at(self.channels));
            [a, b, c, d]
        })
    }

    fn max<T: Real>(self, x: &[T]) -> (Vec<T>, Vec<u8>) {
        let mut positions = vec![0; self.size()];
        let all = Scattered::new(&mut positions);
        let write = |row: usize, maxima: &mut [MaybeUninit<T>]| {
            // SAFETY: rows do not overlap.
            let positions = unsafe { all.slice(row * self.row(), self.row()) };
            vectorize(
                #[inline(always)]
                || {
                    let outputs = maxima.chunks_exact_mut(self.channels).zip(positions.chunks_exact_mut(self.channels));
                    for ((maxima, positions), [first, others @ ..]) in outputs.zip(self.parts(x, row)) {
                        let maxima = maxima.write_copy_of_slice(first);
                        for (part, position) in others.into_iter().zip(1..) {
                            for ((best, at), &value) in maxima.iter_mut().zip(&mut *positions).zip(part) {
                                // as in PyTorch, not-a-number wins, so that a diverged training shows
                                let better = value > *best || value.partial_cmp(&value).is_none();
                                *best = if better { value } else { *best };
                                *at = if better { position } else { *at };
                            }
                        }
                    }
                },
            );
        };
        // SAFETY: the first part of every window is written.
        let maxima = unsafe { parallel::written_chunks(self.size(), self.row(), write) };
        (maxima, positions)
    }

    fn gather<T: Real>(self, x: &[T], positions: &[u8]) -> Vec<T> {
        let write = |row: usize, y: &mut [MaybeUninit<T>]| {
            vectorize(
                #[inline(always)]
                || {
                    let positions = positions[row * self.row()..].chunks_exact(self.channels);
                    let outputs = y.chunks_exact_mut(self.channels).zip(positions);
                    for ((y, at), [a, b, c, d]) in outputs.zip(self.parts(x, row)) {
                        let parts = a.iter().zip(b).zip(c.iter().zip(d));
                        for ((y, &at), ((&a, &b), (&c, &d))) in y.iter_mut().zip(at).zip(parts) {
                            let (upper, lower) = (if at == 0 { a } else { b }, if at == 2 { c } else { d });
                            y.write(if at < 2 { upper } else { lower });
                        }
                    }
                },
            );
        };
        // SAFETY: every window's element is written.
        unsafe { parallel::written_chunks(self.size(), self.row(), write) }
    }

    fn scatter<T: Real>(self, x: &[T], positions: &[u8]) -> Vec<T> {
        let write = |row: usize, y: &mut [MaybeUninit<T>]| {
            vectorize(
                #[inline(always)]
                || {
                    for (lower, line) in y.chunks_exact_mut(2 * self.row()).enumerate() {
                        for (index, part) in line.chunks_exact_mut(self.channels).enumerate() {
                            let position = (2 * lower + index % 2) as u8;
                            let start = row * self.row() + index / 2 * self.channels;
                            let source = x[start..].iter().zip(&positions[start..]);
                            for (y, (&value, &at)) in part.iter_mut().zip(source) {
                                y.write(if at == position { value } else { T::default() });
                            }
                        }
                    }
                },
            );
        };
        // SAFETY: every part of every window is written.
        unsafe { parallel::written_chunks(4 * self.size(), 4 * self.row(), write) }
    }
}
