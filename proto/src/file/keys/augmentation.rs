//! The keys of the section `augmentation`.

use super::{Entry, choice, choose, real, truth};
use crate::file::Interval;
use crate::spec::{Augmentation, Preset};

/// The preset: its axis has the name of the section.
pub(super) const NAME: &str = "augmentation";

/// The keys that a preset says, in a job without one.
const NEEDS: Option<(&str, &[&str])> = Some((NAME, &[Preset::Custom.name()]));

pub(super) static ENTRIES: &[Entry] = &[
    choice(
        NAME,
        None,
        Preset::NAMES,
        |job| job.augmentation.preset.name(),
        |job, name| choose(&mut job.augmentation, Preset::from_name(name).map(Augmentation::from)),
    ),
    truth("augmentation.flips", NEEDS, |job| job.augmentation.flips, |job, truth| job.augmentation.flips = truth),
    truth(
        "augmentation.quarter_turns",
        NEEDS,
        |job| job.augmentation.quarter_turns,
        |job, truth| job.augmentation.quarter_turns = truth,
    ),
    real(
        "augmentation.rotation",
        NEEDS,
        Interval::NonNegative,
        |job| job.augmentation.rotation,
        |job, value| job.augmentation.rotation = value,
    ),
    real(
        "augmentation.scale",
        NEEDS,
        Interval::NonNegative,
        |job| job.augmentation.scale,
        |job, value| job.augmentation.scale = value,
    ),
    real(
        "augmentation.shear",
        NEEDS,
        Interval::NonNegative,
        |job| job.augmentation.shear,
        |job, value| job.augmentation.shear = value,
    ),
    real(
        "augmentation.elastic",
        NEEDS,
        Interval::BelowOne,
        |job| job.augmentation.elastic,
        |job, value| job.augmentation.elastic = value,
    ),
    real(
        "augmentation.brightness",
        NEEDS,
        Interval::Share,
        |job| job.augmentation.brightness,
        |job, value| job.augmentation.brightness = value,
    ),
    real(
        "augmentation.contrast",
        NEEDS,
        Interval::Share,
        |job| job.augmentation.contrast,
        |job, value| job.augmentation.contrast = value,
    ),
    real(
        "augmentation.gamma",
        NEEDS,
        Interval::NonNegative,
        |job| job.augmentation.gamma,
        |job, value| job.augmentation.gamma = value,
    ),
    real(
        "augmentation.hue",
        NEEDS,
        Interval::BelowHalf,
        |job| job.augmentation.hue,
        |job, value| job.augmentation.hue = value,
    ),
    real(
        "augmentation.noise",
        NEEDS,
        Interval::Share,
        |job| job.augmentation.noise,
        |job, value| job.augmentation.noise = value,
    ),
    real(
        "augmentation.blur",
        NEEDS,
        Interval::NonNegative,
        |job| job.augmentation.blur,
        |job, value| job.augmentation.blur = value,
    ),
    real(
        "augmentation.cutout",
        NEEDS,
        Interval::Share,
        |job| job.augmentation.cutout,
        |job, value| job.augmentation.cutout = value,
    ),
];
