//! Convolutions as products of patches with the kernel, without copying the patches.
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
//! The input's gradient of a 3x3 convolution is a 3x3 convolution too, with the kernel turned and its channels exchanged. As in
//! PyTorch a kernel is `[channel of the smaller map, channel of the larger map, row, column]`, transposed or not.

use super::gemm::{Correlate, Multiply, PANEL, Patches, panels_size};
use super::gemv::{Accumulate, Project};
use super::panels::{cut, panels, sum_parts};
use crate::ops::cpu::run::instruction_set::dispatch;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::simd::{Real, zeros};
use crate::ops::{Activation, Kernel};
use candle_core::{Result, Tensor};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Maximum number of elements of a run of all patches of a task: they stay in the L2 cache.
const MAX_STRIP: usize = 1 << 15;
/// Minimum and maximum number of sites of a task, rounded to whole rows of the map.
const MIN_MAX_SITES: (usize, usize) = (64, 1024);
/// Desired number of tasks where the map alone gives fewer.
const TASKS: usize = 8;
/// Maximum number of elements of all partial gradients of a kernel.
const MAX_PARTIALS: usize = 1 << 22;

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// The shape of a patch, and how far one is from the next.
    pub(super) kernel: Kernel,
    /// Images.
    pub(super) batch: usize,
    /// Rows of sites.
    pub(super) height: usize,
    /// Sites of a row.
    pub(super) width: usize,
    /// Channels of the larger map.
    pub(super) channels_large: usize,
    /// Channels of the smaller map.
    pub(super) channels_small: usize,
}

/// Which way a 3x3 kernel is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it stands.
    Straight,
    /// Turned by 180 degrees, its channels exchanged: the kernel of the input's gradient.
    Turned,
}

/// Rows of sites with their patches.
struct Strip<'a, T> {
    /// The runs of the patches, `[run][site]`.
    runs: Vec<Vec<&'a [T]>>,
    /// Where each site begins in the smaller map.
    sites: Vec<usize>,
}

impl Geometry {
    /// A convolution of `x` by `weight`.
    pub(super) fn of(x: &Tensor, weight: &Tensor) -> Result<Self> {
        let ((batch, height, width, channels_large), channels_small) = (x.dims4()?, weight.dim(0)?);
        let kernel = Kernel::of(weight.dims())?;
        let (height, width) = kernel.output(height, width)?;
        Ok(Self { kernel, batch, height, width, channels_large, channels_small })
    }

    /// A transposed 2x2 convolution of `x` by `weight` with stride 2: the convolution that leads back.
    pub(super) fn transposed(x: &Tensor, weight: &Tensor) -> Result<Self> {
        let (batch, height, width, channels_small) = x.dims4()?;
        Ok(Self { kernel: Kernel::K2Stride2, batch, height, width, channels_large: weight.dim(1)?, channels_small })
    }

    /// The 3x3 convolution that leads back.
    pub(super) fn turned(self) -> Self {
        Self { channels_large: self.channels_small, channels_small: self.channels_large, ..self }
    }

    fn rows(&self) -> usize {
        self.batch * self.height
    }

    /// Taps in a row, which is also the number of rows.
    fn side(&self) -> usize {
        self.kernel.side()
    }

    /// Elements of a run: a row of taps.
    fn length(&self) -> usize {
        self.side() * self.channels_large
    }

    fn depth(&self) -> usize {
        self.side() * self.length()
    }

    /// Elements of a row of the larger map.
    fn pitch(&self) -> usize {
        self.kernel.stride() * self.width * self.channels_large
    }

    /// Elements of the larger map.
    fn large_size(&self) -> usize {
        self.rows() * self.kernel.stride() * self.pitch()
    }

    /// Elements of the smaller map.
    fn small_size(&self) -> usize {
        self.rows() * self.width * self.channels_small
    }

    /// Rows of sites in a strip.
    fn strip_rows(&self) -> usize {
        let sites = (MAX_STRIP / self.depth() * self.side()).clamp(MIN_MAX_SITES.0, MIN_MAX_SITES.1);
        (sites / self.width).clamp(1, self.rows().max(1))
    }

    fn strips(&self) -> usize {
        self.rows().div_ceil(self.strip_rows())
    }

    /// Cuts `columns` so that strips times cuts are enough tasks.
    fn cut(&self, columns: usize) -> Vec<Range<usize>> {
        cut(columns, TASKS.div_ceil(self.strips().max(1)))
    }

