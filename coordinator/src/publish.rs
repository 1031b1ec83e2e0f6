//! The report of a sweep as files: a store's results, the page made of them, its figures and tables. Whoever asks writes the files.

use crate::analysis::answer::answer;
use crate::plan;
use crate::report::{Drawing, FIGURES, Lineup, Material, Provenance, report};
use crate::results::{self, JobError, ResultsError, RowState, SweepHead, SweepResults};
use crate::store::{Reader, StoreError};
use crate::tables::export::{Format, render};
use crate::tables::table::Table;
use crate::tables::{self, Analysed};
use proto::data::{Dataset, Format as DataFormat};
use proto::ids::JobId;
use proto::spec::{Metric, Trainer};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The page's name; a folder that has it is a report's folder.
pub const PAGE: &str = "report.html";
/// The sweep file's name beside it.
pub const SWEEP_FILE: &str = "sweep.yaml";
/// The folders beside it.
pub const PARTS: [&str; 2] = ["figures", "tables"];
/// The sweep file with every default filled in, in a bundle.
pub const RESOLVED_FILE: &str = "resolved.yaml";
/// Facts about the sweep, as JSON, in a bundle.
pub const ABOUT: &str = "about.json";
/// What a command says where only its user knows the folder of the data set.
pub const FOLDER: &str = "=FOLDER";
/// More files no report has.
pub const MAX_FILES: usize = 100;
/// The tables that a report may have.
const TABLES: [&str; 8] = ["candidates", "pairs", "ranks", "effects", "variance", "detectable", "jobs", "looks"];
/// Maximum number of rows of a table that is written in LaTeX too: more are not printed.
const MAX_PRINTED: usize = 200;
/// What follows the sweep's name in the title of a page.
const TITLE: &str = " \u{2013} report</title>";

/// Which report, and what its commands say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The sweep; empty for the one submitted last.
    pub sweep: String,
    /// By which metric; that of the sweep's objective if `None`.
    pub metric: Option<Metric>,
    /// The options that name where the results are, as a shell takes them.
    pub source: String,
    /// The folder of the report, as a shell takes it.
    pub out: String,
    /// Also what a bundle has besides: each table as JSON, [`RESOLVED_FILE`] and [`ABOUT`].
    pub for_bundle: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There are no results.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The job that is shown as an example is not found.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A table cannot be written in its format.
    #[error("a table cannot be written: {0}")]
    Render(#[from] io::Error),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Results(error.into())
    }
}

