//! Feature maps in the layout of the kernels, and the way there and back.
//!
//! A strip holds, channel after channel, either several whole images or some rows of one. With a border, every row is followed
//! by one zero and every image is enclosed by rows of zeros (at a strip's edge inside an image: by the neighbouring rows). A
//! pixel's neighbour is then at a fixed distance, whatever the image size, and a convolution is a product with shifted rows:
//!
//! ```text
//!  0                        lead
//!  . . . . .                row above
//!  a b c d 0                pitch = width + 1; the neighbours of f are at -1, +1, -pitch, +pitch
//!  e f g h 0
//!  0 0 0 0 0                between two images, one row for both
//! ```
//!
//! Without a border the rows simply follow one another.

use super::simd::Real;

/// Positions that a strip should hold at least (several small images) and at most (some rows of a big one).
const POSITIONS: std::ops::Range<usize> = 512..6144;
/// Positions by which kernels may read or write past the end.
const SLACK: usize = 64;

/// Some rows of some images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strip {
    /// First image.
    pub(super) image: usize,
    /// Number of images; 1 unless the strip holds all rows.
    pub(super) images: usize,
    /// First row.
    pub(super) row: usize,
    /// Number of rows.
    pub(super) rows: usize,
}

/// The feature maps of a batch, cut into strips. The cut depends on the sizes alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Images in the batch.
    pub(super) batch: usize,
    /// Rows of an image.
    pub(super) height: usize,
    /// Columns of an image.
    pub(super) width: usize,
    /// Zeros between rows: 1 with a border, 0 without.
    pub(super) border: usize,
}

impl Grid {
    /// Distance of two rows.
    pub(super) fn pitch(&self) -> usize {
        self.width + self.border
    }

    /// Images that are worked on together.
    pub(super) fn group(&self) -> usize {
        POSITIONS.start.div_ceil((self.height + self.border) * self.pitch()).clamp(1, self.batch.max(1))
    }

    /// Number of groups of images.
    pub(super) fn groups(&self) -> usize {
        self.batch.div_ceil(self.group())
    }

    /// The strips of a group, in order.
    pub(super) fn strips(&self, group: usize) -> impl Iterator<Item = Strip> + use<> {
        let image = group * self.group();
        let images = self.group().min(self.batch - image);
        let rows = if images > 1 { self.height } else { (POSITIONS.end / self.pitch()).clamp(4, self.height.max(4)) };
        let height = self.height;
        (0..height).step_by(rows).map(move |row| Strip { image, images, row, rows: rows.min(height - row) })
    }

    /// Index of the first pixel in a channel of a strip.
    pub(super) fn origin(&self) -> usize {
        self.border * (1 + self.pitch())
    }

    /// Positions from the first to the last pixel of a strip, zeros included.
    pub(super) fn span(&self, strip: &Strip) -> usize {
        (strip.images * (strip.rows + self.border) - self.border) * self.pitch()
    }

    /// Distance of two channels of a strip.
    pub(super) fn stride(&self, strip: &Strip) -> usize {
        (2 * self.origin() + self.span(strip) + SLACK).next_multiple_of(16) + 16
    }

    /// The index, relative to [`origin`](Self::origin), of a row of the image that is the strip's `image`-th.
    fn row_start(&self, strip: &Strip, image: usize, row: usize) -> usize {
        (image * (strip.rows + self.border) + row) * self.pitch()
    }

    /// Lays planes `[batch, channels, height, width]` out as a strip, with the neighbouring rows if there is a border.
    /// `copy(target, range)` copies a row of the batch.
    #[inline(always)]
    pub(super) fn pack_planes<T: Real>(
        &self,
        strip: &Strip,
        channels: usize,
        copy: impl Fn(&mut [T], std::ops::Range<usize>),
    ) -> Vec<T> {
        let (stride, origin, pitch) = (self.stride(strip), self.origin(), self.pitch());
        let mut packed = vec![T::default(); channels * stride];
        let above = self.border * usize::from(strip.row > 0);
        let below = self.border * usize::from(strip.row + strip.rows < self.height);
        for (channel, plane) in packed.chunks_exact_mut(stride).enumerate() {
            for image in 0..strip.images {
                let first = ((strip.image + image) * channels + channel) * self.height + strip.row;
                let start = origin + self.row_start(strip, image, 0);
                for (row, source) in (first - above..first + strip.rows + below).enumerate() {
                    let target = start + row * pitch - above * pitch;
                    copy(&mut plane[target..target + self.width], source * self.width..(source + 1) * self.width);
                }
            }
        }
        packed
    }

