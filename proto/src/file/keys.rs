//! The table of the keys that a sweep file can fix in a section or vary as an axis, and of which a job file has one value each.
//!
//! To add a key: its field in [`JobSpec`], with a default, and an entry in [`TABLE`].

use super::interval::Interval;
use crate::spec::{Architecture, Convolution, Initialization, JobSpec, Loss, LossName, Model, Optimizer, Precision};
use std::ops::RangeInclusive;

/// One key: what a file calls it, what it accepts, what it depends on, and where a job keeps it.
pub(super) struct Entry {
    /// The path of the key, or its name at the top of a job file and under `grid`.
    pub(super) name: &'static str,
    /// The key and the value without which this key has no effect.
    pub(super) needs: Option<(&'static str, &'static str)>,
    pub(super) field: Field,
}

/// The values that a key accepts, and how to get and set them in a job. A setter ignores anything else.
pub(super) enum Field {
    /// A name.
    Choice { names: &'static [&'static str], get: fn(&JobSpec) -> &'static str, set: fn(&mut JobSpec, &str) },
    /// A whole number.
    Whole { range: RangeInclusive<u32>, get: fn(&JobSpec) -> u32, set: fn(&mut JobSpec, u32) },
    /// A real number; `None` for a job whose loss has no such parameter.
    Real { interval: Interval, get: fn(&JobSpec) -> Option<f64>, set: fn(&mut JobSpec, f64) },
}

/// The keys, in the order in which they are set: what others need comes first.
pub(super) static TABLE: [Entry; 14] = [
    Entry {
        name: "architecture",
        needs: None,
        field: Field::Choice {
            names: Architecture::NAMES,
            get: |job| job.architecture.name(),
            set: |job, name| choose(&mut job.architecture, Architecture::from_name(name)),
        },
    },
    Entry {
        name: "loss",
        needs: None,
        field: Field::Choice {
            names: LossName::NAMES,
            get: |job| job.loss.name().name(),
            set: |job, name| choose(&mut job.loss, LossName::from_name(name).map(Loss::from)),
        },
    },
    Entry {
        name: "learning_rate",
        needs: None,
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| Some(job.learning_rate),
            set: |job, rate| job.learning_rate = rate,
        },
    },
    Entry {
        name: "training.optimizer",
        needs: None,
        field: Field::Choice {
            names: Optimizer::NAMES,
            get: |job| job.training.optimizer.name(),
            set: |job, name| choose(&mut job.training.optimizer, Optimizer::from_name(name)),
        },
    },
    Entry {
        name: "model.width",
        needs: None,
        field: Field::Whole {
            range: 1..=Model::MAX_WIDTH,
            get: |job| job.model.width,
            set: |job, width| job.model.width = width,
        },
    },
    Entry {
        name: "training.epochs",
        needs: None,
        field: Field::Whole {
            range: 1..=1_000_000,
            get: |job| job.training.epochs,
            set: |job, epochs| job.training.epochs = epochs,
        },
    },
    Entry {
        name: "training.batch_size",
        needs: None,
        field: Field::Whole {
            range: 1..=100_000,
            get: |job| job.training.batch_size,
            set: |job, cases| job.training.batch_size = cases,
        },
    },
    Entry {
        name: "training.weight_decay",
        needs: None,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| Some(job.training.weight_decay),
            set: |job, decay| job.training.weight_decay = decay,
        },
    },
    Entry {
        name: "training.momentum",
        needs: Some(("training.optimizer", Optimizer::Sgd.name())),
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| Some(job.training.momentum),
            set: |job, momentum| job.training.momentum = momentum,
        },
    },
    Entry {
        name: "training.initialization",
        needs: None,
        field: Field::Choice {
            names: Initialization::NAMES,
            get: |job| job.training.initialization.name(),
            set: |job, name| choose(&mut job.training.initialization, Initialization::from_name(name)),
        },
    },
    Entry {
        name: "training.convolution",
        needs: None,
        field: Field::Choice {
            names: Convolution::NAMES,
            get: |job| job.training.convolution.name(),
            set: |job, name| choose(&mut job.training.convolution, Convolution::from_name(name)),
        },
    },
    Entry {
        name: "training.precision",
        needs: None,
        field: Field::Choice {
            names: Precision::NAMES,
            get: |job| job.training.precision.name(),
            set: |job, name| choose(&mut job.training.precision, Precision::from_name(name)),
        },
    },
    Entry {
        name: "losses.dice.smooth",
        needs: Some(("loss", LossName::Dice.name())),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| if let Loss::Dice { smooth } = job.loss { Some(smooth) } else { None },
            set: |job, value| {
                if let Loss::Dice { smooth } = &mut job.loss {
                    *smooth = value;
                }
            },
        },
    },
    Entry {
        name: "losses.focal.gamma",
        needs: Some(("loss", LossName::Focal.name())),
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| if let Loss::Focal { gamma } = job.loss { Some(gamma) } else { None },
            set: |job, value| {
                if let Loss::Focal { gamma } = &mut job.loss {
                    *gamma = value;
                }
            },
        },
    },
];

fn choose<T>(field: &mut T, choice: Option<T>) {
    if let Some(choice) = choice {
        *field = choice;
    }
}
