//! What a training works on, and never changes.

use super::TrainError;
use super::batches::Batches;
use super::evaluate::evaluate;
use super::learner::Learner;
use crate::data::CaseSet;
use crate::data::split::{self, Pool, Subsets};
use candle_core::Device;
use proto::measure::Evaluation;
use proto::spec::{EpochChoice, JobSpec};

/// A job with its cases, on a device.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) cases: &'a CaseSet,
    pub(super) device: &'a Device,
    pub(super) subsets: Subsets,
    pub(super) batches: Batches<'a>,
}

impl<'a> Job<'a> {
    /// The job with its cases split.
    ///
    /// # Errors
    /// If the specification does not fit the cases, or allocation fails.
    pub(super) fn new(spec: &'a JobSpec, cases: &'a CaseSet, device: &'a Device) -> Result<Self, TrainError> {
        check(spec, cases)?;
        let subsets = split::assign(&spec.split, &Pool::of(cases), spec.seeds.split_seed)?;
        Ok(Self { spec, cases, device, subsets, batches: Batches::new(cases, device)? })
    }

    /// Evaluates a network on some cases.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(super) fn evaluate(&self, learner: &Learner, subset: &[u32]) -> Result<Evaluation, TrainError> {
        Ok(evaluate(learner, &self.batches, subset, self.spec.training.batch_size as usize)?)
    }
}

fn check(spec: &JobSpec, cases: &CaseSet) -> Result<(), TrainError> {
    let (expected, found) = (spec.data.image_size, cases.image_size);
    if expected != found {
        return Err(TrainError::ImageSize { expected, found });
    }
    let best = spec.selection.epoch == EpochChoice::Best;
    let counts = [
        ("epochs", spec.training.epochs),
        ("batch_size", spec.training.batch_size),
        ("width", spec.model.width),
        ("train", spec.split.train),
        ("validation", if best { spec.split.validation } else { 1 }),
        ("validation + test", spec.split.validation.saturating_add(spec.split.test)),
    ];
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(TrainError::Zero { key }),
        None => Ok(()),
    }
}
