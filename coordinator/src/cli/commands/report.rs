//! `coordinator report`: a sweep's results as one page, with its figures and tables as files.

use crate::cli::client::Source;
use crate::cli::json::JsonArgs;
use crate::cli::shape::metric;
use crate::cli::which::AnySweep;
use crate::cli::working::Working;
use crate::cli::{CliError, ask, output};
use crate::publish::{self, Asked, PAGE, PARTS, SWEEP_FILE};
use proto::spec::Metric;
use serde_json::json;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// Write the report of a sweep: one page that works offline, its figures (SVG, PDF) and its tables (CSV, LaTeX)
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator report --out report
  coordinator report full --out report --metric dice")]
pub struct Args {
    /// Folder for the report; an older report of the same sweep in it is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sweep: AnySweep,
    /// Show the results by this metric [default: that of the sweep's objective]
    #[arg(long, value_parser = metric)]
    metric: Option<Metric>,
    /// Replace the report of another sweep, too
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or its rows cannot be read, or the folder cannot be written or is something else's.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { out, sweep, metric, replace, json, source } = args;
    let mut found = source.find().await?;
    let (source, out_quoted) = (found.named(), publish::quoted(&out));
    let folder = Folder { path: &out, replaces: replace, working: Working::on("analyses the results") };
    let asked = Asked { sweep: sweep.name(), metric, source, out: out_quoted, for_bundle: false };
    let (mut name, mut files) = (None, Vec::new());
    ask::report(&mut found, asked, |sweep, file, bytes| {
        if name.is_none() {
            folder.prepare(sweep)?;
            name = Some(sweep.to_owned());
        }
        files.push(out.join(file));
        folder.write(file, bytes)
    })
    .await?;
    drop(folder);
    let page = out.join(PAGE);
    let line = format!("{}\n", page.display());
    json.print("report", json!({ "sweep": name, "page": page, "files": files }), &line)
}

/// The folder of a report.
struct Folder<'a> {
    path: &'a Path,
    /// Also a report of another sweep.
    replaces: bool,
    /// Says which file is made.
    working: Working,
}

impl Folder<'_> {
    /// Makes the folder, unless it is there and holds a report of this sweep, whose figures and tables go: the new one may not have all of
    /// them.
    fn prepare(&self, sweep: &str) -> Result<(), CliError> {
        let path = self.path;
        let failed = |action| move |source| CliError::File { action, path: path.to_owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(CliError::NotAFolder { path: path.to_owned() });
        }
        // the page comes last: a report that was interrupted has the others only
        let own = |name: &std::ffi::OsStr| name == SWEEP_FILE || PARTS.iter().any(|part| name == *part);
        let is_foreign = |entry: io::Result<fs::DirEntry>| entry.map_or(true, |entry| !own(&entry.file_name()));
        if path.is_dir() && !path.join(PAGE).exists() && fs::read_dir(path).map_err(failed("read"))?.any(is_foreign) {
            return Err(CliError::Occupied { path: path.to_owned() });
        }
        let other =
            fs::read_to_string(path.join(PAGE)).ok().and_then(|page| publish::sweep_of(&page).map(str::to_owned));
        if let Some(other) = other.filter(|other| other != sweep && !self.replaces) {
            return Err(CliError::OtherReport { path: path.to_owned(), sweep: other });
        }
        for part in PARTS {
            fs::create_dir_all(path.join(part)).map_err(failed("make"))?;
        }
        for file in publish::names() {
            // one that is not there need not go
            let _ = fs::remove_file(path.join(file));
        }
        Ok(())
    }

    /// Writes a file of the report, within its folder whoever names it.
    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), CliError> {
        self.working.at(&format!("writes the report: {file}"));
        let is_inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside || file.is_empty() {
            return Err(CliError::NotReached(format!("the coordinator names a file outside of the report: {file:?}")));
        }
        output::write(Some(&self.path.join(file)), bytes)
    }
}
