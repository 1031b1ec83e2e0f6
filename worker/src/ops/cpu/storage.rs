//! Candle's storage as slices.

use super::simd::Real;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Storage, StorageRef, Tensor, WithDType};
use std::sync::Mutex;

/// The elements of a contiguous operand.
pub(crate) fn slice<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
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

/// A new tensor on the CPU.
pub(crate) fn tensor<T: WithDType>(values: Vec<T>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu)
}

/// Changes `target` in place by `change(target, operand)`. Nothing else may share its storage.
pub(crate) fn change<T: Real, R>(target: &Tensor, operand: &Tensor, change: impl Fn(&mut [T], &[T]) -> R) -> Result<R> {
    struct Change<F, R, T>(F, Mutex<Option<R>>, std::marker::PhantomData<T>);

    impl<T: Real, R, F: Fn(&mut [T], &[T]) -> R> InplaceOp2 for Change<F, R, T> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, target: &mut CpuStorage, at: &Layout, operand: &CpuStorage, from: &Layout) -> Result<()> {
            let target = &mut T::as_mut_slice(target)?[range(at)?];
            let result = (self.0)(target, slice(operand, from)?);
            *self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
            Ok(())
        }
    }

    let change = Change(change, Mutex::new(None), std::marker::PhantomData::<T>);
    target.inplace_op2(operand, &change)?;
    let result = change.1.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    result.ok_or_else(|| candle_core::Error::Msg("an operation in place did not run".to_owned()))
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
