//! `coordinator weights`: the weights that the jobs of a sweep have kept, a file per job.

use crate::cli::client::{Coordinator, Found, Source};
use crate::cli::json::JsonArgs;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, output};
use crate::store::Reader;
use crate::weights::{self, Asked, JobWeights, WeightsError};
use proto::artifact_store::ArtifactStore;
use proto::extras::KeptWeights;
use proto::ids::{JobId, WeightsHash};
use proto::wire::{WeightsRequest, WeightsResponse};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Write the weights that the jobs of a sweep have kept: one file per job, for `worker predict` and for PyTorch
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// Folder for the files, which are named by their jobs
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only those of the leading candidate
    #[arg(long)]
    best: bool,
    /// Folder or bucket in which the workers kept them [default: that of the coordinator, which lies beside the store]
    #[arg(long, value_name = "PLACE")]
    artifacts: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, none of its jobs has kept weights, or a file cannot be read or written.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, out, best, artifacts, json, source } = args;
    let asked = Asked { sweep: sweep.name(), best };
    let named = artifacts.as_deref().map(ArtifactStore::at).transpose().map_err(WeightsError::from)?;
    let mut folder = Folder { path: out, json, files: Vec::new(), without: 0 };
    match source.find().await? {
        Found::Store(store) => {
            let place = named.unwrap_or_else(|| ArtifactStore::in_folder(weights::beside(&store).as_ref()));
            for JobWeights { job, kept } in weights::of_sweep(&Reader::open(&store)?, &asked)? {
                let bytes = kept.map(|kept| weights::read(&place, job, &kept)).transpose()?;
                folder.take(job, bytes.as_deref())?;
            }
        }
        Found::Coordinator(coordinator) => fetch(*coordinator, asked, named.as_ref(), &mut folder).await?,
    }
    folder.close()
}

/// Takes the files that a coordinator sends; those that it has not, from the place that was named.
async fn fetch(
    mut coordinator: Coordinator,
    asked: Asked,
    named: Option<&ArtifactStore>,
    folder: &mut Folder,
) -> Result<(), CliError> {
    let Asked { sweep, best } = asked;
    let pieces = coordinator.calls.weights(WeightsRequest { sweep, best, list_only: named.is_some() }).await;
    let mut pieces = coordinator.answer(pieces)?.into_inner();
    let mut current: Option<Incoming> = None;
    while let Some(WeightsResponse { job, weights, piece, problem }) = coordinator.answer(pieces.message().await)? {
        if !job.is_empty() {
            finish(current.take(), folder)?;
            let job: JobId = job.parse().map_err(|error| not_understood(&error))?;
            let kept =
                weights.as_ref().map(KeptWeights::try_from).transpose().map_err(|error| not_understood(&error))?;
            match (kept, named) {
                (None, _) => folder.take(job, None)?,
                (Some(kept), Some(place)) => folder.take(job, Some(&weights::read(place, job, &kept)?))?,
                (Some(kept), None) => current = Some(Incoming { job, kept, bytes: Vec::new() }),
            }
        }
        if !problem.is_empty() {
            return Err(CliError::Refused(problem));
        }
        if let Some(incoming) = &mut current {
            incoming.bytes.extend(piece);
        }
    }
    finish(current, folder)
}

/// A file on its way.
struct Incoming {
    job: JobId,
    kept: KeptWeights,
    bytes: Vec<u8>,
}

fn finish(incoming: Option<Incoming>, folder: &mut Folder) -> Result<(), CliError> {
    let Some(Incoming { job, kept, bytes }) = incoming else { return Ok(()) };
    if WeightsHash::of(&bytes) != kept.hash {
        return Err(CliError::NotReached(format!("the weights of job {job} did not arrive whole: try again")));
    }
    folder.take(job, Some(&bytes))
}

fn not_understood(error: &dyn std::error::Error) -> CliError {
    CliError::NotReached(format!("the coordinator's answer is not understood: {error}"))
}

/// The folder for the files.
struct Folder {
    path: PathBuf,
    json: JsonArgs,
    files: Vec<(JobId, PathBuf)>,
    without: usize,
}

impl Folder {
    /// Writes the file of a job, if it has one.
    fn take(&mut self, job: JobId, bytes: Option<&[u8]>) -> Result<(), CliError> {
        let Some(bytes) = bytes else {
            self.without += 1;
            return Ok(());
        };
        let failed = |source| CliError::File { action: "make", path: self.path.clone(), source };
        fs::create_dir_all(&self.path).map_err(failed)?;
        let file = self.path.join(format!("{job}.safetensors"));
        output::write(Some(&file), bytes)?;
        let line = format!("{}\n", file.display());
        self.files.push((job, file));
        // programs get all at the end
        if self.json.is_wanted() { Ok(()) } else { output::write(None, line.as_bytes()) }
    }

    /// Says how many jobs have kept none.
    fn close(self) -> Result<(), CliError> {
        const REMEDY: &str =
            "`artifacts: {weights: best}` in the sweep file makes jobs that run from then on keep them";
        if !self.files.is_empty() {
            let file = |(job, file): &(JobId, PathBuf)| json!({ "job": job.to_string(), "file": file });
            let files: Vec<_> = self.files.iter().map(file).collect();
            let object = json!({ "folder": self.path, "files": files, "without": self.without });
            self.json.print("weights", object, "")?;
        }
        match (self.files.len(), self.without) {
            (0, 0) => Err(CliError::Refused("no job has a result yet".to_owned())),
            (0, _) => Err(CliError::Refused(format!("no job has kept its weights: {REMEDY}"))),
            (_, 0) => Ok(()),
            (written, without) => {
                // for people: a reader that is gone needs no line
                let said = format!("{without} of {} jobs have kept no weights: {REMEDY}", written + without);
                let _ = writeln!(std::io::stderr(), "{said}");
                Ok(())
            }
        }
    }
}
