//! A slot: a task that owns a trainer process and runs one job at a time on it.

use super::last_words::LastWords;
use super::pipe;
use super::state::Report;
use crate::host;
use proto::convert::failure_from_wire;
use proto::measure::{FailureKind, JobResult, Measurement, Outcome};
use proto::text::{Line, Tail};
use proto::wire::{TrainEvent, TrainRequest, train_event};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Time between the end of a trainer's output and its own end.
const DYING: Duration = Duration::from_secs(5);
/// Time between the end of a trainer's input and its own end.
const ENDING: Duration = Duration::from_secs(1);

/// The signal by which the host kills a process whose memory it needs (signal(7)).
const SIGKILL: i32 = 9;

/// What Rust's allocator says when it has no memory (`std::alloc::handle_alloc_error`) before it ends the process.
const NO_MEMORY: &str = "memory allocation of ";

/// How a trainer process is started.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Threads that it may use.
    pub threads: usize,
    /// One that tells nothing of its job for so long hangs.
    pub patience: Duration,
}

/// What the agent tells a slot.
#[derive(Debug)]
pub(super) enum Order {
    /// Train a job; only given to an idle slot.
    Train(Box<TrainRequest>),
    /// Kill the trainer and end the job, if it has not ended already.
    Stop,
}

/// Runs the slot until the agent drops its end of `orders`.
pub(super) async fn run(
    index: usize,
    launcher: Launcher,
    mut orders: mpsc::UnboundedReceiver<Order>,
    reports: mpsc::UnboundedSender<(usize, Report)>,
) {
    let mut trainer: Option<Trainer> = None;
    while let Some(order) = orders.recv().await {
        let report = match order {
            // the job has ended meanwhile, and was reported: a second report would free the slot twice
            Order::Stop => continue,
            Order::Train(request) => {
                let ended = tokio::select! {
                    ended = train(&mut trainer, &launcher, &request, |measurement| {
                        // the agent outlives its slots; if it does not, nobody needs the report
                        let _ = reports.send((index, Report::Measured(measurement)));
                    }) => Some(ended),
                    _ = orders.recv() => None,
                };
                match ended {
                    Some(ended) => Report::Ended(match ended.unwrap_or_else(Outcome::from) {
                        Outcome::Failed { kind, message, .. } => {
                            // a device that has failed may stay broken for its process
                            let log = match trainer.take() {
                                Some(trainer) => trainer.end().await,
                                None => Tail::default(),
                            };
                            failed(kind, message, log)
                        }
                        outcome => outcome,
                    }),
                    None => {
                        if let Some(mut trainer) = trainer.take() {
                            trainer.kill().await;
                        }
                        Report::Stopped
                    }
                }
            }
        };
        let _ = reports.send((index, report));
    }
}

/// A running trainer process. It is killed when dropped.
struct Trainer {
    child: Child,
    requests: ChildStdin,
    events: BufReader<ChildStdout>,
    last_words: LastWords,
}

/// How a trainer died.
struct Fault {
    message: String,
    /// The host has killed a process for want of memory meanwhile.
    is_killed_for_memory: bool,
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self { message, is_killed_for_memory: false }
    }
}

impl From<Fault> for Outcome {
    fn from(Fault { message, is_killed_for_memory }: Fault) -> Self {
        let kind = if is_killed_for_memory { FailureKind::OutOfMemory } else { FailureKind::Crashed };
        Self::Failed { kind, message: message.into(), log: Tail::default() }
    }
}

/// A failure, and what its trainer said last: that may tell of a trainer that died for want of memory.
fn failed(kind: FailureKind, message: Line, log: Tail) -> Outcome {
    let is_out_of_memory = |line: &str| line.starts_with(NO_MEMORY) && line.ends_with(" failed");
    match log.lines().rev().find(|line| is_out_of_memory(line)) {
        Some(line) if kind == FailureKind::Crashed => {
            let message = format!("{line}: {}", &*message).into();
            Outcome::Failed { kind: FailureKind::OutOfMemory, message, log }
        }
        _ => Outcome::Failed { kind, message, log },
    }
}

