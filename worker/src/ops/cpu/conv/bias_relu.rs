//! ReLU and bias on the way back: the gradient becomes zero where ReLU cut, and its sum over all pixels is the bias's gradient.

use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::vectorize;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::pixel_groups;
use crate::ops::cpu::run::simd::Real;

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
        let group = sums.len();
        vectorize(
            #[inline(always)]
            || {
                for (grad, y) in grad.chunks_mut(group).zip(y[range.clone()].chunks(group)) {
                    if activation == Activation::Relu {
                        for (grad, &y) in grad.iter_mut().zip(y) {
                            *grad = if y > T::default() { *grad } else { T::default() };
                        }
                    }
                    for (sum, &grad) in sums.iter_mut().zip(&*grad) {
                        *sum += grad;
                    }
                }
            },
        );
        pixel_groups::fold(&sums, channels)
    });
    pixel_groups::join(&sums, channels).into_iter().map(T::from_f64).collect()
}
