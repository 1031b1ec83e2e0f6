//! Convolutions and their gradients. Weights are packed for cuDNN at every call: that costs a thousandth of the convolution.
//!
//! Channels that do not fill 16 bytes (the three colours, the one logit) are filled up with zeros around the call, because tensor
//! cores take no others.

use super::cudnn::Epilogue;
use super::descriptors::Convolution;
use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect, full, map};
use crate::ops::{Activation, Precision};
use candle_core::{DType, Device, Result, Tensor, bail};
use std::sync::Arc;

use Argument::{Address, Number};

/// Convolution with bias of a map `x` `[n, h, w, c]`. The weight's shape `[k, c, size, size]` tells its kind: 3x3 with a border of
/// 1, 1x1, or 2x2 with stride 2; bias `[k]`.
pub(in crate::ops) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    precision: Precision,
) -> Result<Tensor> {
    let call = Call::of_input(x, weight, precision)?;
    expect(bias, DType::F32, &[call.outputs])?;
    let relu = activation == Activation::Relu;
    let (x, packed, bias_packed) = (call.fill(x)?, call.pack(weight)?, call.pack_bias(bias)?);
    let filled = call.empty(call.convolution.output())?;
    let addresses = [address(&x)?, address(&packed)?, address(&filled)?];
    let epilogue = Epilogue { bias: address(&bias_packed)?, relu };
    // SAFETY: `call` made the operands after its convolution.
    let fused = unsafe { call.engine.cudnn().forward(&call.convolution, addresses, Some(epilogue))? };
    let y = call.resize(&filled, call.outputs)?;
    if !fused {
        call.add_bias(&y, bias, relu)?;
    }
    Ok(y)
}

/// The gradients of [`conv2d`] for input (if wanted), weight and bias; `y` is its result, `grad` the gradient of that.
pub(in crate::ops) fn conv2d_backward(
    x: &Tensor,
    weight: &Tensor,
    y: &Tensor,
    grad: &Tensor,
    activation: Activation,
    precision: Precision,
    input_wanted: bool,
) -> Result<(Option<Tensor>, Tensor, Tensor)> {
    let call = Call::of_input(x, weight, precision)?;
    let [n, h, w, _] = call.convolution.output();
    expect(grad, call.dtype(), &[n, h, w, call.outputs])?;
    let (grad, bias) = call.mask_and_sum(grad, y, activation)?;
    let (x, grad) = (call.fill(x)?, call.fill(&grad)?);
    let input = match input_wanted {
        true => Some(call.resize(&call.backward_data(weight, &grad)?, call.inputs)?),
        false => None,
    };
    Ok((input, call.backward_filter(weight, &x, &grad)?, bias))
}

/// Transposed convolution 2x2 with stride 2 and bias of a map `x` `[n, h, w, c]`; weight `[c, k, 2, 2]`, bias `[k]`. It is what the
/// gradient of a strided convolution from `k` to `c` channels does.
pub(in crate::ops) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    precision: Precision,
) -> Result<Tensor> {
    let call = Call::of_output(x, weight, precision)?;
    expect(bias, DType::F32, &[call.inputs])?;
    let y = call.resize(&call.backward_data(weight, &call.fill(x)?)?, call.inputs)?;
    call.add_bias(&y, bias, activation == Activation::Relu)?;
    Ok(y)
}

/// The gradients of [`conv_transpose2d`] for input (if wanted), weight and bias.
pub(in crate::ops) fn conv_transpose2d_backward(
    x: &Tensor,
    weight: &Tensor,
    y: &Tensor,
    grad: &Tensor,
    activation: Activation,
    precision: Precision,
    input_wanted: bool,
) -> Result<(Option<Tensor>, Tensor, Tensor)> {
    let call = Call::of_output(x, weight, precision)?;
    let [n, h, w, _] = call.convolution.input();
    expect(grad, call.dtype(), &[n, h, w, call.inputs])?;
    let (grad, bias) = call.mask_and_sum(grad, y, activation)?;
    let (x, grad) = (call.fill(x)?, call.fill(&grad)?);
    let input = match input_wanted {
        true => Some(call.resize(&call.forward(weight, &grad)?, call.outputs)?),
        false => None,
    };
    Ok((input, call.backward_filter(weight, &grad, &x)?, bias))
}

/// The plans of cuDNN that the device has made so far: its version, then a line for each convolution and pass.
pub(crate) fn describe_plans(device: &Device) -> Result<String> {
    match device {
        Device::Cuda(device) => Ok(Engine::of(device)?.cudnn().describe()),
        _ => bail!("{:?} has no plans: expected a CUDA device", device.location()),
    }
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
        self.pack_into(&packed, weight, (self.outputs, self.inputs, size * size), inputs)?;
        Ok(packed)
    }

    /// The bias of the convolution, filled up, in the maps' type.
    fn pack_bias(&self, bias: &Tensor) -> Result<Tensor> {
        let packed = self.empty([1, 1, 1, self.convolution.outputs])?;
        self.pack_into(&packed, bias, (self.outputs, 1, 1), 1)?;
        Ok(packed)
    }

    fn pack_into(
        &self,
        packed: &Tensor,
        weight: &Tensor,
        (outputs, inputs, taps): (usize, usize, usize),
        all_inputs: usize,
    ) -> Result<()> {
        let count = packed.elem_count();
        let arguments = [
            Address(address(weight)?),
            Address(address(packed)?),
            Number(number(outputs)?),
            Number(number(inputs)?),
            Number(number(taps)?),
            Number(number(all_inputs)?),
            Number(number(count)?),
        ];
        self.engine.launch("pack_weight", Variant::single(self.dtype()), Grid::each(count), &arguments)
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

    /// The convolution without bias of a filled map.
    fn forward(&self, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
        let (packed, y) = (self.pack(weight)?, self.empty(self.convolution.output())?);
        let addresses = [address(x)?, address(&packed)?, address(&y)?];
        // SAFETY: the operands are those of the convolution.
        unsafe { self.engine.cudnn().forward(&self.convolution, addresses, None)? };
        Ok(y)
    }

    /// The gradient of the convolution's input, of a filled gradient of its output.
    fn backward_data(&self, weight: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (packed, input) = (self.pack(weight)?, self.empty(self.convolution.input())?);
        let addresses = [address(&packed)?, address(grad)?, address(&input)?];
        // SAFETY: the operands are those of the convolution.
        unsafe { self.engine.cudnn().backward_data(&self.convolution, addresses)? };
        Ok(input)
    }

    /// The gradient of the weight, in the weight's layout, of filled maps.
    fn backward_filter(&self, weight: &Tensor, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let Convolution { inputs, outputs, size, .. } = self.convolution;
        let packed = self.empty([outputs, size, size, inputs])?;
        let addresses = [address(x)?, address(grad)?, address(&packed)?];
        // SAFETY: the operands are those of the convolution.
        unsafe { self.engine.cudnn().backward_filter(&self.convolution, addresses)? };
        let gradient = empty(weight.shape(), DType::F32, &self.engine.device)?;
        let count = gradient.elem_count();
        let arguments = [
            Address(address(&packed)?),
            Address(address(&gradient)?),
            Number(number(self.inputs)?),
            Number(number(size * size)?),
            Number(number(inputs)?),
            Number(number(count)?),
        ];
        self.engine.launch("unpack_weight", Variant::single(self.dtype()), Grid::each(count), &arguments)?;
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
