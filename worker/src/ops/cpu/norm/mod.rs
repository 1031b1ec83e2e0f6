//! Batch and group norm over channels that come last: `y = gamma (x - mean) / sqrt(variance + eps) + beta`, with ReLU, leaky or not, if asked for.
//!
//! A map is divided into samples, which have moments of their own: the batch for batch norm, the images for group norm. Sums are
//! taken over chunks of a sample's pixels, and those of the chunks are joined in order, in f64. `division` has the samples and their
//! chunks, `backward` the gradients.

mod backward;
mod division;

use super::run::instruction_set::vectorize;
use super::run::parallel::{self, Scattered};
use super::run::pixel_groups;
use super::run::simd::Real;
use super::run::storage::{by_float, lend, read, tensor};
use crate::ops::backend::{Normalized, Population};
use crate::ops::{Activation, EPSILON, LEAK, Moments};
use backward::Backward;
use candle_core::{Result, Tensor};
use division::{Division, chunk_size, spread_samples};
use std::mem::MaybeUninit;

pub(super) fn moments(x: &Tensor, population: Population) -> Result<Moments> {
    let (batch, _, _, channels) = x.dims4()?;
    let (samples, shape) = match population {
        Population::Channel => (1, vec![channels]),
        Population::Group(_) => (batch, vec![batch, channels]),
    };
    by_float!(x.dtype(), T => read([x], |[x]: [&[T]; 1]| {
        let length = x.len() / samples.max(1);
        let found = parallel::collect(samples, |sample| {
            let (means, variances) = means_and_variances(&x[sample * length..][..length], channels);
            match population {
                Population::Channel => (means, variances),
                Population::Group(size) => of_groups(&means, &variances, size),
            }
        });
        let (means, variances): (Vec<Vec<T>>, Vec<Vec<T>>) = found.into_iter().unzip();
        Ok(Moments { mean: tensor(means.concat(), &shape)?, variance: tensor(variances.concat(), &shape)? })
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
    Normalized { x, gamma, y, moments, population, activation }: &Normalized,
    grad: Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Moments { mean, variance } = moments;
    let (scale, shift) = by_float!(x.dtype(), T => {
        read([x, y, mean, variance, gamma], |[x, y, means, variances, gamma]: [&[T]; 5]| {
            let backward = Backward { x, y, means, variances, gamma, activation: *activation, population: *population };
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

/// Means and variances of groups of so many channels, for every channel, from those of the channels.
fn of_groups<T: Real>(means: &[T], variances: &[T], size: usize) -> (Vec<T>, Vec<T>) {
    let of_group = |(means, variances): (&[T], &[T])| {
        let average = |sum: f64| sum / size as f64;
        let mean = average(means.iter().map(|mean| mean.to_f64()).sum());
        let about_mean = |(of, variance): (&T, &T)| variance.to_f64() + (of.to_f64() - mean).powi(2);
        let variance = average(means.iter().zip(variances).map(about_mean).sum());
        (T::from_f64(mean), T::from_f64(variance))
    };
    let groups = means.chunks(size).zip(variances.chunks(size)).map(of_group);
    groups.flat_map(|moments| std::iter::repeat_n(moments, size)).unzip()
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
    let scales = variances.chunks_exact(channels).flat_map(|variances| scales(gamma, variances));
    let scales: Vec<_> = scales.map(T::from_f64).collect();
    let [means, scales] = [means, &scales].map(|numbers| spread_samples(numbers, channels));
    let (beta, group) = (pixel_groups::spread(beta), pixel_groups::size(channels));
    let (division, leak) = (Division::of(x.len(), variances.len(), channels), T::from_f64(LEAK));
    let normalize = |result: &Scattered<'_, MaybeUninit<T>>, task: usize| {
        let (sample, range) = division.place(task);
        let (x, means, scales) = (&x[range.clone()], &means[sample], &scales[sample]);
        // SAFETY: chunks do not overlap.
        let y = unsafe { result.slice(range.start, range.len()) };
        vectorize(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_mut(group).zip(x.chunks(group)) {
                    let operands = x.iter().zip(means).zip(scales.iter().zip(&beta));
                    for (y, ((&x, &mean), (&scale, &shift))) in y.iter_mut().zip(operands) {
                        y.write((x - mean) * scale + shift);
                    }
                    // SAFETY: the loop wrote all of `y`, which is as long as its part of `x`.
                    let y = unsafe { y.assume_init_mut() };
                    match activation {
                        Activation::Identity => {}
                        Activation::Relu => {
                            y.iter_mut().for_each(|y| *y = if *y < T::default() { T::default() } else { *y });
                        }
                        Activation::LeakyRelu => {
                            y.iter_mut().for_each(|y| *y = if *y < T::default() { *y * leak } else { *y });
                        }
                    }
                }
            },
        );
    };
    // SAFETY: the chunks of all samples cover the map, and all of each is written.
    unsafe {
        parallel::written(x.len(), |result| {
            parallel::collect(division.tasks(), |task| normalize(result, task));
        })
    }
}
