//! The gradients of a norm.

use super::division::{Division, spread_samples};
use crate::ops::backend::Population;
use crate::ops::cpu::run::instruction_set::vectorize;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::pixel_groups;
use crate::ops::cpu::run::simd::Real;
use crate::ops::{Activation, EPSILON, LEAK};

/// The operands of the gradients.
pub(super) struct Backward<'a, T> {
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
    pub(super) means: &'a [T],
    pub(super) variances: &'a [T],
    pub(super) gamma: &'a [T],
    pub(super) activation: Activation,
    /// What of `x` the moments are of, so that gradients flow through them.
    pub(super) population: Option<Population>,
}

/// What turns the gradient of `y` into that of `x`, per channel of a sample: `g scale + (x - mean) slope + constant`.
struct Terms<T> {
    scales: Vec<T>,
    slopes: Vec<T>,
    constants: Vec<T>,
}

impl<T: Real> Backward<'_, T> {
    fn division(&self) -> Division {
        Division::of(self.x.len(), self.means.len(), self.gamma.len())
    }

    /// Turns the gradient of `y` into that of `x`, in place; returns those of gamma and beta.
    pub(super) fn run(&self, grad: &mut [T]) -> (Vec<T>, Vec<T>) {
        let (channels, division) = (self.gamma.len(), self.division());
        let sums = self.sums(grad);
        let (mut gammas, mut betas) = (vec![0.0; channels], vec![0.0; channels]);
        let mut terms = Vec::with_capacity(division.samples);
        for ((sums, products), variances) in sums.iter().zip(self.variances.chunks_exact(channels)) {
            let sigmas: Vec<_> = variances.iter().map(|variance| (variance.to_f64() + EPSILON).sqrt()).collect();
            let products: Vec<_> = products.iter().zip(&sigmas).map(|(sum, sigma)| sum / sigma).collect();
            gammas.iter_mut().zip(&products).for_each(|(gamma, product)| *gamma += product);
            betas.iter_mut().zip(sums).for_each(|(beta, sum)| *beta += sum);
            let Terms { scales, slopes, constants } = self.terms(sums, &products, &sigmas);
            terms.push([&scales, &slopes, &constants].map(|numbers| pixel_groups::spread(numbers)));
        }
        let (means, group) = (spread_samples(self.means, channels), pixel_groups::size(channels));
        let grad = Scattered::new(grad);
        parallel::collect(division.tasks(), |task| {
            let (sample, range) = division.place(task);
            let (x, means, [scales, slopes, constants]) = (&self.x[range.clone()], &means[sample], &terms[sample]);
            // SAFETY: chunks do not overlap.
            let grad = unsafe { grad.slice(range.start, range.len()) };
            vectorize(
                #[inline(always)]
                || {
                    for (grad, x) in grad.chunks_mut(group).zip(x.chunks(group)) {
                        let factors = scales.iter().zip(slopes).zip(constants);
                        let operands = x.iter().zip(means).zip(factors);
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

    /// With `g` the gradient of `y`, `h` the normalised input and means over the population of `N` numbers:
    /// `x' = (gamma g - mean(gamma g) - h mean(gamma g h)) / sigma`, without the means where the moments are constants. Given are,
    /// per channel of a sample, the sums of `g` and of `g h`.
    fn terms(&self, sums: &[f64], products: &[f64], sigmas: &[f64]) -> Terms<T> {
        let channels = self.gamma.len();
        let (size, has_flow) = match self.population {
            Some(Population::Group(size)) => (size, true),
            population => (1, population.is_some()),
        };
        let count = (self.division().length / channels * size) as f64;
        let scales: Vec<_> = self.gamma.iter().zip(sigmas).map(|(gamma, sigma)| gamma.to_f64() / sigma).collect();
        let flows: Vec<_> = scales.iter().map(|scale| if has_flow { scale / count } else { 0.0 }).collect();
        // of every group, for each of its channels
        let totals = |sums: &[f64]| -> Vec<f64> {
            let terms: Vec<_> = flows.iter().zip(sums).map(|(flow, sum)| -flow * sum).collect();
            terms.chunks(size).flat_map(|group| std::iter::repeat_n(group.iter().sum(), size)).collect()
        };
        let slopes = totals(products).into_iter().zip(sigmas).map(|(total, sigma)| T::from_f64(total / sigma));
        Terms {
            slopes: slopes.collect(),
            constants: totals(sums).into_iter().map(T::from_f64).collect(),
            scales: scales.into_iter().map(T::from_f64).collect(),
        }
    }

    /// Takes the gradient back through the activation; returns, per sample and channel, its sum and that of its products with
    /// `x - mean`.
    fn sums(&self, grad: &mut [T]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let (channels, division) = (self.gamma.len(), self.division());
        let (means, leak) = (spread_samples(self.means, channels), T::from_f64(LEAK));
        let grad = Scattered::new(grad);
        let parts = parallel::collect(division.tasks(), |task| {
            let (sample, range) = division.place(task);
            let means = &means[sample];
            // SAFETY: chunks do not overlap.
            let grad = unsafe { grad.slice(range.start, range.len()) };
            let mut sums = (pixel_groups::sums::<T>(channels), pixel_groups::sums::<T>(channels));
            let group = means.len();
            vectorize(
                #[inline(always)]
                || {
                    let operands = self.x[range.clone()].chunks(group).zip(self.y[range.clone()].chunks(group));
                    for (grad, (x, y)) in grad.chunks_mut(group).zip(operands) {
                        match self.activation {
                            Activation::Identity => {}
                            Activation::Relu => {
                                for (grad, &y) in grad.iter_mut().zip(y) {
                                    *grad = if y > T::default() { *grad } else { T::default() };
                                }
                            }
                            Activation::LeakyRelu => {
                                for (grad, &y) in grad.iter_mut().zip(y) {
                                    *grad = if y > T::default() { *grad } else { *grad * leak };
                                }
                            }
                        }
                        let operands = grad.iter().zip(x.iter().zip(means));
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
        let join = |parts: &[(Vec<f64>, Vec<f64>)]| {
            let (sums, products): (Vec<_>, Vec<_>) = parts.iter().cloned().unzip();
            (pixel_groups::join(&sums, channels), pixel_groups::join(&products, channels))
        };
        parts.chunks(division.chunks().max(1)).map(join).collect()
    }
}
