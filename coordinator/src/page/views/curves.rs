//! Learning curves of the candidates that lead, as in the report.

use super::Seen;
use crate::analyst::{Archive, Study};
use crate::report::Lineup;
use crate::report::parts;
use crate::results::{self, MeasurementRow, ResultsError};
use maud::{Markup, html};

/// The epochs of the candidates that the figure shows: those of all would be millions.
pub(super) fn measurements(
    archive: &Archive,
    study: &Study,
) -> Result<Vec<MeasurementRow>, crate::analyst::TableError> {
    let shown = Lineup::new(&study.analysed.observations, &study.analysed.analysis).shown();
    let jobs = study.results.jobs.iter().filter(|job| shown.contains(&job.candidate) && job.attempts > 0);
    Ok(archive.read(|reader| results::measurements(reader, jobs)).map_err(ResultsError::from)?)
}

/// The view.
pub(super) fn view(seen: &Seen, measurements: &[MeasurementRow]) -> Markup {
    let results = &seen.study.results;
    let figure = parts::learning(&seen.lineup(), results.head.metric, &results.jobs, measurements);
    html! {
        @match figure {
            Some(figure) => (parts::drawn(&figure)),
            None => p class="notice" { "No epoch has been measured yet." },
        }
    }
}
