//! Why a mask is not read: what was found in it, and what its owner can say.

use super::channels::{Samples, counts};
use proto::data::MaskValue;
use std::fmt;

/// Maximum number of values that a message shows.
const MAX_SHOWN: usize = 6;

/// The most frequent values of a channel.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Found {
    /// Each with the share of pixels that have it, 0 to 1; the most frequent first.
    shown: Vec<(MaskValue, f64)>,
    /// Number of different values.
    different: usize,
}

/// Why a mask is not read. The message completes "mask `PATH` ".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(in super::super) enum MaskProblem {
    #[error("does not have two levels that stand apart, but {0}")]
    Values(Found),
    #[error("is {color} everywhere, and its alpha channel has {alpha}")]
    OnlyAlpha { color: MaskValue, alpha: Found },
    #[error("has {color}, and its alpha channel, which says something else, has {alpha}")]
    ColorAndAlpha { color: Found, alpha: Found },
    #[error("has no alpha channel")]
    NoAlpha,
    #[error("has {0} for samples")]
    Numbers(String),
}

impl MaskProblem {
    /// What helps.
    pub(in super::super) fn remedy(&self) -> String {
        match self {
            Self::Values(found) => {
                let lesion = found.lesion();
                format!(
                    "say which values are lesion, such as `mask: {{lesion: [{lesion}]}}`, or from which value on: `mask: {{threshold: {}}}`",
                    found.middle()
                )
            }
            Self::OnlyAlpha { .. } => "if the lesion is what is opaque, write `mask: {channel: alpha}`".to_owned(),
            Self::ColorAndAlpha { color, .. } => {
                format!("write `mask: {{channel: alpha}}`, or `mask: {{lesion: [{}]}}` for the colours", color.lesion())
            }
            Self::NoAlpha => "leave out `mask: {channel: alpha}`, or save the mask with its alpha channel".to_owned(),
            Self::Numbers(_) => "save the mask with 8 or 16 bits, in whole numbers".to_owned(),
        }
    }
}

/// The values of a channel.
pub(super) fn found(samples: &Samples) -> Found {
    let mut all: Vec<_> = match samples {
        Samples::Gray(gray) => gray.counts().into_iter().map(|(value, n)| (MaskValue::Gray(value), n)).collect(),
        Samples::Color(pixels) => counts(pixels).into_iter().map(|(value, n)| (MaskValue::Color(value), n)).collect(),
    };
    all.sort_by_key(|(value, n)| (std::cmp::Reverse(*n), *value));
    let (different, pixels) = (all.len(), all.iter().map(|(_, n)| n).sum::<usize>());
    all.truncate(MAX_SHOWN);
    let mut shown: Vec<_> = all.into_iter().map(|(value, n)| (value, n as f64 / pixels as f64)).collect();
    if different <= MAX_SHOWN {
        shown.sort_by_key(|(value, _)| *value);
    }
    Found { shown, different }
}

impl Found {
    /// A value that may be lesion: the most frequent one that is not the most frequent of all.
    fn lesion(&self) -> String {
        let mut shares = self.shown.clone();
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        match shares.get(1).or(shares.first()) {
            Some((value, _)) => in_yaml(value),
            None => String::new(),
        }
    }

    /// The middle of the scale on which the values lie.
    fn middle(&self) -> u16 {
        let is_deep = self.shown.iter().any(|(value, _)| matches!(value, MaskValue::Gray(256..)));
        if is_deep { 32768 } else { 128 }
    }
}

/// A value as a sweep file has it: a colour in quotes, because `#` begins a comment.
pub(super) fn in_yaml(value: &MaskValue) -> String {
    match value {
        MaskValue::Gray(value) => value.to_string(),
        MaskValue::Color(_) => format!("'{value}'"),
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(value, share): &(MaskValue, f64)| format!("{value} ({:.1} %)", 100.0 * share);
        let list: Vec<_> = self.shown.iter().map(shown).collect();
        let values = if self.different == 1 { "value" } else { "values" };
        write!(f, "{} {values}: {}", self.different, list.join(", "))?;
        if self.different > list.len() { write!(f, " and others") } else { Ok(()) }
    }
}
