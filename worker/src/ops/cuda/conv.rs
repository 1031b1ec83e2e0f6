//! Convolutions and their gradients.
//!
//! Weights keep PyTorch's layout, `[outputs, inputs, taps]`. A forward pass packs its weight as cuDNN takes it, `[outputs, taps,
//! inputs]` in the maps' type, and keeps it for the way back; the gradient is unpacked. Both go through shared memory, so that
//! reads and writes are contiguous.
//!
//! Channels that do not fill 16 bytes (the three colours, the one logit) are filled up with zeros around the call, because tensor
//! cores take no others.

use super::algorithms::{Operands, Pass};
use super::cudnn::Epilogue;
use super::descriptors::Convolution;
use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, full, map};
use crate::ops::backend::{ConvGradients, Convolved};
use crate::ops::{Activation, Precision};
use candle_core::{DType, Result, Tensor, bail};
use std::sync::Arc;

use Argument::{Address, Number};

/// Inputs that a block of threads packs or unpacks, as in `kernels/conv.cu`.
const PACKED_INPUTS: usize = 64;

/// Convolution with bias of a map `x` `[n, h, w, c]`; the weight is kept packed for the way back. The weight's shape `[k, c, size, size]`
/// tells its kind: 3x3 with a border of 1, 1x1, or 2x2 with stride 2; bias `[k]`.
pub(super) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    precision: Precision,
) -> Result<Convolved> {
    let call = Call::of_input(x, weight, precision)?;
    expect(bias, DType::F32, &[call.outputs])?;
    let relu = activation == Activation::Relu;
    let (input, packed, bias_packed) = (call.fill(x)?, call.pack(weight)?, call.pack_bias(bias)?);
    let filled = call.empty(call.convolution.output())?;
    let fused = call.run(Pass::Forward, [&input, &packed, &filled], Some((&bias_packed, relu)))?;
    let y = call.resize(&filled, call.outputs)?;
    if !fused {
        call.add_bias(&y, bias, relu)?;
    }
    Ok(Convolved { x: x.clone(), weight: weight.detach(), packed: Some(packed), y, activation })
}

/// The gradients of [`conv2d`] for input (if wanted), weight and bias; `grad` is the gradient of its result.
pub(super) fn conv2d_backward(
    Convolved { x, weight, packed, y, activation }: &Convolved,
    grad: &Tensor,
    precision: Precision,
    input_wanted: bool,
) -> Result<ConvGradients> {
    let call = Call::of_input(x, weight, precision)?;
    let [n, h, w, _] = call.convolution.output();
    expect(grad, call.dtype(), &[n, h, w, call.outputs])?;
    let (grad, bias) = call.mask_and_sum(grad, y, *activation)?;
    let (x, grad) = (call.fill(x)?, call.fill(&grad)?);
    let input = match input_wanted {
        true => Some(call.backward_data(&call.packed(weight, packed.as_ref())?, &grad)?),
        false => None,
    };
    Ok(ConvGradients { x: input, weight: call.backward_filter(weight, &x, &grad)?, bias })
}

/// Transposed convolution 2x2 with stride 2 and bias of a map `x` `[n, h, w, c]`; weight `[c, k, 2, 2]`, which is kept packed for
/// the way back, bias `[k]`. It is what the gradient of a strided convolution from `k` to `c` channels does.
pub(super) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    precision: Precision,
) -> Result<Convolved> {
    let call = Call::of_output(x, weight, precision)?;
    expect(bias, DType::F32, &[call.inputs])?;
    let packed = call.pack(weight)?;
    let y = call.backward_data(&packed, &call.fill(x)?)?;
    call.add_bias(&y, bias, activation == Activation::Relu)?;
    Ok(Convolved { x: x.clone(), weight: weight.detach(), packed: Some(packed), y, activation })
}

/// The gradients of [`conv_transpose2d`] for input, weight and bias.
pub(super) fn conv_transpose2d_backward(
    Convolved { x, weight, packed, y, activation }: &Convolved,
    grad: &Tensor,
    precision: Precision,
) -> Result<ConvGradients> {
    let call = Call::of_output(x, weight, precision)?;
    let [n, h, w, _] = call.convolution.input();
    expect(grad, call.dtype(), &[n, h, w, call.inputs])?;
    let (grad, bias) = call.mask_and_sum(grad, y, *activation)?;
    let (x, grad) = (call.fill(x)?, call.fill(&grad)?);
    let input = Some(call.forward(&call.packed(weight, packed.as_ref())?, &grad)?);
    Ok(ConvGradients { x: input, weight: call.backward_filter(weight, &grad, &x)?, bias })
}

