//! 3x3 convolutions in tiles, by Winograd's minimal filtering (see [`transforms`](super::transforms)).
//!
//! ```text
//!  convolve    V = B^T x B -> M = V U, a product for each of a tile's data -> y = A^T M A
//!  correlate   V = B^T x B, W = A y' A^T -> U' += V^T W -> w' = G^T U' G
//! ```
//!
//! A task takes a block of tiles through all three steps, so that `V`, `M` and `W` stay in its cache. Where blocks are few the
//! channels of the result are cut too. The cut depends on the sizes alone.

use super::direct::{Reading, cut, zeros};
use super::gemm::{Correlate, Multiply, PANEL, Patches, panels_size};
use super::parallel::{self, Scattered};
use super::scratch::Scratch;
use super::simd::Real;
use super::transforms::{Matrix, Transform, square};
use super::vectors::dispatch;
use crate::ops::Activation;
use pulp::{Simd, WithSimd};
use std::marker::PhantomData;
use std::ops::Range;

/// Elements of a block's `V` and `M` that are wanted: they stay in the second cache.
const BLOCK: usize = 1 << 17;
/// Tiles of a block, at least and at most. Of many channels more than [`BLOCK`] allows: the kernel, which every block reads, is
/// larger than its `V` and `M`.
const TILES: (usize, usize) = (24, 192);
/// Tasks that are wanted where the map alone gives fewer.
const TASKS: usize = 8;
/// Elements of all partial gradients of a kernel.
const PARTIALS: usize = 1 << 21;

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

/// A map that tiles are taken from.
#[derive(Clone, Copy)]
struct Map<'a, T> {
    values: &'a [T],
    channels: usize,
    /// A zero for every channel: what lies outside.
    outside: &'a [T],
}

/// Tiles after a transformation: for each of its `DATA^2` elements the vectors of all tiles. New ones hold anything.
struct Transformed<T: Real> {
    values: Scratch<T>,
    /// Where the vector of each tile begins.
    rows: Vec<usize>,
    /// Distance of two elements. No power of two: those would share a place in the nearest cache.
    stride: usize,
}

impl<T: Real> Transformed<T> {
    fn new(elements: usize, tiles: usize, channels: usize) -> Self {
        let pitch = channels.next_multiple_of(PANEL);
        let stride = tiles * pitch + PANEL;
        Self { values: Scratch::new(elements * stride), rows: (0..tiles).map(|tile| tile * pitch).collect(), stride }
    }

    fn element(&self, element: usize) -> &[T] {
        &self.values[element * self.stride..(element + 1) * self.stride]
    }

    /// An element's vectors of the first `count` tiles.
    fn vectors(&self, element: usize, count: usize) -> Vec<&[T]> {
        self.rows[..count].iter().map(|&row| &self.element(element)[row..]).collect()
    }
}

/// Distance of two elements of a kernel's transformed gradient. No power of two, as above.
fn part_stride(inputs: usize, outputs: usize) -> usize {
    inputs * outputs + PANEL
}

