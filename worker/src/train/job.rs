//! What a training works on, and never changes.

use super::TrainError;
use super::batches::Batches;
use super::evaluate::{Subset, evaluate};
use super::learner::Learner;
use super::predictions::Predictions;
use super::standard::Standard;
use crate::augment::Augmenter;
use crate::data::CaseSet;
use crate::data::split::{self, Pool, Subsets};
use candle_core::Device;
use proto::measure::Evaluation;
use proto::spec::{EpochChoice, JobSpec, Training};

/// A job with its cases, on a device.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) cases: &'a CaseSet,
    pub(super) device: &'a Device,
    pub(super) subsets: Subsets,
    pub(super) batches: Batches<'a>,
    /// What changes training cases, if anything does.
    pub(super) augmenter: Option<Augmenter>,
}

impl<'a> Job<'a> {
    /// The job with its cases split.
    ///
    /// # Errors
    /// If the specification does not fit the cases, or allocation fails.
    pub(super) fn new(spec: &'a JobSpec, cases: &'a CaseSet, device: &'a Device) -> Result<Self, TrainError> {
        check(spec, cases)?;
        let subsets = split::assign(&spec.split, &Pool::of(cases), spec.seeds.split_seed)?;
        let standard = spec.training.standardize.then(|| Standard::of(cases, &subsets.train));
        let batches = Batches::new(cases, standard, device)?;
        let augmenter = Augmenter::new(spec.augmentation, spec.seeds.order_seed, cases.image_size as usize);
        Ok(Self { spec, cases, device, subsets, batches, augmenter })
    }

    /// Evaluates a network on some cases; `looks` says whether their predictions are looked at as a whole.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(super) fn evaluate(
        &self,
        learner: &Learner,
        cases: &[u32],
        looks: bool,
    ) -> Result<(Evaluation, Predictions), TrainError> {
        let JobSpec { training, evaluating, .. } = self.spec;
        let batch_size = training.batch_size as usize;
        let subset = Subset { cases, batch_size, postprocess: evaluating.postprocess, looks };
        Ok(evaluate(learner, &self.batches, subset)?)
    }
}

fn check(spec: &JobSpec, cases: &CaseSet) -> Result<(), TrainError> {
    let (expected, found) = (spec.data.image_size, cases.image_size);
    if expected != found {
        return Err(TrainError::ImageSize { expected, found });
    }
    let Training { patience, stop_collapsed_after, .. } = spec.training;
    let selects = spec.selection.epoch == EpochChoice::Best || patience > 0 || stop_collapsed_after > 0;
    let counts = [
        ("epochs", spec.training.epochs),
        ("batch_size", spec.training.batch_size),
        ("accumulate", spec.training.accumulate),
        ("width", spec.model.width),
        ("train", spec.split.train),
        ("validation", if selects { spec.split.validation } else { 1 }),
        ("validation + test", spec.split.validation.saturating_add(spec.split.test)),
    ];
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(TrainError::Zero { key }),
        None => Ok(()),
    }
}
