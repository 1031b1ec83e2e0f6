//! `worker train`: one job, without a coordinator.
//!
//! ```text
//!  job file -> Job -> cases -> JobSpec -> fit -> result as JSON on stdout, a line an epoch on stderr
//! ```

use crate::data::{self, DataError};
use crate::train::device::{self, DeviceError};
use crate::train::{TrainError, fit};
use proto::data::{Dataset, Format, Synthetic};
use proto::ids::{ContentHash, JobId};
use proto::measure::{JobResult, Measurement, Scores, Verdict};
use proto::spec::{
    Architecture, DEFAULT_IMAGE_SIZE, DEFAULT_LEARNING_RATE, Data, JobSpec, Loss, LossName, Model, Seeds, Selection,
    Split, Subset, Trainer, Training,
};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Train one job without a coordinator and print its result as JSON
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Job file (YAML)
    #[arg(long, value_name = "FILE")]
    job: PathBuf,
    /// Where to train: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Where the data set NAME lies; may be given more than once
    #[arg(long, value_name = "NAME=PATH", value_parser = super::name_and_path)]
    data: Vec<(String, PathBuf)>,
}

/// Why no job was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainCommandError {
    /// The job file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The job file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The job file is no job.
    #[error("{}: {message}", place(path, *line, *column))]
    Invalid {
        /// The job file.
        path: PathBuf,
        /// Line, counted from 1; 0 if the fault has no place.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The data set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The job cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The result cannot be printed.
    #[error("cannot write the result: {0}")]
    Write(#[from] std::io::Error),
}

impl TrainCommandError {
    /// Whether the user can put it right.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Invalid { .. } | Self::Device(_) | Self::Data(_) => true,
            Self::Train(error) => !matches!(error, TrainError::Tensor(_)),
            Self::Write(_) => false,
        }
    }
}

fn place(path: &Path, line: usize, column: usize) -> String {
    match line {
        0 => path.display().to_string(),
        _ => format!("{}:{line}:{column}", path.display()),
    }
}

/// The `dataset` section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetSection {
    name: String,
    format: Format,
    root: Option<String>,
    image_size: Option<u32>,
    cases: Option<u32>,
    seed: Option<u64>,
}

/// The `objective` section: what the epoch is selected by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Objective {
    metric: proto::spec::Metric,
    subset: Subset,
    epoch: proto::spec::EpochChoice,
}

impl Default for Objective {
    fn default() -> Self {
        let Selection { metric, epoch } = Selection::default();
        Self { metric, subset: Subset::Validation, epoch }
    }
}

/// The `losses` section: parameters of losses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Losses {
    dice: Option<Dice>,
    focal: Option<Focal>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dice {
    smooth: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Focal {
    gamma: f64,
}

impl Losses {
    fn loss(&self, name: LossName) -> Loss {
        match (name, &self.dice, &self.focal) {
            (LossName::Dice, Some(Dice { smooth }), _) => Loss::Dice { smooth: *smooth },
            (LossName::Focal, _, Some(Focal { gamma })) => Loss::Focal { gamma: *gamma },
            _ => name.into(),
        }
    }
}

/// A job file: the sections of a sweep file, and one value of each axis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    dataset: DatasetSection,
    #[serde(default)]
    split: Split,
    #[serde(default)]
    model: Model,
    #[serde(default)]
    training: Training,
    #[serde(default)]
    objective: Objective,
    #[serde(default)]
    losses: Losses,
    architecture: Architecture,
    loss: LossName,
    learning_rate: Option<f64>,
    split_seed: u64,
    init_seed: Option<u64>,
    order_seed: Option<u64>,
}

