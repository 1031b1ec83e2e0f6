//! Weights and images -> segmentations: of one network, or of several together.
//!
//! ```text
//!  mod    weights -> networks; an image -> how sure they are of each pixel
//!  draw   that -> masks, probabilities, overlays, disagreement, as large as the image
//! ```
//!
//! Knows no folders and no command line.

pub mod draw;

use crate::models::Network;
use crate::postprocess;
use crate::train::device::{DeviceError, device};
use crate::train::{Standard, input};
use crate::weights::{Weights, WeightsError};
use candle_core::{DType, Device, Tensor};
use proto::measure::Counts;
use proto::spec::{JobSpec, Postprocess};

/// Why weights cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file does not make a network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// They take images of different sizes.
    #[error("their networks take images of {one} and of {other} pixels: predict with those of one size")]
    Sizes {
        /// The size of the first.
        one: u32,
        /// Another.
        other: u32,
    },
    /// There are none.
    #[error("no weights are given")]
    Empty,
}

/// Networks that segment images together: a pixel is lesion if the mean of their probabilities is at least one half.
#[derive(Debug)]
pub struct Ensemble {
    device: Device,
    image_size: u32,
    members: Vec<Member>,
    /// The job of each member.
    jobs: Vec<JobSpec>,
}

#[derive(Debug)]
struct Member {
    network: Network,
    standard: Option<Standard>,
    /// Whether its logits are the mean of those of the image and its three mirror images.
    flips: bool,
}

/// How sure each member is of each pixel: its probability of lesion less one half, which keeps the sign of the smallest logit.
/// `[members][image_size * image_size]`
pub type Margins = Vec<Vec<f32>>;

impl Ensemble {
    /// The networks of these weights.
    ///
    /// # Errors
    /// If there are none, they take images of different sizes, or a network cannot be made on the device.
    pub fn new(weights: Vec<Weights>, device_name: &str) -> Result<Self, EnsembleError> {
        let device = device(device_name)?;
        let jobs: Vec<_> = weights.iter().map(|weights| weights.about.spec.clone()).collect();
        let one = jobs.first().ok_or(EnsembleError::Empty)?.data.image_size;
        if let Some(other) = jobs.iter().map(|job| job.data.image_size).find(|other| *other != one) {
            return Err(EnsembleError::Sizes { one, other });
        }
        let member = |weights: Weights| -> Result<Member, EnsembleError> {
            let (standard, flips) = (weights.about.standard, weights.about.spec.evaluating.flips);
            Ok(Member { standard, flips, network: weights.network(&device)? })
        };
        let members = weights.into_iter().map(member).collect::<Result<_, _>>()?;
        Ok(Self { device, image_size: one, members, jobs })
    }

    /// Height and width of the images that the networks take, pixels.
    #[must_use]
    pub fn image_size(&self) -> u32 {
        self.image_size
    }

    /// What is done to predicted masks: what all of the members' jobs do to theirs, if they agree.
    #[must_use]
    pub fn postprocess(&self) -> Postprocess {
        let mut all = self.jobs.iter().map(|job| job.evaluating.postprocess);
        all.next().filter(|first| all.all(|other| other == *first)).unwrap_or_default()
    }

    /// The job of each member.
    #[must_use]
    pub fn jobs(&self) -> &[JobSpec] {
        &self.jobs
    }

    /// How sure the members are of the pixels of an image: red, green and blue, 0 to 255, `[3, image_size, image_size]`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn margins(&self, image: &[u8]) -> candle_core::Result<Margins> {
        let margin = |logit: f32| 0.5 * (0.5 * logit).tanh();
        let margins = |logits: Vec<f32>| logits.into_iter().map(margin).collect();
        Ok(self.logits(image)?.into_iter().map(margins).collect())
    }

    /// The logits of the members, as their jobs evaluate them: `[members][image_size * image_size]`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn logits(&self, image: &[u8]) -> candle_core::Result<Vec<Vec<f32>>> {
        let side = self.image_size as usize;
        let of_member = |member: &Member| -> candle_core::Result<Vec<f32>> {
            let values = input(image, member.standard.as_ref(), side * side);
            let image = Tensor::from_vec(values, (1, 3, side, side), &self.device)?;
            let logits = member.logits(&image)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            logits.flatten_all()?.to_vec1::<f32>()
        };
        self.members.iter().map(of_member).collect()
    }
}

impl Member {
    /// Logits `[1, 1, side, side]` of an image, as its job evaluates them.
    fn logits(&self, image: &Tensor) -> candle_core::Result<Tensor> {
        if self.flips { self.network.forward_mirrored(image) } else { self.network.forward(image) }
    }
}

/// The mean over the members, per pixel.
#[must_use]
pub fn mean(margins: &Margins) -> Vec<f32> {
    let mut sum = margins.first().cloned().unwrap_or_default();
    for member in margins.iter().skip(1) {
        sum.iter_mut().zip(member).for_each(|(sum, margin)| *sum += margin);
    }
    let members = margins.len() as f32;
    sum.iter().map(|sum| sum / members).collect()
}

/// The predicted mask, 1 where lesion is, with rows of `width` pixels.
#[must_use]
pub fn mask(margins: &[f32], postprocess: Postprocess, width: u32) -> Vec<u8> {
    let mut mask: Vec<u8> = margins.iter().map(|margin| u8::from(*margin >= 0.0)).collect();
    postprocess::apply(postprocess, &mut mask, width as usize);
    mask
}

/// The pixels of a predicted mask against the true one, both of 1 and 0.
#[must_use]
pub fn count(mask: &[u8], truth: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for (predicted, truth) in mask.iter().zip(truth) {
        let pixels = match (*predicted != 0, *truth != 0) {
            (true, true) => &mut counts.tp,
            (true, false) => &mut counts.fp,
            (false, true) => &mut counts.fn_,
            (false, false) => &mut counts.tn,
        };
        *pixels += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ensemble_decides_by_its_mean_probability() {
        // probabilities .9 and .2: lesion; .6 and .3: not
        let found = mean(&vec![vec![0.4, 0.1], vec![-0.3, -0.2]]);
        assert_eq!(mask(&found, Postprocess::None, 2), [1, 0]);
        let counts = count(&mask(&[0.0, -1e-30, f32::NAN, 0.5], Postprocess::None, 2), &[1, 1, 0, 0]);
        assert_eq!(counts, Counts { tp: 1, fn_: 1, tn: 1, fp: 1 });
    }
}