/// A convolution on its device, with the channels that the caller sees.
struct Call {
    engine: Arc<Engine>,
    convolution: Convolution,
    /// Channels of the convolution's input before filling.
    inputs: usize,
    /// Channels of its output before filling.
    outputs: usize,
}

impl Call {
    /// The convolution that has `x` as its input.
    fn of_input(x: &Tensor, weight: &Tensor, precision: Precision) -> Result<Self> {
        let [images, height, width, channels] = map(x)?;
        let (outputs, inputs, size) = match *weight.dims() {
            [outputs, inputs, size @ (1..=3), columns] if columns == size => (outputs, inputs, size),
            ref shape => bail!("a kernel of shape {shape:?}: expected 3x3, 2x2 or 1x1"),
        };
        if channels != inputs {
            bail!("a kernel for {inputs} channels on a map of {channels}");
        }
        if size == 2 && !(height.is_multiple_of(2) && width.is_multiple_of(2)) {
            bail!("cannot halve {height} x {width}: expected even sizes");
        }
        Self::new(x, weight, [images, height, width], (inputs, outputs, size), precision)
    }

    /// The strided convolution that has `x` as its output.
    fn of_output(x: &Tensor, weight: &Tensor, precision: Precision) -> Result<Self> {
        let [images, height, width, channels] = map(x)?;
        match *weight.dims() {
            [outputs, inputs, 2, 2] if outputs == channels => {
                Self::new(x, weight, [images, 2 * height, 2 * width], (inputs, outputs, 2), precision)
            }
            ref shape => bail!("a transposed kernel of shape {shape:?}: expected [{channels}, _, 2, 2]"),
        }
    }

    fn new(
        x: &Tensor,
        weight: &Tensor,
        [images, height, width]: [usize; 3],
        (inputs, outputs, size): (usize, usize, usize),
        precision: Precision,
    ) -> Result<Self> {
        let full = full(x.dtype());
        let convolution = Convolution {
            images,
            height,
            width,
            inputs: inputs.next_multiple_of(full),
            outputs: outputs.next_multiple_of(full),
            size,
            precision,
        };
        expect(weight, DType::F32, &[outputs, inputs, size, size])?;
        expect(x, convolution.dtype(), x.dims())?;
        Ok(Self { engine: Engine::of(device(x)?)?, convolution, inputs, outputs })
    }

    fn dtype(&self) -> DType {
        self.convolution.dtype()
    }

    fn empty(&self, shape: [usize; 4]) -> Result<Tensor> {
        empty(&shape[..], self.dtype(), &self.engine.device)
    }

    /// The weight as cuDNN takes it: `[outputs, size, size, inputs]`, filled up, in the maps' type.
    fn pack(&self, weight: &Tensor) -> Result<Tensor> {
        let Convolution { inputs, outputs, size, .. } = self.convolution;
        let packed = self.empty([outputs, size, size, inputs])?;
        self.pack_into(&packed, weight, (self.outputs, self.inputs, size * size), (outputs, inputs))?;
        Ok(packed)
    }

    /// The weight as the forward pass packed it.
    fn packed(&self, weight: &Tensor, packed: Option<&Tensor>) -> Result<Tensor> {
        packed.map_or_else(|| self.pack(weight), |packed| Ok(packed.clone()))
    }

    /// The bias of the convolution, filled up, in the maps' type.
    fn pack_bias(&self, bias: &Tensor) -> Result<Tensor> {
        let packed = self.empty([1, 1, 1, self.convolution.outputs])?;
        self.pack_into(&packed, bias, (1, self.outputs, 1), (1, self.convolution.outputs))?;
        Ok(packed)
    }

    fn pack_into(
        &self,
        packed: &Tensor,
        weight: &Tensor,
        (outputs, inputs, taps): (usize, usize, usize),
        (all_outputs, all_inputs): (usize, usize),
    ) -> Result<()> {
        number(packed.elem_count())?;
        let arguments = [
            Address(address(weight)?),
            Address(address(packed)?),
            Number(number(outputs)?),
            Number(number(inputs)?),
            Number(number(taps)?),
            Number(number(all_inputs)?),
        ];
        let grid = Grid::rows(all_inputs.div_ceil(PACKED_INPUTS), all_outputs);
        self.engine.launch("pack_weight", Variant::single(self.dtype()), grid, &arguments)
    }

    /// A map with its channels filled up, as cuDNN takes it.
    fn fill(&self, x: &Tensor) -> Result<Tensor> {
        self.resize(x, x.dim(3)?.next_multiple_of(full(self.dtype())))
    }

