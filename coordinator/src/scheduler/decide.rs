//! Decisions: what a request would change, and the reply. Reads the state, changes nothing.

use super::grant::{notice, serves};
use super::state::Worker;
use super::submit::pin;
use super::{
    Breach, Completed, Completion, Decision, Fact, Found, Grade, Grant, Job, JobState, Offer, Record, Rejection, State,
    Synchronization, Synchronized, Timestamp, WorkerInfo,
};
use proto::ids::{Attempt, JobId, Lease, WorkerId};
use proto::measure::{FailureKind, Measurement, Outcome};
use proto::spec::Trainer;
use proto::text::{Line, Tail};
use std::collections::{BTreeMap, BTreeSet};

/// Workers at once: twice the largest fleet. A view of so many has three megabytes.
const MAX_WORKERS: usize = 4096;

impl State {
    /// Somebody cancels a sweep; the reply is the number of jobs that this ends.
    ///
    /// # Errors
    /// If there is no such sweep.
    pub fn cancel_decision(&self, name: &str) -> Result<Decision<u64>, Rejection> {
        let sweep = self.named(name)?;
        let known = self.cancellable(sweep.number, true);
        let reply = match sweep.inventory {
            None if !sweep.is_ended() => sweep.plan.jobs() as u64,
            _ => known.len() as u64 + self.count_unknown(sweep.number),
        };
        let mut facts = self.recalls(&known);
        facts.push(Fact::Cancelled { sweep: sweep.plan.sweep.clone(), shared: true });
        Ok(Decision { facts, records: Vec::new(), reply })
    }

    /// A worker introduces itself. If there are too many, the idle one that called the longest ago is forgotten, those that never called
    /// first; it registers again if it is there.
    pub fn register_decision(&self, worker: WorkerId, info: WorkerInfo) -> Decision<()> {
        let is_full = self.workers.len() >= MAX_WORKERS && !self.workers.contains_key(&worker);
        let idle = self.workers.iter().filter(|(id, _)| is_full && !self.leases.contains_key(id));
        let forgotten = idle.min_by_key(|(_, entry)| (entry.has_called, entry.seen)).map(|(id, _)| *id);
        let forgotten = forgotten.map(|worker| Fact::Forgotten { worker });
        let facts = forgotten.into_iter().chain([Fact::Registered { worker, info }]).collect();
        Decision { facts, records: Vec::new(), reply: () }
    }

    /// A worker says what it found where a data set should be. The first to have it pins its content for the sweep. What no sweep names
    /// is not kept.
    ///
    /// # Errors
    /// If the worker is unknown, or has synchronised since the call of that number.
    pub fn offer_decision(&self, worker: WorkerId, number: u64, offer: Offer) -> Result<Decision<()>, Rejection> {
        let name = &self.turn_of(worker, number)?.info.name;
        let mut facts = Vec::new();
        if !self.sweeps.values().any(|sweep| sweep.plan.dataset == offer.dataset) {
            return Ok(Decision { facts, records: Vec::new(), reply: () });
        }
        if let Found::Inventory(inventory) = &offer.found {
            let waiting = self
                .sweeps
                .values()
                .filter(|sweep| sweep.inventory.is_none() && !sweep.is_ended() && sweep.plan.dataset == offer.dataset);
            facts.extend(waiting.map(|sweep| pin(&sweep.plan, inventory, name)));
        }
        facts.push(Fact::Offered { worker, offer });
        Ok(Decision { facts, records: Vec::new(), reply: () })
    }

