//! The keys that are always axes: they stand at the top of a job file.

use super::{Entry, Field, choice, choose, real};
use crate::file::Interval;
use crate::spec::Architecture;

pub(super) static ENTRIES: &[Entry] = &[
    choice(
        "architecture",
        None,
        Architecture::NAMES,
        |job| job.architecture.name(),
        |job, name| choose(&mut job.architecture, Architecture::from_name(name)),
    ),
    Entry { name: "loss", needs: None, field: Field::Loss },
    real("learning_rate", None, Interval::Positive, |job| job.learning_rate, |job, rate| job.learning_rate = rate),
];
