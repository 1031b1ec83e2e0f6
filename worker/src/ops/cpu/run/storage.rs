//! Candle's storage as slices.

use super::simd::Real;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor, WithDType};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// The elements of a contiguous operand.
fn slice<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let values = T::cpu_storage_as_slice(storage)?;
    Ok(&values[range(layout)?])
}

fn range(layout: &Layout) -> Result<std::ops::Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => candle_core::bail!("an operand of shape {:?} is not contiguous", layout.shape()),
    }
}

/// A tensor's elements, locked for reading.
pub(crate) struct Elements<'a> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
}

impl<'a> Elements<'a> {
    /// Locks `tensor`, which must be contiguous.
    pub(crate) fn of(tensor: &'a Tensor) -> Self {
        let (storage, layout) = tensor.storage_and_layout();
        Self { storage, layout }
    }

    /// The elements.
    pub(crate) fn slice<T: WithDType>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(storage) => slice(storage, self.layout),
            _ => candle_core::bail!("an operand is not on the CPU"),
        }
    }
}

/// Locks contiguous tensors on the CPU for reading, and hands their elements to `call`.
pub(crate) fn read<T: WithDType, const N: usize, R>(
    tensors: [&Tensor; N],
    call: impl FnOnce([&[T]; N]) -> Result<R>,
) -> Result<R> {
    let locked = tensors.map(Elements::of);
    let mut slices: [&[T]; N] = [&[]; N];
    for (slice, elements) in slices.iter_mut().zip(&locked) {
        *slice = elements.slice()?;
    }
    call(slices)
}

/// A new tensor on the CPU.
pub(crate) fn tensor<T: WithDType>(values: Vec<T>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu)
}

/// Lends the elements of a contiguous tensor on the CPU, to be changed in place. Nothing else may share them.
pub(crate) fn lend<T: Real, R>(target: &Tensor, change: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    struct Lend<T, F, R>(Mutex<(Option<F>, Option<R>)>, PhantomData<T>);

    impl<T: Real, R, F: FnOnce(&mut [T]) -> R> InplaceOp1 for Lend<T, F, R> {
        fn name(&self) -> &'static str {
            "lend"
        }

        fn cpu_fwd(&self, target: &mut CpuStorage, at: &Layout) -> Result<()> {
            let target = &mut T::as_mut_slice(target)?[range(at)?];
            let (change, result) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *result = change.take().map(|change| change(target));
            Ok(())
        }
    }

    let lend = Lend(Mutex::new((Some(change), None)), PhantomData::<T>);
    target.inplace_op1(&lend)?;
    let (_, result) = lend.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    result.ok_or_else(|| candle_core::Error::Msg("an operation in place did not run".to_owned()))
}

/// Changes `target` in place by `change(target, operand)`. Nothing else may share its elements.
pub(crate) fn change<T: Real, R>(
    target: &Tensor,
    operand: &Tensor,
    change: impl FnOnce(&mut [T], &[T]) -> R,
) -> Result<R> {
    let operand = Elements::of(operand);
    let operand = operand.slice()?;
    lend(target, |target| change(target, operand))
}

/// Calls a function that is generic over the float type with the type that `$dtype` names.
macro_rules! by_float {
    ($dtype:expr, $T:ident => $call:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $call
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $call
            }
            other => candle_core::bail!("expected f32 or f64, got {other:?}"),
        }
    };
}
pub(crate) use by_float;
