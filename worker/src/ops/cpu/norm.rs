//! Batch norm over channels that come last: `y = gamma (x - mean) / sqrt(variance + eps) + beta`, with ReLU if asked for.
//!
//! Sums are taken over chunks of pixels, and those of the chunks are joined in order, in f64.

use super::run::instruction_set::vectorize;
use super::run::parallel::{self, Scattered};
use super::run::pixel_groups;
use super::run::simd::Real;
use super::run::storage::{by_float, lend, read, tensor};
use crate::ops::backend::Normalized;
use crate::ops::{Activation, EPSILON, Moments};
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;

/// Elements of a chunk: it stays in the L1 cache between two passes.
const CHUNK: usize = 1 << 13;

/// Elements of the chunks of maps with that many channels: whole pixels.
fn chunk_size(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

pub(super) fn moments(x: &Tensor) -> Result<Moments> {
    let channels = x.dim(3)?;
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| {
        let (mean, variance) = means_and_variances(x, channels);
        Ok(Moments { mean: tensor(mean, &[channels])?, variance: tensor(variance, &[channels])? })
    }))
}

pub(super) fn normalize(
    x: &Tensor,
    Moments { mean, variance }: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    by_float!(x.dtype(), T => read([x, mean, variance, gamma, beta], |[values, mean, variance, gamma, beta]: [&[T]; 5]| {
        tensor(normalized(values, (mean, variance), gamma, beta, activation), x.dims())
    }))
}

/// Weight and bias of the convolution that equals this one with batch norm by `moments` after it.
pub(super) fn fold(
    weight: &Tensor,
    bias: &Tensor,
    Moments { mean, variance }: &Moments,
    gamma: &Tensor,
    beta: &Tensor,
) -> Result<(Tensor, Tensor)> {
    by_float!(weight.dtype(), T => read([weight, bias], |[weights, biases]: [&[T]; 2]| {
        let (weights, biases) = read([mean, variance, gamma, beta], |[mean, variance, gamma, beta]| {
            Ok(folded(weights, biases, (mean, variance), gamma, beta))
        })?;
        Ok((tensor(weights, weight.dims())?, tensor(biases, bias.dims())?))
    }))
}

/// The gradients of `x`, gamma and beta; `grad` becomes the first, in place.
pub(super) fn normalize_backward(
    Normalized { x, gamma, y, moments, of_input, activation }: &Normalized,
    grad: Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Moments { mean, variance } = moments;
    let (scale, shift) = by_float!(x.dtype(), T => {
        read([x, y, mean, variance, gamma], |[x, y, means, variances, gamma]: [&[T]; 5]| {
            let backward = Backward { x, y, means, variances, gamma, activation: *activation, of_input: *of_input };
            let channels = [gamma.len()];
            let (scale, shift) = lend(&grad, |grad| backward.run(grad))?;
            Ok((tensor(scale, &channels)?, tensor(shift, &channels)?))
        })
    })?;
    Ok((grad, scale, shift))
}

/// Mean and biased variance of every channel (Chan, Golub and LeVeque 1979 for joining chunks).
fn means_and_variances<T: Real>(x: &[T], channels: usize) -> (Vec<T>, Vec<T>) {
    let size = chunk_size(channels);
    let parts = parallel::collect(x.len().div_ceil(size), |chunk| {
        let x = &x[chunk * size..x.len().min((chunk + 1) * size)];
        let (mut sums, mut squares) = (pixel_groups::sums::<T>(channels), pixel_groups::sums::<T>(channels));
        let group = sums.len();
        vectorize(
            #[inline(always)]
            || {
                for x in x.chunks(group) {
                    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += x);
                }
            },
        );
        let mut per_channel = pixel_groups::fold(&sums, channels);
        per_channel.iter_mut().for_each(|sum| *sum *= channels as f64 / x.len() as f64);
        let means = pixel_groups::spread(&per_channel.iter().copied().map(T::from_f64).collect::<Vec<_>>());
        vectorize(
            #[inline(always)]
            || {
                for x in x.chunks(group) {
                    for ((square, &mean), &x) in squares.iter_mut().zip(&means).zip(x) {
                        *square += (x - mean) * (x - mean);
                    }
                }
            },
        );
        (x.len() / channels, per_channel, pixel_groups::fold(&squares, channels))
    });
    let mut joined = (Vec::with_capacity(channels), Vec::with_capacity(channels));
    for channel in 0..channels {
        let (mut count, mut mean, mut square) = (0.0, 0.0, 0.0);
        for (pixels, means, squares) in &parts {
            let pixels = *pixels as f64;
            let distance = means[channel] - mean;
            let total = count + pixels;
            mean += distance * pixels / total;
            square += squares[channel] + distance * distance * count * pixels / total;
            count = total;
        }
        joined.0.push(T::from_f64(mean));
        joined.1.push(T::from_f64(square / count));
    }
    joined
}

