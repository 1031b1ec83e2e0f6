//! The loop. One task owns every attempt; calls to the coordinator and trainers report to it.
//!
//! An attempt is *held* from its assignment until the coordinator has acknowledged its outcome. `Synchronize` is called again and again: at
//! once when there is something to say (a call that waits for work is dropped for that, which the protocol allows), else when the
//! coordinator asked for it.

use super::client::{Client, ConnectError, connect};
use super::slot::{self, Launcher, Order, Report};
use proto::convert::InvalidMessage;
use proto::data::{Dataset, Inventory};
use proto::ids::{Lease, WorkerId};
use proto::measure::{FailureKind, Measurement, Outcome};
use proto::wire::{
    Assignment, AttemptMeasurements, CompleteRequest, CompleteResponse, DatasetOffer, RegisterRequest,
    RegisterResponse, SynchronizeRequest, SynchronizeResponse, TrainRequest, dataset_offer,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Response, Status};

/// Measurements are handed in at most this often.
const MEASUREMENT_INTERVAL: Duration = Duration::from_millis(200);
/// The first wait after a call that failed; doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// A drain that cannot reach the coordinator ends after this; the leases then expire.
const DRAIN_LIMIT: Duration = Duration::from_secs(8);

/// Waits between jobs that are kept for the report at the end.
const WAITS_KEPT: usize = 100_000;

/// What the worker was told at its start.
pub struct Options {
    /// `http://HOST:PORT` of the coordinator.
    pub coordinator: String,
    /// What every call must bear, if anything.
    pub token: Option<String>,
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
    pub inspect: Arc<dyn Fn(&Dataset) -> Result<Inventory, String> + Send + Sync>,
}

