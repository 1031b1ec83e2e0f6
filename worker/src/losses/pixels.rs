//! Losses and their gradients on the CPU, pixel by pixel, in f64: one pass where Candle's operations take some forty.
//!
//! A task takes a case, so sums have the same bits whatever the number of threads.

use crate::ops::{Real, parallel, storage};
use candle_core::{Result, Tensor, WithDType};
use proto::spec::Loss;
use storage::{Elements, by_float};

/// `exp(-|x|)` and what follows from it: finite for every finite `x`.
struct Logit {
    x: f64,
    small: f64,
}

impl Logit {
    fn new(x: f64) -> Self {
        Self { x, small: (-x.abs()).exp() }
    }

    /// `1 / (1 + exp(-x))` and `1 / (1 + exp(x))`.
    fn sigmoid(&self) -> (f64, f64) {
        let (small, large) = (self.small / (1.0 + self.small), 1.0 / (1.0 + self.small));
        if self.x < 0.0 { (small, large) } else { (large, small) }
    }

    /// `log(1 + exp(x))` and `log(1 + exp(-x))`.
    fn softplus(&self) -> (f64, f64) {
        // not `max`, which drops what is not a number
        let (log, positive) = (self.small.ln_1p(), if self.x < 0.0 { 0.0 } else { self.x });
        (positive + log, positive - self.x + log)
    }
}

/// Value and slope of binary cross-entropy at a pixel.
fn bce(x: f64, y: f64) -> (f64, f64) {
    let logit = Logit::new(x);
    let ((up, down), (probability, other)) = (logit.softplus(), logit.sigmoid());
    // sigmoid(x) - y, without a difference
    (y * down + (1.0 - y) * up, (1.0 - y) * probability - y * other)
}

/// Value and slope of the focal loss at a pixel. With `q` the probability of the wrong class and `l = -log(1 - q)`, the value is
/// `q^gamma l` and its slope along the agreement `-q^gamma (gamma (1 - q) l + q)`.
fn focal(x: f64, y: f64, gamma: f64) -> (f64, f64) {
    let sign = 2.0 * y - 1.0;
    let agreement = Logit::new(sign * x);
    let (confidence, loss) = agreement.softplus();
    let (right, wrong) = agreement.sigmoid();
    let modulation = (-gamma * confidence).exp();
    (modulation * loss, -sign * modulation * (gamma * right * loss + wrong))
}

/// The loss of a case; `slope` is called with every pixel's index and slope.
fn case<T: Real>(loss: &Loss, logits: &[T], targets: &[T], mut slope: impl FnMut(usize, f64)) -> f64 {
    let pixels = logits.iter().zip(targets).map(|(x, y)| (x.to_f64(), y.to_f64()));
    let mut mean = |pixel: &dyn Fn(f64, f64) -> (f64, f64)| {
        let count = logits.len() as f64;
        let mut total = 0.0;
        for (index, (x, y)) in pixels.clone().enumerate() {
            let (value, along) = pixel(x, y);
            total += value;
            slope(index, along / count);
        }
        total / count
    };
    match *loss {
        Loss::Bce {} => mean(&bce),
        Loss::Focal { gamma } => mean(&|x, y| focal(x, y, gamma)),
        Loss::Dice { smooth } => {
            let (mut overlap, mut total) = (smooth, smooth);
            for (x, y) in pixels.clone() {
                let (probability, _) = Logit::new(x).sigmoid();
                overlap += 2.0 * probability * y;
                total += probability + y;
            }
            for (index, (x, y)) in pixels.enumerate() {
                let (probability, other) = Logit::new(x).sigmoid();
                slope(index, (overlap / total - 2.0 * y) / total * probability * other);
            }
            1.0 - overlap / total
        }
    }
}

/// The loss of every case, `[n]`; logits and targets `[n, 1, h, w]`.
///
/// # Errors
/// If the shapes differ.
pub(super) fn per_case(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (logits, targets) = (logits.flatten_from(1)?.contiguous()?, targets.flatten_from(1)?.contiguous()?);
    let (cases, pixels) = shape(&logits, &targets)?;
    let [x, y] = [&logits, &targets].map(Elements::of);
    by_float!(logits.dtype(), T => {
        let (x, y) = (x.slice::<T>()?, y.slice::<T>()?);
        let losses = parallel::collect(cases, |index| {
            let range = index * pixels..(index + 1) * pixels;
            T::from_f64(case(loss, &x[range.clone()], &y[range], |_, _| ()))
        });
        storage::tensor(losses, &[cases])
    })
}

/// The loss of every case, `[n]`, and the gradient of their mean with respect to the logits.
///
/// # Errors
/// If the shapes differ.
pub(super) fn with_gradient(loss: &Loss, logits: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
    let shaped = logits.dims();
    let (logits, targets) = (logits.flatten_from(1)?.contiguous()?, targets.flatten_from(1)?.contiguous()?);
    let (cases, pixels) = shape(&logits, &targets)?;
    let [x, y] = [&logits, &targets].map(Elements::of);
    by_float!(logits.dtype(), T => {
        let (x, y) = (x.slice::<T>()?, y.slice::<T>()?);
        let done = parallel::collect(cases, |index| {
            let range = index * pixels..(index + 1) * pixels;
            let mut gradient = vec![T::default(); pixels];
            let slope = |pixel: usize, slope: f64| gradient[pixel] = T::from_f64(slope / cases as f64);
            let value = case(loss, &x[range.clone()], &y[range], slope);
            (T::from_f64(value), gradient)
        });
        let (losses, gradients): (Vec<T>, Vec<_>) = done.into_iter().unzip();
        Ok((storage::tensor(losses, &[cases])?, storage::tensor(gradients.concat(), shaped)?))
    })
}

/// Cases and pixels of a case.
fn shape(logits: &Tensor, targets: &Tensor) -> Result<(usize, usize)> {
    match logits.dims() == targets.dims() {
        true => logits.dims2(),
        false => candle_core::bail!("targets {:?} for logits {:?}", targets.dims(), logits.dims()),
    }
}
