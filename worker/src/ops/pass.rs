//! One forward pass: every operation on feature maps, checked, computed by the kernels of the pass and recorded on its tape.

use super::composed;
use super::tape::Tape;
use super::{Activation, Blend, Fused, Kernels, Moments, Taps, expect, expect_channels};
use candle_core::{Result, Tensor};

/// A forward pass.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    kernels: Kernels,
    tape: Option<&'a Tape>,
}

impl<'a> Pass<'a> {
    /// A pass without gradients.
    #[must_use]
    pub fn new(kernels: Kernels) -> Self {
        Self { kernels, tape: None }
    }

    /// A pass that is recorded.
    #[must_use]
    pub fn recorded(kernels: Kernels, tape: &'a Tape) -> Self {
        Self { kernels, tape: Some(tape) }
    }

    /// Whether the pass is recorded, which is so in training.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        self.tape.is_some()
    }

    /// Lets running statistics follow those of the batch, once the pass is over; nothing follows a pass that is not recorded.
    pub(crate) fn follow(self, blends: impl IntoIterator<Item = Blend>) {
        if let Some(tape) = self.tape {
            tape.follow(blends);
        }
    }

    fn tracks(self, tensor: &Tensor) -> bool {
        self.tape.is_some_and(|tape| tape.tracks(tensor))
    }

    /// Records a step of the fused kernels.
    fn record(
        self,
        inputs: &[&Tensor],
        output: &Tensor,
        backward: impl FnOnce(Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) {
        if let Some(tape) = self.tape {
            tape.record(inputs, output, Box::new(backward));
        }
    }

    /// Computes and records what is composed of Candle's operations.
    fn compose(self, inputs: &[&Tensor], function: impl Fn(&[Tensor]) -> Result<Tensor> + 'static) -> Result<Tensor> {
        let operands: Vec<_> = inputs.iter().map(|input| input.detach()).collect();
        let output = function(&operands)?;
        self.record(inputs, &output, move |grad| composed::gradients(&operands, function, &grad));
        Ok(output)
    }

    /// A map in the numbers that the kernels take; no gradient flows back.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn enter(self, x: &Tensor) -> Result<Tensor> {
        match self.kernels {
            Kernels::Fused(kernels) => kernels.enter(x),
            Kernels::Composed => Ok(x.clone()),
        }
    }

    /// A map that leaves the pass: in f32, if the kernels take less.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn leave(self, x: &Tensor) -> Result<Tensor> {
        let Kernels::Fused(kernels) = self.kernels else { return Ok(x.clone()) };
        let y = kernels.leave(x)?;
        if y.id() != x.id() {
            self.record(&[x], &y, move |grad| Ok(vec![Some(kernels.enter(&grad)?)]));
        }
        Ok(y)
    }

    /// Convolution with bias. The weight's shape `[outputs, inputs, k, k]` tells its kind: 3x3 with a border of 1, 1x1, or 2x2
    /// with stride 2.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv2d(self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
        expect(x.dim(3)? == weight.dim(1)?, || format!("a kernel {:?} for maps {:?}", weight.dims(), x.dims()))?;
        expect_channels(bias, weight.dim(0)?)?;
        let (_, height, width, _) = x.dims4()?;
        Taps::of(weight.dims())?.output(height, width)?;
        let Kernels::Fused(kernels) = self.kernels else {
            return self.compose(&[x, weight, bias], move |x| composed::conv2d(&x[0], &x[1], &x[2], activation));
        };
        let convolved = kernels.conv2d(x, weight, bias, activation)?;
        let (wanted, y) = (self.tracks(x), convolved.y.clone());
        self.record(&[x, weight, bias], &y, move |grad| {
            let (x, weight, bias) = kernels.conv2d_backward(&convolved, &grad, activation, wanted)?;
            Ok(vec![x, Some(weight), Some(bias)])
        });
        Ok(y)
    }

    /// Transposed convolution 2x2 with stride 2 and bias; weight `[inputs, outputs, 2, 2]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv_transpose2d(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        let fits = x.dim(3)? == weight.dim(0)? && weight.dims()[2..] == [2, 2];
        expect(fits, || format!("a kernel {:?} for maps {:?}", weight.dims(), x.dims()))?;
        expect_channels(bias, weight.dim(1)?)?;
        let Kernels::Fused(kernels) = self.kernels else {
            let function = move |x: &[Tensor]| composed::conv_transpose2d(&x[0], &x[1], &x[2], activation);
            return self.compose(&[x, weight, bias], function);
        };
        let convolved = kernels.conv_transpose2d(x, weight, bias, activation)?;
        let y = convolved.y.clone();
        self.record(&[x, weight, bias], &y, move |grad| {
            let (x, weight, bias) = kernels.conv_transpose2d_backward(&convolved, &grad, activation)?;
            Ok(vec![x, Some(weight), Some(bias)])
        });
        Ok(y)
    }

    /// 2x2 max pooling: the maxima, and their positions in their windows (`u8`, 0 to 3).
    ///
    /// # Errors
    /// If height or width is odd.
    pub fn max_pool2d(self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let Kernels::Fused(kernels) = self.kernels else {
            let positions = composed::argmax(x)?;
            let at = positions.clone();
            return Ok((self.compose(&[x], move |x| composed::gather(&x[0], &at))?, positions));
        };
        let (y, positions) = kernels.max_pool2d(x)?;
        let at = positions.clone();
        self.record(&[x], &y, move |grad| Ok(vec![Some(kernels.scatter(&grad, &at)?)]));
        Ok((y, positions))
    }

    /// The inverse of [`max_pool2d`](Self::max_pool2d): every element at its position, zeros elsewhere.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn max_unpool2d(self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        expect(x.dims() == positions.dims(), || format!("positions {:?} for {:?}", positions.dims(), x.dims()))?;
        let at = positions.clone();
        let Kernels::Fused(kernels) = self.kernels else {
            return self.compose(&[x], move |x| composed::scatter(&x[0], &at));
        };
        let y = kernels.scatter(x, positions)?;
        self.record(&[x], &y, move |grad| Ok(vec![Some(kernels.gather(&grad, &at)?)]));
        Ok(y)
    }

    /// Nearest upsampling to twice the size.
    ///
    /// # Errors
    /// If `x` has not four dimensions.
    pub fn upsample(self, x: &Tensor) -> Result<Tensor> {
        let Kernels::Fused(kernels) = self.kernels else {
            return self.compose(&[x], |x| composed::upsample(&x[0]));
        };
        let y = kernels.upsample(x)?;
        self.record(&[x], &y, move |grad| Ok(vec![Some(kernels.upsample_backward(&grad)?)]));
        Ok(y)
    }

    /// The channels of `a`, then those of `b`.
    ///
    /// # Errors
    /// If the other sizes differ.
    pub fn concatenate(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let fits = a.rank() == 4 && b.rank() == 4 && a.dims()[..3] == b.dims()[..3];
        expect(fits, || format!("the channels of {:?} and {:?} side by side", a.dims(), b.dims()))?;
        let Kernels::Fused(kernels) = self.kernels else {
            return self.compose(&[a, b], |x| Tensor::cat(x, 3));
        };
        let y = kernels.concatenate(a, b)?;
        let in_a = a.dim(3)?;
        self.record(&[a, b], &y, move |grad| {
            let (a, b) = kernels.split(&grad, in_a)?;
            Ok(vec![Some(a), Some(b)])
        });
        Ok(y)
    }

    /// Batch norm by the moments of `x` itself, which are returned for the running statistics; `gamma` and `beta` `[c]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn batch_norm(
        self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<(Tensor, Moments)> {
        expect_channels(gamma, x.dim(3)?)?;
        expect_channels(beta, x.dim(3)?)?;
        let Kernels::Fused(kernels) = self.kernels else {
            let function =
                move |x: &[Tensor]| composed::normalize(&x[0], &composed::moments(&x[0])?, (&x[1], &x[2]), activation);
            return Ok((self.compose(&[x, gamma, beta], function)?, composed::moments(&x.detach())?));
        };
        let moments = kernels.moments(x)?;
        Ok((self.normalize(kernels, x, &moments, (gamma, beta), activation, true)?, moments))
    }

    /// Batch norm by given moments; no gradient flows to them.
    ///
    /// # Errors
    /// If the shapes do not fit.
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
        let Kernels::Fused(kernels) = self.kernels else {
            let function = move |x: &[Tensor]| composed::normalize(&x[0], &moments, (&x[1], &x[2]), activation);
            return self.compose(&[x, gamma, beta], function);
        };
        self.normalize(kernels, x, &moments, (gamma, beta), activation, false)
    }

    /// [`conv2d`](Self::conv2d), then [`batch_norm_by`](Self::batch_norm_by) with these moments, gamma and beta; in one operation
    /// where that is faster and no gradient is wanted.
    ///
    /// # Errors
    /// If the shapes do not fit.
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
        if let (Kernels::Fused(kernels), None) = (self.kernels, self.tape)
            && let Some((weight, bias)) = kernels.fold(weight, bias, moments, gamma, beta)?
        {
            return self.conv2d(x, &weight, &bias, activation);
        }
        let y = self.conv2d(x, weight, bias, Activation::Identity)?;
        self.batch_norm_by(&y, moments, gamma, beta, activation)
    }

    /// Batch norm by the fused kernels; `of_input` tells whether the moments are those of `x`.
    fn normalize(
        self,
        kernels: Fused,
        x: &Tensor,
        moments: &Moments,
        (gamma, beta): (&Tensor, &Tensor),
        activation: Activation,
        of_input: bool,
    ) -> Result<Tensor> {
        let y = kernels.normalize(x, moments, gamma, beta, activation)?;
        let (operands, moments) = ((x.clone(), gamma.detach(), y.clone()), moments.clone());
        self.record(&[x, gamma, beta], &y, move |grad| {
            let (x, gamma, y) = &operands;
            let (x, gamma, beta) = kernels.normalize_backward((x, gamma, y), &moments, grad, activation, of_input)?;
            Ok(vec![Some(x), Some(gamma), Some(beta)])
        });
        Ok(y)
    }
}
