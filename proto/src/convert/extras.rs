//! What comes beside a result.

use super::{InvalidMessage, pack, unpack};
use crate::extras::{Artifact, Baseline, BaselineCounts, Evidence, Extras, KeptWeights, Rule};
use crate::text::Line;
use crate::wire;
use std::collections::BTreeSet;

impl From<&BaselineCounts> for wire::Baseline {
    fn from(counts: &BaselineCounts) -> Self {
        let kind = match counts.baseline {
            Baseline::AllForeground => wire::BaselineKind::AllForeground,
            Baseline::MeanMask => wire::BaselineKind::MeanMask,
            Baseline::Otsu => wire::BaselineKind::Otsu,
        };
        Self { kind: kind.into(), validation: pack(&counts.validation), test: pack(&counts.test) }
    }
}

impl TryFrom<&wire::Baseline> for BaselineCounts {
    type Error = InvalidMessage;

    fn try_from(counts: &wire::Baseline) -> Result<Self, InvalidMessage> {
        let baseline = match counts.kind() {
            wire::BaselineKind::Unspecified => return Err(InvalidMessage::Value("baseline.kind")),
            wire::BaselineKind::AllForeground => Baseline::AllForeground,
            wire::BaselineKind::MeanMask => Baseline::MeanMask,
            wire::BaselineKind::Otsu => Baseline::Otsu,
        };
        Ok(Self { baseline, validation: unpack(&counts.validation)?, test: unpack(&counts.test)? })
    }
}

impl From<&Artifact> for wire::Artifact {
    fn from(artifact: &Artifact) -> Self {
        let Artifact { case, rank, of, iou, ref png } = *artifact;
        Self { case, rank, of, iou, png: png.clone() }
    }
}

impl TryFrom<&wire::Artifact> for Artifact {
    type Error = InvalidMessage;

    fn try_from(artifact: &wire::Artifact) -> Result<Self, InvalidMessage> {
        let wire::Artifact { case, rank, of, iou, ref png } = *artifact;
        if !iou.is_finite() {
            return Err(InvalidMessage::Value("artifact.iou"));
        }
        Ok(Self { case, rank, of, iou, png: png.clone() })
    }
}

impl From<&KeptWeights> for wire::KeptWeights {
    fn from(weights: &KeptWeights) -> Self {
        let KeptWeights { hash, bytes, ref place } = *weights;
        Self { hash: hash.to_string(), bytes, place: place.to_string() }
    }
}

impl TryFrom<&wire::KeptWeights> for KeptWeights {
    type Error = InvalidMessage;

    fn try_from(weights: &wire::KeptWeights) -> Result<Self, InvalidMessage> {
        let wire::KeptWeights { ref hash, bytes, ref place } = *weights;
        if bytes == 0 || i64::try_from(bytes).is_err() {
            return Err(InvalidMessage::Value("weights.bytes"));
        }
        Ok(Self { hash: hash.parse()?, bytes, place: Line::name(place) })
    }
}

impl From<&Evidence> for wire::Evidence {
    fn from(&Evidence { rule, found, bound }: &Evidence) -> Self {
        Self { rule: rule.name().to_owned(), found, bound }
    }
}

/// The evidence of the rules that this build knows, each at most once.
fn evidence(evidence: &[wire::Evidence]) -> Result<Vec<Evidence>, InvalidMessage> {
    let known = evidence.iter().filter_map(|wire::Evidence { rule, found, bound }| {
        Some(Evidence { rule: Rule::from_name(rule)?, found: *found, bound: *bound })
    });
    let known: Vec<_> = known.collect();
    let rules: BTreeSet<_> = known.iter().map(|evidence| evidence.rule).collect();
    let is_finite = |evidence: &Evidence| evidence.found.is_finite() && evidence.bound.is_finite();
    if rules.len() < known.len() || !known.iter().all(is_finite) {
        return Err(InvalidMessage::Value("result.evidence"));
    }
    Ok(known)
}

/// Each baseline and each rank at most once, and no more bytes than the store is to keep.
pub(super) fn extras(result: &wire::JobResult) -> Result<Extras, InvalidMessage> {
    let extras = Extras {
        baselines: result.baselines.iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        artifacts: result.artifacts.iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        weights: result.weights.as_ref().map(TryInto::try_into).transpose()?,
        evidence: evidence(&result.evidence)?,
        peak_mib: Some(result.peak_mib).filter(|mib| *mib > 0),
        energy_joules: Some(result.energy_joules).filter(|joules| *joules > 0.0 && joules.is_finite()),
    };
    let baselines: BTreeSet<_> = extras.baselines.iter().map(|counts| counts.baseline).collect();
    let ranks: BTreeSet<_> = extras.artifacts.iter().map(|artifact| artifact.rank).collect();
    let bytes: usize = extras.artifacts.iter().map(|artifact| artifact.png.len()).sum();
    if baselines.len() < extras.baselines.len() {
        return Err(InvalidMessage::Value("result.baselines"));
    }
    if ranks.len() < extras.artifacts.len() || bytes > Artifact::MAX_BYTES {
        return Err(InvalidMessage::Value("result.artifacts"));
    }
    Ok(extras)
}

// === Outcome ===
