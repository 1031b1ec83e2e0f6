//! Batch norm, with ReLU if asked for: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta`, per channel.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, map};
use crate::ops::backend::Normalized;
use crate::ops::{Activation, Moments};
use candle_core::{DType, Result, Tensor};
use std::sync::Arc;

use Argument::{Address, Number};

/// Mean and biased variance of the channels of `x` `[n, h, w, c]`, f32 `[c]` each.
pub(super) fn moments(x: &Tensor) -> Result<Moments> {
    let walk = Walk::over(x, &[address(x)?])?;
    let (means, squares) = (walk.partial()?, walk.partial()?);
    walk.launch("moments", &[address(x)?, address(&means)?, address(&squares)?], None)?;
    let (mean, variance) = (walk.numbers()?, walk.numbers()?);
    let arguments = [
        Address(address(&means)?),
        Address(address(&squares)?),
        Address(address(&mean)?),
        Address(address(&variance)?),
        Number(number(walk.pixels)?),
        Number(number(walk.channels)?),
        Number(number(walk.grid.shares())?),
    ];
    walk.engine.launch("finish_moments", Variant::single(DType::F32), Grid::finish(walk.channels), &arguments)?;
    Ok(Moments { mean, variance })
}

/// Batch norm of `x` `[n, h, w, c]` by the given moments; mean, variance, gamma and beta are f32 `[c]`.
pub(super) fn normalize(
    x: &Tensor,
    moments: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    let y = empty(x.shape(), x.dtype(), device(x)?)?;
    let walk = Walk::over(x, &[address(x)?, address(&y)?])?;
    let [mean, variance, gamma, beta] = walk.demand([&moments.mean, &moments.variance, gamma, beta])?;
    let relu = activation == Activation::Relu;
    walk.launch("normalize", &[address(x)?, mean, variance, gamma, beta, address(&y)?], Some(relu))?;
    Ok(y)
}

/// The gradients of [`normalize`] for `x`, gamma and beta; `grad` is the gradient of its result.
pub(super) fn normalize_backward(
    Normalized { x, gamma, y, moments, of_input, activation }: &Normalized,
    grad: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    expect(grad, x.dtype(), x.dims())?;
    let dx = empty(x.shape(), x.dtype(), device(x)?)?;
    let y = match *activation {
        Activation::Identity => 0,
        Activation::Relu => {
            expect(y, x.dtype(), x.dims())?;
            address(y)?
        }
    };
    let maps = [address(x)?, y, address(grad)?];
    let [input, _, grad] = maps;
    let walk = Walk::over(x, &[input, y, grad, address(&dx)?])?;
    let (sums, products) = (walk.partial()?, walk.partial()?);
    let [center, spread, scale] = walk.demand([&moments.mean, &moments.variance, gamma])?;
    walk.launch("normalize_sums", &[input, y, grad, center, address(&sums)?, address(&products)?], None)?;
    let beta = walk.engine.finish_sums(&sums, None)?;
    let gamma = walk.engine.finish_sums(&products, Some(&moments.variance))?;
    let flows = [address(&gamma)?, address(&beta)?, address(&dx)?];
    let addresses: Vec<_> = maps.into_iter().chain([center, spread, scale]).chain(flows).collect();
    walk.launch("normalize_backward", &addresses, Some(*of_input))?;
    Ok((dx, gamma, beta))
}

/// A walk over the pixels of a map, for every column of channels.
struct Walk {
    engine: Arc<Engine>,
    variant: Variant,
    grid: Grid,
    pixels: usize,
    columns: usize,
    channels: usize,
}

impl Walk {
    /// Over maps like `x` at these addresses.
    fn over(x: &Tensor, addresses: &[u64]) -> Result<Self> {
        let [n, h, w, channels] = map(x)?;
        number(x.elem_count())?;
        let variant = Variant::of(x.dtype(), &[channels], addresses);
        let (pixels, columns) = (n * h * w, channels / variant.lanes);
        let grid = Grid::walk(pixels, columns);
        Ok(Self { engine: Engine::of(device(x)?)?, variant, grid, pixels, columns, channels })
    }

    /// Room for one number per share and channel.
    fn partial(&self) -> Result<Tensor> {
        empty((self.grid.shares(), self.channels), DType::F32, &self.engine.device)
    }

    /// Room for one number per channel.
    fn numbers(&self) -> Result<Tensor> {
        empty(self.channels, DType::F32, &self.engine.device)
    }

    /// The addresses of tensors with one number per channel.
    fn demand<const N: usize>(&self, numbers: [&Tensor; N]) -> Result<[u64; N]> {
        let mut addresses = [0; N];
        for (to, tensor) in addresses.iter_mut().zip(numbers) {
            expect(tensor, DType::F32, &[self.channels])?;
            *to = address(tensor)?;
        }
        Ok(addresses)
    }

    /// Starts a kernel whose parameters are addresses, pixels, columns and perhaps a switch.
    fn launch(&self, name: &'static str, addresses: &[u64], switch: Option<bool>) -> Result<()> {
        let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
        arguments.extend([Number(number(self.pixels)?), Number(number(self.columns)?)]);
        arguments.extend(switch.map(|switch| Number(u32::from(switch))));
        self.engine.launch(name, self.variant, self.grid, &arguments)
    }
}