impl Trainer {
    fn start(launcher: &Launcher) -> io::Result<Self> {
        let mut child = Command::new(&launcher.program)
            .args(&launcher.arguments)
            .env("RAYON_NUM_THREADS", launcher.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // a Ctrl-C in the terminal is for the agent, which then ends its trainers
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(requests), Some(stdout), Some(stderr)) => {
                let last_words = LastWords::of(stderr);
                Ok(Self { child, requests, events: BufReader::new(stdout), last_words })
            }
            _ => Err(io::Error::other("the trainer has no pipes")),
        }
    }

    /// Ends it, by its input or, if it does not heed that, by force; the end of what it has said of its last job.
    async fn end(self) -> Tail {
        let Self { mut child, requests, events, last_words } = self;
        drop((requests, events));
        if timeout(ENDING, child.wait()).await.is_err() {
            // an error means that it is dead already
            let _ = child.kill().await;
        }
        last_words.end().await
    }

    async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "cannot kill a trainer");
        }
    }
}

/// Trains one job; an error says how the trainer died.
async fn train(
    trainer: &mut Option<Trainer>,
    launcher: &Launcher,
    request: &TrainRequest,
    mut measured: impl FnMut(Measurement),
) -> Result<Outcome, Fault> {
    let killed = host::processes_killed_for_memory();
    let trainer = match trainer {
        Some(trainer) => trainer,
        None => trainer.insert(
            Trainer::start(launcher)
                .map_err(|error| format!("cannot start the trainer {}: {error}", launcher.program.display()))?,
        ),
    };
    trainer.last_words.begin();
    if let Err(error) = pipe::send(&mut trainer.requests, request).await {
        return Err(died(trainer, killed, &error.to_string()).await);
    }
    loop {
        let received = timeout(launcher.patience, pipe::receive::<TrainEvent>(&mut trainer.events)).await;
        let Ok(received) = received else {
            trainer.kill().await;
            let silence = humantime::format_duration(launcher.patience);
            return Err(format!("the trainer hangs: it was killed after {silence} without a word (--patience)").into());
        };
        let event = match received {
            Ok(Some(TrainEvent { event: Some(event) })) => event,
            Ok(Some(TrainEvent { event: None })) => return Err("the trainer sent an unknown event".to_owned().into()),
            Ok(None) => return Err(died(trainer, killed, "it closed its output").await),
            Err(error) => return Err(died(trainer, killed, &error.to_string()).await),
        };
        match event {
            train_event::Event::Measurement(measurement) => {
                measured(Measurement::try_from(&measurement).map_err(|error| error.to_string())?);
            }
            train_event::Event::Succeeded(result) => {
                let result = JobResult::try_from(&result).map_err(|error| error.to_string())?;
                return Ok(Outcome::Succeeded(Box::new(result)));
            }
            train_event::Event::Failed(failure) => {
                let (kind, message, log) = failure_from_wire(&failure);
                return Ok(Outcome::Failed { kind, message, log });
            }
        }
    }
}

