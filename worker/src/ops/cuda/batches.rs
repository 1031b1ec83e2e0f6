//! Batches of a data set that lies on the device, and their targets at lower resolutions.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect};
use candle_core::{DType, Result, Tensor, bail};

use Argument::{Address, Number};

/// The cases of `indices` (u32 `[n]`, each below the number of cases): images `[n, h, w, 3]`, 0 to 1, of `dtype`, and targets f32
/// `[n, h, w, 1]`, 0 or 1. The data set is u8: images `[cases, 3, h, w]`, 0 to 255, and masks `[cases, h, w]`, 0 or 1.
pub(crate) fn gather_batch(
    images: &Tensor,
    masks: &Tensor,
    indices: &Tensor,
    dtype: DType,
) -> Result<(Tensor, Tensor)> {
    let (cases, h, w) = masks.dims3()?;
    expect(masks, DType::U8, masks.dims())?;
    expect(images, DType::U8, &[cases, 3, h, w])?;
    let n = indices.dims1()?;
    expect(indices, DType::U32, &[n])?;
    let device = device(images)?;
    let (x, targets) = (empty((n, h, w, 3), dtype, device)?, empty((n, h, w, 1), DType::F32, device)?);
    number(x.elem_count())?;
    let count = targets.elem_count();
    let arguments = [
        Address(address(images)?),
        Address(address(masks)?),
        Address(address(indices)?),
        Address(address(&x)?),
        Address(address(&targets)?),
        Number(number(h * w)?),
        Number(number(count)?),
    ];
    Engine::of(device)?.launch("gather_batch", Variant::single(dtype), Grid::each(count), &arguments)?;
    Ok((x, targets))
}

/// Targets f32 `[n, 1, h, w]` at a lower resolution, `[n, 1, h / factor, w / factor]`: of every block the pixel below and to the right of
/// its middle. Height and width are multiples of the factor.
pub(crate) fn reduce_targets(targets: &Tensor, factor: usize) -> Result<Tensor> {
    let (n, _, height, width) = targets.dims4()?;
    expect(targets, DType::F32, &[n, 1, height, width])?;
    let (rows, columns) = (height / factor, width / factor);
    if (rows * factor, columns * factor) != (height, width) {
        bail!("targets of {height} x {width} pixels are no blocks of {factor} x {factor}");
    }
    let device = device(targets)?;
    let reduced = empty((n, 1, rows, columns), DType::F32, device)?;
    number(targets.elem_count())?;
    let count = reduced.elem_count();
    let arguments = [
        Address(address(targets)?),
        Address(address(&reduced)?),
        Number(number(rows)?),
        Number(number(columns)?),
        Number(number(factor)?),
        Number(number(count)?),
    ];
    Engine::of(device)?.launch("reduce_targets", Variant::single(DType::F32), Grid::each(count), &arguments)?;
    Ok(reduced)
}
