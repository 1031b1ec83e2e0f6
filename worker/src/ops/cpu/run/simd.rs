//! Floats and their vector registers, so that one kernel serves `f32` and `f64` on every processor.

use candle_core::{CpuStorage, Result, WithDType};
use pulp::{Simd, bytemuck};
use std::mem::MaybeUninit;

/// Maximum of numbers in a register: `f32` in 512 bits.
const MAX_LANES: usize = 16;

/// A float that the kernels compute with.
pub(crate) trait Real: WithDType + bytemuck::Pod + num::Num + PartialOrd + std::iter::Sum {
    /// A register full of numbers on the instruction set `S`.
    type Lanes<S: Simd>: Copy;

    /// `value` in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// `a + b`
    fn plus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a - b`
    fn minus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a * b`
    fn times<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `max(a, 0)`; not-a-number stays, so that a diverged training shows.
    fn relu<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a` where `y` is above zero, else zero; also where `y` is not a number.
    fn where_positive<S: Simd>(simd: S, y: Self::Lanes<S>, a: Self::Lanes<S>) -> Self::Lanes<S>;
    /// The sum of all lanes.
    fn total<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
    /// Loads as many lanes as `source` has, and zeros into the others.
    fn load_some<S: Simd>(simd: S, source: &[Self]) -> Self::Lanes<S>;
    /// Stores as many lanes as `target` has.
    fn store_some<S: Simd>(simd: S, target: &mut [Self], lanes: Self::Lanes<S>);

    /// The elements of a storage of this type.
    fn as_mut_slice(storage: &mut CpuStorage) -> Result<&mut [Self]>;

    /// Numbers in a register.
    #[inline(always)]
    fn count<S: Simd>() -> usize {
        size_of::<Self::Lanes<S>>() / size_of::<Self>()
    }

    /// A register full from `source` on.
    ///
    /// # Safety
    /// That many elements are readable there.
    #[inline(always)]
    unsafe fn load<S: Simd>(source: *const Self) -> Self::Lanes<S> {
        // SAFETY: the caller promises that they are readable; the read needs no alignment.
        unsafe { source.cast::<Self::Lanes<S>>().read_unaligned() }
    }

    /// Writes a register from `target` on.
    ///
    /// # Safety
    /// That many elements are writable there.
    #[inline(always)]
    unsafe fn store<S: Simd>(target: *mut Self, lanes: Self::Lanes<S>) {
        // SAFETY: the caller promises that there is room; the write needs no alignment.
        unsafe { target.cast::<Self::Lanes<S>>().write_unaligned(lanes) }
    }

    /// Writes as many lanes as `target` has, a register at most.
    #[inline(always)]
    fn write<S: Simd>(target: &mut [MaybeUninit<Self>], lanes: Self::Lanes<S>) {
        if target.len() == Self::count::<S>() {
            // SAFETY: the slice is as long as a register.
            unsafe { Self::store::<S>(target.as_mut_ptr().cast(), lanes) }
            return;
        }
        const { assert!(size_of::<Self::Lanes<S>>() <= MAX_LANES * size_of::<Self>()) }
        let mut numbers = [Self::default(); MAX_LANES];
        // SAFETY: the array is as long as the largest register.
        unsafe { Self::store::<S>(numbers.as_mut_ptr(), lanes) }
        target.write_copy_of_slice(&numbers[..target.len()]);
    }
}

/// The little arithmetic that generic code needs.
mod num {
    use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Sub};

    #[expect(unreachable_pub, reason = "a supertrait of a crate-wide trait")]
    pub trait Num:
        Copy
        + Default
        + Send
        + Sync
        + AddAssign
        + MulAssign
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

macro_rules! real {
    ($T:ty, $variant:ident, $lanes:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident, $less:ident, $select:ident,
     $total:ident, $load:ident, $store:ident) => {
        impl Real for $T {
            type Lanes<S: Simd> = S::$lanes;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$lanes {
                simd.$splat(value)
            }

            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn relu<S: Simd>(simd: S, a: S::$lanes) -> S::$lanes {
                let zero = simd.$splat(0.0);
                simd.$select(simd.$less(a, zero), zero, a)
            }

            #[inline(always)]
            fn where_positive<S: Simd>(simd: S, y: S::$lanes, a: S::$lanes) -> S::$lanes {
                let zero = simd.$splat(0.0);
                simd.$select(simd.$less(zero, y), a, zero)
            }

            #[inline(always)]
            fn total<S: Simd>(simd: S, a: S::$lanes) -> Self {
                simd.$total(a)
            }

            #[inline(always)]
            fn load_some<S: Simd>(simd: S, source: &[Self]) -> S::$lanes {
                if source.len() == Self::count::<S>() {
                    // SAFETY: the slice is as long as a register.
                    return unsafe { Self::load::<S>(source.as_ptr()) };
                }
                simd.$load(source)
            }

            #[inline(always)]
            fn store_some<S: Simd>(simd: S, target: &mut [Self], lanes: S::$lanes) {
                if target.len() == Self::count::<S>() {
                    // SAFETY: the slice is as long as a register.
                    return unsafe { Self::store::<S>(target.as_mut_ptr(), lanes) };
                }
                simd.$store(target, lanes);
            }

            fn as_mut_slice(storage: &mut CpuStorage) -> Result<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(values) => Ok(values),
                    _ => candle_core::bail!("expected a tensor of {}", stringify!($T)),
                }
            }
        }
    };
}

real!(
    f32,
    F32,
    f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_e_f32s,
    less_than_f32s,
    select_f32s,
    reduce_sum_f32s,
    partial_load_f32s,
    partial_store_f32s
);
real!(
    f64,
    F64,
    f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    less_than_f64s,
    select_f64s,
    reduce_sum_f64s,
    partial_load_f64s,
    partial_store_f64s
);

/// `count` zeros.
pub(crate) fn zeros<T: Real>(count: usize) -> Vec<T> {
    vec![T::default(); count]
}
