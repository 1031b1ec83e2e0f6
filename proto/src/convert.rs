//! Wire <-> domain, the only place. To the wire nothing can fail; from it everything is checked, because a peer may send anything.

mod data;
mod extras;
mod status;

pub use status::readings;

use crate::ids::{Attempt, InvalidId, Lease};
use crate::measure::{
    CaseCounts, Counts, Evaluation, FailureKind, JobResult, Measured, Measurement, Outcome, Scores, Verdict,
};
use crate::spec::Metric;
use crate::text::{Line, Tail};
use crate::wire;
use extras::extras;
use std::collections::BTreeSet;

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
        let validation = Scores::from(required(measurement.validation.as_ref(), "measurement.validation")?);
        let scores = Metric::OF_EPOCHS.iter().filter_map(|metric| validation.get(*metric));
        if !scores.chain(measurement.train_loss).all(f64::is_finite) {
            return Err(InvalidMessage::Value("measurement.validation"));
        }
        if !is_duration(measurement.seconds) {
            return Err(InvalidMessage::Value("measurement.seconds"));
        }
        Ok(Self {
            epoch: measurement.epoch,
            train_loss: measurement.train_loss,
            validation,
            seconds: measurement.seconds,
        })
    }
}

fn is_duration(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

// === JobResult ===

impl From<&Evaluation> for wire::Evaluation {
    fn from(evaluation: &Evaluation) -> Self {
        let measured = |Measured { metric, values }: &Measured| wire::Measured {
            metric: metric.name().to_owned(),
            values: values.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
        };
        Self {
            loss: evaluation.loss,
            counts: pack(&evaluation.cases),
            measured: evaluation.measured.iter().map(measured).collect(),
        }
    }
}

impl TryFrom<&wire::Evaluation> for Evaluation {
    type Error = InvalidMessage;

    fn try_from(evaluation: &wire::Evaluation) -> Result<Self, InvalidMessage> {
        let cases = unpack(&evaluation.counts)?;
        let measured: Vec<_> = evaluation
            .measured
            .iter()
            .map(|measured| read_measured(measured, cases.len()))
            .collect::<Result<_, _>>()?;
        let metrics: BTreeSet<_> = measured.iter().map(|measured| measured.metric).collect();
        if metrics.len() < measured.len() {
            return Err(InvalidMessage::Value("evaluation.measured"));
        }
        Ok(Self { loss: evaluation.loss, cases, measured })
    }
}

/// A metric with a value for each of the cases.
fn read_measured(measured: &wire::Measured, cases: usize) -> Result<Measured, InvalidMessage> {
    let metric = Metric::from_name(&measured.metric).filter(|metric| Metric::MEASURED.contains(metric));
    // an infinite distance would be one to nothing
    let are_sound = measured.values.iter().all(|value| value.is_nan() || value.is_finite() && *value >= 0.0);
    let metric = metric.filter(|_| are_sound && measured.values.len() == cases);
    let values = measured.values.iter().map(|value| Some(*value).filter(|value| value.is_finite())).collect();
    Ok(Measured { metric: metric.ok_or(InvalidMessage::Value("evaluation.measured"))?, values })
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
            split_hash: result.split_hash.map(|hash| hash.to_string()).unwrap_or_default(),
            baselines: result.extras.baselines.iter().map(Into::into).collect(),
            artifacts: result.extras.artifacts.iter().map(Into::into).collect(),
            weights: result.extras.weights.as_ref().map(Into::into),
            evidence: result.extras.evidence.iter().map(Into::into).collect(),
            peak_mib: result.extras.peak_mib.unwrap_or_default(),
            energy_joules: result.extras.energy_joules.unwrap_or_default(),
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
        if !is_duration(result.train_seconds) {
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
            device: Line::name(&result.device).into(),
            split_hash: match result.split_hash.as_str() {
                "" => None,
                hash => Some(hash.parse()?),
            },
            extras: extras(result)?,
        })
    }
}

// === Extras ===

/// A failure for the wire.
#[must_use]
pub fn failure_to_wire(kind: FailureKind, message: &str, log: &str) -> wire::Failure {
    let kind = match kind {
        FailureKind::Error => wire::FailureKind::Error,
        FailureKind::Crashed => wire::FailureKind::Crashed,
        FailureKind::OutOfMemory => wire::FailureKind::OutOfMemory,
        FailureKind::Data => wire::FailureKind::Data,
        FailureKind::TooLarge => wire::FailureKind::TooLarge,
    };
    wire::Failure { kind: kind.into(), message: message.to_owned(), log: log.to_owned() }
}

/// A failure from the wire; a kind that this build does not know is an error of the trainer.
#[must_use]
pub fn failure_from_wire(failure: &wire::Failure) -> (FailureKind, Line, Tail) {
    let kind = match failure.kind() {
        wire::FailureKind::Unspecified | wire::FailureKind::Error => FailureKind::Error,
        wire::FailureKind::Crashed => FailureKind::Crashed,
        wire::FailureKind::OutOfMemory => FailureKind::OutOfMemory,
        wire::FailureKind::Data => FailureKind::Data,
        wire::FailureKind::TooLarge => FailureKind::TooLarge,
    };
    (kind, Line::message(&failure.message), Tail::of(&failure.log))
}

impl From<&Outcome> for wire::complete_request::Outcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(result) => Self::Succeeded(result.as_ref().into()),
            Outcome::Failed { kind, message, log } => Self::Failed(failure_to_wire(*kind, message, log)),
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
                let (kind, message, log) = failure_from_wire(&failure);
                Self::Failed { kind, message, log }
            }
            Wire::Released(wire::Released {}) => Self::Released,
        })
    }
}

#[cfg(test)]
mod tests;
