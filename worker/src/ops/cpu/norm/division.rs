//! How a map is divided for its norm: into samples with moments of their own, and these into chunks for tasks.

use crate::ops::cpu::run::pixel_groups;
use crate::ops::cpu::run::simd::Real;
use std::ops::Range;

/// Elements of a chunk: it stays in the L1 cache between two passes.
const CHUNK: usize = 1 << 13;

/// Elements of the chunks of maps with that many channels: whole pixels.
pub(super) fn chunk_size(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// How a map is divided into samples, and these into chunks of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    /// Elements of a sample.
    pub(super) length: usize,
    /// Elements of a chunk; the last of a sample may be smaller.
    chunk: usize,
    pub(super) samples: usize,
}

impl Division {
    /// Of a map of that many elements, with moments for that many channels of all samples.
    pub(super) fn of(elements: usize, moments: usize, channels: usize) -> Self {
        let samples = moments / channels;
        Self { length: elements / samples, chunk: chunk_size(channels), samples }
    }

    /// Chunks of a sample.
    pub(super) fn chunks(&self) -> usize {
        self.length.div_ceil(self.chunk)
    }

    pub(super) fn tasks(&self) -> usize {
        self.samples * self.chunks()
    }

    /// The sample of a task, and its elements of the map.
    pub(super) fn place(&self, task: usize) -> (usize, Range<usize>) {
        let (sample, chunk) = (task / self.chunks(), task % self.chunks() * self.chunk);
        let start = sample * self.length;
        (sample, start + chunk..start + self.length.min(chunk + self.chunk))
    }
}

/// Numbers per channel of every sample, each repeated for groups of pixels.
pub(super) fn spread_samples<T: Real>(numbers: &[T], channels: usize) -> Vec<Vec<T>> {
    numbers.chunks_exact(channels).map(pixel_groups::spread).collect()
}
