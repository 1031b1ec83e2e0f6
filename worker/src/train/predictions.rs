//! What a network predicts on a subset, looked at as a whole: whether predictions differ from image to image, and whether logits are so
//! large that nothing moves them.

use candle_core::{DType, Device, Result, Tensor};

/// A probability of less than 3e-7, or as close to 1: the loss is flat there.
const SATURATED: f32 = 15.0;

/// The predictions of a network on some cases.
#[derive(Debug, Default)]
pub struct Predictions {
    /// The mask of each case, 64 pixels a word.
    masks: Vec<Vec<u64>>,
    saturated: usize,
    pixels: usize,
}

impl Predictions {
    /// Adds a batch of logits `[n, 1, h, w]`. Waits for a device.
    ///
    /// # Errors
    /// If the logits cannot be read.
    pub fn add(&mut self, logits: &Tensor) -> Result<()> {
        let logits = logits.flatten_from(1)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        for logits in logits {
            self.saturated += logits.iter().filter(|logit| logit.abs() > SATURATED).count();
            self.pixels += logits.len();
            let word = |logits: &[f32]| logits.iter().rev().fold(0, |word, &logit| word << 1 | u64::from(logit >= 0.0));
            self.masks.push(logits.chunks(64).map(word).collect());
        }
        Ok(())
    }

    /// Share of the logits beyond +-15.
    #[must_use]
    pub fn saturated(&self) -> f64 {
        self.saturated as f64 / self.pixels.max(1) as f64
    }

    /// The mean IoU of the masks of two cases; 1 where both are empty. `None` for fewer than two cases.
    #[must_use]
    pub fn similarity(&self) -> Option<f64> {
        let mut ious = Vec::new();
        for (index, mask) in self.masks.iter().enumerate() {
            ious.extend(self.masks[..index].iter().map(|other| iou(mask, other)));
        }
        (!ious.is_empty()).then(|| ious.iter().sum::<f64>() / ious.len() as f64)
    }
}

fn iou(a: &[u64], b: &[u64]) -> f64 {
    let count = |of: fn(u64, u64) -> u64| a.iter().zip(b).map(|(&a, &b)| of(a, b).count_ones()).sum::<u32>();
    let (both, either) = (count(|a, b| a & b), count(|a, b| a | b));
    if either == 0 { 1.0 } else { f64::from(both) / f64::from(either) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    #[test]
    fn predictions_are_compared_with_each_other() {
        const PIXELS: usize = 100;
        let case = |foreground: std::ops::Range<usize>, size: f32| {
            (0..PIXELS).map(move |pixel| if foreground.contains(&pixel) { size } else { -size })
        };
        // IoUs: 50/75, 0/60 and 0/85
        let logits: Vec<f32> = case(0..50, 1.0).chain(case(0..75, 20.0)).chain(case(90..100, 1.0)).collect();
        let mut predictions = Predictions::default();
        assert_eq!(predictions.similarity(), None);
        predictions.add(&Tensor::from_vec(logits, (3, 1, 10, 10), &Device::Cpu).unwrap()).unwrap();
        assert!((predictions.similarity().unwrap() - 2.0 / 9.0).abs() < 1e-12);
        assert!((predictions.saturated() - 1.0 / 3.0).abs() < 1e-12);
        let mut empty = Predictions::default();
        empty.add(&Tensor::full(-1f32, (2, 1, 10, 10), &Device::Cpu).unwrap()).unwrap();
        assert_eq!(empty.similarity(), Some(1.0));
    }
}
