//! What the networks are built of: layers, and chains of layers numbered as in PyTorch's `nn.Sequential`.

use super::parameters::Builder;
use crate::ops::{self, Activation, Moments, Pass};
use candle_core::{Result, Tensor, Var};

/// The share of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// A layer with what follows it.
#[derive(Debug)]
enum Layer {
    Conv { weight: Var, bias: Var, activation: Activation },
    ConvTranspose { weight: Var, bias: Var, activation: Activation },
    Norm { scale: Var, shift: Var, mean: Var, variance: Var, activation: Activation },
}

impl Layer {
    /// A recorded pass trains: batch norm uses the batch's statistics, and the running ones change.
    fn forward(&self, pass: Pass<'_>, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Conv { weight, bias, activation } => pass.conv2d(x, weight, bias, *activation),
            Self::ConvTranspose { weight, bias, activation } => pass.conv_transpose2d(x, weight, bias, *activation),
            Self::Norm { scale, shift, mean, variance, activation } if pass.is_recorded() => {
                let (y, moments) = pass.batch_norm(x, scale, shift, *activation)?;
                let count = (x.elem_count() / scale.elem_count()) as f64;
                // PyTorch normalises by the biased variance and remembers the unbiased one
                ops::blend(mean, &moments.mean, 1.0 - MOMENTUM, MOMENTUM)?;
                ops::blend(variance, &moments.variance, 1.0 - MOMENTUM, MOMENTUM * count / (count - 1.0))?;
                Ok(y)
            }
            Self::Norm { scale, shift, mean, variance, activation } => {
                let moments = Moments { mean: mean.as_detached_tensor(), variance: variance.as_detached_tensor() };
                pass.batch_norm_by(x, &moments, scale, shift, *activation)
            }
        }
    }
}

/// Layers, one after the other.
#[derive(Debug, Default)]
pub(super) struct Chain(Vec<Layer>);

impl Chain {
    /// 3x3 convolutions with ReLU through `channels`: `{name}.0`, `{name}.2`, ...
    pub(super) fn convs(builder: &mut Builder, name: &str, channels: &[usize]) -> Result<Self> {
        let mut chain = Self::default();
        for (index, pair) in channels.windows(2).enumerate() {
            chain.conv(builder, &format!("{name}.{}", 2 * index), (pair[0], pair[1], 3), Activation::Relu)?;
        }
        Ok(chain)
    }

    /// 3x3 convolutions with batch norm and ReLU: `{name}.0` and `{name}.1`, `{name}.3` and `{name}.4`, ...
    pub(super) fn normed_convs(builder: &mut Builder, name: &str, channels: &[usize]) -> Result<Self> {
        let mut chain = Self::default();
        for (index, pair) in channels.windows(2).enumerate() {
            let (conv, norm) = (format!("{name}.{}", 3 * index), format!("{name}.{}", 3 * index + 1));
            chain.conv(builder, &conv, (pair[0], pair[1], 3), Activation::Identity)?;
            let [scale, shift, mean, variance] = builder.norm(&norm, pair[1])?;
            chain.0.push(Layer::Norm { scale, shift, mean, variance, activation: Activation::Relu });
        }
        Ok(chain)
    }

    /// Adds a convolution `(inputs, outputs, kernel size)`.
    pub(super) fn conv(
        &mut self,
        builder: &mut Builder,
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
        builder: &mut Builder,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<()> {
        let (weight, bias) = builder.kernel(name, [inputs, outputs, 2, 2], outputs)?;
        self.0.push(Layer::ConvTranspose { weight, bias, activation: Activation::Relu });
        Ok(())
    }

    pub(super) fn forward(&self, pass: Pass<'_>, x: &Tensor) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, layer| layer.forward(pass, &x))
    }
}
