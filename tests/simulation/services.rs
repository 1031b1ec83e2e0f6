//! What the services do: hand calls to the core, and send its replies back. Calls that wait for work are asked anew.

use crate::coordinator::{Coordinator, LEASE};
use crate::network::{Content, Letter};
use crate::operator::SWEEPS;
use crate::world::{Flaw, World};
use coordinator::driver::{Refusal, Request, Submission};
use coordinator::plan;
use coordinator::scheduler::{Breach, Completed, Submitted, Synchronized, Timestamp};
use coordinator::serve::messages::{self, Poll};
use coordinator::store::StoreError;
use proto::ids::{Lease, WorkerId};
use proto::measure::Outcome;
use std::mem;
use tokio::sync::oneshot::{self, Receiver};
use worker::agent::{Answer, Call};

/// A `Synchronize` that waits for work.
pub(crate) struct Waiting {
    pub(crate) letter: Letter,
    poll: Poll,
    pub(crate) deadline: u64,
    /// The answer, if no work comes.
    reply: Synchronized,
}

pub(crate) type Replied<R> = Receiver<Result<R, Refusal>>;

/// A request that was handed to the core.
pub(crate) enum Asked {
    Registered(Letter, Replied<()>),
    Synchronized(Letter, Poll, u64, Vec<Replied<()>>, Replied<Result<Synchronized, Breach>>),
    Completed(Letter, WorkerId, Lease, bool, Replied<Result<Completed, Breach>>),
    Submitted(usize, Replied<Submitted>),
    Cancelled(String, Replied<u64>),
}

impl World {
    /// Hands a call to the core; one that is not understood is answered.
    pub(crate) fn ask(
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
                core.handle(
                    clock,
                    Request::Submit(
                        Submission { plan: Box::new(plan), text, from: None, seen: None, listing: None },
                        sender,
                    ),
                )?;
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
                                Request::Offer(poll.worker, poll.synchronization.number, Box::new(offer), sender),
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

    pub(crate) fn reply(&mut self, coordinator: &mut Coordinator, asked: Asked, writes: u64) {
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

    /// Answers the calls that have waited long enough, and asks the core anew for the others if there may be work.
    pub(crate) fn answer_polls(
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
}

/// The reply that the core has sent.
pub(crate) fn replied<R>(reply: &mut Replied<R>) -> Result<R, Refusal> {
    reply.try_recv().unwrap_or(Err(Refusal::Closed))
}
