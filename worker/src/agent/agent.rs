//! The loop. One task owns every attempt; calls to the coordinator and trainers report to it.
//!
//! An attempt is *held* from its assignment until the coordinator has acknowledged its outcome.

use super::calls::Answer;
use super::client::{Client, ConnectError, connect};
use super::finds::{Finds, Found};
use super::slot::{self, Launcher, Order, Report};
use proto::convert::InvalidMessage;
use proto::credential::Credential;
use proto::data::{Dataset, Inventory};
use proto::ids::{Lease, WorkerId};
use proto::measure::{FailureKind, Measurement, Outcome};
use proto::wire::{Assignment, TrainRequest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// A drain that cannot reach the coordinator ends after this; the leases then expire.
const DRAIN_LIMIT: Duration = Duration::from_secs(8);

/// Without anything due the loop looks again after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Waits between jobs that are kept for the report at the end.
const WAITS_KEPT: usize = 100_000;

/// Looks for a data set.
pub type Inspect = Arc<dyn Fn(&Dataset) -> Result<Inventory, String> + Send + Sync>;

/// What the worker was told at its start.
pub struct Options {
    /// `http://HOST:PORT` of the coordinator, or `https://HOST:PORT` of one with certificates.
    pub coordinator: String,
    /// What lets the worker in, if anything.
    pub credential: Option<Credential>,
    /// For people.
    pub name: String,
    /// For people.
    pub host: String,
    /// What the slots run on, for people.
    pub device: String,
    /// Jobs at once.
    pub slots: usize,
    /// Results are made up.
    pub simulated: bool,
    /// The folder of each data set.
    pub roots: BTreeMap<String, PathBuf>,
    /// How a trainer is started.
    pub launcher: Launcher,
    /// Looks for a data set: its inventory, or why there is none.
    pub inspect: Inspect,
}

/// Works until `drain` is over, gives back what it runs, and returns.
///
/// # Errors
/// If the coordinator's address cannot be, or the coordinator refuses the worker for good.
pub async fn run(options: Options, drain: impl Future<Output = ()>) -> Result<(), AgentError> {
    let client = connect(&options.coordinator, options.credential.clone())?;
    let (reporter, mut reports) = mpsc::unbounded_channel();
    let mut agent = Agent::new(options, client, &reporter);
    let mut drain = std::pin::pin!(drain);
    loop {
        // before the calls, lest a drained worker begin one more
        if agent.is_drained() {
            agent.report_waits();
            return Ok(());
        }
        agent.start_jobs();
        agent.look_again();
        agent.make_calls();
        let wake = agent.next_wake();
        tokio::select! {
            Some((slot, report)) = reports.recv() => agent.on_report(slot, report),
            Some(answer) = agent.calls.join_next_with_id() => agent.on_answer(answer)?,
            () = sleep_until(wake) => {}
            () = &mut drain, if agent.draining.is_none() => agent.drain(),
        }
    }
}

/// Why the worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The coordinator's address or the token cannot be.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The coordinator does not want this worker.
    #[error("the coordinator at {url} refuses this worker: {reason}")]
    Refused {
        /// The coordinator.
        url: String,
        /// Its words.
        reason: String,
    },
}

/// An attempt, from its assignment to the acknowledgement of its outcome.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) request: Box<TrainRequest>,
    pub(super) dataset: Dataset,
    pub(super) slot: Option<usize>,
    /// Epochs that no answer has covered yet.
    pub(super) measurements: Vec<Measurement>,
    pub(super) outcome: Option<Outcome>,
    pub(super) completing: bool,
    /// The coordinator has not understood the outcome once.
    pub(super) refused: bool,
}

/// Whether the coordinator knows this worker.
pub(super) enum Registration {
    No,
    Asked,
    Yes,
}

/// What is wrong with the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    NotReached,
    TakesNothing,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReached => "is not reached",
            Self::TakesNothing => "takes nothing",
        })
    }
}

