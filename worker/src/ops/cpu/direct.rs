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
use super::parallel::{self, Scattered};
use super::simd::Real;
use super::vectors::dispatch;
use crate::ops::{Activation, Taps};
use std::ops::Range;

/// Elements of the larger map that a task works on, at most: they stay in the second cache.
const STRIP: usize = 1 << 15;
/// Sites that a task has at least, if there are so many, and at most.
const SITES: (usize, usize) = (64, 1024);
/// Columns of the kernel's matrix that a task has at least.
const COLUMNS: usize = 64;
/// Tasks that are wanted where the map alone gives fewer.
const TASKS: usize = 8;
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
struct Strip<T> {
    /// What the patches lie in, if that is not the map itself.
    bordered: Option<Vec<T>>,
    /// Where each patch begins.
    patches: Vec<usize>,
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

    /// Elements of a row of the larger map (of the bordered copy, for neighbours).
    fn pitch(&self) -> usize {
        match self.taps {
            Taps::Neighbours => (self.width + 1) * self.larger,
            Taps::Pixel => self.width * self.larger,
            Taps::Block => 2 * self.width * self.larger,
        }
    }

    fn runs(&self) -> Vec<usize> {
        (0..self.side()).map(|run| run * self.pitch()).collect()
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

    fn strip<T: Real>(&self, index: usize, larger: Option<&[T]>) -> Strip<T> {
        let rows = index * self.strip_rows()..self.rows().min((index + 1) * self.strip_rows());
        let sites = (rows.start * self.width..rows.end * self.width).map(|site| site * self.smaller).collect();
        let places = |start: usize, step: usize| (0..self.width).map(move |x| start + x * step);
        if self.taps != Taps::Neighbours {
            let step = self.side() * self.larger;
            let patches = rows.flat_map(|row| places(row * self.side() * self.pitch(), step)).collect();
            return Strip { bordered: None, patches, sites };
        }
        // Row `y` of an image is row `y + 1` of `height + 1`, the first of which is zero. The zero after the row above stands
        // left of each row, so the first row has one of its own.
        let padded = |row: usize| row / self.height * (self.height + 1) + row % self.height + 1;
        let (first, last) = (padded(rows.start) - 1, padded(rows.end - 1) + 1);
        let mut bordered = Vec::new();
        if let Some(larger) = larger {
            bordered = vec![T::default(); self.larger + (last - first + 1) * self.pitch()];
            let size = self.width * self.larger;
            for row in first..=last {
                let (image, y) = (row / (self.height + 1), row % (self.height + 1));
                if y > 0 && image < self.batch {
                    let source = (image * self.height + y - 1) * size;
                    let target = self.larger + (row - first) * self.pitch();
                    bordered[target..target + size].copy_from_slice(&larger[source..source + size]);
                }
            }
        }
        let patches = rows.flat_map(|row| places((padded(row) - 1 - first) * self.pitch(), self.larger)).collect();
        Strip { bordered: Some(bordered), patches, sites }
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
        let panels = panels(depth, self.smaller, |k, n| {
            let (tap, channel) = (k / channels, k % channels);
            match reading {
                Reading::Straight => weight[(n * channels + channel) * side * side + tap],
                Reading::Turned => weight[(channel * self.smaller + n + 1) * side * side - 1 - tap],
            }
        });
        let cuts = self.cut(self.smaller);
        let task = |result: &Scattered<'_, T>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let strip = self.strip(task / cuts.len(), Some(larger));
            let values = strip.bordered.as_deref().unwrap_or(larger);
            dispatch(Multiply {
                left: Patches { values, rows: &strip.patches, runs: &self.runs(), length: self.length() },
                panels: &panels[columns.start * depth..],
                columns: columns.len(),
                bias: bias.map(|bias| &bias[columns.clone()]),
                activation,
                result,
                results: &moved(&strip.sites, columns.start),
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
            matrix.extend(panels(self.smaller, length, |n, k| {
                let (tap, channel) = (run * side + k / channels, k % channels);
                weight[(n * channels + channel) * side * side + tap]
            }));
        }
        let bias = bias.map(|bias| bias.repeat(side));
        let cuts = self.cut(length);
        let task = |result: &Scattered<'_, T>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let strip = self.strip::<T>(task / cuts.len(), None);
            for (run, &start) in self.runs().iter().enumerate() {
                dispatch(Multiply {
                    left: Patches { values: smaller, rows: &strip.sites, runs: &[0], length: self.smaller },
                    panels: &matrix[run * size + columns.start * self.smaller..],
                    columns: columns.len(),
                    bias: bias.as_deref().map(|bias| &bias[columns.clone()]),
                    activation,
                    result,
                    results: &moved(&strip.patches, start + columns.start),
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
        let groups = (PARTIALS / (depth * self.smaller)).clamp(1, TASKS).min(self.strips());
        let cuts = cut(self.smaller, TASKS / groups);
        let parts = parallel::collect(groups * cuts.len(), |task| {
            let columns = &cuts[task % cuts.len()];
            let group = task / cuts.len();
            let mut part = zeros(depth * columns.len());
            for index in group * self.strips() / groups..(group + 1) * self.strips() / groups {
                let strip = self.strip(index, Some(larger));
                let values = strip.bordered.as_deref().unwrap_or(larger);
                dispatch(Correlate {
                    left: Patches { values, rows: &strip.patches, runs: &self.runs(), length: self.length() },
                    right: &smaller[columns.start..],
                    rights: &strip.sites,
                    columns: columns.len(),
                    result: &mut part,
                });
            }
            part
        });
        let taps = side * side;
        let mut weight = zeros(self.smaller * channels * taps);
        for (columns, parts) in
            cuts.iter().enumerate().map(|(index, columns)| (columns, parts[index..].iter().step_by(cuts.len())))
        {
            let parts: Vec<_> = parts.collect();
            let block = &mut weight[columns.start * channels * taps..columns.end * channels * taps];
            parallel::chunks(block, PANEL * channels * taps, |chunk, block| {
                for channel in 0..channels {
                    for tap in 0..taps {
                        let start = (tap * channels + channel) * columns.len() + chunk * PANEL;
                        for (column, kernel) in block.chunks_exact_mut(channels * taps).enumerate() {
                            kernel[channel * taps + tap] = parts.iter().map(|part| part[start + column]).sum();
                        }
                    }
                }
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

/// A matrix in panels.
fn panels<T: Real>(depth: usize, columns: usize, value: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
    let mut panels = zeros(panels_size(depth, columns));
    parallel::chunks(&mut panels, PANEL * depth, |panel, values| {
        let columns = panel * PANEL..columns.min((panel + 1) * PANEL);
        for (k, row) in values.chunks_exact_mut(PANEL).enumerate() {
            for (element, n) in row.iter_mut().zip(columns.clone()) {
                *element = value(k, n);
            }
        }
    });
    panels
}

pub(super) fn zeros<T: Real>(count: usize) -> Vec<T> {
    vec![T::default(); count]
}
