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

    /// Where tiles go that several tasks transform.
    pub(super) fn places(&mut self) -> Places<'_, T> {
        Places { values: Scattered::new(&mut self.values), pitch: self.pitch, stride: self.stride }
    }

    /// Whether it has room for so much.
    pub(super) fn holds(&self, elements: usize, tiles: usize, channels: usize) -> bool {
        let pitch = channels.next_multiple_of(PANEL);
        pitch <= self.pitch && tiles * self.pitch <= self.stride && elements * self.stride <= self.values.len()
    }
}

/// Where transformed tiles go.
pub(super) struct Places<'a, T> {
    values: Scattered<'a, T>,
    pitch: usize,
    stride: usize,
}

/// Where the vectors of a tile begin in a map.
#[derive(Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack, as long as a tile is transformed")]
enum Sources<T> {
    /// All of them lie in the map.
    Inside {
        /// The first.
        first: *const T,
        /// Elements of a row of the map.
        pitch: usize,
        /// Elements of a pixel.
        step: usize,
    },
    /// By row and column; zeros for those outside.
    Edge([[*const T; 6]; 6]),
}

impl<F: Transform> Winograd<F> {
    /// Where each of a tile's `count` x `count` vectors lies in `map`, from `border` rows and columns before its first result on.
    #[inline(always)]
    fn sources<T>(
        &self,
        map: Map<'_, T>,
        (image, y, x): (usize, usize, usize),
        border: usize,
        count: usize,
    ) -> Sources<T> {
        assert!(map.values.len() == self.batch * self.height * self.width * map.channels);
        assert!(map.outside.len() >= map.channels && image < self.batch);
        let start = |line: usize, pixel: usize| ((image * self.height + line) * self.width + pixel) * map.channels;
        if y >= border && x >= border && y - border + count <= self.height && x - border + count <= self.width {
            // SAFETY: the pixel is one of the map, whose size was asserted.
            let first = unsafe { map.values.as_ptr().add(start(y - border, x - border)) };
            return Sources::Inside { first, pitch: self.width * map.channels, step: map.channels };
        }
        let mut sources = [[map.outside.as_ptr(); 6]; 6];
        for (row, sources) in sources.iter_mut().enumerate().take(count) {
            // a number before the first row or column wraps around, and is then too large
            let line = (y + row).wrapping_sub(border);
            for (column, source) in sources.iter_mut().enumerate().take(count) {
                let pixel = (x + column).wrapping_sub(border);
                if line < self.height && pixel < self.width {
                    // SAFETY: the pixel is one of the map, whose size was asserted.
                    *source = unsafe { map.values.as_ptr().add(start(line, pixel)) };
                }
            }
        }
        Sources::Edge(sources)
    }
}

/// `V = B^T x B` of some tiles.
pub(super) struct Data<'a, 'b, F, T> {
    pub(super) winograd: Winograd<F>,
    pub(super) map: Map<'a, T>,
    pub(super) tiles: Range<usize>,
    /// The first of them in `result`; no other task's are among those that follow.
    pub(super) first: usize,
    pub(super) result: &'a Places<'b, T>,
}

impl<F: Transform, T: Real> Vectorized for Data<'_, '_, F, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { winograd, map, tiles, first, result } = self;
        for (index, tile) in (first..).zip(tiles) {
            let sources = winograd.sources(map, winograd.place(tile), 1, F::DATA);
            // SAFETY: from a source on lie the channels of a pixel, or as many zeros. Who makes the tasks gives each tiles of its own.
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
        let result = result.places();
        assert!(columns.end <= map.channels);
        for (index, tile) in tiles.enumerate() {
            let sources = winograd.sources(map, winograd.place(tile), 0, F::RESULTS);
            let place = (index, &result);
            // SAFETY: from a source on lie the channels of a pixel, or as many zeros; the columns are among them.
            unsafe { transform::<F, T, S>(simd, &sources, columns.clone(), (Matrix::Gradients, F::RESULTS), place) };
        }
    }
}