pub(super) struct Agent {
    pub(super) options: Options,
    pub(super) id: WorkerId,
    pub(super) client: Client,
    pub(super) registration: Registration,
    pub(super) orders: Vec<mpsc::UnboundedSender<Order>>,
    pub(super) idle: Vec<usize>,
    /// When each idle slot became so, if it has had a job before.
    pub(super) idle_since: Vec<Option<Instant>>,
    /// How long slots waited between two jobs.
    pub(super) waits: Vec<Duration>,
    pub(super) attempts: BTreeMap<Lease, Held>,
    /// Assigned attempts that wait for a slot.
    pub(super) waiting: VecDeque<Lease>,
    pub(super) calls: JoinSet<Answer>,
    /// The `Synchronize` under way.
    pub(super) synchronizing: Option<Synchronizing>,
    /// Attempts that ended while it was: its answer may still assign them.
    pub(super) ended_meanwhile: BTreeSet<Lease>,
    /// When to synchronise next, at the latest.
    pub(super) next_synchronize: Instant,
    pub(super) last_synchronize: Option<Instant>,
    pub(super) inspecting: BTreeSet<Dataset>,
    pub(super) finds: Finds,
    pub(super) unsent_offers: Vec<Dataset>,
    pub(super) notices: Vec<String>,
    /// Calls that have failed since one was answered.
    pub(super) failures: u32,
    /// What was said last of a coordinator that does not do its part, until it does.
    pub(super) complaint: Option<Complaint>,
    /// No call before this time: the last one failed.
    pub(super) quiet_until: Option<Instant>,
    pub(super) draining: Option<Drain>,
}

/// A `Synchronize` under way.
pub(super) struct Synchronizing {
    pub(super) handle: AbortHandle,
    /// It has offers or measurements with it, so that it is answered at once; others wait for work at the coordinator.
    pub(super) carries_news: bool,
}

/// The worker was told to go.
pub(super) struct Drain {
    /// When it goes, whatever it holds.
    deadline: Instant,
    /// The coordinator knows, and grants nothing more.
    pub(super) confirmed: bool,
}

impl Agent {
    fn new(options: Options, client: Client, reporter: &mpsc::UnboundedSender<(usize, Report)>) -> Self {
        let orders: Vec<_> = (0..options.slots)
            .map(|index| {
                let (sender, orders) = mpsc::unbounded_channel();
                tokio::spawn(slot::run(index, options.launcher.clone(), orders, reporter.clone()));
                sender
            })
            .collect();
        Self {
            id: client.worker(),
            client,
            registration: Registration::No,
            idle: (0..orders.len()).rev().collect(),
            idle_since: vec![None; orders.len()],
            waits: Vec::new(),
            orders,
            attempts: BTreeMap::new(),
            waiting: VecDeque::new(),
            calls: JoinSet::new(),
            synchronizing: None,
            ended_meanwhile: BTreeSet::new(),
            next_synchronize: Instant::now(),
            last_synchronize: None,
            inspecting: BTreeSet::new(),
            finds: Finds::default(),
            unsent_offers: Vec::new(),
            notices: Vec::new(),
            failures: 0,
            complaint: None,
            quiet_until: None,
            draining: None,
            options,
        }
    }