/// `gamma / sqrt(variance + eps)`
fn scales<T: Real>(gamma: &[T], variances: &[T]) -> impl Iterator<Item = f64> {
    gamma.iter().zip(variances).map(|(gamma, variance)| gamma.to_f64() / (variance.to_f64() + EPSILON).sqrt())
}

/// Weight and bias of the convolution that equals the one with `weight` and `bias` with batch norm after it. A weight has one block
/// per channel of the output.
fn folded<T: Real>(
    weight: &[T],
    bias: &[T],
    (means, variances): (&[T], &[T]),
    gamma: &[T],
    beta: &[T],
) -> (Vec<T>, Vec<T>) {
    let scales: Vec<_> = scales(gamma, variances).collect();
    let size = weight.len() / scales.len();
    let scaled = |channel: usize, block: &mut [MaybeUninit<T>]| {
        let (weight, scale) = (&weight[channel * size..][..size], T::from_f64(scales[channel]));
        for (target, &weight) in block.iter_mut().zip(weight) {
            target.write(weight * scale);
        }
    };
    // SAFETY: a block is as long as its part of `weight`, and all of it is written.
    let weight = unsafe { parallel::written_chunks(weight.len(), size, scaled) };
    let shifted = |(((bias, mean), scale), beta): (((&T, &T), &f64), &T)| {
        T::from_f64((bias.to_f64() - mean.to_f64()) * scale + beta.to_f64())
    };
    (weight, bias.iter().zip(means).zip(&scales).zip(beta).map(shifted).collect())
}

/// `gamma (x - mean) / sqrt(variance + eps) + beta`
fn normalized<T: Real>(
    x: &[T],
    (means, variances): (&[T], &[T]),
    gamma: &[T],
    beta: &[T],
    activation: Activation,
) -> Vec<T> {
    let channels = gamma.len();
    let scales: Vec<_> = scales(gamma, variances).map(T::from_f64).collect();
    let [means, scales, beta] = [means, &scales, beta].map(pixel_groups::spread);
    let (size, group) = (chunk_size(channels), pixel_groups::size(channels));
    let normalize = |chunk: usize, y: &mut [MaybeUninit<T>]| {
        let x = &x[chunk * size..][..y.len()];
        vectorize(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_mut(group).zip(x.chunks(group)) {
                    let operands = x.iter().zip(&means).zip(scales.iter().zip(&beta));
                    for (y, ((&x, &mean), (&scale, &shift))) in y.iter_mut().zip(operands) {
                        y.write((x - mean) * scale + shift);
                    }
                    // SAFETY: the loop wrote all of `y`, which is as long as its part of `x`.
                    let y = unsafe { y.assume_init_mut() };
                    if activation == Activation::Relu {
                        y.iter_mut().for_each(|y| *y = if *y < T::default() { T::default() } else { *y });
                    }
                }
            },
        );
    };
    // SAFETY: a chunk of `y` is as long as its part of `x`, and all of it is written.
    unsafe { parallel::written_chunks(x.len(), size, normalize) }
}

/// The operands of the gradients.
struct Backward<'a, T> {
    x: &'a [T],
    y: &'a [T],
    means: &'a [T],
    variances: &'a [T],
    gamma: &'a [T],
    activation: Activation,
    /// Whether the moments are those of `x`, so that gradients flow through them.
    of_input: bool,
}

