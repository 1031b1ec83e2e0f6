//! The keys of the section `model`.

use super::{Entry, Field, choose};
use crate::spec::{Architecture, Model, Norm};

/// The networks with a choice of norm and of residual blocks.
const U_NETS: Option<(&str, &[&str])> =
    Some(("architecture", &[Architecture::UNet.name(), Architecture::UNet2.name()]));

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        name: "model.width",
        needs: None,
        field: Field::Whole {
            range: 1..=Model::MAX_WIDTH,
            get: |job| job.model.width,
            set: |job, width| job.model.width = width,
        },
    },
    Entry {
        name: "model.norm",
        needs: U_NETS,
        field: Field::Choice {
            names: Norm::NAMES,
            get: |job| job.model.norm.name(),
            set: |job, name| choose(&mut job.model.norm, Norm::from_name(name)),
        },
    },
    Entry {
        name: "model.residual",
        needs: U_NETS,
        field: Field::Truth { get: |job| job.model.residual, set: |job, residual| job.model.residual = residual },
    },
];