    /// When something is due that neither a report nor an answer brings about.
    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let quiet = self.quiet_until.filter(|until| now < *until);
        let registered = matches!(self.registration, Registration::Yes) && quiet.is_none();
        let telling = self.synchronizing.as_ref().is_some_and(|call| call.carries_news);
        let measured = (registered && !telling && self.has_measurements()).then(|| self.measurements_due());
        let synchronize = (registered && self.synchronizing.is_none()).then_some(self.next_synchronize);
        let deadline = self.draining.as_ref().map(|drain| drain.deadline);
        let look = self.finds.next_due().filter(|_| self.draining.is_none());
        let due = [quiet, deadline, measured, synchronize, look].into_iter().flatten().min();
        due.unwrap_or(now + LONGEST_SLEEP).max(now + Duration::from_millis(1))
    }

    // === jobs ===

    fn start_jobs(&mut self) {
        while let Some(lease) = self.waiting.front().copied() {
            let Some(held) = self.attempts.get_mut(&lease) else {
                self.waiting.pop_front();
                continue;
            };
            let Some(slot) = self.idle.pop() else { return };
            self.waiting.pop_front();
            held.slot = Some(slot);
            tracing::debug!("starts a job: {} attempt {}", lease.job, lease.attempt);
            if let Some(since) = self.idle_since[slot].take().filter(|_| self.waits.len() < WAITS_KEPT) {
                self.waits.push(since.elapsed());
            }
            // a slot's task ends only with the agent
            let _ = self.orders[slot].send(Order::Train(held.request.clone()));
        }
    }

    pub(super) fn assign(&mut self, assignments: Vec<Assignment>) {
        for assignment in assignments {
            match self.held(assignment) {
                Ok(held) if self.attempts.contains_key(&held.lease) || self.ended_meanwhile.contains(&held.lease) => {}
                Ok(mut held) => {
                    if self.draining.is_some() {
                        held.outcome = Some(Outcome::Released);
                    } else {
                        self.waiting.push_back(held.lease);
                    }
                    self.attempts.insert(held.lease, held);
                }
                Err(error) => tracing::warn!(%error, "an assignment of the coordinator is not understood"),
            }
        }
        self.start_jobs();
    }

    fn held(&self, assignment: Assignment) -> Result<Held, InvalidMessage> {
        let lease = (&proto::convert::required(assignment.lease, "lease")?).try_into()?;
        let wire_dataset = proto::convert::required(assignment.dataset, "dataset")?;
        let dataset = Dataset::try_from(&wire_dataset)?;
        let root = self.options.roots.get(&dataset.name).map(|root| root.to_string_lossy().into_owned());
        let request = TrainRequest {
            spec: assignment.spec,
            dataset: Some(wire_dataset),
            root: root.unwrap_or_default(),
            examples: assignment.examples,
        };
        Ok(Held {
            lease,
            request: Box::new(request),
            dataset,
            slot: None,
            measurements: Vec::new(),
            outcome: None,
            completing: false,
            refused: false,
        })
    }

    fn on_report(&mut self, slot: usize, report: Report) {
        let outcome = match report {
            Report::Measured(measurement) => {
                if let Some(held) = self.held_in(slot) {
                    held.measurements.push(measurement);
                }
                return;
            }
            Report::Stopped => None,
            Report::Ended(outcome) => Some(outcome),
        };
        self.free(slot);
        let (Some(outcome), Some(held)) = (outcome, self.held_in(slot)) else { return };
        held.slot = None;
        // bad data is the host's fault, not the job's: another worker shall have it
        if let Outcome::Failed { kind: FailureKind::Data, message } = outcome {
            held.outcome = Some(Outcome::Released);
            let dataset = held.dataset.clone();
            self.offer(dataset, Err(message.into()));
        } else {
            held.outcome = Some(outcome);
        }
    }

    /// The attempt that runs in a slot.
    fn held_in(&mut self, slot: usize) -> Option<&mut Held> {
        self.attempts.values_mut().find(|held| held.slot == Some(slot))
    }

    fn free(&mut self, slot: usize) {
        self.idle.push(slot);
        self.idle_since[slot] = Some(Instant::now());
    }

    /// Says what the scheduling cost, which is what a slot without a job costs.
    fn report_waits(&mut self) {
        self.waits.sort_unstable();
        if let Some(median) = self.waits.get(self.waits.len() / 2) {
            tracing::info!(
                jobs = self.waits.len(),
                median_ms = median.as_secs_f64() * 1e3,
                "slots waited for their next job"
            );
        }
    }

    /// Forgets an attempt, and kills its trainer if it still runs.
    pub(super) fn drop_attempt(&mut self, lease: &Lease) {
        if let Some(slot) = self.attempts.remove(lease).and_then(|held| held.slot) {
            let _ = self.orders[slot].send(Order::Stop);
        }
    }

    fn drain(&mut self) {
        tracing::info!(jobs = self.attempts.len(), "giving back what runs");
        self.draining = Some(Drain { deadline: Instant::now() + DRAIN_LIMIT, confirmed: false });
        // a call that waits for work would bring what nobody takes any more
        if let Some(call) = self.synchronizing.take() {
            call.handle.abort();
        }
        self.next_synchronize = Instant::now();
        self.waiting.clear();
        for held in self.attempts.values_mut().filter(|held| held.outcome.is_none()) {
            held.outcome = Some(Outcome::Released);
            if let Some(slot) = held.slot.take() {
                let _ = self.orders[slot].send(Order::Stop);
            }
        }
    }

    /// Whether the worker may go. A lease that was granted in the moment of the drain is given back before; a worker that holds nothing
    /// does not wait for a coordinator that does not do its part.
    fn is_drained(&self) -> bool {
        let Some(drain) = &self.draining else { return false };
        let unknown = !matches!(self.registration, Registration::Yes) || self.complaint.is_some();
        (self.attempts.is_empty() && (drain.confirmed || unknown)) || drain.deadline <= Instant::now()
    }

    /// Tells the coordinator what was found, if it is news.
    pub(super) fn offer(&mut self, dataset: Dataset, found: Found) {
        let problem = found.as_ref().err().cloned();
        let is_mended = problem.is_none() && self.finds.get(&dataset).is_some_and(Result::is_err);
        if !self.finds.keep(&dataset, found, Instant::now()) {
            return;
        }
        match problem {
            Some(problem) => tracing::warn!(dataset = dataset.name, "{problem}"),
            None if is_mended => tracing::info!(dataset = dataset.name, "the data set can be read now"),
            None => {}
        }
        self.unsent_offers.push(dataset);
    }
}
