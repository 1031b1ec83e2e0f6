//! Nearest upsampling to twice the size, and concatenation of channels.

use super::dtype;
use super::simd::Real;
use super::storage::{self, Elements, by_float};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

/// `[n, c, h, w]` -> `[n, c, 2 h, 2 w]`: every pixel four times.
pub(super) struct Upsample;

/// `[n, a, h, w]` and `[n, b, h, w]` -> `[n, a + b, h, w]`.
pub(super) struct Concatenate;

fn upsample<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let mut y = vec![T::default(); 4 * x.len()];
    for (x, rows) in x.chunks_exact(width).zip(y.chunks_exact_mut(4 * width)) {
        let (top, bottom) = rows.split_at_mut(2 * width);
        for (&x, pair) in x.iter().zip(top.chunks_exact_mut(2)) {
            pair.fill(x);
        }
        bottom.copy_from_slice(top);
    }
    y
}

fn sum_blocks<T: Real>(y: &[T], width: usize) -> Vec<T> {
    let mut x = vec![T::default(); y.len() / 4];
    for (x, rows) in x.chunks_exact_mut(width).zip(y.chunks_exact(4 * width)) {
        let (top, bottom) = rows.split_at(2 * width);
        for ((x, top), bottom) in x.iter_mut().zip(top.chunks_exact(2)).zip(bottom.chunks_exact(2)) {
            *x = (top[0] + top[1]) + (bottom[0] + bottom[1]);
        }
    }
    x
}

impl CustomOp1 for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, height, width) = layout.shape().dims4()?;
        let y = by_float!(dtype(x), T => storage::cpu(upsample(storage::slice::<T>(x, layout)?, width)));
        Ok((y, Shape::from((n, c, 2 * height, 2 * width))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        let elements = Elements::of(&grad);
        let width = x.dim(3)?;
        let sums = by_float!(x.dtype(), T => storage::tensor(sum_blocks(elements.slice::<T>()?, width), x.dims())?);
        Ok(Some(sums))
    }
}

impl Concatenate {
    /// Elements of an image in each operand.
    fn sizes(a: &[usize], b: &[usize]) -> Result<(usize, usize)> {
        match (a, b) {
            (&[n, a, height, width], &[m, b, rows, columns]) if (n, height, width) == (m, rows, columns) => {
                Ok((a * height * width, b * height * width))
            }
            _ => candle_core::bail!("cannot concatenate the channels of {a:?} and {b:?}"),
        }
    }
}

fn concatenate<T: Real>(a: &[T], b: &[T], (size_a, size_b): (usize, usize)) -> Vec<T> {
    let mut y = Vec::with_capacity(a.len() + b.len());
    for (a, b) in a.chunks_exact(size_a).zip(b.chunks_exact(size_b)) {
        y.extend_from_slice(a);
        y.extend_from_slice(b);
    }
    y
}

fn split<T: Real>(y: &[T], (size_a, size_b): (usize, usize)) -> (Vec<T>, Vec<T>) {
    let images = y.len() / (size_a + size_b);
    let mut parts = (Vec::with_capacity(images * size_a), Vec::with_capacity(images * size_b));
    for y in y.chunks_exact(size_a + size_b) {
        parts.0.extend_from_slice(&y[..size_a]);
        parts.1.extend_from_slice(&y[size_a..]);
    }
    parts
}

impl CustomOp2 for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Self::sizes(a_layout.dims(), b_layout.dims())?;
        let (n, channels, height, width) = a_layout.shape().dims4()?;
        let channels = channels + b_layout.dims()[1];
        let y = by_float!(dtype(a), T => {
            storage::cpu(concatenate(storage::slice::<T>(a, a_layout)?, storage::slice(b, b_layout)?, sizes))
        });
        Ok((y, Shape::from((n, channels, height, width))))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Self::sizes(a.dims(), b.dims())?;
        let grad = grad.contiguous()?;
        let elements = Elements::of(&grad);
        by_float!(a.dtype(), T => {
            let (grad_a, grad_b) = split(elements.slice::<T>()?, sizes);
            Ok((Some(storage::tensor(grad_a, a.dims())?), Some(storage::tensor(grad_b, b.dims())?)))
        })
    }
}
