//! The keys of the section `training`.

use super::{Entry, Field, choose};
use crate::file::Interval;
use crate::spec::{Convolution, Initialization, Optimizer, Precision, Schedule, ScheduleName};

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
        name: "training.schedule",
        needs: None,
        field: Field::Choice {
            names: ScheduleName::NAMES,
            get: |job| job.training.schedule.name().name(),
            set: |job, name| choose(&mut job.training.schedule, ScheduleName::from_name(name).map(Schedule::from)),
        },
    },
    Entry {
        name: "training.warmup_epochs",
        needs: None,
        field: Field::Whole {
            range: 0..=1_000_000,
            get: |job| job.training.warmup_epochs,
            set: |job, value| job.training.warmup_epochs = value,
        },
    },
    Entry {
        name: "training.step_size",
        needs: Some(("training.schedule", &[ScheduleName::Step.name()])),
        field: Field::Whole {
            range: 1..=1_000_000,
            get: |job| match job.training.schedule {
                Schedule::Step { step_size, .. } => step_size,
                _ => 0,
            },
            set: |job, value| {
                if let Schedule::Step { step_size, .. } = &mut job.training.schedule {
                    *step_size = value;
                }
            },
        },
    },
    Entry {
        name: "training.step_gamma",
        needs: Some(("training.schedule", &[ScheduleName::Step.name()])),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| match job.training.schedule {
                Schedule::Step { gamma, .. } => gamma,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::Step { gamma, .. } = &mut job.training.schedule {
                    *gamma = value;
                }
            },
        },
    },
    Entry {
        name: "training.final_learning_rate",
        needs: Some(("training.schedule", &[ScheduleName::Cosine.name()])),
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| match job.training.schedule {
                Schedule::Cosine { final_learning_rate, .. } => final_learning_rate,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::Cosine { final_learning_rate, .. } = &mut job.training.schedule {
                    *final_learning_rate = value;
                }
            },
        },
    },
    Entry {
        name: "training.power",
        needs: Some(("training.schedule", &[ScheduleName::Polynomial.name()])),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| match job.training.schedule {
                Schedule::Polynomial { power, .. } => power,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::Polynomial { power, .. } = &mut job.training.schedule {
                    *power = value;
                }
            },
        },
    },
    Entry {
        name: "training.pct_start",
        needs: Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        field: Field::Real {
            interval: Interval::Probability,
            get: |job| match job.training.schedule {
                Schedule::OneCycle { pct_start, .. } => pct_start,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::OneCycle { pct_start, .. } = &mut job.training.schedule {
                    *pct_start = value;
                }
            },
        },
    },
    Entry {
        name: "training.div_factor",
        needs: Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| match job.training.schedule {
                Schedule::OneCycle { div_factor, .. } => div_factor,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::OneCycle { div_factor, .. } = &mut job.training.schedule {
                    *div_factor = value;
                }
            },
        },
    },
    Entry {
        name: "training.final_div_factor",
        needs: Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| match job.training.schedule {
                Schedule::OneCycle { final_div_factor, .. } => final_div_factor,
                _ => 0.0,
            },
            set: |job, value| {
                if let Schedule::OneCycle { final_div_factor, .. } = &mut job.training.schedule {
                    *final_div_factor = value;
                }
            },
        },
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
];
