//! Convolution with bias and, if asked for, ReLU, in one op: 3x3 with a border of 1, 1x1, and 2x2 with stride 2.
//!
//! ```text
//!  forward           y  = W V(x)          x strips, y written from the product with bias and ReLU
//!  gradient of x     x' = W^T V(y')       y' strips, zero where ReLU cut; the taps point the other way
//!  gradient of W     W' = y' V(x)^T
//! ```

use super::Activation;
use super::passes::{self, Packed};
use super::product::Weights;
use super::simd::{Real, dispatch};
use super::storage::{self, Elements, by_float};
use super::strip::{Grid, Strip};
use super::{Taps, parallel};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

/// The op; its operands are input, weight and bias.
pub(super) struct Conv2d {
    /// What follows the sum.
    pub(super) activation: Activation,
}

/// Sizes of one convolution.
struct Geometry {
    taps: Taps,
    grid: Grid,
    inputs: usize,
    outputs: usize,
}

impl Geometry {
    fn of(x: &[usize], weight: &[usize]) -> Result<Self> {
        let (&[batch, inputs, height, width], &[outputs, expected, ..]) = (x, weight) else {
            candle_core::bail!("expected [n, c, h, w] and a kernel of rank 4, got {x:?} and {weight:?}");
        };
        let taps = Taps::of(weight)?;
        if inputs != expected {
            candle_core::bail!("a kernel of shape {weight:?} does not fit {inputs} channels");
        }
        let (height, width) = taps.output(height, width)?;
        let border = usize::from(taps == Taps::Neighbours);
        Ok(Self { taps, grid: Grid { batch, height, width, border }, inputs, outputs })
    }

    /// Weights per output channel.
    fn columns(&self) -> usize {
        self.inputs * self.taps.count()
    }

    /// Where the rows of `V` begin: for every channel its taps. Channels that hold one tap each need no shifts.
    fn shifts(&self, channels: usize, stride: usize, backward: bool) -> Vec<usize> {
        if self.taps != Taps::Neighbours {
            return (0..channels).map(|channel| channel * stride).collect();
        }
        let tap = |tap: usize| if backward { 8 - tap } else { tap };
        let shift = |index: usize| tap(index % 9) / 3 * self.grid.pitch() + tap(index % 9) % 3;
        (0..9 * channels).map(|index| index / 9 * stride + shift(index)).collect()
    }

    fn shifts_of_input(&self, stride: usize) -> Vec<usize> {
        let channels = if self.taps == Taps::Neighbours { self.inputs } else { self.columns() };
        self.shifts(channels, stride, false)
    }

    fn pack_input<T: Real>(&self, x: &[T], strip: &Strip) -> Vec<T> {
        dispatch(
            #[inline(always)]
            || match self.taps {
                Taps::Block => self.grid.pack_blocks(strip, self.inputs, |index| x[index]),
                _ => self.grid.pack_planes(strip, self.inputs, |to, range| to.copy_from_slice(&x[range])),
            },
        )
    }

    fn pack_gradient<T: Real>(&self, grad: &[T], y: &[T], activation: Activation, strip: &Strip) -> Vec<T> {
        dispatch(
            #[inline(always)]
            || match activation {
                Activation::Identity => {
                    self.grid.pack_planes(strip, self.outputs, |to, range| to.copy_from_slice(&grad[range]))
                }
                Activation::Relu => self.grid.pack_planes(strip, self.outputs, |to: &mut [T], range| {
                    for ((to, &grad), &y) in to.iter_mut().zip(&grad[range.clone()]).zip(&y[range]) {
                        *to = if y > T::default() { grad } else { T::default() };
                    }
                }),
            },
        )
    }

    /// `[n, outputs, h, w]`
    fn forward<T: Real>(&self, x: &[T], weight: &[T], bias: &[T], activation: Activation) -> Vec<T> {
        let grid = &self.grid;
        let columns = self.columns();
        let weights = Weights::new(self.outputs, columns, |row, column| weight[row * columns + column]);
        let image = self.outputs * grid.height * grid.width;
        let mut y = vec![T::default(); grid.batch * image];
        parallel::chunks(&mut y, grid.group() * image, |group, y| {
            for strip in grid.strips(group) {
                let packed = self.pack_input(x, &strip);
                let shifts = self.shifts_of_input(grid.stride(&strip));
                let product = passes::multiply(grid, &strip, &packed, &weights, &shifts);
                dispatch(
                    #[inline(always)]
                    || match activation {
                        Activation::Identity => {
                            grid.unpack_planes(&strip, &product, y, |channel, value| value + bias[channel])
                        }
                        Activation::Relu => {
                            grid.unpack_planes(&strip, &product, y, |channel, value| super::relu(value + bias[channel]))
                        }
                    },
                );
            }
        });
        y
    }

