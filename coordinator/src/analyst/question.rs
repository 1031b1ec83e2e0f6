//! What somebody asks of a store, and the tables that answer it.

use crate::results::{self, MeasurementRow, ResultsError, RowState, SweepResults};
use crate::store::Reader;
use crate::tables::export::{Format, render};
use crate::tables::table::Table;
use crate::tables::{self, Analysed, Shape, ShapeError, TableKind};
use proto::spec::Metric;
use rayon::ThreadPoolBuildError;
use std::io;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There are no results.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The table cannot be written in its format.
    #[error("the table cannot be written: {0}")]
    Render(#[from] io::Error),
    /// It has every metric, and somebody asks for one.
    #[error("the table of {} has every metric in a column of its own: leave --metric out, and choose with --columns", .0.name())]
    EveryMetric(TableKind),
    /// It has no such column.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The system gives no threads.
    #[error("no threads to make a table: {0}")]
    Threads(#[from] ThreadPoolBuildError),
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The sweep; the one submitted last if empty.
    pub sweep: String,
    /// The table.
    pub rows: TableKind,
    /// The metrics that are shown; that of the sweep's objective if empty.
    pub metrics: Vec<Metric>,
    /// Of the jobs only those in this state.
    pub state: Option<RowState>,
    /// How it is written.
    pub format: Format,
    /// Which part of it.
    pub shape: Shape,
}

/// A table, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text, or the bytes of a binary format.
    pub text: Vec<u8>,
    /// The titles of the columns that were left out for want of width.
    pub left_out: Vec<String>,
}

/// The answer, for one who asks once.
///
/// # Errors
/// If the store cannot be read, has no such sweep, or the table has no such column or metric.
pub fn answer(reader: &Reader, question: &Question) -> Result<Written, TableError> {
    let mut results = results::read(reader, &question.sweep)?;
    let is_analysis = matches!(Maker::of(question.rows), Maker::Analysis(_));
    if !is_analysis && !question.metrics.is_empty() {
        return Err(TableError::EveryMetric(question.rows));
    }
    let tables = match Maker::of(question.rows) {
        Maker::Analysis(make) => by_metrics(results, question, make)?,
        Maker::Results(make) => {
            results.jobs.retain(|job| question.state.is_none_or(|state| job.state == state));
            vec![make(&results)]
        }
        Maker::Epochs(make) => {
            let epochs = results::measurements(reader, &results.jobs).map_err(ResultsError::from)?;
            vec![make(&results, &epochs)]
        }
    };
    write(tables, &question.shape, question.format)
}

/// The tables of an analysis by each metric that is asked for; one table of all of them, where the format holds one or the candidates
/// are shown.
fn by_metrics(
    results: SweepResults,
    question: &Question,
    make: fn(&Analysed) -> Table,
) -> Result<Vec<Table>, ResultsError> {
    let metrics = match &question.metrics[..] {
        [] => vec![results.head.metric],
        metrics => metrics.to_vec(),
    };
    let mut results = results;
    let mut analysed = Vec::new();
    for metric in metrics {
        results = results.shown_by(metric)?;
        analysed.push(Analysed::of(&results));
    }
    Ok(match &analysed[..] {
        [only] => vec![make(only)],
        several if question.rows == TableKind::Candidates => vec![tables::side_by_side(several)],
        several if question.format.holds_one_table() => vec![tables::stacked(several, make)],
        several => several.iter().map(make).collect(),
    })
}

/// Writes the part of each table that is wanted, one after the other.
///
/// # Errors
/// If a table has no such column, or cannot be written.
pub fn write(tables: Vec<Table>, shape: &Shape, format: Format) -> Result<Written, TableError> {
    let mut texts = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    for table in tables {
        let (table, left) = shape.apply(table, format)?;
        texts.push(render(&table, format)?);
        left_out.extend(left.into_iter().filter(|title| !left_out.contains(title)).collect::<Vec<_>>());
    }
    Ok(Written { text: texts.join(&b'\n'), left_out })
}

/// What a table is made of, and how.
pub(super) enum Maker {
    Analysis(fn(&Analysed) -> Table),
    Results(fn(&SweepResults) -> Table),
    Epochs(fn(&SweepResults, &[MeasurementRow]) -> Table),
}

impl Maker {
    pub(super) fn of(kind: TableKind) -> Self {
        match kind {
            TableKind::Candidates => Self::Analysis(tables::candidates),
            TableKind::Pairs => Self::Analysis(tables::pairs),
            TableKind::Ranks => Self::Analysis(tables::ranks),
            TableKind::Effects => Self::Analysis(tables::effects),
            TableKind::Variance => Self::Analysis(tables::variance),
            TableKind::Jobs => Self::Results(tables::jobs),
            TableKind::Cases => Self::Results(tables::cases),
            TableKind::Looks => Self::Results(tables::looks),
            TableKind::Measurements => Self::Epochs(tables::measurements),
        }
    }
}
