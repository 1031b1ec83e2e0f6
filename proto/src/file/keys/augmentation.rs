//! The keys of the section `augmentation`.

use super::{Entry, Field, choose};
use crate::file::Interval;
use crate::spec::{Augmentation, Preset};

/// The preset: its axis has the name of the section.
pub(super) const NAME: &str = "augmentation";

/// The keys that a preset says, in a job without one.
const NEEDS: Option<(&str, &[&str])> = Some((NAME, &[Preset::Custom.name()]));

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        name: NAME,
        needs: None,
        field: Field::Choice {
            names: Preset::NAMES,
            get: |job| job.augmentation.preset.name(),
            set: |job, name| choose(&mut job.augmentation, Preset::from_name(name).map(Augmentation::from)),
        },
    },
    Entry {
        name: "augmentation.flips",
        needs: NEEDS,
        field: Field::Truth { get: |job| job.augmentation.flips, set: |job, truth| job.augmentation.flips = truth },
    },
    Entry {
        name: "augmentation.quarter_turns",
        needs: NEEDS,
        field: Field::Truth {
            get: |job| job.augmentation.quarter_turns,
            set: |job, truth| job.augmentation.quarter_turns = truth,
        },
    },
    Entry {
        name: "augmentation.rotation",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.augmentation.rotation,
            set: |job, value| job.augmentation.rotation = value,
        },
    },
    Entry {
        name: "augmentation.scale",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.augmentation.scale,
            set: |job, value| job.augmentation.scale = value,
        },
    },
    Entry {
        name: "augmentation.shear",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.augmentation.shear,
            set: |job, value| job.augmentation.shear = value,
        },
    },
    Entry {
        name: "augmentation.elastic",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| job.augmentation.elastic,
            set: |job, value| job.augmentation.elastic = value,
        },
    },
    Entry {
        name: "augmentation.brightness",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::Share,
            get: |job| job.augmentation.brightness,
            set: |job, value| job.augmentation.brightness = value,
        },
    },
    Entry {
        name: "augmentation.contrast",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::Share,
            get: |job| job.augmentation.contrast,
            set: |job, value| job.augmentation.contrast = value,
        },
    },
    Entry {
        name: "augmentation.gamma",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.augmentation.gamma,
            set: |job, value| job.augmentation.gamma = value,
        },
    },
    Entry {
        name: "augmentation.hue",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::BelowHalf,
            get: |job| job.augmentation.hue,
            set: |job, value| job.augmentation.hue = value,
        },
    },
    Entry {
        name: "augmentation.noise",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::Share,
            get: |job| job.augmentation.noise,
            set: |job, value| job.augmentation.noise = value,
        },
    },
    Entry {
        name: "augmentation.blur",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.augmentation.blur,
            set: |job, value| job.augmentation.blur = value,
        },
    },
    Entry {
        name: "augmentation.cutout",
        needs: NEEDS,
        field: Field::Real {
            interval: Interval::Share,
            get: |job| job.augmentation.cutout,
            set: |job, value| job.augmentation.cutout = value,
        },
    },
];