    fn input_gradient<T: Real>(&self, weight: &[T], grads: &Packed<T>) -> Vec<T> {
        let (grid, columns, taps) = (&self.grid, self.columns(), self.taps.count());
        let weights = match self.taps {
            Taps::Neighbours => Weights::new(self.inputs, self.outputs * taps, |row, column| {
                weight[column / taps * columns + row * taps + column % taps]
            }),
            _ => Weights::new(columns, self.outputs, |row, column| weight[column * columns + row]),
        };
        let image = columns * grid.height * grid.width / if self.taps == Taps::Neighbours { taps } else { 1 };
        let mut x = vec![T::default(); grid.batch * image];
        let strips = grads.len() / grid.groups();
        parallel::chunks(&mut x, grid.group() * image, |group, x| {
            for (strip, grads) in &grads[group * strips..(group + 1) * strips] {
                let shifts = self.shifts(self.outputs, grid.stride(strip), true);
                let product = passes::multiply(grid, strip, grads, &weights, &shifts);
                dispatch(
                    #[inline(always)]
                    || match self.taps {
                        Taps::Block => grid.unpack_blocks(strip, &product, x, |_, value| value),
                        _ => grid.unpack_planes(strip, &product, x, |_, value| value),
                    },
                );
            }
        });
        x
    }

    /// Gradients of input (if `wanted`), weight and bias.
    fn backward<T: Real>(
        &self,
        (x, weight, y, grad): (&[T], &[T], &[T], &[T]),
        activation: Activation,
        wanted: bool,
    ) -> (Option<Vec<T>>, Vec<T>, Vec<T>) {
        let grid = &self.grid;
        let mut grads = passes::pack(grid, |strip| self.pack_gradient(grad, y, activation, strip));
        let input = wanted.then(|| self.input_gradient(weight, &grads));
        for (strip, packed) in &mut grads {
            grid.clear_below(strip, packed);
        }
        let bias = passes::channel_sums(grid, &grads, self.outputs, 1);
        let inputs = passes::pack(grid, |strip| self.pack_input(x, strip));
        let columns = self.columns();
        let weight =
            passes::correlate(grid, (&grads, self.outputs), (&inputs, columns), |stride| self.shifts_of_input(stride));
        (input, weight, bias)
    }
}

impl Conv2d {
    fn gradients<T: Real>(
        &self,
        x: &Tensor,
        weight: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let geometry = Geometry::of(x.dims(), weight.dims())?;
        let [x_data, weight_data, y_data, grad_data] = [x, weight, y, grad].map(Elements::of);
        let operands = (x_data.slice()?, weight_data.slice()?, y_data.slice()?, grad_data.slice()?);
        let (input, kernel, bias) = geometry.backward::<T>(operands, self.activation, x.track_op());
        Ok([
            input.map(|input| storage::tensor(input, x.dims())).transpose()?,
            Some(storage::tensor(kernel, weight.dims())?),
            Some(storage::tensor(bias, &[geometry.outputs])?),
        ])
    }
}

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let geometry = Geometry::of(x_layout.dims(), weight_layout.dims())?;
        super::expect_channels(bias_layout, geometry.outputs)?;
        let Grid { batch, height, width, .. } = geometry.grid;
        let y = by_float!(super::dtype(x), T => {
            let x = storage::slice::<T>(x, x_layout)?;
            let weight = storage::slice(weight, weight_layout)?;
            let bias = storage::slice(bias, bias_layout)?;
            storage::cpu(geometry.forward(x, weight, bias, self.activation))
        });
        Ok((y, Shape::from((batch, geometry.outputs, height, width))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let [x, weight, bias] = by_float!(x.dtype(), T => self.gradients::<T>(x, weight, y, &grad)?);
        Ok((x, weight, bias))
    }
}
