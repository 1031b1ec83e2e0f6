//! Operations that move or add elements of maps.

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

/// Nearest upsampling `[n, h, w, c]` -> `[n, 2 h, 2 w, c]`.
pub(super) fn upsample(x: &Tensor) -> Result<Tensor> {
    let y = doubled(x)?;
    windows("upsample", &y, x, &[address(x)?, address(&y)?])?;
    Ok(y)
}

/// The gradient of [`upsample`]: the sums of the windows.
pub(super) fn upsample_backward(grad: &Tensor) -> Result<Tensor> {
    let dx = empty(&halved(grad)?[..], grad.dtype(), device(grad)?)?;
    windows("upsample_backward", grad, &dx, &[address(grad)?, address(&dx)?])?;
    Ok(dx)
}

/// Half the height and width of a map.
fn halved(x: &Tensor) -> Result<[usize; 4]> {
    match map(x)? {
        [n, h, w, c] if h.is_multiple_of(2) && w.is_multiple_of(2) => Ok([n, h / 2, w / 2, c]),
        [_, h, w, _] => bail!("cannot pool {h} x {w}: expected even sizes"),
    }
}

/// A new map of twice the height and width.
fn doubled(x: &Tensor) -> Result<Tensor> {
    let [n, h, w, c] = map(x)?;
    empty((n, 2 * h, 2 * w, c), x.dtype(), device(x)?)
}

/// A kernel that takes every element of `small` with its window of `big`.
fn windows(name: &'static str, big: &Tensor, small: &Tensor, addresses: &[u64]) -> Result<()> {
    let [_, _, width, channels] = map(small)?;
    let variant = Variant::of(small.dtype(), &[channels], addresses);
    number(big.elem_count())?;
    let count = small.elem_count() / variant.lanes;
    let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
    arguments.extend([Number(number(width)?), Number(number(channels / variant.lanes)?), Number(number(count)?)]);
    Engine::of(device(small)?)?.launch(name, variant, Grid::each(count), &arguments)
}

/// The channels of `a`, then those of `b`: `[n, h, w, a]` and `[n, h, w, b]` -> `[n, h, w, a + b]`.
pub(super) fn concatenate(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ([n, h, w, channels_a], [.., channels_b]) = (map(a)?, map(b)?);
    expect(b, a.dtype(), &[n, h, w, channels_b])?;
    let y = empty((n, h, w, channels_a + channels_b), a.dtype(), device(a)?)?;
    join("concatenate", &[address(a)?, address(b)?, address(&y)?], &y, (channels_a, channels_b))?;
    Ok(y)
}

/// The first `channels` channels, and the others: the gradients of [`concatenate`].
pub(super) fn split(grad: &Tensor, channels: usize) -> Result<(Tensor, Tensor)> {
    let [n, h, w, all] = map(grad)?;
    let Some(others) = all.checked_sub(channels) else { bail!("cannot split {channels} channels off {all}") };
    let part = |channels| empty((n, h, w, channels), grad.dtype(), device(grad)?);
    let (a, b) = (part(channels)?, part(others)?);
    join("split", &[address(grad)?, address(&a)?, address(&b)?], grad, (channels, others))?;
    Ok((a, b))
}

fn join(name: &'static str, addresses: &[u64; 3], whole: &Tensor, (a, b): (usize, usize)) -> Result<()> {
    let variant = Variant::of(whole.dtype(), &[a, b], addresses);
    number(whole.elem_count())?;
    let count = whole.elem_count() / variant.lanes;
    let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
    arguments.extend([Number(number(a / variant.lanes)?), Number(number(b / variant.lanes)?), Number(number(count)?)]);
    Engine::of(device(whole)?)?.launch(name, variant, Grid::each(count), &arguments)
}

/// `a + b`, of one shape and type, f32 or bf16: for gradients that meet.
pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    expect(b, a.dtype(), a.dims())?;
    let sum = empty(a.shape(), a.dtype(), device(a)?)?;
    elementwise("add", a.dtype(), a.elem_count(), &[address(a)?, address(b)?, address(&sum)?], device(a)?)?;
    Ok(sum)
}

/// The same numbers as f32 or bf16 (to the nearest, ties to even).
pub(super) fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let kernel = match (x.dtype(), dtype) {
        (from, to) if from == to => return Ok(x.clone()),
        (DType::BF16, DType::F32) => "widen_map",
        (DType::F32, DType::BF16) => "narrow_map",
        (from, to) => bail!("no cast from {from:?} to {to:?}: expected f32 and bf16"),
    };
    let y = empty(x.shape(), dtype, device(x)?)?;
    elementwise(kernel, DType::BF16, x.elem_count(), &[address(x)?, address(&y)?], device(x)?)?;
    Ok(y)
}

fn elementwise(
    name: &'static str,
    dtype: DType,
    elements: usize,
    addresses: &[u64],
    device: &candle_core::CudaDevice,
) -> Result<()> {
    let variant = Variant::of(dtype, &[elements], addresses);
    number(elements)?;
    let count = elements / variant.lanes;
    let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
    arguments.push(Number(number(count)?));
    Engine::of(device)?.launch(name, variant, Grid::each(count), &arguments)
}