    /// A worker says what it is doing; the reply says what it should be doing, or which of its measurements cannot be. The attempt that
    /// hands in such a thing again has failed.
    ///
    /// # Errors
    /// If the worker is unknown, or has synchronised since.
    pub fn synchronize_decision(
        &self,
        now: Timestamp,
        worker: WorkerId,
        request: &Synchronization,
    ) -> Result<Decision<Result<Synchronized, Breach>>, Rejection> {
        let entry = self.turn_of(worker, request.number)?;
        let seen = Fact::Seen { worker, at: now, number: request.number };
        let mut facts: Vec<_> = (!request.repeated).then_some(seen).into_iter().collect();
        if !request.repeated && !request.readings.is_empty() {
            facts.push(Fact::Read { worker, readings: request.readings.clone() });
        }
        let mut reply = Synchronized::default();
        let mut valid = BTreeSet::new();
        // listed twice, a lease would be given back or taken up twice
        let held: BTreeSet<_> = request.held.iter().copied().collect();
        let leased = self.leases.get(&worker);
        let mut busy = leased.map_or(0, BTreeSet::len);
        let mut is_suspect = false;
        for lease in &held {
            match self.jobs.get(&lease.job) {
                Some(job) if job.holder_of(lease, worker).is_some() && !self.is_wanted(job) => {
                    facts.push(Fact::Recalled { job: lease.job, attempt: lease.attempt });
                    reply.stops.push(*lease);
                    busy -= 1;
                }
                Some(job)
                    if job.holder_of(lease, worker).is_some()
                        && self.is_stalled(now, worker, job, request.last_epoch(lease)) =>
                {
                    facts.push(Fact::Stalled { job: lease.job, attempt: lease.attempt });
                    reply.stops.push(*lease);
                    busy -= 1;
                    is_suspect = true;
                }
                Some(job) if job.holder_of(lease, worker).is_some() => {
                    if !request.repeated {
                        facts.push(Fact::Renewed { job: lease.job, expires: now.after(self.limits.lease_ms) });
                    }
                    valid.insert(*lease);
                }
                Some(job) if job.is_lapsed(lease, worker) => {
                    facts.push(Fact::Revived { job: lease.job, attempt: lease.attempt });
                    valid.insert(*lease);
                    busy += 1;
                }
                _ => reply.stops.push(*lease),
            }
        }
        let mut records = Vec::new();
        for (lease, measurements) in &request.measurements {
            if !valid.contains(lease) {
                continue;
            }
            if let Err(reason) = self.check_measurements(lease.job, measurements) {
                let (fact, breach) = self.refused(lease, reason, entry);
                let has_failed = matches!(fact, Fact::Failed { .. });
                facts.push(fact);
                is_suspect |= has_failed;
                if !has_failed {
                    return Ok(Decision { facts, records: Vec::new(), reply: Err(breach) });
                }
                valid.remove(lease);
                reply.stops.push(*lease);
                continue;
            }
            self.measured(lease, measurements, &mut facts, &mut records);
        }
        let listed: BTreeSet<_> = held.iter().map(|lease| lease.job).collect();
        let unlisted = leased.into_iter().flatten().filter(|job| !listed.contains(job));
        if request.draining {
            // granted in the very moment in which the worker was told to go: it will never run them
            facts.extend((!entry.draining).then_some(Fact::Draining { worker }));
            facts.extend(unlisted.filter_map(|job| self.released(*job)));
            return Ok(Decision { facts, records, reply: Ok(reply) });
        }
        reply.grants.extend(unlisted.filter_map(|job| self.current_grant(*job)));
        let free = request.free_slots.saturating_sub(reply.grants.len() as u32);
        // what this says of the worker is known once it is applied
        let room = if is_suspect { 0 } else { entry.room(free, busy) };
        // what has lapsed and was not listed is not held: it may be granted anew, to this worker as well
        let valid: BTreeSet<_> = valid.iter().map(|lease| lease.job).collect();
        let grants = self.grant(now, worker, room, |job, _| valid.contains(&job));
        facts.extend(grants.iter().map(|grant| granted(grant, worker)));
        reply.grants.extend(grants);
        reply.notices.extend(self.quarantine_notice(worker));
        reply.notices.extend(self.mismatch(entry));
        for sweep in self.served().filter(|sweep| !sweep.is_ended() && serves(entry, sweep)) {
            match (entry.offers.get(&sweep.plan.dataset), &sweep.inventory) {
                (None, _) if sweep.trainer() == Trainer::Candle && !reply.wanted.contains(&sweep.plan.dataset) => {
                    reply.wanted.push(sweep.plan.dataset.clone());
                }
                _ => reply.notices.extend(notice(entry, sweep)),
            }
        }
        Ok(Decision { facts, records, reply: Ok(reply) })
    }