/// Works until `drain` is over, gives back what it runs, and returns.
///
/// # Errors
/// If the coordinator's address cannot be, or the coordinator refuses the worker for good.
pub async fn run(options: Options, drain: impl Future<Output = ()>) -> Result<(), AgentError> {
    let client = connect(&options.coordinator, options.token.as_deref())?;
    let (reporter, mut reports) = mpsc::unbounded_channel();
    let mut agent = Agent::new(options, client, &reporter);
    let mut drain = std::pin::pin!(drain);
    loop {
        agent.start_jobs();
        agent.make_calls();
        if agent.draining.is_some_and(|deadline| agent.attempts.is_empty() || deadline <= Instant::now()) {
            agent.report_waits();
            return Ok(());
        }
        let wake = agent.next_wake();
        tokio::select! {
            Some((slot, report)) = reports.recv() => agent.on_report(slot, report),
            Some(answer) = agent.calls.join_next() => agent.on_answer(answer)?,
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
struct Held {
    lease: Lease,
    request: Box<TrainRequest>,
    dataset: Dataset,
    slot: Option<usize>,
    /// Epochs that no answer has covered yet.
    measurements: Vec<Measurement>,
    outcome: Option<Outcome>,
    completing: bool,
}

/// A finished call, and what it was about.
enum Answer {
    Registered(Result<Response<RegisterResponse>, Status>),
    Synchronized { sent: Sent, result: Result<Response<SynchronizeResponse>, Status> },
    Completed { lease: Lease, result: Result<Response<CompleteResponse>, Status> },
    Inspected { dataset: Dataset, found: Result<Inventory, String> },
}

/// What a `Synchronize` carried, to be forgotten once it is answered.
struct Sent {
    measurements: Vec<(Lease, usize)>,
    offers: usize,
}

enum Registration {
    No,
    Asked,
    Yes,
}

struct Agent {
    options: Options,
    id: WorkerId,
    client: Client,
    registration: Registration,
    orders: Vec<mpsc::UnboundedSender<Order>>,
    idle: Vec<usize>,
    /// When each idle slot became so, if it has had a job before.
    idle_since: Vec<Option<Instant>>,
    /// How long slots waited between two jobs.
    waits: Vec<Duration>,
    attempts: BTreeMap<Lease, Held>,
    /// Assigned attempts that wait for a slot.
    waiting: VecDeque<Lease>,
    calls: JoinSet<Answer>,
    /// The `Synchronize` under way.
    synchronizing: Option<AbortHandle>,
    /// Attempts that ended while it was: its answer may still assign them.
    ended_meanwhile: BTreeSet<Lease>,
    /// When to synchronise next, at the latest.
    next_synchronize: Instant,
    last_synchronize: Option<Instant>,
    inspecting: BTreeSet<Dataset>,
    found: BTreeMap<Dataset, Result<Inventory, String>>,
    unsent_offers: Vec<Dataset>,
    notices: Vec<String>,
    failures: u32,
    /// No call before this time: the last one failed.
    quiet_until: Option<Instant>,
    draining: Option<Instant>,
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
            id: WorkerId(rand::random()),
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
            found: BTreeMap::new(),
            unsent_offers: Vec::new(),
            notices: Vec::new(),
            failures: 0,
            quiet_until: None,
            draining: None,
            options,
        }
    }

    fn next_wake(&self) -> Instant {
        let quiet = self.quiet_until;
        let drain = self.draining;
        let measured = self.has_measurements().then(|| self.measurements_due());
        [quiet, drain, measured]
            .into_iter()
            .flatten()
            .fold(self.next_synchronize, Instant::min)
            .max(Instant::now() + Duration::from_millis(1))
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
            if let Some(since) = self.idle_since[slot].take().filter(|_| self.waits.len() < WAITS_KEPT) {
                self.waits.push(since.elapsed());
            }
            // a slot's task ends only with the agent
            let _ = self.orders[slot].send(Order::Train(held.request.clone()));
        }
    }

    fn assign(&mut self, assignments: Vec<Assignment>) {
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
        let request =
            TrainRequest { spec: assignment.spec, dataset: Some(wire_dataset), root: root.unwrap_or_default() };
        let (slot, outcome, completing) = (None, None, false);
        Ok(Held { lease, request: Box::new(request), dataset, slot, measurements: Vec::new(), outcome, completing })
    }

    fn on_report(&mut self, slot: usize, report: Report) {
        let held = self.attempts.values_mut().find(|held| held.slot == Some(slot));
        match (report, held) {
            (Report::Measured(measurement), Some(held)) => held.measurements.push(measurement),
            (Report::Measured(_), None) => {}
            (Report::Ended(outcome), held) => {
                self.free(slot);
                let Some(held) = held else { return };
                held.slot = None;
                let problem = match &outcome {
                    Outcome::Failed { kind: FailureKind::Data, message } => Some(message.clone()),
                    _ => None,
                };
                // bad data is the host's fault, not the job's: another worker shall have it
                held.outcome = Some(if problem.is_some() { Outcome::Released } else { outcome });
                let dataset = held.dataset.clone();
                if let Some(problem) = problem {
                    self.offer(dataset, Err(problem));
                }
            }
            (Report::Stopped, _) => self.free(slot),
        }
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
    fn drop_attempt(&mut self, lease: &Lease) {
        if let Some(slot) = self.attempts.remove(lease).and_then(|held| held.slot) {
            let _ = self.orders[slot].send(Order::Stop);
        }
    }

    fn drain(&mut self) {
        tracing::info!(jobs = self.attempts.len(), "giving back what runs");
        self.draining = Some(Instant::now() + DRAIN_LIMIT);
        self.waiting.clear();
        for held in self.attempts.values_mut().filter(|held| held.outcome.is_none()) {
            held.outcome = Some(Outcome::Released);
            if let Some(slot) = held.slot.take() {
                let _ = self.orders[slot].send(Order::Stop);
            }
        }
    }

    fn offer(&mut self, dataset: Dataset, found: Result<Inventory, String>) {
        if let Err(problem) = &found {
            tracing::warn!(dataset = dataset.name, "{problem}");
        }
        self.found.insert(dataset.clone(), found);
        self.unsent_offers.push(dataset);
    }

    // === calls ===

    /// Starts every call that is due.
    fn make_calls(&mut self) {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        match self.registration {
            Registration::No => self.register(),
            Registration::Asked => {}
            Registration::Yes => {
                self.complete_ended();
                let news =
                    !self.unsent_offers.is_empty() || (self.has_measurements() && now >= self.measurements_due());
                if news && let Some(call) = self.synchronizing.take() {
                    call.abort();
                }
                if self.synchronizing.is_none() && (news || now >= self.next_synchronize) {
                    self.synchronize();
                }
            }
        }
    }

    fn has_measurements(&self) -> bool {
        self.attempts.values().any(|held| held.outcome.is_none() && !held.measurements.is_empty())
    }

    fn measurements_due(&self) -> Instant {
        self.last_synchronize.map_or_else(Instant::now, |last| last + MEASUREMENT_INTERVAL)
    }

    fn register(&mut self) {
        let request = RegisterRequest {
            worker: self.id.to_string(),
            name: self.options.name.clone(),
            host: self.options.host.clone(),
            device: self.options.device.clone(),
            slots: self.options.slots as u32,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_min: proto::PROTOCOL,
            protocol_max: proto::PROTOCOL,
            simulated: self.options.simulated,
        };
        self.registration = Registration::Asked;
        let mut client = self.client.clone();
        self.calls.spawn(async move { Answer::Registered(client.register(request).await) });
    }

    fn complete_ended(&mut self) {
        // slots that no other call will fill: those of the attempts whose outcome is being reported are filled by its answer
        let reporting = self.attempts.values().filter(|held| held.outcome.is_some()).count();
        let spare = self.idle.len().saturating_sub(reporting + self.waiting.len());
        let free_slots = if self.draining.is_some() { 0 } else { 1 + spare as u32 };
        for held in self.attempts.values_mut().filter(|held| !held.completing) {
            let Some(outcome) = &held.outcome else { continue };
            held.completing = true;
            let request = CompleteRequest {
                worker: self.id.to_string(),
                lease: Some((&held.lease).into()),
                measurements: held.measurements.iter().map(Into::into).collect(),
                outcome: Some(outcome.into()),
                free_slots,
            };
            let (mut client, lease) = (self.client.clone(), held.lease);
            self.calls.spawn(async move { Answer::Completed { lease, result: client.complete(request).await } });
        }
    }

    fn synchronize(&mut self) {
        let running = || self.attempts.values().filter(|held| held.outcome.is_none() && !held.measurements.is_empty());
        let sent = Sent {
            measurements: running().map(|held| (held.lease, held.measurements.len())).collect(),
            offers: self.unsent_offers.len(),
        };
        let free = self.idle.len().saturating_sub(self.attempts.values().filter(|held| held.slot.is_none()).count());
        let request = SynchronizeRequest {
            worker: self.id.to_string(),
            held: self.attempts.keys().map(Into::into).collect(),
            free_slots: if self.draining.is_some() { 0 } else { free as u32 },
            measurements: running()
                .map(|held| AttemptMeasurements {
                    lease: Some((&held.lease).into()),
                    measurements: held.measurements.iter().map(Into::into).collect(),
                })
                .collect(),
            offers: self.unsent_offers.iter().filter_map(|dataset| self.offer_to_wire(dataset)).collect(),
        };
        self.ended_meanwhile.clear();
        self.last_synchronize = Some(Instant::now());
        let mut client = self.client.clone();
        let call = async move { Answer::Synchronized { sent, result: client.synchronize(request).await } };
        self.synchronizing = Some(self.calls.spawn(call));
    }

    fn offer_to_wire(&self, dataset: &Dataset) -> Option<DatasetOffer> {
        let found = match self.found.get(dataset)? {
            Ok(inventory) => dataset_offer::Found::Inventory(inventory.into()),
            Err(problem) => dataset_offer::Found::Problem(problem.clone()),
        };
        Some(DatasetOffer { dataset: Some(dataset.into()), found: Some(found) })
    }

    // === answers ===

    fn on_answer(&mut self, answer: Result<Answer, tokio::task::JoinError>) -> Result<(), AgentError> {
        match answer {
            // the call was dropped for a newer one
            Err(_) => {}
            Ok(Answer::Registered(Ok(_))) => {
                tracing::info!(coordinator = self.options.coordinator, name = self.options.name, "registered");
                self.registration = Registration::Yes;
                self.next_synchronize = Instant::now();
                self.reached();
            }
            Ok(Answer::Registered(Err(status))) => {
                self.registration = Registration::No;
                if matches!(status.code(), Code::FailedPrecondition | Code::Unauthenticated | Code::InvalidArgument) {
                    let (url, reason) = (self.options.coordinator.clone(), status.message().to_owned());
                    return Err(AgentError::Refused { url, reason });
                }
                self.failed(&status);
            }
            Ok(Answer::Synchronized { sent, result }) => {
                self.synchronizing = None;
                match result {
                    Ok(response) => self.on_synchronized(&sent, response.into_inner()),
                    Err(status) => self.failed(&status),
                }
            }
            Ok(Answer::Completed { lease, result }) => match result {
                Ok(response) => {
                    self.reached();
                    self.ended_meanwhile.insert(lease);
                    self.drop_attempt(&lease);
                    self.assign(response.into_inner().assignments);
                    if !self.idle.is_empty() && self.synchronizing.is_none() {
                        self.next_synchronize = Instant::now();
                    }
                }
                Err(status) => {
                    if let Some(held) = self.attempts.get_mut(&lease) {
                        held.completing = false;
                    }
                    self.failed(&status);
                }
            },
            Ok(Answer::Inspected { dataset, found }) => {
                self.inspecting.remove(&dataset);
                self.offer(dataset, found);
            }
        }
        Ok(())
    }

    fn on_synchronized(&mut self, sent: &Sent, response: SynchronizeResponse) {
        self.reached();
        for (lease, count) in &sent.measurements {
            if let Some(held) = self.attempts.get_mut(lease) {
                held.measurements.drain(..(*count).min(held.measurements.len()));
            }
        }
        self.unsent_offers.drain(..sent.offers.min(self.unsent_offers.len()));
        for lease in response.stops.iter().filter_map(|lease| Lease::try_from(lease).ok()) {
            // one whose outcome is being reported gets its answer from there
            if self.attempts.get(&lease).is_some_and(|held| held.outcome.is_none()) {
                tracing::warn!(job = %lease.job.short(), attempt = %lease.attempt, "stopped by the coordinator");
                self.drop_attempt(&lease);
            }
        }
        for dataset in response.wanted.iter().filter_map(|dataset| Dataset::try_from(dataset).ok()) {
            self.look_for(dataset);
        }
        if response.notices != self.notices {
            for notice in &response.notices {
                tracing::warn!("{notice}");
            }
            self.notices = response.notices;
        }
        self.assign(response.assignments);
        // with a slot to fill the next call waits at the coordinator, else here
        let wait = if self.idle.is_empty() || !self.inspecting.is_empty() { response.next_ms } else { 0 };
        self.next_synchronize = Instant::now() + Duration::from_millis(wait);
    }

    /// Looks for a data set on a thread of its own; what is known is offered again at once.
    fn look_for(&mut self, dataset: Dataset) {
        if self.found.contains_key(&dataset) {
            if !self.unsent_offers.contains(&dataset) {
                self.unsent_offers.push(dataset);
            }
        } else if self.inspecting.insert(dataset.clone()) {
            let inspect = Arc::clone(&self.options.inspect);
            self.calls.spawn_blocking(move || {
                let found = inspect(&dataset);
                Answer::Inspected { dataset, found }
            });
        }
    }

    fn reached(&mut self) {
        if self.failures > 0 && self.quiet_until.take().is_some() {
            tracing::info!("the coordinator is back");
        }
        self.failures = 0;
    }

    /// Waits before the next call: a random part of a time that doubles, so that a fleet does not return all at once.
    fn failed(&mut self, status: &Status) {
        if status.code() == Code::FailedPrecondition {
            // it was restarted and does not know this worker
            self.registration = Registration::No;
            return;
        }
        if self.failures == 0 {
            let running = self.attempts.values().filter(|held| held.outcome.is_none()).count();
            tracing::warn!(reason = status.message(), running, "the coordinator is not reached; running jobs go on");
        }
        let longest = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(LONGEST_BACKOFF);
        self.failures += 1;
        let wait = longest.mul_f64(rand::random_range(0.1..=1.0));
        self.quiet_until = Some(Instant::now() + wait);
        self.next_synchronize = Instant::now() + wait;
    }
}
