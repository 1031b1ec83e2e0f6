//! Cases -> tensors, and the order in which an epoch sees them.

use super::standard::Standard;
use crate::augment::Augmenter;
use crate::data::CaseSet;
use crate::ops::{self, parallel};
use crate::seed;
use candle_core::{DType, Device, Result, Tensor};

/// Where batches come from: cases in the host's memory, and on a CUDA device a copy of them.
#[derive(Debug)]
pub struct Batches<'a> {
    cases: &'a CaseSet,
    device: &'a Device,
    /// On a CUDA device images `[cases, 3, size, size]` and masks `[cases, size, size]`, bytes.
    copy: Option<(Tensor, Tensor)>,
    standard: Option<Standard>,
}

/// Images `[n, 3, size, size]` and masks `[n, size, size]` as bytes on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    images: Vec<u8>,
    masks: Vec<u8>,
    count: usize,
}

impl<'a> Batches<'a> {
    /// Batches on `device`, their images standardised if there is a standard.
    ///
    /// # Errors
    /// If the device has no memory for the cases.
    pub fn new(cases: &'a CaseSet, standard: Option<Standard>, device: &'a Device) -> Result<Self> {
        let (count, size) = (cases.inventory.cases.len(), cases.image_size as usize);
        let images = || Tensor::from_slice(cases.images.as_ref(), (count, 3, size, size), device);
        let masks = || Tensor::from_slice(cases.masks.as_ref(), (count, size, size), device);
        let copy = if device.is_cuda() { Some((images()?, masks()?)) } else { None };
        Ok(Self { cases, device, copy, standard })
    }

    /// How images are standardised, if they are.
    #[must_use]
    pub fn standard(&self) -> Option<Standard> {
        self.standard
    }

    /// Some cases as a network takes them: images `[n, 3, size, size]`, 0 to 1 or standardised, and targets `[n, 1, size, size]`, 0 or 1.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn tensors(&self, indices: &[u32]) -> Result<(Tensor, Tensor)> {
        if let Some((images, masks)) = &self.copy {
            return self.on_device(images, masks, indices);
        }
        let size = self.cases.image_size as usize;
        let images = gather(&self.cases.images, indices, 3 * size * size);
        self.on_host(images, self.masks(indices), indices.len())
    }

    /// Some cases as an epoch sees them, changed by `augmenter`. A task changes a case.
    #[must_use]
    pub fn augmented(&self, augmenter: &Augmenter, epoch: u32, indices: &[u32]) -> Bytes {
        let change = |index: usize| {
            let case = indices[index];
            augmenter.change(epoch, case, self.cases.image(case), self.cases.mask(case))
        };
        let changed = parallel::collect(indices.len(), change);
        let (images, masks): (Vec<_>, Vec<_>) =
            changed.into_iter().map(|changed| (changed.image, changed.mask)).unzip();
        Bytes { images: images.concat(), masks: masks.concat(), count: indices.len() }
    }

    /// These bytes as a network takes them; see [`tensors`](Self::tensors).
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn of_bytes(&self, Bytes { images, masks, count }: Bytes) -> Result<(Tensor, Tensor)> {
        if self.copy.is_none() {
            return self.on_host(images, masks, count);
        }
        let size = self.cases.image_size as usize;
        let images = Tensor::from_vec(images, (count, 3, size, size), self.device)?;
        let masks = Tensor::from_vec(masks, (count, size, size), self.device)?;
        self.on_device(&images, &masks, &(0..count as u32).collect::<Vec<_>>())
    }

    /// Some of the cases in a device's memory.
    fn on_device(&self, images: &Tensor, masks: &Tensor, indices: &[u32]) -> Result<(Tensor, Tensor)> {
        let (count, size) = (indices.len(), self.cases.image_size as usize);
        let (images, targets) = ops::gather_batch(images, masks, &Tensor::new(indices, self.device)?, DType::F32)?;
        let images = match &self.standard {
            Some(standard) => standard.channels_last(&images)?,
            None => images,
        };
        Ok((images.permute((0, 3, 1, 2))?, targets.reshape((count, 1, size, size))?))
    }

    fn on_host(&self, images: Vec<u8>, masks: Vec<u8>, count: usize) -> Result<(Tensor, Tensor)> {
        let size = self.cases.image_size as usize;
        let images = input(&images, self.standard.as_ref(), size * size);
        let targets = masks.into_iter().map(f32::from).collect();
        let images = Tensor::from_vec::<_, f32>(images, (count, 3, size, size), self.device)?;
        Ok((images, Tensor::from_vec::<_, f32>(targets, (count, 1, size, size), self.device)?))
    }

    /// The masks of some cases, 0 or 1, `[n, size, size]`.
    #[must_use]
    pub fn masks(&self, indices: &[u32]) -> Vec<u8> {
        let size = self.cases.image_size as usize;
        gather(&self.cases.masks, indices, size * size)
    }
}

/// What a network takes of images `[n, 3, pixels]`, 0 to 255: values from 0 to 1, or standardised.
#[must_use]
pub fn input(images: &[u8], standard: Option<&Standard>, pixels: usize) -> Vec<f32> {
    match standard {
        Some(standard) => standard.of_bytes(images, pixels),
        None => images.iter().map(|byte| f32::from(*byte) / 255.0).collect(),
    }
}

/// Some of the items that have `length` bytes each.
fn gather(bytes: &[u8], indices: &[u32], length: usize) -> Vec<u8> {
    let items = indices.iter().map(|&index| &bytes[index as usize * length..][..length]);
    items.collect::<Vec<_>>().concat()
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
