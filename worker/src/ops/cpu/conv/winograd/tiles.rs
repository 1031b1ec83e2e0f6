//! Takes tiles from maps, transforms them and puts them back, one vector of channels at a time.

use super::Winograd;
use super::transforms::{Matrix, Transform, square};
use crate::ops::Activation;
use crate::ops::cpu::conv::gemm::PANEL;
use crate::ops::cpu::run::instruction_set::Vectorized;
use crate::ops::cpu::run::parallel::Scattered;
use crate::ops::cpu::run::scratch::Scratch;
use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;
use std::ops::Range;

/// A map that tiles are taken from.
#[derive(Clone, Copy)]
pub(super) struct Map<'a, T> {
    pub(super) values: &'a [T],
    pub(super) channels: usize,
    /// A zero for every channel: what lies outside.
    pub(super) outside: &'a [T],
}

/// Tiles after a transformation: for each of its `DATA^2` elements the vectors of all tiles. A new one holds arbitrary numbers.
pub(super) struct Transformed<T: Real> {
    pub(super) values: Scratch<T>,
    /// Distance of two tiles: whole panels.
    pub(super) pitch: usize,
    /// Distance of two elements: not a power of two, at which they would share a place in the L1 cache.
    pub(super) stride: usize,
}

impl<T: Real> Transformed<T> {
    pub(super) fn new(elements: usize, tiles: usize, channels: usize) -> Self {
        let pitch = channels.next_multiple_of(PANEL);
        let stride = tiles * pitch + PANEL;
        Self { values: Scratch::new(elements * stride), pitch, stride }
    }

    /// Whether it has room for so much.
    pub(super) fn holds(&self, elements: usize, tiles: usize, channels: usize) -> bool {
        let pitch = channels.next_multiple_of(PANEL);
        pitch <= self.pitch && tiles * self.pitch <= self.stride && elements * self.stride <= self.values.len()
    }
}

impl<F: Transform> Winograd<F> {
    /// Where each of a tile's `count` x `count` vectors lies in `map`, from `border` rows and columns before its first result on.
    #[inline(always)]
    fn sources<T>(&self, map: Map<'_, T>, tile: usize, border: usize, count: usize) -> [[*const T; 6]; 6] {
        assert!(map.values.len() == self.batch * self.height * self.width * map.channels);
        assert!(map.outside.len() >= map.channels);
        let (image, y, x) = self.place(tile);
        let mut sources = [[map.outside.as_ptr(); 6]; 6];
        if y >= border && x >= border && y - border + count <= self.height && x - border + count <= self.width {
            let first = (image * self.height + y - border) * self.width + x - border;
            for (row, sources) in sources.iter_mut().enumerate().take(count) {
                for (column, source) in sources.iter_mut().enumerate().take(count) {
                    // SAFETY: the whole tile lies in the map, whose size was asserted.
                    *source = unsafe { map.values.as_ptr().add((first + row * self.width + column) * map.channels) };
                }
            }
            return sources;
        }
        for (row, sources) in sources.iter_mut().enumerate().take(count) {
            // a number before the first row or column wraps around, and is then too large
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
}

/// `V = B^T x B` of some tiles.
pub(super) struct Data<'a, F, T: Real> {
    pub(super) winograd: Winograd<F>,
    pub(super) map: Map<'a, T>,
    pub(super) tiles: Range<usize>,
    pub(super) result: &'a mut Transformed<T>,
}

impl<F: Transform, T: Real> Vectorized for Data<'_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { winograd, map, tiles, result } = self;
        for (index, tile) in tiles.enumerate() {
            let sources = winograd.sources(map, tile, 1, F::DATA);
            // SAFETY: from a source on lie the channels of a pixel, or as many zeros.
            unsafe { transform::<F, T, S>(simd, &sources, 0..map.channels, (Matrix::Data, F::DATA), (index, result)) };
        }
    }
}

/// `W = A y' A^T` of some tiles, for a range of channels.
pub(super) struct Gradients<'a, F, T: Real> {
    pub(super) winograd: Winograd<F>,
    pub(super) map: Map<'a, T>,
    pub(super) tiles: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) result: &'a mut Transformed<T>,
}

impl<F: Transform, T: Real> Vectorized for Gradients<'_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { winograd, map, tiles, columns, result } = self;
        for (index, tile) in tiles.enumerate() {
            let sources = winograd.sources(map, tile, 0, F::RESULTS);
            let place = (index, &mut *result);
            // SAFETY: from a source on lie the channels of a pixel, or as many zeros; the columns are among them.
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
    let (start, stride) = (index * result.pitch, result.stride);
    let values = &mut *result.values;
    for channel in columns.clone().step_by(lanes) {
        let left = columns.end - channel;
        square::<F, T, S>(
            simd,
            matrix,
            (count, F::DATA),
            #[inline(always)]
            |row, column| {
                // SAFETY: the caller promises that the elements are there.
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
pub(super) struct Results<'a, 'b, F, T: Real> {
    pub(super) winograd: Winograd<F>,
    pub(super) products: &'a Transformed<T>,
    pub(super) tiles: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) bias: Option<&'a [T]>,
    pub(super) activation: Activation,
    pub(super) result: &'a Scattered<'b, MaybeUninit<T>>,
}

impl<F: Transform, T: Real> Vectorized for Results<'_, '_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = T::count::<S>();
        let zero = T::splat(simd, T::default());
        let products = &*self.products.values;
        let Winograd { height, width, outputs, .. } = self.winograd;
        for (index, tile) in self.tiles.clone().enumerate() {
            let (image, y, x) = self.winograd.place(tile);
            let start = index * self.products.pitch;
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
                        // SAFETY: every pixel is in one tile only, and every channel of a tile in one task only.
                        let target =
                            unsafe { self.result.slice(pixel * outputs + self.columns.start + channel, count) };
                        T::write::<S>(target, result);
                    },
                );
            }
        }
    }
}
