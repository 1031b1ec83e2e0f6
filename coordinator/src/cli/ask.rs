//! What commands ask of a store and of a running coordinator alike: where things stand, a table, the files of a report.

use super::CliError;
use super::client::{Coordinator, Found, stored};
use crate::analyst::{self, Question, Written};
use crate::interchange::runs::Runs;
use crate::publish::{self, Asked, MAX_FILES};
use crate::store::Reader;
use crate::tables::TableKind;
use crate::tables::export::Format;
use proto::status::Status;
use proto::wire::{ReportRequest, ReportResponse, StatusRequest, TablesRequest};

/// Where everything stands.
///
/// # Errors
/// If neither store nor coordinator answers.
pub async fn status(found: &mut Found) -> Result<Status, CliError> {
    match found {
        Found::Store(store) => stored(store),
        Found::Coordinator(coordinator) => {
            let status = coordinator.calls.status(StatusRequest { sweep: String::new() }).await;
            let status = coordinator.answer(status)?.into_inner();
            Status::try_from(status).map_err(|error| CliError::NotReached(error.to_string()))
        }
    }
}

/// A table.
///
/// # Errors
/// If there is no such table, or neither store nor coordinator answers.
pub async fn table(found: &mut Found, question: Question) -> Result<Written, CliError> {
    match found {
        Found::Store(store) => Ok(analyst::answer(&Reader::open(store)?, &question)?),
        Found::Coordinator(coordinator) => fetch_table(coordinator, question).await,
    }
}

async fn fetch_table(coordinator: &mut Coordinator, question: Question) -> Result<Written, CliError> {
    let Question { sweep, rows, metrics, state, format, shape } = question;
    let number = |number: Option<usize>| number.unwrap_or(0) as u32;
    let request = TablesRequest {
        sweep,
        rows: rows.name().to_owned(),
        format: format.name().to_owned(),
        metrics: metrics.iter().map(|metric| metric.name().to_owned()).collect(),
        columns: shape.columns,
        sort: shape.sort.unwrap_or_default(),
        top: number(shape.top),
        width: number(shape.frame.width),
        caption: shape.frame.caption.unwrap_or_default(),
        label: shape.frame.label.unwrap_or_default(),
        state: state.map_or_else(String::new, |state| state.name().to_owned()),
    };
    let pieces = coordinator.calls.tables(request).await;
    let mut pieces = coordinator.answer(pieces)?.into_inner();
    let mut written = Written { text: Vec::new(), left_out: Vec::new() };
    while let Some(piece) = coordinator.answer(pieces.message().await)? {
        written.text.extend(piece.text);
        written.left_out.extend(piece.left_out);
    }
    Ok(written)
}

/// The jobs of a sweep, as other tools know them.
///
/// # Errors
/// If there is no such sweep, or neither store nor coordinator answers.
pub async fn runs(found: &mut Found, sweep: String) -> Result<Runs, CliError> {
    let question = |rows| Question { sweep: sweep.clone(), rows, format: Format::Json, ..Question::default() };
    let jobs = table(found, question(TableKind::Jobs)).await?;
    let measurements = table(found, question(TableKind::Measurements)).await?;
    Runs::read(&jobs.text, &measurements.text).map_err(|error| CliError::NotReached(error.to_string()))
}

/// Calls `each` with the sweep's name, the name and the content of every file of a report; see [`publish::files`].
///
/// # Errors
/// If there is no such report, neither store nor coordinator answers, or `each` fails.
pub async fn report(
    found: &mut Found,
    asked: Asked,
    each: impl FnMut(&str, &str, &[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    match found {
        Found::Store(store) => publish::files(&Reader::open(store)?, &asked, each),
        Found::Coordinator(coordinator) => fetch_report(coordinator, asked, each).await,
    }
}

async fn fetch_report(
    coordinator: &mut Coordinator,
    asked: Asked,
    mut each: impl FnMut(&str, &str, &[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let Asked { sweep, metric, source, out, for_bundle } = asked;
    let metric = metric.map_or_else(String::new, |metric| metric.name().to_owned());
    let pieces = coordinator.calls.report(ReportRequest { sweep, source, out, metric, for_bundle }).await;
    let mut pieces = coordinator.answer(pieces)?.into_inner();
    // the first is not a file of the report: it names the sweep
    let Some(ReportResponse { file: sweep, .. }) = coordinator.answer(pieces.message().await)? else { return Ok(()) };
    let (mut current, mut count): (Option<(String, Vec<u8>)>, usize) = (None, 0);
    while let Some(ReportResponse { file, piece }) = coordinator.answer(pieces.message().await)? {
        match &mut current {
            Some((name, bytes)) if *name == file => bytes.extend(piece),
            _ => {
                if let Some((name, bytes)) = current.replace((file, piece)) {
                    each(&sweep, &name, &bytes)?;
                }
                count += 1;
                if count > MAX_FILES {
                    return Err(CliError::NotReached("the coordinator sends more files than a report has".to_owned()));
                }
            }
        }
    }
    current.map_or(Ok(()), |(name, bytes)| each(&sweep, &name, &bytes))
}
