//! Convolutions of few tiles: their transformed kernels are larger than their transformed maps. So such a kernel never lies in memory as
//! a whole. A task takes a block of it through all steps, so that it stays in the task's cache.
//!
//! ```text
//!  convolve    V = B^T x B; for every block of columns and inputs: U = G w G^T, M += V U; y = A^T M A
//!  correlate   V = B^T x B; for every block of columns: W = A y' A^T, and of inputs: U' = V^T W; w' = G^T U' G
//! ```

use super::kernel::{KernelGradient, READ, kernel_stride, part_stride};
use super::products::{Products, Sums};
use super::tiles::{Data, Gradients, Map, Results, Transformed};
use super::transforms::Transform;
use super::{BLOCK_PANELS, Winograd};
use crate::ops::Activation;
use crate::ops::cpu::conv::gemm::PANEL;
use crate::ops::cpu::conv::patches::Reading;
use crate::ops::cpu::run::instruction_set::dispatch;
use crate::ops::cpu::run::parallel::{self, Scattered};
use crate::ops::cpu::run::simd::{Real, zeros};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Maximum number of tiles: more would push the blocks out of the cache.
const MAX_TILES: usize = 64;
/// Outputs of a block.
const COLUMNS: usize = BLOCK_PANELS * PANEL;
/// Maximum number of elements of a transformed block: with the tiles that it is multiplied by, it stays in the L2 cache.
const MAX_BLOCK: usize = 36 * COLUMNS * 64;
/// Tiles that a task transforms.
const TASK_TILES: usize = 8;

impl<F: Transform> Winograd<F> {
    /// Whether there are fewer of them than outputs: so the kernel is larger than the map.
    pub(super) fn has_few_tiles(&self) -> bool {
        self.tiles() <= MAX_TILES.min(self.outputs)
    }

    /// `V` of all tiles.
    fn all_data<T: Real>(&self, map: Map<'_, T>) -> Transformed<T> {
        let mut data = Transformed::new(Self::ELEMENTS, self.tiles(), self.inputs);
        let result = &data.places();
        parallel::collect(self.tiles().div_ceil(TASK_TILES), |task| {
            let tiles = task * TASK_TILES..self.tiles().min((task + 1) * TASK_TILES);
            dispatch(Data { winograd: *self, map, first: tiles.start, tiles, result });
        });
        data
    }

    /// The columns of a task.
    fn columns(&self, task: usize) -> Range<usize> {
        task * COLUMNS..self.outputs.min((task + 1) * COLUMNS)
    }

    /// The inputs in blocks of about the same size.
    fn input_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let inputs = self.inputs;
        let blocks = inputs.div_ceil(MAX_BLOCK / (Self::ELEMENTS * COLUMNS));
        let size = inputs.div_ceil(blocks.max(1)).next_multiple_of(READ);
        (0..inputs).step_by(size).map(move |start| start..inputs.min(start + size))
    }

    /// See [`convolve`](Self::convolve).
    pub(super) fn convolve_few<T: Real>(
        &self,
        x: &[T],
        weight: &[T],
        reading: Reading,
        bias: Option<&[T]>,
        activation: Activation,
    ) -> Vec<T> {
        let outside = zeros(self.inputs);
        let data = &self.all_data(Map { values: x, channels: self.inputs, outside: &outside });
        let task = |result: &Scattered<'_, MaybeUninit<T>>, task: usize| {
            let columns = self.columns(task);
            let mut products = Transformed::new(Self::ELEMENTS, self.tiles(), columns.len());
            let mut kernel = Vec::new();
            for inputs in self.input_blocks() {
                let stride = kernel_stride(inputs.len(), columns.len());
                kernel = self.kernel(weight, reading, (inputs.clone(), columns.clone()), kernel);
                dispatch(Products {
                    elements: Self::ELEMENTS,
                    data,
                    tiles: self.tiles(),
                    add: inputs.start > 0,
                    inputs,
                    panels: &kernel,
                    stride,
                    columns: columns.len(),
                    result: &mut products,
                });
            }
            let (bias, tiles) = (bias.map(|bias| &bias[columns.clone()]), 0..self.tiles());
            dispatch(Results { winograd: *self, products: &products, tiles, columns, bias, activation, result });
        };
        // SAFETY: the tasks' columns cover all channels.
        unsafe {
            parallel::written(self.batch * self.height * self.width * self.outputs, |result| {
                parallel::collect(self.outputs.div_ceil(COLUMNS), |index| task(result, index));
            })
        }
    }

    /// See [`correlate`](Self::correlate). The sums of as many groups of blocks of tiles are added up, as they are there: a gradient has the
    /// same bits whichever way it is computed.
    pub(super) fn correlate_few<T: Real>(&self, x: Map<'_, T>, grad: Map<'_, T>, groups: usize) -> Vec<T> {
        let data = &self.all_data(x);
        let mut weight = zeros(self.outputs * self.inputs * 9);
        parallel::chunks(&mut weight, COLUMNS * self.inputs * 9, |task, kernels| {
            let (columns, tiles) = (self.columns(task), 0..self.tiles());
            let mut gradients = Transformed::new(Self::ELEMENTS, self.tiles(), columns.len());
            let result = &mut gradients;
            dispatch(Gradients { winograd: *self, map: grad, tiles, columns: columns.clone(), result });
            let mut parts = vec![Vec::new(); groups];
            for inputs in self.input_blocks() {
                let size = Self::ELEMENTS * part_stride(inputs.len(), columns.len());
                for (group, part) in parts.iter_mut().enumerate() {
                    part.clear();
                    part.reserve(size);
                    let blocks = self.blocks_of(group, groups);
                    for block in blocks.clone() {
                        dispatch(Sums {
                            elements: Self::ELEMENTS,
                            data,
                            gradients: &gradients,
                            tiles: self.tiles_of(block),
                            inputs: inputs.clone(),
                            columns: columns.len(),
                            result: &mut part.spare_capacity_mut()[..size],
                            add: block > blocks.start,
                        });
                    }
                    // SAFETY: the sums of a block are as many numbers, and all of them are written.
                    unsafe { part.set_len(size) }
                }
                let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                for (panel, kernels) in kernels.chunks_mut(PANEL * self.inputs * 9).enumerate() {
                    let (inputs, first, columns) = (inputs.clone(), panel * PANEL, columns.len());
                    dispatch(KernelGradient { winograd: *self, parts: &parts, inputs, first, columns, kernels });
                }
            }
        });
        weight
    }
}
