//! The parts of networks: layers, chains of layers numbered as in PyTorch's `nn.Sequential`, and residual blocks.

use super::parameters::RUNNING;
use crate::ops::{Activation, Blend, Forward, Moments};
use candle_core::{Result, Tensor, Var, bail};
use candle_nn::{Init, VarBuilder};
use proto::spec::{self, Initialization};

/// The share of a batch's statistics in the running ones, as in PyTorch.
pub(super) const MOMENTUM: f64 = 0.1;

/// How a convolution goes over its map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As its kernel does.
    Plain,
    /// 3x3 or 1x1, with stride 2.
    Strided,
    /// 3x3, its places so many pixels apart.
    Dilated(usize),
    /// Transposed, 2x2 with stride 2.
    Transposed,
}

/// A convolution with what follows it.
#[derive(Debug)]
pub(super) struct Layer {
    form: Form,
    weight: Tensor,
    bias: Tensor,
    norm: Option<Norm>,
    activation: Activation,
}

/// A norm: trained scale and shift.
#[derive(Debug)]
struct Norm {
    scale: Tensor,
    shift: Tensor,
    kind: Kind,
}

/// What a norm takes its mean and variance of.
#[derive(Debug)]
enum Kind {
    /// The batch; in evaluations, running ones.
    Batch { mean: Var, variance: Var },
    /// So many neighbouring channels of an image.
    Group { channels: usize },
}

/// Gives layers their variables: by name, with a hint how to draw them.
pub(super) struct Builder<'a> {
    pub(super) vars: VarBuilder<'a>,
    pub(super) initialization: Initialization,
    /// What follows the convolutions.
    pub(super) norm: spec::Norm,
    /// Whether blocks of 3x3 convolutions are residual.
    pub(super) residual: bool,
}

impl Builder<'_> {
    /// A kernel of that shape, `{name}.weight`, and its bias, `{name}.bias`.
    ///
    /// As in PyTorch, the fan-in is the second dimension times the kernel's area, for transposed convolutions too.
    fn kernel(&self, name: &str, shape: [usize; 4], outputs: usize) -> Result<(Tensor, Tensor)> {
        let fan_in = (shape[1] * shape[2] * shape[3]) as f64;
        let (weight, bias) = match self.initialization {
            Initialization::Pytorch => {
                let bound = 1.0 / fan_in.sqrt();
                let uniform = Init::Uniform { lo: -bound, up: bound };
                (uniform, uniform)
            }
            Initialization::He => (Init::Randn { mean: 0.0, stdev: (2.0 / fan_in).sqrt() }, Init::Const(0.0)),
        };
        let vars = self.vars.pp(name);
        Ok((vars.get_with_hints(&shape, "weight", weight)?, vars.get_with_hints(outputs, "bias", bias)?))
    }

    /// The norm of `channels` channels, if there is one: `{name}.weight`, `{name}.bias` and, of batch norm, the running statistics.
    fn norm(&self, name: &str, channels: usize) -> Result<Option<Norm>> {
        let vars = self.vars.pp(name);
        let constant = |name, value| vars.get_with_hints(channels, name, Init::Const(value));
        let kind = match (self.norm, self.norm.groups(channels as u32)) {
            (spec::Norm::None, _) => return Ok(None),
            (_, Some(groups)) => Kind::Group { channels: channels / groups as usize },
            (_, None) => Kind::Batch {
                mean: Var::from_tensor(&constant(RUNNING[0], 0.0)?)?,
                variance: Var::from_tensor(&constant(RUNNING[1], 1.0)?)?,
            },
        };
        Ok(Some(Norm { scale: constant("weight", 1.0)?, shift: constant("bias", 0.0)?, kind }))
    }
}

impl Layer {
    /// A convolution `{name}` with nothing after it; its kernel has the shape `[outputs, inputs, k, k]`.
    pub(super) fn plain(builder: &Builder<'_>, name: &str, shape: [usize; 4]) -> Result<Self> {
        let (weight, bias) = builder.kernel(name, shape, shape[0])?;
        Ok(Self { form: Form::Plain, weight, bias, norm: None, activation: Activation::Identity })
    }

