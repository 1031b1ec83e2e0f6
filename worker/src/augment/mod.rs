//! Training images, changed at random, and their masks with them: bytes in, bytes out.
//!
//! ```text
//!  changes    seed, epoch and case -> what happens to the case
//!  geometry   flips, turns, rotation, scale, shear, elastic deformation -> for every pixel the place that it comes from
//!  resample   image and mask, looked up at these places: one resampling for all geometry together
//!  light      brightness, contrast and gamma; hue
//!  blur, noise, cutout
//! ```
//!
//! Every change draws from a stream of its own, named by the change, the order seed, the epoch and the case. So a case is changed alike
//! for every candidate, and a change that another candidate has in addition shifts no draw. The same draw means the same part of any
//! range. Masks follow the geometry alone. All of it happens on the host, so a batch has the same bytes on every device.
//!
//! Knows no jobs, no tensors and no network.

mod blur;
mod changes;
mod cutout;
mod geometry;
mod light;
mod noise;
mod resample;
#[cfg(test)]
mod tests;

use changes::Changes;
use geometry::Geometry;
use proto::spec::{Augmentation, Preset};

/// What changes the training cases of a job.
#[derive(Debug, Clone, Copy)]
pub struct Augmenter {
    augmentation: Augmentation,
    seed: u64,
    size: usize,
}

/// An image with its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Red, green and blue, `[3, size, size]`.
    pub image: Vec<u8>,
    /// 0 or 1, `[size, size]`.
    pub mask: Vec<u8>,
}

impl Augmenter {
    /// The changes of `augmentation`, drawn from `seed`, for images of `size` pixels a side; `None` if nothing is asked for.
    #[must_use]
    pub fn new(augmentation: Augmentation, seed: u64, size: usize) -> Option<Self> {
        let nothing = Augmentation { preset: augmentation.preset, ..Preset::None.into() };
        (augmentation != nothing).then_some(Self { augmentation, seed, size })
    }

    /// A case as an epoch sees it; image `[3, size, size]` and mask `[size, size]`.
    #[must_use]
    pub fn change(&self, epoch: u32, case: u32, image: &[u8], mask: &[u8]) -> Changed {
        let changes = Changes::drawn(&self.augmentation, self.seed, epoch, case);
        let geometry = Geometry::new(&changes, self.size);
        let mut changed = match &geometry {
            Some(geometry) => resample::resample(geometry, image, mask),
            None => Changed { image: image.to_vec(), mask: mask.to_vec() },
        };
        self.change_values(&changes, &mut changed.image);
        changed
    }

    /// What happens to the values of an image.
    fn change_values(&self, changes: &Changes, image: &mut [u8]) {
        let pixels = self.size * self.size;
        if changes.changes_light() {
            light::apply(changes, image, pixels);
        }
        if changes.blur > 0.0 || changes.noise.is_some() {
            let mut values: Vec<f32> = image.iter().map(|&byte| f32::from(byte)).collect();
            if changes.blur > 0.0 {
                values.chunks_mut(pixels).for_each(|plane| blur::apply(plane, self.size, changes.blur));
            }
            if let Some((deviation, stream)) = &changes.noise {
                noise::apply(&mut values, *deviation, &mut stream.clone());
            }
            for (byte, value) in image.iter_mut().zip(values) {
                *byte = to_byte(value);
            }
        }
        if let Some(square) = changes.cutout {
            image.chunks_mut(pixels).for_each(|plane| cutout::apply(plane, self.size, square));
        }
    }
}

/// The nearest byte of a value between 0 and 255.
fn to_byte(value: f32) -> u8 {
    // the cast keeps within the range of a byte
    (value + 0.5) as u8
}
