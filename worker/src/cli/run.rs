//! `worker --coordinator URL`: joins a coordinator and works until told to stop.

use super::devices::{self, Choice, Memory, NoDevice};
use super::slots::default_slots;
use crate::agent::{self, AgentError, Device, Launcher, Options, Profile};
use crate::data;
use crate::nvml;
use crate::trainer::emulated_meters;
use proto::artifact_store::{ArtifactError, ArtifactStore, checkpoints_of, default_folder};
use proto::credential::{Credential, TokenFileError};
use proto::data_folder::name_and_path;
use proto::hangup;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Jobs at once of a worker, at most.
const MAX_SLOTS: usize = 1024;

/// Join a coordinator and train its jobs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the coordinator
    #[arg(long, value_name = "URL", env = "SPLITSWEEP_COORDINATOR", required = true)]
    coordinator: Option<String>,
    /// Folder of a data set; repeat the option for other data sets
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path)]
    data: Vec<(String, PathBuf)>,
    /// Where to train: auto, cpu, cuda:N, a list such as cuda:0,cuda:2, or all (every CUDA device)
    #[arg(long, value_name = "DEVICES", default_value = "auto")]
    device: Choice,
    /// Number of jobs to train at the same time on each device [default: 1 on a GPU; on the CPU one per thread, but at most one per 6 GiB of memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,
    /// Name of this worker in status and logs [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// CPU threads for all jobs together [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// File with the token `worker.token` of a coordinator with certificates; the worker gets a certificate of its own
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    join: Option<PathBuf>,
    /// File with a token for a coordinator without certificates [default: the one that it made for programs of the same user]
    /// [env: SPLITSWEEP_TOKEN_FILE, for either kind of coordinator]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Folder that keeps resized images [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Folder or bucket (s3://, gs://, az://) that keeps weights and checkpoints [default: the user's data folder]; where several workers
    /// share it, each goes on at the checkpoints of the others
    #[arg(long, value_name = "PLACE")]
    artifacts: Option<String>,
    /// Time without news after which a trainer, the child process that trains, is killed
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Time without anything to do after which the worker ends [default: it waits for work for good]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, overrides_with = "idle_timeout")]
    idle_timeout: Option<Duration>,
    /// Make results up instead of training, in this time per job (such as 50ms), to try a coordinator
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    simulate: Option<Duration>,
    /// With --simulate: devices to emulate, sim:0, sim:1 and so on, by their memory (such as 8GiB,16GiB), to try how jobs are shared out
    #[arg(long, value_name = "SIZES", requires = "simulate", value_delimiter = ',')]
    emulate: Vec<Memory>,
    /// Drain when the standard input ends, as a worker that a coordinator started must
    #[arg(long, hide = true)]
    attached: bool,
}

