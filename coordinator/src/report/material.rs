//! What a report is made of.

use crate::results::{Example, MeasurementRow, SweepResults};
use crate::tables::Analysed;

/// What a report is made of.
pub struct Material<'a> {
    /// The results of the sweep.
    pub results: &'a SweepResults,
    /// Its scores, and what they come to.
    pub analysed: Analysed,
    /// The epochs of the candidates that figures show.
    pub measurements: &'a [MeasurementRow],
    /// Segmentations to look at.
    pub examples: &'a [Example],
    /// Where the numbers come from.
    pub provenance: &'a Provenance,
    /// The tables that are written beside the page: the names of their files, and what they hold.
    pub tables: &'a [(String, String)],
}

/// What is known of a sweep beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The text of the sweep file.
    pub file: String,
    /// The sweep file with every default filled in; empty if this version does not read the file.
    pub resolved: String,
    /// The job file of the first job, if it trains anything.
    pub job: Option<String>,
    /// When it was submitted, as the journal has it.
    pub submitted: String,
    /// Version of the coordinator that made the report.
    pub version: String,
    /// What to type, and what it does.
    pub commands: Vec<(String, String)>,
}
