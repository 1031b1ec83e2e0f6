//! The loop that owns the scheduler's state and the store, on a thread of its own.
//!
//! ```text
//!  Handle --request--> [ decide -> apply -> decide -> apply -> ... ] -> append -> replies
//!                        every request that has arrived meanwhile       one transaction
//! ```
//!
//! Requests that arrive while a transaction is being written share the next one, so the disk is waited for once for all of them. A reply
//! leaves only after the transaction has. If the disk refuses it, the state is read back from the store and every request of the batch fails.

mod handle;

pub use handle::{Handle, Refusal};

use crate::scheduler::{Decision, Fact, Limits, Record, Rejection, State, Timestamp, View};
use crate::store::{Reader, Store, StoreError};
use handle::{Reply, Request};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Requests that share a transaction at most.
const BATCH: usize = 1024;
/// The view is published at most this often.
const VIEW_INTERVAL: Duration = Duration::from_millis(250);
/// The driver wakes at least this often.
const TICK: Duration = Duration::from_millis(500);
/// The driver looks this often whether the store is still in its place.
const PLACE_INTERVAL: Duration = Duration::from_secs(1);
/// Epochs per second are averaged over this time.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The state that the facts of a store add up to.
///
/// # Errors
/// If the store cannot be read back.
pub fn restore(reader: &Reader, limits: Limits, nonce: u128) -> Result<State, StoreError> {
    let mut state = State::new(limits, nonce);
    // leases that were out get a fresh full term from the start of this life's clock
    reader.facts(|fact| state.apply(Timestamp(0), &fact))?;
    Ok(state)
}

