//! Scheduler and store without thread and clock: what a batch of requests changes, in one transaction, and what is answered then.
//!
//! ```text
//!  wake, handle, handle, ..., pass --> batch --write--> one transaction --> Written: what was kept, and the replies that may leave now
//! ```
//!
//! If the store refuses the transaction, the state is read back from it and every request of the batch fails.

use super::TICK;
use super::handle::{Refusal, Reply, Request, Submission};
use super::news::News;
use crate::scheduler::{Decision, Fact, Grade, Limits, Record, Rejection, State, Timestamp};
use crate::store::StoreError;
use proto::ids::JobId;
use std::time::Duration;

/// What keeps facts and records: the store, or a model of it.
pub trait Keeper {
    /// Keeps all of it or nothing, for good.
    ///
    /// # Errors
    /// If nothing of it was kept; if the error is fatal, that is not known.
    fn append(&mut self, facts: &[Fact], records: &[Record]) -> Result<(), StoreError>;

    /// The state that the facts add up to. Leases that were out get a full term from `now`.
    ///
    /// # Errors
    /// If they cannot be read.
    fn restore(&self, now: Timestamp, limits: &Limits, nonce: u128) -> Result<State, StoreError>;

    /// What the result of a job is worth, if it has one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn grade(&self, job: JobId) -> Result<Option<Grade>, StoreError>;

    /// Looks whether nobody else has taken it.
    ///
    /// # Errors
    /// If somebody has.
    fn check_epoch(&self) -> Result<(), StoreError>;

    /// Looks whether it is still where it was opened, and nobody else has taken it.
    ///
    /// # Errors
    /// If it is not.
    fn check_place(&self) -> Result<(), StoreError>;

    /// Writes what changes nothing, to see whether it takes anything.
    ///
    /// # Errors
    /// If it does not; see [`append`](Self::append).
    fn probe(&mut self) -> Result<(), StoreError>;
}

/// The scheduler's state, and the keeper that it is read back from.
pub struct Core<K> {
    limits: Limits,
    nonce: u128,
    state: State,
    keeper: K,
    /// Why the keeper did not take the last transaction, or is not in its place.
    problem: Option<String>,
    /// When the driver last woke.
    woke: Timestamp,
    batch: Batch,
}

/// Sends a reply, or the refusal that took its place.
type Answer = Box<dyn FnOnce(Option<&Refusal>) + Send>;

/// What one transaction will hold, and what is to be said once it is on disk.
#[derive(Default)]
struct Batch {
    facts: Vec<Fact>,
    records: Vec<Record>,
    replies: Vec<Answer>,
    news: Vec<News>,
}

impl Batch {
    /// What the result of a job is worth, if it is in the batch.
    fn grade(&self, of: JobId) -> Option<Grade> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Succeeded { job, grade, .. } if *job == of => *grade,
            _ => None,
        })
    }
}

/// A batch that was kept or refused.
#[must_use = "its replies are yet to be sent"]
pub struct Written {
    /// What happened, whether it was kept or not.
    pub facts: Vec<Fact>,
    /// The rows that came with it.
    pub records: Vec<Record>,
    /// Whether the keeper fails and did not before, or works again.
    pub problem_changed: bool,
    replies: Vec<Answer>,
    news: Vec<News>,
    refusal: Option<Refusal>,
}

impl Written {
    /// Whether the facts and records are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.refusal.is_none()
    }

    /// Sends the replies, and puts what was kept in the log.
    pub fn answer(self) {
        if self.is_kept() {
            self.news.iter().for_each(News::log);
        }
        for reply in self.replies {
            reply(self.refusal.as_ref());
        }
    }
}

