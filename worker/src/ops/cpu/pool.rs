//! 2x2 max pooling and its inverse, by the position of each window's maximum; channels last.
//!
//! `max` finds the maxima and their positions (0 to 3, row by row; the first of equals). `gather` takes from every window the
//! element at its position, `scatter` puts an element there and zeros elsewhere: each is the other's gradient.

use super::parallel::{self, Scattered};
use super::simd::Real;
use super::vectors::dispatch;

/// The sizes of pooled maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Rows of windows in all images.
    pub(super) rows: usize,
    /// Windows of a row.
    pub(super) width: usize,
    /// Channels.
    pub(super) channels: usize,
}

impl Windows {
    /// Elements of a row of windows.
    fn row(self) -> usize {
        self.width * self.channels
    }

    /// The four parts of a row of windows: left and right of the upper row, left and right of the lower.
    fn parts<T>(self, rows: &[T]) -> impl Iterator<Item = [&[T]; 4]> {
        let (top, bottom) = rows.split_at(2 * self.row());
        top.chunks_exact(2 * self.channels).zip(bottom.chunks_exact(2 * self.channels)).map(move |(top, bottom)| {
            let ((a, b), (c, d)) = (top.split_at(self.channels), bottom.split_at(self.channels));
            [a, b, c, d]
        })
    }

    /// The maximum of every window, and its position.
    pub(super) fn max<T: Real>(self, x: &[T]) -> (Vec<T>, Vec<u8>) {
        let mut positions = vec![0; self.rows * self.row()];
        let all = Scattered::new(&mut positions);
        let max = |row: usize, maxima: &mut [T]| {
            // SAFETY: rows do not overlap.
            let positions = unsafe { all.slice(row * self.row(), self.row()) };
            dispatch(
                #[inline(always)]
                || {
                    let outputs = maxima.chunks_exact_mut(self.channels).zip(positions.chunks_exact_mut(self.channels));
                    let parts = self.parts(&x[row * 4 * self.row()..(row + 1) * 4 * self.row()]);
                    for ((maxima, positions), [first, others @ ..]) in outputs.zip(parts) {
                        maxima.copy_from_slice(first);
                        for (part, position) in others.into_iter().zip(1..) {
                            for ((best, at), &value) in maxima.iter_mut().zip(&mut *positions).zip(part) {
                                // As in PyTorch, not-a-number wins, so that a diverged training shows.
                                let better = value > *best || value.partial_cmp(&value).is_none();
                                *best = if better { value } else { *best };
                                *at = if better { position } else { *at };
                            }
                        }
                    }
                },
            );
        };
        // SAFETY: the first part of every window is copied before it is compared.
        let maxima = unsafe { parallel::written_chunks(self.rows * self.row(), self.row(), max) };
        (maxima, positions)
    }

    /// The element of every window at its position.
    pub(super) fn gather<T: Real>(self, x: &[T], positions: &[u8]) -> Vec<T> {
        let gather = |row: usize, y: &mut [T]| {
            dispatch(
                #[inline(always)]
                || {
                    let positions = positions[row * self.row()..].chunks_exact(self.channels);
                    let parts = self.parts(&x[row * 4 * self.row()..(row + 1) * 4 * self.row()]);
                    for ((y, at), [a, b, c, d]) in y.chunks_exact_mut(self.channels).zip(positions).zip(parts) {
                        let parts = a.iter().zip(b).zip(c.iter().zip(d));
                        for ((y, &at), ((&a, &b), (&c, &d))) in y.iter_mut().zip(at).zip(parts) {
                            let (upper, lower) = (if at == 0 { a } else { b }, if at == 2 { c } else { d });
                            *y = if at < 2 { upper } else { lower };
                        }
                    }
                },
            );
        };
        // SAFETY: every window gets its element.
        unsafe { parallel::written_chunks(self.rows * self.row(), self.row(), gather) }
    }

