//! The coordinator: the product's core and messages. The loop around them is what the driver's thread and the services do.

use crate::disk::OpenedDisk;
use crate::network::Fate;
use crate::operator::SWEEPS;
use crate::world::{Event, Flaw, World};
use coordinator::driver::{Core, Refusal, Request};
use coordinator::plan;
use coordinator::scheduler::{Breach, Completed, Fact, Limits, Synchronization, Synchronized, Timestamp};
use coordinator::serve::messages::{self, Poll};
use coordinator::store::StoreError;
use proto::ids::{Lease, WorkerId};
use proto::measure::Outcome;
use proto::wire::{CompleteRequest, SynchronizeRequest};
use std::mem;
use std::time::Duration;
use tokio::sync::oneshot::{self, Receiver};
use tonic::Status;
use worker::agent::{Answer, Call, CallId};

/// A lease lives so long.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// The driver wakes at least this often.
const TICK_MS: u64 = 500;
/// The host of who is no worker.
pub(crate) const OPERATOR: usize = usize::MAX;

/// A call that arrives, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) host: usize,
    pub(crate) life: u64,
    pub(crate) call: CallId,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Call(Box<Call>),
    /// The operator submits a sweep file, by its number.
    Submit(usize),
    /// The operator cancels a sweep.
    Cancel(String),
}

/// A coordinator process.
pub(crate) struct Coordinator {
    pub(crate) life: u64,
    core: Core<OpenedDisk>,
    /// The zero of its clock.
    born: u64,
    inbox: Vec<Letter>,
    /// `Synchronize` calls that wait for work.
    polls: Vec<Waiting>,
    /// When it began to wait, and when it was to wake.
    waits: (u64, u64),
    pub(crate) paused_until: u64,
    /// It dies in the middle of its next transaction.
    pub(crate) dies: Option<Moment>,
    /// The rounds that were planned before are void.
    round: u64,
    /// Whom it owes an answer in the middle of a transaction.
    owed: Vec<Letter>,
}

/// A moment of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeWrite,
    AfterWrite,
}

struct Waiting {
    letter: Letter,
    poll: Poll,
    deadline: u64,
    /// The answer, if no work comes.
    reply: Synchronized,
}

type Replied<R> = Receiver<Result<R, Refusal>>;

/// A request that was handed to the core.
enum Asked {
    Registered(Letter, Replied<()>),
    Synchronized(Letter, Poll, u64, Vec<Replied<()>>, Replied<Result<Synchronized, Breach>>),
    Completed(Letter, WorkerId, Lease, bool, Replied<Result<Completed, Breach>>),
    Submitted(usize, Replied<coordinator::scheduler::Submitted>),
    Cancelled(String, Replied<u64>),
}

impl Coordinator {
    fn clock(&self, now: u64) -> Timestamp {
        Timestamp(now - self.born)
    }

    pub(crate) fn state(&self) -> &coordinator::scheduler::State {
        self.core.state()
    }
}

impl World {
    /// A coordinator process starts, unless another has the store.
    pub(crate) fn start_coordinator(&mut self, ignores_lock: bool) {
        let flaw = self.flaw;
        let ignores_lock = ignores_lock || flaw == Some(Flaw::LockByName);
        let life = self.next_life();
        let [compares, late] = [flaw != Some(Flaw::LockByName), flaw == Some(Flaw::AcknowledgesBeforeCommit)];
        let Some(disk) = OpenedDisk::open(&self.disk, life, ignores_lock, compares, late) else {
            self.told.count("second coordinators refused");
            return;
        };
        let progress_ms = self.progress_ms;
        let limits = Limits { lease_ms: LEASE.as_millis() as u64, forget_ms: 20_000, only: None, progress_ms };
        let core = match Core::new(disk, limits, u128::from(life) << 64) {
            Ok(core) => core,
            Err(error) => return self.break_promise(format!("the journal contradicts itself: {error}")),
        };
        self.say(|| format!("coordinator {life} starts"));
        self.told.count("coordinators");
        let now = self.now;
        let coordinator = Coordinator {
            life,
            core,
            born: now,
            inbox: Vec::new(),
            polls: Vec::new(),
            waits: (now, now),
            paused_until: 0,
            dies: None,
            round: 0,
            owed: Vec::new(),
        };
        self.promises.check_restored(&coordinator, &self.disk.borrow());
        self.coordinators.insert(life, coordinator);
        self.address = Some(life);
        self.plan_round(life, 0);
    }

