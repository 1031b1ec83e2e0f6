//! Channels of two maps side by side, and apart again.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, map};
use candle_core::{Result, Tensor, bail};

use Argument::{Address, Number};

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
