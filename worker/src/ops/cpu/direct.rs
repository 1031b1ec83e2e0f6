//! Convolutions as products of patches with the kernel, without writing the patches down.
//!
//! Every site (a pixel of the smaller map) has a patch of the larger map: its 3x3 neighbours, itself, or a 2x2 block. With the
//! kernel as a matrix `W[(row of taps, tap in the row, channel of the larger map), channel of the smaller map]`
//!
//! ```text
//!  gather      smaller = patches(larger) W        convolution; gradient of a transposed convolution
//!  scatter     patches(larger) = smaller W^T      transposed convolution; gradient of a strided convolution
//!  correlate   W' = patches(larger)^T smaller     gradient of the kernel of either
//! ```
//!
//! The gradient of a 3x3 convolution is one too, with the kernel turned and its channels exchanged. PyTorch has a kernel as
//! `[channel of the smaller map, channel of the larger map, row, column]`, transposed or not.

use super::gemm::{Correlate, Multiply, PANEL, Patches, panels_size};
use super::gemv::{Accumulate, Project};
use super::parallel::{self, Scattered};
use super::simd::Real;
use super::vectors::dispatch;
use crate::ops::{Activation, Taps};
use std::ops::Range;

/// Elements of a run of all patches of a task, at most: they stay in the second cache.
const STRIP: usize = 1 << 15;
/// Sites that a task has at least and at most, to a row of the map.
const SITES: (usize, usize) = (64, 1024);
/// Columns of the kernel's matrix that a task has at least.
const COLUMNS: usize = 64;
/// Tasks that are wanted where the map alone gives fewer.
const TASKS: usize = 8;
/// Channels of the larger map that are taken from a kernel, or put into it, before the next kernel's: kernels may lie a power of
/// two apart, and then share a place in the nearest cache.
const BLOCK: usize = 16;
/// Elements of all partial gradients of a kernel.
const PARTIALS: usize = 1 << 22;

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// A patch's shape.
    pub(super) taps: Taps,
    /// Images.
    pub(super) batch: usize,
    /// Rows of sites.
    pub(super) height: usize,
    /// Sites of a row.
    pub(super) width: usize,
    /// Channels of the larger map.
    pub(super) larger: usize,
    /// Channels of the smaller map.
    pub(super) smaller: usize,
}

/// Which way a 3x3 kernel is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it stands.
    Straight,
    /// Turned by half a circle, its channels exchanged: the kernel of the input's gradient.
    Turned,
}

/// Rows of sites with their patches.
struct Strip<'a, T> {
    /// For every run of a patch, where that of each site lies.
    runs: Vec<Vec<&'a [T]>>,
    /// Where each site begins in the smaller map.
    sites: Vec<usize>,
}

impl Geometry {
    fn rows(&self) -> usize {
        self.batch * self.height
    }

    /// Taps in a row, which is also the number of rows.
    fn side(&self) -> usize {
        match self.taps {
            Taps::Neighbours => 3,
            Taps::Pixel => 1,
            Taps::Block => 2,
        }
    }

    /// Elements of a run: a row of taps.
    fn length(&self) -> usize {
        self.side() * self.larger
    }

    fn depth(&self) -> usize {
        self.side() * self.length()
    }

    /// Elements of a row of the larger map.
    fn pitch(&self) -> usize {
        match self.taps {
            Taps::Neighbours | Taps::Pixel => self.width * self.larger,
            Taps::Block => 2 * self.width * self.larger,
        }
    }

    /// Elements of the larger map.
    pub(super) fn larger_size(&self) -> usize {
        let stride = if self.taps == Taps::Block { 2 } else { 1 };
        self.rows() * self.width * stride * stride * self.larger
    }

    /// Elements of the smaller map.
    pub(super) fn smaller_size(&self) -> usize {
        self.rows() * self.width * self.smaller
    }

    /// Rows of sites in a strip.
    fn strip_rows(&self) -> usize {
        let sites = (STRIP / self.depth() * self.side()).clamp(SITES.0, SITES.1);
        (sites / self.width).clamp(1, self.rows().max(1))
    }

    fn strips(&self) -> usize {
        self.rows().div_ceil(self.strip_rows())
    }

    /// Cuts `columns` so that there are enough tasks beside the strips.
    fn cut(&self, columns: usize) -> Vec<Range<usize>> {
        cut(columns, TASKS.div_ceil(self.strips().max(1)))
    }

    /// Rows of sites.
    fn strip(&self, index: usize) -> Range<usize> {
        index * self.strip_rows()..self.rows().min((index + 1) * self.strip_rows())
    }

    /// Where each site begins in the smaller map.
    fn sites(&self, rows: &Range<usize>) -> Vec<usize> {
        (rows.start * self.width..rows.end * self.width).map(|site| site * self.smaller).collect()
    }

