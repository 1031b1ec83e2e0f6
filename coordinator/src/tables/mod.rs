//! Results and Analysis -> tables -> text.
//!
//! ```text
//!  candidates    one row per candidate, then one per baseline: scores, intervals, failures
//!  pairs         one row per pair of candidates, then per candidate and baseline: difference, tests, finding
//!  ranks         one row per candidate: ranks over the splits
//!  effects       one row per term of the analysis of variance, then per level of an axis
//!  variance      one row per component of variance
//!  detectable    one row per number of splits: the least difference that they tell apart
//!  foresight     the same before a sweep runs
//!  jobs          one row per job: seeds, state, scores of both subsets
//!  cases         one row per case of a job's subset: counts of pixels
//!  measurements  one row per epoch of an attempt
//!  looks         one row per candidate that was left at a look: the decision and its evidence
//! ```
//!
//! Columns are only ever added, at the end.

mod about;
mod candidates;
mod detectable;
mod effects;
pub mod export;
mod jobs;
mod kind;
mod layout;
mod looks;
mod metrics;
mod pairs;
mod ranks;
mod shape;
pub mod table;
mod variance;

pub use about::{About, Analysed};
pub use candidates::candidates;
pub use detectable::{detectable, foresight};
pub use effects::effects;
pub use jobs::{cases, jobs, measurements};
pub use kind::TableKind;
pub use looks::looks;
pub use metrics::{side_by_side, stacked};
pub use pairs::pairs;
pub use ranks::ranks;
pub use shape::{Shape, ShapeError};
pub use variance::variance;

/// Every table of an analysis, in the order in which they are read.
#[must_use]
pub fn all(of: &Analysed) -> Vec<table::Table> {
    [candidates, pairs, ranks, effects, variance, detectable].iter().map(|table| table(of)).collect()
}
