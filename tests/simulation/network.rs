//! Between a worker and the coordinator: messages are late, lost, doubled, garbled, or a direction is cut.

use crate::chance::Chance;
use crate::worker::Happening;
use crate::world::{Event, World};
use std::io;
use std::sync::Arc;
use tonic::Status;
use worker::agent::{Answer, Call, CallId};

/// A connection without a sign of life for so long is given up by the worker.
const KEEPALIVE_MS: u64 = 4_000;

/// How bad the network is, in percent of the messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Network {
    lost: u64,
    doubled: u64,
    garbled: u64,
    longest_ms: u64,
}

/// Until when the directions between a worker and the coordinator are cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) there_cut_until: u64,
    pub(crate) back_cut_until: u64,
}

/// What becomes of a message.
pub(crate) enum Fate {
    /// It arrives, after so long; the second time it was doubled.
    Arrives(u64, Option<u64>),
    /// It arrives as something else.
    Garbled(u64),
    /// It does not arrive, which its sender knows after so long.
    Lost(u64),
}

impl Network {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let longest_ms = if chance.is(30) { 5_000 } else { 200 };
        let mut rate = |most| if chance.is(50) { chance.within(0..=most) } else { 0 };
        Self { lost: rate(30), doubled: rate(50), garbled: rate(2), longest_ms }
    }

    pub(crate) fn fate(&self, chance: &mut Chance, is_cut: bool) -> Fate {
        if is_cut {
            return Fate::Lost(KEEPALIVE_MS + chance.within(0..=KEEPALIVE_MS));
        }
        let delay = chance.delay(20, self.longest_ms);
        if chance.is(self.lost) {
            // a connection that was reset is known at once
            let known = if chance.is(50) { chance.within(1..=50) } else { KEEPALIVE_MS };
            return Fate::Lost(known);
        }
        if chance.is(self.garbled) {
            return Fate::Garbled(delay);
        }
        let twice = chance.is(self.doubled).then(|| chance.delay(20, self.longest_ms));
        Fate::Arrives(delay, twice)
    }
}

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

impl World {
    /// A worker makes a call.
    pub(crate) fn send(&mut self, host: usize, call: CallId, content: Box<Call>) {
        let is_cut = self.hosts[host].link.there_cut_until > self.now;
        let fate = if self.is_calm() { Fate::Arrives(1, None) } else { self.network.fate(&mut self.chance, is_cut) };
        let letter = Letter { host, life: self.hosts[host].life, call, content: Content::Call(content) };
        match fate {
            Fate::Arrives(delay, twice) => {
                if let Some(again) = twice {
                    self.told.count("messages doubled");
                    self.after(delay + again, Event::Arrival(letter.clone()));
                }
                self.after(delay, Event::Arrival(letter));
            }
            Fate::Garbled(delay) => {
                self.told.count("messages garbled");
                self.answer(&letter, delay, Err(Status::invalid_argument("it is not understood")));
            }
            Fate::Lost(known) => {
                self.told.count("messages lost");
                self.answer_unreached(&letter, known);
            }
        }
    }

    /// Sends an answer back.
    pub(crate) fn respond(&mut self, letter: &Letter, writes: u64, answer: Answer) {
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
        let cause = io::Error::from(io::ErrorKind::ConnectionReset);
        let mut status = Status::unavailable("the connection is lost");
        status.set_source(Arc::new(cause));
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
        let happening = Happening::Answered(letter.call, answer);
        self.after(delay, Event::Worker { host: letter.host, life: letter.life, happening });
    }
}
