//! The keys of the section `evaluation`.

use super::{Entry, choice, choose, truth};
use crate::spec::Postprocess;

pub(super) static ENTRIES: &[Entry] = &[
    truth("evaluation.flips", None, |job| job.evaluating.flips, |job, truth| job.evaluating.flips = truth),
    choice(
        "evaluation.postprocess",
        None,
        Postprocess::NAMES,
        |job| job.evaluating.postprocess.name(),
        |job, name| choose(&mut job.evaluating.postprocess, Postprocess::from_name(name)),
    ),
];
