//! Transforms kernels into panels for the products, and their gradients back.

use super::Winograd;
use super::transforms::{Matrix, Transform, square};
use crate::ops::cpu::conv::gemm::{PANEL, panels_size};
use crate::ops::cpu::conv::patches::Reading;
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::parallel::Scattered;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Inputs whose taps are put side by side before the first of them is transformed: a vector that is loaded right after its numbers
/// were stored one by one would have to wait for them.
pub(super) const READ: usize = 8;

/// A panel of `U = G w G^T`, for some inputs.
pub(super) struct Kernel<'a, 'b, F, T> {
    pub(super) winograd: Winograd<F>,
    pub(super) weight: &'a [T],
    pub(super) reading: Reading,
    pub(super) panel: usize,
    pub(super) inputs: Range<usize>,
    /// Where the panel begins in `result`.
    pub(super) first: usize,
    /// Distance of two elements in `result`.
    pub(super) stride: usize,
    pub(super) result: &'a Scattered<'b, MaybeUninit<T>>,
}

impl<F: Transform, T: Real> Vectorized for Kernel<'_, '_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let mut block = [[[T::default(); PANEL]; 9]; READ];
        for (index, input) in self.inputs.clone().enumerate() {
            if index.is_multiple_of(READ) {
                self.read(input..self.inputs.end.min(input + READ), &mut block);
            }
            let taps = &block[index % READ];
            for lane in (0..PANEL).step_by(lanes) {
                square::<F, T, S>(
                    simd,
                    Matrix::Taps,
                    (3, F::DATA),
                    #[inline(always)]
                    |row, column| {
                        let source = &taps[row * 3 + column][lane..lane + lanes];
                        // SAFETY: the slice is as long as a register.
                        unsafe { T::load::<S>(source.as_ptr()) }
                    },
                    #[inline(always)]
                    |row, column, vector| {
                        let element = row * F::DATA + column;
                        let target = self.first + element * self.stride + index * PANEL + lane;
                        // SAFETY: a panel belongs to one task.
                        T::write::<S>(unsafe { self.result.slice(target, lanes) }, vector);
                    },
                );
            }
        }
    }
}

impl<F: Transform, T: Real> Kernel<'_, '_, F, T> {
    /// The taps of some inputs, `[input, tap, column]`; those after the last output keep their value.
    #[inline(always)]
    fn read(&self, inputs: Range<usize>, block: &mut [[[T; PANEL]; 9]; READ]) {
        let Winograd { inputs: all_inputs, outputs, .. } = self.winograd;
        let (kernels, _) = self.weight.as_chunks::<9>();
        for (column, output) in (self.panel * PANEL..outputs).take(PANEL).enumerate() {
            match self.reading {
                Reading::Straight => {
                    let kernels = &kernels[output * all_inputs..][inputs.clone()];
                    for (taps, kernel) in block.iter_mut().zip(kernels) {
                        for (taps, &value) in taps.iter_mut().zip(kernel) {
                            taps[column] = value;
                        }
                    }
                }
                Reading::Turned => {
                    for (taps, input) in block.iter_mut().zip(inputs.clone()) {
                        for (taps, &value) in taps.iter_mut().rev().zip(&kernels[input * outputs + output]) {
                            taps[column] = value;
                        }
                    }
                }
            }
        }
    }
}

/// `w' = G^T U' G` of a panel of kernels, for some inputs; `U'` is the sum of `parts`, `[DATA^2, inputs, columns]` each, padded.
pub(super) struct KernelGradient<'a, F, T> {
    pub(super) winograd: Winograd<F>,
    pub(super) parts: &'a [&'a [T]],
    pub(super) inputs: Range<usize>,
    /// First column of the panel.
    pub(super) first: usize,
    /// Columns of a part.
    pub(super) columns: usize,
    pub(super) kernels: &'a mut [T],
}

impl<F: Transform, T: Real> Vectorized for KernelGradient<'_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let all_inputs = self.winograd.inputs;
        let zero = T::splat(simd, T::default());
        let (pitch, stride) = (part_pitch(self.columns), part_stride(self.inputs.len(), self.columns));
        let outputs = self.kernels.len() / (9 * all_inputs);
        for (index, input) in self.inputs.clone().enumerate() {
            for lane in (0..outputs).step_by(lanes) {
                let count = lanes.min(outputs - lane);
                let mut taps = [[T::default(); PANEL]; 9];
                square::<F, T, S>(
                    simd,
                    Matrix::TapsGradient,
                    (F::DATA, 3),
                    #[inline(always)]
                    |row, column| {
                        let start = (row * F::DATA + column) * stride + index * pitch + self.first + lane;
                        let mut total = zero;
                        for part in self.parts {
                            let part = &part[start..start + count];
                            let part = if count == lanes {
                                // SAFETY: the slice is as long as a register.
                                unsafe { T::load::<S>(part.as_ptr()) }
                            } else {
                                T::load_some(simd, part)
                            };
                            total = T::plus(simd, total, part);
                        }
                        total
                    },
                    #[inline(always)]
                    |row, column, vector| {
                        // SAFETY: a panel is at least as long as a register.
                        unsafe { T::store::<S>(taps[row * 3 + column].as_mut_ptr(), vector) }
                    },
                );
                let (kernels, _) = self.kernels.as_chunks_mut::<9>();
                for column in 0..count {
                    let kernel = &mut kernels[(lane + column) * all_inputs + input];
                    for (value, taps) in kernel.iter_mut().zip(&taps) {
                        *value = taps[column];
                    }
                }
            }
        }
    }
}

/// Distance of two elements of a transformed kernel: not a power of two, at which they would share a place in the L1 cache.
pub(super) fn kernel_stride(inputs: usize, outputs: usize) -> usize {
    panels_size(inputs, outputs) + PANEL
}

/// Writes zeros between the elements of a transformed kernel: nothing reads them, but a vector may only be as long as it is written.
pub(super) fn fill_gaps<T: Real>(kernel: &mut [MaybeUninit<T>], stride: usize) {
    kernel.chunks_exact_mut(stride).for_each(|element| element[stride - PANEL..].fill(MaybeUninit::new(T::default())));
}

/// Distance of two rows of a kernel's transformed gradient: whole panels.
pub(super) fn part_pitch(columns: usize) -> usize {
    columns.next_multiple_of(PANEL)
}

/// Distance of two elements of a kernel's transformed gradient: not a power of two, at which they would share a place in the L1 cache.
pub(super) fn part_stride(inputs: usize, columns: usize) -> usize {
    inputs * part_pitch(columns) + PANEL
}
