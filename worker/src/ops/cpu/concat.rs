//! Channels of two maps side by side, and apart again.

use super::run::parallel;
use super::run::simd::Real;
use super::run::storage::{by_float, read, tensor};
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Pixels that a task joins or splits.
const PIXELS: usize = 1 << 10;

/// The channels of `a`, then those of `b`.
pub(super) fn concatenate(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (n, height, width, in_a) = a.dims4()?;
    let in_b = b.dim(3)?;
    by_float!(a.dtype(), T => read([a, b], |[a, b]: [&[T]; 2]| {
        tensor(join(a, b, (in_a, in_b)), &[n, height, width, in_a + in_b])
    }))
}

/// The first `in_a` channels, and the others.
pub(super) fn split(y: &Tensor, in_a: usize) -> Result<(Tensor, Tensor)> {
    let (n, height, width, channels) = y.dims4()?;
    by_float!(y.dtype(), T => read([y], |[y]: [&[T]; 1]| {
        let part = |range: Range<usize>| {
            let shape = [n, height, width, range.len()];
            tensor(cut(y, channels, range), &shape)
        };
        Ok((part(0..in_a)?, part(in_a..channels)?))
    }))
}

/// For every pixel the channels of `a`, then those of `b`.
fn join<T: Real>(a: &[T], b: &[T], (in_a, in_b): (usize, usize)) -> Vec<T> {
    let size = PIXELS * (in_a + in_b);
    let write = |chunk: usize, y: &mut [MaybeUninit<T>]| {
        let a = a[chunk * PIXELS * in_a..].chunks_exact(in_a);
        let b = b[chunk * PIXELS * in_b..].chunks_exact(in_b);
        for ((y, a), b) in y.chunks_exact_mut(in_a + in_b).zip(a).zip(b) {
            y[..in_a].write_copy_of_slice(a);
            y[in_a..].write_copy_of_slice(b);
        }
    };
    // SAFETY: every pixel has channels of `a` and of `b`, which are written.
    unsafe { parallel::written_chunks(a.len() + b.len(), size, write) }
}

/// A range of every pixel's channels.
fn cut<T: Real>(y: &[T], channels: usize, range: Range<usize>) -> Vec<T> {
    let write = |chunk: usize, part: &mut [MaybeUninit<T>]| {
        let pixels = y[chunk * PIXELS * channels..].chunks_exact(channels);
        for (part, pixel) in part.chunks_exact_mut(range.len()).zip(pixels) {
            part.write_copy_of_slice(&pixel[range.clone()]);
        }
    };
    // SAFETY: every pixel's channels are written.
    unsafe { parallel::written_chunks(y.len() / channels * range.len(), PIXELS * range.len(), write) }
}