/// Starts the driver on what the store holds. It ends when it is told to, or with the error that ended it.
///
/// # Errors
/// If the store cannot be read back.
pub fn start(store: Store, limits: Limits) -> Result<(Handle, JoinHandle<Result<(), StoreError>>), StoreError> {
    let reader = store.reader()?;
    let state = restore(&reader, limits.clone(), rand::random())?;
    let (requests, inbox) = channel();
    if !store.is_checked() {
        check_beside(store.reader()?, requests.clone());
    }
    let (view_sender, view) = watch::channel(Arc::new(state.view()));
    let (work_sender, work) = watch::channel(0);
    let (keeps_sender, keeps) = watch::channel(true);
    let driver = Driver {
        limits,
        state,
        store,
        store_problem: None,
        place_checked: Instant::now(),
        reader,
        inbox,
        started: Instant::now(),
        woke: Instant::now(),
        view: view_sender,
        view_published: Instant::now(),
        view_stale: false,
        work: work_sender,
        keeps: keeps_sender,
        epochs: VecDeque::new(),
    };
    let thread = std::thread::spawn(move || driver.run());
    Ok((Handle { requests, view, work, keeps }, thread))
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

struct Driver {
    limits: Limits,
    state: State,
    store: Store,
    /// Why it did not take the last transaction, or is not in its place.
    store_problem: Option<String>,
    /// When it was last looked whether the store is in its place.
    place_checked: Instant,
    reader: Reader,
    inbox: Receiver<Request>,
    started: Instant,
    /// When it last woke for requests.
    woke: Instant,
    view: watch::Sender<Arc<View>>,
    /// When the view was last published.
    view_published: Instant,
    /// Whether anything has changed since.
    view_stale: bool,
    work: watch::Sender<u64>,
    /// The contrary of `store_fails`, for who looks on.
    keeps: watch::Sender<bool>,
    /// When how many epochs were handed in, within the rate window.
    epochs: VecDeque<(Instant, usize)>,
}

/// Sends a reply, or the refusal that took its place.
type Answer = Box<dyn FnOnce(Option<&Refusal>)>;

/// What one transaction will hold, and what is to be said once it is on disk.
#[derive(Default)]
struct Batch {
    facts: Vec<Fact>,
    records: Vec<Record>,
    replies: Vec<Answer>,
}

impl Driver {
    fn run(mut self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        // the last life may have ended between a result and the look that it made due
        self.take_looks(&mut batch)?;
        self.commit(std::mem::take(&mut batch))?;
        loop {
            let (requests, stop, stood_still) = self.wait();
            if stood_still {
                // nobody could be heard meanwhile, so nobody was silent
                let renewal = self.state.renewal_decision(self.now());
                self.carry_out(Ok(renewal), None, &mut batch)?;
            }
            for request in requests {
                self.handle(request, &mut batch)?;
                self.take_looks(&mut batch)?;
            }
            // after the requests: whoever called while the last transaction was written was not silent. As of the waking: whoever
            // could not call since then was not silent either
            let expiry = self.state.expiry_decision(self.at(self.woke));
            self.carry_out(Ok(expiry), None, &mut batch)?;
            self.take_looks(&mut batch)?;
            self.commit(std::mem::take(&mut batch))?;
            self.check_place();
            let keeps = self.store_problem.is_none();
            self.keeps.send_if_modified(|kept| std::mem::replace(kept, keeps) != keeps);
            if stop {
                // nobody is told that all is well who has deleted the store a moment ago
                return self.store.check_place();
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> Timestamp {
        Timestamp(moment.duration_since(self.started).as_millis() as u64)
    }

    /// Waits for requests or a deadline; takes every request that is there. Says whether to stop, and whether the process stood still.
    fn wait(&mut self) -> (Vec<Request>, bool, bool) {
        let began = Instant::now();
        let deadline = self.state.next_deadline().map(|at| self.started + Duration::from_millis(at.0));
        let view_due = self.view_stale.then(|| self.view_published + VIEW_INTERVAL);
        let due = [deadline, view_due].into_iter().flatten().fold(began + TICK, Instant::min).max(began);
        let first = self.inbox.recv_timeout(due - began);
        let woke = Instant::now();
        let lease = Duration::from_millis(self.limits.lease_ms);
        let stood_still = stood_still(lease, began - self.woke, woke.saturating_duration_since(due));
        self.woke = woke;
        let mut requests = Vec::new();
        let mut next = match first {
            Err(RecvTimeoutError::Disconnected) => return (requests, true, stood_still),
            first => first.ok(),
        };
        while let Some(request) = next.take() {
            if matches!(request, Request::Stop) {
                return (requests, true, stood_still);
            }
            requests.push(request);
            if requests.len() < BATCH {
                next = self.inbox.try_recv().ok();
            }
        }
        (requests, false, stood_still)
    }

    fn handle(&mut self, request: Request, batch: &mut Batch) -> Result<(), StoreError> {
        let now = self.now();
        match request {
            Request::Submit(plan, text, reply) => {
                let decision = self.state.submit_decision(*plan, text);
                self.carry_out(decision, Some(reply), batch)
            }
            Request::Cancel(sweep, reply) => {
                let decision = self.state.cancel_decision(&sweep);
                self.carry_out(decision, Some(reply), batch)
            }
            Request::Register(worker, info, reply) => {
                let decision = self.state.register_decision(worker, info);
                self.carry_out(Ok(decision), Some(reply), batch)
            }
            Request::Offer(worker, offer, reply) => {
                let decision = self.state.offer_decision(worker, offer);
                self.carry_out(decision, Some(reply), batch)
            }
            Request::Synchronize(worker, request, reply) => {
                let decision = self.state.synchronize_decision(now, worker, &request);
                self.carry_out(decision, Some(reply), batch)
            }
            Request::Complete(worker, completion, reply) => {
                let decision = self.state.complete_decision(now, worker, *completion);
                self.carry_out(decision, Some(reply), batch)
            }
            Request::Fail(error) => Err(error),
            // `wait` ends a batch there
            Request::Stop => Ok(()),
        }
    }

    /// Applies a decision and puts it in the batch.
    fn carry_out<R: 'static>(
        &mut self,
        decision: Result<Decision<R>, Rejection>,
        reply: Option<Reply<R>>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let answer = match decision {
            Ok(Decision { facts, records, reply }) => {
                let now = self.now();
                for fact in &facts {
                    // the scheduler decided on this very state: a fact that does not fit is a defect, and going on would spread it
                    self.state.apply(now, fact).map_err(|error| StoreError::Damaged {
                        path: "the scheduler's state".into(),
                        place: format!("{fact:?}"),
                        reason: error.to_string(),
                    })?;
                }
                batch.facts.extend(facts);
                batch.records.extend(records);
                Ok(reply)
            }
            Err(rejection) => Err(Refusal::Rejected(rejection)),
        };
        if let Some(reply) = reply {
            batch.replies.push(Box::new(move |refusal: Option<&Refusal>| {
                // who does not wait for the answer any more needs none
                let _ = reply.send(refusal.map_or(answer, |refusal| Err(refusal.clone())));
            }));
        }
        Ok(())
    }

    /// Takes every look that is due.
    fn take_looks(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        loop {
            let decision = self.state.look_decision();
            if decision.facts.is_empty() {
                return Ok(());
            }
            self.carry_out(Ok(decision), None, batch)?;
        }
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let Batch { facts, records, replies } = batch;
        let durable = !records.is_empty() || facts.iter().any(Fact::is_durable);
        let mut refusal = None;
        if durable {
            let appended = self.store.append(&facts, &records);
            let problem = appended.as_ref().err().map(ToString::to_string);
            self.view_stale |= self.store_problem != problem;
            let failed_before = std::mem::replace(&mut self.store_problem, problem).is_some();
            match appended {
                Ok(()) if failed_before => tracing::warn!("the store works again"),
                Ok(()) => {}
                // nobody gets an answer
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    // workers try again and again
                    if !failed_before {
                        complain(&error);
                    }
                    refusal = Some(Refusal::Store(error.to_string()));
                    self.reload()?;
                }
            }
        }
        // who has submitted a sweep must not be shown how it stood before, so the view goes before the replies
        self.publish(&facts, &records);
        for reply in replies {
            reply(refusal.as_ref());
        }
        Ok(())
    }

    /// Looks now and then whether the store is in its place: who has deleted it hears of it even if nothing is to be written.
    fn check_place(&mut self) {
        if self.place_checked.elapsed() < PLACE_INTERVAL {
            return;
        }
        self.place_checked = Instant::now();
        if let Err(error) = self.store.check_place()
            && self.store_problem.is_none()
        {
            complain(&error);
            (self.store_problem, self.view_stale) = (Some(error.to_string()), true);
        }
    }

    /// Forgets what the store did not take. Workers register again.
    fn reload(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        let mut state = State::new(self.limits.clone(), rand::random());
        self.reader.facts(|fact| state.apply(now, &fact))?;
        self.state = state;
        Ok(())
    }

    /// Tells who waits for work or looks on; the view at most four times a second, unless it is urgent.
    fn publish(&mut self, facts: &[Fact], records: &[Record]) {
        let brings_work = |fact: &Fact| {
            matches!(
                fact,
                Fact::Submitted { .. }
                    | Fact::Pinned { .. }
                    | Fact::Rejected { .. }
                    | Fact::Cancelled { .. }
                    | Fact::Draining { .. }
                    | Fact::Released { .. }
                    | Fact::Lost { .. }
                    | Fact::Stalled { .. }
                    | Fact::Failed { .. }
                    | Fact::Looked { .. }
            )
        };
        if facts.iter().any(brings_work) {
            self.work.send_modify(|version| *version += 1);
        }
        let now = Instant::now();
        let measured: usize = records
            .iter()
            .map(|record| match record {
                Record::Measurements { measurements, .. } => measurements.len(),
                Record::Result { .. } => 0,
            })
            .sum();
        if measured > 0 {
            self.epochs.push_back((now, measured));
        }
        while self.epochs.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.epochs.pop_front();
        }
        self.view_stale |= !facts.is_empty();
        let urgent = facts.iter().any(|fact| matches!(fact, Fact::Submitted { .. } | Fact::Cancelled { .. }));
        if self.view_stale && (urgent || now >= self.view_published + VIEW_INTERVAL) {
            let seconds = self.epochs.front().map_or(0.0, |(at, _)| now.duration_since(*at).as_secs_f64()).max(1.0);
            let epochs: usize = self.epochs.iter().map(|(_, epochs)| epochs).sum();
            let mut view = View { epochs_per_second: epochs as f64 / seconds, ..self.state.view() };
            if let Some(problem) = &self.store_problem {
                // it stops every sweep, and comes before what happened to their jobs
                let problem = format!("the store fails, nothing is acknowledged until it works: {problem}");
                view.sweeps.iter_mut().for_each(|sweep| sweep.problem.clone_from(&problem));
            }
            self.view.send_replace(Arc::new(view));
            (self.view_published, self.view_stale) = (now, false);
        }
    }
}

fn complain(error: &StoreError) {
    tracing::error!(%error, "the store fails; what it does not take is not acknowledged");
}

/// Whether the process may have stood still, so that nobody could call: it was `busy` for so long, or it woke so `late`.
///
/// Being busy for less is no harm: workers call every third of a lease, so that what is left of it suffices for their next call.
fn stood_still(lease: Duration, busy: Duration, late: Duration) -> bool {
    busy > TICK.max(lease / 2) || late > TICK
}

#[cfg(test)]
mod tests;
