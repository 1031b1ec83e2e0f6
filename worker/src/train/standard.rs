//! Standardised images: each channel with mean 0 and standard deviation 1 over the training cases. Validation and test cases are
//! standardised by the numbers of the training cases too, as a picture from outside would be.

use crate::data::CaseSet;
use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each channel, of values between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    /// Of red, green and blue.
    pub mean: [f64; 3],
    /// Of red, green and blue, 1 where all values are the same.
    pub deviation: [f64; 3],
}

impl Standard {
    /// The standard of some cases.
    #[must_use]
    pub fn of(cases: &CaseSet, training: &[u32]) -> Self {
        let pixels = cases.image_size as usize * cases.image_size as usize;
        // sums of bytes and of their squares are exact
        let mut sums = [[0_u64; 2]; 3];
        for &case in training {
            for (sums, plane) in sums.iter_mut().zip(cases.image(case).chunks(pixels)) {
                for value in plane.iter().map(|&byte| u64::from(byte)) {
                    sums[0] += value;
                    sums[1] += value * value;
                }
            }
        }
        let count = (training.len() * pixels) as f64;
        let mean = sums.map(|[sum, _]| sum as f64 / count / 255.0);
        let deviation = sums.map(|[sum, squares]| {
            let mean = sum as f64 / count;
            let deviation = (squares as f64 / count - mean * mean).max(0.0).sqrt() / 255.0;
            if deviation > 0.0 { deviation } else { 1.0 }
        });
        Self { mean, deviation }
    }

    /// The standardised values of images `[n, 3, pixels]`.
    #[must_use]
    pub fn of_bytes(&self, images: &[u8], pixels: usize) -> Vec<f32> {
        let table = |channel: usize| -> [f32; 256] {
            let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
            std::array::from_fn(|byte| ((byte as f64 / 255.0 - mean) / deviation) as f32)
        };
        let tables = [0, 1, 2].map(table);
        let planes = images.chunks(pixels).zip(tables.iter().cycle());
        planes.flat_map(|(plane, table)| plane.iter().map(|&byte| table[usize::from(byte)])).collect()
    }

    /// The standardised values of images `[n, h, w, 3]`, 0 to 1.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn channels_last(&self, images: &Tensor) -> Result<Tensor> {
        let row = |values: [f64; 3]| Tensor::new(&values, images.device())?.to_dtype(images.dtype());
        images.broadcast_sub(&row(self.mean)?)?.broadcast_div(&row(self.deviation)?)
    }
}

#[cfg(test)]
mod tests {
    use super::Standard;
    use crate::data::CaseSet;
    use proto::data::Inventory;
    use proto::ids::ContentHash;

    #[test]
    fn the_training_cases_alone_set_the_standard() {
        // two cases of 2 x 2 pixels, and one that is not trained on
        let images = vec![0, 0, 255, 255, 51, 51, 51, 51, 0, 51, 102, 153, 0, 0, 0, 0, 51, 51, 51, 51, 0, 51, 102, 153];
        let images = [images, vec![255; 12]].concat();
        let inventory = Inventory::new(ContentHash(0), ["a", "b", "c"].map(str::to_owned).to_vec());
        let cases = CaseSet::new(inventory, 2, images, vec![0; 12]);
        let standard = Standard::of(&cases, &[0, 1]);
        let [red, green, blue] = standard.mean;
        assert!(
            (red - 0.25).abs() < 1e-12 && (green - 0.2).abs() < 1e-12 && (blue - 0.3).abs() < 1e-12,
            "{standard:?}"
        );
        let [red, green, blue] = standard.deviation;
        // sd of two ones and six zeros; none; sd of 0, .2, .4, .6
        assert!((red - 0.1875_f64.sqrt()).abs() < 1e-12 && green == 1.0, "{standard:?}");
        assert!((blue - 0.05_f64.sqrt()).abs() < 1e-12, "{standard:?}");
        let values = standard.of_bytes(cases.image(2), 4);
        assert!((f64::from(values[0]) - 0.75 / 0.1875_f64.sqrt()).abs() < 1e-6, "{values:?}");
        assert!((f64::from(values[4]) - 0.8).abs() < 1e-6, "{values:?}");
    }
}