    /// Rows of sites.
    fn strip(&self, index: usize) -> Range<usize> {
        index * self.strip_rows()..self.rows().min((index + 1) * self.strip_rows())
    }

    /// Where each site begins in the smaller map.
    fn sites(&self, rows: &Range<usize>) -> Vec<usize> {
        (rows.start * self.width..rows.end * self.width).map(|site| site * self.channels_small).collect()
    }

    /// Where each patch begins in the larger map; not for 3x3 kernels.
    fn places(&self, rows: &Range<usize>) -> impl Iterator<Item = usize> {
        let (side, pitch, step) = (self.side(), self.pitch(), self.side() * self.channels_large);
        let width = self.width;
        rows.clone().flat_map(move |row| (0..width).map(move |x| row * side * pitch + x * step))
    }

    /// The runs that reach over an edge of the larger map: first one that lies above or below the map, then the left and the right
    /// end of every row, from the row above the strip to the row below.
    fn over_edges<T: Real>(&self, rows: &Range<usize>, large: &[T]) -> Vec<T> {
        if self.kernel != Kernel::K3 {
            return Vec::new();
        }
        let (run, pixel, pitch) = (self.length(), self.channels_large, self.pitch());
        let mut values = zeros(run * (1 + 2 * (rows.len() + 2)));
        let (_, ends) = values.split_at_mut(run);
        for (index, ends) in ends.chunks_exact_mut(2 * run).enumerate() {
            // there is no row above the first
            let Some(row) = (rows.start + index).checked_sub(1).filter(|&row| row < self.rows()) else { continue };
            let row = &large[row * pitch..(row + 1) * pitch];
            let (left, right) = ends.split_at_mut(run);
            let inside = row.len().min(2 * pixel);
            left[pixel..pixel + inside].copy_from_slice(&row[..inside]);
            right[..inside].copy_from_slice(&row[row.len() - inside..]);
        }
        values
    }

    /// The patches of some rows of sites; `over_edges` are [their runs that reach over an edge](Self::over_edges).
    fn patches<'a, T: Real>(&self, rows: &Range<usize>, large: &'a [T], over_edges: &'a [T]) -> Strip<'a, T> {
        let (side, run, pixel, pitch) = (self.side(), self.length(), self.channels_large, self.pitch());
        let sites = self.sites(rows);
        if self.kernel != Kernel::K3 {
            let places: Vec<_> = self.places(rows).collect();
            let of = |offset: usize| places.iter().map(|place| &large[place + offset..][..run]).collect();
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
                let line = &large[(row + offset - 1) * pitch..][..pitch];
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
        large: &[T],
        weight: &[T],
        reading: Reading,
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        let (side, channels, depth) = (self.side(), self.channels_large, self.depth());
        let (taps, columns) = (side * side, self.channels_small);
        let kernel = |index: usize| weight[index * taps..][..taps].iter().copied();
        // the choice stands outside, as it would cost more than an element does
        let panels = match reading {
            Reading::Straight => panels((taps, channels), columns, |channel, n| kernel(n * channels + channel)),
            Reading::Turned => panels((taps, channels), columns, |channel, n| kernel(channel * columns + n).rev()),
        };
        let column = (self.channels_small == 1).then(|| panels.iter().step_by(PANEL).copied().collect::<Vec<_>>());
        let cuts = self.cut(self.channels_small);
        let task = |result: &Scattered<'_, MaybeUninit<T>>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let rows = self.strip(task / cuts.len());
            let over_edges = self.over_edges(&rows, large);
            let Strip { runs, sites } = self.patches(&rows, large, &over_edges);
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
        // SAFETY: the tasks' strips cover all sites, their columns all channels.
        unsafe {
            parallel::written(self.small_size(), |result| {
                parallel::collect(tasks, |index| task(result, index));
            })
        }
    }

    /// The larger map from the smaller one; not for 3x3 kernels, whose patches overlap.
    pub(super) fn scatter<T: Real>(
        &self,
        small: &[T],
        weight: &[T],
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        assert!(self.kernel != Kernel::K3, "the patches of 3x3 kernels overlap");
        let (side, length) = (self.side(), self.length());
        let size = panels_size(self.channels_small, length);
        let matrix = self.rows_of_taps(weight);
        let bias = bias.map(|bias| bias.repeat(side));
        let cuts = self.cut(length);
        let task = |result: &Scattered<'_, MaybeUninit<T>>, task: usize| {
            let columns = &cuts[task % cuts.len()];
            let rows = self.strip(task / cuts.len());
            let sites: Vec<_> = self.sites(&rows).iter().map(|&site| &small[site..][..self.channels_small]).collect();
            let (runs, places) = ([sites], self.places(&rows).collect::<Vec<_>>());
            for run in 0..side {
                let start = run * self.pitch();
                dispatch(Multiply {
                    left: Patches { runs: &runs, length: self.channels_small },
                    panels: &matrix[run * size + columns.start * self.channels_small..],
                    columns: columns.len(),
                    bias: bias.as_deref().map(|bias| &bias[columns.clone()]),
                    activation,
                    result,
                    results: &moved(&places, start + columns.start),
                });
            }
        };
        let tasks = self.strips() * cuts.len();
        // SAFETY: the tasks' strips cover all sites, their columns all channels; the patches of the sites do not overlap and leave
        // nothing out.
        unsafe {
            parallel::written(self.large_size(), |result| {
                parallel::collect(tasks, |index| task(result, index));
            })
        }
    }