/// How a trainer died that does not talk any more. One that is still alive does not speak the protocol, and is killed.
/// `killed` is the number of processes that the host had killed for want of memory before the job.
async fn died(trainer: &mut Trainer, killed: Option<u64>, how: &str) -> Fault {
    use std::os::unix::process::ExitStatusExt;
    match timeout(DYING, trainer.child.wait()).await {
        Ok(Ok(status)) => {
            let is_killed = status.signal() == Some(SIGKILL);
            let is_killed_for_memory = is_killed && host::processes_killed_for_memory() > killed;
            let why = if is_killed_for_memory { "the host ran out of memory: " } else { "" };
            Fault { message: format!("{why}the trainer died ({})", describe(status)), is_killed_for_memory }
        }
        Ok(Err(_)) | Err(_) => {
            trainer.kill().await;
            format!("the trainer was killed because it did not talk any more ({how})").into()
        }
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(9), _) => "killed by signal 9, as the kernel does when memory runs out".to_owned(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "unknown exit status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::agent::write_frame;
    use proto::convert::failure_to_wire;

    const PATIENCE: Duration = Duration::from_secs(3600);

    /// A slot whose trainer is that shell script: its orders, and its reports.
    fn slot(
        script: &str,
        patience: Duration,
    ) -> (mpsc::UnboundedSender<Order>, mpsc::UnboundedReceiver<(usize, Report)>) {
        let launcher =
            Launcher { program: "sh".into(), arguments: vec!["-c".into(), script.into()], threads: 1, patience };
        let (orders, taken) = mpsc::unbounded_channel();
        let (reporter, reports) = mpsc::unbounded_channel();
        tokio::spawn(run(0, launcher, taken, reporter));
        (orders, reports)
    }

    #[tokio::test]
    async fn a_stop_that_comes_after_the_end_is_not_reported() {
        let (orders, mut reports) = slot("exit 1", PATIENCE);
        orders.send(Order::Train(Box::default())).unwrap();
        let (_, report) = reports.recv().await.unwrap();
        assert!(matches!(report, Report::Ended(Outcome::Failed { kind: FailureKind::Crashed, .. })), "{report:?}");
        orders.send(Order::Stop).unwrap();
        drop(orders);
        assert!(reports.recv().await.is_none());
    }

    #[tokio::test]
    async fn what_a_trainer_said_last_comes_with_its_failure() {
        let (orders, mut reports) = slot("echo one >&2; echo the last word >&2; exit 1", PATIENCE);
        for _ in 0..2 {
            orders.send(Order::Train(Box::default())).unwrap();
            let (_, report) = reports.recv().await.unwrap();
            let Report::Ended(Outcome::Failed { log, .. }) = report else { panic!("{report:?}") };
            assert_eq!(&*log, "one\nthe last word", "of this job, not of the one before");
        }
    }

    #[tokio::test]
    async fn a_trainer_that_had_no_memory_is_told_from_others_that_died() {
        for (said, expected) in [
            ("memory allocation of 68719476736 bytes failed", FailureKind::OutOfMemory),
            ("no memory of that", FailureKind::Crashed),
        ] {
            let (orders, mut reports) = slot(&format!("echo {said} >&2; kill -ABRT $$"), PATIENCE);
            orders.send(Order::Train(Box::default())).unwrap();
            let (_, report) = reports.recv().await.unwrap();
            let Report::Ended(Outcome::Failed { kind, message, .. }) = report else { panic!("{report:?}") };
            assert_eq!(kind, expected, "{message}");
            assert!(message.contains("the trainer died"), "{message}");
        }
    }

    /// The trainer keeps its output open: to close it is not to hang.
    #[tokio::test]
    async fn a_trainer_that_hangs_is_killed() {
        let patience = Duration::from_millis(50);
        let (orders, mut reports) = slot("exec sleep infinity", patience);
        let begun = std::time::Instant::now();
        orders.send(Order::Train(Box::default())).unwrap();
        let (_, report) = reports.recv().await.unwrap();
        let Report::Ended(Outcome::Failed { kind: FailureKind::Crashed, message, .. }) = report else {
            panic!("{report:?}")
        };
        assert!(message.contains("hangs") && message.contains("50ms"), "{message}");
        assert!(begun.elapsed() >= patience);
    }

    #[tokio::test]
    async fn a_trainer_that_failed_is_replaced() {
        // says twice that it failed, with its process id for a message
        let mut frame = Vec::new();
        let failed = train_event::Event::Failed(failure_to_wire(FailureKind::Error, "0000000000", ""));
        write_frame(&mut frame, &TrainEvent { event: Some(failed) }).unwrap();
        let head: String = frame[..frame.len() - 10].iter().map(|byte| format!("\\{byte:03o}")).collect();
        let (orders, mut reports) = slot(&format!("printf '{head}%010d{head}%010d' $$ $$; cat > /dev/null"), PATIENCE);
        let mut ids = Vec::new();
        for _ in 0..2 {
            orders.send(Order::Train(Box::default())).unwrap();
            let (_, report) = reports.recv().await.unwrap();
            let Report::Ended(Outcome::Failed { message, .. }) = report else { panic!("{report:?}") };
            ids.push(message);
        }
        assert_ne!(ids[0], ids[1], "two processes");
    }
}
