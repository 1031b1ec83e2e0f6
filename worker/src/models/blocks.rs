//! The parts of networks: layers, and chains of layers numbered as in PyTorch's `nn.Sequential`.

use super::parameters::RUNNING;
use crate::ops::{Activation, Blend, Forward, Moments};
use candle_core::{Result, Tensor, Var};
use candle_nn::{Init, VarBuilder};
use proto::spec::Initialization;

/// The share of a batch's statistics in the running ones, as in PyTorch.
pub(super) const MOMENTUM: f64 = 0.1;

/// A layer with the activation that follows it.
#[derive(Debug)]
enum Layer {
    Conv { weight: Tensor, bias: Tensor, activation: Activation },
    ConvTranspose { weight: Tensor, bias: Tensor, activation: Activation },
    NormedConv { weight: Tensor, bias: Tensor, norm: Norm, activation: Activation },
}

/// Batch norm: trained scale and shift, running mean and variance.
#[derive(Debug)]
struct Norm {
    scale: Tensor,
    shift: Tensor,
    mean: Var,
    variance: Var,
}

/// Gives layers their variables: by name, with a hint how to draw them.
pub(super) struct Builder<'a> {
    pub(super) vars: VarBuilder<'a>,
    pub(super) initialization: Initialization,
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

    /// Batch norm of `channels` channels: `{name}.weight`, `{name}.bias` and the running statistics.
    fn norm(&self, name: &str, channels: usize) -> Result<Norm> {
        let vars = self.vars.pp(name);
        let constant = |name, value| vars.get_with_hints(channels, name, Init::Const(value));
        Ok(Norm {
            scale: constant("weight", 1.0)?,
            shift: constant("bias", 0.0)?,
            mean: Var::from_tensor(&constant(RUNNING[0], 0.0)?)?,
            variance: Var::from_tensor(&constant(RUNNING[1], 1.0)?)?,
        })
    }
}

impl Layer {
    /// A recorded pass trains: batch norm uses the batch's statistics, and the running ones change.
    fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Conv { weight, bias, activation } => pass.conv2d(x, weight, bias, *activation),
            Self::ConvTranspose { weight, bias, activation } => pass.conv_transpose2d(x, weight, bias, *activation),
            Self::NormedConv { weight, bias, norm, activation } if pass.is_recorded() => {
                let x = pass.conv2d(x, weight, bias, Activation::Identity)?;
                let (y, moments) = pass.batch_norm(&x, &norm.scale, &norm.shift, *activation)?;
                let count = (x.elem_count() / norm.scale.elem_count()) as f64;
                // as in PyTorch: the norm is by the biased variance, the running variance is the unbiased one
                let Moments { mean, variance } = moments;
                pass.follow([
                    Blend { running: norm.mean.clone(), latest: mean, share: MOMENTUM },
                    Blend { running: norm.variance.clone(), latest: variance, share: MOMENTUM * count / (count - 1.0) },
                ]);
                Ok(y)
            }
            Self::NormedConv { weight, bias, norm, activation } => {
                let [mean, variance] = [&norm.mean, &norm.variance].map(Var::as_detached_tensor);
                let norm = (&Moments { mean, variance }, &norm.scale, &norm.shift);
                pass.conv2d_batch_norm_by(x, weight, bias, norm, *activation)
            }
        }
    }
}

/// Layers, one after the other.
#[derive(Debug, Default)]
pub(super) struct Chain(Vec<Layer>);

impl Chain {
    /// 3x3 convolutions with ReLU through `channels`: `{name}.0`, `{name}.2`, ...
    pub(super) fn convs(builder: &Builder<'_>, name: &str, channels: &[usize]) -> Result<Self> {
        let mut chain = Self::default();
        for (index, pair) in channels.windows(2).enumerate() {
            chain.conv(builder, &format!("{name}.{}", 2 * index), (pair[0], pair[1], 3), Activation::Relu)?;
        }
        Ok(chain)
    }

    /// 3x3 convolutions with batch norm and ReLU: `{name}.0` and `{name}.1`, `{name}.3` and `{name}.4`, ...
    pub(super) fn normed_convs(builder: &Builder<'_>, name: &str, channels: &[usize]) -> Result<Self> {
        let mut chain = Self::default();
        for (index, pair) in channels.windows(2).enumerate() {
            let (conv, norm) = (format!("{name}.{}", 3 * index), format!("{name}.{}", 3 * index + 1));
            let (weight, bias) = builder.kernel(&conv, [pair[1], pair[0], 3, 3], pair[1])?;
            let norm = builder.norm(&norm, pair[1])?;
            chain.0.push(Layer::NormedConv { weight, bias, norm, activation: Activation::Relu });
        }
        Ok(chain)
    }

    /// Adds a convolution `(inputs, outputs, kernel size)`.
    pub(super) fn conv(
        &mut self,
        builder: &Builder<'_>,
        name: &str,
        (inputs, outputs, size): (usize, usize, usize),
        activation: Activation,
    ) -> Result<()> {
        let (weight, bias) = builder.kernel(name, [outputs, inputs, size, size], outputs)?;
        self.0.push(Layer::Conv { weight, bias, activation });
        Ok(())
    }

    /// Adds a transposed convolution 2x2 with stride 2 and ReLU.
    pub(super) fn conv_transpose(
        &mut self,
        builder: &Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<()> {
        let (weight, bias) = builder.kernel(name, [inputs, outputs, 2, 2], outputs)?;
        self.0.push(Layer::ConvTranspose { weight, bias, activation: Activation::Relu });
        Ok(())
    }

    pub(super) fn forward(&self, pass: Forward<'_>, x: &Tensor) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, layer| layer.forward(pass, &x))
    }
}