    /// The process ends; who called it knows at once.
    pub(crate) fn end_coordinator(&mut self, life: u64, why: &str) {
        let Some(coordinator) = self.coordinators.remove(&life) else { return };
        self.say(|| format!("coordinator {life} ends: {why}"));
        let mut disk = self.disk.borrow_mut();
        if disk.locked_by == Some(life) {
            disk.locked_by = None;
        }
        drop(disk);
        if self.address == Some(life) {
            self.address = self.coordinators.keys().next_back().copied();
        }
        let waiting = coordinator.polls.into_iter().map(|waiting| waiting.letter);
        for letter in coordinator.owed.into_iter().chain(coordinator.inbox).chain(waiting) {
            self.answer_unreached(&letter, 5);
        }
        if self.coordinators.is_empty() {
            let delay = self.chance.delay(3_000, 9_000);
            self.after(delay, Event::StartCoordinator);
        }
    }

    pub(crate) fn on_arrival(&mut self, letter: Letter) {
        let address = self.address;
        let Some(coordinator) = address.and_then(|life| self.coordinators.get_mut(&life)) else {
            return self.answer_unreached(&letter, 5);
        };
        let life = coordinator.life;
        coordinator.inbox.push(letter);
        let delay = self.chance.within(0..=2);
        self.plan_round(life, delay);
    }

    fn plan_round(&mut self, life: u64, delay: u64) {
        let Some(coordinator) = self.coordinators.get_mut(&life) else { return };
        coordinator.round += 1;
        // one that writes takes what has arrived when it is done
        let at = (self.now + delay).max(coordinator.waits.0).max(coordinator.paused_until);
        let round = coordinator.round;
        self.after(at - self.now, Event::Round { life, round });
    }

    pub(crate) fn on_round(&mut self, life: u64, round: u64) {
        let Some(coordinator) = self.coordinators.get(&life).filter(|of| of.round == round) else { return };
        if coordinator.paused_until > self.now {
            return self.plan_round(life, 0);
        }
        match self.go_round(life) {
            Ok(()) => {}
            Err(StoreError::Damaged { place, reason, .. }) => {
                self.break_promise(format!("the scheduler contradicts itself at {place}: {reason}"));
            }
            Err(error) => {
                self.told.count("coordinators that end by themselves");
                self.end_coordinator(life, &error.to_string());
            }
        }
    }

    /// What the driver does when it wakes, and the services with its replies.
    fn go_round(&mut self, life: u64) -> Result<(), StoreError> {
        let Some(mut coordinator) = self.coordinators.remove(&life) else { return Ok(()) };
        let result = self.transact(&mut coordinator);
        let death = coordinator.dies.filter(|_| result.as_ref().is_ok_and(Option::is_none));
        let promised = self.promises.check_state(coordinator.state());
        self.coordinators.insert(life, coordinator);
        promised.unwrap_or_else(|broken| self.break_promise(broken));
        if let Some(moment) = death {
            self.told.count("coordinators killed in a transaction");
            self.end_coordinator(life, &format!("{moment:?}"));
            return Ok(());
        }
        let Some(wrote_until) = result? else { return Ok(()) };
        if let Some(coordinator) = self.coordinators.get_mut(&life) {
            let deadline = coordinator.core.state().next_deadline().map(|at| at.0 + coordinator.born);
            let poll = coordinator.polls.iter().map(|waiting| waiting.deadline).min();
            let tick = wrote_until + TICK_MS;
            coordinator.waits = (wrote_until, deadline.unwrap_or(tick).clamp(wrote_until, tick));
            let next = coordinator.waits.1.min(poll.unwrap_or(tick)).max(wrote_until);
            let delay = if coordinator.inbox.is_empty() { next - self.now } else { 0 };
            self.plan_round(life, delay);
        }
        Ok(())
    }

