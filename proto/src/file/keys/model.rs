//! The keys of the section `model`.

use super::{Entry, Field};
use crate::spec::Model;

pub(super) static ENTRIES: &[Entry] = &[Entry {
    name: "model.width",
    needs: None,
    field: Field::Whole {
        range: 1..=Model::MAX_WIDTH,
        get: |job| job.model.width,
        set: |job, width| job.model.width = width,
    },
}];
