//! The keys of the section `training` that say how the learning rate changes.

use super::{Entry, Field, choose};
use crate::file::Interval;
use crate::spec::{Schedule, ScheduleName};

pub(super) static ENTRIES: &[Entry] = &[
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
];