    /// One transaction and its answers; until when it took. None if the process dies meanwhile.
    fn transact(&mut self, coordinator: &mut Coordinator) -> Result<Option<u64>, StoreError> {
        let clock = coordinator.clock(self.now);
        let (began, due) = coordinator.waits;
        coordinator.core.wake(coordinator.clock(began), coordinator.clock(due), clock)?;
        let waiting = coordinator.polls.iter().map(|waiting| &waiting.letter);
        coordinator.owed = coordinator.inbox.iter().chain(waiting).cloned().collect();
        let mut asked = Vec::new();
        for letter in mem::take(&mut coordinator.inbox) {
            asked.extend(self.ask(coordinator, clock, letter)?);
        }
        coordinator.core.pass(clock)?;
        if coordinator.dies == Some(Moment::BeforeWrite) {
            return Ok(None);
        }
        let writes = self.chance.delay(10, 1_500);
        let written = coordinator.core.write(coordinator.clock(self.now + writes))?;
        let broken = self.disk.borrow_mut().broken.take();
        broken.into_iter().for_each(|broken| self.break_promise(broken));
        if coordinator.dies == Some(Moment::AfterWrite) {
            return Ok(None);
        }
        if written.is_kept() {
            self.promises.note(&written.facts);
        }
        let done = if written.is_kept() { "writes" } else { "cannot write" };
        self.say(|| format!("coordinator {} {done}: {}", coordinator.life, listed(&written.facts)));
        let brings_work = written.facts.iter().any(Fact::brings_work);
        written.answer();
        for asked in asked {
            self.reply(coordinator, asked, writes);
        }
        self.answer_polls(coordinator, clock, writes, brings_work)?;
        coordinator.core.check_place()?;
        coordinator.owed.clear();
        Ok(Some(self.now + writes))
    }

    /// Hands a call to the core; one that is not understood is answered.
    fn ask(
        &mut self,
        coordinator: &mut Coordinator,
        clock: Timestamp,
        letter: Letter,
    ) -> Result<Option<Asked>, StoreError> {
        let core = &mut coordinator.core;
        let call = match letter.content.clone() {
            Content::Call(call) => *call,
            Content::Submit(sweep) => {
                let plan = plan::parse("sweep.yaml", SWEEPS[sweep]).unwrap();
                let (sender, reply) = oneshot::channel();
                let text = SWEEPS[sweep].to_owned();
                core.handle(clock, Request::Submit(Box::new(plan), text, None, sender))?;
                return Ok(Some(Asked::Submitted(sweep, reply)));
            }
            Content::Cancel(sweep) => {
                let (sender, reply) = oneshot::channel();
                core.handle(clock, Request::Cancel(sweep.clone(), sender))?;
                return Ok(Some(Asked::Cancelled(sweep, reply)));
            }
        };
        match call {
            Call::Register(request) => match messages::introduction(&request) {
                Err(status) => self.answer(&letter, 1, Err(status)),
                Ok((worker, info)) => {
                    let (sender, reply) = oneshot::channel();
                    core.handle(clock, Request::Register(worker, info, sender))?;
                    return Ok(Some(Asked::Registered(letter, reply)));
                }
            },
            Call::Synchronize(mut request) => {
                let stopped = self.expire(coordinator, &mut request);
                let core = &mut coordinator.core;
                match Poll::new(request) {
                    Err(status) => self.answer(&letter, 1, Err(status)),
                    Ok((poll, offers)) => {
                        let mut offered = Vec::new();
                        for offer in offers {
                            let (sender, reply) = oneshot::channel();
                            core.handle(
                                clock,
                                Request::Offer(poll.worker, poll.synchronization.number, offer, sender),
                            )?;
                            offered.push(reply);
                        }
                        let (sender, reply) = oneshot::channel();
                        core.handle(clock, Request::Synchronize(poll.worker, poll.synchronization.clone(), sender))?;
                        let deadline = self.now + messages::poll_time(LEASE).as_millis() as u64;
                        self.promises.note_stops(stopped);
                        return Ok(Some(Asked::Synchronized(letter, poll, deadline, offered, reply)));
                    }
                }
            }
            Call::Complete(request) => match messages::completion(request) {
                Err(status) => self.answer(&letter, 1, Err(status)),
                Ok((mut worker, mut completion)) => {
                    let (lease, is_result) = (completion.lease, matches!(completion.outcome, Outcome::Succeeded(_)));
                    let caller = worker;
                    if self.flaw == Some(Flaw::NoFence)
                        && let Some(holder) = core.state().job(lease.job).and_then(|job| job.holder().copied())
                    {
                        completion.lease = Lease { job: lease.job, attempt: holder.attempt, token: holder.token };
                        worker = holder.worker;
                    }
                    let (sender, reply) = oneshot::channel();
                    core.handle(clock, Request::Complete(worker, Box::new(completion), sender))?;
                    return Ok(Some(Asked::Completed(letter, caller, lease, is_result, reply)));
                }
            },
        }
        Ok(None)
    }

