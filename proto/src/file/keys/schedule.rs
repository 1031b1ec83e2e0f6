//! The keys of the section `training` that say how the learning rate changes.

use super::{Entry, choice, choose, real, whole};
use crate::file::Interval;
use crate::spec::{Schedule, ScheduleName};

pub(super) static ENTRIES: &[Entry] = &[
    choice(
        "training.schedule",
        None,
        ScheduleName::NAMES,
        |job| job.training.schedule.name().name(),
        |job, name| choose(&mut job.training.schedule, ScheduleName::from_name(name).map(Schedule::from)),
    ),
    whole(
        "training.warmup_epochs",
        None,
        0..=1_000_000,
        |job| job.training.warmup_epochs,
        |job, value| job.training.warmup_epochs = value,
    ),
    whole(
        "training.step_size",
        Some(("training.schedule", &[ScheduleName::Step.name()])),
        1..=1_000_000,
        |job| match job.training.schedule {
            Schedule::Step { step_size, .. } => step_size,
            _ => 0,
        },
        |job, value| {
            if let Schedule::Step { step_size, .. } = &mut job.training.schedule {
                *step_size = value;
            }
        },
    ),
    real(
        "training.step_gamma",
        Some(("training.schedule", &[ScheduleName::Step.name()])),
        Interval::Positive,
        |job| match job.training.schedule {
            Schedule::Step { gamma, .. } => gamma,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::Step { gamma, .. } = &mut job.training.schedule {
                *gamma = value;
            }
        },
    ),
    real(
        "training.final_learning_rate",
        Some(("training.schedule", &[ScheduleName::Cosine.name()])),
        Interval::NonNegative,
        |job| match job.training.schedule {
            Schedule::Cosine { final_learning_rate, .. } => final_learning_rate,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::Cosine { final_learning_rate, .. } = &mut job.training.schedule {
                *final_learning_rate = value;
            }
        },
    ),
    real(
        "training.power",
        Some(("training.schedule", &[ScheduleName::Polynomial.name()])),
        Interval::Positive,
        |job| match job.training.schedule {
            Schedule::Polynomial { power, .. } => power,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::Polynomial { power, .. } = &mut job.training.schedule {
                *power = value;
            }
        },
    ),
    real(
        "training.pct_start",
        Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        Interval::Probability,
        |job| match job.training.schedule {
            Schedule::OneCycle { pct_start, .. } => pct_start,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::OneCycle { pct_start, .. } = &mut job.training.schedule {
                *pct_start = value;
            }
        },
    ),
    real(
        "training.div_factor",
        Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        Interval::Positive,
        |job| match job.training.schedule {
            Schedule::OneCycle { div_factor, .. } => div_factor,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::OneCycle { div_factor, .. } = &mut job.training.schedule {
                *div_factor = value;
            }
        },
    ),
    real(
        "training.final_div_factor",
        Some(("training.schedule", &[ScheduleName::OneCycle.name()])),
        Interval::Positive,
        |job| match job.training.schedule {
            Schedule::OneCycle { final_div_factor, .. } => final_div_factor,
            _ => 0.0,
        },
        |job, value| {
            if let Schedule::OneCycle { final_div_factor, .. } = &mut job.training.schedule {
                *final_div_factor = value;
            }
        },
    ),
];
