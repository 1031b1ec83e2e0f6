//! Wire <-> domain, the only place. To the wire nothing can fail; from it everything is checked, because a peer may send anything.

use crate::data::{Dataset, Format, Inventory, Synthetic};
use crate::ids::{Attempt, ContentHash, InvalidId, Lease};
use crate::measure::{CaseCounts, Counts, Evaluation, FailureKind, JobResult, Measurement, Outcome, Scores, Verdict};
use crate::wire;

/// Why a message of a peer is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A field that must be there is not.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// An id is malformed.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A value that this build does not know, or that cannot be.
    #[error("field `{0}` has an unknown or impossible value")]
    Value(&'static str),
}

/// A field that proto3 makes optional and the protocol does not.
///
/// # Errors
/// If it is missing.
pub fn required<T>(field: Option<T>, name: &'static str) -> Result<T, InvalidMessage> {
    field.ok_or(InvalidMessage::Missing(name))
}

// === Lease ===

impl From<&Lease> for wire::Lease {
    fn from(lease: &Lease) -> Self {
        Self { job: lease.job.to_string(), attempt: lease.attempt.0, token: lease.token.to_string() }
    }
}

impl TryFrom<&wire::Lease> for Lease {
    type Error = InvalidMessage;

    fn try_from(lease: &wire::Lease) -> Result<Self, InvalidMessage> {
        Ok(Self { job: lease.job.parse()?, attempt: Attempt(lease.attempt), token: lease.token.parse()? })
    }
}

// === Dataset, Inventory ===

impl From<&Dataset> for wire::Dataset {
    fn from(dataset: &Dataset) -> Self {
        let format = match dataset.format {
            Format::Ph2 => wire::DatasetFormat::Ph2,
            Format::Folder => wire::DatasetFormat::Folder,
            Format::Synthetic => wire::DatasetFormat::Synthetic,
        };
        Self {
            name: dataset.name.clone(),
            format: format.into(),
            root: dataset.root.clone().unwrap_or_default(),
            cases: dataset.synthetic.map_or(0, |synthetic| synthetic.cases),
            seed: dataset.synthetic.map_or(0, |synthetic| synthetic.seed),
        }
    }
}

impl TryFrom<&wire::Dataset> for Dataset {
    type Error = InvalidMessage;

    fn try_from(dataset: &wire::Dataset) -> Result<Self, InvalidMessage> {
        let format = match dataset.format() {
            wire::DatasetFormat::Unspecified => return Err(InvalidMessage::Value("dataset.format")),
            wire::DatasetFormat::Ph2 => Format::Ph2,
            wire::DatasetFormat::Folder => Format::Folder,
            wire::DatasetFormat::Synthetic => Format::Synthetic,
        };
        Ok(Self {
            name: dataset.name.clone(),
            format,
            root: Some(dataset.root.clone()).filter(|root| !root.is_empty()),
            synthetic: (format == Format::Synthetic).then_some(Synthetic { cases: dataset.cases, seed: dataset.seed }),
        })
    }
}

impl From<&Inventory> for wire::Inventory {
    fn from(inventory: &Inventory) -> Self {
        Self { content: inventory.content.to_string(), cases: inventory.cases.clone() }
    }
}

impl TryFrom<wire::Inventory> for Inventory {
    type Error = InvalidMessage;

    fn try_from(inventory: wire::Inventory) -> Result<Self, InvalidMessage> {
        Ok(Self { content: inventory.content.parse::<ContentHash>()?, cases: inventory.cases })
    }
}

// === Measurement ===

impl From<&Scores> for wire::Scores {
    fn from(scores: &Scores) -> Self {
        let Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy } = *scores;
        Self { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy }
    }
}

impl From<&wire::Scores> for Scores {
    fn from(scores: &wire::Scores) -> Self {
        let wire::Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy } = *scores;
        Self { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy }
    }
}

impl From<&Measurement> for wire::Measurement {
    fn from(measurement: &Measurement) -> Self {
        Self {
            epoch: measurement.epoch,
            train_loss: measurement.train_loss,
            validation: Some((&measurement.validation).into()),
            seconds: measurement.seconds,
        }
    }
}

