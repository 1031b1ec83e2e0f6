//! One operation, one kernel, forward and backward: where it runs is decided here and nowhere else.

use super::cpu::ConvGradients;
#[cfg(feature = "cudnn")]
use super::cuda;
use super::storage::{Elements, by_float};
use super::{Activation, Convolution, Convolved, Fused, Moments, algorithm, cpu};
use candle_core::{DType, Result, Tensor, Var};

/// Calls the function of that name of the kernels' module.
macro_rules! call {
    ($kernels:expr, $function:ident, $($operand:expr),+) => {
        match $kernels {
            Fused::Cpu(_) => cpu::$function($($operand),+),
            #[cfg(feature = "cudnn")]
            Fused::Cuda(_) => cuda::$function($($operand),+),
        }
    };
}

impl Fused {
    /// The type of feature maps; weights, moments and gradients of either keep theirs.
    fn dtype(self, given: DType) -> DType {
        match self {
            Self::Cpu(_) => given,
            #[cfg(feature = "cudnn")]
            Self::Cuda(precision) => cuda::dtype(precision),
        }
    }

    /// A map in the numbers that the kernels take.
    pub(super) fn enter(self, x: &Tensor) -> Result<Tensor> {
        cast(x, self.dtype(x.dtype()))
    }

    /// A map in f32, if the kernels take less.
    pub(super) fn leave(self, x: &Tensor) -> Result<Tensor> {
        match x.dtype() {
            DType::BF16 => cast(x, DType::F32),
            _ => Ok(x.clone()),
        }
    }

