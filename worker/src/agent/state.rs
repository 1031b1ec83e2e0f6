//! What the worker knows and does next. Pure: no clock, no call, no process; `run.rs` feeds it and carries out what it says.
//!
//! ```text
//!  on_report, on_answer, on_inspected, drain --> State --due--> Action: make a call, train, stop, look for a data set
//! ```
//!
//! An attempt is *held* from its assignment until the coordinator has acknowledged its outcome.

use super::complaint::{Complaint, Reminder};
use super::device::Device;
use super::finds::Finds;
use super::leaving::Drain;
use super::meters::Share;
use super::packing::{Packing, Shape};
use super::standing::Latest;
use proto::data::Dataset;
use proto::ids::{JobId, Lease, WorkerId};
use proto::measure::{Measurement, Outcome};
use proto::status::DeviceReading;
use proto::wire::{CompleteRequest, RegisterRequest, SynchronizeRequest, TrainRequest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Without anything due the loop looks again after this.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// What the coordinator and its users see of a worker, and where its data are.
#[derive(Debug, Clone)]
pub struct Profile {
    /// `http://HOST:PORT` of the coordinator, or `https://HOST:PORT` of one with certificates.
    pub coordinator: String,
    /// For people.
    pub name: String,
    /// For people.
    pub host: String,
    /// What the slots are on. Slot `s` is on device `s` modulo their number.
    pub devices: Vec<Device>,
    /// Jobs at once on each device.
    pub slots_each: usize,
    /// Results are made up.
    pub simulated: bool,
    /// The folder of each data set.
    pub roots: BTreeMap<String, PathBuf>,
    /// A worker that had nothing to do for so long goes.
    pub idle_timeout: Option<Duration>,
}

impl Profile {
    /// Jobs at once.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.devices.len() * self.slots_each
    }

    /// The device of a slot.
    #[must_use]
    pub fn device_of(&self, slot: usize) -> usize {
        slot % self.devices.len()
    }
}

/// Numbers the calls to the coordinator.
pub type CallId = u64;

/// A call to the coordinator.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "an action holds it in a box")]
pub enum Call {
    /// The worker introduces itself.
    Register(RegisterRequest),
    /// What it is doing, and what it has measured.
    Synchronize(SynchronizeRequest),
    /// How an attempt ended.
    Complete(CompleteRequest),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make a call. Its answer bears the same number.
    Call(CallId, Box<Call>),
    /// Drop a call that is under way; its answer is not wanted any more.
    Abandon(CallId),
    /// Train a job in an idle slot.
    Train(usize, Box<TrainRequest>),
    /// Kill the trainer of a slot and end its job, if it has not ended already.
    Stop(usize),
    /// Look for a data set.
    Inspect(Box<Dataset>),
    /// Remove the checkpoints of a job: its result is durable.
    Discard(JobId),
}

/// What a slot tells. Each job ends with one `Ended` or `Stopped`.
#[derive(Debug)]
pub enum Report {
    /// An epoch of the job has ended.
    Measured(Measurement),
    /// The job has ended and the slot is idle.
    Ended(Outcome),
    /// The trainer was killed as told and the slot is idle.
    Stopped,
}

/// An attempt, from its assignment to the acknowledgement of its outcome.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) request: Box<TrainRequest>,
    pub(super) dataset: Dataset,
    /// `None` of a job that is not understood.
    pub(super) shape: Option<Shape>,
    pub(super) assigned_at: Instant,
    /// Epochs of the job; 0 of one that is not understood.
    pub(super) epochs: u32,
    /// The last epoch that has ended.
    pub(super) latest: Option<Latest>,
    pub(super) slot: Option<usize>,
    /// Epochs that no answer has covered yet.
    pub(super) measurements: Vec<Measurement>,
    pub(super) outcome: Option<Outcome>,
    /// The call that reports the outcome.
    pub(super) completing: Option<CallId>,
    /// The coordinator has not understood the outcome once.
    pub(super) refused: bool,
    /// Its part of what its device has taken.
    pub(super) share: Share,
}

impl Held {
    /// Whether it has ended with a result.
    pub(super) fn has_result(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Succeeded(_)))
    }
}

/// Whether the coordinator knows this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registration {
    No,
    Asked(CallId),
    Yes,
}

