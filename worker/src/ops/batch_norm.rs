//! Batch norm, with ReLU if asked for: `y = gamma (x - mean) / sqrt(variance + eps) + beta`, per channel.

use super::passes::sum;
use super::simd::{Real, dispatch};
use super::storage::{self, Elements, by_float};
use super::{Activation, dtype, parallel};
use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor};

/// Added to the variance, as in PyTorch.
pub(super) const EPSILON: f64 = 1e-5;

/// Mean and biased variance of every channel: `[n, c, h, w]` -> `[2, c]`.
pub(super) struct Moments;

/// The op; its operands are input, gamma and beta.
pub(super) struct Normalize {
    /// Mean and biased variance, `[2, c]`.
    pub(super) moments: Tensor,
    /// Whether the moments are those of the input, so that gradients flow through them.
    pub(super) of_input: bool,
    /// What follows.
    pub(super) activation: Activation,
}

/// Images and channels of a batch and pixels of an image.
#[derive(Clone, Copy)]
struct Sizes {
    images: usize,
    channels: usize,
    pixels: usize,
}

impl Sizes {
    fn of(dims: &[usize]) -> Result<Self> {
        match *dims {
            [images, channels, height, width] => Ok(Self { images, channels, pixels: height * width }),
            _ => candle_core::bail!("expected [n, c, h, w], got {dims:?}"),
        }
    }

    /// Where the planes of a channel lie.
    fn planes(self, channel: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..self.images).map(move |image| {
            let start = (image * self.channels + channel) * self.pixels;
            start..start + self.pixels
        })
    }

    /// Elements of a channel.
    fn count(self) -> f64 {
        (self.images * self.pixels) as f64
    }
}

fn moments<T: Real>(x: &[T], sizes: Sizes) -> Vec<T> {
    let channels = parallel::collect(sizes.channels, |channel| {
        let total: f64 = sizes.planes(channel).map(|plane| sum(&x[plane]).to_f64()).sum();
        let mean = total / sizes.count();
        let center = T::from_f64(mean);
        let squares: f64 = sizes.planes(channel).map(|plane| sum_of_squares(&x[plane], center).to_f64()).sum();
        (center, T::from_f64(squares / sizes.count()))
    });
    channels.iter().map(|moments| moments.0).chain(channels.iter().map(|moments| moments.1)).collect()
}

/// The sum of `(x - center)^2`.
fn sum_of_squares<T: Real>(x: &[T], center: T) -> T {
    sum_of_pairs(x, x, |a, b| (a - center) * (b - center))
}

/// The sum of `term(a, b)`, in an order that depends on their number alone.
fn sum_of_pairs<T: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> T) -> T {
    dispatch(
        #[inline(always)]
        || {
            let mut sums = [T::default(); 32];
            let (a, b) = (a.chunks_exact(32), b.chunks_exact(32));
            let mut rest = T::default();
            for (&a, &b) in a.remainder().iter().zip(b.remainder()) {
                rest += term(a, b);
            }
            for (a, b) in a.zip(b) {
                for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += term(a, b);
                }
            }
            sums.iter().copied().sum::<T>() + rest
        },
    )
}

/// `(x - center) * scale + shift`, per channel.
fn affine<T: Real>(x: &[T], sizes: Sizes, [centers, scales, shifts]: [&[T]; 3], activation: Activation) -> Vec<T> {
    let mut y = vec![T::default(); x.len()];
    parallel::chunks(&mut y, sizes.pixels, |plane, y| {
        let channel = plane % sizes.channels;
        let (center, scale, shift) = (centers[channel], scales[channel], shifts[channel]);
        let x = &x[plane * sizes.pixels..][..y.len()];
        dispatch(
            #[inline(always)]
            || match activation {
                Activation::Identity => y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - center) * scale + shift),
                Activation::Relu => {
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = super::relu((x - center) * scale + shift))
                }
            },
        );
    });
    y
}

/// Operands of the backward pass.
struct Backward<'a, T> {
    x: &'a [T],
    gamma: &'a [T],
    moments: &'a [T],
    y: &'a [T],
    grad: &'a [T],
}

