//! The trainer: a child process of the agent. Reads a job, trains it, writes what it measures; then the next. Knows tensors, not leases.
//!
//! ```text
//!  stdin: TrainRequest --> [ data set --> fit ] --> stdout: TrainEvent ...
//! ```
//!
//! The device and the last data set are kept from job to job. The process ends with its standard input, that is with its agent.

mod emulated;
mod keeper;
mod simulated;

use crate::agent::{self, read_frame, write_frame};
use crate::data::{self, CaseSet};
use crate::train::device::{self, DeviceError, device, release};
use crate::train::{Event as Told, Session, TrainError};
use candle_core::Device;
use emulated::MemoryError;
pub use emulated::{Memory, meters as emulated_meters};
use keeper::Keeper;
use proto::artifact_store::ArtifactStore;
use proto::convert::{InvalidMessage, failure_to_wire, required};
use proto::data::Dataset;
use proto::error_chain;
use proto::measure::{FailureKind, JobResult, Measurement};
use proto::spec::{JobSpec, Trainer as TrainerKind};
use proto::wire::{TrainEvent, TrainRequest, train_event::Event};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How this process trains.
#[derive(Debug, Clone)]
pub struct Options {
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
    /// Make the results up, taking this long for a job.
    pub simulate: Option<Duration>,
    /// With `simulate`: the memory that jobs take; without it they take none.
    pub memory: Option<Memory>,
    /// Where prepared data sets are kept.
    pub cache: PathBuf,
    /// Where weights and checkpoints are kept.
    pub artifacts: ArtifactStore,
}

