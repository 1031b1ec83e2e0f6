//! Maps whose lines are multiplied by a matrix.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect};
use candle_core::{DType, Result, Tensor};

use Argument::{Address, Number};

/// A map `[n, from, ..]` of f32 or bf16, its second dimension multiplied by a matrix f32 `[to, from]`: `[n, to, ..]`. Sums are f32.
pub(crate) fn resample(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let (to, from) = matrix.dims2()?;
    expect(matrix, DType::F32, &[to, from])?;
    let mut dims = x.dims().to_vec();
    dims[1] = from;
    expect(x, x.dtype(), &dims)?;
    let columns: usize = dims[2..].iter().product();
    dims[1] = to;
    let device = device(x)?;
    let y = empty(&dims[..], x.dtype(), device)?;
    for elements in [x.elem_count(), y.elem_count()] {
        number(elements)?;
    }
    let variant = Variant::of(x.dtype(), &[columns], &[address(x)?, address(&y)?]);
    let count = y.elem_count() / variant.lanes;
    let arguments = [
        Address(address(x)?),
        Address(address(matrix)?),
        Address(address(&y)?),
        Number(number(from)?),
        Number(number(to)?),
        Number(number(columns / variant.lanes)?),
        Number(number(count)?),
    ];
    Engine::of(device)?.launch("resample", variant, Grid::each(count), &arguments)?;
    Ok(y)
}