    /// Where each patch begins in the larger map; not for neighbours.
    fn places(&self, rows: &Range<usize>) -> impl Iterator<Item = usize> {
        let (side, pitch, step) = (self.side(), self.pitch(), self.side() * self.larger);
        let width = self.width;
        rows.clone().flat_map(move |row| (0..width).map(move |x| row * side * pitch + x * step))
    }

    /// The runs that reach over an edge of the larger map: one above or below it, then those at the left and at the right end of
    /// each of its rows, from that above the strip to that below.
    fn over_edges<T: Real>(&self, rows: &Range<usize>, larger: &[T]) -> Vec<T> {
        if self.taps != Taps::Neighbours {
            return Vec::new();
        }
        let (run, pixel, pitch) = (self.length(), self.larger, self.pitch());
        let mut values = zeros(run * (1 + 2 * (rows.len() + 2)));
        let (_, ends) = values.split_at_mut(run);
        for (index, ends) in ends.chunks_exact_mut(2 * run).enumerate() {
            // the row above the first is none
            let Some(row) = (rows.start + index).checked_sub(1).filter(|&row| row < self.rows()) else { continue };
            let row = &larger[row * pitch..(row + 1) * pitch];
            let (left, right) = ends.split_at_mut(run);
            let inside = row.len().min(2 * pixel);
            left[pixel..pixel + inside].copy_from_slice(&row[..inside]);
            right[..inside].copy_from_slice(&row[row.len() - inside..]);
        }
        values
    }

    /// Some rows of sites, with [what reaches over an edge](Self::over_edges) there.
    fn patches<'a, T: Real>(&self, rows: &Range<usize>, larger: &'a [T], over_edges: &'a [T]) -> Strip<'a, T> {
        let (side, run, pixel, pitch) = (self.side(), self.length(), self.larger, self.pitch());
        let sites = self.sites(rows);
        if self.taps != Taps::Neighbours {
            let places: Vec<_> = self.places(rows).collect();
            let of = |offset: usize| places.iter().map(|place| &larger[place + offset..][..run]).collect();
            return Strip { runs: (0..side).map(|row| of(row * pitch)).collect(), sites };
        }
        let (none, ends) = over_edges.split_at(run);
        let of = |offset: usize| {
            let mut patches = Vec::with_capacity(sites.len());
            for (index, row) in rows.clone().enumerate() {
                let y = row % self.height + offset;
                if y == 0 || y > self.height {
                    patches.resize(patches.len() + self.width, none);
                    continue;
                }
                let mut ends = ends[(index + offset) * 2 * run..].chunks_exact(run);
                let line = &larger[(row + offset - 1) * pitch..][..pitch];
                patches.extend(ends.next());
                patches.extend(line.windows(run).step_by(pixel));
                patches.extend(ends.next().filter(|_| self.width > 1));
            }
            patches
        };
        Strip { runs: (0..side).map(of).collect(), sites }
    }