    /// An attempt has ended, unless what it ended with cannot be. An attempt that hands in such a thing again has failed.
    ///
    /// # Errors
    /// If the worker is unknown.
    pub fn complete_decision(
        &self,
        now: Timestamp,
        worker: WorkerId,
        completion: Completion,
    ) -> Result<Decision<Result<Completed, Breach>>, Rejection> {
        let entry = self.worker(worker)?;
        let Completion { lease, measurements, outcome, held, free_slots } = completion;
        let mut facts = vec![Fact::Seen { worker, at: now, number: 0 }];
        let mut records = Vec::new();
        let job = self.jobs.get(&lease.job);
        let is_result = matches!(outcome, Outcome::Succeeded(_));
        let is_late_result = is_result && job.is_some_and(|job| job.is_late(&lease, worker));
        if self.has_ended(&lease) && !is_late_result {
            return Ok(Decision { facts, records, reply: Ok(Completed::Recorded(Vec::new())) });
        }
        match job {
            Some(job) if job.holder_of(&lease, worker).is_some() => {}
            Some(job) if job.is_lapsed(&lease, worker) => {
                facts.push(Fact::Revived { job: lease.job, attempt: lease.attempt });
            }
            // whoever has it now has not finished it
            Some(_) if is_late_result => {}
            _ => return Ok(Decision { facts, records, reply: Ok(Completed::StaleLease) }),
        }
        let checked = match &outcome {
            Outcome::Succeeded(result) => self.check_result(lease.job, result),
            Outcome::Failed { .. } | Outcome::Released => Ok(()),
        };
        if let Err(reason) = checked.and_then(|()| self.check_measurements(lease.job, &measurements)) {
            let is_late = job.is_some_and(|job| job.is_late(&lease, worker) && !job.is_lapsed(&lease, worker));
            let (fact, breach) = self.refused(&lease, reason, entry);
            // who has the job meanwhile has not failed
            facts.extend(Some(fact).filter(|_| !is_late));
            return Ok(Decision { facts, records, reply: Err(breach) });
        }
        let (job, attempt) = (lease.job, lease.attempt);
        if !measurements.is_empty() {
            records.push(Record::Measurements { job, attempt, measurements });
        }
        facts.push(match outcome {
            Outcome::Succeeded(result) => {
                let (grade, split) = (Some(Grade::from(result.as_ref())), result.split_hash);
                records.push(Record::Result { job, attempt, worker: entry.info.name.to_string(), result });
                Fact::Succeeded { job, attempt, grade, split }
            }
            Outcome::Failed { kind: FailureKind::TooLarge, .. } if self.suits_another(now, worker, job) => {
                Fact::Released { job, attempt, too_large: true }
            }
            Outcome::Failed { kind, message, log } => {
                let worker = entry.info.name.clone();
                Fact::Failed { job, attempt, kind, message, worker, log }
            }
            Outcome::Released => Fact::Released { job, attempt, too_large: false },
        });
        // the next calls of the worker bring these: to grant them now, to whomever, would be to throw them away
        let taken_up = held.iter().filter(|lease| lease.job != job);
        let taken_up =
            taken_up.filter(|lease| self.jobs.get(&lease.job).is_some_and(|job| job.is_lapsed(lease, worker)));
        let taken_up: BTreeMap<_, _> = taken_up.map(|lease| (lease.job, lease.attempt)).collect();
        facts.extend(taken_up.iter().map(|(job, attempt)| Fact::Revived { job: *job, attempt: *attempt }));
        let leased = self.leases.get(&worker).map_or(0, |jobs| jobs.iter().filter(|other| **other != job).count());
        // what a failure says of the worker is known once it is applied: its next jobs come with the next synchronisation
        let has_failed = facts.iter().any(|fact| matches!(fact, Fact::Failed { .. }));
        let room = if has_failed { 0 } else { entry.room(free_slots, leased + taken_up.len()) };
        let is_held = |id: JobId| held.iter().any(|lease| lease.job == id);
        let may_bring = |other: &Job| other.may_come_from(worker);
        let grants = self.grant(now, worker, room, |id, other| id == job || is_held(id) || may_bring(other));
        facts.extend(grants.iter().map(|grant| granted(grant, worker)));
        Ok(Decision { facts, records, reply: Ok(Completed::Recorded(grants)) })
    }

    /// The coordinator stood still, and could hear nobody: leases get a fresh term, nobody has stalled, and every worker counts as heard.
    pub fn renewal_decision(&self, now: Timestamp) -> Decision<()> {
        let expires = now.after(self.limits.lease_ms);
        let again = |job| [Fact::Renewed { job, expires }, Fact::Resumed { job }];
        let renewed = self.expiries.iter().flat_map(|(_, job)| again(*job));
        let seen = self.workers.keys().map(|worker| Fact::Seen { worker: *worker, at: now, number: 0 });
        Decision { facts: renewed.chain(seen).collect(), records: Vec::new(), reply: () }
    }