/// Everything that the agent knows.
pub struct State {
    pub(super) profile: Profile,
    pub(super) id: WorkerId,
    pub(super) registration: Registration,
    pub(super) idle: Vec<usize>,
    /// Since when there is nothing to do; none while there is.
    pub(super) unused_since: Option<Instant>,
    /// When each idle slot became so, if it has had a job before.
    pub(super) idle_since: Vec<Option<Instant>>,
    /// How long slots waited between two jobs.
    pub(super) waits: Vec<Duration>,
    pub(super) attempts: BTreeMap<Lease, Held>,
    /// Assigned attempts that wait for a slot, or for room on a device.
    pub(super) waiting: VecDeque<Lease>,
    /// Which job may run where.
    pub(super) packing: Packing,
    /// The devices that attempts wait for, on which nothing else is started.
    pub(super) reserved: BTreeSet<usize>,
    pub(super) last_call: CallId,
    /// The `Synchronize` under way.
    pub(super) synchronizing: Option<Synchronizing>,
    /// Attempts whose end was acknowledged, and the last call that had been made by then: answers of calls up to it may still assign them.
    pub(super) ended: BTreeMap<Lease, CallId>,
    /// When to synchronise next, at the latest.
    pub(super) next_synchronize: Instant,
    pub(super) last_synchronize: Option<Instant>,
    pub(super) inspecting: BTreeSet<Dataset>,
    pub(super) finds: Finds,
    pub(super) unsent_offers: Vec<Dataset>,
    pub(super) notices: Vec<String>,
    /// Since when the coordinator does its part; none while it does not.
    pub(super) connected_since: Option<Instant>,
    /// Failures since a call was answered; calls that fail together are one.
    pub(super) failures: u32,
    /// What was said last of a coordinator that does not do its part, until it does.
    pub(super) complaint: Option<Complaint>,
    /// When that is said again.
    pub(super) reminder: Reminder,
    /// No call before this time: the last one failed.
    pub(super) quiet_until: Option<Instant>,
    pub(super) draining: Option<Drain>,
    /// What the devices last said of themselves, and whether the coordinator is yet to be told.
    pub(super) readings: Vec<DeviceReading>,
    pub(super) readings_unsent: bool,
    /// What is to be done and was not handed out yet.
    pub(super) actions: Vec<Action>,
}

/// A `Synchronize` under way.
pub(super) struct Synchronizing {
    pub(super) call: CallId,
    /// How many measurements of each attempt it carries, to be forgotten once it is answered.
    pub(super) measurements: Vec<(Lease, usize)>,
    /// How many offers it carries.
    pub(super) offers: usize,
}

impl Synchronizing {
    /// One with offers or measurements is answered at once; others wait for work at the coordinator.
    pub(super) fn carries_news(&self) -> bool {
        !self.measurements.is_empty() || self.offers > 0
    }
}

impl State {
    /// A worker with idle slots that knows nothing. Whoever knows its `id` is taken for the worker.
    #[must_use]
    pub fn new(profile: Profile, id: WorkerId, now: Instant) -> Self {
        Self {
            id,
            registration: Registration::No,
            idle: (0..profile.slots()).rev().collect(),
            idle_since: vec![None; profile.slots()],
            unused_since: None,
            waits: Vec::new(),
            attempts: BTreeMap::new(),
            waiting: VecDeque::new(),
            packing: Packing::new(&profile.devices),
            reserved: BTreeSet::new(),
            last_call: 0,
            synchronizing: None,
            ended: BTreeMap::new(),
            next_synchronize: now,
            last_synchronize: None,
            inspecting: BTreeSet::new(),
            finds: Finds::default(),
            unsent_offers: Vec::new(),
            notices: Vec::new(),
            connected_since: None,
            failures: 0,
            complaint: None,
            reminder: Reminder::new(now),
            quiet_until: None,
            draining: None,
            readings: Vec::new(),
            readings_unsent: false,
            actions: Vec::new(),
            profile,
        }
    }

    /// What is to be done now, in order.
    pub fn due(&mut self, now: Instant) -> Vec<Action> {
        self.start_jobs(now);
        self.look_again(now);
        self.note_use(now);
        self.make_calls(now);
        std::mem::take(&mut self.actions)
    }

    /// When something is due that neither a report nor an answer brings about.
    #[must_use]
    pub fn next_wake(&self, now: Instant) -> Instant {
        let quiet = self.quiet_until.filter(|until| now < *until);
        let registered = self.registration == Registration::Yes && quiet.is_none();
        let telling = self.synchronizing.as_ref().is_some_and(Synchronizing::carries_news);
        let measured = (registered && !telling && self.has_measurements()).then(|| self.measurements_due(now));
        let synchronize = (registered && self.synchronizing.is_none()).then_some(self.next_synchronize);
        let deadline = self.draining.as_ref().map(|drain| drain.deadline);
        let look = self.finds.next_due().filter(|_| self.draining.is_none());
        let unused = self.unused_until().filter(|_| self.draining.is_none());
        let due = [quiet, deadline, measured, synchronize, look, unused].into_iter().flatten().min();
        due.unwrap_or(now + MAX_SLEEP).max(now + Duration::from_millis(1))
    }

    /// The attempts that the worker holds, and whether each has ended with a result.
    pub fn held(&self) -> impl Iterator<Item = (Lease, bool)> {
        self.attempts.values().map(|held| (held.lease, held.has_result()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A simulated worker of that many slots.
    pub(in crate::agent) fn profile(slots: usize) -> Profile {
        let text = String::new;
        Profile {
            coordinator: text(),
            name: text(),
            host: text(),
            devices: vec![Device { name: text(), model: None, memory_mib: None, bus: None }],
            slots_each: slots,
            simulated: true,
            roots: BTreeMap::new(),
            idle_timeout: None,
        }
    }
}