/// Calls `each` with the sweep's name, the name of a file and its content, for every file of the report; the page comes last of those that
/// every report has, and then what a bundle has besides.
///
/// # Errors
/// If there is no such sweep, its rows cannot be read, or `each` fails.
pub fn files<E: From<PublishError>>(
    reader: &Reader,
    asked: &Asked,
    mut each: impl FnMut(&str, &str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut results = results::read(reader, &asked.sweep).map_err(PublishError::from)?;
    if let Some(metric) = asked.metric {
        results = results.shown_by(metric).map_err(|error| PublishError::Results(error.into()))?;
    }
    let sweep = results.head.sweep.clone();
    let mut each = |file: &str, bytes: &[u8]| each(&sweep, file, bytes);
    let analysed = Analysed::of(&results);
    let sentences = answer(&analysed.analysis).sentences();
    let mut written = Vec::new();
    let makers =
        [tables::candidates, tables::pairs, tables::ranks, tables::effects, tables::variance, tables::detectable];
    // one at a time: that of the pairs may be long
    for make in makers {
        written.extend(write_table(&make(&analysed), asked.for_bundle, &mut each)?);
    }
    written.extend(write_table(&tables::jobs(&results), asked.for_bundle, &mut each)?);
    if !results.looks.is_empty() {
        written.extend(write_table(&tables::looks(&results), asked.for_bundle, &mut each)?);
    }
    let lineup = Lineup::new(&analysed.observations, &analysed.analysis);
    let (shown, pictured) = (lineup.shown(), lineup.pictured());
    // the epochs of all candidates would be millions
    let jobs = results.jobs.iter().filter(|job| shown.contains(&job.candidate));
    let measurements = results::measurements(reader, jobs).map_err(PublishError::from)?;
    let examples = results::examples(reader, &results, &pictured).map_err(PublishError::from)?;
    let provenance = provenance(reader, &results, asked)?;
    written.insert(0, (SWEEP_FILE.to_owned(), "the sweep file".to_owned()));
    let made = report(Material {
        results: &results,
        analysed,
        measurements: &measurements,
        examples: &examples,
        provenance: &provenance,
        tables: &written,
    });
    for Drawing { stem, svg, pdf } in &made.figures {
        each(&format!("figures/{stem}.svg"), svg.as_bytes())?;
        each(&format!("figures/{stem}.pdf"), pdf)?;
    }
    each(SWEEP_FILE, provenance.file.as_bytes())?;
    // last, so that what it links to is there
    each(PAGE, made.page.as_bytes())?;
    if asked.for_bundle {
        each(RESOLVED_FILE, provenance.resolved.as_bytes())?;
        let about = about(reader, &results, &provenance, sentences)?;
        each(ABOUT, format!("{about:#}\n").as_bytes())?;
    }
    Ok(())
}

/// Facts about a sweep, for programs: what was run on what data by which version, and what was found.
fn about(
    reader: &Reader,
    results: &SweepResults,
    provenance: &Provenance,
    sentences: Vec<String>,
) -> Result<Value, PublishError> {
    let (head, dataset) = (&results.head, results::dataset(reader, &results.head.sweep)?);
    let count = |state: RowState| results.jobs.iter().filter(|job| job.state == state).count();
    let jobs: Map<String, Value> =
        RowState::ALL.iter().map(|state| (state.name().to_owned(), count(*state).into())).collect();
    let scored = results.jobs.iter().filter_map(|job| job.result.as_ref());
    let devices: BTreeSet<&str> = scored.map(|scored| scored.result.device.as_str()).collect();
    let content = head.content.map(|content| content.to_string());
    Ok(json!({
        "schema": "splitsweep.about/1",
        "sweep": head.sweep,
        "submitted": provenance.submitted,
        "trainer": head.trainer.name(),
        "data": {"name": dataset.name, "format": dataset.format.name(), "content": content, "cases": head.cases},
        "jobs": jobs,
        "candidates": head.candidates.len(),
        "replicates": head.replicates.len(),
        "devices": devices,
        "versions": {"splitsweep": provenance.version, "protocol": proto::PROTOCOL},
        // the first of the commands runs the sweep again
        "repeat": provenance.commands.first().map(|(_, command)| command),
        "answer": sentences,
    }))
}

/// Where the numbers come from.
fn provenance(reader: &Reader, results: &SweepResults, asked: &Asked) -> Result<Provenance, PublishError> {
    let head = &results.head;
    let submission = reader.submission(&head.sweep)?;
    let first = results.jobs.first().filter(|_| head.trainer == Trainer::Candle);
    Ok(Provenance {
        // a file that an older version took may be refused by this one
        resolved: plan::resolved("", &submission.text).unwrap_or_default(),
        commands: commands(asked, head, &results::dataset(reader, &head.sweep)?, first.map(|first| first.job)),
        file: submission.text,
        job: first.map(|first| results::job_file(reader, &first.job.to_string())).transpose()?,
        submitted: submission.at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// What to type to have the numbers again.
fn commands(asked: &Asked, head: &SweepHead, dataset: &Dataset, first: Option<JobId>) -> Vec<(String, String)> {
    let Asked { source, out, metric, .. } = asked;
    let name = quoted(Path::new(&head.sweep));
    let metric = metric.map(|metric| format!(" --metric {metric}")).unwrap_or_default();
    // where the data lies is known to each worker alone
    let data = match (dataset.format, &dataset.root) {
        (DataFormat::Synthetic, _) | (_, Some(_)) => String::new(),
        _ => format!(" --data {}{FOLDER}", quoted(Path::new(&dataset.name))),
    };
    let run = if head.trainer == Trainer::Simulated { " --simulate 50ms" } else { &data };
    let entry = |what: &str, command: String| (what.to_owned(), command);
    let mut commands = vec![
        entry(
            "Run the sweep again, on this machine and in a store of its own",
            format!("coordinator --sweep {out}/{SWEEP_FILE} --store again.db --local-workers 1{run}"),
        ),
        entry(
            "Its jobs, with every score and seed",
            format!("coordinator tables {name} {source} --rows jobs --format csv"),
        ),
        entry("This page", format!("coordinator report {name} {source}{metric} --out {out}")),
    ];
    if let Some(id) = first {
        let job = format!("coordinator job {source} {} > job.yaml && worker train --job job.yaml{data}", id.short());
        commands.insert(2, entry("One job alone, by its id: here the first", job));
    }
    commands
}

/// Writes a table; the names of its files, with its title.
fn write_table<E: From<PublishError>>(
    table: &Table,
    for_bundle: bool,
    each: &mut impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<Vec<(String, String)>, E> {
    let is_printed = table.rows.len() <= MAX_PRINTED;
    let formats = [(Format::Csv, "csv", true), (Format::Json, "json", for_bundle), (Format::Latex, "tex", is_printed)];
    let mut files = Vec::new();
    for (format, ending, _) in formats.into_iter().filter(|(.., is_written)| *is_written) {
        let name = format!("tables/{}.{ending}", table.rows_name);
        each(&name, &render(table, format).map_err(PublishError::from)?)?;
        files.push((name, table.title.clone()));
    }
    Ok(files)
}

/// The figures and tables that a report may have.
pub fn names() -> impl Iterator<Item = String> {
    let tables = TABLES.iter().flat_map(|name| ["csv", "tex"].map(|ending| format!("tables/{name}.{ending}")));
    FIGURES.iter().flat_map(|stem| ["svg", "pdf"].map(|ending| format!("figures/{stem}.{ending}"))).chain(tables)
}

/// The sweep that a page is of.
#[must_use]
pub fn sweep_of(page: &str) -> Option<&str> {
    let (before, _) = page.split_once(TITLE)?;
    before.rsplit_once("<title>").map(|(_, sweep)| sweep)
}

/// A path as a shell takes it.
#[must_use]
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
