//! Kernels as matrices, and back: panels for the products, sums of partial gradients.

use super::gemm::{PANEL, panels_size};
use crate::ops::cpu::run::parallel;
use crate::ops::cpu::run::simd::Real;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Minimum number of columns of the kernel's matrix per task.
const MIN_COLUMNS: usize = 64;
/// Channels of the larger map that are copied from or to a kernel before the next kernel's turn. Kernels may lie a power of two
/// apart, and then share a place in the L1 cache.
const BLOCK: usize = 16;

/// Cuts columns into at most `parts` ranges, each a whole number of panels.
pub(super) fn cut(columns: usize, parts: usize) -> Vec<Range<usize>> {
    let size = columns.div_ceil(parts.max(1)).next_multiple_of(MIN_COLUMNS);
    (0..columns).step_by(size).map(|start| start..columns.min(start + size)).collect()
}

/// The sums of matrices `[(tap, channel), columns]`, as kernels `[column, channel, tap]` from column `first` on.
pub(super) fn sum_parts<T: Real>(
    parts: &[&[T]],
    (channels, taps): (usize, usize),
    columns: usize,
    first: usize,
    kernels: &mut [T],
) {
    let count = kernels.len() / (channels * taps);
    let mut sums = vec![[T::default(); PANEL]; BLOCK * taps];
    for start in (0..channels).step_by(BLOCK) {
        let block = start..channels.min(start + BLOCK);
        for (channel, tap) in block.clone().flat_map(|channel| (0..taps).map(move |tap| (channel, tap))) {
            let sums = &mut sums[(channel - start) * taps + tap];
            *sums = [T::default(); PANEL];
            for part in parts {
                let row = &part[(tap * channels + channel) * columns + first..][..count];
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
            }
        }
        for (column, kernel) in kernels.chunks_exact_mut(channels * taps).enumerate() {
            let kernel = &mut kernel[block.start * taps..block.end * taps];
            kernel.iter_mut().zip(&sums).for_each(|(element, sums)| *element = sums[column]);
        }
    }
}

/// A matrix in panels: `elements(inner, column)` gives those of the rows `outer * inners + inner`, for every `outer` in turn.
pub(super) fn panels<T: Real, E: ExactSizeIterator<Item = T>>(
    (outers, inners): (usize, usize),
    columns: usize,
    elements: impl Fn(usize, usize) -> E + Sync,
) -> Vec<T> {
    let depth = outers * inners;
    let fill = |panel: usize, values: &mut [MaybeUninit<T>]| {
        let columns = panel * PANEL..columns.min((panel + 1) * PANEL);
        for start in (0..inners).step_by(BLOCK) {
            for (column, n) in columns.clone().enumerate() {
                for inner in start..inners.min(start + BLOCK) {
                    let elements = elements(inner, n);
                    assert_eq!(elements.len(), outers, "elements of a column");
                    let mut place = inner * PANEL + column;
                    for element in elements {
                        values[place].write(element);
                        place += inners * PANEL;
                    }
                }
            }
        }
        if columns.len() < PANEL {
            values.chunks_exact_mut(PANEL).for_each(|row| row[columns.len()..].fill(MaybeUninit::new(T::default())));
        }
    };
    // SAFETY: every row of a panel is written to its end.
    unsafe { parallel::written_chunks(panels_size(depth, columns), PANEL * depth, fill) }
}
