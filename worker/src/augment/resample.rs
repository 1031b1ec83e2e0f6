//! Image and mask at the places that a geometry says: bilinear between the four nearest pixels. The mask is foreground where at least half
//! of that is.

use super::geometry::{Geometry, Places};
use super::{Changed, to_byte};

/// A changed pixel: the four pixels that it lies between, and how much of each it is.
struct Between {
    corners: [usize; 4],
    weights: [f32; 4],
}

impl Between {
    fn of(x: f32, y: f32, size: usize) -> Self {
        // places are in the image, so they are not below 0
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(size - 1), (top + 1).min(size - 1));
        let (x, y) = (x - left as f32, y - top as f32);
        Self {
            corners: [top * size + left, top * size + right, bottom * size + left, bottom * size + right],
            weights: [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y],
        }
    }

    #[inline(always)]
    fn value(&self, plane: &[u8]) -> f32 {
        let [a, b, c, d] = self.corners.map(|corner| f32::from(plane[corner]));
        let [wa, wb, wc, wd] = self.weights;
        (a * wa + b * wb) + (c * wc + d * wd)
    }
}

/// Looks up an image `[3, size, size]` and its mask `[size, size]`.
pub(super) fn resample(geometry: &Geometry, image: &[u8], mask: &[u8]) -> Changed {
    let (size, pixels) = (geometry.size, geometry.size * geometry.size);
    let mut changed = Changed { image: vec![0; 3 * pixels], mask: vec![0; pixels] };
    let (red, others) = changed.image.split_at_mut(pixels);
    let (green, blue) = others.split_at_mut(pixels);
    let planes: [&[u8]; 3] = [0, 1, 2].map(|channel| &image[channel * pixels..(channel + 1) * pixels]);
    let mut places = Places::default();
    for row in 0..size {
        geometry.places(row, &mut places);
        for (column, (&x, &y)) in places.x.iter().zip(&places.y).enumerate() {
            let (between, at) = (Between::of(x, y, size), row * size + column);
            red[at] = to_byte(between.value(planes[0]));
            green[at] = to_byte(between.value(planes[1]));
            blue[at] = to_byte(between.value(planes[2]));
            changed.mask[at] = u8::from(between.value(mask) >= 0.5);
        }
    }
    changed
}
