//! Workers on this machine, as child processes of the coordinator.

use super::working::Working;
use super::{CliError, exit};
use crate::plan::Plan;
use crate::scheduler::misfit;
use proto::data::{Dataset, Format, Inventory, Summary};
use proto::data_folder::name_and_path;
use proto::ids::ContentHash;
use proto::spec::{DEFAULT_IMAGE_SIZE, Split};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Time that workers have for giving back what they run.
const DRAIN: Duration = Duration::from_secs(10);
/// A worker that ends so soon may never have worked.
const EARLY: Duration = Duration::from_secs(10);
/// That many of these in a row, and there will be no other.
const MAX_EARLY_ENDS: u32 = 3;

/// Options for workers on this machine.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Workers on this machine")]
pub struct LocalArgs {
    /// Worker processes to start on this machine
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub local_workers: u32,
    /// Folder of a data set, for the local workers; repeat the option for other data sets
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path)]
    pub data: Vec<(String, PathBuf)>,
    /// Where local workers train: auto, cpu, cuda:N, a list such as cuda:0,cuda:2, or all (every CUDA device)
    #[arg(long, value_name = "DEVICES", default_value = "auto")]
    pub device: String,
    /// Number of jobs that each local worker trains at the same time on each device [default: see `worker --help`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: Option<u32>,
}

/// The worker program: what `SPLITSWEEP_WORKER` names, or `worker` beside this program.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("SPLITSWEEP_WORKER") {
        return path.into();
    }
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join("worker")));
    beside.unwrap_or_else(|| PathBuf::from("worker"))
}

/// What a worker found where a data set should be.
#[derive(Debug, Default)]
pub struct Inspected {
    /// Its content; `None` of one that the workers make themselves.
    pub content: Option<ContentHash>,
    /// What it holds, line by line.
    pub lines: Vec<String>,
    /// The same for programs.
    pub summary: Summary,
    /// Its first split.
    pub split: Split,
}

/// Looks at the data set with a worker's eyes before anything is stored. The worker keeps the resized images, so the work is not lost.
///
/// # Errors
/// If there is no folder, its content is not usable, or the sweep cannot divide it.
pub async fn inspect(data: &[(String, PathBuf)], plan: &Plan) -> Result<Inspected, CliError> {
    let image_size = plan.candidates.first().map_or(DEFAULT_IMAGE_SIZE, |candidate| candidate.template.data.image_size);
    let dataset = &plan.dataset;
    let Prepared { content, cases, summary } = prepare(data, dataset, image_size).await?;
    let rejected = |problem: String| CliError::Rejected { sweep: plan.sweep.clone(), problem };
    let found = dataset.lists.on(Inventory::new(content, cases)).map_err(|error| rejected(error.to_string()))?;
    dataset.lists.partitions_on(&found.cases).map_err(|error| rejected(error.to_string()))?;
    if let Some(problem) = misfit(plan, &found) {
        return Err(rejected(problem));
    }
    let is_made = dataset.format == Format::Synthetic;
    let lines = if is_made { Vec::new() } else { lines(&dataset.name, &summary) };
    let split = plan.split(0, &found).unwrap_or(plan.drawn());
    Ok(Inspected { content: (!is_made).then_some(found.content), lines, summary, split })
}

