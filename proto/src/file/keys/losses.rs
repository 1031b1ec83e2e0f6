//! The keys of the section `losses`: the parameters of each loss.

use super::{Entry, Field};
use crate::file::Interval::{self, BelowHalf, BelowOne, NonNegative, Positive};
use crate::spec::LossName::{self, Cms, Dice, Focal, FocalTversky, Jaccard, SoftBce, Tversky};

pub(super) static ENTRIES: &[Entry] = &[
    parameter("losses.dice.smooth", Dice, Positive),
    parameter("losses.focal.gamma", Focal, NonNegative),
    parameter("losses.focal.alpha", Focal, BelowOne),
    parameter("losses.soft_bce.smoothing", SoftBce, BelowHalf),
    parameter("losses.jaccard.smooth", Jaccard, Positive),
    parameter("losses.tversky.alpha", Tversky, NonNegative),
    parameter("losses.tversky.beta", Tversky, NonNegative),
    parameter("losses.tversky.smooth", Tversky, Positive),
    parameter("losses.focal_tversky.alpha", FocalTversky, NonNegative),
    parameter("losses.focal_tversky.beta", FocalTversky, NonNegative),
    parameter("losses.focal_tversky.gamma", FocalTversky, Positive),
    parameter("losses.focal_tversky.smooth", FocalTversky, Positive),
    parameter("losses.cms.cut", Cms, NonNegative),
];

/// A parameter, named by the end of its path.
const fn parameter(path: &'static str, of: LossName, interval: Interval) -> Entry {
    Entry { name: path, needs: None, field: Field::Parameter { of, interval } }
}
