//! Floats and their vector registers: what lets one kernel serve `f32` and `f64` on every processor.

use candle_core::WithDType;
use pulp::{Arch, Simd, WithSimd};

/// A float that the kernels compute with.
pub(crate) trait Real: WithDType + num::Num + PartialOrd + std::iter::Sum {
    /// A register full of numbers on the instruction set `S`.
    type Lanes<S: Simd>: Copy;

    /// `value` in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>) -> Self::Lanes<S>;
    /// The sum of the lanes, in an order fixed by the instruction set.
    fn total<S: Simd>(simd: S, lanes: Self::Lanes<S>) -> Self;
    /// Numbers in a register.
    fn count<S: Simd>() -> usize {
        size_of::<Self::Lanes<S>>() / size_of::<Self>()
    }
}

/// The little arithmetic that generic code needs.
mod num {
    use std::ops::{Add, AddAssign, Div, Mul, Sub};

    #[expect(unreachable_pub, reason = "a supertrait of a crate-wide trait")]
    pub trait Num:
        Copy
        + Default
        + Send
        + Sync
        + AddAssign
        + Add<Output = Self>
        + Sub<Output = Self>
        + Mul<Output = Self>
        + Div<Output = Self>
    {
        /// The square root.
        fn sqrt(self) -> Self;
    }

    impl Num for f32 {
        #[inline(always)]
        fn sqrt(self) -> Self {
            self.sqrt()
        }
    }

    impl Num for f64 {
        #[inline(always)]
        fn sqrt(self) -> Self {
            self.sqrt()
        }
    }
}

impl Real for f32 {
    type Lanes<S: Simd> = S::f32s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f32s {
        simd.splat_f32s(value)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, lanes: S::f32s) -> Self {
        simd.reduce_sum_f32s(lanes)
    }
}

impl Real for f64 {
    type Lanes<S: Simd> = S::f64s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f64s {
        simd.splat_f64s(value)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_e_f64s(a, b, c)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, lanes: S::f64s) -> Self {
        simd.reduce_sum_f64s(lanes)
    }
}

/// Runs `kernel`, everything inlined into it included, compiled for the best instruction set of this processor.
pub(crate) fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    Arch::new().dispatch(kernel)
}