    /// A map with more channels, which are zero, or fewer.
    fn resize(&self, x: &Tensor, channels: usize) -> Result<Tensor> {
        let [n, h, w, from] = map(x)?;
        if from == channels {
            return Ok(x.clone());
        }
        let y = self.empty([n, h, w, channels])?;
        let count = y.elem_count();
        let arguments = [
            Address(address(x)?),
            Address(address(&y)?),
            Number(number(from)?),
            Number(number(channels)?),
            Number(number(count)?),
        ];
        self.engine.launch("resize_channels", Variant::single(self.dtype()), Grid::each(count), &arguments)?;
        Ok(y)
    }

    /// Runs a pass on input, packed weight and output; whether bias and ReLU were part of it.
    fn run(&self, pass: Pass, [x, weight, y]: [&Tensor; 3], after: Option<(&Tensor, bool)>) -> Result<bool> {
        let operands = Operands { x: address(x)?, weight: address(weight)?, y: address(y)? };
        let epilogue = match after {
            Some((bias, relu)) => Some(Epilogue { bias: address(bias)?, relu }),
            None => None,
        };
        // SAFETY: the operands are those of the convolution: the callers made them after it.
        unsafe { self.engine.cudnn().run(&self.convolution, pass, operands, epilogue) }
    }

    /// The convolution without bias of a filled map, in the channels that the caller sees.
    fn forward(&self, packed: &Tensor, x: &Tensor) -> Result<Tensor> {
        let y = self.empty(self.convolution.output())?;
        self.run(Pass::Forward, [x, packed, &y], None)?;
        self.resize(&y, self.outputs)
    }

    /// The gradient of the convolution's input, of a filled gradient of its output, in the channels that the caller sees.
    fn backward_data(&self, packed: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let input = self.empty(self.convolution.input())?;
        self.run(Pass::BackwardData, [&input, packed, grad], None)?;
        self.resize(&input, self.inputs)
    }

    /// The gradient of the weight, in the weight's layout, of filled maps.
    fn backward_filter(&self, weight: &Tensor, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let Convolution { inputs, outputs, size, .. } = self.convolution;
        let packed = self.empty([outputs, size, size, inputs])?;
        self.run(Pass::BackwardFilter, [x, &packed, grad], None)?;
        let gradient = empty(weight.shape(), DType::F32, &self.engine.device)?;
        number(packed.elem_count())?;
        let arguments = [
            Address(address(&packed)?),
            Address(address(&gradient)?),
            Number(number(self.inputs)?),
            Number(number(size * size)?),
            Number(number(inputs)?),
        ];
        let grid = Grid::rows(self.inputs.div_ceil(PACKED_INPUTS), self.outputs);
        self.engine.launch("unpack_weight", Variant::single(self.dtype()), grid, &arguments)?;
        Ok(gradient)
    }

    /// `y = activation(y + bias)`, in place; `y` is new.
    fn add_bias(&self, y: &Tensor, bias: &Tensor, relu: bool) -> Result<()> {
        let [n, h, w, channels] = map(y)?;
        let variant = Variant::of(self.dtype(), &[channels], &[address(y)?]);
        let (pixels, columns) = (n * h * w, channels / variant.lanes);
        number(y.elem_count())?;
        let arguments = [
            Address(address(y)?),
            Address(address(bias)?),
            Number(number(pixels)?),
            Number(number(columns)?),
            Number(u32::from(relu)),
        ];
        self.engine.launch("add_bias", variant, Grid::walk(pixels, columns), &arguments)
    }

    /// The gradient before the activation, and that of the bias.
    fn mask_and_sum(&self, grad: &Tensor, y: &Tensor, activation: Activation) -> Result<(Tensor, Tensor)> {
        let [n, h, w, channels] = map(grad)?;
        let (before, y) = match activation {
            Activation::Identity => (grad.clone(), 0),
            Activation::Relu => {
                expect(y, self.dtype(), grad.dims())?;
                (self.empty([n, h, w, channels])?, address(y)?)
            }
            Activation::LeakyRelu => bail!("a leaky ReLU after a convolution: expected it after a norm"),
        };
        let grad = address(grad)?;
        let variant = Variant::of(self.dtype(), &[channels], &[grad, y]);
        let (pixels, columns) = (n * h * w, channels / variant.lanes);
        number(before.elem_count())?;
        let grid = Grid::walk(pixels, columns);
        let partial = empty((grid.shares(), channels), DType::F32, &self.engine.device)?;
        let arguments = [
            Address(grad),
            Address(y),
            Address(address(&before)?),
            Address(address(&partial)?),
            Number(number(pixels)?),
            Number(number(columns)?),
        ];
        self.engine.launch("mask_and_sum", variant, grid, &arguments)?;
        let sums = self.engine.finish_sums(&partial, None)?;
        Ok((before, sums))
    }
}