    /// A transposed convolution `{name}`, 2x2 with stride 2, with nothing after it.
    pub(super) fn up(builder: &Builder<'_>, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let (weight, bias) = builder.kernel(name, [inputs, outputs, 2, 2], outputs)?;
        Ok(Self { form: Form::Transposed, weight, bias, norm: None, activation: Activation::Identity })
    }

    /// A convolution `{conv}` and the network's norm `{norm}`; its kernel has the shape `[outputs, inputs, k, k]`.
    pub(super) fn normed(
        builder: &Builder<'_>,
        (conv, norm): (&str, &str),
        form: Form,
        shape: [usize; 4],
        activation: Activation,
    ) -> Result<Self> {
        let (weight, bias) = builder.kernel(conv, shape, shape[0])?;
        Ok(Self { form, weight, bias, norm: builder.norm(norm, shape[0])?, activation })
    }

    /// A recorded pass trains: batch norm uses the batch's statistics, and the running ones change.
    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let Self { weight, bias, activation, .. } = self;
        match &self.norm {
            None => self.convolve(pass, x, *activation),
            Some(Norm { scale, shift, kind: Kind::Batch { mean, variance } }) if !pass.is_recorded() => {
                let [mean, variance] = [mean, variance].map(Var::as_detached_tensor);
                let moments = Moments { mean, variance };
                if self.form != Form::Plain {
                    let x = self.convolve(pass, x, Activation::Identity)?;
                    return pass.batch_norm_by(&x, &moments, scale, shift, *activation);
                }
                pass.conv2d_batch_norm_by(x, weight, bias, (&moments, scale, shift), *activation)
            }
            Some(norm) => norm.forward(pass, &self.convolve(pass, x, Activation::Identity)?, *activation),
        }
    }

    fn convolve(&self, pass: Forward<'_>, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let Self { weight, bias, .. } = self;
        match self.form {
            Form::Plain => pass.conv2d(x, weight, bias, activation),
            Form::Strided => pass.conv2d_strided(x, weight, bias, activation),
            Form::Dilated(rate) => pass.conv2d_dilated(x, weight, bias, rate, activation),
            Form::Transposed => pass.conv_transpose2d(x, weight, bias, activation),
        }
    }
}

impl Norm {
    /// By the moments of `x`; the running ones of batch norm follow.
    fn forward(&self, pass: Forward<'_>, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let (running_mean, running_variance) = match &self.kind {
            Kind::Group { channels } => return pass.group_norm(x, *channels, &self.scale, &self.shift, activation),
            Kind::Batch { mean, variance } => (mean, variance),
        };
        let (y, Moments { mean, variance }) = pass.batch_norm(x, &self.scale, &self.shift, activation)?;
        let count = (x.elem_count() / self.scale.elem_count()) as f64;
        if count < 2.0 {
            bail!("batch norm of one value per channel: expected at least two cases in a batch");
        }
        // as in PyTorch: the norm is by the biased variance, the running variance is the unbiased one
        let unbiased = MOMENTUM * count / (count - 1.0);
        pass.follow([
            Blend { running: running_mean.clone(), latest: mean, share: MOMENTUM },
            Blend { running: running_variance.clone(), latest: variance, share: unbiased },
        ]);
        Ok(y)
    }
}

/// Layers, one after the other.
#[derive(Debug, Default)]
pub(super) struct Chain {
    layers: Vec<Layer>,
    /// Where the chain is residual: the index of the layer whose input is added to the result, and the convolution on its way there.
    shortcut: Option<(usize, Option<Layer>)>,
    /// The number that the next layer has in PyTorch.
    number: usize,
}

impl Chain {
    /// 3x3 convolutions through `channels` with the network's norm and ReLU, numbered from 0.
    pub(super) fn convs(builder: &Builder<'_>, name: &str, channels: &[usize]) -> Result<Self> {
        let mut chain = Self::default();
        chain.block(builder, name, channels)?;
        Ok(chain)
    }

