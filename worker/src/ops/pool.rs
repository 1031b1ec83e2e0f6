//! 2x2 max pooling and its inverse, by the position of each window's maximum.
//!
//! `argmax` finds the positions (0 to 3, row by row; the first of equals). `Gather` takes from every window the element at its
//! position, `Scatter` puts an element there and zeros elsewhere: each is the other's gradient.

use super::dtype;
use super::simd::Real;
use super::storage::{self, by_float};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

/// `[n, c, 2 h, 2 w]` -> `[n, c, h, w]` of `u8`.
pub(super) struct Argmax;

/// `[n, c, 2 h, 2 w]` and positions -> `[n, c, h, w]`.
pub(super) struct Gather;

/// `[n, c, h, w]` and positions -> `[n, c, 2 h, 2 w]`.
pub(super) struct Scatter;

/// Rows and columns of the pooled planes, `n c` of them.
fn pooled(layout: &Layout) -> Result<(usize, usize, usize, usize)> {
    let (n, c, height, width) = layout.shape().dims4()?;
    if !height.is_multiple_of(2) || !width.is_multiple_of(2) {
        candle_core::bail!("cannot pool {height} x {width}: expected even sizes");
    }
    Ok((n, c, height / 2, width / 2))
}

fn argmax<T: Real>(x: &[T], width: usize) -> Vec<u8> {
    let mut positions = vec![0; x.len() / 4];
    for (positions, rows) in positions.chunks_exact_mut(width).zip(x.chunks_exact(4 * width)) {
        let (top, bottom) = rows.split_at(2 * width);
        let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
        for (position, (top, bottom)) in positions.iter_mut().zip(pairs) {
            let mut best = (top[0], 0);
            for (value, index) in [(top[1], 1), (bottom[0], 2), (bottom[1], 3)] {
                // As in PyTorch, not-a-number wins, so that a diverged training shows.
                let better = value > best.0 || value.partial_cmp(&value).is_none();
                best = if better { (value, index) } else { best };
            }
            *position = best.1;
        }
    }
    positions
}

fn gather<T: Real>(x: &[T], positions: &[u8], width: usize) -> Vec<T> {
    let mut y = vec![T::default(); positions.len()];
    for ((y, positions), rows) in
        y.chunks_exact_mut(width).zip(positions.chunks_exact(width)).zip(x.chunks_exact(4 * width))
    {
        let (top, bottom) = rows.split_at(2 * width);
        let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
        for ((y, &position), (top, bottom)) in y.iter_mut().zip(positions).zip(pairs) {
            let (left, right) = if position < 2 { (top[0], top[1]) } else { (bottom[0], bottom[1]) };
            *y = if position % 2 == 0 { left } else { right };
        }
    }
    y
}

fn scatter<T: Real>(x: &[T], positions: &[u8], width: usize) -> Vec<T> {
    let mut y = vec![T::default(); 4 * x.len()];
    for ((x, positions), rows) in
        x.chunks_exact(width).zip(positions.chunks_exact(width)).zip(y.chunks_exact_mut(4 * width))
    {
        let (top, bottom) = rows.split_at_mut(2 * width);
        let pairs = top.chunks_exact_mut(2).zip(bottom.chunks_exact_mut(2));
        for ((&x, &position), (top, bottom)) in x.iter().zip(positions).zip(pairs) {
            let at = |index: u8| if position == index { x } else { T::default() };
            (top[0], top[1], bottom[0], bottom[1]) = (at(0), at(1), at(2), at(3));
        }
    }
    y
}

impl CustomOp1 for Argmax {
    fn name(&self) -> &'static str {
        "max-pool-argmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = pooled(layout)?;
        let positions = by_float!(dtype(x), T => argmax(storage::slice::<T>(x, layout)?, shape.3));
        Ok((CpuStorage::U8(positions), Shape::from(shape)))
    }
}

impl CustomOp2 for Gather {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        positions: &CpuStorage,
        positions_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = pooled(x_layout)?;
        expect(positions_layout, shape)?;
        let positions = storage::slice(positions, positions_layout)?;
        let y = by_float!(dtype(x), T => storage::cpu(gather(storage::slice::<T>(x, x_layout)?, positions, shape.3)));
        Ok((y, Shape::from(shape)))
    }

    fn bwd(
        &self,
        _: &Tensor,
        positions: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.contiguous()?.apply_op2_no_bwd(positions, &Scatter)?), None))
    }
}

impl CustomOp2 for Scatter {
    fn name(&self) -> &'static str {
        "max-unpool"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        positions: &CpuStorage,
        positions_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape @ (n, c, height, width) = x_layout.shape().dims4()?;
        expect(positions_layout, shape)?;
        let positions = storage::slice(positions, positions_layout)?;
        let y = by_float!(dtype(x), T => storage::cpu(scatter(storage::slice::<T>(x, x_layout)?, positions, width)));
        Ok((y, Shape::from((n, c, 2 * height, 2 * width))))
    }

    fn bwd(
        &self,
        _: &Tensor,
        positions: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.contiguous()?.apply_op2_no_bwd(positions, &Gather)?), None))
    }
}

fn expect(positions: &Layout, shape: (usize, usize, usize, usize)) -> Result<()> {
    if positions.shape().dims4()? == shape {
        return Ok(());
    }
    candle_core::bail!("positions of shape {:?} do not fit windows of shape {shape:?}", positions.shape())
}