    /// Like [`pack_planes`](Self::pack_planes), from planes of twice the size: channel `4 c + 2 i + j` of the strip holds pixel
    /// `(i, j)` of every 2x2 block of plane `c`.
    #[inline(always)]
    pub(super) fn pack_blocks<T: Real>(&self, strip: &Strip, planes: usize, value: impl Fn(usize) -> T) -> Vec<T> {
        let stride = self.stride(strip);
        let mut packed = vec![T::default(); 4 * planes * stride];
        for (channel, lane) in packed.chunks_exact_mut(stride).enumerate() {
            let (plane, i, j) = (channel / 4, channel / 2 % 2, channel % 2);
            for image in 0..strip.images {
                for row in 0..strip.rows {
                    let source = ((strip.image + image) * planes + plane) * 2 * self.height + 2 * (strip.row + row) + i;
                    let start = source * 2 * self.width + j;
                    let target = self.origin() + self.row_start(strip, image, row);
                    for (x, target) in lane[target..target + self.width].iter_mut().enumerate() {
                        *target = value(start + 2 * x);
                    }
                }
            }
        }
        packed
    }

    /// Makes what follows a strip's last pixel zero.
    pub(super) fn clear_below<T: Real>(&self, strip: &Strip, packed: &mut [T]) {
        for plane in packed.chunks_exact_mut(self.stride(strip)) {
            plane[self.origin() + self.span(strip)..].fill(T::default());
        }
    }

    /// Takes the pixels of a product (channels `stride` apart, first pixel first) to the planes of the strip's group of images,
    /// through `map(channel, value)`.
    #[inline(always)]
    pub(super) fn unpack_planes<T: Real>(
        &self,
        strip: &Strip,
        product: &[T],
        group: &mut [T],
        map: impl Fn(usize, T) -> T,
    ) {
        let stride = self.stride(strip);
        let channels = product.len() / stride;
        for image in 0..strip.images {
            for (channel, plane) in product.chunks_exact(stride).enumerate() {
                for row in 0..strip.rows {
                    let source = self.row_start(strip, image, row);
                    let target = ((image * channels + channel) * self.height + strip.row + row) * self.width;
                    let source = &plane[source..source + self.width];
                    for (target, &value) in group[target..target + self.width].iter_mut().zip(source) {
                        *target = map(channel, value);
                    }
                }
            }
        }
    }

    /// The inverse of [`pack_blocks`](Self::pack_blocks), through `map(plane, value)`.
    #[inline(always)]
    pub(super) fn unpack_blocks<T: Real>(
        &self,
        strip: &Strip,
        product: &[T],
        group: &mut [T],
        map: impl Fn(usize, T) -> T,
    ) {
        let stride = self.stride(strip);
        let planes = product.len() / stride / 4;
        for image in 0..strip.images {
            for (channel, lane) in product.chunks_exact(stride).enumerate() {
                let (plane, i, j) = (channel / 4, channel / 2 % 2, channel % 2);
                for row in 0..strip.rows {
                    let source = self.row_start(strip, image, row);
                    let target = (image * planes + plane) * 2 * self.height + 2 * (strip.row + row) + i;
                    let start = target * 2 * self.width + j;
                    let targets = group[start..].iter_mut().step_by(2);
                    for (target, &value) in targets.zip(&lane[source..source + self.width]) {
                        *target = map(plane, value);
                    }
                }
            }
        }
    }
}