    /// Every element at its position of the window, zeros elsewhere.
    pub(super) fn scatter<T: Real>(self, x: &[T], positions: &[u8]) -> Vec<T> {
        let scatter = |row: usize, y: &mut [T]| {
            dispatch(
                #[inline(always)]
                || {
                    for (lower, line) in y.chunks_exact_mut(2 * self.row()).enumerate() {
                        for (index, part) in line.chunks_exact_mut(self.channels).enumerate() {
                            let position = (2 * lower + index % 2) as u8;
                            let start = row * self.row() + index / 2 * self.channels;
                            let source = x[start..].iter().zip(&positions[start..]);
                            for (y, (&value, &at)) in part.iter_mut().zip(source) {
                                *y = if at == position { value } else { T::default() };
                            }
                        }
                    }
                },
            );
        };
        // SAFETY: every part of every window is written.
        unsafe { parallel::written_chunks(4 * self.rows * self.row(), 4 * self.row(), scatter) }
    }

    /// Every element four times.
    pub(super) fn upsample<T: Real>(self, x: &[T]) -> Vec<T> {
        let upsample = |row: usize, y: &mut [T]| {
            let (top, bottom) = y.split_at_mut(2 * self.row());
            let pixels = x[row * self.row()..].chunks_exact(self.channels);
            for (pixel, pair) in pixels.zip(top.chunks_exact_mut(2 * self.channels)) {
                let (left, right) = pair.split_at_mut(self.channels);
                left.copy_from_slice(pixel);
                right.copy_from_slice(pixel);
            }
            bottom.copy_from_slice(top);
        };
        // SAFETY: the upper row is written, then copied to the lower.
        unsafe { parallel::written_chunks(4 * self.rows * self.row(), 4 * self.row(), upsample) }
    }

    /// The sum of every window.
    pub(super) fn sum<T: Real>(self, y: &[T]) -> Vec<T> {
        let sum = |row: usize, x: &mut [T]| {
            dispatch(
                #[inline(always)]
                || {
                    let parts = self.parts(&y[row * 4 * self.row()..(row + 1) * 4 * self.row()]);
                    for (x, [a, b, c, d]) in x.chunks_exact_mut(self.channels).zip(parts) {
                        for ((((x, &a), &b), &c), &d) in x.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                            *x = (a + b) + (c + d);
                        }
                    }
                },
            );
        };
        // SAFETY: every window's sum is written.
        unsafe { parallel::written_chunks(self.rows * self.row(), self.row(), sum) }
    }
}

/// Pixels that a task joins or splits.
const PIXELS: usize = 1 << 10;

/// The channels of `a`, then those of `b`, for every pixel.
pub(super) fn concatenate<T: Real>(a: &[T], b: &[T], (in_a, in_b): (usize, usize)) -> Vec<T> {
    let size = PIXELS * (in_a + in_b);
    let join = |chunk: usize, y: &mut [T]| {
        let a = a[chunk * PIXELS * in_a..].chunks_exact(in_a);
        let b = b[chunk * PIXELS * in_b..].chunks_exact(in_b);
        for ((y, a), b) in y.chunks_exact_mut(in_a + in_b).zip(a).zip(b) {
            y[..in_a].copy_from_slice(a);
            y[in_a..].copy_from_slice(b);
        }
    };
    // SAFETY: every pixel has channels of `a` and of `b`, which are written.
    unsafe { parallel::written_chunks(a.len() + b.len(), size, join) }
}

/// A range of every pixel's channels.
pub(super) fn channels<T: Real>(y: &[T], channels: usize, range: std::ops::Range<usize>) -> Vec<T> {
    let cut = |chunk: usize, part: &mut [T]| {
        let pixels = y[chunk * PIXELS * channels..].chunks_exact(channels);
        for (part, pixel) in part.chunks_exact_mut(range.len()).zip(pixels) {
            part.copy_from_slice(&pixel[range.clone()]);
        }
    };
    // SAFETY: every pixel's channels are written.
    unsafe { parallel::written_chunks(y.len() / channels * range.len(), PIXELS * range.len(), cut) }
}