/// Why the trainer ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The pipe to the agent broke.
    #[error("the pipe to the agent broke")]
    Pipe(#[from] io::Error),
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("the request is not understood: {0}")]
    Request(String),
    #[error("{0}")]
    Data(String),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Emulated(#[from] MemoryError),
    #[error(transparent)]
    Pipe(#[from] io::Error),
}

/// The devices of a list of names, or `all`.
///
/// # Errors
/// If one cannot be opened.
pub fn probe(names: &str) -> Result<Vec<agent::Device>, DeviceError> {
    let names = match names {
        "all" => device::all(),
        names => names.split(',').map(str::to_owned).collect(),
    };
    names.iter().map(|name| device(name).map(|found| found_device(&found))).collect()
}

fn found_device(found: &Device) -> agent::Device {
    agent::Device {
        name: device::name(found),
        model: device::model(found),
        memory_mib: device::memory_mib(found),
        bus: device::bus(found),
    }
}

/// Serves jobs until the standard input ends.
///
/// # Errors
/// If the pipe breaks.
pub fn run(options: Options) -> Result<(), TrainerError> {
    let requests = requests();
    let mut trainer = Trainer { options, device: None, cases: None };
    let mut out = io::stdout().lock();
    while let Ok(request) = requests.recv() {
        let event = match trainer.train(&request, &mut out) {
            Ok(result) => Event::Succeeded((&result).into()),
            Err(JobError::Pipe(error)) => return Err(error.into()),
            Err(error) => Event::Failed(failure_to_wire(error.kind(), &error_chain::line(&error), "")),
        };
        write_frame(&mut out, &TrainEvent { event: Some(event) })?;
    }
    Ok(())
}

/// Reads requests on a thread of its own, so that the process ends with its agent even in the middle of a job.
fn requests() -> Receiver<TrainRequest> {
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        let mut pipe = io::stdin().lock();
        while let Ok(Some(request)) = read_frame(&mut pipe) {
            if sender.send(request).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    requests
}

struct Trainer {
    options: Options,
    device: Option<Device>,
    /// The data set of the last job.
    cases: Option<(Dataset, u32, CaseSet)>,
}

impl Trainer {
    fn train(&mut self, request: &TrainRequest, out: &mut impl io::Write) -> Result<JobResult, JobError> {
        let spec = JobSpec::from_json(&request.spec).map_err(|error| JobError::Request(error.to_string()))?;
        let mut broken = None;
        let mut observe = |measurement: &Measurement| {
            let event = TrainEvent { event: Some(Event::Measurement(measurement.into())) };
            if let Err(error) = write_frame(out, &event) {
                broken.get_or_insert(error);
            }
        };
        let result = match (spec.trainer, self.options.simulate) {
            (TrainerKind::Simulated, Some(duration)) => self.simulate(&spec, duration, &mut observe),
            (TrainerKind::Candle, None) => self.fit(&spec, request, &mut observe),
            (kind, _) => Err(JobError::Request(format!("this trainer does not run {kind} jobs"))),
        };
        match broken {
            Some(error) => Err(error.into()),
            None => result,
        }
    }

    fn simulate(
        &self,
        spec: &JobSpec,
        duration: Duration,
        observe: &mut dyn FnMut(&Measurement),
    ) -> Result<JobResult, JobError> {
        let taken = self.options.memory.as_ref().map(|memory| memory.take(spec)).transpose()?;
        let mut result = simulated::train(spec, duration, observe).map_err(TrainError::from)?;
        if let Some(taken) = taken {
            result.device = format!("{} on {}", result.device, self.options.device);
            result.extras.peak_mib = u32::try_from(taken.mib).ok();
        }
        Ok(result)
    }

    fn fit(
        &mut self,
        spec: &JobSpec,
        request: &TrainRequest,
        observe: &mut dyn FnMut(&Measurement),
    ) -> Result<JobResult, JobError> {
        let not_understood = |error: InvalidMessage| JobError::Request(error.to_string());
        let dataset =
            required(request.dataset.as_ref(), "dataset").and_then(TryInto::try_into).map_err(not_understood)?;
        let device = match &self.device {
            Some(device) => device.clone(),
            None => self.device.insert(device(&self.options.device)?).clone(),
        };
        let root = Some(Path::new(&request.root)).filter(|root| !root.as_os_str().is_empty());
        let mut keeper = Keeper::new(self.options.artifacts.clone(), request).map_err(not_understood)?;
        let cases = self.cases(dataset, root, spec)?;
        device::forget_peak(&device);
        let mut result = train(&mut keeper, spec, cases, &device, observe);
        if let Ok(result) = &mut result {
            result.extras.peak_mib = device::peak_mib(&device);
        }
        if let Err(error) = release(&device) {
            tracing::warn!(%error, "the memory that the job left is not given back");
        }
        Ok(result?)
    }

    fn cases(&mut self, dataset: Dataset, root: Option<&Path>, spec: &JobSpec) -> Result<&CaseSet, JobError> {
        let size = spec.data.image_size;
        let kept = self.cases.take().filter(|(kept, kept_size, cases)| {
            *kept == dataset && *kept_size == size && cases.inventory.content == spec.data.content
        });
        let cases = match kept {
            Some((_, _, cases)) => cases,
            None => data::load(&dataset, root, size, Some(&self.options.cache))
                .map_err(|error| JobError::Data(error.line()))?,
        };
        if cases.inventory.content != spec.data.content {
            return Err(JobError::Data(format!(
                "data set `{}` has changed: its content is {}, the job needs {}",
                dataset.name,
                cases.inventory.content.short(),
                spec.data.content.short()
            )));
        }
        Ok(&self.cases.insert((dataset, size, cases)).2)
    }
}

/// Trains a job, from the last checkpoint of an earlier attempt on if there is one, and keeps its weights if they are wanted.
fn train(
    keeper: &mut Keeper,
    spec: &JobSpec,
    cases: &CaseSet,
    device: &Device,
    observe: &mut dyn FnMut(&Measurement),
) -> Result<JobResult, TrainError> {
    let mut session = keeper.resumed(|| Session::new(spec, cases, device))?.with_examples(keeper.wanted.examples);
    let mut tell = |told: Told<'_>| {
        if let Told::Epoch(measurement) = told {
            observe(measurement);
        }
    };
    let mut result = session.run_with(&mut tell, &mut |session| keeper.after_epoch(session))?;
    result.extras.weights = keeper.keep_weights(&session, &result);
    Ok(result)
}

impl JobError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Data(_) => FailureKind::Data,
            Self::Emulated(MemoryError::Out { .. }) => FailureKind::OutOfMemory,
            Self::Train(_) | Self::Device(_) if means_out_of_memory(&error_chain::line(self)) => {
                FailureKind::OutOfMemory
            }
            Self::Request(_) | Self::Train(_) | Self::Device(_) | Self::Emulated(_) | Self::Pipe(_) => {
                FailureKind::Error
            }
        }
    }
}

/// Whether an error says that a device has no memory left. The errors of CUDA and cuDNN have no types of their own here, only their texts.
fn means_out_of_memory(text: &str) -> bool {
    let text = text.to_lowercase();
    ["out of memory", "out_of_memory", "alloc_failed", "allocation_failed"].iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::means_out_of_memory;

    #[test]
    fn a_device_without_memory_is_told_from_one_that_fails() {
        for text in [
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "cuDNN: CUDNN_STATUS_ALLOC_FAILED",
            "cuDNN: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "CUBLAS_STATUS_ALLOC_FAILED",
        ] {
            assert!(means_out_of_memory(text), "{text}");
        }
        for text in ["CUDA_ERROR_ILLEGAL_ADDRESS", "CUDNN_STATUS_EXECUTION_FAILED", "shape mismatch"] {
            assert!(!means_out_of_memory(text), "{text}");
        }
    }
}
