//! Batch and group norm, with ReLU, leaky or not, if asked for: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta`, per channel. A sample has moments
//! of its own: the batch for batch norm, an image for group norm.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, map};
use crate::ops::backend::{Normalized, Population};
use crate::ops::{Activation, Moments};
use candle_core::{DType, Result, Tensor};
use std::sync::Arc;

use Argument::{Address, Number};

/// Mean and biased variance of the populations of `x` `[n, h, w, c]`: f32 `[c]` each, or `[n, c]` for groups.
pub(super) fn moments(x: &Tensor, population: Population) -> Result<Moments> {
    let (samples, shape) = match population {
        Population::Channel => (1, vec![x.dim(3)?]),
        Population::Group(_) => (x.dim(0)?, vec![x.dim(0)?, x.dim(3)?]),
    };
    let walk = Walk::over(x, samples, &[address(x)?])?;
    let (means, squares) = (walk.partial()?, walk.partial()?);
    walk.launch("moments", &[address(x)?, address(&means)?, address(&squares)?], &[])?;
    let numbers = || empty(shape.as_slice(), DType::F32, &walk.engine.device);
    let (mean, variance) = (numbers()?, numbers()?);
    let arguments = [
        Address(address(&means)?),
        Address(address(&squares)?),
        Address(address(&mean)?),
        Address(address(&variance)?),
        Number(number(walk.pixels)?),
        Number(number(walk.channels)?),
        Number(number(walk.grid.shares())?),
    ];
    let (single, grid) = (Variant::single(DType::F32), Grid::finish(walk.channels).for_each(samples));
    walk.engine.launch("finish_moments", single, grid, &arguments)?;
    if let Population::Group(size) = population {
        let groups = samples * walk.channels / size;
        let addresses = [Address(address(&mean)?), Address(address(&variance)?)];
        let arguments: Vec<_> = addresses.into_iter().chain([Number(number(size)?), Number(number(groups)?)]).collect();
        walk.engine.launch("group_moments", single, Grid::each(groups), &arguments)?;
    }
    Ok(Moments { mean, variance })
}

/// A norm of `x` `[n, h, w, c]` by the given moments, f32 `[c]` or `[n, c]` each; gamma and beta are f32 `[c]`.
pub(super) fn normalize(
    x: &Tensor,
    moments: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    let y = empty(x.shape(), x.dtype(), device(x)?)?;
    let walk = Walk::over(x, samples(moments), &[address(x)?, address(&y)?])?;
    let ([mean, variance], [gamma, beta]) = (walk.demand_moments(moments)?, walk.demand([gamma, beta])?);
    let after = match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::LeakyRelu => 2,
    };
    walk.launch("normalize", &[address(x)?, mean, variance, gamma, beta, address(&y)?], &[after])?;
    Ok(y)
}

/// The gradients of [`normalize`] for `x`, gamma and beta; `grad` is the gradient of its result.
pub(super) fn normalize_backward(
    Normalized { x, gamma, y, moments, population, activation }: &Normalized,
    grad: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    expect(grad, x.dtype(), x.dims())?;
    let dx = empty(x.shape(), x.dtype(), device(x)?)?;
    let y = match *activation {
        Activation::Identity => 0,
        Activation::Relu | Activation::LeakyRelu => {
            expect(y, x.dtype(), x.dims())?;
            address(y)?
        }
    };
    let maps = [address(x)?, y, address(grad)?];
    let [input, _, grad] = maps;
    let walk = Walk::over(x, samples(moments), &[input, y, grad, address(&dx)?])?;
    let (sums, products) = (walk.partial()?, walk.partial()?);
    let ([center, spread], [scale]) = (walk.demand_moments(moments)?, walk.demand([gamma])?);
    let leaky = usize::from(*activation == Activation::LeakyRelu);
    walk.launch("normalize_sums", &[input, y, grad, center, address(&sums)?, address(&products)?], &[leaky])?;
    let sums = walk.engine.finish_sums(&sums, None)?;
    let products = walk.engine.finish_sums(&products, Some(&moments.variance))?;
    let flows = [address(&products)?, address(&sums)?, address(&dx)?];
    let addresses: Vec<_> = maps.into_iter().chain([center, spread, scale]).chain(flows).collect();
    let size = match population {
        None => 0,
        Some(Population::Channel) => 1,
        Some(Population::Group(size)) => *size,
    };
    walk.launch("normalize_backward", &addresses, &[leaky, size])?;
    // over the samples
    let total = |sums: &Tensor| match walk.samples {
        1 => sums.reshape(walk.channels),
        _ => walk.engine.finish_sums(sums, None),
    };
    Ok((dx, total(&products)?, total(&sums)?))
}

/// The samples that have these moments.
fn samples(moments: &Moments) -> usize {
    match *moments.mean.dims() {
        [samples, _] => samples,
        _ => 1,
    }
}

/// A walk over the pixels of a map, for every column of channels.
struct Walk {
    engine: Arc<Engine>,
    variant: Variant,
    grid: Grid,
    samples: usize,
    /// Those of a sample.
    pixels: usize,
    columns: usize,
    channels: usize,
}

impl Walk {
    /// Over maps like `x` at these addresses, which are divided into so many samples.
    fn over(x: &Tensor, samples: usize, addresses: &[u64]) -> Result<Self> {
        let [n, h, w, channels] = map(x)?;
        number(x.elem_count())?;
        let variant = Variant::of(x.dtype(), &[channels], addresses);
        let (pixels, columns) = (n * h * w / samples.max(1), channels / variant.lanes);
        let grid = Grid::walk(pixels, columns).for_each(samples);
        Ok(Self { engine: Engine::of(device(x)?)?, variant, grid, samples, pixels, columns, channels })
    }

    /// Room for one number per sample, share and channel.
    fn partial(&self) -> Result<Tensor> {
        empty((self.samples, self.grid.shares(), self.channels), DType::F32, &self.engine.device)
    }

    /// The addresses of mean and variance.
    fn demand_moments(&self, Moments { mean, variance }: &Moments) -> Result<[u64; 2]> {
        let of_samples = [self.samples, self.channels];
        let shape = if mean.rank() == 1 { &of_samples[1..] } else { &of_samples };
        expect(mean, DType::F32, shape)?;
        expect(variance, DType::F32, shape)?;
        Ok([address(mean)?, address(variance)?])
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

    /// Starts a kernel whose parameters are addresses, pixels, columns and other numbers.
    fn launch(&self, name: &'static str, addresses: &[u64], others: &[usize]) -> Result<()> {
        let mut arguments: Vec<_> = addresses.iter().copied().map(Address).collect();
        for value in [self.pixels, self.columns].iter().chain(others) {
            arguments.push(Number(number(*value)?));
        }
        self.engine.launch(name, self.variant, self.grid, &arguments)
    }
}