impl TryFrom<&wire::Measurement> for Measurement {
    type Error = InvalidMessage;

    fn try_from(measurement: &wire::Measurement) -> Result<Self, InvalidMessage> {
        if measurement.epoch == 0 {
            return Err(InvalidMessage::Value("measurement.epoch"));
        }
        if !measurement.seconds.is_finite() {
            return Err(InvalidMessage::Value("measurement.seconds"));
        }
        Ok(Self {
            epoch: measurement.epoch,
            train_loss: measurement.train_loss,
            validation: required(measurement.validation.as_ref(), "measurement.validation")?.into(),
            seconds: measurement.seconds,
        })
    }
}

// === JobResult ===

impl From<&Evaluation> for wire::Evaluation {
    fn from(evaluation: &Evaluation) -> Self {
        Self { loss: evaluation.loss, counts: pack(&evaluation.cases) }
    }
}

impl TryFrom<&wire::Evaluation> for Evaluation {
    type Error = InvalidMessage;

    fn try_from(evaluation: &wire::Evaluation) -> Result<Self, InvalidMessage> {
        Ok(Self { loss: evaluation.loss, cases: unpack(&evaluation.counts)? })
    }
}

/// Five numbers a case: its index, TP, FP, FN, TN.
#[must_use]
pub fn pack(cases: &[CaseCounts]) -> Vec<u32> {
    cases.iter().flat_map(|case| [case.case, case.counts.tp, case.counts.fp, case.counts.fn_, case.counts.tn]).collect()
}

/// Reads what [`pack`] wrote.
///
/// # Errors
/// If the numbers are not five a case, or a case has more pixels than fit.
pub fn unpack(numbers: &[u32]) -> Result<Vec<CaseCounts>, InvalidMessage> {
    let (cases, []) = numbers.as_chunks::<5>() else {
        return Err(InvalidMessage::Value("evaluation.counts"));
    };
    cases
        .iter()
        .map(|&[case, tp, fp, fn_, tn]| {
            // twice the pixels must fit, for the Dice coefficient
            let pixels = [tp, fp, fn_, tn].iter().try_fold(0u32, |sum, &n| sum.checked_add(n));
            pixels.and_then(|pixels| pixels.checked_mul(2)).ok_or(InvalidMessage::Value("evaluation.counts"))?;
            Ok(CaseCounts { case, counts: Counts { tp, fp, fn_, tn } })
        })
        .collect()
}

impl From<&JobResult> for wire::JobResult {
    fn from(result: &JobResult) -> Self {
        let verdict = match result.verdict {
            Verdict::Trained => wire::Verdict::Trained,
            Verdict::Trivial => wire::Verdict::Trivial,
            Verdict::Degenerate => wire::Verdict::Degenerate,
            Verdict::Diverged => wire::Verdict::Diverged,
        };
        Self {
            verdict: verdict.into(),
            epochs: result.epochs,
            best_epoch: result.best_epoch,
            validation: Some((&result.validation).into()),
            test: Some((&result.test).into()),
            train_seconds: result.train_seconds,
            parameters: result.parameters,
            device: result.device.clone(),
        }
    }
}

impl TryFrom<&wire::JobResult> for JobResult {
    type Error = InvalidMessage;

    fn try_from(result: &wire::JobResult) -> Result<Self, InvalidMessage> {
        let verdict = match result.verdict() {
            wire::Verdict::Unspecified => return Err(InvalidMessage::Value("result.verdict")),
            wire::Verdict::Trained => Verdict::Trained,
            wire::Verdict::Trivial => Verdict::Trivial,
            wire::Verdict::Degenerate => Verdict::Degenerate,
            wire::Verdict::Diverged => Verdict::Diverged,
        };
        if !result.train_seconds.is_finite() {
            return Err(InvalidMessage::Value("result.train_seconds"));
        }
        Ok(Self {
            verdict,
            epochs: result.epochs,
            best_epoch: result.best_epoch,
            validation: required(result.validation.as_ref(), "result.validation")?.try_into()?,
            test: required(result.test.as_ref(), "result.test")?.try_into()?,
            train_seconds: result.train_seconds,
            parameters: result.parameters,
            device: result.device.clone(),
        })
    }
}

