//! Named random streams. Each purpose draws from a stream of its own, made from the purpose's name and its numbers alone. So no draw
//! shifts another, and the same job draws the same numbers on every machine. Shuffling is written out here too, because a crate may
//! change its algorithms from release to release.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The stream for `purpose` with `numbers` (seeds, an epoch, ...).
#[must_use]
pub fn stream(purpose: &str, numbers: &[u64]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("splitsweep random stream 1");
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Puts the items in a random order (Fisher and Yates), every one equally likely.
pub fn shuffle<T>(items: &mut [T], stream: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(stream, last as u64 + 1) as usize);
    }
}

/// A number in `0..bound`, every one equally likely (Lemire 2019, arXiv 1805.10941).
fn below(stream: &mut impl Rng, bound: u64) -> u64 {
    loop {
        let product = u128::from(stream.next_u64()) * u128::from(bound);
        // below this threshold some numbers would be drawn once too often
        if product as u64 >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stream;
    use rand::Rng;

    #[test]
    fn a_stream_depends_on_its_purpose_and_its_numbers() {
        let draw = |purpose, numbers: &[u64]| stream(purpose, numbers).next_u64();
        assert_eq!(draw("split", &[1]), draw("split", &[1]));
        assert_ne!(draw("split", &[1]), draw("order", &[1]));
        assert_ne!(draw("split", &[1]), draw("split", &[2]));
        assert_ne!(draw("split", &[1]), draw("split", &[1, 0]));
    }
}
