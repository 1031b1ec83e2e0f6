//! Maps as several smaller ones that interleave, and back.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, map};
use candle_core::{Result, Tensor, bail};

use Argument::{Address, Number};

/// `[n, h, w, c]` -> `[n rate rate, h / rate, w / rate, c]`, rounded up; what is missing is zero.
pub(crate) fn apart(x: &Tensor, rate: usize) -> Result<Tensor> {
    let [n, height, width, channels] = map(x)?;
    let parts = [n * rate * rate, height.div_ceil(rate), width.div_ceil(rate), channels];
    let parts = empty(&parts[..], x.dtype(), device(x)?)?;
    moved("apart", x, &parts, [height, width, rate, channels])?;
    Ok(parts)
}

/// The map of that height and width that the parts are of.
pub(crate) fn together(parts: &Tensor, rate: usize, (height, width): (usize, usize)) -> Result<Tensor> {
    let [count, rows, columns, channels] = map(parts)?;
    if [rows, columns] != [height.div_ceil(rate), width.div_ceil(rate)] || !count.is_multiple_of(rate * rate) {
        bail!("{count} maps of {rows} x {columns} are no parts of maps of {height} x {width} at the rate {rate}");
    }
    let whole = empty((count / (rate * rate), height, width, channels), parts.dtype(), device(parts)?)?;
    moved("together", parts, &whole, [height, width, rate, channels])?;
    Ok(whole)
}

fn moved(kernel: &'static str, x: &Tensor, y: &Tensor, [height, width, rate, channels]: [usize; 4]) -> Result<()> {
    let addresses = [address(x)?, address(y)?];
    for elements in [x.elem_count(), y.elem_count()] {
        number(elements)?;
    }
    let variant = Variant::of(x.dtype(), &[channels], &addresses);
    let count = y.elem_count() / variant.lanes;
    let mut arguments = addresses.map(Address).to_vec();
    for size in [height, width, rate, channels / variant.lanes, count] {
        arguments.push(Number(number(size)?));
    }
    Engine::of(device(x)?)?.launch(kernel, variant, Grid::each(count), &arguments)
}