impl Job {
    fn read(path: &Path) -> Result<Self, TrainCommandError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TrainCommandError::Read { path: path.to_owned(), source })?;
        let job: Self = serde_yaml::from_str(&text).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            TrainCommandError::Invalid { path: path.to_owned(), line, column, message }
        })?;
        match job.fault() {
            Some(message) => Err(TrainCommandError::Invalid { path: path.to_owned(), line: 0, column: 0, message }),
            None => Ok(job),
        }
    }

    /// What the types let through.
    fn fault(&self) -> Option<String> {
        let synthetic = self.dataset.format == Format::Synthetic;
        let rate = self.learning_rate.unwrap_or(DEFAULT_LEARNING_RATE);
        if !(rate.is_finite() && rate > 0.0) {
            return Some(format!("learning_rate: {rate} is no positive number"));
        }
        if self.objective.subset == Subset::Train {
            return Some("objective.subset: train is not evaluated, use validation or test".to_owned());
        }
        if self.model.width > Model::MOST_WIDTH {
            return Some(format!(
                "model.width: {} is too large, allowed are 1 to {}",
                self.model.width,
                Model::MOST_WIDTH
            ));
        }
        match self.dataset {
            DatasetSection { cases: Some(_), .. } if !synthetic => {
                Some("dataset.cases: only for format synthetic".to_owned())
            }
            DatasetSection { seed: Some(_), .. } if !synthetic => {
                Some("dataset.seed: only for format synthetic".to_owned())
            }
            _ => None,
        }
    }

    fn dataset(&self) -> Dataset {
        let DatasetSection { name, format, root, cases, seed, .. } = &self.dataset;
        let default = Synthetic::default();
        let synthetic = Synthetic { cases: cases.unwrap_or(default.cases), seed: seed.unwrap_or(default.seed) };
        let synthetic = (*format == Format::Synthetic).then_some(synthetic);
        Dataset { name: name.clone(), format: *format, root: root.clone(), synthetic }
    }

    fn image_size(&self) -> u32 {
        self.dataset.image_size.unwrap_or(DEFAULT_IMAGE_SIZE)
    }

    fn spec(&self, content: ContentHash) -> JobSpec {
        JobSpec {
            trainer: Trainer::Candle,
            data: Data { content, image_size: self.image_size() },
            split: self.split,
            architecture: self.architecture,
            model: self.model,
            loss: self.losses.loss(self.loss),
            learning_rate: self.learning_rate.unwrap_or(DEFAULT_LEARNING_RATE),
            training: self.training,
            selection: Selection::of(self.objective.metric, self.objective.epoch),
            seeds: Seeds {
                split_seed: self.split_seed,
                init_seed: self.init_seed.unwrap_or(self.split_seed),
                order_seed: self.order_seed.unwrap_or(self.split_seed),
            },
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
/// If the job file, the device or the data cannot be used, or the training fails.
pub fn run(args: Args) -> Result<(), TrainCommandError> {
    let job = Job::read(&args.job)?;
    let device = device::device(&args.device)?;
    let dataset = job.dataset();
    let given = args.data.iter().find(|(name, _)| *name == dataset.name).map(|(_, path)| path.as_path());
    let root = given.or(dataset.root.as_deref().map(Path::new));
    let cases = data::load(&dataset, root, job.image_size(), Some(&data::default_cache_dir()))?;
    let spec = job.spec(cases.inventory.content);
    let result = fit(&spec, &cases, &device, &mut |measurement| tell(&spec, measurement))?;
    let report = Report::new(&spec, &job.objective, &result);
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &report).map_err(std::io::Error::from)?;
    Ok(stdout.write_all(b"\n")?)
}

/// One line an epoch.
fn tell(spec: &JobSpec, measurement: &Measurement) {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let metric = spec.selection.metric;
    // the result is wanted even if nobody reads the progress
    let _ = writeln!(
        std::io::stderr(),
        "epoch {:>3}/{}  train loss {}  validation loss {}  {metric} {}  {:.1} s",
        measurement.epoch,
        spec.training.epochs,
        number(measurement.train_loss),
        number(measurement.validation.loss),
        number(measurement.validation.get(metric)),
        measurement.seconds,
    );
}
