//! `coordinator report`: a sweep's results as one page, with its figures and tables as files.

use crate::cli::client::DEFAULT_STORE;
use crate::cli::shape::metric;
use crate::cli::{CliError, output};
use crate::plan;
use crate::report::{FIGURES, Lineup, Material, Provenance, report};
use crate::results::{self, SweepHead};
use crate::store::Reader;
use crate::tables::export::{Format, render};
use crate::tables::table::Table;
use crate::tables::{self, Analysed};
use proto::data::{Dataset, Format as DataFormat};
use proto::ids::JobId;
use proto::spec::{Metric, Trainer};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The page's name; a folder that has it is a report's folder.
const PAGE: &str = "report.html";
/// The folders beside it.
const PARTS: [&str; 2] = ["figures", "tables"];
/// The sweep file beside it.
const SWEEP: &str = "sweep.yaml";
/// Maximum number of rows of a table that is written in LaTeX too: more are not printed.
const MAX_PRINTED: usize = 200;

/// Write the report of a sweep: one page that works offline, its figures (SVG) and its tables (CSV, LaTeX)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the report; an older report in it is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The sweep [default: the one submitted last]
    #[arg(long, default_value = "", hide_default_value = true)]
    sweep: String,
    /// Show the results by this metric [default: that of the sweep's objective]
    #[arg(long, value_parser = metric)]
    metric: Option<Metric>,
    /// Store to read
    #[arg(long, value_name = "FILE", default_value = DEFAULT_STORE)]
    store: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or its rows cannot be read, or the folder cannot be written or is something else's.
pub fn run(args: Args) -> Result<(), CliError> {
    let reader = Reader::open(&args.store)?;
    let mut results = results::read(&reader, &args.sweep)?;
    if let Some(metric) = args.metric {
        results = results.shown_by(metric);
    }
    let analysed = Analysed::of(&results);
    let folder = Folder::prepare(&args.out)?;
    let mut files = folder.write_tables(&analysed)?;
    files.extend(folder.write_table(&tables::jobs(&results))?);
    if !results.looks.is_empty() {
        files.extend(folder.write_table(&tables::looks(&results))?);
    }
    let lineup = Lineup::new(&analysed.observations, &analysed.analysis);
    let (shown, pictured) = (lineup.shown(), lineup.pictured());
    // the epochs of all candidates would be millions
    let jobs = results.jobs.iter().filter(|job| shown.contains(&job.candidate));
    let measurements = results::measurements(&reader, jobs)?;
    let examples = results::examples(&reader, &results, &pictured)?;
    let head = &results.head;
    let submission = reader.submission(&head.sweep)?;
    let first = results.jobs.first().filter(|_| head.trainer == Trainer::Candle);
    files.insert(0, (SWEEP.to_owned(), "the sweep file".to_owned()));
    let dataset = results::dataset(&reader, &head.sweep)?;
    let commands = commands(&args, head, &dataset, first.map(|job| job.job));
    folder.write(SWEEP, submission.text.as_bytes())?;
    let provenance = Provenance {
        // a file that an older version took may be refused by this one
        resolved: plan::resolved("", &submission.text).unwrap_or_default(),
        file: submission.text,
        job: first.map(|first| results::job_file(&reader, &first.job.to_string())).transpose()?,
        submitted: submission.at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commands,
    };
    let made = report(Material {
        results: &results,
        analysed,
        measurements: &measurements,
        examples: &examples,
        provenance: &provenance,
        tables: &files,
    });
    folder.write_figures(&made.figures)?;
    // last, so that what it links to is there
    folder.write(PAGE, made.page.as_bytes())?;
    output::write(None, format!("{}\n", args.out.join(PAGE).display()).as_bytes())
}

