//! One forward pass: checks the operands of every operation, has the backend compute it and records it on the tape.

use super::backend::{Activation, Backend, Blend, Moments, Normalized, Population};
use super::interleave;
use super::kernel::Kernel;
use super::resample::Resampling;
use super::tape::Tape;
use candle_core::{DType, Result, Tensor};

/// A forward pass.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    backend: &'a dyn Backend,
    tape: Option<&'a Tape>,
}

impl<'a> Forward<'a> {
    /// A pass without gradients.
    #[must_use]
    pub fn new(backend: &'a dyn Backend) -> Self {
        Self { backend, tape: None }
    }

    /// A pass that is recorded.
    #[must_use]
    pub fn recorded(backend: &'a dyn Backend, tape: &'a Tape) -> Self {
        Self { backend, tape: Some(tape) }
    }

    /// Whether the pass is recorded, as passes in training are.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        self.tape.is_some()
    }

    /// Notes running statistics that follow those of the batch once the pass is over; ignored if the pass is not recorded.
    pub(crate) fn follow(self, blends: impl IntoIterator<Item = Blend>) {
        if let Some(tape) = self.tape {
            tape.follow(blends);
        }
    }

    fn tracks(self, tensor: &Tensor) -> bool {
        self.tape.is_some_and(|tape| tape.tracks(tensor))
    }

    fn record(
        self,
        inputs: &[&Tensor],
        output: &Tensor,
        backward: impl FnOnce(&dyn Backend, Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) {
        if let Some(tape) = self.tape {
            tape.record(inputs, output, Box::new(backward));
        }
    }

    /// A map in the numbers that the backend computes maps in; no gradient flows back.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn enter(self, x: &Tensor) -> Result<Tensor> {
        self.backend.enter(x)
    }

    /// A map that leaves the pass: in f32, if the backend computes maps in less.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn leave(self, x: &Tensor) -> Result<Tensor> {
        let y = self.backend.leave(x)?;
        if y.id() != x.id() {
            self.record(&[x], &y, |backend, grad| Ok(vec![Some(backend.enter(&grad)?)]));
        }
        Ok(y)
    }

    /// Convolution with bias. The weight's shape `[outputs, inputs, k, k]` tells its [`Kernel`].
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn conv2d(self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
        expect_cut(activation)?;
        expect(x.dim(3)? == weight.dim(1)?, || format!("a kernel {:?} for maps {:?}", weight.dims(), x.dims()))?;
        expect_channels(bias, weight.dim(0)?)?;
        let (_, height, width, _) = x.dims4()?;
        Kernel::of(weight.dims())?.output(height, width)?;
        let convolved = self.backend.conv2d(x, weight, bias, activation)?;
        let (wanted, y) = (self.tracks(x), convolved.y.clone());
        self.record(&[x, weight, bias], &y, move |backend, grad| {
            let gradients = backend.conv2d_backward(&convolved, grad, wanted)?;
            Ok(vec![gradients.x, Some(gradients.weight), Some(gradients.bias)])
        });
        Ok(y)
    }

    /// Transposed convolution 2x2 with stride 2 and bias; weight `[inputs, outputs, 2, 2]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn conv_transpose2d(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        expect_cut(activation)?;
        let fits = x.dim(3)? == weight.dim(0)? && weight.dims()[2..] == [2, 2];
        expect(fits, || format!("a kernel {:?} for maps {:?}", weight.dims(), x.dims()))?;
        expect_channels(bias, weight.dim(1)?)?;
        let convolved = self.backend.conv_transpose2d(x, weight, bias, activation)?;
        let y = convolved.y.clone();
        self.record(&[x, weight, bias], &y, move |backend, grad| {
            let gradients = backend.conv_transpose2d_backward(&convolved, grad)?;
            Ok(vec![gradients.x, Some(gradients.weight), Some(gradients.bias)])
        });
        Ok(y)
    }

    /// Convolution with stride 2, 3x3 with a border of 1 or 1x1: every other pixel of every other row of [`conv2d`](Self::conv2d), from the
    /// first on.
    ///
    /// # Errors
    /// If the shapes do not fit, height or width is odd, or allocation fails.
    pub fn conv2d_strided(self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
        match Kernel::of(weight.dims())? {
            Kernel::K1 => self.conv2d(&self.every_other(x)?, weight, bias, activation),
            _ => self.every_other(&self.conv2d(x, weight, bias, activation)?),
        }
    }

    /// Every other pixel of every other row, from the first on.
    fn every_other(self, x: &Tensor) -> Result<Tensor> {
        let (n, height, width, channels) = x.dims4()?;
        let first = Tensor::zeros((n, height / 2, width / 2, channels), DType::U8, x.device())?;
        let y = self.backend.gather(x, &first)?;
        self.record(&[x], &y, move |backend, grad| Ok(vec![Some(backend.scatter(&grad, &first)?)]));
        Ok(y)
    }

    /// Convolution 3x3 whose places are `rate` pixels apart, with a border of `rate`: a convolution of the maps that interleave at that rate.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn conv2d_dilated(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        rate: usize,
        activation: Activation,
    ) -> Result<Tensor> {
        expect(rate > 0, || "a rate of 0".to_owned())?;
        let (_, height, width, _) = x.dims4()?;
        let size = (height, width);
        let parts = interleave::apart(x, rate)?;
        self.record(&[x], &parts, move |_, grad| Ok(vec![Some(interleave::together(&grad, rate, size)?)]));
        let convolved = self.conv2d(&parts, weight, bias, activation)?;
        let y = interleave::together(&convolved, rate, size)?;
        self.record(&[&convolved], &y, move |_, grad| Ok(vec![Some(interleave::apart(&grad, rate)?)]));
        Ok(y)
    }

    /// Bilinear resizing to that height and width, as PyTorch's without aligned corners.
    ///
    /// # Errors
    /// If `x` does not have four dimensions, or allocation fails.
    pub fn resize(self, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        self.resample(x, Resampling::bilinear(x, size)?)
    }

    /// The mean over the pixels: `[n, h, w, c]` -> `[n, 1, 1, c]`.
    ///
    /// # Errors
    /// If `x` does not have four dimensions, or allocation fails.
    pub fn mean(self, x: &Tensor) -> Result<Tensor> {
        self.resample(x, Resampling::mean(x)?)
    }

    fn resample(self, x: &Tensor, resampling: Resampling) -> Result<Tensor> {
        let y = resampling.apply(x)?;
        self.record(&[x], &y, move |_, grad| Ok(vec![Some(resampling.transposed()?.apply(&grad)?)]));
        Ok(y)
    }

    /// 2x2 max pooling: the maxima, and their positions in their windows (`u8`, 0 to 3).
    ///
    /// # Errors
    /// If height or width is odd, or allocation fails.
    pub fn max_pool2d(self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (y, positions) = self.backend.max_pool2d(x)?;
        let at = positions.clone();
        self.record(&[x], &y, move |backend, grad| Ok(vec![Some(backend.scatter(&grad, &at)?)]));
        Ok((y, positions))
    }

    /// The inverse of [`max_pool2d`](Self::max_pool2d): every element at its position, zeros elsewhere.
    ///
    /// # Errors
    /// If the shapes differ, or allocation fails.
    pub fn max_unpool2d(self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        expect(x.dims() == positions.dims(), || format!("positions {:?} for {:?}", positions.dims(), x.dims()))?;
        let y = self.backend.scatter(x, positions)?;
        let at = positions.clone();
        self.record(&[x], &y, move |backend, grad| Ok(vec![Some(backend.gather(&grad, &at)?)]));
        Ok(y)
    }

    /// Nearest upsampling to twice the size.
    ///
    /// # Errors
    /// If `x` does not have four dimensions, or allocation fails.
    pub fn upsample(self, x: &Tensor) -> Result<Tensor> {
        let y = self.backend.upsample(x)?;
        self.record(&[x], &y, |backend, grad| Ok(vec![Some(backend.upsample_backward(&grad)?)]));
        Ok(y)
    }

    /// The channels of `a`, then those of `b`.
    ///
    /// # Errors
    /// If the other sizes differ, or allocation fails.
    pub fn concatenate(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let fits = a.rank() == 4 && b.rank() == 4 && a.dims()[..3] == b.dims()[..3];
        expect(fits, || format!("the channels of {:?} and {:?} side by side", a.dims(), b.dims()))?;
        let y = self.backend.concatenate(a, b)?;
        let channels = a.dim(3)?;
        self.record(&[a, b], &y, move |backend, grad| {
            let (a, b) = backend.split(&grad, channels)?;
            Ok(vec![Some(a), Some(b)])
        });
        Ok(y)
    }

    /// Batch norm by the moments of `x` itself, which are returned for the running statistics; `gamma` and `beta` `[c]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn batch_norm(
        self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<(Tensor, Moments)> {
        expect_channels(gamma, x.dim(3)?)?;
        expect_channels(beta, x.dim(3)?)?;
        let population = Population::Channel;
        let moments = self.backend.moments(x, population)?;
        Ok((self.normalize(x, &moments, (gamma, beta), activation, Some(population))?, moments))
    }

    /// Group norm, by the moments of `channels` neighbouring channels of an image; of one: instance norm. `gamma` and `beta` `[c]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn group_norm(
        self,
        x: &Tensor,
        channels: usize,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        expect_channels(gamma, x.dim(3)?)?;
        expect_channels(beta, x.dim(3)?)?;
        let fits = channels > 0 && x.dim(3)?.is_multiple_of(channels);
        expect(fits, || format!("groups of {channels} channels of {:?}", x.dims()))?;
        let population = Population::Group(channels);
        let moments = self.backend.moments(x, population)?;
        self.normalize(x, &moments, (gamma, beta), activation, Some(population))
    }

    /// `activation(a + b)`, of two maps of one shape.
    ///
    /// # Errors
    /// If the shapes differ, or allocation fails.
    pub fn residual(self, a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
        expect_cut(activation)?;
        expect(a.dims() == b.dims(), || format!("{:?} + {:?}", a.dims(), b.dims()))?;
        let y = self.backend.residual(a, b, activation)?;
        let result = y.clone();
        self.record(&[a, b], &y, move |backend, grad| {
            let grad = backend.residual_backward(&result, grad, activation)?;
            // each operand's gradient may be changed in place
            Ok(vec![Some(grad.copy()?), Some(grad)])
        });
        Ok(y)
    }

    /// Batch norm by given moments; no gradient flows to them.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn batch_norm_by(
        self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        for operand in [gamma, beta, &moments.mean, &moments.variance] {
            expect_channels(operand, x.dim(3)?)?;
        }
        let moments = Moments { mean: moments.mean.detach(), variance: moments.variance.detach() };
        self.normalize(x, &moments, (gamma, beta), activation, None)
    }

    /// [`conv2d`](Self::conv2d), then [`batch_norm_by`](Self::batch_norm_by) with these moments, gamma and beta; in one operation
    /// where that is faster and no gradient is wanted.
    ///
    /// # Errors
    /// If the shapes do not fit, or allocation fails.
    pub fn conv2d_batch_norm_by(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        (moments, gamma, beta): (&Moments, &Tensor, &Tensor),
        activation: Activation,
    ) -> Result<Tensor> {
        for operand in [bias, gamma, beta, &moments.mean, &moments.variance] {
            expect_channels(operand, weight.dim(0)?)?;
        }
        if !self.is_recorded()
            && let Some((weight, bias)) = self.backend.fold(weight, bias, moments, gamma, beta)?
        {
            return self.conv2d(x, &weight, &bias, activation);
        }
        let y = self.conv2d(x, weight, bias, Activation::Identity)?;
        self.batch_norm_by(&y, moments, gamma, beta, activation)
    }

    /// A norm by moments of populations of `x`, or by constants.
    fn normalize(
        self,
        x: &Tensor,
        moments: &Moments,
        (gamma, beta): (&Tensor, &Tensor),
        activation: Activation,
        population: Option<Population>,
    ) -> Result<Tensor> {
        let y = self.backend.normalize(x, moments, gamma, beta, activation)?;
        let (moments, gamma_value) = (moments.clone(), gamma.detach());
        let normalized = Normalized { x: x.clone(), gamma: gamma_value, y: y.clone(), moments, population, activation };
        self.record(&[x, gamma, beta], &y, move |backend, grad| {
            let (x, gamma, beta) = backend.normalize_backward(&normalized, grad)?;
            Ok(vec![Some(x), Some(gamma), Some(beta)])
        });
        Ok(y)
    }
}

fn expect(fits: bool, what: impl Fn() -> String) -> Result<()> {
    if fits { Ok(()) } else { candle_core::bail!("shapes that do not fit: {}", what()) }
}

/// Checks that an activation is one of those that follow convolutions and sums.
fn expect_cut(activation: Activation) -> Result<()> {
    if activation == Activation::LeakyRelu {
        candle_core::bail!("a leaky ReLU after a convolution or a sum: expected it after a norm");
    }
    Ok(())
}

/// Checks that an operand has one number per channel.
fn expect_channels(operand: &Tensor, channels: usize) -> Result<()> {
    expect(operand.dims() == [channels], || format!("{:?} for {channels} channels", operand.dims()))
}