    pub(super) fn conv2d(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Convolved> {
        let (y, packed) = match self {
            Self::Cpu(convolution) => {
                (cpu::conv2d(x, weight, bias, activation, chosen(convolution, x, weight)?)?, None)
            }
            #[cfg(feature = "cudnn")]
            Self::Cuda(precision) => {
                let (y, packed) = cuda::conv2d(x, weight, bias, activation, precision)?;
                (y, Some(packed))
            }
        };
        Ok(Convolved { x: x.clone(), weight: weight.detach(), packed, y })
    }

    /// Gradients of the operands, that of the input if `wanted`.
    pub(super) fn conv2d_backward(
        self,
        convolved: &Convolved,
        grad: &Tensor,
        activation: Activation,
        wanted: bool,
    ) -> Result<ConvGradients> {
        match self {
            Self::Cpu(convolution) => {
                let Convolved { x, weight, y, .. } = convolved;
                let algorithm = chosen(convolution, x, weight)?;
                cpu::conv2d_backward((x, weight, y), grad, activation, algorithm, wanted)
            }
            #[cfg(feature = "cudnn")]
            Self::Cuda(precision) => cuda::conv2d_backward(convolved, grad, activation, precision, wanted),
        }
    }

    pub(super) fn conv_transpose2d(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Convolved> {
        let (y, packed) = match self {
            Self::Cpu(_) => (cpu::conv_transpose2d(x, weight, bias, activation)?, None),
            #[cfg(feature = "cudnn")]
            Self::Cuda(precision) => {
                let (y, packed) = cuda::conv_transpose2d(x, weight, bias, activation, precision)?;
                (y, Some(packed))
            }
        };
        Ok(Convolved { x: x.clone(), weight: weight.detach(), packed, y })
    }

    pub(super) fn conv_transpose2d_backward(
        self,
        convolved: &Convolved,
        grad: &Tensor,
        activation: Activation,
    ) -> Result<ConvGradients> {
        match self {
            Self::Cpu(_) => {
                let Convolved { x, weight, y, .. } = convolved;
                cpu::conv_transpose2d_backward((x, weight, y), grad, activation)
            }
            #[cfg(feature = "cudnn")]
            Self::Cuda(precision) => cuda::conv_transpose2d_backward(convolved, grad, activation, precision, true),
        }
    }

    /// Maxima and positions.
    pub(super) fn max_pool2d(self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        call!(self, max_pool2d, x)
    }

    /// The element of every window at its position.
    pub(super) fn gather(self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        call!(self, gather, x, positions)
    }

    /// Every element at its position of the window, zeros elsewhere.
    pub(super) fn scatter(self, x: &Tensor, positions: &Tensor) -> Result<Tensor> {
        call!(self, scatter, x, positions)
    }

    pub(super) fn upsample(self, x: &Tensor) -> Result<Tensor> {
        call!(self, upsample, x)
    }

    pub(super) fn upsample_backward(self, grad: &Tensor) -> Result<Tensor> {
        call!(self, upsample_backward, grad)
    }

    pub(super) fn concatenate(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        call!(self, concatenate, a, b)
    }

    /// The first `in_a` channels, and the others.
    pub(super) fn split(self, y: &Tensor, in_a: usize) -> Result<(Tensor, Tensor)> {
        call!(self, split, y, in_a)
    }

    pub(super) fn moments(self, x: &Tensor) -> Result<Moments> {
        call!(self, moments, x)
    }

    pub(super) fn normalize(
        self,
        x: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        call!(self, normalize, x, moments, gamma, beta, activation)
    }

    /// Kernel and bias of the convolution that does what this one and batch norm by `moments` do; nothing on CUDA devices, where
    /// the norm is a pass of its own.
    pub(super) fn fold(
        self,
        weight: &Tensor,
        bias: &Tensor,
        moments: &Moments,
        gamma: &Tensor,
        beta: &Tensor,
    ) -> Result<Option<(Tensor, Tensor)>> {
        match self {
            Self::Cpu(_) => cpu::fold(weight, bias, moments, gamma, beta).map(Some),
            #[cfg(feature = "cudnn")]
            Self::Cuda(_) => Ok(None),
        }
    }

    /// Gradients of input, gamma and beta.
    pub(super) fn normalize_backward(
        self,
        operands: (&Tensor, &Tensor, &Tensor),
        moments: &Moments,
        grad: Tensor,
        activation: Activation,
        of_input: bool,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        call!(self, normalize_backward, operands, moments, grad, activation, of_input)
    }
}

/// The algorithm on the CPU.
fn chosen(convolution: Convolution, x: &Tensor, weight: &Tensor) -> Result<super::Algorithm> {
    let (_, height, width, _) = x.dims4()?;
    Ok(algorithm(convolution, weight.dims(), height, width))
}

fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    #[cfg(feature = "cudnn")]
    if x.device().is_cuda() {
        return cuda::cast(x, dtype);
    }
    x.to_dtype(dtype)
}

/// `target += operand`: two gradients that meet.
pub(super) fn add(target: &mut Tensor, operand: &Tensor) -> Result<()> {
    if target.device().is_cpu() {
        return cpu::add(target, operand);
    }
    #[cfg(feature = "cudnn")]
    {
        *target = cuda::add(target, operand)?;
        Ok(())
    }
    #[cfg(not(feature = "cudnn"))]
    candle_core::bail!("this build has no kernels for {:?}", target.device().location())
}

/// Whether no element of contiguous tensors, all on one device, is infinite or not a number. Waits for the device.
pub(crate) fn are_finite(tensors: &[&Tensor]) -> Result<bool> {
    #[cfg(feature = "cudnn")]
    if tensors.first().is_some_and(|tensor| tensor.device().is_cuda()) {
        return cuda::are_finite(tensors);
    }
    for tensor in tensors {
        let finite = by_float!(tensor.dtype(), T => Elements::of(tensor).slice::<T>()?.iter().all(|x| x.is_finite()));
        if !finite {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Running statistics that follow a batch's: `running = keep running + share latest`.
#[derive(Debug, Clone)]
pub(crate) struct Blend {
    pub(crate) running: Var,
    pub(crate) latest: Tensor,
    pub(crate) share: f64,
}

/// Applies all blends, in place; on a CUDA device in one launch.
pub(crate) fn blend(blends: &[Blend], keep: f64) -> Result<()> {
    #[cfg(feature = "cudnn")]
    if blends.first().is_some_and(|blend| blend.running.device().is_cuda()) {
        let tensors: Vec<_> = blends.iter().map(|blend| [blend.running.as_tensor(), &blend.latest]).collect();
        let shares: Vec<_> = blends.iter().map(|blend| blend.share).collect();
        return cuda::blend(&tensors, &shares, keep);
    }
    for Blend { running, latest, share } in blends {
        running.set(&(running.as_detached_tensor().affine(keep, 0.0)? + latest.affine(*share, 0.0)?)?)?;
    }
    Ok(())
}
