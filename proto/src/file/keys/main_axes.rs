//! The keys that are always axes: they stand at the top of a job file.

use super::{Entry, Field, choose};
use crate::file::Interval;
use crate::spec::Architecture;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        name: "architecture",
        needs: None,
        field: Field::Choice {
            names: Architecture::NAMES,
            get: |job| job.architecture.name(),
            set: |job, name| choose(&mut job.architecture, Architecture::from_name(name)),
        },
    },
    Entry { name: "loss", needs: None, field: Field::Loss },
    Entry {
        name: "learning_rate",
        needs: None,
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| job.learning_rate,
            set: |job, rate| job.learning_rate = rate,
        },
    },
];
