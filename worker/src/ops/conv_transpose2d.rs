//! Transposed 2x2 convolution with stride 2, bias and, if asked for, ReLU: every pixel becomes a block of four.
//!
//! It is the adjoint of the 2x2 convolution with stride 2 (weight `[inputs, outputs, 2, 2]`), so forward and the gradient of
//! the input change places.

use super::passes;
use super::product::Weights;
use super::simd::{Real, dispatch};
use super::storage::{self, Elements, by_float};
use super::strip::{Grid, Strip};
use super::{Activation, parallel};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

/// The op; its operands are input, weight and bias.
pub(super) struct ConvTranspose2d {
    /// What follows the sum.
    pub(super) activation: Activation,
}

/// Sizes of one transposed convolution.
struct Geometry {
    grid: Grid,
    inputs: usize,
    outputs: usize,
}

impl Geometry {
    fn of(x: &[usize], weight: &[usize]) -> Result<Self> {
        match (x, weight) {
            (&[batch, inputs, height, width], &[expected, outputs, 2, 2]) if inputs == expected => {
                Ok(Self { grid: Grid { batch, height, width, border: 0 }, inputs, outputs })
            }
            _ => candle_core::bail!("expected [n, c, h, w] and [c, outputs, 2, 2], got {x:?} and {weight:?}"),
        }
    }

    /// Channels of the strips of the output.
    fn columns(&self) -> usize {
        4 * self.outputs
    }

    fn pack_input<T: Real>(&self, x: &[T], strip: &Strip) -> Vec<T> {
        self.grid.pack_planes(strip, self.inputs, |to, range| to.copy_from_slice(&x[range]))
    }

    fn pack_gradient<T: Real>(&self, grad: &[T], y: &[T], activation: Activation, strip: &Strip) -> Vec<T> {
        dispatch(
            #[inline(always)]
            || match activation {
                Activation::Identity => self.grid.pack_blocks(strip, self.outputs, |index| grad[index]),
                Activation::Relu => {
                    let masked = |index: usize| if y[index] > T::default() { grad[index] } else { T::default() };
                    self.grid.pack_blocks(strip, self.outputs, masked)
                }
            },
        )
    }

    /// `[n, outputs, 2 h, 2 w]`
    fn forward<T: Real>(&self, x: &[T], weight: &[T], bias: &[T], activation: Activation) -> Vec<T> {
        let (grid, columns) = (&self.grid, self.columns());
        let weights = Weights::new(columns, self.inputs, |row, column| weight[column * columns + row]);
        let image = columns * grid.height * grid.width;
        let mut y = vec![T::default(); grid.batch * image];
        parallel::chunks(&mut y, grid.group() * image, |group, y| {
            for strip in grid.strips(group) {
                let packed = self.pack_input(x, &strip);
                let product =
                    passes::multiply(grid, &strip, &packed, &weights, &shifts(self.inputs, grid.stride(&strip)));
                dispatch(
                    #[inline(always)]
                    || match activation {
                        Activation::Identity => {
                            grid.unpack_blocks(&strip, &product, y, |plane, value| value + bias[plane])
                        }
                        Activation::Relu => {
                            grid.unpack_blocks(&strip, &product, y, |plane, value| super::relu(value + bias[plane]))
                        }
                    },
                );
            }
        });
        y
    }

    /// Gradients of input, weight and bias.
    fn backward<T: Real>(
        &self,
        (x, weight, y, grad): (&[T], &[T], &[T], &[T]),
        activation: Activation,
    ) -> (Vec<T>, Vec<T>, Vec<T>) {
        let (grid, columns) = (&self.grid, self.columns());
        let grads = passes::pack(grid, |strip| self.pack_gradient(grad, y, activation, strip));
        let weights = Weights::new(self.inputs, columns, |row, column| weight[row * columns + column]);
        let image = self.inputs * grid.height * grid.width;
        let mut input = vec![T::default(); grid.batch * image];
        let strips = grads.len() / grid.groups();
        parallel::chunks(&mut input, grid.group() * image, |group, input| {
            for (strip, grads) in &grads[group * strips..(group + 1) * strips] {
                let product = passes::multiply(grid, strip, grads, &weights, &shifts(columns, grid.stride(strip)));
                grid.unpack_planes(strip, &product, input, |_, value| value);
            }
        });
        let inputs = passes::pack(grid, |strip| self.pack_input(x, strip));
        let kernel =
            passes::correlate(grid, (&inputs, self.inputs), (&grads, columns), |stride| shifts(columns, stride));
        let bias = passes::channel_sums(grid, &grads, self.outputs, 4);
        (input, kernel, bias)
    }
}

/// One row of the right matrix a channel.
fn shifts(channels: usize, stride: usize) -> Vec<usize> {
    (0..channels).map(|channel| channel * stride).collect()
}

impl ConvTranspose2d {
    fn gradients<T: Real>(&self, x: &Tensor, weight: &Tensor, y: &Tensor, grad: &Tensor) -> Result<[Tensor; 3]> {
        let geometry = Geometry::of(x.dims(), weight.dims())?;
        let [x_data, weight_data, y_data, grad_data] = [x, weight, y, grad].map(Elements::of);
        let operands = (x_data.slice()?, weight_data.slice()?, y_data.slice()?, grad_data.slice()?);
        let (input, kernel, bias) = geometry.backward::<T>(operands, self.activation);
        Ok([
            storage::tensor(input, x.dims())?,
            storage::tensor(kernel, weight.dims())?,
            storage::tensor(bias, &[geometry.outputs])?,
        ])
    }
}

impl CustomOp3 for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv-transpose2d"
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
        Ok((y, Shape::from((batch, geometry.outputs, 2 * height, 2 * width))))
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
        Ok((Some(x), Some(weight), Some(bias)))
    }
}
