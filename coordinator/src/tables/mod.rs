//! Results and Analysis -> tables -> text.
//!
//! ```text
//!  candidates    a row a candidate, then a row a baseline: scores, intervals, failures
//!  pairs         a row a pair of candidates, then of a candidate and a baseline: difference, tests, finding
//!  ranks         a row a candidate: ranks over the splits
//!  effects       a row a term of the analysis of variance, and a level of an axis
//!  variance      a row a component of variance
//!  detectable    a row a number of splits: what they can tell apart
//!  jobs          a row a job: seeds, state, scores of both subsets
//!  cases         a row a case of a job's subset: counts of pixels
//!  measurements  a row an epoch of an attempt
//!  looks         a row a candidate that was left at a look: what was decided, on what evidence
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
mod pairs;
mod ranks;
pub mod table;
mod variance;

pub use about::{About, Analysed};
pub use candidates::candidates;
pub use detectable::detectable;
pub use effects::effects;
pub use jobs::{cases, jobs, measurements};
pub use kind::TableKind;
pub use looks::looks;
pub use pairs::pairs;
pub use ranks::ranks;
pub use variance::variance;

/// Every table of an analysis, in the order in which they are read.
#[must_use]
pub fn all(of: &Analysed) -> Vec<table::Table> {
    [candidates, pairs, ranks, effects, variance, detectable].iter().map(|table| table(of)).collect()
}