    /// Adds 3x3 convolutions through `channels` with the network's norm and ReLU. If the network is residual, the block's input is
    /// added before the last ReLU, by way of a convolution `{name}.shortcut` where the channels differ.
    pub(super) fn block(&mut self, builder: &Builder<'_>, name: &str, channels: &[usize]) -> Result<()> {
        let start = self.layers.len();
        for pair in channels.windows(2) {
            self.conv(builder, name, (pair[0], pair[1], 3), Activation::Relu)?;
        }
        if let (true, Some(last), [inputs, .., outputs]) = (builder.residual, self.layers.last_mut(), channels) {
            last.activation = Activation::Identity;
            let shortcut = || Layer::plain(builder, &format!("{name}.shortcut"), [*outputs, *inputs, 1, 1]);
            self.shortcut = Some((start, (inputs != outputs).then(shortcut).transpose()?));
        }
        Ok(())
    }

    /// Adds a convolution `(inputs, outputs, kernel size)` with the network's norm.
    pub(super) fn conv(
        &mut self,
        builder: &Builder<'_>,
        name: &str,
        (inputs, outputs, size): (usize, usize, usize),
        activation: Activation,
    ) -> Result<()> {
        let shape = [outputs, inputs, size, size];
        self.layer(builder, name, (Form::Plain, shape, outputs), activation)
    }

    /// Adds a transposed convolution 2x2 with stride 2, the network's norm and ReLU.
    pub(super) fn conv_transpose(
        &mut self,
        builder: &Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<()> {
        self.layer(builder, name, (Form::Transposed, [inputs, outputs, 2, 2], outputs), Activation::Relu)
    }

    /// A chain whose first layer has that number.
    pub(super) fn from_number(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    /// Adds a layer `{name}.{number}`; norm and activation have numbers too.
    pub(super) fn layer(
        &mut self,
        builder: &Builder<'_>,
        name: &str,
        (form, shape, outputs): (Form, [usize; 4], usize),
        activation: Activation,
    ) -> Result<()> {
        let (weight, bias) = builder.kernel(&format!("{name}.{}", self.number), shape, outputs)?;
        let norm = builder.norm(&format!("{name}.{}", self.number + 1), outputs)?;
        self.number += if norm.is_some() { 3 } else { 2 };
        self.layers.push(Layer { form, weight, bias, norm, activation });
        Ok(())
    }

    /// Two 3x3 convolutions, the first with stride 2 if it halves the map, each with the network's norm and leaky ReLU, under nnU-Net's
    /// names: `{name}.convs.0.conv`, `{name}.convs.0.norm` and so on.
    pub(super) fn stacked(
        builder: &Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        halves: bool,
    ) -> Result<Self> {
        let mut chain = Self::default();
        for (index, inputs) in [inputs, outputs].into_iter().enumerate() {
            let name = format!("{name}.convs.{index}");
            let names = (&*format!("{name}.conv"), &*format!("{name}.norm"));
            let form = if halves && index == 0 { Form::Strided } else { Form::Plain };
            let shape = [outputs, inputs, 3, 3];
            chain.layers.push(Layer::normed(builder, names, form, shape, Activation::LeakyRelu)?);
        }
        Ok(chain)
    }

    /// The convolution `{name}` that gives the logits of a map with so many channels.
    pub(super) fn logits(builder: &Builder<'_>, name: &str, channels: usize) -> Result<Self> {
        let mut chain = Self::default();
        chain.add_logits(builder, name, channels)?;
        Ok(chain)
    }

    /// Adds the convolution `{name}` that gives the logits of a map with so many channels.
    pub(super) fn add_logits(&mut self, builder: &Builder<'_>, name: &str, channels: usize) -> Result<()> {
        self.layers.push(Layer::plain(builder, name, [1, channels, 3, 3])?);
        Ok(())
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        let run = |layers: &[Layer], x: &Tensor| layers.iter().try_fold(x.clone(), |x, layer| layer.forward(pass, &x));
        let Some((start, shortcut)) = &self.shortcut else { return run(&self.layers, x) };
        let x = run(&self.layers[..*start], x)?;
        let y = run(&self.layers[*start..], &x)?;
        let x = match shortcut {
            Some(layer) => layer.forward(pass, &x)?,
            None => x,
        };
        pass.residual(&y, &x, Activation::Relu)
    }
}