impl<K: Keeper> Core<K> {
    /// The core on what the keeper holds. `nonce` must differ from life to life of the coordinator.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(keeper: K, limits: Limits, nonce: u128) -> Result<Self, StoreError> {
        let state = keeper.restore(Timestamp(0), &limits, nonce)?;
        let mut core =
            Self { limits, nonce, state, keeper, problem: None, woke: Timestamp(0), batch: Batch::default() };
        // the last life may have ended between a result and the look that it made due
        core.take_looks(Timestamp(0))?;
        Ok(core)
    }

    /// Where everything stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The keeper.
    pub fn keeper(&self) -> &K {
        &self.keeper
    }

    /// Why nothing is acknowledged, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The driver waited since `began` and was to wake at `due`.
    ///
    /// # Errors
    /// See [`handle`](Self::handle).
    pub fn wake(&mut self, began: Timestamp, due: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let ms = |from: Timestamp, to: Timestamp| Duration::from_millis(to.0.saturating_sub(from.0));
        let lease = Duration::from_millis(self.limits.lease_ms);
        let stood_still = stood_still(lease, ms(self.woke, began), ms(due, now));
        self.woke = now;
        if stood_still {
            // nobody could be heard meanwhile, so nobody was silent
            let renewal = self.state.renewal_decision(now);
            self.carry_out(now, Ok(renewal), None)?;
        }
        Ok(())
    }

    /// Carries out a request; its reply leaves with [`Written::answer`].
    ///
    /// # Errors
    /// If the coordinator cannot go on.
    pub fn handle(&mut self, now: Timestamp, request: Request) -> Result<(), StoreError> {
        match request {
            Request::Submit(Submission { plan, text, from, seen, listing }, reply) => {
                let listing = listing.or_else(|| self.state.listing_for(&plan));
                self.state.make_ready(listing);
                let unchanged = from.map_or(Ok(()), |from| self.state.check_unchanged(&from));
                let decision = unchanged.and_then(|()| self.state.submit_seen_decision(*plan, text, seen));
                self.carry_out(now, decision, Some(reply))?;
                self.state.make_ready(None);
                Ok(())
            }
            Request::Preview(plan, listing, reply) => {
                self.state.make_ready(listing);
                let decision = self.state.submit_decision(*plan, String::new());
                self.state.make_ready(None);
                self.carry_out(now, decision.map(Decision::only_said), Some(reply))
            }
            Request::Retry(sweep, text, reply) => {
                let decision = self.state.retry_decision(&sweep, text);
                self.carry_out(now, decision, Some(reply))
            }
            Request::Delete(sweep, preview, reply) => {
                let decision = self.state.delete_decision(&sweep);
                let decision = if preview { decision.map(Decision::only_said) } else { decision };
                self.carry_out(now, decision, Some(reply))
            }
            Request::Cancel(sweep, reply) => {
                let decision = self.state.cancel_decision(&sweep);
                self.carry_out(now, decision, Some(reply))
            }
            Request::Register(worker, info, reply) => {
                let decision = self.state.register_decision(worker, info);
                self.carry_out(now, Ok(decision), Some(reply))
            }
            Request::Offer(worker, number, offer, reply) => {
                let decision = self.state.offer_decision(worker, number, *offer);
                self.carry_out(now, decision, Some(reply))
            }
            Request::Synchronize(worker, request, reply) => {
                let decision = self.state.synchronize_decision(now, worker, &request);
                self.carry_out(now, decision, Some(reply))
            }
            Request::Complete(worker, completion, reply) => {
                let decision = self.state.complete_decision(now, worker, *completion);
                self.carry_out(now, decision, Some(reply))
            }
            Request::Fail(error) => Err(error),
            // whoever takes requests ends there
            Request::Stop => Ok(()),
        }?;
        self.take_looks(now)
    }

    /// Time has passed. After the requests: whoever called while the last transaction was written was not silent. As of the waking: whoever
    /// could not call since then was not silent either.
    ///
    /// # Errors
    /// See [`handle`](Self::handle).
    pub fn pass(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let expiry = self.state.expiry_decision(self.woke);
        self.carry_out(now, Ok(expiry), None)?;
        self.take_looks(now)
    }

    /// Has the batch kept.
    ///
    /// # Errors
    /// If the coordinator cannot go on; nobody gets an answer then.
    pub fn write(&mut self, now: Timestamp) -> Result<Written, StoreError> {
        let Batch { facts, records, replies, news } = std::mem::take(&mut self.batch);
        let mut written = Written { facts, records, problem_changed: false, replies, news, refusal: None };
        if written.records.is_empty() && !written.facts.iter().any(Fact::is_durable) {
            // a coordinator that has lost the store knows nothing any more that a worker may be told
            return match self.keeper.check_epoch() {
                Err(error) if error.is_fatal() => Err(error),
                Ok(()) | Err(_) => Ok(written),
            };
        }
        let appended = self.keeper.append(&written.facts, &written.records);
        let problem = appended.as_ref().err().map(ToString::to_string);
        written.problem_changed = self.problem != problem;
        let failed_before = std::mem::replace(&mut self.problem, problem).is_some();
        match appended {
            Ok(()) if failed_before => tracing::warn!("the store works again"),
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                // workers try again and again
                if !failed_before {
                    complain(&error);
                }
                written.refusal = Some(Refusal::Store(error.to_string()));
                // what was not kept is forgotten, and workers register again
                self.nonce = self.nonce.wrapping_add(1);
                self.state = self.keeper.restore(now, &self.limits, self.nonce)?;
            }
        }
        Ok(written)
    }

    /// Looks whether the keeper is in its place, and still this coordinator's: who has deleted the store hears of it even if nothing is to be
    /// written. One that has failed is tried, so that it is known to work again though nobody writes. Says whether there is news.
    ///
    /// # Errors
    /// If the coordinator cannot go on.
    pub fn check_place(&mut self) -> Result<bool, StoreError> {
        match self.keeper.check_place() {
            Err(error) if error.is_fatal() => Err(error),
            Err(error) if self.problem.is_none() => {
                complain(&error);
                self.problem = Some(error.to_string());
                Ok(true)
            }
            Ok(()) if self.problem.is_some() => self.try_again(),
            Ok(()) | Err(_) => Ok(false),
        }
    }

    /// Tries a keeper that has failed. Says whether it works again.
    fn try_again(&mut self) -> Result<bool, StoreError> {
        match self.keeper.probe() {
            Err(error) if error.is_fatal() => Err(error),
            Err(_) => Ok(false),
            Ok(()) => {
                tracing::warn!("the store works again");
                self.problem = None;
                Ok(true)
            }
        }
    }

    /// Applies a decision and puts it in the batch.
    fn carry_out<R: Send + 'static>(
        &mut self,
        now: Timestamp,
        decision: Result<Decision<R>, Rejection>,
        reply: Option<Reply<R>>,
    ) -> Result<(), StoreError> {
        let answer = match decision {
            Ok(Decision { facts, records, reply }) => {
                for fact in &facts {
                    self.batch.news.extend(News::of(&self.state, now, fact));
                    // the scheduler decided on this very state: a fact that does not fit is a defect, and going on would spread it
                    self.state.apply(now, fact).map_err(|error| StoreError::Damaged {
                        path: "the scheduler's state".into(),
                        place: format!("{fact:?}"),
                        reason: error.to_string(),
                    })?;
                }
                self.batch.facts.extend(facts);
                self.batch.records.extend(records);
                Ok(reply)
            }
            Err(rejection) => Err(Refusal::Rejected(rejection)),
        };
        if let Some(reply) = reply {
            self.batch.replies.push(Box::new(move |refusal: Option<&Refusal>| {
                // who does not wait for the answer any more needs none
                let _ = reply.send(refusal.map_or(answer, |refusal| Err(refusal.clone())));
            }));
        }
        Ok(())
    }

    /// Takes every look that is due.
    fn take_looks(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for job in self.state.take_ungraded() {
            let grade = match self.batch.grade(job) {
                None => self.keeper.grade(job)?,
                grade => grade,
            };
            self.state.note_grade(job, grade.as_ref());
        }
        loop {
            let decision = self.state.look_decision();
            if decision.facts.is_empty() {
                return Ok(());
            }
            self.carry_out(now, Ok(decision), None)?;
        }
    }
}

fn complain(error: &StoreError) {
    tracing::error!(%error, "the store fails; what it does not take is not acknowledged");
}

/// Whether the process may have stood still, so that nobody could call: it was `busy` for so long, or it woke so `late`.
///
/// Being busy for less is no harm: workers call every third of a lease, so that what is left of it suffices for their next call.
pub(super) fn stood_still(lease: Duration, busy: Duration, late: Duration) -> bool {
    busy > TICK.max(lease / 2) || late > TICK
}