    /// The flaw of a coordinator to whom a lease that has run out is none: the worker is told to stop.
    fn expire(&self, coordinator: &Coordinator, request: &mut SynchronizeRequest) -> Vec<Lease> {
        if self.flaw != Some(Flaw::ExpiryKills) {
            return Vec::new();
        }
        let Ok(worker) = request.worker.parse::<WorkerId>() else { return Vec::new() };
        let is_lapsed =
            |lease: &Lease| coordinator.state().job(lease.job).is_some_and(|job| job.is_lapsed(lease, worker));
        let lapsed: Vec<_> =
            request.held.iter().filter_map(|lease| Lease::try_from(lease).ok()).filter(is_lapsed).collect();
        request.held.retain(|lease| Lease::try_from(lease).is_ok_and(|lease| !lapsed.contains(&lease)));
        lapsed
    }

    fn reply(&mut self, coordinator: &mut Coordinator, asked: Asked, writes: u64) {
        match asked {
            Asked::Registered(letter, mut reply) => {
                let answer = replied(&mut reply).map(|()| messages::welcome(LEASE)).map_err(messages::refused);
                self.respond(&letter, writes, Answer::Registered(answer));
            }
            Asked::Synchronized(letter, mut poll, deadline, mut offered, mut reply) => {
                let refused = offered.iter_mut().find_map(|offered| replied(offered).err());
                let reply = refused.map_or_else(|| replied(&mut reply), Err);
                match reply.and_then(|reply| reply.map_err(Refusal::Impossible)) {
                    Err(refusal) => {
                        self.respond(&letter, writes, Answer::Synchronized(Err(messages::refused(refusal))));
                    }
                    Ok(mut reply) => {
                        reply.stops.extend(self.promises.take_stops());
                        if poll.is_answered_by(&reply) {
                            self.tell(coordinator, &letter, &poll, &reply, writes);
                        } else {
                            coordinator.polls.push(Waiting { letter, poll, deadline, reply });
                        }
                    }
                }
            }
            Asked::Completed(letter, worker, lease, is_result, mut reply) => {
                let reply = replied(&mut reply).and_then(|reply| reply.map_err(Refusal::Impossible));
                let reply = reply.map(|reply| self.grant_lapsed(coordinator, &letter, worker, reply));
                if let Ok(completed) = &reply {
                    let checked = self.promises.check_completed(
                        coordinator.state(),
                        self.hosts.get(letter.host),
                        worker,
                        (lease, is_result),
                        completed,
                        &self.disk.borrow(),
                    );
                    checked.unwrap_or_else(|broken| self.break_promise(broken));
                }
                let answer = reply.map(messages::completed).map_err(messages::refused);
                self.respond(&letter, writes, Answer::Completed(answer));
            }
            Asked::Submitted(sweep, mut reply) => {
                let is_done = replied(&mut reply).is_ok();
                self.on_submitted(sweep, is_done);
            }
            Asked::Cancelled(sweep, mut reply) => drop((sweep, replied(&mut reply))),
        }
    }

    /// The flaw of a coordinator that grants a worker what it has just let lapse, though the worker holds it still.
    fn grant_lapsed(
        &mut self,
        coordinator: &mut Coordinator,
        letter: &Letter,
        worker: WorkerId,
        reply: Completed,
    ) -> Completed {
        let (Some(Flaw::GrantsLapsedToAsker), Completed::Recorded(mut grants)) = (self.flaw, reply.clone()) else {
            return reply;
        };
        let Content::Call(call) = &letter.content else { return reply };
        let Call::Complete(CompleteRequest { held, free_slots, .. }) = &**call else { return reply };
        let held: Vec<_> = held.iter().filter_map(|lease| Lease::try_from(lease).ok()).collect();
        let is_valid = |lease: &&Lease| {
            coordinator.state().job(lease.job).is_some_and(|job| job.holder_of(lease, worker).is_some())
        };
        let held = held.iter().filter(is_valid).chain(grants.iter().map(|grant| &grant.lease)).copied().collect();
        let free_slots = free_slots.saturating_sub(grants.len() as u32);
        let request = Synchronization { held, free_slots, ..Synchronization::default() };
        let clock = coordinator.clock(self.now);
        let (sender, mut more) = oneshot::channel();
        if coordinator.core.handle(clock, Request::Synchronize(worker, request, sender)).is_ok()
            && let Ok(written) = coordinator.core.write(clock)
        {
            written.answer();
            grants.extend(replied(&mut more).into_iter().flatten().flat_map(|reply| reply.grants));
        }
        Completed::Recorded(grants)
    }