impl<F: Transform> Winograd<F> {
    const ELEMENTS: usize = F::DATA * F::DATA;

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
        (tiles / TILES.0 * TILES.0).clamp(TILES.0, TILES.1)
    }

    fn blocks(&self) -> usize {
        self.tiles().div_ceil(self.block())
    }

    fn tiles_of(&self, block: usize) -> Range<usize> {
        block * self.block()..self.tiles().min((block + 1) * self.block())
    }

    /// Image, row and column of a tile's first result.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (rows, columns) = self.grid();
        (tile / (rows * columns), tile / columns % rows * F::RESULTS, tile % columns * F::RESULTS)
    }

    /// Where each of a tile's `count` x `count` vectors lies in `map`, from `border` rows and columns before its first result on.
    #[inline(always)]
    fn sources<T>(&self, map: Map<'_, T>, tile: usize, border: usize, count: usize) -> [[*const T; 6]; 6] {
        assert!(map.values.len() == self.batch * self.height * self.width * map.channels);
        assert!(map.outside.len() >= map.channels);
        let (image, y, x) = self.place(tile);
        let mut sources = [[map.outside.as_ptr(); 6]; 6];
        for (row, sources) in sources.iter_mut().enumerate().take(count) {
            // before the first row or column a number wraps around, and is too large
            let line = (y + row).wrapping_sub(border);
            for (column, source) in sources.iter_mut().enumerate().take(count) {
                let pixel = (x + column).wrapping_sub(border);
                if line < self.height && pixel < self.width {
                    let start = ((image * self.height + line) * self.width + pixel) * map.channels;
                    // SAFETY: the pixel is one of the map, whose size was asserted.
                    *source = unsafe { map.values.as_ptr().add(start) };
                }
            }
        }
        sources
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
        let panels = self.kernel(weight, reading);
        let size = panels_size(self.inputs, self.outputs);
        let outside = zeros(self.inputs);
        let map = Map { values: x, channels: self.inputs, outside: &outside };
        let cuts = cut(self.outputs, TASKS.div_ceil(self.blocks().max(1)));
        let scratch = || {
            let tiles = self.block().min(self.tiles());
            let outputs = cuts.iter().map(Range::len).max().unwrap_or(0);
            (Transformed::new(Self::ELEMENTS, tiles, self.inputs), Transformed::new(Self::ELEMENTS, tiles, outputs))
        };
        type Both<T> = (Transformed<T>, Transformed<T>);
        let task = |result: &Scattered<'_, T>, (data, products): &mut Both<T>, task: usize| {
            let (tiles, columns) = (self.tiles_of(task / cuts.len()), &cuts[task % cuts.len()]);
            dispatch(Data { winograd: *self, map, tiles: tiles.clone(), result: data });
            let stride = products.stride;
            let rows = &products.rows[..tiles.len()];
            let all = Scattered::new(&mut products.values);
            for element in 0..Self::ELEMENTS {
                let results: Vec<_> = rows.iter().map(|row| element * stride + row).collect();
                dispatch(Multiply {
                    left: Patches { runs: &[data.vectors(element, tiles.len())], length: self.inputs },
                    panels: &panels[element * size + columns.start * self.inputs..],
                    columns: columns.len(),
                    bias: None,
                    activation: Activation::Identity,
                    result: &all,
                    results: &results,
                });
            }
            let bias = bias.map(|bias| &bias[columns.clone()]);
            let (tiles, columns) = (tiles, columns.clone());
            dispatch(Results { winograd: *self, products, tiles, columns, bias, activation, result });
        };
        // SAFETY: the tasks' tiles are all pixels, their columns all channels.
        unsafe {
            parallel::written(self.batch * self.height * self.width * self.outputs, |result| {
                parallel::collect_with(self.blocks() * cuts.len(), scratch, |scratch, index| {
                    task(result, scratch, index);
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
            (PARTIALS / (Self::ELEMENTS * self.inputs * self.outputs)).clamp(1, TASKS).min(self.blocks().max(1));
        let cuts = cut(self.outputs, TASKS / groups);
        let scratch = || {
            let tiles = self.block().min(self.tiles());
            let outputs = cuts.iter().map(Range::len).max().unwrap_or(0);
            (Transformed::new(Self::ELEMENTS, tiles, self.inputs), Transformed::new(Self::ELEMENTS, tiles, outputs))
        };
        let parts = parallel::collect_with(groups * cuts.len(), scratch, |(data, grads), task| {
            let (group, columns) = (task / cuts.len(), &cuts[task % cuts.len()]);
            let mut part = zeros(Self::ELEMENTS * part_stride(self.inputs, columns.len()));
            for block in group * self.blocks() / groups..(group + 1) * self.blocks() / groups {
                let tiles = self.tiles_of(block);
                dispatch(Data { winograd: *self, map: x, tiles: tiles.clone(), result: data });
                dispatch(Gradients {
                    winograd: *self,
                    map: grad,
                    tiles: tiles.clone(),
                    columns: columns.clone(),
                    result: grads,
                });
                for (element, part) in part.chunks_exact_mut(part_stride(self.inputs, columns.len())).enumerate() {
                    dispatch(Correlate {
                        left: Patches { runs: &[data.vectors(element, tiles.len())], length: self.inputs },
                        right: grads.element(element),
                        rights: &grads.rows[..tiles.len()],
                        columns: columns.len(),
                        result: part,
                    });
                }
            }
            part
        });
        let mut weight = zeros(self.outputs * self.inputs * 9);
        for (index, columns) in cuts.iter().enumerate() {
            let parts: Vec<_> = parts[index..].iter().step_by(cuts.len()).map(Vec::as_slice).collect();
            let block = &mut weight[columns.start * self.inputs * 9..columns.end * self.inputs * 9];
            parallel::chunks(block, PANEL * self.inputs * 9, |chunk, kernels| {
                let columns = (chunk * PANEL, columns.len());
                dispatch(KernelGradient { winograd: *self, parts: &parts, columns, kernels });
            });
        }
        weight
    }

    /// `U = G g G^T`: for each of a tile's data a matrix `[inputs, outputs]` in panels.
    fn kernel<T: Real>(&self, weight: &[T], reading: Reading) -> Vec<T> {
        let size = panels_size(self.inputs, self.outputs);
        // SAFETY: every panel is written in full.
        unsafe {
            parallel::written(Self::ELEMENTS * size, |result| {
                parallel::collect(self.outputs.div_ceil(PANEL), |panel| {
                    dispatch(Kernel { winograd: *self, weight, reading, panel, size, result });
                });
            })
        }
    }
}

/// `V = B^T d B` of some tiles.
struct Data<'a, F, T: Real> {
    winograd: Winograd<F>,
    map: Map<'a, T>,
    tiles: Range<usize>,
    result: &'a mut Transformed<T>,
}

impl<F: Transform, T: Real> WithSimd for Data<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { winograd, map, tiles, result } = self;
        for (index, tile) in tiles.enumerate() {
            let sources = winograd.sources(map, tile, 1, F::DATA);
            // SAFETY: a source is a pixel of the map, or has as many zeros.
            unsafe { transform::<F, T, S>(simd, &sources, 0..map.channels, (Matrix::Data, F::DATA), (index, result)) };
        }
    }
}

