//! ReLU and bias on the way back: the gradient becomes zero where ReLU cut, and its sum over all pixels is the bias's gradient.

use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::{Vectorized, dispatch};
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::pixel_groups;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::hint::black_box;
use std::slice;

/// Elements of a chunk.
const CHUNK: usize = 1 << 14;
/// Maximum number of pixels of a chunk: a sum of fewer numbers is rounded less.
const MAX_PIXELS: usize = 256;

/// Sets `grad` to zero where the activation let nothing through to `y`, and returns its sum per channel.
pub(super) fn backward<T: Real>(grad: &mut [T], y: &[T], channels: usize, activation: Activation) -> Vec<T> {
    let size = (CHUNK / channels).clamp(1, MAX_PIXELS) * channels;
    let total = grad.len();
    let grad = Scattered::new(grad);
    let sums = parallel::collect(total.div_ceil(size), |chunk| {
        let range = chunk * size..total.min((chunk + 1) * size);
        // SAFETY: chunks do not overlap.
        let grad = unsafe { grad.slice(range.start, range.len()) };
        let mut sums = pixel_groups::sums::<T>(channels);
        dispatch(Backward { grad, y: &y[range], sums: &mut sums, activation });
        pixel_groups::fold(&sums, channels)
    });
    pixel_groups::join(&sums, channels).into_iter().map(T::from_f64).collect()
}

/// Cuts the gradient of some pixels, and adds it to the sums, which begin again after as many numbers.
struct Backward<'a, T> {
    grad: &'a mut [T],
    y: &'a [T],
    sums: &'a mut [T],
    activation: Activation,
}

impl<T: Real> Vectorized for Backward<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { grad, y, sums, activation } = self;
        let (lanes, group) = (T::count::<S>(), sums.len());
        assert!(grad.len() == y.len());
        let target = grad.as_mut_ptr();
        // if the compiler knew that these are one place, it would store under a mask, which takes long on AMD's processors
        let source = black_box(target.cast_const());
        let mut place = 0;
        for y in y.chunks(group) {
            for (y, sums) in y.chunks(lanes).zip(sums.chunks_mut(lanes)) {
                let count = y.len();
                // SAFETY: the gradient is as long as `y`, through which `place` goes, and nothing else refers to it.
                let grad = unsafe { slice::from_raw_parts(source.add(place), count) };
                let mut passed = T::load_some(simd, grad);
                if activation == Activation::Relu {
                    passed = T::where_positive(simd, T::load_some(simd, y), passed);
                    // SAFETY: the same; what was borrowed above is read by now.
                    T::store_some(simd, unsafe { slice::from_raw_parts_mut(target.add(place), count) }, passed);
                }
                let sums = &mut sums[..count];
                let sum = T::plus(simd, T::load_some(simd, sums), passed);
                T::store_some(simd, sums, sum);
                place += count;
            }
        }
    }
}
