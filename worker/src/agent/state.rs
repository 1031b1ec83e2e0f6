//! What the worker knows and does next. Pure: no clock, no call, no process; `run.rs` feeds it and carries out what it says.
//!
//! ```text
//!  on_report, on_answer, on_inspected, drain --> State --due--> Action: make a call, train, stop, look for a data set
//! ```
//!
//! An attempt is *held* from its assignment until the coordinator has acknowledged its outcome.

use super::complaint::{Complaint, Reminder};
use super::device::{Device, described};
use super::finds::Finds;
use super::leaving::Drain;
use super::packing::{Lesson, Packing, Place, Shape};
use proto::convert::InvalidMessage;
use proto::data::Dataset;
use proto::ids::{JobId, Lease, WorkerId};
use proto::measure::{FailureKind, Measurement, Outcome};
use proto::spec::JobSpec;
use proto::text::{Line, Tail};
use proto::wire::{Assignment, CompleteRequest, RegisterRequest, SynchronizeRequest, TrainRequest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Without anything due the loop looks again after this.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// A job that has waited so long for a device with room for it is given back: another worker may have room.
const MAX_WAIT_FOR_ROOM: Duration = Duration::from_secs(600);

/// Waits between jobs that are kept for the report at the end.
const WAITS_KEPT: usize = 100_000;

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
    Inspect(Dataset),
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
    shape: Option<Shape>,
    assigned_at: Instant,
    pub(super) slot: Option<usize>,
    /// Epochs that no answer has covered yet.
    pub(super) measurements: Vec<Measurement>,
    pub(super) outcome: Option<Outcome>,
    /// The call that reports the outcome.
    pub(super) completing: Option<CallId>,
    /// The coordinator has not understood the outcome once.
    pub(super) refused: bool,
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
    idle_since: Vec<Option<Instant>>,
    /// How long slots waited between two jobs.
    waits: Vec<Duration>,
    pub(super) attempts: BTreeMap<Lease, Held>,
    /// Assigned attempts that wait for a slot, or for room on a device.
    pub(super) waiting: VecDeque<Lease>,
    /// Which job may run where.
    packing: Packing,
    /// The devices that attempts wait for, on which nothing else is started.
    reserved: BTreeSet<usize>,
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
    /// Failures since a call was answered; calls that fail together are one.
    pub(super) failures: u32,
    /// What was said last of a coordinator that does not do its part, until it does.
    pub(super) complaint: Option<Complaint>,
    /// When that is said again.
    pub(super) reminder: Reminder,
    /// No call before this time: the last one failed.
    pub(super) quiet_until: Option<Instant>,
    pub(super) draining: Option<Drain>,
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

/// The end of a job that fits into the memory of no device of the worker.
fn too_large(profile: &Profile, shape: Option<Shape>) -> Outcome {
    let shape = shape.map(|shape| shape.to_string()).unwrap_or_default();
    let (name, devices) = (&profile.name, described(&profile.devices));
    let message = format!(
        "{shape}: it does not fit into the memory of worker {name} ({devices}), and no other worker can take it: choose a smaller batch_size or width, or start a worker with more memory"
    );
    Outcome::Failed { kind: FailureKind::TooLarge, message: Line::message(&message), log: Tail::default() }
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
            failures: 0,
            complaint: None,
            reminder: Reminder::new(now),
            quiet_until: None,
            draining: None,
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

    // === jobs ===

    /// Slots that have no job, no job that waits for them, and no job whose end is being reported, which brings the next one.
    pub(super) fn free_slots(&self) -> usize {
        self.open_slots().saturating_sub(self.attempts.values().filter(|held| held.outcome.is_some()).count())
    }

    /// Idle slots on devices that no job waits for.
    pub(super) fn open_slots(&self) -> usize {
        self.idle.iter().filter(|slot| !self.reserved.contains(&self.profile.device_of(**slot))).count()
    }

    /// Starts what there is room for, in the order of assignment.
    fn start_jobs(&mut self, now: Instant) {
        self.reserved.clear();
        for lease in std::mem::take(&mut self.waiting) {
            let Some(held) = self.attempts.get_mut(&lease) else { continue };
            let mut idle = vec![0; self.profile.devices.len()];
            self.idle.iter().for_each(|slot| idle[self.profile.device_of(*slot)] += 1);
            match self.packing.place(held.shape, &idle, &self.reserved) {
                Place::Start(device) => self.start(now, lease, device),
                Place::Wait(_) if now.duration_since(held.assigned_at) >= MAX_WAIT_FOR_ROOM => {
                    held.outcome = Some(Outcome::Released);
                }
                Place::Wait(device) => {
                    self.reserved.insert(device);
                    self.waiting.push_back(lease);
                }
                Place::Nowhere => held.outcome = Some(too_large(&self.profile, held.shape)),
            }
        }
    }

    /// Starts a job in an idle slot of a device.
    fn start(&mut self, now: Instant, lease: Lease, device: usize) {
        let Some(at) = self.idle.iter().rposition(|slot| self.profile.device_of(*slot) == device) else { return };
        let slot = self.idle.remove(at);
        let Some(held) = self.attempts.get_mut(&lease) else { return };
        held.slot = Some(slot);
        self.packing.start(device, slot, held.shape);
        let name = &self.profile.devices[device].name;
        tracing::debug!("starts a job: {} attempt {} on {name}", lease.job, lease.attempt);
        if let Some(since) = self.idle_since[slot].take().filter(|_| self.waits.len() < WAITS_KEPT) {
            self.waits.push(now.duration_since(since));
        }
        self.actions.push(Action::Train(slot, held.request.clone()));
    }

    /// The coordinator gives the worker jobs. One that it has, or has just reported, is said a second time.
    pub(super) fn on_assigned(&mut self, now: Instant, assignments: Vec<Assignment>) {
        for assignment in assignments {
            match self.hold(now, assignment) {
                Ok(held) if self.attempts.contains_key(&held.lease) || self.ended.contains_key(&held.lease) => {}
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
        self.start_jobs(now);
    }

    fn hold(&self, now: Instant, assignment: Assignment) -> Result<Held, InvalidMessage> {
        let lease = proto::convert::required(assignment.lease.as_ref(), "lease")?.try_into()?;
        let wire_dataset = proto::convert::required(assignment.dataset, "dataset")?;
        let dataset = Dataset::try_from(&wire_dataset)?;
        let root = self.profile.roots.get(&dataset.name).map(|root| root.to_string_lossy().into_owned());
        let shape = JobSpec::from_json(&assignment.spec).ok().map(|spec| Shape::from(&spec));
        let request = TrainRequest {
            spec: assignment.spec,
            dataset: Some(wire_dataset),
            root: root.unwrap_or_default(),
            examples: assignment.examples,
            keep_weights: assignment.keep_weights,
            checkpoint_every: assignment.checkpoint_every,
            lease: assignment.lease,
        };
        Ok(Held {
            lease,
            request: Box::new(request),
            dataset,
            shape,
            assigned_at: now,
            slot: None,
            measurements: Vec::new(),
            outcome: None,
            completing: None,
            refused: false,
        })
    }

    /// A slot tells of its job.
    pub fn on_report(&mut self, now: Instant, slot: usize, report: Report) {
        let outcome = match report {
            Report::Measured(measurement) => {
                if let Some(held) = self.held_in(slot) {
                    held.measurements.push(measurement);
                }
                return;
            }
            Report::Stopped => None,
            Report::Ended(outcome) => Some(outcome),
        };
        let outcome = outcome.map(|outcome| self.judged(slot, outcome));
        self.packing.end(self.profile.device_of(slot), slot);
        self.idle.push(slot);
        self.idle_since[slot] = Some(now);
        let Some(outcome) = outcome else {
            // no report of an end brings the slot's next job
            self.next_synchronize = now;
            return;
        };
        let Some(held) = self.held_in(slot) else { return };
        held.slot = None;
        if let Outcome::Failed { kind, message, .. } = &outcome
            && *kind != FailureKind::TooLarge
        {
            tracing::warn!(job = %held.lease.job.short(), attempt = %held.lease.attempt, "a job has failed: {message}");
        }
        // bad data is the host's fault, not the job's: another worker shall have it
        if let Outcome::Failed { kind: FailureKind::Data, message, .. } = outcome {
            held.outcome = Some(Outcome::Released);
            let dataset = held.dataset.clone();
            self.offer(now, dataset, Err(message.into()));
        } else {
            held.outcome = Some(outcome);
        }
    }

    /// What the end of a job means, and what it teaches of the memory that jobs need: one that ran out of memory has not failed.
    fn judged(&mut self, slot: usize, outcome: Outcome) -> Outcome {
        let device = self.profile.device_of(slot);
        match &outcome {
            Outcome::Succeeded(result) => {
                if let Some(mib) = result.extras.peak_mib {
                    self.packing.took(device, slot, mib.into());
                }
                outcome
            }
            Outcome::Failed { kind: FailureKind::OutOfMemory, message, .. } => {
                let shape = self.held_in(slot).and_then(|held| held.shape);
                let (job, place) =
                    (shape.map(|shape| shape.to_string()).unwrap_or_default(), &self.profile.devices[device]);
                match self.packing.ran_out(device, slot) {
                    Lesson::Crowded => {
                        tracing::warn!(
                            "out of memory on {place} beside other jobs: {message}; the job ({job}) is given back, and from now on jobs get more room there"
                        );
                    }
                    Lesson::TooLarge => {
                        tracing::warn!(
                            "out of memory on {place}, though no other job ran there: {message}; no more such jobs ({job}) are started there"
                        );
                    }
                }
                match self.packing.is_too_large(shape) {
                    true => too_large(&self.profile, shape),
                    false => Outcome::Released,
                }
            }
            Outcome::Failed { .. } | Outcome::Released => outcome,
        }
    }

    /// The attempt that runs in a slot.
    fn held_in(&mut self, slot: usize) -> Option<&mut Held> {
        self.attempts.values_mut().find(|held| held.slot == Some(slot))
    }

    /// Forgets an attempt, and kills its trainer if it still runs.
    pub(super) fn drop_attempt(&mut self, lease: &Lease) {
        if let Some(slot) = self.attempts.remove(lease).and_then(|held| held.slot) {
            self.actions.push(Action::Stop(slot));
        }
    }

    /// Says what the scheduling cost, which is what a slot without a job costs.
    pub(super) fn report_waits(&mut self) {
        self.waits.sort_unstable();
        if let Some(median) = self.waits.get(self.waits.len() / 2) {
            tracing::info!(
                jobs = self.waits.len(),
                median_ms = median.as_secs_f64() * 1e3,
                "slots waited for their next job"
            );
        }
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
            devices: vec![Device { name: text(), model: None, memory_mib: None }],
            slots_each: slots,
            simulated: true,
            roots: BTreeMap::new(),
            idle_timeout: None,
        }
    }
}
