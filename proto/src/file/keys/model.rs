//! The keys of the section `model`.

use super::{Entry, choice, choose, truth, whole};
use crate::spec::{Architecture, Model, Norm};

/// The networks with a choice of residual blocks.
const U_NETS: Option<(&str, &[&str])> =
    Some(("architecture", &[Architecture::UNet.name(), Architecture::UNet2.name()]));

/// The networks with a choice of norm.
const NORMED: Option<(&str, &[&str])> = Some((
    "architecture",
    &[Architecture::UNet.name(), Architecture::UNet2.name(), Architecture::DeepLabV3Plus.name()],
));

pub(super) static ENTRIES: &[Entry] = &[
    whole("model.width", None, 1..=Model::MAX_WIDTH, |job| job.model.width, |job, width| job.model.width = width),
    choice(
        "model.norm",
        NORMED,
        Norm::NAMES,
        |job| job.model.norm.name(),
        |job, name| choose(&mut job.model.norm, Norm::from_name(name)),
    ),
    truth("model.residual", U_NETS, |job| job.model.residual, |job, residual| job.model.residual = residual),
];