/// What to type to have the numbers again.
fn commands(args: &Args, head: &SweepHead, dataset: &Dataset, first: Option<JobId>) -> Vec<(String, String)> {
    let (store, out) = (quoted(&args.store), quoted(&args.out));
    let (name, file) = (quoted(Path::new(&head.sweep)), quoted(&args.out.join(SWEEP)));
    let metric = args.metric.map(|metric| format!(" --metric {metric}")).unwrap_or_default();
    // where the data lies is known to each worker alone
    let data = match (dataset.format, &dataset.root) {
        (DataFormat::Synthetic, _) | (_, Some(_)) => String::new(),
        _ => format!(" --data {}=FOLDER", quoted(Path::new(&dataset.name))),
    };
    let run = if head.trainer == Trainer::Simulated { " --simulate 50ms" } else { &data };
    let entry = |what: &str, command: String| (what.to_owned(), command);
    let mut commands = vec![
        entry(
            "Run the sweep, or what is missing of it, on this machine",
            format!("coordinator --sweep {file} --store {store} --local-workers 1{run}"),
        ),
        entry(
            "Its jobs, with every score and seed",
            format!("coordinator tables --store {store} --sweep {name} --rows jobs --format csv"),
        ),
        entry("This page", format!("coordinator report --store {store} --sweep {name}{metric} --out {out}")),
    ];
    if let Some(id) = first {
        let job =
            format!("coordinator job --store {store} {} > job.yaml && worker train --job job.yaml{data}", id.short());
        commands.insert(2, entry("One job alone, by its id: here the first", job));
    }
    commands
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The folder of a report.
struct Folder<'a> {
    path: &'a Path,
}

impl<'a> Folder<'a> {
    /// Makes the folder, unless it is there and holds a report.
    fn prepare(path: &'a Path) -> Result<Self, CliError> {
        let failed = |action| move |source| CliError::File { action, path: path.to_owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(CliError::NotAFolder { path: path.to_owned() });
        }
        // the page comes last: a report that was interrupted has the folders only
        let is_foreign = |entry: io::Result<fs::DirEntry>| {
            entry.map_or(true, |entry| PARTS.iter().chain([&SWEEP]).all(|part| entry.file_name() != *part))
        };
        if path.is_dir() && !path.join(PAGE).exists() && fs::read_dir(path).map_err(failed("read"))?.any(is_foreign) {
            return Err(CliError::Occupied { path: path.to_owned() });
        }
        for part in PARTS {
            fs::create_dir_all(path.join(part)).map_err(failed("make"))?;
        }
        Ok(Self { path })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        output::write(Some(&self.path.join(name)), bytes)
    }

    /// Writes the figures, and removes those of an earlier report that this one does not have.
    fn write_figures(&self, figures: &[(&'static str, String)]) -> Result<(), CliError> {
        for stem in FIGURES {
            let name = format!("figures/{stem}.svg");
            match figures.iter().find(|(made, _)| *made == stem) {
                Some((_, svg)) => self.write(&name, svg.as_bytes())?,
                // one that is not there need not go
                None => drop(fs::remove_file(self.path.join(name))),
            }
        }
        Ok(())
    }

    /// Writes every table of an analysis, one at a time: that of the pairs may be long.
    fn write_tables(&self, analysed: &Analysed) -> Result<Vec<(String, String)>, CliError> {
        let makers =
            [tables::candidates, tables::pairs, tables::ranks, tables::effects, tables::variance, tables::detectable];
        let mut files = Vec::new();
        for make in makers {
            files.extend(self.write_table(&make(analysed))?);
        }
        Ok(files)
    }

    /// Writes a table; the names of its files, with its title.
    fn write_table(&self, table: &Table) -> Result<Vec<(String, String)>, CliError> {
        let formats = if table.rows.len() <= MAX_PRINTED {
            &[(Format::Csv, "csv"), (Format::Latex, "tex")][..]
        } else {
            &[(Format::Csv, "csv")]
        };
        // one of an earlier report that is not there need not go
        drop(fs::remove_file(self.path.join(format!("tables/{}.tex", table.rows_name))));
        let mut files = Vec::new();
        for (format, ending) in formats {
            let name = format!("tables/{}.{ending}", table.rows_name);
            self.write(&name, &render(table, *format).map_err(CliError::Output)?)?;
            files.push((name, table.title.clone()));
        }
        Ok(files)
    }
}