impl<T: Real> Backward<'_, T> {
    /// Gradients of input, gamma and beta.
    ///
    /// With `g` the gradient of `y` and `h` the normalised input: `beta' = sum g`, `gamma' = sum g h` and
    /// `x' = gamma / sigma (g - beta' / N - h gamma' / N)`, without the last two terms where the moments are constants.
    fn run(&self, sizes: Sizes, activation: Activation, of_input: bool) -> (Vec<T>, Vec<T>, Vec<T>) {
        let masked = self.masked(sizes, activation);
        let grad = masked.as_deref().unwrap_or(self.grad);
        let sums = parallel::collect(sizes.channels, |channel| {
            let mean = self.moments[channel];
            let (mut beta, mut gamma) = (0.0, 0.0);
            for plane in sizes.planes(channel) {
                beta += sum(&grad[plane.clone()]).to_f64();
                gamma += sum_of_pairs(&grad[plane.clone()], &self.x[plane], |g, x| g * (x - mean)).to_f64();
            }
            let sigma = (self.moments[sizes.channels + channel].to_f64() + EPSILON).sqrt();
            (beta, gamma / sigma, sigma)
        });
        let mut input = vec![T::default(); self.x.len()];
        parallel::chunks(&mut input, sizes.pixels, |plane, input| {
            let channel = plane % sizes.channels;
            let (beta, gamma, sigma) = sums[channel];
            let scale = self.gamma[channel].to_f64() / sigma;
            let flow = if of_input { scale / sizes.count() } else { 0.0 };
            let slope = -flow * gamma / sigma;
            let (scale, slope, constant) = (T::from_f64(scale), T::from_f64(slope), T::from_f64(-flow * beta));
            let mean = self.moments[channel];
            let range = plane * sizes.pixels..(plane + 1) * sizes.pixels;
            let operands = grad[range.clone()].iter().zip(&self.x[range]);
            dispatch(
                #[inline(always)]
                || {
                    for (input, (&grad, &x)) in input.iter_mut().zip(operands) {
                        *input = grad * scale + ((x - mean) * slope + constant);
                    }
                },
            );
        });
        let gamma = sums.iter().map(|sums| T::from_f64(sums.1)).collect();
        (input, gamma, sums.iter().map(|sums| T::from_f64(sums.0)).collect())
    }

    /// The gradient, zero where ReLU cut.
    fn masked(&self, sizes: Sizes, activation: Activation) -> Option<Vec<T>> {
        (activation == Activation::Relu).then(|| {
            let mut masked = vec![T::default(); self.grad.len()];
            parallel::chunks(&mut masked, sizes.pixels, |plane, masked| {
                let range = plane * sizes.pixels..(plane + 1) * sizes.pixels;
                let operands = self.grad[range.clone()].iter().zip(&self.y[range]);
                dispatch(
                    #[inline(always)]
                    || {
                        for (masked, (&grad, &y)) in masked.iter_mut().zip(operands) {
                            *masked = if y > T::default() { grad } else { T::default() };
                        }
                    },
                );
            });
            masked
        })
    }
}

impl CustomOp1 for Moments {
    fn name(&self) -> &'static str {
        "batch-norm-moments"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of(layout.dims())?;
        let moments = by_float!(dtype(x), T => storage::cpu(moments(storage::slice::<T>(x, layout)?, sizes)));
        Ok((moments, Shape::from((2, sizes.channels))))
    }
}

impl Normalize {
    fn forward<T: Real>(&self, x: &[T], gamma: &[T], beta: &[T], sizes: Sizes) -> Result<Vec<T>> {
        let moments = Elements::of(&self.moments);
        let (means, variances) = moments.slice::<T>()?.split_at(sizes.channels);
        let inverse = |variance: T| 1.0 / (variance.to_f64() + EPSILON).sqrt();
        let scales = gamma.iter().zip(variances).map(|(gamma, &variance)| gamma.to_f64() * inverse(variance));
        let scales: Vec<_> = scales.map(T::from_f64).collect();
        Ok(affine(x, sizes, [means, &scales, beta], self.activation))
    }

    fn gradients<T: Real>(&self, x: &Tensor, gamma: &Tensor, y: &Tensor, grad: &Tensor) -> Result<[Tensor; 3]> {
        let sizes = Sizes::of(x.dims())?;
        let operands = [x, gamma, &self.moments, y, grad].map(Elements::of);
        let [x_data, gamma_data, moments, y, grad] = &operands;
        let (x_data, gamma_data, moments) = (x_data.slice()?, gamma_data.slice()?, moments.slice()?);
        let backward = Backward { x: x_data, gamma: gamma_data, moments, y: y.slice()?, grad: grad.slice()? };
        let (input, scale, shift) = backward.run(sizes, self.activation, self.of_input);
        Ok([
            storage::tensor::<T>(input, x.dims())?,
            storage::tensor(scale, gamma.dims())?,
            storage::tensor(shift, gamma.dims())?,
        ])
    }
}

impl CustomOp3 for Normalize {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gamma: &CpuStorage,
        gamma_layout: &Layout,
        beta: &CpuStorage,
        beta_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of(x_layout.dims())?;
        super::expect_channels(gamma_layout, sizes.channels)?;
        super::expect_channels(beta_layout, sizes.channels)?;
        let y = by_float!(dtype(x), T => {
            let x = storage::slice::<T>(x, x_layout)?;
            let gamma = storage::slice(gamma, gamma_layout)?;
            storage::cpu(self.forward(x, gamma, storage::slice(beta, beta_layout)?, sizes)?)
        });
        Ok((y, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        _beta: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let [x, gamma, beta] = by_float!(x.dtype(), T => self.gradients::<T>(x, gamma, y, &grad)?);
        Ok((Some(x), Some(gamma), Some(beta)))
    }
}
