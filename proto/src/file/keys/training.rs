//! The keys of the section `training`.

use super::{Entry, choice, choose, real, truth, whole};
use crate::file::Interval;
use crate::spec::{Convolution, Initialization, Optimizer, Precision};

pub(super) static ENTRIES: &[Entry] = &[
    choice(
        "training.optimizer",
        None,
        Optimizer::NAMES,
        |job| job.training.optimizer.name(),
        |job, name| choose(&mut job.training.optimizer, Optimizer::from_name(name)),
    ),
    whole(
        "training.epochs",
        None,
        1..=1_000_000,
        |job| job.training.epochs,
        |job, epochs| job.training.epochs = epochs,
    ),
    whole(
        "training.batch_size",
        None,
        1..=100_000,
        |job| job.training.batch_size,
        |job, cases| job.training.batch_size = cases,
    ),
    real(
        "training.weight_decay",
        None,
        Interval::NonNegative,
        |job| job.training.weight_decay,
        |job, decay| job.training.weight_decay = decay,
    ),
    real(
        "training.momentum",
        Some(("training.optimizer", &[Optimizer::Sgd.name()])),
        Interval::BelowOne,
        |job| job.training.momentum,
        |job, momentum| job.training.momentum = momentum,
    ),
    choice(
        "training.initialization",
        None,
        Initialization::NAMES,
        |job| job.training.initialization.name(),
        |job, name| choose(&mut job.training.initialization, Initialization::from_name(name)),
    ),
    choice(
        "training.convolution",
        None,
        Convolution::NAMES,
        |job| job.training.convolution.name(),
        |job, name| choose(&mut job.training.convolution, Convolution::from_name(name)),
    ),
    choice(
        "training.precision",
        None,
        Precision::NAMES,
        |job| job.training.precision.name(),
        |job, name| choose(&mut job.training.precision, Precision::from_name(name)),
    ),
    truth(
        "training.nesterov",
        Some(("training.optimizer", &[Optimizer::Sgd.name()])),
        |job| job.training.nesterov,
        |job, truth| job.training.nesterov = truth,
    ),
    real(
        "training.clip_norm",
        None,
        Interval::NonNegative,
        |job| job.training.clip_norm,
        |job, value| job.training.clip_norm = value,
    ),
    real("training.ema", None, Interval::BelowOne, |job| job.training.ema, |job, value| job.training.ema = value),
    real(
        "training.label_smoothing",
        None,
        Interval::BelowOne,
        |job| job.training.label_smoothing,
        |job, value| job.training.label_smoothing = value,
    ),
    whole(
        "training.accumulate",
        None,
        1..=100_000,
        |job| job.training.accumulate,
        |job, value| job.training.accumulate = value,
    ),
    whole(
        "training.patience",
        None,
        0..=1_000_000,
        |job| job.training.patience,
        |job, value| job.training.patience = value,
    ),
    truth("training.standardize", None, |job| job.training.standardize, |job, truth| job.training.standardize = truth),
    whole(
        "training.stop_collapsed_after",
        None,
        0..=1_000_000,
        |job| job.training.stop_collapsed_after,
        |job, value| job.training.stop_collapsed_after = value,
    ),
];
