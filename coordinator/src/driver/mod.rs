//! The loop that owns the scheduler's state and the store, on a thread of its own.
//!
//! ```text
//!  Handle --request--> [ decide -> apply -> decide -> apply -> ... ] -> append -> replies
//!                        every request that has arrived meanwhile       one transaction
//! ```
//!
//! Requests that arrive while a transaction is being written share the next one, so the disk is waited for once for all of them. A reply
//! leaves only after the transaction has. If the disk refuses it, the state is read back from the store and every request of the batch fails.

mod core;
mod follower;
mod handle;
mod news;
mod observer;
mod replay;

pub use self::core::{Core, Keeper, Written};
pub use handle::{Handle, Refusal, Reply, Request, Submission};
pub use replay::restore;

use crate::clock::now_ms;
use crate::scheduler::{Fact, Grade, Limits, Record, State, Timestamp};
use crate::store::{Reader, Store, StoreError};
use crate::telemetry::{Telemetry, Traces};
use follower::Follower;
use observer::Observer;
use proto::ids::JobId;
use proto::status::Status;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Requests that share a transaction at most.
const BATCH: usize = 1024;
/// The status is published at most this often.
const VIEW_INTERVAL: Duration = Duration::from_millis(250);
/// The driver wakes at least this often.
const TICK: Duration = Duration::from_millis(500);
/// The driver looks this often whether the store is still in its place.
const PLACE_INTERVAL: Duration = Duration::from_secs(1);
/// The store's own file has what was committed after this time at the latest, so that a copy of it is worth something.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(2);
/// Epochs per second are averaged over this time.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Starts the driver on what the store holds; it sends traces of its jobs, if any are wanted. It ends when it is told to, or with the error that ended it.
///
/// # Errors
/// If the store cannot be read back.
pub fn start(
    store: Store,
    limits: Limits,
    traces: Option<Traces>,
) -> Result<(Handle, JoinHandle<Result<(), StoreError>>), StoreError> {
    let (requests, inbox) = channel();
    let unchecked = (!store.is_checked()).then(|| store.reader()).transpose()?;
    let reader = store.reader()?;
    let telemetry = Arc::new(Telemetry::default());
    let disk = Disk { store, reader, telemetry: Arc::clone(&telemetry) };
    let core = Core::new(disk, limits, rand::random())?;
    if let Some(reader) = unchecked {
        check_beside(reader, requests.clone());
    }
    let began_ms = now_ms();
    let first = Status { at_ms: began_ms, ..core.state().status() };
    let (status_sender, status) = watch::channel(Arc::new(first));
    let (work_sender, work) = watch::channel(0);
    let (keeps_sender, keeps) = watch::channel(true);
    let driver = Driver {
        core,
        place_checked: Instant::now(),
        checkpointed: Instant::now(),
        inbox,
        started: Instant::now(),
        began_ms,
        telemetry: Arc::clone(&telemetry),
        observer: Observer::new(Arc::clone(&telemetry), began_ms),
        follower: traces.map(|traces| Follower::new(traces, began_ms)),
        status: status_sender,
        view_published: Instant::now(),
        view_stale: false,
        work: work_sender,
        keeps: keeps_sender,
        epochs: VecDeque::new(),
    };
    let thread = std::thread::spawn(move || driver.run());
    Ok((Handle { requests, status, work, keeps, telemetry }, thread))
}

/// Looks through the pages of a large store while the driver works; damage ends it.
fn check_beside(reader: Reader, driver: Sender<Request>) {
    std::thread::spawn(move || {
        if let Err(error) = reader.check() {
            // a driver that has ended already needs no reason to
            let _ = driver.send(Request::Fail(error));
        }
    });
}

/// The store, as what keeps the facts.
struct Disk {
    store: Store,
    reader: Reader,
    telemetry: Arc<Telemetry>,
}

impl Keeper for Disk {
    fn append(&mut self, facts: &[Fact], records: &[Record]) -> Result<(), StoreError> {
        let began = Instant::now();
        let appended = self.store.append(facts, records);
        match &appended {
            Ok(()) => self.telemetry.committed(facts.iter().filter(|fact| fact.is_durable()).count(), began.elapsed()),
            Err(_) => self.telemetry.refused(),
        }
        appended
    }

    fn restore(&self, now: Timestamp, limits: &Limits, nonce: u128) -> Result<State, StoreError> {
        restore(&self.reader, now, limits.clone(), nonce)
    }

    fn grade(&self, job: JobId) -> Result<Option<Grade>, StoreError> {
        Ok(self.reader.result(job)?.map(|stored| Grade::from(&stored.result)))
    }

    fn check_epoch(&self) -> Result<(), StoreError> {
        self.store.check_epoch()
    }

    fn check_place(&self) -> Result<(), StoreError> {
        self.store.check_place()
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.store.probe()
    }
}

struct Driver {
    core: Core<Disk>,
    /// When it was last looked whether the store is in its place.
    place_checked: Instant,
    /// When the store's own file was last brought up to date.
    checkpointed: Instant,
    inbox: Receiver<Request>,
    started: Instant,
    /// What the clock said then: milliseconds since 1970, UTC.
    began_ms: u64,
    telemetry: Arc<Telemetry>,
    observer: Observer,
    /// If traces are wanted.
    follower: Option<Follower>,
    status: watch::Sender<Arc<Status>>,
    /// When the status was last published.
    view_published: Instant,
    /// Whether anything has changed since.
    view_stale: bool,
    work: watch::Sender<u64>,
    /// Whether the store takes what it is given, for who looks on.
    keeps: watch::Sender<bool>,
    /// When how many epochs were handed in, within the rate window.
    epochs: VecDeque<(Instant, usize)>,
}

