//! The keys of the section `training`.

use super::{Entry, Field, choose};
use crate::file::Interval;
use crate::spec::{Convolution, Initialization, Optimizer, Precision};

pub(super) static ENTRIES: &[Entry] = &[
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
            get: |job| job.training.weight_decay,
            set: |job, decay| job.training.weight_decay = decay,
        },
    },
    Entry {
        name: "training.momentum",
        needs: Some(("training.optimizer", &[Optimizer::Sgd.name()])),
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| job.training.momentum,
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
        name: "training.nesterov",
        needs: Some(("training.optimizer", &[Optimizer::Sgd.name()])),
        field: Field::Truth { get: |job| job.training.nesterov, set: |job, truth| job.training.nesterov = truth },
    },
    Entry {
        name: "training.clip_norm",
        needs: None,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| job.training.clip_norm,
            set: |job, value| job.training.clip_norm = value,
        },
    },
    Entry {
        name: "training.ema",
        needs: None,
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| job.training.ema,
            set: |job, value| job.training.ema = value,
        },
    },
    Entry {
        name: "training.label_smoothing",
        needs: None,
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| job.training.label_smoothing,
            set: |job, value| job.training.label_smoothing = value,
        },
    },
    Entry {
        name: "training.accumulate",
        needs: None,
        field: Field::Whole {
            range: 1..=100_000,
            get: |job| job.training.accumulate,
            set: |job, value| job.training.accumulate = value,
        },
    },
    Entry {
        name: "training.patience",
        needs: None,
        field: Field::Whole {
            range: 0..=1_000_000,
            get: |job| job.training.patience,
            set: |job, value| job.training.patience = value,
        },
    },
    Entry {
        name: "training.standardize",
        needs: None,
        field: Field::Truth { get: |job| job.training.standardize, set: |job, truth| job.training.standardize = truth },
    },
    Entry {
        name: "training.stop_collapsed_after",
        needs: None,
        field: Field::Whole {
            range: 0..=1_000_000,
            get: |job| job.training.stop_collapsed_after,
            set: |job, value| job.training.stop_collapsed_after = value,
        },
    },
];
