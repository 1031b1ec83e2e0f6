//! `worker train`: one job, without a coordinator.
//!
//! ```text
//!  job file --proto::file--> JobFile -> cases -> JobSpec -> Session -> result as JSON on stdout, one line per epoch on stderr
//!                                     --init: weights --'      |  '--> --save: weights
//!  trace                                                       '-----> --trace: one line per step
//! ```

mod trace;

use crate::data::{self, DataError};
use crate::new_file::NewFile;
use crate::train::device::{self, DeviceError};
use crate::train::{Event, Session, TrainError};
use crate::weights::{self, About};
use proto::data_folder::name_and_path;
use proto::file::{JobFile, LoadError};
use proto::ids::JobId;
use proto::measure::{JobResult, Measurement, Scores, Verdict};
use proto::sizes::Misfit;
use proto::spec::{JobSpec, Objective, Subset};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use trace::Trace;

/// Train one job without a coordinator and print its result as JSON
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator job ID >job.yaml; worker train --job job.yaml --data ph2=/data/PH2Dataset")]
pub struct Args {
    /// Job file (YAML)
    #[arg(long, value_name = "FILE")]
    job: PathBuf,
    /// Where to train: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Folder of the data set that the job file names [default: its `root`]
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path)]
    data: Vec<(String, PathBuf)>,
    /// Start from the weights in this file (a state dict of PyTorch's names) instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    init: Option<PathBuf>,
    /// Write the weights of the selected epoch to this file
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,
    /// Write one line of JSON per step to this file: epoch, step, cases of the batch, mean loss
    #[arg(long, value_name = "FILE.jsonl")]
    trace: Option<PathBuf>,
}

/// Why no job was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainCommandError {
    /// The job file cannot be read, or is not a valid job file.
    #[error(transparent)]
    JobFile(#[from] LoadError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The data set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The data set cannot be split as the job file asks for.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The job cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The initial weights cannot be used.
    #[error("cannot start from {}: {reason}", path.display())]
    Weights {
        /// The state dict.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result cannot be printed.
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

impl TrainCommandError {
    /// Whether the user can put it right.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::JobFile(_) | Self::Device(_) | Self::Data(_) | Self::Misfit(_) => true,
            Self::Weights { .. } | Self::Output { .. } => true,
            Self::Train(error) => !matches!(error, TrainError::Tensor(_)),
            Self::Write(_) => false,
        }
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    job: JobId,
    verdict: Verdict,
    epochs: u32,
    best_epoch: u32,
    /// The score that the job file asks for.
    objective: Option<f64>,
    validation: Scores,
    test: Scores,
    parameters: u64,
    train_seconds: f64,
    device: &'a str,
}

impl<'a> Report<'a> {
    fn new(spec: &JobSpec, objective: &Objective, result: &'a JobResult) -> Self {
        let scores = |subset| result.evaluation(subset).map(proto::measure::Evaluation::scores).unwrap_or_default();
        Self {
            job: spec.id(),
            verdict: result.verdict,
            epochs: result.epochs,
            best_epoch: result.best_epoch,
            objective: scores(objective.subset).get(objective.metric),
            validation: scores(Subset::Validation),
            test: scores(Subset::Test),
            parameters: result.parameters,
            train_seconds: result.train_seconds,
            device: &result.device,
        }
    }
}

/// Trains the job and prints its result.
///
/// # Errors
/// If the job file, the device, the data or the initial weights cannot be used, the training fails, or a file cannot be written.
pub fn run(args: Args) -> Result<(), TrainCommandError> {
    let job = JobFile::load(&args.job)?;
    let device = device::device(&args.device)?;
    let dataset = &job.dataset;
    let given = args.data.iter().find(|(name, _)| *name == dataset.name).map(|(_, path)| path.as_path());
    let root = given.or(dataset.root.as_deref().map(Path::new));
    let cases = data::load(dataset, root, job.job.data.image_size, Some(&data::default_cache_dir()))?;
    let spec = job.on(&cases.inventory)?;
    let mut session = Session::new(&spec, &cases, &device)?;
    if let Some(path) = &args.init {
        let reason = |error: candle_core::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let loaded = session.network().load(path);
        loaded.map_err(|error| TrainCommandError::Weights { path: path.clone(), reason: reason(error) })?;
    }
    // an hour of training later it is too late to find a folder missing
    let saved = args.save.as_deref().map(|path| NewFile::create(path).map_err(output(path))).transpose()?;
    let traced = args.trace.as_deref().unwrap_or(Path::new(""));
    let mut trace = Trace::create(args.trace.as_deref()).map_err(output(traced))?;
    let result = session.run(&mut |event| {
        trace.write(&event);
        if let Event::Epoch(measurement) = event {
            tell(&spec, measurement);
        }
    })?;
    trace.finish().map_err(output(traced))?;
    if let (Some(mut file), Some(path)) = (saved, &args.save) {
        let about = About::new(&spec, result.best_epoch, result.split_hash, session.standard());
        let encoded = weights::encode(&about, session.network()).map_err(io::Error::other);
        let written = encoded.and_then(|bytes| file.write_all(&bytes));
        written.and_then(|()| file.keep()).map_err(output(path))?;
    }
    let report = Report::new(&spec, &job.objective, &result);
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &report).map_err(io::Error::from)?;
    Ok(stdout.write_all(b"\n")?)
}

/// The error of a file that cannot be written.
fn output(path: &Path) -> impl Fn(io::Error) -> TrainCommandError {
    move |source| TrainCommandError::Output { path: path.to_owned(), source }
}

/// One line an epoch.
fn tell(spec: &JobSpec, measurement: &Measurement) {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let metric = spec.selection.metric;
    // the result is wanted even if nobody reads the progress
    let _ = writeln!(
        io::stderr(),
        "epoch {:>3}/{}  train loss {}  validation loss {}  {metric} {}  {:.1} s",
        measurement.epoch,
        spec.training.epochs,
        number(measurement.train_loss),
        number(measurement.validation.loss),
        number(measurement.validation.get(metric)),
        measurement.seconds,
    );
}