async fn prepare(data: &[(String, PathBuf)], dataset: &Dataset, image_size: u32) -> Result<Prepared, CliError> {
    if let Some((name, path)) = data.iter().find(|(_, path)| !path.is_dir()) {
        return Err(CliError::NoFolder { name: name.clone(), path: path.clone() });
    }
    if let (Format::Synthetic, Some(synthetic)) = (dataset.format, dataset.synthetic) {
        let summary = Summary { cases: synthetic.cases, ..Summary::default() };
        return Ok(Prepared { content: ContentHash(0), cases: synthetic.ids(), summary });
    }
    let given = data.iter().find(|(name, _)| *name == dataset.name).map(|(_, path)| path.clone());
    let root = given.or_else(|| dataset.root.clone().map(PathBuf::from));
    let root = root.ok_or_else(|| CliError::NoRoot { name: dataset.name.clone() })?;
    let worker = program();
    let mut command = Command::new(&worker);
    command.args(["prepare", "--json", "--image-size", &image_size.to_string(), "--data"]).arg(root);
    command.args(description(dataset)).stdin(Stdio::null()).kill_on_drop(true);
    let _working = Working::on(&format!("checks the data set {}", dataset.name));
    let output = command.output().await.map_err(|source| CliError::NoWorker { path: worker, source })?;
    let failed = |reason: String| CliError::Data { name: dataset.name.clone(), reason };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(failed(text.trim().trim_start_matches("error: ").to_owned()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(format!("the worker's answer is not understood: {error}")))
}

/// What `worker prepare --json` prints, as far as it is of interest here.
#[derive(Deserialize)]
struct Prepared {
    content: ContentHash,
    cases: Vec<String>,
    summary: Summary,
}

/// The data set's description as options of `worker prepare`.
fn description(dataset: &Dataset) -> Vec<String> {
    let Dataset { format, mask, invert, .. } = dataset;
    let mut options = vec![format!("--format={}", format.name())];
    let texts = [
        ("images", &dataset.images),
        ("image-prefix", &dataset.image_prefix),
        ("image-suffix", &dataset.image_suffix),
        ("masks", &dataset.masks),
        ("mask-prefix", &dataset.mask_prefix),
        ("mask-suffix", &dataset.mask_suffix),
    ];
    options.extend(texts.iter().filter_map(|(name, text)| Some(format!("--{name}={}", text.as_ref()?))));
    options.extend((!mask.is_default()).then(|| format!("--mask={mask}")));
    options.extend(invert.then(|| "--invert".to_owned()));
    options
}

/// What a data set holds, line by line, warnings last.
fn lines(dataset: &str, summary: &Summary) -> Vec<String> {
    let facts = summary.facts().into_iter().map(|fact| format!("{dataset}: {fact}"));
    facts.chain(summary.warnings().into_iter().map(|warning| format!("warning: {dataset}: {warning}"))).collect()
}

/// A worker process, and what it takes to start another in its place.
struct LocalWorker {
    arguments: Vec<OsString>,
    child: Child,
    started: Instant,
    /// How many in a row have ended soon after their start.
    early_ends: u32,
}

impl LocalWorker {
    fn start(arguments: Vec<OsString>) -> Result<Self, CliError> {
        Ok(Self { child: spawn(&arguments)?, arguments, started: Instant::now(), early_ends: 0 })
    }

    /// Starts another in the place of one that has ended; says whether there is one now.
    fn replace(&mut self, status: ExitStatus) -> bool {
        self.early_ends = if self.started.elapsed() < EARLY { self.early_ends + 1 } else { 0 };
        if self.early_ends == MAX_EARLY_ENDS {
            tracing::warn!(%status, "a local worker ended unexpectedly, like those before it; it is not replaced");
            return false;
        }
        tracing::warn!(%status, "a local worker ended unexpectedly; a new one takes its place");
        match spawn(&self.arguments) {
            Ok(child) => {
                (self.child, self.started) = (child, Instant::now());
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a new local worker could not be started");
                false
            }
        }
    }
}

/// Starts a worker that ends with this process, however it ends.
fn spawn(arguments: &[OsString]) -> Result<Child, CliError> {
    let worker = program();
    let child = Command::new(&worker)
        .arg("--attached")
        .args(arguments)
        // the pipe is never written to: its end tells the worker that this process has ended
        .stdin(Stdio::piped())
        // progress is shown here; a local worker only speaks up when something is wrong
        .env("SPLITSWEEP_LOG", std::env::var("SPLITSWEEP_LOG").unwrap_or_else(|_| "warn".to_owned()))
        // a Ctrl-C in the terminal is for the coordinator, which then drains its workers
        .process_group(0)
        .spawn();
    child.map_err(|source| CliError::NoWorker { path: worker, source })
}

/// The worker processes.
pub struct LocalWorkers {
    workers: Vec<LocalWorker>,
}

impl LocalWorkers {
    /// Starts the workers. They end with this process, however it ends.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(
        args: &LocalArgs,
        coordinator: &str,
        artifacts: &str,
        credentials: &[OsString],
        simulate: Option<Duration>,
    ) -> Result<Self, CliError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / (args.local_workers.max(1) as usize)).max(1);
        let mut workers = Vec::new();
        for number in 1..=args.local_workers {
            let mut arguments: Vec<OsString> = Vec::new();
            let mut give = |name: &str, value: OsString| arguments.extend([name.into(), value]);
            give("--coordinator", coordinator.into());
            give("--name", format!("local-{number}").into());
            give("--device", args.device.clone().into());
            if let Some(slots) = args.slots {
                give("--slots", slots.to_string().into());
            }
            give("--threads", threads.to_string().into());
            give("--artifacts", artifacts.into());
            for (name, path) in &args.data {
                let mut value = OsString::from(format!("{name}="));
                value.push(path);
                give("--data", value);
            }
            if let Some(duration) = simulate {
                give("--simulate", humantime::format_duration(duration).to_string().into());
            }
            arguments.extend(credentials.iter().cloned());
            workers.push(LocalWorker::start(arguments)?);
        }
        Ok(Self { workers })
    }

    /// Replaces workers that die. Waits until none is left, or one ends as after a mistake of the user's: how the last one ended.
    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            let mut ended = None;
            let is_users = |status: ExitStatus| status.code() == Some(exit::USERS_MISTAKE.into());
            self.workers.retain_mut(|worker| match worker.child.try_wait() {
                Ok(Some(status)) => {
                    // of several the one that the user can mend
                    ended = ended.filter(|other| is_users(*other)).or(Some(status));
                    // who was told to go has gone
                    !is_users(status) && !status.success() && worker.replace(status)
                }
                _ => true,
            });
            if let Some(status) = ended
                && (self.workers.is_empty() || is_users(status))
            {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Has the workers give back what they run, and waits for their end.
    pub async fn drain(&mut self) {
        for worker in &mut self.workers {
            drop(worker.child.stdin.take());
        }
        for LocalWorker { child, .. } in &mut self.workers {
            if timeout(DRAIN, child.wait()).await.is_err() {
                tracing::warn!("a local worker does not end; killing it");
                // it is being killed for good: an error means that it is dead already
                let _ = child.kill().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::description;
    use proto::data::{Dataset, Format, MaskRule};

    #[test]
    fn a_worker_is_told_all_that_the_sweep_file_says_of_the_data() {
        let plain = Dataset::new("d", Format::Ph2);
        assert_eq!(description(&plain), ["--format=ph2"]);
        let text = |text: &str| Some(text.to_owned());
        let full = Dataset {
            images: text("in"),
            masks: text("."),
            image_prefix: text("i_"),
            image_suffix: text("_training"),
            mask_prefix: text("-m_"),
            mask_suffix: text(""),
            mask: MaskRule::Threshold(128),
            invert: true,
            ..Dataset::new("d", Format::Folder)
        };
        let options = [
            "--format=folder",
            "--images=in",
            "--image-prefix=i_",
            "--image-suffix=_training",
            "--masks=.",
            "--mask-prefix=-m_",
            "--mask-suffix=",
            "--mask=threshold=128",
            "--invert",
        ];
        assert_eq!(description(&full), options);
    }
}
