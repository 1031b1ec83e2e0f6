//! Convolutions as products of patches with the kernel. No patch is written out: those of a strip lie in the map itself or, for 3x3 kernels,
//! in a copy of its rows with zeros around.
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

use super::gemm::{Correlate, Multiply, PANEL, Patches, Runs, panels_size};
use super::gemv::{Accumulate, Project};
use super::panels::{cut, panels, sum_parts};
use crate::ops::cpu::run::instruction_set::dispatch;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::simd::{Real, zeros};
use crate::ops::{Activation, Kernel};
use candle_core::{Result, Tensor};
use std::borrow::Cow;
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

/// The part of the larger map in which the patches of some rows of sites lie.
struct Strip<'a, T: Clone> {
    values: Cow<'a, [T]>,
    /// Where each site's patch begins.
    places: Vec<usize>,
    /// Distance of two rows.
    pitch: usize,
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

    /// Where each of so many rows of sites begins in the smaller map, from the first on.
    fn sites(&self, rows: usize) -> Vec<usize> {
        (0..rows * self.width).map(|site| site * self.channels_small).collect()
    }

    /// Where the patches of so many rows of sites begin in the larger map, from the first on; not for 3x3 kernels.
    fn places(&self, rows: usize) -> Vec<usize> {
        let (pitch, step) = (self.side() * self.pitch(), self.side() * self.channels_large);
        let mut places = Vec::with_capacity(rows * self.width);
        for row in 0..rows {
            places.extend((0..self.width).map(|x| row * pitch + x * step));
        }
        places
    }

    /// The part of the larger map in which the patches of some rows of sites lie.
    fn patches<'a, T: Real>(&self, rows: &Range<usize>, large: &'a [T]) -> Strip<'a, T> {
        if self.kernel == Kernel::K3 {
            return self.padded(rows, large);
        }
        let pitch = self.pitch();
        let values = Cow::Borrowed(&large[rows.start * self.side() * pitch..rows.end * self.side() * pitch]);
        Strip { values, places: self.places(rows.len()), pitch }
    }

    /// The same for 3x3 kernels: a copy, with zeros around every image.
    fn padded<T: Real>(&self, rows: &Range<usize>, large: &[T]) -> Strip<'static, T> {
        let (line, pixel) = (self.pitch(), self.channels_large);
        let pitch = line + 2 * pixel;
        // each is a row of the map, or of zeros
        let mut copied = Vec::with_capacity(rows.len() + 2 * (rows.len() / self.height + 2));
        let mut places = Vec::with_capacity(rows.len() * self.width);
        for row in rows.clone() {
            let y = row % self.height;
            if row == rows.start || y == 0 {
                copied.push((y > 0).then(|| row - 1));
            }
            let above = (copied.len() - 1) * pitch;
            places.extend((0..self.width).map(|x| above + x * pixel));
            copied.push(Some(row));
            if row + 1 == rows.end || y + 1 == self.height {
                copied.push((y + 1 < self.height).then_some(row + 1));
            }
        }
        let mut values = zeros(copied.len() * pitch);
        for (row, values) in copied.iter().zip(values.chunks_exact_mut(pitch)) {
            if let Some(row) = row {
                values[pixel..][..line].copy_from_slice(&large[row * line..][..line]);
            }
        }
        Strip { values: Cow::Owned(values), places, pitch }
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
            let Strip { values, places, pitch } = self.patches(&rows, large);
            let left = Patches::new(&values, &places, Runs { count: side, pitch, length: self.length() });
            let (results, first) = (&self.sites(rows.len()), rows.start * self.width * self.channels_small);
            if let Some(right) = &column {
                let bias = bias.map_or(T::default(), |bias| bias[0]);
                return dispatch(Project { left, right, bias, activation, result, results, first });
            }
            dispatch(Multiply {
                left,
                panels: &panels[columns.start * depth..],
                columns: columns.len(),
                bias: bias.map(|bias| &bias[columns.clone()]),
                activation,
                result,
                results,
                first: first + columns.start,
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
            let (sites, results) = (&self.sites(rows.len()), &self.places(rows.len()));
            let small = &small[rows.start * self.width * self.channels_small..];
            let left = Patches::new(small, sites, Runs { count: 1, pitch: 0, length: self.channels_small });
            for run in 0..side {
                dispatch(Multiply {
                    left,
                    panels: &matrix[run * size + columns.start * self.channels_small..],
                    columns: columns.len(),
                    bias: bias.as_deref().map(|bias| &bias[columns.clone()]),
                    activation,
                    result,
                    results,
                    first: (rows.start * side + run) * self.pitch() + columns.start,
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
                let Strip { values, places, pitch } = self.patches(&rows, large);
                let left = Patches::new(&values, &places, Runs { count: side, pitch, length: self.length() });
                let right = &small[rows.start * self.width * self.channels_small..];
                if self.channels_small == 1 {
                    dispatch(Accumulate { left, right, result: &mut part });
                    continue;
                }
                dispatch(Correlate {
                    left,
                    right: &right[columns.start..],
                    pitch: self.channels_small,
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