impl Driver {
    fn run(mut self) -> Result<(), StoreError> {
        self.commit()?;
        loop {
            let (requests, stop) = self.wait()?;
            self.telemetry.turn();
            for request in requests {
                self.core.handle(self.now(), request)?;
            }
            self.core.pass(self.now())?;
            self.commit()?;
            self.check_place()?;
            self.checkpoint()?;
            let keeps = self.core.problem().is_none();
            self.keeps.send_if_modified(|kept| std::mem::replace(kept, keeps) != keeps);
            if stop {
                // whoever looks on sees how it ended
                self.publish_status();
                // nobody is told that all is well who has deleted the store a moment ago
                return self.core.keeper().check_place();
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> Timestamp {
        Timestamp(moment.duration_since(self.started).as_millis() as u64)
    }

    /// Waits for requests or a deadline; takes every request that is there. Says whether to stop.
    fn wait(&mut self) -> Result<(Vec<Request>, bool), StoreError> {
        let began = Instant::now();
        let deadline = self.core.state().next_deadline().map(|at| self.started + Duration::from_millis(at.0));
        let view_due = self.view_stale.then(|| self.view_published + VIEW_INTERVAL);
        let due = [deadline, view_due].into_iter().flatten().fold(began + TICK, Instant::min).max(began);
        let first = self.inbox.recv_timeout(due - began);
        self.core.wake(self.at(began), self.at(due), self.now())?;
        let mut requests = Vec::new();
        let mut next = match first {
            Err(RecvTimeoutError::Disconnected) => return Ok((requests, true)),
            first => first.ok(),
        };
        while let Some(request) = next.take() {
            if matches!(request, Request::Stop) {
                return Ok((requests, true));
            }
            requests.push(request);
            if requests.len() < BATCH {
                next = self.inbox.try_recv().ok();
            }
        }
        Ok((requests, false))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let written = self.core.write(self.now())?;
        self.view_stale |= written.problem_changed;
        if written.is_kept() {
            let now = self.now();
            self.observer.see(now, self.core.state(), &written.facts);
            if let Some(follower) = &mut self.follower {
                follower.see(now, self.core.state(), &written.facts);
            }
        }
        // publish before replying, so that a submitter never sees a stale status
        self.publish(&written.facts, &written.records);
        written.answer();
        Ok(())
    }

    /// Looks now and then whether the store is in its place.
    fn check_place(&mut self) -> Result<(), StoreError> {
        if self.place_checked.elapsed() >= PLACE_INTERVAL {
            self.place_checked = Instant::now();
            self.view_stale |= self.core.check_place()?;
        }
        Ok(())
    }

    /// Brings the store's own file up to date now and then.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        if self.checkpointed.elapsed() < CHECKPOINT_INTERVAL {
            return Ok(());
        }
        self.checkpointed = Instant::now();
        match self.core.keeper().store.checkpoint() {
            // what was acknowledged may not be on the disk
            Err(error) if error.is_fatal() => Err(error),
            // a full disk: nothing is lost, and the next transaction says so
            Err(error) => {
                tracing::debug!(%error, "the store's file is not brought up to date");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Tells who waits for work or looks on; the status at most four times a second, unless it is urgent.
    fn publish(&mut self, facts: &[Fact], records: &[Record]) {
        if facts.iter().any(Fact::brings_work) {
            self.work.send_modify(|version| *version += 1);
        }
        let now = Instant::now();
        let measured: usize = records
            .iter()
            .map(|record| match record {
                Record::Measurements { measurements, .. } => measurements.len(),
                Record::Result { .. } | Record::Erased { .. } => 0,
            })
            .sum();
        if measured > 0 {
            self.epochs.push_back((now, measured));
        }
        while self.epochs.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.epochs.pop_front();
        }
        self.view_stale |= !facts.is_empty();
        let is_urgent =
            |fact: &Fact| matches!(fact, Fact::Submitted { .. } | Fact::Cancelled { .. } | Fact::Deleted { .. });
        let urgent = facts.iter().any(is_urgent);
        if urgent || now >= self.view_published + VIEW_INTERVAL {
            self.publish_status();
        }
    }

    /// Publishes the status, if it has changed.
    fn publish_status(&mut self) {
        let now = Instant::now();
        if self.view_stale {
            let seconds = self.epochs.front().map_or(0.0, |(at, _)| now.duration_since(*at).as_secs_f64()).max(1.0);
            let epochs: usize = self.epochs.iter().map(|(_, epochs)| epochs).sum();
            let mut status = self.core.state().status();
            (status.epochs_per_second, status.at_ms) = (epochs as f64 / seconds, self.began_ms + self.now().0);
            for worker in &mut status.workers {
                worker.last_seen_ms = worker.last_seen_ms.map(|at| self.began_ms + at);
                for job in &mut worker.running {
                    job.measured_ms = job.measured_ms.map(|at| self.began_ms + at);
                }
            }
            if let Some(problem) = self.core.problem() {
                // it stops every sweep, and comes before what happened to their jobs
                let problem = format!("the store fails, nothing is acknowledged until it works: {problem}");
                status.sweeps.iter_mut().for_each(|sweep| sweep.problem.clone_from(&problem));
            }
            self.status.send_replace(Arc::new(status));
            (self.view_published, self.view_stale) = (now, false);
        }
    }
}

#[cfg(test)]
mod tests;
