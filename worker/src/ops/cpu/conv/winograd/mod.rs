//! 3x3 convolutions in tiles, by Winograd's minimal filtering (see [`transforms`]).
//!
//! ```text
//!  convolve    U = G w G^T; V = B^T x B -> M = V U, a product for each of a tile's data -> y = A^T M A
//!  correlate   V = B^T x B, W = A y' A^T -> U' += V^T W; w' = G^T U' G
//! ```
//!
//! This file divides the work into tasks. `tiles` transforms maps (`V`, `W`, `y`), `kernel` transforms kernels (`U`, `w'`), and
//! `products` multiplies them. A task takes a block of tiles through all three steps, so that `V`, `M` and `W` stay in its cache. If
//! there are few blocks, the channels of the result are divided too; if there are few tiles, tasks take blocks of the kernel
//! instead (`few_tiles`). The division depends on the sizes alone.

mod few_tiles;
mod kernel;
mod products;
mod tiles;
mod transforms;

pub(super) use transforms::{Four, Two};

use super::gemm::PANEL;
use super::panels::cut;
use super::patches::{Geometry, Reading};
use crate::ops::Activation;
use crate::ops::cpu::run::instruction_set::dispatch;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::simd::{Real, zeros};
use kernel::{Kernel, KernelGradient, fill_gaps, kernel_stride, part_stride};
use products::{Products, Sums};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use tiles::{Data, Gradients, Map, Results, Transformed};
use transforms::Transform;

/// Desired number of elements of a block's `V` and `M`: they stay in the L2 cache.
const BLOCK: usize = 1 << 17;
/// Minimum and maximum number of tiles of a block. With many channels the minimum exceeds [`BLOCK`]: every block reads the whole
/// kernel, which is then larger than its `V` and `M`.
const MIN_MAX_TILES: (usize, usize) = (24, 192);
/// Panels of a block of a kernel.
const BLOCK_PANELS: usize = 2;
/// Desired number of tasks where the map alone gives fewer.
const TASKS: usize = 8;
/// Maximum number of elements of all partial gradients of a kernel.
const MAX_PARTIALS: usize = 1 << 21;

/// The sizes of a 3x3 convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Winograd<F> {
    /// Images.
    pub(super) batch: usize,
    /// Rows of an image.
    pub(super) height: usize,
    /// Columns of an image.
    pub(super) width: usize,
    /// Channels of the input.
    pub(super) inputs: usize,
    /// Channels of the output.
    pub(super) outputs: usize,
    /// The size of the tiles.
    pub(super) size: PhantomData<F>,
}

/// A block's tiles of the input, and of the output.
type Pair<T> = (Transformed<T>, Transformed<T>);

impl<F: Transform> Winograd<F> {
    const ELEMENTS: usize = F::DATA * F::DATA;

    /// The 3x3 convolution of these sizes.
    pub(super) fn of(Geometry { batch, height, width, channels_large, channels_small, .. }: Geometry) -> Self {
        Self { batch, height, width, inputs: channels_large, outputs: channels_small, size: PhantomData }
    }

    /// Tiles of an image: rows and columns.
    fn grid(&self) -> (usize, usize) {
        (self.height.div_ceil(F::RESULTS), self.width.div_ceil(F::RESULTS))
    }

    fn tiles(&self) -> usize {
        let (rows, columns) = self.grid();
        self.batch * rows * columns
    }

    fn block(&self) -> usize {
        let (channels, products) = (self.inputs + self.outputs, self.inputs * self.outputs);
        let tiles = (BLOCK / (Self::ELEMENTS * channels)).max(products / (2 * channels));
        (tiles / MIN_MAX_TILES.0 * MIN_MAX_TILES.0).clamp(MIN_MAX_TILES.0, MIN_MAX_TILES.1)
    }

    fn blocks(&self) -> usize {
        self.tiles().div_ceil(self.block())
    }

    fn tiles_of(&self, block: usize) -> Range<usize> {
        block * self.block()..self.tiles().min((block + 1) * self.block())
    }

    /// The blocks of one of as many groups.
    fn blocks_of(&self, group: usize, groups: usize) -> Range<usize> {
        let blocks = group * self.blocks() / groups..(group + 1) * self.blocks() / groups;
        assert!(!blocks.is_empty(), "a group of no blocks");
        blocks
    }

