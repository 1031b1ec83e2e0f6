//! Everything that is left to chance, from one seed.

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::RangeInclusive;

pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// One of so many things.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    pub(crate) fn is(&mut self, percent: u64) -> bool {
        self.within(0..=99) < percent
    }

    pub(crate) fn id(&mut self) -> u128 {
        self.0.random()
    }

    /// Mostly short, now and then long.
    pub(crate) fn delay(&mut self, usual: u64, longest: u64) -> u64 {
        if self.is(5) { self.within(usual..=longest) } else { self.within(1..=usual) }
    }
}
