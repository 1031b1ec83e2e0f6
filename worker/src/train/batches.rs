//! Cases -> tensors, and the order in which an epoch sees them.

use crate::data::CaseSet;
use crate::seed;
use candle_core::{Device, Result, Tensor};

/// Some cases as a network takes them.
#[derive(Debug)]
pub struct Batch {
    /// `[n, 3, size, size]`, 0 to 1.
    pub images: Tensor,
    /// `[n, 1, size, size]`, 0 or 1.
    pub targets: Tensor,
    /// `[n, size, size]`, 0 or 1.
    pub masks: Vec<u8>,
}

/// The batch of `indices`.
///
/// # Errors
/// If memory on `device` cannot be had.
pub fn batch(cases: &CaseSet, indices: &[u32], device: &Device) -> Result<Batch> {
    let size = cases.image_size as usize;
    let pixels = size * size;
    let gather = |bytes: &[u8], length: usize| -> Vec<u8> {
        indices.iter().flat_map(|&case| &bytes[case as usize * length..][..length]).copied().collect()
    };
    let images = gather(&cases.images, 3 * pixels).into_iter().map(|byte| f32::from(byte) / 255.0).collect();
    let masks = gather(&cases.masks, pixels);
    let targets = masks.iter().map(|&mask| f32::from(mask)).collect();
    Ok(Batch {
        images: Tensor::from_vec::<_, f32>(images, (indices.len(), 3, size, size), device)?,
        targets: Tensor::from_vec::<_, f32>(targets, (indices.len(), 1, size, size), device)?,
        masks,
    })
}

/// The order of an epoch: `cases` shuffled by a stream of the epoch's own.
pub(super) fn order(cases: &[u32], order_seed: u64, epoch: u32) -> Vec<u32> {
    let mut order = cases.to_vec();
    seed::shuffle(&mut order, &mut seed::stream("order", &[order_seed, u64::from(epoch)]));
    order
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn every_epoch_has_an_order_of_its_own() {
        let cases: Vec<u32> = (10..30).collect();
        let (first, second) = (order(&cases, 7, 1), order(&cases, 7, 2));
        assert_eq!(first, order(&cases, 7, 1));
        assert_ne!(first, second);
        assert_ne!(first, order(&cases, 8, 1));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, cases);
    }
}
