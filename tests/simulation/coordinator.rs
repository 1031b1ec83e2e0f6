//! The coordinator process: the product's core, and the loop around it, which is what the driver's thread does.

use crate::disk::OpenedDisk;
use crate::network::Letter;
use crate::services::Waiting;
use crate::world::{Event, Flaw, World};
use coordinator::driver::Core;
use coordinator::scheduler::{Fact, Limits, State, Timestamp};
use coordinator::store::StoreError;
use std::mem;
use std::time::Duration;

/// A lease lives so long.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// The driver wakes at least this often.
const TICK_MS: u64 = 500;
/// A coordinator process.
pub(crate) struct Coordinator {
    pub(crate) life: u64,
    pub(crate) core: Core<OpenedDisk>,
    /// The zero of its clock.
    born: u64,
    inbox: Vec<Letter>,
    /// `Synchronize` calls that wait for work.
    pub(crate) polls: Vec<Waiting>,
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

impl Coordinator {
    pub(crate) fn clock(&self, now: u64) -> Timestamp {
        Timestamp(now - self.born)
    }

    pub(crate) fn state(&self) -> &State {
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
