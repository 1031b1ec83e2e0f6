//! 2x2 max pooling and its inverse, and what kernels on 2x2 windows have in common.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, map};
use candle_core::{DType, Result, Tensor, bail};

use Argument::{Address, Number};

/// 2x2 max pooling `[n, h, w, c]` -> `[n, h / 2, w / 2, c]`: the maxima, and their positions in their windows (`u8`, 0 to 3, row by
/// row). Of equals the first counts; not-a-number wins.
pub(super) fn max_pool2d(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let shape = halved(x)?;
    let (y, positions) = (empty(&shape[..], x.dtype(), device(x)?)?, empty(&shape[..], DType::U8, device(x)?)?);
    windows("max_pool", x, &y, &[address(x)?, address(&y)?, address(&positions)?])?;
    Ok((y, positions))
}

/// The element of every window at its position: `[n, 2 h, 2 w, c]` and positions -> `[n, h, w, c]`. The gradient of [`scatter`].
pub(super) fn gather(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let shape = halved(x)?;
    expect(positions, DType::U8, &shape)?;
    let y = empty(&shape[..], x.dtype(), device(x)?)?;
    windows("gather", x, &y, &[address(x)?, address(positions)?, address(&y)?])?;
    Ok(y)
}

/// Max unpooling, every element at its position and zeros elsewhere: `[n, h, w, c]` and positions -> `[n, 2 h, 2 w, c]`. The
/// gradient of [`gather`], and so of [`max_pool2d`].
pub(super) fn scatter(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    expect(positions, DType::U8, x.dims())?;
    let y = doubled(x)?;
    windows("scatter", &y, x, &[address(x)?, address(positions)?, address(&y)?])?;
    Ok(y)
}

/// Half the height and width of a map.
pub(super) fn halved(x: &Tensor) -> Result<[usize; 4]> {
    match map(x)? {
        [n, h, w, c] if h.is_multiple_of(2) && w.is_multiple_of(2) => Ok([n, h / 2, w / 2, c]),
        [_, h, w, _] => bail!("cannot pool {h} x {w}: expected even sizes"),
    }
}

/// A new map of twice the height and width.
pub(super) fn doubled(x: &Tensor) -> Result<Tensor> {
    let [n, h, w, c] = map(x)?;
    empty((n, 2 * h, 2 * w, c), x.dtype(), device(x)?)
}

/// A kernel that takes every element of `small` with its window of `big`.
pub(super) fn windows(name: &'static str, big: &Tensor, small: &Tensor, addresses: &[u64]) -> Result<()> {
    let [_, _, width, channels] = map(small)?;
    let variant = Variant::of(small.dtype(), &[channels], addresses);
    number(big.elem_count())?;
    let count = small.elem_count() / variant.lanes;
    let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
    arguments.extend([Number(number(width)?), Number(number(channels / variant.lanes)?), Number(number(count)?)]);
    Engine::of(device(small)?)?.launch(name, variant, Grid::each(count), &arguments)
}
