//! Groups of pixels for loops over maps: a loop over the channels of one pixel may be too short to pay for its start. Numbers per
//! channel are repeated for every pixel of a group. Sums are kept per place in a group, and folded to channels in the end.

use super::simd::Real;

/// Desired number of elements of a group.
const ELEMENTS: usize = 256;

/// Pixels of a group.
fn pixels(channels: usize) -> usize {
    (ELEMENTS / channels).max(1)
}

/// Elements of a group.
pub(in crate::ops::cpu) fn size(channels: usize) -> usize {
    pixels(channels) * channels
}

/// Numbers per channel, for every place in a group.
pub(in crate::ops::cpu) fn spread<T: Real>(per_channel: &[T]) -> Vec<T> {
    per_channel.repeat(pixels(per_channel.len()))
}

/// Zeros for every place in a group.
pub(in crate::ops::cpu) fn sums<T: Real>(channels: usize) -> Vec<T> {
    vec![T::default(); size(channels)]
}

/// The sums per channel, in f64 because they may be small beside their terms.
pub(in crate::ops::cpu) fn fold<T: Real>(sums: &[T], channels: usize) -> Vec<f64> {
    let mut folded = vec![0.0; channels];
    for pixel in sums.chunks_exact(channels) {
        folded.iter_mut().zip(pixel).for_each(|(folded, sum)| *folded += sum.to_f64());
    }
    folded
}

/// The sums per channel of all parts, in their order.
pub(in crate::ops::cpu) fn join(parts: &[Vec<f64>], channels: usize) -> Vec<f64> {
    (0..channels).map(|channel| parts.iter().map(|part| part[channel]).sum()).collect()
}