/// Why the worker ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A folder is not there.
    #[error("--data {name}={path}: there is no such folder", path = .path.display())]
    NoFolder {
        /// Name of the data set.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenFileError),
    /// The file holds another token.
    #[error("{path} is not a complete token made by `coordinator certs`: copy worker.token again", path = .path.display())]
    NotToJoin {
        /// The file.
        path: PathBuf,
    },
    /// There is no such device.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// The coordinator would not take them for as many.
    #[error(
        "--slots {each} on {devices} devices are more than the {MAX_SLOTS} jobs at once of a worker: give a lower number, or start a worker per device"
    )]
    TooManySlots {
        /// Slots of each device.
        each: usize,
        /// Number of devices.
        devices: usize,
    },
    /// The place for weights and checkpoints.
    #[error("--artifacts: {0}")]
    Artifacts(#[from] ArtifactError),
    /// The connection to the coordinator.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The process cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Runs the worker until a signal, or for good.
///
/// # Errors
/// If what was given cannot be, or the coordinator refuses the worker.
pub fn run(args: Args) -> Result<(), RunError> {
    if let Some((name, path)) = args.data.iter().find(|(_, path)| !path.is_dir()) {
        return Err(RunError::NoFolder { name: name.clone(), path: path.clone() });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let asked = runtime.block_on(async { signal(SignalKind::user_defined1()) })?;
    let credential = credential(&args)?;
    let host = hostname::get()?.to_string_lossy().into_owned();
    let devices = match (args.simulate, args.emulate.as_slice()) {
        (None, _) => devices::probe(&args.device)??,
        (Some(_), []) => vec![devices::simulated()],
        (Some(_), memories) => devices::emulated(&args.device, memories)?,
    };
    let artifacts = match &args.artifacts {
        Some(place) => ArtifactStore::at(place)?,
        None => ArtifactStore::in_folder(&default_folder()),
    };
    let threads =
        args.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize);
    let first = devices.first().map_or("", |device| device.name.as_str());
    let slots_each = args.slots.map_or_else(|| default_slots(first, threads), |slots| slots as usize);
    if slots_each * devices.len() > MAX_SLOTS {
        return Err(RunError::TooManySlots { each: slots_each, devices: devices.len() });
    }
    let roots: BTreeMap<_, _> = args.data.iter().cloned().collect();
    let inspect_roots = roots.clone();
    let profile = Profile {
        coordinator: args.coordinator.clone().unwrap_or_default(),
        name: args.name.clone().unwrap_or_else(|| host.clone()),
        host,
        devices,
        slots_each,
        simulated: args.simulate.is_some(),
        roots,
        idle_timeout: args.idle_timeout,
    };
    // until the worker ends: the memory that trainers of emulated devices share
    let memories = tempfile::tempdir()?;
    let options = Options {
        meters: match args.simulate {
            None => nvml::meters(&profile.devices),
            Some(_) => emulated_meters(&profile.devices, memories.path()),
        },
        launchers: launchers(&args, &profile, threads, &artifacts, memories.path())?,
        profile,
        credential,
        discard: Arc::new(move |job| {
            if let Err(error) = artifacts.clear(&checkpoints_of(job)) {
                tracing::warn!("{error}: the checkpoints of job {} stay there", job.short());
            }
        }),
        inspect: Arc::new(move |dataset| {
            let root = inspect_roots.get(&dataset.name).map(PathBuf::as_path);
            data::inventory(dataset, root).map_err(|error| error.line())
        }),
    };
    let result = runtime
        .block_on(async { agent::run(options, asked, drain_signal(args.attached)?).await.map_err(RunError::from) });
    // a data set that is being looked at is not worth waiting for
    runtime.shutdown_background();
    result
}

fn credential(args: &Args) -> Result<Option<Credential>, RunError> {
    let Some(path) = &args.join else {
        // not clap's environment, which would be in conflict with --join
        let named = args.token_file.clone().or_else(Credential::file_of_environment);
        return Ok(named.as_deref().map(Credential::read).transpose()?);
    };
    let credential = Credential::read(path)?;
    if credential.ca.is_none() {
        return Err(RunError::NotToJoin { path: path.clone() });
    }
    Ok(Some(credential))
}

/// How the trainer of each slot is started.
fn launchers(
    args: &Args,
    profile: &Profile,
    threads: usize,
    artifacts: &ArtifactStore,
    memories: &Path,
) -> io::Result<Vec<Launcher>> {
    let program = std::env::current_exe()?;
    let slots = profile.slots();
    let launcher = |slot| {
        let device = &profile.devices[profile.device_of(slot)];
        let mut arguments = trainer_arguments(args, device, artifacts);
        if let Some(mib) = device.memory_mib.filter(|_| args.simulate.is_some()) {
            let folder = memories.join(&device.name);
            fs::create_dir_all(&folder)?;
            arguments.extend(["--memory-mib".into(), mib.to_string().into(), "--memory-folder".into(), folder.into()]);
        }
        let threads = share(threads, slots, slot);
        Ok(Launcher { program: program.clone(), arguments, threads, patience: args.patience })
    };
    (0..slots).map(launcher).collect()
}

/// The threads of one of the slots that share all of them: numbers that differ by one at most, and never none.
fn share(threads: usize, slots: usize, slot: usize) -> usize {
    (threads / slots + usize::from(slot < threads % slots)).max(1)
}

fn trainer_arguments(args: &Args, device: &Device, artifacts: &ArtifactStore) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["trainer".into(), "--device".into(), device.name.clone().into()];
    arguments.extend(["--artifacts".into(), artifacts.to_string().into()]);
    if let Some(duration) = args.simulate {
        arguments.extend(["--simulate".into(), humantime::format_duration(duration).to_string().into()]);
    }
    if let Some(cache) = &args.cache {
        arguments.extend(["--cache".into(), cache.into()]);
    }
    arguments
}

/// Ends at SIGTERM, SIGINT, SIGHUP (the terminal is gone) or, for an attached worker, with the standard input. A second signal ends the
/// process.
fn drain_signal(attached: bool) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // to listen for it would undo `nohup`
    let mut hangup = if hangup::is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    let (closed, end_of_input) = oneshot::channel::<()>();
    if attached {
        std::thread::spawn(move || {
            // nothing is ever sent; the end is what counts, however it comes
            let _ = io::stdin().read(&mut [0]);
            drop(closed);
        });
    } else {
        std::mem::forget(closed);
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = hung_up(&mut hangup) => {}
            _ = end_of_input => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

/// The next SIGHUP; there is none if it is ignored.
async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn all_threads_are_shared_out_fairly() {
        for (threads, slots, shares) in [(8, 2, &[4, 4][..]), (7, 4, &[2, 2, 2, 1]), (2, 3, &[1, 1, 1]), (1, 1, &[1])] {
            let shared: Vec<_> = (0..slots).map(|slot| share(threads, slots, slot)).collect();
            assert_eq!(shared, shares, "{threads} threads, {slots} slots");
        }
    }
}
