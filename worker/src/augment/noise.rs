//! Normally distributed noise, of its own for every value.

use super::changes::normal;
use rand::Rng;

/// Adds noise of a standard deviation that is a share of the range of bytes.
pub(super) fn apply(values: &mut [f32], deviation: f64, stream: &mut impl Rng) {
    for pair in values.chunks_mut(2) {
        for (value, noise) in pair.iter_mut().zip(normal(stream)) {
            *value += (255.0 * deviation * noise) as f32;
        }
    }
}
