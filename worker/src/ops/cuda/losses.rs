//! Losses with their gradients, and the pixel counts of cases. The pixels of a case are shared out to many blocks of threads.

use super::engine::{Argument, Engine, Grid, number};
use super::operand::{Variant, address, device, empty, expect};
use crate::ops::LossKernel;
use candle_core::{DType, Result, Tensor, bail};

use Argument::{Address, Factor, Number};

/// Maximum number of shares of a case.
const MAX_SHARES: usize = 32;
/// Pixels that a share has at least, if there are more of them: eight for every thread.
const SHARE: usize = 2048;

/// The loss of every case times `weight`, `[n]`; logits and targets are contiguous f32 `[n, ...]`.
pub(crate) fn losses(loss: LossKernel, weight: f64, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    compute(loss, weight, logits, targets, None)
}

/// The loss of every case times `weight`, `[n]`, and the gradient of their mean for the logits, in their shape; logits and targets are contiguous
/// f32 `[n, ...]`.
pub(crate) fn losses_with_gradient(
    loss: LossKernel,
    weight: f64,
    logits: &Tensor,
    targets: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let gradient = empty(logits.shape(), DType::F32, device(logits)?)?;
    Ok((compute(loss, weight, logits, targets, Some(&gradient))?, gradient))
}

/// The loss of every case, and if wanted the gradient, which is written to the given tensor.
fn compute(
    loss: LossKernel,
    weight: f64,
    logits: &Tensor,
    targets: &Tensor,
    gradient: Option<&Tensor>,
) -> Result<Tensor> {
    let Cases { count, pixels, shares } = Cases::of(logits, targets)?;
    let device = device(logits)?;
    let (sums, values) = (empty((count, shares, 3), DType::F64, device)?, empty(count, DType::F32, device)?);
    // kinds and parameters of `losses.cu`
    let (kind, parameters) = match loss {
        LossKernel::Bce { weight, smoothing } => (0, [weight, smoothing, 0.0, 0.0]),
        LossKernel::Dice { smooth } => (1, [smooth, 0.0, 0.0, 0.0]),
        LossKernel::Focal { gamma, alpha } => (2, [gamma, alpha, 0.0, 0.0]),
        LossKernel::Tversky { alpha, beta, smooth, gamma } => (3, [alpha, beta, smooth, gamma]),
    };
    let operands = [Address(address(logits)?), Address(address(targets)?), Address(address(&sums)?)];
    let gradients = Address(gradient.map_or(Ok(0), address)?);
    let [a, b, c, d] = parameters.map(|parameter| Factor(parameter as f32));
    let settings = [Number(kind), Factor(weight as f32), a, b, c, d, Number(number(pixels)?)];
    let (engine, variant) = (Engine::of(device)?, Variant::single(DType::F32));
    let arguments = [&operands[..], &[gradients], &settings].concat();
    engine.launch("loss_sums", variant, Grid::rows(shares, count), &arguments)?;
    let arguments = [&operands[..], &[Address(address(&values)?), gradients], &settings, &[Number(number(shares)?)]];
    engine.launch("finish_losses", variant, Grid::rows(shares, count), &arguments.concat())?;
    Ok(values)
}

/// True positives, false positives, false negatives and true negatives of every case, shared out: u32 `[n, shares, 4]`. Logits and
/// targets as for [`losses`].
pub(crate) fn count(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let Cases { count, pixels, shares } = Cases::of(logits, targets)?;
    let device = device(logits)?;
    let counts = empty((count, shares, 4), DType::U32, device)?;
    let operands = [logits, targets, &counts].map(|operand| address(operand).map(Address));
    let [logits, targets, to] = operands;
    let arguments = [logits?, targets?, to?, Number(number(pixels)?)];
    Engine::of(device)?.launch("count_pixels", Variant::single(DType::F32), Grid::rows(shares, count), &arguments)?;
    Ok(counts)
}

/// How many cases of how many pixels, and how these are shared out: by their number alone, so that sums keep their order.
struct Cases {
    count: usize,
    pixels: usize,
    shares: usize,
}

impl Cases {
    fn of(logits: &Tensor, targets: &Tensor) -> Result<Self> {
        expect(logits, DType::F32, logits.dims())?;
        expect(targets, DType::F32, logits.dims())?;
        let Some((&count, pixels)) = logits.dims().split_first() else { bail!("logits without cases") };
        number(logits.elem_count())?;
        let pixels = pixels.iter().product::<usize>();
        Ok(Self { count, pixels, shares: pixels.div_ceil(SHARE).clamp(1, MAX_SHARES) })
    }
}