    /// Answers the calls that have waited long enough, and asks the core anew for the others if there may be work.
    fn answer_polls(
        &mut self,
        coordinator: &mut Coordinator,
        clock: Timestamp,
        writes: u64,
        brings_work: bool,
    ) -> Result<(), StoreError> {
        for mut waiting in mem::take(&mut coordinator.polls) {
            if waiting.deadline <= self.now {
                let Waiting { letter, poll, reply, .. } = waiting;
                self.tell(coordinator, &letter, &poll, &reply, writes);
                continue;
            }
            if brings_work {
                let (sender, mut reply) = oneshot::channel();
                let (worker, request) = (waiting.poll.worker, waiting.poll.synchronization.clone());
                coordinator.core.handle(clock, Request::Synchronize(worker, request, sender))?;
                coordinator.core.write(clock)?.answer();
                match replied(&mut reply).and_then(|reply| reply.map_err(Refusal::Impossible)) {
                    Err(refusal) => {
                        let answer = Answer::Synchronized(Err(messages::refused(refusal)));
                        self.respond(&waiting.letter, writes, answer);
                        continue;
                    }
                    Ok(reply) if waiting.poll.is_answered_by(&reply) => {
                        self.tell(coordinator, &waiting.letter, &waiting.poll, &reply, writes);
                        continue;
                    }
                    Ok(reply) => waiting.reply = reply,
                }
            }
            coordinator.polls.push(waiting);
        }
        Ok(())
    }

    /// Says what a worker should be doing.
    fn tell(&mut self, coordinator: &Coordinator, letter: &Letter, poll: &Poll, reply: &Synchronized, writes: u64) {
        let checked = self.promises.check_synchronized(coordinator.state(), poll.worker, reply);
        checked.unwrap_or_else(|broken| self.break_promise(broken));
        self.respond(letter, writes, Answer::Synchronized(Ok(Poll::answer(reply, LEASE))));
    }

    /// Sends an answer back.
    fn respond(&mut self, letter: &Letter, writes: u64, answer: Answer) {
        let is_cut = self.hosts.get(letter.host).is_some_and(|host| host.link.back_cut_until > self.now);
        let fate = if self.is_calm() { Fate::Arrives(1, None) } else { self.network.fate(&mut self.chance, is_cut) };
        match fate {
            Fate::Arrives(delay, _) => self.deliver(letter, writes + delay, answer),
            Fate::Garbled(known) | Fate::Lost(known) => {
                self.told.count("answers lost");
                self.answer_unreached(letter, writes + known);
            }
        }
    }

    /// Tells the caller that the coordinator was not reached.
    pub(crate) fn answer_unreached(&mut self, letter: &Letter, delay: u64) {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let mut status = Status::unavailable("the connection is lost");
        status.set_source(std::sync::Arc::new(cause));
        self.answer(letter, delay, Err(status));
    }

    pub(crate) fn answer(&mut self, letter: &Letter, delay: u64, answer: Result<(), Status>) {
        let Err(status) = answer else { return };
        let answer = match &letter.content {
            Content::Call(call) => match **call {
                Call::Register(_) => Answer::Registered(Err(status)),
                Call::Synchronize(_) => Answer::Synchronized(Err(status)),
                Call::Complete(_) => Answer::Completed(Err(status)),
            },
            Content::Submit(sweep) => return self.on_submitted(*sweep, false),
            Content::Cancel(_) => return,
        };
        self.deliver(letter, delay, answer);
    }

    fn deliver(&mut self, letter: &Letter, delay: u64, answer: Answer) {
        let happening = crate::worker::Happening::Answered(letter.call, answer);
        self.after(delay, Event::Worker { host: letter.host, life: letter.life, happening });
    }
}

/// Facts in a line, without what is said all the time.
fn listed(facts: &[Fact]) -> String {
    let told = facts.iter().filter_map(|fact| match fact {
        Fact::Seen { .. } | Fact::Renewed { .. } => None,
        Fact::Submitted { plan, .. } => Some(format!("Submitted {}; ", plan.sweep)),
        fact => Some(format!("{fact:?}; ")),
    });
    told.collect()
}

/// The reply that the core has sent.
fn replied<R>(reply: &mut Replied<R>) -> Result<R, Refusal> {
    reply.try_recv().unwrap_or(Err(Refusal::Closed))
}
