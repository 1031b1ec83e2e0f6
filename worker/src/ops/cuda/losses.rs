//! Losses and their gradients, a block of threads a case.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect};
use candle_core::{DType, Result, Tensor, bail};
use proto::spec::Loss;

use Argument::{Address, Factor, Number};

/// The loss of every case, `[n]`, and if wanted the gradient of their mean for the logits, in their shape; logits and targets are
/// contiguous f32 `[n, ...]`.
pub(crate) fn losses(
    loss: &Loss,
    logits: &Tensor,
    targets: &Tensor,
    gradient_wanted: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    expect(logits, DType::F32, logits.dims())?;
    expect(targets, DType::F32, logits.dims())?;
    let Some((&cases, pixels)) = logits.dims().split_first() else { bail!("logits of no cases") };
    let device = device(logits)?;
    let values = empty(cases, DType::F32, device)?;
    let gradient = if gradient_wanted { Some(empty(logits.shape(), DType::F32, device)?) } else { None };
    // numbers of `losses.cu`
    let (kind, parameter) = match *loss {
        Loss::Bce {} => (0, 0.0),
        Loss::Dice { smooth } => (1, smooth),
        Loss::Focal { gamma } => (2, gamma),
    };
    number(logits.elem_count())?;
    let arguments = [
        Address(address(logits)?),
        Address(address(targets)?),
        Address(address(&values)?),
        Address(gradient.as_ref().map_or(Ok(0), address)?),
        Number(kind),
        Factor(parameter as f32),
        Number(number(pixels.iter().product())?),
    ];
    Engine::of(device)?.launch("losses", Variant::single(DType::F32), Grid::blocks(cases), &arguments)?;
    Ok((values, gradient))
}