/// `W = A y' A^T` of some tiles, for a range of channels.
struct Gradients<'a, F, T: Real> {
    winograd: Winograd<F>,
    map: Map<'a, T>,
    tiles: Range<usize>,
    columns: Range<usize>,
    result: &'a mut Transformed<T>,
}

impl<F: Transform, T: Real> WithSimd for Gradients<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { winograd, map, tiles, columns, result } = self;
        for (index, tile) in tiles.enumerate() {
            let sources = winograd.sources(map, tile, 0, F::RESULTS);
            let place = (index, &mut *result);
            // SAFETY: as above; the columns are channels of the map.
            unsafe { transform::<F, T, S>(simd, &sources, columns.clone(), (Matrix::Gradients, F::RESULTS), place) };
        }
    }
}

/// Loads a tile of `count` x `count` vectors, transforms it along both dimensions and stores it as tile `index` of `result`.
///
/// # Safety
/// From every source on there are elements for all `columns`.
#[inline(always)]
unsafe fn transform<F: Transform, T: Real, S: Simd>(
    simd: S,
    sources: &[[*const T; 6]; 6],
    columns: Range<usize>,
    (matrix, count): (Matrix, usize),
    (index, result): (usize, &mut Transformed<T>),
) {
    let lanes = T::count::<S>();
    let (start, stride) = (result.rows[index], result.stride);
    let values = &mut *result.values;
    for channel in columns.clone().step_by(lanes) {
        let left = columns.end - channel;
        square::<F, T, S>(
            simd,
            matrix,
            (count, F::DATA),
            #[inline(always)]
            |row, column| {
                // SAFETY: the caller's promise.
                unsafe {
                    let source = sources[row][column].add(channel);
                    if left >= lanes {
                        T::load::<S>(source)
                    } else {
                        T::load_some(simd, std::slice::from_raw_parts(source, left))
                    }
                }
            },
            #[inline(always)]
            |row, column, vector| {
                let target = (row * F::DATA + column) * stride + start + channel - columns.start;
                // a row is padded to whole vectors
                let target = &mut values[target..target + lanes];
                // SAFETY: the slice is as long as a register.
                unsafe { T::store::<S>(target.as_mut_ptr(), vector) }
            },
        );
    }
}

/// `y = A^T M A` of some tiles, with bias and activation, for a range of channels.
struct Results<'a, 'b, F, T: Real> {
    winograd: Winograd<F>,
    products: &'a Transformed<T>,
    tiles: Range<usize>,
    columns: Range<usize>,
    bias: Option<&'a [T]>,
    activation: Activation,
    result: &'a Scattered<'b, T>,
}