    /// Time has passed: leases that ran out are lost, workers are silent, those that were for long are forgotten.
    pub fn expiry_decision(&self, now: Timestamp) -> Decision<()> {
        let expired = self.expiries.iter().take_while(|(expires, _)| *expires <= now);
        let mut facts: Vec<_> = expired
            .filter_map(|(_, job)| Some(Fact::Lost { job: *job, attempt: self.jobs.get(job)?.attempts }))
            .collect();
        let silent = self.workers.iter().filter(|(_, worker)| worker.seen.after(self.limits.forget_ms) <= now);
        facts.extend(silent.map(|(worker, _)| Fact::Forgotten { worker: *worker }));
        let is_overdue = |worker: &Worker| !worker.silent && worker.seen.after(self.limits.silent_ms()) <= now;
        let overdue = self.workers.iter().filter(|(_, worker)| is_overdue(worker));
        facts.extend(overdue.map(|(worker, _)| Fact::Silent { worker: *worker }));
        Decision { facts, records: Vec::new(), reply: () }
    }

    /// What has happened makes looks due: each sweep takes its next one. Taking it may make another due.
    pub fn look_decision(&self) -> Decision<()> {
        let due = self.sweeps.values().filter_map(|sweep| Some((sweep, sweep.due_look(&self.jobs)?)));
        let facts = due.map(|(sweep, look)| Fact::Looked { sweep: sweep.plan.sweep.clone(), look }).collect();
        Decision { facts, records: Vec::new(), reply: () }
    }

    /// Whether a lease is the last one of its job that its holder ended.
    fn has_ended(&self, lease: &Lease) -> bool {
        let live = self.jobs.get(&lease.job).map(|job| job.ended);
        let done = || self.done(lease.job).map(|fingerprint| (Attempt(1), fingerprint));
        live.unwrap_or_else(done) == Some((lease.attempt, lease.token.into()))
    }

    fn worker(&self, worker: WorkerId) -> Result<&Worker, Rejection> {
        self.workers.get(&worker).ok_or(Rejection::UnknownWorker(worker))
    }

    /// The worker, unless its synchronisation of that number was overtaken.
    fn turn_of(&self, worker: WorkerId, number: u64) -> Result<&Worker, Rejection> {
        let entry = self.worker(worker)?;
        if (1..entry.last_number).contains(&number) { Err(Rejection::Overtaken) } else { Ok(entry) }
    }

    /// Ends the attempts of those of the jobs that run: nobody wants them any more.
    pub(super) fn recalls(&self, jobs: &[JobId]) -> Vec<Fact> {
        let attempt = |job: &JobId| self.jobs.get(job)?.holder().map(|holder| holder.attempt);
        jobs.iter().filter_map(|job| Some(Fact::Recalled { job: *job, attempt: attempt(job)? })).collect()
    }

    /// Gives back the lease that is out for a job.
    fn released(&self, job: JobId) -> Option<Fact> {
        Some(Fact::Released { job, attempt: self.jobs.get(&job)?.attempts, too_large: false })
    }

    /// What follows from handing in what cannot be: nothing the first time, for it may have been garbled on its way.
    fn refused(&self, lease: &Lease, reason: String, worker: &Worker) -> (Fact, Breach) {
        let Lease { job, attempt, .. } = *lease;
        let breach = Breach { job, attempt, reason };
        let state = self.jobs.get(&job).map(|job| &job.state);
        if matches!(state, Some(JobState::Leased { refused: true, .. })) {
            let message = Line::message(&breach.to_string());
            let (kind, worker, log) = (FailureKind::Error, worker.info.name.clone(), Tail::default());
            return (Fact::Failed { job, attempt, kind, message, worker, log }, breach);
        }
        (Fact::Refused { job }, breach)
    }

    fn measured(&self, lease: &Lease, measurements: &[Measurement], facts: &mut Vec<Fact>, records: &mut Vec<Record>) {
        let Some(last) = measurements.iter().max_by_key(|measurement| measurement.epoch) else { return };
        let (job, attempt) = (lease.job, lease.attempt);
        facts.push(Fact::Progressed { job, epoch: last.epoch, seconds: last.seconds, loss: last.train_loss });
        records.push(Record::Measurements { job, attempt, measurements: measurements.to_vec() });
    }
}

fn granted(grant: &Grant, worker: WorkerId) -> Fact {
    let Lease { job, attempt, token } = grant.lease;
    Fact::Granted { job, attempt, token, worker }
}
