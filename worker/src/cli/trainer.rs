//! `worker trainer`: the child process of the agent. Not for people.

use crate::data::default_cache_dir;
use crate::train::device::DeviceError;
use crate::trainer::{self, Memory, Options, TrainerError};
use proto::artifact_store::{ArtifactStore, default_folder};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Train the jobs that come over the standard input.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long, default_value = "auto")]
    device: String,
    #[arg(long, value_parser = humantime::parse_duration)]
    simulate: Option<Duration>,
    /// Memory of the emulated device
    #[arg(long, requires = "memory_folder")]
    memory_mib: Option<u64>,
    /// Where the trainers of that device say how much of it they have
    #[arg(long)]
    memory_folder: Option<PathBuf>,
    #[arg(long)]
    cache: Option<PathBuf>,
    #[arg(long, value_parser = ArtifactStore::at)]
    artifacts: Option<ArtifactStore>,
    /// Only say what the devices are, as JSON
    #[arg(long)]
    probe: bool,
}

/// Why the trainer ended.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The device cannot be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The agent is gone.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// The standard output is closed.
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

/// Runs the subcommand.
///
/// # Errors
/// If the device cannot be opened, or the pipe to the agent breaks.
pub fn run(args: Args) -> Result<(), CliError> {
    let Args { device, simulate, memory_mib, memory_folder, cache, artifacts, probe } = args;
    if probe {
        let devices = serde_json::to_string(&trainer::probe(&device)?).map_err(io::Error::from)?;
        return Ok(writeln!(io::stdout(), "{devices}")?);
    }
    let cache = cache.unwrap_or_else(default_cache_dir);
    let artifacts = artifacts.unwrap_or_else(|| ArtifactStore::in_folder(&default_folder()));
    let memory = memory_mib.zip(memory_folder).map(|(mib, folder)| Memory { folder, mib });
    Ok(trainer::run(Options { device, simulate, memory, cache, artifacts })?)
}