impl<F: Transform, T: Real> WithSimd for Results<'_, '_, F, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let zero = T::splat(simd, T::default());
        let products = &*self.products.values;
        let Winograd { height, width, outputs, .. } = self.winograd;
        for (index, tile) in self.tiles.clone().enumerate() {
            let (image, y, x) = self.winograd.place(tile);
            let start = self.products.rows[index];
            for channel in (0..self.columns.len()).step_by(lanes) {
                let count = lanes.min(self.columns.len() - channel);
                let bias = match self.bias {
                    Some(bias) if count == lanes => {
                        let bias = &bias[channel..channel + lanes];
                        // SAFETY: the slice is as long as a register.
                        unsafe { T::load::<S>(bias.as_ptr()) }
                    }
                    Some(bias) => T::load_some(simd, &bias[channel..channel + count]),
                    None => zero,
                };
                square::<F, T, S>(
                    simd,
                    Matrix::Results,
                    (F::DATA, F::RESULTS),
                    #[inline(always)]
                    |row, column| {
                        let source = (row * F::DATA + column) * self.products.stride + start + channel;
                        let source = &products[source..source + lanes];
                        // SAFETY: the slice is as long as a register; a row is padded to whole vectors.
                        unsafe { T::load::<S>(source.as_ptr()) }
                    },
                    #[inline(always)]
                    |row, column, vector| {
                        if y + row >= height || x + column >= width {
                            return;
                        }
                        let result = T::plus(simd, vector, bias);
                        let result = if self.activation == Activation::Relu { T::relu(simd, result) } else { result };
                        let pixel = (image * height + y + row) * width + x + column;
                        // SAFETY: every pixel is in one tile, and every tile's channels in one task.
                        let target =
                            unsafe { self.result.slice(pixel * outputs + self.columns.start + channel, count) };
                        if count == lanes {
                            // SAFETY: the slice is as long as a register.
                            unsafe { T::store::<S>(target.as_mut_ptr(), result) }
                        } else {
                            T::store_some(simd, target, result);
                        }
                    },
                );
            }
        }
    }
}

/// A panel of `U = G g G^T`.
struct Kernel<'a, 'b, F, T> {
    winograd: Winograd<F>,
    weight: &'a [T],
    reading: Reading,
    panel: usize,
    size: usize,
    result: &'a Scattered<'b, T>,
}

impl<F: Transform, T: Real> WithSimd for Kernel<'_, '_, F, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let Winograd { inputs, outputs, .. } = self.winograd;
        let mut taps = [[T::default(); PANEL]; 9];
        for input in 0..inputs {
            for (column, output) in (self.panel * PANEL..outputs).take(PANEL).enumerate() {
                let kernel = match self.reading {
                    Reading::Straight => output * inputs + input,
                    Reading::Turned => input * outputs + output,
                };
                for (tap, &value) in self.weight[kernel * 9..kernel * 9 + 9].iter().enumerate() {
                    let tap = if self.reading == Reading::Turned { 8 - tap } else { tap };
                    taps[tap][column] = value;
                }
            }
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
                        let target = element * self.size + (self.panel * inputs + input) * PANEL + lane;
                        // SAFETY: a panel belongs to one task; the slice is as long as a register.
                        unsafe { T::store::<S>(self.result.slice(target, lanes).as_mut_ptr(), vector) }
                    },
                );
            }
        }
    }
}

/// `w' = G^T U' G` of a panel of kernels; `U'` is the sum of `parts`, `[DATA^2, inputs, columns]` each.
struct KernelGradient<'a, F, T> {
    winograd: Winograd<F>,
    parts: &'a [&'a [T]],
    /// First column of the panel, and columns of a part.
    columns: (usize, usize),
    kernels: &'a mut [T],
}

impl<F: Transform, T: Real> WithSimd for KernelGradient<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let inputs = self.winograd.inputs;
        let zero = T::splat(simd, T::default());
        let (first, pitch) = self.columns;
        let outputs = self.kernels.len() / (9 * inputs);
        for input in 0..inputs {
            for lane in (0..outputs).step_by(lanes) {
                let count = lanes.min(outputs - lane);
                let mut taps = [[T::default(); PANEL]; 9];
                square::<F, T, S>(
                    simd,
                    Matrix::TapsGradient,
                    (F::DATA, 3),
                    #[inline(always)]
                    |row, column| {
                        let start =
                            (row * F::DATA + column) * part_stride(inputs, pitch) + input * pitch + first + lane;
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
                for (tap, taps) in taps.iter().enumerate() {
                    for (column, &value) in taps[..count].iter().enumerate() {
                        self.kernels[((lane + column) * inputs + input) * 9 + tap] = value;
                    }
                }
            }
        }
    }
}