    /// Image, row and column of a tile's first result.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (rows, columns) = self.grid();
        (tile / (rows * columns), tile / columns % rows * F::RESULTS, tile % columns * F::RESULTS)
    }

    /// Room for the tiles of any block, and the columns of any of `cuts`.
    fn scratch<T: Real>(&self, cuts: &[Range<usize>]) -> Pair<T> {
        let tiles = self.block().min(self.tiles());
        let outputs = cuts.iter().map(Range::len).max().unwrap_or(0);
        (Transformed::new(Self::ELEMENTS, tiles, self.inputs), Transformed::new(Self::ELEMENTS, tiles, outputs))
    }

    /// The convolution with the kernel `[outputs, inputs, 3, 3]`, or if turned, `[inputs, outputs, 3, 3]`.
    pub(super) fn convolve<T: Real>(
        &self,
        x: &[T],
        weight: &[T],
        reading: Reading,
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        if self.has_few_tiles() {
            return self.convolve_few(x, weight, reading, bias, activation);
        }
        let stride = kernel_stride(self.inputs, self.outputs);
        let panels = self.kernel(weight, reading, (0..self.inputs, 0..self.outputs), Vec::new());
        let outside = zeros(self.inputs);
        let map = Map { values: x, channels: self.inputs, outside: &outside };
        let cuts = cut(self.outputs, TASKS.div_ceil(self.blocks().max(1)));
        let scratch = || self.scratch(&cuts);
        let task = |result: &Scattered<'_, MaybeUninit<T>>, (data, products): &mut Pair<T>, task: usize| {
            let (tiles, columns) = (self.tiles_of(task / cuts.len()), &cuts[task % cuts.len()]);
            dispatch(Data { winograd: *self, map, tiles: tiles.clone(), first: 0, result: &data.places() });
            dispatch(Products {
                elements: Self::ELEMENTS,
                data,
                tiles: tiles.len(),
                inputs: 0..self.inputs,
                panels: &panels[columns.start * self.inputs..],
                stride,
                columns: columns.len(),
                result: products,
                add: false,
            });
            let bias = bias.map(|bias| &bias[columns.clone()]);
            let (tiles, columns) = (tiles, columns.clone());
            dispatch(Results { winograd: *self, products, tiles, columns, bias, activation, result });
        };
        // SAFETY: the tasks' tiles cover all pixels, their columns all channels.
        unsafe {
            parallel::written(self.batch * self.height * self.width * self.outputs, |result| {
                parallel::collect_with(self.blocks() * cuts.len(), scratch, |scratch, index| {
                    task(result, scratch, index)
                });
            })
        }
    }

    /// The gradient `[outputs, inputs, 3, 3]` of the kernel, from the input and the output's gradient.
    pub(super) fn correlate<T: Real>(&self, x: &[T], grad: &[T]) -> Vec<T> {
        let outside = zeros(self.inputs.max(self.outputs));
        let x = Map { values: x, channels: self.inputs, outside: &outside };
        let grad = Map { values: grad, channels: self.outputs, outside: &outside };
        let groups =
            (MAX_PARTIALS / (Self::ELEMENTS * self.inputs * self.outputs)).clamp(1, TASKS).min(self.blocks().max(1));
        if self.has_few_tiles() {
            return self.correlate_few(x, grad, groups);
        }
        let cuts = cut(self.outputs, TASKS / groups);
        let scratch = || self.scratch(&cuts);
        let parts = parallel::collect_with(groups * cuts.len(), scratch, |(data, grads), task| {
            let (group, columns) = (task / cuts.len(), &cuts[task % cuts.len()]);
            let size = Self::ELEMENTS * part_stride(self.inputs, columns.len());
            let mut part = Vec::with_capacity(size);
            let blocks = self.blocks_of(group, groups);
            for block in blocks.clone() {
                let tiles = self.tiles_of(block);
                dispatch(Data { winograd: *self, map: x, tiles: tiles.clone(), first: 0, result: &data.places() });
                dispatch(Gradients {
                    winograd: *self,
                    map: grad,
                    tiles: tiles.clone(),
                    columns: columns.clone(),
                    result: grads,
                });
                dispatch(Sums {
                    elements: Self::ELEMENTS,
                    data,
                    gradients: grads,
                    tiles: 0..tiles.len(),
                    inputs: 0..self.inputs,
                    columns: columns.len(),
                    result: &mut part.spare_capacity_mut()[..size],
                    add: block > blocks.start,
                });
            }
            // SAFETY: the sums of a block are as many numbers, and all of them are written.
            unsafe { part.set_len(size) }
            part
        });
        let mut weight = zeros(self.outputs * self.inputs * 9);
        for (index, columns) in cuts.iter().enumerate() {
            let parts: Vec<_> = parts[index..].iter().step_by(cuts.len()).map(Vec::as_slice).collect();
            let block = &mut weight[columns.start * self.inputs * 9..columns.end * self.inputs * 9];
            parallel::chunks(block, PANEL * self.inputs * 9, |chunk, kernels| {
                let (first, columns) = (chunk * PANEL, columns.len());
                let inputs = 0..self.inputs;
                dispatch(KernelGradient { winograd: *self, parts: &parts, inputs, first, columns, kernels });
            });
        }
        weight
    }

    /// `U = G w G^T` of some inputs and outputs, from the first of a panel on: for each of a tile's data a matrix in panels. It takes the
    /// place of another one, whose memory it uses.
    fn kernel<T: Real>(
        &self,
        weight: &[T],
        reading: Reading,
        (inputs, outputs): (Range<usize>, Range<usize>),
        mut memory: Vec<T>,
    ) -> Vec<T> {
        let stride = kernel_stride(inputs.len(), outputs.len());
        memory.clear();
        memory.reserve_exact(Self::ELEMENTS * stride);
        let result = &mut memory.spare_capacity_mut()[..Self::ELEMENTS * stride];
        fill_gaps(result, stride);
        let result = &Scattered::new(result);
        let task = |index| {
            let (panel, first) = (outputs.start / PANEL + index, index * inputs.len() * PANEL);
            dispatch(Kernel { winograd: *self, weight, reading, panel, inputs: inputs.clone(), first, stride, result });
        };
        match outputs.len().div_ceil(PANEL) {
            // those of a block stay in the cache of the task that multiplies by them
            panels @ 0..=BLOCK_PANELS => (0..panels).for_each(task),
            panels => drop(parallel::collect(panels, task)),
        }
        // SAFETY: the tasks wrote every panel in full, and the gaps were filled.
        unsafe { memory.set_len(Self::ELEMENTS * stride) }
        memory
    }
}
