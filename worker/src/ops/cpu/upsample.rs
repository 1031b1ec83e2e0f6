//! Nearest upsampling to twice the size, and its gradient, the sum of every 2x2 window.

use super::pool::Windows;
use super::run::instruction_set::vectorize;
use super::run::parallel;
use super::run::simd::Real;
use super::run::storage::{by_float, read, tensor};
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;

/// Every element four times.
pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let windows = Windows::of_pooled(x)?;
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| tensor(repeat(windows, x), &windows.whole())))
}

/// The sum of every window.
pub(super) fn upsample_backward(grad: &Tensor) -> Result<Tensor> {
    let windows = Windows::of_whole(grad)?;
    by_float!(grad.dtype(), T => read([grad], |[grad]: [&[T]; 1]| tensor(sum(windows, grad), &windows.pooled())))
}

fn repeat<T: Real>(windows: Windows, x: &[T]) -> Vec<T> {
    let (row, channels) = (windows.row(), windows.channels);
    let write = |index: usize, y: &mut [MaybeUninit<T>]| {
        let (top, bottom) = y.split_at_mut(2 * row);
        let pixels = x[index * row..].chunks_exact(channels);
        for (pixel, pair) in pixels.zip(top.chunks_exact_mut(2 * channels)) {
            let (left, right) = pair.split_at_mut(channels);
            left.write_copy_of_slice(pixel);
            right.write_copy_of_slice(pixel);
        }
        bottom.copy_from_slice(top);
    };
    // SAFETY: the upper row is written, then copied to the lower.
    unsafe { parallel::written_chunks(4 * windows.size(), 4 * row, write) }
}

fn sum<T: Real>(windows: Windows, y: &[T]) -> Vec<T> {
    let write = |row: usize, x: &mut [MaybeUninit<T>]| {
        vectorize(
            #[inline(always)]
            || {
                for (x, [a, b, c, d]) in x.chunks_exact_mut(windows.channels).zip(windows.parts(y, row)) {
                    for ((((x, &a), &b), &c), &d) in x.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        x.write((a + b) + (c + d));
                    }
                }
            },
        );
    };
    // SAFETY: every window's sum is written.
    unsafe { parallel::written_chunks(windows.size(), windows.row(), write) }
}