/// Loads a tile of `count` x `count` vectors, transforms it along both dimensions and stores it as tile `index` of `result`.
///
/// # Safety
/// From every source on there are elements for all `columns`, and nothing else refers to the tile.
#[inline(always)]
unsafe fn transform<F: Transform, T: Real, S: Simd>(
    simd: S,
    sources: &Sources<T>,
    columns: Range<usize>,
    matrix: (Matrix, usize),
    place: (usize, &Places<'_, T>),
) {
    // SAFETY: the caller promises it; what is inside lies in rows.
    unsafe {
        match *sources {
            Sources::Inside { first, pitch, step } => transform_from::<F, T, S>(
                simd,
                #[inline(always)]
                |row, column| first.add(row * pitch + column * step),
                columns,
                matrix,
                place,
            ),
            Sources::Edge(ref sources) => transform_from::<F, T, S>(
                simd,
                #[inline(always)]
                |row, column| sources[row][column],
                columns,
                matrix,
                place,
            ),
        }
    }
}

/// See [`transform`].
///
/// # Safety
/// The same; and `source` is inlined, or it would be compiled for another instruction set.
#[inline(always)]
unsafe fn transform_from<F: Transform, T: Real, S: Simd>(
    simd: S,
    source: impl Fn(usize, usize) -> *const T,
    columns: Range<usize>,
    (matrix, count): (Matrix, usize),
    (index, result): (usize, &Places<'_, T>),
) {
    let lanes = T::count::<S>();
    let (start, stride) = (index * result.pitch, result.stride);
    assert!(columns.len() <= result.pitch && start + result.pitch <= stride);
    // a row is padded to whole vectors
    let size = (F::DATA * F::DATA - 1) * stride + columns.len().next_multiple_of(lanes);
    let target = result.values.place(start, size);
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
                    let source = source(row, column).add(channel);
                    if left >= lanes {
                        T::load::<S>(source)
                    } else {
                        T::load_some(simd, std::slice::from_raw_parts(source, left))
                    }
                }
            },
            #[inline(always)]
            |row, column, vector| {
                // SAFETY: in the values, as asserted, and the caller promises that the tile is this task's.
                unsafe {
                    T::store::<S>(target.add((row * F::DATA + column) * stride + channel - columns.start), vector)
                }
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
        let Self { winograd, products, tiles, columns, bias, activation, result } = self;
        let Winograd { height, width, outputs, .. } = winograd;
        assert!(products.holds(F::DATA * F::DATA, tiles.len(), columns.len()));
        for (index, tile) in tiles.enumerate() {
            let (image, y, x) = winograd.place(tile);
            let first = ((image * height + y) * width + x) * outputs + columns.start;
            for channel in (0..columns.len()).step_by(lanes) {
                let count = lanes.min(columns.len() - channel);
                let bias = match bias {
                    Some(bias) if count == lanes => {
                        let bias = &bias[channel..channel + lanes];
                        // SAFETY: the slice is as long as a register.
                        unsafe { T::load::<S>(bias.as_ptr()) }
                    }
                    Some(bias) => T::load_some(simd, &bias[channel..channel + count]),
                    None => zero,
                };
                // SAFETY: it has all tiles, as asserted.
                let source = unsafe { products.values.as_ptr().add(index * products.pitch + channel) };
                // the common case stands apart, as the checks would cost more than the transform
                let target = (y + F::RESULTS <= height && x + F::RESULTS <= width && count == lanes)
                    .then(|| result.place(first + channel, (F::RESULTS - 1) * (width + 1) * outputs + lanes));
                square::<F, T, S>(
                    simd,
                    Matrix::Results,
                    (F::DATA, F::RESULTS),
                    #[inline(always)]
                    |row, column| {
                        // SAFETY: it has all elements, as asserted; a row is padded to whole vectors.
                        unsafe { T::load::<S>(source.add((row * F::DATA + column) * products.stride)) }
                    },
                    #[inline(always)]
                    |row, column, vector| {
                        let sum = T::plus(simd, vector, bias);
                        let sum = if activation == Activation::Relu { T::relu(simd, sum) } else { sum };
                        let place = (row * width + column) * outputs;
                        // every pixel is in one tile only, and every channel of a tile in one task only
                        if let Some(target) = target {
                            // SAFETY: in the result, as asserted.
                            unsafe { T::store::<S>(target.add(place).cast(), sum) };
                        } else if y + row < height && x + column < width {
                            // SAFETY: nothing else refers to it.
                            T::write::<S>(unsafe { result.slice(first + place + channel, count) }, sum);
                        }
                    },
                );
            }
        }
    }
}
