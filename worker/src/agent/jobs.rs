//! The worker's jobs: which slot takes which, and what their ends mean. Pure, as `state.rs`.
//!
//! ```text
//!  on_assigned --> waiting --packing--> a slot of a device --on_report--> an outcome, which calls.rs reports
//! ```

use super::device::described;
use super::meters::Share;
use super::packing::{Lesson, Place, Shape};
use super::standing::Latest;
use super::state::{Action, Held, Profile, Report, State};
use proto::convert::InvalidMessage;
use proto::data::Dataset;
use proto::ids::Lease;
use proto::measure::{FailureKind, Outcome};
use proto::spec::JobSpec;
use proto::text::{Line, Tail};
use proto::wire::{Assignment, TrainRequest};
use std::time::{Duration, Instant};

/// A job that has waited so long for a device with room for it is given back: another worker may have room.
const MAX_WAIT_FOR_ROOM: Duration = Duration::from_secs(600);

/// Waits between jobs that are kept for the report at the end.
const WAITS_KEPT: usize = 100_000;

impl State {
    /// Slots that have no job, no job that waits for them, and no job whose end is being reported, which brings the next one.
    pub(super) fn free_slots(&self) -> usize {
        self.open_slots().saturating_sub(self.attempts.values().filter(|held| held.outcome.is_some()).count())
    }

    /// Idle slots on devices that no job waits for.
    pub(super) fn open_slots(&self) -> usize {
        self.idle.iter().filter(|slot| !self.reserved.contains(&self.profile.device_of(**slot))).count()
    }

    /// Starts what there is room for, in the order of assignment.
    pub(super) fn start_jobs(&mut self, now: Instant) {
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
        let spec = JobSpec::from_json(&assignment.spec).ok();
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
            shape: spec.as_ref().map(Shape::from),
            assigned_at: now,
            epochs: spec.map_or(0, |spec| spec.training.epochs),
            latest: None,
            slot: None,
            measurements: Vec::new(),
            outcome: None,
            completing: None,
            refused: false,
            share: Share::default(),
        })
    }

    /// A slot tells of its job.
    pub fn on_report(&mut self, now: Instant, slot: usize, report: Report) {
        let outcome = match report {
            Report::Measured(measurement) => {
                if let Some(held) = self.held_in(slot) {
                    held.latest = Some(Latest::new(now, &measurement));
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
        let Some(mut outcome) = outcome else {
            // no report of an end brings the slot's next job
            self.next_synchronize = now;
            return;
        };
        let Some(held) = self.held_in(slot) else { return };
        held.slot = None;
        if let Outcome::Succeeded(result) = &mut outcome {
            result.extras.energy_joules = held.share.joules;
        }
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

/// The end of a job that fits into the memory of no device of the worker.
fn too_large(profile: &Profile, shape: Option<Shape>) -> Outcome {
    let shape = shape.map(|shape| shape.to_string()).unwrap_or_default();
    let (name, devices) = (&profile.name, described(&profile.devices));
    let message = format!(
        "{shape}: it does not fit into the memory of worker {name} ({devices}), and no other worker can take it: choose a smaller batch_size or width, or start a worker with more memory"
    );
    Outcome::Failed { kind: FailureKind::TooLarge, message: Line::message(&message), log: Tail::default() }
}