// === Outcome ===

/// A failure for the wire.
#[must_use]
pub fn failure_to_wire(kind: FailureKind, message: &str) -> wire::Failure {
    let kind = match kind {
        FailureKind::Error => wire::FailureKind::Error,
        FailureKind::Crashed => wire::FailureKind::Crashed,
        FailureKind::OutOfMemory => wire::FailureKind::OutOfMemory,
        FailureKind::Data => wire::FailureKind::Data,
    };
    wire::Failure { kind: kind.into(), message: message.to_owned() }
}

/// A failure from the wire; a kind that this build does not know is an error of the trainer.
#[must_use]
pub fn failure_from_wire(failure: wire::Failure) -> (FailureKind, String) {
    let kind = match failure.kind() {
        wire::FailureKind::Unspecified | wire::FailureKind::Error => FailureKind::Error,
        wire::FailureKind::Crashed => FailureKind::Crashed,
        wire::FailureKind::OutOfMemory => FailureKind::OutOfMemory,
        wire::FailureKind::Data => FailureKind::Data,
    };
    (kind, failure.message)
}

impl From<&Outcome> for wire::complete_request::Outcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(result) => Self::Succeeded(result.as_ref().into()),
            Outcome::Failed { kind, message } => Self::Failed(failure_to_wire(*kind, message)),
            Outcome::Released => Self::Released(wire::Released {}),
        }
    }
}

impl TryFrom<wire::complete_request::Outcome> for Outcome {
    type Error = InvalidMessage;

    fn try_from(outcome: wire::complete_request::Outcome) -> Result<Self, InvalidMessage> {
        use wire::complete_request::Outcome as Wire;
        Ok(match outcome {
            Wire::Succeeded(result) => Self::Succeeded(Box::new((&result).try_into()?)),
            Wire::Failed(failure) => {
                let (kind, message) = failure_from_wire(failure);
                Self::Failed { kind, message }
            }
            Wire::Released(wire::Released {}) => Self::Released,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_cannot_be_are_refused() {
        assert_eq!(unpack(&[0, 1, 2, 3, 4]).map(|cases| pack(&cases)), Ok(vec![0, 1, 2, 3, 4]));
        assert!(unpack(&[0, 1, 2, 3]).is_err(), "four numbers");
        assert!(unpack(&[0, u32::MAX, 1, 0, 0]).is_err(), "more pixels than fit");
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        // the store has a number there, and a batch that it refuses is lost for everybody in it
        let seconds =
            |seconds| wire::Measurement { epoch: 1, validation: Some(Default::default()), seconds, train_loss: None };
        assert!(Measurement::try_from(&seconds(1.0)).is_ok());
        assert_eq!(Measurement::try_from(&seconds(f64::NAN)), Err(InvalidMessage::Value("measurement.seconds")));
        let result = wire::JobResult {
            verdict: wire::Verdict::Trained.into(),
            validation: Some(Default::default()),
            test: Some(Default::default()),
            train_seconds: f64::NAN,
            ..Default::default()
        };
        assert_eq!(JobResult::try_from(&result), Err(InvalidMessage::Value("result.train_seconds")));
    }

    #[test]
    fn a_result_survives_the_wire() {
        let evaluation = Evaluation {
            loss: 0.25,
            cases: vec![CaseCounts { case: 7, counts: Counts { tp: 1, fp: 2, fn_: 3, tn: 4 } }],
        };
        let outcome = Outcome::Succeeded(Box::new(JobResult {
            verdict: Verdict::Trained,
            epochs: 20,
            best_epoch: 12,
            validation: evaluation.clone(),
            test: evaluation,
            train_seconds: 1.5,
            parameters: 9,
            device: "cpu".to_owned(),
        }));
        assert_eq!(wire::complete_request::Outcome::from(&outcome).try_into(), Ok(outcome));
    }
}
