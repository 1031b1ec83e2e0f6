//! The keys of the section `evaluation`.

use super::{Entry, Field, choose};
use crate::spec::Postprocess;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        name: "evaluation.flips",
        needs: None,
        field: Field::Truth { get: |job| job.evaluating.flips, set: |job, truth| job.evaluating.flips = truth },
    },
    Entry {
        name: "evaluation.postprocess",
        needs: None,
        field: Field::Choice {
            names: Postprocess::NAMES,
            get: |job| job.evaluating.postprocess.name(),
            set: |job, name| choose(&mut job.evaluating.postprocess, Postprocess::from_name(name)),
        },
    },
];