    /// The kernel as matrices `W^T[channel of the smaller map, (tap in the row, channel of the larger map)]` in panels, one for each row
    /// of taps.
    fn rows_of_taps<T: Real>(&self, weight: &[T]) -> Vec<T> {
        let (side, channels, rows, length) = (self.side(), self.channels_large, self.channels_small, self.length());
        let (taps, size) = (side * side, panels_size(rows, length));
        // reads a kernel from its begin to its end, and writes a row of all panels
        let task = |result: &Scattered<'_, MaybeUninit<T>>, row: usize| {
            let kernel = &weight[row * channels * taps..][..channels * taps];
            for (run, first) in (0..side).flat_map(|run| (0..length).step_by(PANEL).map(move |first| (run, first))) {
                // SAFETY: every row of a panel is one task's.
                let values = unsafe { result.slice(run * size + first * rows + row * PANEL, PANEL) };
                let (tap, channel) = (run * side + first / channels, first % channels);
                if channel + PANEL <= channels {
                    for (value, taps) in values.iter_mut().zip(kernel[channel * taps..].chunks_exact(taps)) {
                        value.write(taps[tap]);
                    }
                    continue;
                }
                for (k, value) in (first..).zip(values) {
                    let (tap, channel) = (run * side + k / channels, k % channels);
                    value.write(if k < length { kernel[channel * taps + tap] } else { T::default() });
                }
            }
        };
        // SAFETY: the tasks write the rows of all panels.
        unsafe {
            parallel::written(side * size, |result| {
                parallel::collect(rows, |row| task(result, row));
            })
        }
    }

    /// The gradient of the kernel, in PyTorch's layout.
    pub(super) fn correlate<T: Real>(&self, large: &[T], small: &[T]) -> Vec<T> {
        let (side, channels, depth) = (self.side(), self.channels_large, self.depth());
        let groups = (MAX_PARTIALS / (depth * self.channels_small)).clamp(1, TASKS).min(self.strips().max(1));
        let cuts = cut(self.channels_small, TASKS / groups);
        let parts = parallel::collect(groups * cuts.len(), |task| {
            let columns = &cuts[task % cuts.len()];
            let group = task / cuts.len();
            let mut part = zeros(depth * columns.len());
            for index in group * self.strips() / groups..(group + 1) * self.strips() / groups {
                let rows = self.strip(index);
                let over_edges = self.over_edges(&rows, large);
                let Strip { runs, sites } = self.patches(&rows, large, &over_edges);
                let left = Patches { runs: &runs, length: self.length() };
                if self.channels_small == 1 {
                    dispatch(Accumulate { left, right: &small[rows.start * self.width..], result: &mut part });
                    continue;
                }
                dispatch(Correlate {
                    left,
                    right: &small[columns.start..],
                    rights: &sites,
                    columns: columns.len(),
                    result: &mut part,
                });
            }
            part
        });
        let taps = side * side;
        let mut weight = zeros(self.channels_small * channels * taps);
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

fn moved(places: &[usize], by: usize) -> Vec<usize> {
    places.iter().map(|place| place + by).collect()
}
