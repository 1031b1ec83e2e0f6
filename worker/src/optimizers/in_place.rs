//! Elementwise updates of a tensor by two others, fused, on the CPU.

use crate::ops::storage::slice;
use crate::ops::{Real, dispatch, parallel};
use candle_core::{CpuStorage, InplaceOp3, Layout, Result};

/// Elements that a task updates.
const CHUNK: usize = 1 << 16;

/// What becomes of an element.
pub(super) trait Update: Copy + Send + Sync {
    /// The new value of `target`.
    fn apply<T: Real>(&self, target: T, a: T, b: T) -> T;
}

/// An update as a Candle op.
pub(super) struct InPlace<U>(pub(super) U);

impl<U: Update> InPlace<U> {
    fn run<T: Real>(&self, target: &mut [T], a: &[T], b: &[T]) {
        let update = self.0;
        parallel::chunks(target, CHUNK, |chunk, target| {
            let start = chunk * CHUNK;
            let operands = a[start..start + target.len()].iter().zip(&b[start..start + target.len()]);
            dispatch(
                #[inline(always)]
                || {
                    for (target, (&a, &b)) in target.iter_mut().zip(operands) {
                        *target = update.apply(*target, a, b);
                    }
                },
            );
        });
    }
}

impl<U: Update> InplaceOp3 for InPlace<U> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<()> {
        let Some((start, end)) = target_layout.contiguous_offsets() else {
            candle_core::bail!("a tensor of shape {:?} to change is not contiguous", target_layout.shape());
        };
        match target {
            CpuStorage::F32(target) => {
                self.run(&mut target[start..end], slice(a, a_layout)?, slice(b, b_layout)?);
            }
            CpuStorage::F64(target) => {
                self.run(&mut target[start..end], slice(a, a_layout)?, slice(b, b_layout)?);
            }
            _ => candle_core::bail!("expected a tensor of f32 or f64 to change"),
        }
        Ok(())
    }
}
