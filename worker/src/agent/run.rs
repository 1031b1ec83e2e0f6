//! The loop: one task that owns the [`State`]. Calls to the coordinator and trainers report to it, and it does what is due.

use super::calls::Answer;
use super::client::{Client, ConnectError, connect};
use super::finds::Found;
use super::meters::{Meters, READING_INTERVAL};
use super::slot::{self, Launcher, Order};
use super::state::{Action, Call, CallId, Profile, Report, State};
use proto::credential::Credential;
use proto::data::{Dataset, Inventory};
use proto::ids::JobId;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{self, MissedTickBehavior, sleep_until};
use tonic::Response;

/// Devices that are not read in this time are not asked again.
const READING_LIMIT: Duration = Duration::from_millis(500);

/// A worker that goes waits for the removal of a checkpoint no longer than this.
const DISCARD_LIMIT: Duration = Duration::from_secs(3);

/// Looks for a data set.
pub type Inspect = Arc<dyn Fn(&Dataset) -> Result<Inventory, String> + Send + Sync>;

/// Removes the checkpoints of a job that needs them no more.
pub type Discard = Arc<dyn Fn(JobId) + Send + Sync>;

/// What the worker was told at its start.
pub struct Options {
    /// What others see of it.
    pub profile: Profile,
    /// What lets the worker in, if anything.
    pub credential: Option<Credential>,
    /// How the trainer of each slot is started.
    pub launchers: Vec<Launcher>,
    /// Looks for a data set: its inventory, or why there is none.
    pub inspect: Inspect,
    /// Removes checkpoints.
    pub discard: Discard,
    /// Reads the devices, if they can be read.
    pub meters: Option<Meters>,
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

/// Works until `drain` is over, gives back what it runs, and returns. At each signal of `asked` it says how it stands.
///
/// # Errors
/// If the coordinator's address cannot be, or the coordinator refuses the worker for good.
pub async fn run(options: Options, mut asked: Signal, drain: impl Future<Output = ()>) -> Result<(), AgentError> {
    let client = connect(&options.profile.coordinator, options.credential)?;
    let (reporter, mut reports) = mpsc::unbounded_channel();
    let launchers = options.launchers.into_iter().enumerate();
    let slots = launchers.map(|(index, launcher)| start_slot(index, launcher, &reporter)).collect();
    let worker = client.worker();
    let (inspect, discard) = (options.inspect, options.discard);
    let (events, discards) = (JoinSet::new(), JoinSet::new());
    let mut hands = Hands { client, slots, inspect, discard, discards, events, calls: BTreeMap::new() };
    let mut state = State::new(options.profile, worker, now());
    let mut meters = options.meters;
    let mut readings = time::interval(READING_INTERVAL);
    readings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drain = std::pin::pin!(drain);
    loop {
        // before the calls, lest a drained worker begin one more
        if state.is_drained(now()) {
            state.report_waits();
            hands.finish().await;
            return Ok(());
        }
        for action in state.due(now()) {
            if matches!(action, Action::Train(..)) {
                read(&mut meters, &mut state).await;
            }
            hands.carry_out(action);
        }
        let wake = state.next_wake(now());
        tokio::select! {
            Some((slot, report)) = reports.recv() => {
                if matches!(report, Report::Ended(_)) {
                    read(&mut meters, &mut state).await;
                }
                state.on_report(now(), slot, report);
            }
            Some(event) = hands.events.join_next() => match event {
                Ok(Event::Answered(call, answer)) => {
                    hands.calls.remove(&call);
                    state.on_answer(now(), call, answer)?;
                }
                Ok(Event::Inspected(dataset, found)) => state.on_inspected(now(), *dataset, found),
                // it was abandoned
                Err(_) => {}
            },
            () = sleep_until(time::Instant::from_std(wake)) => {}
            Some(()) = asked.recv() => say(&state.standing(now())),
            _ = readings.tick(), if meters.is_some() => read(&mut meters, &mut state).await,
            () = &mut drain, if !state.is_draining() => state.drain(now()),
        }
    }
}

/// For people; a standard error that is gone needs no line.
fn say(lines: &[String]) {
    let _ = stderr().write_all(format!("{}\n", lines.join("\n")).as_bytes());
}

/// Reads the devices, if they can be read. Where a driver hangs, the worker does not: it reads no more.
async fn read(meters: &mut Option<Meters>, state: &mut State) {
    let Some(reads) = meters.clone() else { return };
    match time::timeout(READING_LIMIT, tokio::task::spawn_blocking(move || reads())).await {
        Ok(Ok(readings)) => state.on_read(readings),
        _ => {
            tracing::warn!("the devices do not tell of their memory and power; they are not asked again");
            *meters = None;
        }
    }
}

/// The time by tokio's clock, which a test may stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}

fn start_slot(
    index: usize,
    launcher: Launcher,
    reporter: &mpsc::UnboundedSender<(usize, Report)>,
) -> mpsc::UnboundedSender<Order> {
    let (sender, orders) = mpsc::unbounded_channel();
    tokio::spawn(slot::run(index, launcher, orders, reporter.clone()));
    sender
}

/// What has come of an action.
enum Event {
    Answered(CallId, Answer),
    Inspected(Box<Dataset>, Found),
}

/// Does what the state says.
struct Hands {
    client: Client,
    slots: Vec<mpsc::UnboundedSender<Order>>,
    inspect: Inspect,
    discard: Discard,
    /// The removals under way.
    discards: JoinSet<()>,
    events: JoinSet<Event>,
    /// The calls under way.
    calls: BTreeMap<CallId, AbortHandle>,
}

impl Hands {
    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Call(call, content) => {
                let answered = answered(self.client.clone(), *content);
                let handle = self.events.spawn(async move { Event::Answered(call, answered.await) });
                self.calls.insert(call, handle);
            }
            Action::Abandon(call) => {
                if let Some(handle) = self.calls.remove(&call) {
                    handle.abort();
                }
            }
            // a slot's task ends only with the agent
            Action::Train(slot, request) => drop(self.slots[slot].send(Order::Train(request))),
            Action::Stop(slot) => drop(self.slots[slot].send(Order::Stop)),
            Action::Inspect(dataset) => self.look_for(dataset),
            Action::Discard(job) => {
                while self.discards.try_join_next().is_some() {}
                let discard = Arc::clone(&self.discard);
                self.discards.spawn_blocking(move || discard(job));
            }
        }
    }

    /// Waits for the removals under way, but not for a place that does not answer.
    async fn finish(&mut self) {
        while let Ok(Some(_)) = time::timeout(DISCARD_LIMIT, self.discards.join_next()).await {}
    }

    /// Looks for a data set on a thread of its own.
    fn look_for(&mut self, dataset: Box<Dataset>) {
        let inspect = Arc::clone(&self.inspect);
        self.events.spawn_blocking(move || {
            // a decoder that panics on a damaged file must not leave the question unanswered
            let found = catch_unwind(AssertUnwindSafe(|| inspect(&dataset)));
            let crashed = |_| Err(format!("data set `{}` cannot be read: the reader crashed on it", dataset.name));
            let found = found.unwrap_or_else(crashed);
            Event::Inspected(dataset, found)
        });
    }
}

async fn answered(mut client: Client, call: Call) -> Answer {
    match call {
        Call::Register(request) => Answer::Registered(client.register(request).await.map(Response::into_inner)),
        Call::Synchronize(request) => Answer::Synchronized(client.synchronize(request).await.map(Response::into_inner)),
        Call::Complete(request) => Answer::Completed(client.complete(request).await.map(Response::into_inner)),
    }
}
