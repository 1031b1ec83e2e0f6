//! Sums of maps and of gradients that meet, and maps in other numbers.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect};
use candle_core::{DType, Result, Tensor, bail};

use Argument::{Address, Number};

/// `a + b`, of one shape and type, f32 or bf16.
pub(crate) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    of_pair("add", a, b)
}

/// `max(a + b, 0)`, likewise.
pub(super) fn add_rectified(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    of_pair("add_rectified", a, b)
}

/// The gradient before ReLU, whose result is `y`, likewise.
pub(super) fn mask(grad: &Tensor, y: &Tensor) -> Result<Tensor> {
    of_pair("mask", grad, y)
}

fn of_pair(kernel: &'static str, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    expect(b, a.dtype(), a.dims())?;
    let result = empty(a.shape(), a.dtype(), device(a)?)?;
    elementwise(kernel, a.dtype(), a.elem_count(), &[address(a)?, address(b)?, address(&result)?], device(a)?)?;
    Ok(result)
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
