//! Operations and losses composed of Candle's differentiable operations, on any device: the reference of the self-test and the
//! tests. Nothing trains with it.
//!
//! Candle's pooling and upsampling are avoided: their gradients are wrong (scaled by 1/4; overwriting what was accumulated), and
//! so is that of its ReLU at zero.

pub mod losses;

use crate::ops::{
    Activation, Backend, ConvGradients, Convolved, EPSILON, Kernel, LEAK, Moments, Normalized, Population,
};
use candle_core::{D, DType, Result, Tensor, Var};

/// Candle's operations.
#[derive(Debug, Clone, Copy)]
pub struct Composed;

impl Backend for Composed {
    fn conv2d(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Convolved> {
        let [x, weight, bias] = [x, weight, bias].map(Tensor::detach);
        let y = activate(&conv2d(&x, &weight)?.broadcast_add(&bias)?, activation)?;
        Ok(Convolved { x, weight, packed: None, y, activation })
    }

    fn conv2d_backward(&self, convolved: &Convolved, grad: Tensor, _: bool) -> Result<ConvGradients> {
        conv_gradients(convolved, &grad, conv2d)
    }

    fn conv_transpose2d(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Convolved> {
        let [x, weight, bias] = [x, weight, bias].map(Tensor::detach);
        let y = activate(&conv_transpose2d(&x, &weight)?.broadcast_add(&bias)?, activation)?;
        Ok(Convolved { x, weight, packed: None, y, activation })
    }

    fn conv_transpose2d_backward(&self, convolved: &Convolved, grad: Tensor) -> Result<ConvGradients> {
        conv_gradients(convolved, &grad, conv_transpose2d)
    }

    fn max_pool2d(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let positions = argmax(x)?;
        Ok((self.gather(x, &positions)?, positions))
    }

    fn gather(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        windows(&x.detach())?.mul(&masks(positions, x)?)?.sum(D::Minus1)
    }

    fn scatter(&self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        let (n, height, width, c) = x.dims4()?;
        let windows = x.detach().unsqueeze(D::Minus1)?.broadcast_mul(&masks(positions, x)?)?;
        let blocks = windows.reshape(&[n, height, width, c, 2, 2][..])?.permute([0, 1, 4, 2, 5, 3])?;
        blocks.contiguous()?.reshape((n, 2 * height, 2 * width, c))
    }

    fn upsample(&self, x: &Tensor) -> Result<Tensor> {
        let (n, height, width, c) = x.dims4()?;
        let pixels = x.detach().reshape(&[n, height, 1, width, 1, c][..])?;
        let blocks = pixels.broadcast_as(&[n, height, 2, width, 2, c][..])?;
        blocks.contiguous()?.reshape((n, 2 * height, 2 * width, c))
    }

    fn upsample_backward(&self, grad: &Tensor) -> Result<Tensor> {
        windows(grad)?.sum(D::Minus1)
    }

    fn concatenate(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Tensor::cat(&[a.detach(), b.detach()], 3)
    }

    fn split(&self, grad: &Tensor, channels: usize) -> Result<(Tensor, Tensor)> {
        let others = grad.dim(3)? - channels;
        Ok((grad.narrow(3, 0, channels)?.contiguous()?, grad.narrow(3, channels, others)?.contiguous()?))
    }

    fn moments(&self, x: &Tensor, population: Population) -> Result<Moments> {
        moments(&x.detach(), population)
    }

    fn normalize(
        &self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        let [x, gamma, beta] = [x, gamma, beta].map(Tensor::detach);
        activate(&normalize(&x, moments, &gamma, &beta)?, activation)
    }

    fn normalize_backward(&self, normalized: &Normalized, grad: Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let Normalized { x, gamma, y, moments: given, population, activation } = normalized;
        let grad = masked(&grad, y, *activation)?;
        let [x, gamma, beta] = gradients([x, gamma, &gamma.zeros_like()?], &grad, |[x, gamma, beta]| {
            let moments = population.map_or_else(|| Ok(given.clone()), |population| moments(x, population))?;
            normalize(x, &moments, gamma, beta)
        })?;
        Ok((x, gamma, beta))
    }

    fn residual(&self, a: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
        activate(&(a.detach() + b.detach())?, activation)
    }

    fn residual_backward(&self, y: &Tensor, grad: Tensor, activation: Activation) -> Result<Tensor> {
        masked(&grad, y, activation)
    }

    fn add(&self, sum: &mut Tensor, operand: &Tensor) -> Result<()> {
        *sum = (&*sum + operand)?;
        Ok(())
    }

    fn are_finite(&self, tensors: &[&Tensor]) -> Result<bool> {
        let finite = |tensor: &&Tensor| {
            let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            Ok(values.into_iter().all(f64::is_finite))
        };
        tensors.iter().map(finite).try_fold(true, |all, finite: Result<bool>| Ok(all && finite?))
    }
}

/// The gradients of `sum(function(operands) grad)`, by Candle.
fn gradients<const N: usize>(
    operands: [&Tensor; N],
    grad: &Tensor,
    function: impl Fn([&Tensor; N]) -> Result<Tensor>,
) -> Result<[Tensor; N]> {
    let variables = operands.map(|operand| Var::from_tensor(&operand.detach()));
    let mut tensors = operands.map(Tensor::clone);
    for (tensor, variable) in tensors.iter_mut().zip(variables) {
        *tensor = variable?.into_inner();
    }
    let found = (function(tensors.each_ref())? * grad)?.sum_all()?.backward()?;
    for tensor in &mut tensors {
        let Some(gradient) = found.get(tensor) else { candle_core::bail!("an operand has no gradient") };
        *tensor = gradient.contiguous()?;
    }
    Ok(tensors)
}

/// The gradients of a convolution, which `function` computes of input and weight, with bias and activation.
fn conv_gradients(
    Convolved { x, weight, y, activation, .. }: &Convolved,
    grad: &Tensor,
    function: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<ConvGradients> {
    let grad = masked(grad, y, *activation)?;
    let [x, weight] = gradients([x, weight], &grad, |[x, weight]| function(x, weight))?;
    Ok(ConvGradients { x: Some(x), weight, bias: grad.flatten_to(2)?.sum(0)? })
}

/// Without bias.
fn conv2d(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let kernel = Kernel::of(weight.dims())?;
    let padding = usize::from(kernel == Kernel::K3);
    channels_last(&channels_first(x)?.conv2d(weight, padding, kernel.stride(), 1, 1)?)
}

/// Without bias.
fn conv_transpose2d(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    channels_last(&channels_first(x)?.conv_transpose2d(weight, 0, 0, 2, 1)?)
}

/// `[n, h, w, c]` -> `[n, c, h, w]`
fn channels_first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

/// `[n, c, h, w]` -> `[n, h, w, c]`
fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

/// Positions of the maxima, the first of equals.
fn argmax(x: &Tensor) -> Result<Tensor> {
    let windows = windows(&x.detach())?;
    let quarter = |index| windows.narrow(D::Minus1, index, 1)?.squeeze(D::Minus1)?.contiguous();
    let [a, b, c, d] = [quarter(0)?, quarter(1)?, quarter(2)?, quarter(3)?];
    let maximum = a.maximum(&b)?.maximum(&c.maximum(&d)?)?;
    let index = |index: u8| Tensor::full(index, maximum.shape(), maximum.device());
    let last = c.eq(&maximum)?.where_cond(&index(2)?, &index(3)?)?;
    let right = b.eq(&maximum)?.where_cond(&index(1)?, &last)?;
    a.eq(&maximum)?.where_cond(&index(0)?, &right)
}

/// Differentiable.
fn moments(x: &Tensor, population: Population) -> Result<Moments> {
    let Population::Group(size) = population else {
        let pixels = x.flatten_to(2)?;
        let mean = pixels.mean(0)?;
        let variance = pixels.broadcast_sub(&mean)?.sqr()?.mean(0)?;
        return Ok(Moments { mean, variance });
    };
    let (n, height, width, c) = x.dims4()?;
    let groups = x.reshape((n, height * width, c / size, size))?;
    let mean = groups.mean_keepdim((1, 3))?;
    let variance = groups.broadcast_sub(&mean)?.sqr()?.mean_keepdim((1, 3))?;
    let by_channel = |number: &Tensor| number.broadcast_as((n, 1, c / size, size))?.contiguous()?.reshape((n, c));
    Ok(Moments { mean: by_channel(&mean)?, variance: by_channel(&variance)? })
}

/// Differentiable.
fn normalize(x: &Tensor, moments: &Moments, gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    let by_image = |number: &Tensor| match number.dims() {
        &[n, c] => number.reshape((n, 1, 1, c)),
        _ => Ok(number.clone()),
    };
    let sigma = by_image(&moments.variance.affine(1.0, EPSILON)?.sqrt()?)?;
    x.broadcast_sub(&by_image(&moments.mean)?)?.broadcast_div(&sigma)?.broadcast_mul(gamma)?.broadcast_add(beta)
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu | Activation::LeakyRelu => masked(x, x, activation),
    }
}

/// `x` where the activation lets its input through to its result `y`, zero or [`LEAK`] of it elsewhere.
fn masked(x: &Tensor, y: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => y.le(&y.zeros_like()?)?.where_cond(&x.zeros_like()?, x),
        Activation::LeakyRelu => y.le(&y.zeros_like()?)?.where_cond(&x.affine(LEAK, 0.0)?, x),
    }
}

/// `[n, 2 h, 2 w, c]` -> `[n, h, w, c, 4]`
fn windows(x: &Tensor) -> Result<Tensor> {
    let (n, height, width, c) = x.dims4()?;
    let (height, width) = Kernel::K2Stride2.output(height, width)?;
    let blocks = x.reshape(&[n, height, 2, width, 2, c][..])?.permute([0, 1, 3, 5, 2, 4])?;
    blocks.contiguous()?.reshape((n, height, width, c, 4))
}

/// Positions `[n, h, w, c]` -> `[n, h, w, c, 4]`: 1 at the position, else 0, in the type of `like`.
fn masks(positions: &Tensor, like: &Tensor) -> Result<Tensor> {
    let indices = Tensor::new(&[0u8, 1, 2, 3], positions.device())?;
    positions.unsqueeze(D::Minus1)?.broadcast_eq(&indices)?.to_dtype(like.dtype())
}