    /// The smaller map from the larger one.
    pub(super) fn gather<T: Real>(
        &self,
        larger: &[T],
        weight: &[T],
        reading: Reading,
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        let (side, channels, depth) = (self.side(), self.larger, self.depth());
        let panels = panels((side * side, channels), self.smaller, |tap, channel, n| match reading {
            Reading::Straight => weight[(n * channels + channel) * side * side + tap],
            Reading::Turned => weight[(channel * self.smaller + n + 1) * side * side - 1 - tap],
        });
        let column = (self.smaller == 1).then(|| panels.iter().step_by(PANEL).copied().collect::<Vec<_>>());
        let cuts = self.cut(self.smaller);
        let task = |result: &Scattered<'_, T>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let rows = self.strip(task / cuts.len());
            let over_edges = self.over_edges(&rows, larger);
            let Strip { runs, sites } = self.patches(&rows, larger, &over_edges);
            let left = Patches { runs: &runs, length: self.length() };
            if let Some(right) = &column {
                let bias = bias.map_or(T::default(), |bias| bias[0]);
                return dispatch(Project { left, right, bias, activation, result, results: &sites });
            }
            dispatch(Multiply {
                left,
                panels: &panels[columns.start * depth..],
                columns: columns.len(),
                bias: bias.map(|bias| &bias[columns.clone()]),
                activation,
                result,
                results: &moved(&sites, columns.start),
            });
        };
        let tasks = self.strips() * cuts.len();
        // SAFETY: the tasks' strips and columns are all sites and all channels.
        unsafe {
            parallel::written(self.smaller_size(), |result| {
                parallel::collect(tasks, |index| task(result, index));
            })
        }
    }

    /// The larger map from the smaller one; not for neighbours, whose patches overlap.
    pub(super) fn scatter<T: Real>(
        &self,
        smaller: &[T],
        weight: &[T],
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        assert!(self.taps != Taps::Neighbours, "the patches of neighbours overlap");
        let (side, channels, length) = (self.side(), self.larger, self.length());
        let size = panels_size(self.smaller, length);
        let mut matrix = Vec::with_capacity(side * size);
        for run in 0..side {
            matrix.extend(panels((1, self.smaller), length, |_, n, k| {
                let (tap, channel) = (run * side + k / channels, k % channels);
                weight[(n * channels + channel) * side * side + tap]
            }));
        }
        let bias = bias.map(|bias| bias.repeat(side));
        let cuts = self.cut(length);
        let task = |result: &Scattered<'_, T>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let rows = self.strip(task / cuts.len());
            let sites: Vec<_> = self.sites(&rows).iter().map(|&site| &smaller[site..][..self.smaller]).collect();
            let (runs, places) = ([sites], self.places(&rows).collect::<Vec<_>>());
            for run in 0..side {
                let start = run * self.pitch();
                dispatch(Multiply {
                    left: Patches { runs: &runs, length: self.smaller },
                    panels: &matrix[run * size + columns.start * self.smaller..],
                    columns: columns.len(),
                    bias: bias.as_deref().map(|bias| &bias[columns.clone()]),
                    activation,
                    result,
                    results: &moved(&places, start + columns.start),
                });
            }
        };
        let tasks = self.strips() * cuts.len();
        // SAFETY: the tasks' strips and columns are all sites, whose patches do not overlap and leave nothing out.
        unsafe {
            parallel::written(self.larger_size(), |result| {
                parallel::collect(tasks, |index| task(result, index));
            })
        }
    }

    /// The gradient of the kernel, as PyTorch has it.
    pub(super) fn correlate<T: Real>(&self, larger: &[T], smaller: &[T]) -> Vec<T> {
        let (side, channels, depth) = (self.side(), self.larger, self.depth());
        let groups = (PARTIALS / (depth * self.smaller)).clamp(1, TASKS).min(self.strips().max(1));
        let cuts = cut(self.smaller, TASKS / groups);
        let parts = parallel::collect(groups * cuts.len(), |task| {
            let columns = &cuts[task % cuts.len()];
            let group = task / cuts.len();
            let mut part = zeros(depth * columns.len());
            for index in group * self.strips() / groups..(group + 1) * self.strips() / groups {
                let rows = self.strip(index);
                let over_edges = self.over_edges(&rows, larger);
                let Strip { runs, sites } = self.patches(&rows, larger, &over_edges);
                let left = Patches { runs: &runs, length: self.length() };
                if self.smaller == 1 {
                    dispatch(Accumulate { left, right: &smaller[rows.start * self.width..], result: &mut part });
                    continue;
                }
                dispatch(Correlate {
                    left,
                    right: &smaller[columns.start..],
                    rights: &sites,
                    columns: columns.len(),
                    result: &mut part,
                });
            }
            part
        });
        let taps = side * side;
        let mut weight = zeros(self.smaller * channels * taps);
        for (index, columns) in cuts.iter().enumerate() {
            let parts: Vec<_> = parts[index..].iter().step_by(cuts.len()).map(Vec::as_slice).collect();
            let block = &mut weight[columns.start * channels * taps..columns.end * channels * taps];
            parallel::chunks(block, PANEL * channels * taps, |chunk, kernels| {
                sum_parts(&parts, (channels, taps), columns.len(), chunk * PANEL, kernels);
            });
        }
        weight
    }
}

/// Cuts columns into at most so many ranges, each a whole number of panels.
pub(super) fn cut(columns: usize, parts: usize) -> Vec<Range<usize>> {
    let size = columns.div_ceil(parts.max(1)).next_multiple_of(COLUMNS);
    (0..columns).step_by(size).map(|start| start..columns.min(start + size)).collect()
}

fn moved(places: &[usize], by: usize) -> Vec<usize> {
    places.iter().map(|place| place + by).collect()
}

/// The sums of matrices `[(tap, channel), columns]`, as kernels `[column, channel, tap]` from column `first` on.
fn sum_parts<T: Real>(
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

/// A matrix in panels. Row `outer * inners + inner` is what `value(outer, inner, column)` says.
fn panels<T: Real>(
    (outers, inners): (usize, usize),
    columns: usize,
    value: impl Fn(usize, usize, usize) -> T + Sync,
) -> Vec<T> {
    let depth = outers * inners;
    let fill = |panel: usize, values: &mut [T]| {
        let columns = panel * PANEL..columns.min((panel + 1) * PANEL);
        for start in (0..inners).step_by(BLOCK) {
            for (column, n) in columns.clone().enumerate() {
                for inner in start..inners.min(start + BLOCK) {
                    for outer in 0..outers {
                        values[(outer * inners + inner) * PANEL + column] = value(outer, inner, n);
                    }
                }
            }
        }
        if columns.len() < PANEL {
            values.chunks_exact_mut(PANEL).for_each(|row| row[columns.len()..].fill(T::default()));
        }
    };
    // SAFETY: all rows of a panel are written, to their ends.
    unsafe { parallel::written_chunks(panels_size(depth, columns), PANEL * depth, fill) }
}

pub(super) fn zeros<T: Real>(count: usize) -> Vec<T> {
    vec![T::default(); count]
}
