//! The fold of the facts. [`State::apply`] is the only mutator, live and on replay.

use super::jobs::Jobs;
use super::plausible::SplitKey;
use super::quarantine::Conduct;
use super::{
    Fact, Fingerprint, Found, Grade, IllegalTransition, Job, JobState, Listing, Offer, Sweep, Timestamp, WorkerInfo,
};
use crate::race::Look;
use proto::data::{Dataset, Inventory};
use proto::ids::{JobId, SplitHash, WorkerId};
use proto::status::DeviceReading;
use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Times and limits of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A lease ends this long after its last renewal.
    pub lease_ms: u64,
    /// People stop seeing a worker without leases after it was silent for this long.
    pub forget_ms: u64,
    /// Only this sweep's jobs are granted, if one is named; the others of the store wait.
    pub only: Option<String>,
    /// A job that is not measured for this long goes to another worker, if there is one; see `stalls.rs`.
    pub progress_ms: Option<u64>,
}

impl Limits {
    /// A worker that has not called for so long is overdue: it calls every third of a lease.
    #[must_use]
    pub fn silent_ms(&self) -> u64 {
        self.lease_ms / 3 * 2
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { lease_ms: 30_000, forget_ms: 300_000, only: None, progress_ms: None }
    }
}

/// A worker that has registered since the coordinator started.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worker {
    pub(super) info: WorkerInfo,
    pub(super) seen: Timestamp,
    pub(super) offers: BTreeMap<Dataset, Found>,
    pub(super) draining: bool,
    /// It is overdue, and people know.
    pub(super) silent: bool,
    /// It has called since it registered.
    pub(super) has_called: bool,
    /// The number of its last synchronisation, if they are numbered.
    pub(super) last_number: u64,
    /// What its devices last said of themselves.
    pub(super) readings: Vec<DeviceReading>,
}

/// Everything the coordinator knows.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(super) limits: Limits,
    /// Makes the tokens of this coordinator's life unlike those of any other.
    pub(super) nonce: u128,
    /// When it was read from a journal: what that says happened before, at times that are not known.
    pub(super) restored: Timestamp,
    pub(super) sweeps: BTreeMap<u64, Sweep>,
    pub(super) numbers: BTreeMap<String, u64>,
    /// The jobs of which more is known than that they wait for the one sweep that lists them.
    pub(super) jobs: Jobs,
    /// The jobs of the next sweep, made ready.
    pub(super) listing: Option<Arc<Listing>>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) conduct: BTreeMap<WorkerId, Conduct>,
    pub(super) leases: BTreeMap<WorkerId, BTreeSet<JobId>>,
    pub(super) expiries: BTreeSet<(Timestamp, JobId)>,
    /// The splits of results, as the first of each said.
    pub(super) splits: BTreeMap<SplitKey, SplitHash>,
}

impl State {
    /// The state before the first fact. `nonce` must differ from life to life of the coordinator.
    #[must_use]
    pub fn new(limits: Limits, nonce: u128) -> Self {
        Self { limits, nonce, ..Self::default() }
    }

    /// The state that a journal came to, once all its facts are applied.
    #[must_use]
    pub fn restored(self, now: Timestamp) -> Self {
        Self { restored: now, ..self }
    }