impl<T: Real> Backward<'_, T> {
    /// Turns the gradient of `y` into that of `x`, in place; returns those of gamma and beta.
    ///
    /// With `g` the gradient of `y` and `h` the normalised input: `beta' = sum g`, `gamma' = sum g h` and
    /// `x' = gamma / sigma (g - beta' / N - h gamma' / N)`, without the last two terms where the moments are constants.
    fn run(&self, grad: &mut [T]) -> (Vec<T>, Vec<T>) {
        let (betas, products) = self.sums(grad);
        let channels = self.gamma.len();
        let count = (self.x.len() / channels) as f64;
        let sigmas: Vec<_> = self.variances.iter().map(|variance| (variance.to_f64() + EPSILON).sqrt()).collect();
        let gammas: Vec<_> = products.iter().zip(&sigmas).map(|(sum, sigma)| sum / sigma).collect();
        let terms = |channel: usize| {
            let scale = self.gamma[channel].to_f64() / sigmas[channel];
            let flow = if self.of_input { scale / count } else { 0.0 };
            let slope = -flow * gammas[channel] / sigmas[channel];
            (T::from_f64(scale), T::from_f64(slope), T::from_f64(-flow * betas[channel]))
        };
        let terms: Vec<_> = (0..channels).map(terms).collect();
        let scales: Vec<_> = terms.iter().map(|terms| terms.0).collect();
        let slopes: Vec<_> = terms.iter().map(|terms| terms.1).collect();
        let constants: Vec<_> = terms.iter().map(|terms| terms.2).collect();
        let [means, scales, slopes, constants] = [self.means, &scales, &slopes, &constants].map(pixel_groups::spread);
        let (size, group) = (chunk_size(channels), pixel_groups::size(channels));
        parallel::chunks(grad, size, |chunk, grad| {
            let x = &self.x[chunk * size..][..grad.len()];
            vectorize(
                #[inline(always)]
                || {
                    for (grad, x) in grad.chunks_mut(group).zip(x.chunks(group)) {
                        let factors = scales.iter().zip(&slopes).zip(&constants);
                        let operands = x.iter().zip(&means).zip(factors);
                        for (grad, ((&x, &mean), ((&scale, &slope), &constant))) in grad.iter_mut().zip(operands) {
                            *grad = *grad * scale + ((x - mean) * slope + constant);
                        }
                    }
                },
            );
        });
        let numbers = |sums: Vec<f64>| sums.into_iter().map(T::from_f64).collect();
        (numbers(gammas), numbers(betas))
    }

    /// Sets the gradient to zero where the activation cut; returns, per channel, its sum and that of its products with `x - mean`.
    fn sums(&self, grad: &mut [T]) -> (Vec<f64>, Vec<f64>) {
        let channels = self.gamma.len();
        let (size, total) = (chunk_size(channels), grad.len());
        let means = pixel_groups::spread(self.means);
        let grad = Scattered::new(grad);
        let parts = parallel::collect(total.div_ceil(size), |chunk| {
            let range = chunk * size..total.min((chunk + 1) * size);
            // SAFETY: chunks do not overlap.
            let grad = unsafe { grad.slice(range.start, range.len()) };
            let mut sums = (pixel_groups::sums::<T>(channels), pixel_groups::sums::<T>(channels));
            let group = means.len();
            vectorize(
                #[inline(always)]
                || {
                    let operands = self.x[range.clone()].chunks(group).zip(self.y[range.clone()].chunks(group));
                    for (grad, (x, y)) in grad.chunks_mut(group).zip(operands) {
                        if self.activation == Activation::Relu {
                            for (grad, &y) in grad.iter_mut().zip(y) {
                                *grad = if y > T::default() { *grad } else { T::default() };
                            }
                        }
                        let operands = grad.iter().zip(x.iter().zip(&means));
                        let sums = sums.0.iter_mut().zip(&mut sums.1);
                        for ((sum, product), (&grad, (&x, &mean))) in sums.zip(operands) {
                            *sum += grad;
                            *product += grad * (x - mean);
                        }
                    }
                },
            );
            (pixel_groups::fold(&sums.0, channels), pixel_groups::fold(&sums.1, channels))
        });
        let (sums, products): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (pixel_groups::join(&sums, channels), pixel_groups::join(&products, channels))
    }
}