    /// When a decision is due without any request.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let expiry = self.expiries.first().map(|&(at, _)| at);
        let forget = self.workers.values().map(|worker| worker.seen.after(self.limits.forget_ms)).min();
        let talking = self.workers.values().filter(|worker| !worker.silent);
        let silence = talking.map(|worker| worker.seen.after(self.limits.silent_ms())).min();
        expiry.into_iter().chain(forget).chain(silence).min()
    }

    /// The sweep of that name, or the one submitted last if the name is empty.
    #[must_use]
    pub fn sweep(&self, name: &str) -> Option<&Sweep> {
        if name.is_empty() {
            return self.sweeps.values().next_back();
        }
        self.sweeps.get(self.numbers.get(name)?)
    }

    /// The sweeps whose jobs may be granted, in the order in which workers serve them.
    pub(super) fn served(&self) -> impl Iterator<Item = &Sweep> {
        let only = self.limits.only.as_deref();
        self.sweeps.values().filter(move |sweep| only.is_none_or(|name| name == sweep.plan.sweep))
    }

    /// Every sweep, in the order of submission.
    pub fn sweeps(&self) -> impl Iterator<Item = &Sweep> {
        self.sweeps.values()
    }

    /// A job.
    #[must_use]
    pub fn job(&self, id: JobId) -> Option<Cow<'_, Job>> {
        let done = || self.done(id).map(|fingerprint| Job::done(self.places_of(id).collect(), fingerprint));
        let listed = || self.listed(&self.places_of(id).next()?).map(|job| *job);
        self.jobs.get(&id).map(Cow::Borrowed).or_else(|| done().or_else(listed).map(Cow::Owned))
    }

    /// What is kept of a job, if it is done.
    pub(super) fn done(&self, id: JobId) -> Option<Fingerprint> {
        let listed = self.sweeps.values().find_map(|sweep| sweep.done_at(sweep.jobs.place_of(id)?));
        listed.or_else(|| self.jobs.unlisted_at(&id))
    }

    /// A job of which nothing is known but the sweep that lists it.
    fn listed(&self, place: &(u64, u32)) -> Option<Box<Job>> {
        let state = self.sweeps.get(&place.0)?.unknown();
        Some(Box::new(Job::listed(*place, state)))
    }

    /// Where sweeps list a job: their numbers, and its places in their queues.
    pub(super) fn places_of(&self, id: JobId) -> impl Iterator<Item = (u64, u32)> {
        self.sweeps.values().filter_map(move |sweep| Some((sweep.number, sweep.jobs.place_of(id)?)))
    }

    /// Makes a fact true.
    ///
    /// # Errors
    /// If the fact does not fit the state.
    pub fn apply(&mut self, now: Timestamp, fact: &Fact) -> Result<(), IllegalTransition> {
        match fact {
            Fact::Submitted { plan, .. } => self.submit(Arc::new(plan.as_ref().clone())),
            Fact::Pinned { sweep, inventory, by } => {
                let inventory = self.kept(inventory).unwrap_or_else(|| Arc::new(inventory.clone()));
                self.pin(sweep, inventory, by);
            }
            Fact::Rejected { sweep, problem } => {
                if let Some(sweep) = self.sweep_mut(sweep) {
                    sweep.rejected = Some(problem.clone());
                }
            }
            Fact::Cancelled { sweep, shared } => self.cancel(sweep, *shared),
            Fact::Deleted { sweep } => self.delete(sweep),
            Fact::Looked { sweep, look } => return self.take(sweep, look),
            Fact::Granted { job, .. }
            | Fact::Revived { job, .. }
            | Fact::Released { job, .. }
            | Fact::Recalled { job, .. }
            | Fact::Lost { job, .. }
            | Fact::Stalled { job, .. }
            | Fact::Failed { job, .. }
            | Fact::Succeeded { job, .. }
            | Fact::Renewed { job, .. }
            | Fact::Resumed { job }
            | Fact::Refused { job }
            | Fact::Progressed { job, .. } => {
                let expires = now.after(self.limits.lease_ms);
                let worker = self.worker_of(*job, fact);
                self.note_epoch(now, fact);
                let mut result = Ok(());
                self.change(*job, |state| result = state.apply(*job, fact, now, expires));
                if let (Some(worker), Ok(())) = (worker, &result) {
                    self.note_conduct(worker, fact);
                }
                if let (&Fact::Succeeded { grade, split, .. }, Ok(())) = (fact, &result) {
                    self.note_grade(*job, grade.as_ref());
                    if let Some(split) = split {
                        self.note_split(*job, split);
                    }
                }
                return result;
            }
            Fact::Registered { worker, info } => {
                let entry = Worker {
                    info: info.clone(),
                    seen: now,
                    offers: BTreeMap::new(),
                    draining: false,
                    silent: false,
                    has_called: false,
                    last_number: 0,
                    readings: Vec::new(),
                };
                let worker = self.workers.entry(*worker).or_insert(entry);
                // it would not call again if it had gone
                (worker.info, worker.draining) = (info.clone(), false);
            }
            Fact::Seen { worker, at, number } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    (worker.seen, worker.has_called, worker.silent) = (*at, true, false);
                    worker.last_number = worker.last_number.max(*number);
                }
            }
            Fact::Read { worker, readings } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.readings.clone_from(readings);
                }
            }
            Fact::Silent { worker } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.silent = true;
                }
            }
            Fact::Offered { worker, offer: Offer { dataset, found } } => {
                let found = match found {
                    Found::Inventory(inventory) => {
                        Found::Inventory(self.kept(inventory).unwrap_or_else(|| Arc::clone(inventory)))
                    }
                    Found::Problem(problem) => Found::Problem(problem.clone()),
                };
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.offers.insert(dataset.clone(), found);
                }
            }
            Fact::Draining { worker } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.draining = true;
                }
            }
            Fact::Forgotten { worker } => {
                self.workers.remove(worker);
            }
        }
        Ok(())
    }

    /// The same inventory as it is kept already: that of a large data set has megabytes, and all workers offer it. Only the first of its
    /// content is looked at, so that many that only claim to have it cost nothing.
    fn kept(&self, inventory: &Inventory) -> Option<Arc<Inventory>> {
        let pinned = self.sweeps.values().filter_map(|sweep| sweep.inventory.as_ref());
        let offers = self.workers.values().flat_map(|worker| worker.offers.values());
        let offered = offers.filter_map(|found| match found {
            Found::Inventory(inventory) => Some(inventory),
            Found::Problem(_) => None,
        });
        let first = pinned.chain(offered).find(|kept| kept.content == inventory.content)?;
        (**first == *inventory).then(|| Arc::clone(first))
    }

    pub(super) fn sweep_mut(&mut self, name: &str) -> Option<&mut Sweep> {
        self.sweeps.get_mut(self.numbers.get(name)?)
    }

    fn take(&mut self, name: &str, look: &Look) -> Result<(), IllegalTransition> {
        let unexpected = || IllegalTransition::Look { sweep: name.to_owned(), replicates: look.replicates };
        let sweep = self.numbers.get(name).and_then(|number| self.sweeps.get_mut(number)).ok_or_else(unexpected)?;
        if sweep.open > 0 || !sweep.course.expects(&sweep.plan, look) {
            return Err(unexpected());
        }
        sweep.take(look, &self.jobs);
        Ok(())
    }

    /// Changes a job and whatever is derived from its state.
    pub(super) fn change(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        // a job that is nowhere is changed all the same, so that a fact about it is refused as an illegal transition
        let Some(mut job) = self.take_out(id) else {
            let mut unknown = Job::default();
            unknown.cancel();
            return change(&mut unknown);
        };
        self.index(id, &job, false);
        change(&mut job);
        self.index(id, &job, true);
        self.put(id, job);
    }

    /// The jobs with results of which some sweep that takes looks does not know yet how they stand at them: they had succeeded before it
    /// listed them, and no scores are kept for sweeps that may come. Each is told once; [`note_grade`](Self::note_grade) is to follow.
    pub fn take_ungraded(&mut self) -> Vec<JobId> {
        let jobs = &self.jobs;
        self.sweeps.values_mut().flat_map(|sweep| sweep.take_ungraded(jobs)).collect()
    }

    /// Notes what the result of a job is worth, where looks are taken.
    pub fn note_grade(&mut self, id: JobId, grade: Option<&Grade>) {
        for sweep in self.sweeps.values_mut().filter(|sweep| !sweep.marks.is_empty()) {
            if let Some(place) = sweep.jobs.place_of(id) {
                sweep.note_grade(place, grade);
            }
        }
    }

    /// Puts a job among those of which more is known.
    pub(super) fn put(&mut self, id: JobId, job: Box<Job>) {
        let Some(fingerprint) = job.done_with() else { return self.jobs.put(id, job) };
        for (number, place) in &job.places {
            if let Some(sweep) = self.sweeps.get_mut(number) {
                sweep.done[*place as usize] = Some(fingerprint);
            }
        }
        if job.places.is_empty() {
            self.jobs.keep([(id, fingerprint)].into_iter());
        }
    }

    /// Takes out a job, to put it among those of which more is known. What is derived from it stays as it is.
    pub(super) fn take_out(&mut self, id: JobId) -> Option<Box<Job>> {
        if let Some(job) = self.jobs.take(&id) {
            return Some(job);
        }
        let places: Vec<_> = self.places_of(id).collect();
        let Some(first) = places.first() else {
            return Some(Box::new(Job::done(places, self.jobs.take_unlisted(&id)?)));
        };
        let mut done = None;
        for (number, place) in &places {
            let sweep = self.sweeps.get_mut(number);
            done = done.or(sweep.and_then(|sweep| sweep.done[*place as usize].take()));
        }
        let Some(fingerprint) = done else { return self.listed(first) };
        Some(Box::new(Job::done(places, fingerprint)))
    }

    /// Enters a job in what is derived from its state, or takes it out.
    fn index(&mut self, id: JobId, job: &Job, enters: bool) {
        for (number, place) in &job.places {
            if let Some(sweep) = self.sweeps.get_mut(number) {
                sweep.count(*place, &job.state, enters);
            }
        }
        let JobState::Leased { holder, expires, .. } = &job.state else { return };
        if enters {
            self.expiries.insert((*expires, id));
            self.leases.entry(holder.worker).or_default().insert(id);
            return;
        }
        self.expiries.remove(&(*expires, id));
        if let Entry::Occupied(mut leases) = self.leases.entry(holder.worker) {
            leases.get_mut().remove(&id);
            if leases.get().is_empty() {
                leases.remove();
            }
        }
    }
}
