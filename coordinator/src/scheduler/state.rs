//! The fold of the facts. [`State::apply`] is the only mutator, live and on replay.

use super::listing::shared;
use super::plausible::SplitKey;
use super::quarantine::Conduct;
use super::{
    Counts, Course, Fact, Found, IllegalTransition, Job, JobState, Listing, Offer, Sweep, Timestamp, WorkerInfo,
};
use crate::analysis::racing::Look;
use crate::plan::Plan;
use proto::data::{Dataset, Inventory};
use proto::ids::{ContentHash, JobId, SplitHash, WorkerId};
use proto::spec::Trainer;
use std::borrow::Cow;
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

impl Default for Limits {
    fn default() -> Self {
        Self { lease_ms: 30_000, forget_ms: 300_000, only: None, progress_ms: None }
    }
}

/// A worker that has registered since the coordinator started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worker {
    pub(super) info: WorkerInfo,
    pub(super) seen: Timestamp,
    pub(super) offers: BTreeMap<Dataset, Found>,
    pub(super) draining: bool,
    /// It has called since it registered.
    pub(super) has_called: bool,
    /// The number of its last synchronisation, if they are numbered.
    pub(super) last_number: u64,
}

/// Everything the coordinator knows.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(super) limits: Limits,
    /// Makes the tokens of this coordinator's life unlike those of any other.
    pub(super) nonce: u128,
    pub(super) sweeps: BTreeMap<u64, Sweep>,
    pub(super) numbers: BTreeMap<String, u64>,
    /// The jobs of which more is known than that they wait for the one sweep that lists them.
    pub(super) jobs: BTreeMap<JobId, Job>,
    /// The jobs of the next sweep, made ready.
    listing: Option<Arc<Listing>>,
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

    /// When a decision is due without any request.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let expiry = self.expiries.first().map(|&(at, _)| at);
        let forget = self.workers.values().map(|worker| worker.seen.after(self.limits.forget_ms)).min();
        expiry.into_iter().chain(forget).min()
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
        self.jobs.get(&id).map(Cow::Borrowed).or_else(|| self.listed(id).map(Cow::Owned))
    }

    /// A job of which nothing is known but the sweep that lists it.
    fn listed(&self, id: JobId) -> Option<Job> {
        let place_in = |sweep: &Sweep| sweep.jobs.place_of(id).map(|place| (sweep.number, place));
        let (number, place) = self.sweeps.values().find_map(place_in)?;
        let state = self.sweeps.get(&number)?.unknown();
        Some(Job::listed((number, place), state))
    }

    /// The content of the data set that a sweep of this plan will have, if that is known before it is submitted.
    #[must_use]
    pub fn content_of(plan: &Plan) -> Option<ContentHash> {
        (plan.trainer() == Trainer::Simulated).then(|| made_up_inventory(plan).content)
    }

    /// Takes the jobs of the sweep that is submitted next, so that it need not make them itself.
    pub fn make_ready(&mut self, listing: Option<Arc<Listing>>) {
        self.listing = listing;
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
                if let (&Fact::Succeeded { split: Some(split), .. }, Ok(())) = (fact, &result) {
                    self.note_split(*job, split);
                }
                return result;
            }
            Fact::Registered { worker, info } => {
                let entry = Worker {
                    info: info.clone(),
                    seen: now,
                    offers: BTreeMap::new(),
                    draining: false,
                    has_called: false,
                    last_number: 0,
                };
                let worker = self.workers.entry(*worker).or_insert(entry);
                // it would not call again if it had gone
                (worker.info, worker.draining) = (info.clone(), false);
            }
            Fact::Seen { worker, at, number } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    (worker.seen, worker.has_called) = (*at, true);
                    worker.last_number = worker.last_number.max(*number);
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

    fn sweep_mut(&mut self, name: &str) -> Option<&mut Sweep> {
        self.sweeps.get_mut(self.numbers.get(name)?)
    }

    fn submit(&mut self, plan: Arc<Plan>) {
        let number = self.sweeps.last_key_value().map_or(1, |(number, _)| number + 1);
        let mut sweep = Sweep {
            number,
            course: Course::new(&plan),
            plan,
            inventory: None,
            pinned_by: String::new(),
            rejected: None,
            cancelled: false,
            jobs: Arc::default(),
            queue: BTreeSet::new(),
            failed: BTreeSet::new(),
            open: 0,
            counts: Counts::default(),
            longest_epoch_ms: 0,
            epochs_succeeded: 0,
            epochs_dropped: 0,
        };
        if sweep.trainer() == Trainer::Simulated {
            sweep.inventory = Some(Arc::new(made_up_inventory(&sweep.plan)));
        } else if let Some(old) = self.predecessor(&sweep.plan) {
            sweep.inventory.clone_from(&old.inventory);
            sweep.pinned_by.clone_from(&old.pinned_by);
        }
        let old = self.numbers.insert(sweep.plan.sweep.clone(), number).and_then(|old| self.sweeps.remove(&old));
        if let Some(old) = old {
            self.forget(&old);
        }
        self.sweeps.insert(number, sweep);
        self.enqueue(number);
    }

    /// The sweep of the plan's name, if it has the plan's data set: its content stays pinned, so that old and new rows can be compared.
    pub(super) fn predecessor(&self, plan: &Plan) -> Option<&Sweep> {
        let old = self.sweeps.get(self.numbers.get(&plan.sweep)?)?;
        let same = old.plan.dataset == plan.dataset && old.trainer() == Trainer::Candle && old.rejected.is_none();
        (same && old.inventory.is_some()).then_some(old)
    }

    fn pin(&mut self, name: &str, inventory: Arc<Inventory>, by: &str) {
        let Some(sweep) = self.sweep_mut(name) else { return };
        sweep.inventory = Some(inventory);
        by.clone_into(&mut sweep.pinned_by);
        let number = sweep.number;
        self.enqueue(number);
    }

    /// Takes the jobs from a sweep that is no more. Those of which nothing is known go with it.
    fn forget(&mut self, old: &Sweep) {
        self.jobs.retain(|_, job| {
            job.places.retain(|&(taken, _)| taken != old.number);
            !job.places.is_empty() || job.has_history()
        });
    }

    /// Gives the jobs of a sweep their ids and their places, once the content of the data set is known.
    fn enqueue(&mut self, number: u64) {
        let Some(sweep) = self.sweeps.get(&number) else { return };
        let Some(content) = sweep.inventory.as_ref().map(|inventory| inventory.content) else { return };
        let ready = self.listing.take().filter(|listing| listing.fits(&sweep.plan, content));
        let listing = ready.unwrap_or_else(|| Arc::new(Listing::of(&sweep.plan, content)));
        // what another sweep lists as well is a job of its own from now on
        let others = self.sweeps.values().filter(|other| other.number != number);
        let listed = others.flat_map(|other| shared(other.jobs.sorted(), listing.sorted()));
        let listed: Vec<_> = listed.map(|(id, ..)| id).filter(|id| !self.jobs.contains_key(id)).collect();
        for id in listed {
            self.know(id);
        }
        let known = shared(self.jobs.keys().map(|id| (*id, ())), listing.sorted());
        let Some(sweep) = self.sweeps.get_mut(&number) else { return };
        sweep.jobs = listing;
        sweep.count_unknown(&known.iter().map(|(_, (), place)| *place).collect());
        for (id, (), place) in known {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            let before = job.clone();
            job.requeue();
            job.places.push((number, place));
            let after = job.clone();
            self.reindex(id, &before, &after);
        }
    }

    /// Makes a listed job one of which more can be known. What is derived from it stays as it is.
    fn know(&mut self, id: JobId) {
        if !self.jobs.contains_key(&id)
            && let Some(job) = self.listed(id)
        {
            self.jobs.insert(id, job);
        }
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

    fn cancel(&mut self, name: &str, shared: bool) {
        let Some(number) = self.numbers.get(name).copied() else { return };
        let cancellable = self.cancellable(number, shared);
        let known = self.known_places(number);
        let Some(sweep) = self.sweeps.get_mut(&number) else { return };
        if !std::mem::replace(&mut sweep.cancelled, true) {
            sweep.cancel_unknown(&known);
        }
        for id in cancellable {
            self.change(id, Job::cancel);
        }
    }

    /// The places of a sweep's jobs of which more is known.
    pub(super) fn known_places(&self, number: u64) -> BTreeSet<u32> {
        let places = self.jobs.values().flat_map(|job| &job.places);
        places.filter(|(of, _)| *of == number).map(|(_, place)| *place).collect()
    }

    /// How many jobs the cancellation of a sweep ends.
    pub(super) fn count_cancellable(&self, number: u64) -> u64 {
        let known = self.cancellable(number, true).len() as u64;
        let Some(sweep) = self.sweeps.get(&number).filter(|sweep| !sweep.cancelled) else { return known };
        let places = self.known_places(number);
        let is_unknown = |place: &u32| !places.contains(place) && !sweep.is_dropped(*place);
        known + (0..sweep.jobs.len() as u32).filter(is_unknown).count() as u64
    }

    /// The known jobs that the cancellation of a sweep ends: the unfinished that it still needs and no other sweep wants. With `shared` a
    /// sweep that was cancelled itself, or has dropped the job, does not want it.
    fn cancellable(&self, number: u64, shared: bool) -> Vec<JobId> {
        let Some(sweep) = self.sweeps.get(&number) else { return Vec::new() };
        let wants = |&(other, place): &(u64, u32)| {
            let needs = |sweep: &Sweep| !sweep.cancelled && !sweep.is_dropped(place);
            other != number && (!shared || self.sweeps.get(&other).is_some_and(needs))
        };
        let needs = |job: &Job| job.places.iter().any(|(of, place)| *of == number && !sweep.is_dropped(*place));
        let ends = |job: &Job| !job.is_ended() && needs(job) && !job.places.iter().any(wants);
        self.jobs.iter().filter(|(_, job)| ends(job)).map(|(id, _)| *id).collect()
    }

    /// Whether some sweep may still need the job.
    pub(super) fn is_wanted(&self, job: &Job) -> bool {
        let needs =
            |&(number, place): &(u64, u32)| self.sweeps.get(&number).is_some_and(|sweep| !sweep.is_dropped(place));
        job.places.iter().any(needs)
    }

    /// Changes a job and whatever is derived from its state.
    fn change(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        self.know(id);
        // a job that is nowhere is changed all the same, so that a fact about it is refused as an illegal transition
        let Some(job) = self.jobs.get_mut(&id) else {
            let mut unknown = Job::default();
            unknown.cancel();
            return change(&mut unknown);
        };
        let before = job.clone();
        change(job);
        let after = job.clone();
        self.reindex(id, &before, &after);
    }

    fn reindex(&mut self, id: JobId, before: &Job, after: &Job) {
        for &(number, place) in &before.places {
            if let Some(sweep) = self.sweeps.get_mut(&number) {
                sweep.count(place, &before.state, false);
            }
        }
        for &(number, place) in &after.places {
            if let Some(sweep) = self.sweeps.get_mut(&number) {
                sweep.count(place, &after.state, true);
            }
        }
        if let JobState::Leased { holder, expires, .. } = &before.state {
            self.expiries.remove(&(*expires, id));
            if let Some(leases) = self.leases.get_mut(&holder.worker) {
                leases.remove(&id);
                if leases.is_empty() {
                    self.leases.remove(&holder.worker);
                }
            }
        }
        if let JobState::Leased { holder, expires, .. } = &after.state {
            self.expiries.insert((*expires, id));
            self.leases.entry(holder.worker).or_default().insert(id);
        }
    }

    /// Panics if what is derived from the jobs' states is not what their states say. For tests.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn check_invariants(&self) {
        let mut expiries = BTreeSet::new();
        let mut leases: BTreeMap<WorkerId, BTreeSet<JobId>> = BTreeMap::new();
        for (id, job) in &self.jobs {
            if let JobState::Leased { holder, expires, .. } = &job.state {
                assert_eq!(holder.attempt, job.attempts, "the lease of {id} is that of its last attempt");
                expiries.insert((*expires, *id));
                leases.entry(holder.worker).or_default().insert(*id);
            }
        }
        assert_eq!(self.expiries, expiries);
        assert_eq!(self.leases, leases);
        for (number, sweep) in &self.sweeps {
            let (mut counts, mut queue, mut open) = (Counts::default(), BTreeSet::new(), 0);
            let mut failed = BTreeSet::new();
            for (place, id) in (0..).zip(sweep.jobs.iter()) {
                let Some(job) = self.job(*id) else { panic!("job {id} is nowhere") };
                assert!(job.places.contains(&(*number, place)));
                assert_eq!(sweep.jobs.place_of(*id), Some(place));
                let (candidate, replicate) = sweep.coordinates(place);
                *counts.of(&job.state, sweep.is_dropped(place)) += 1;
                if matches!(job.state, JobState::Failed { .. }) && !sweep.is_dropped(place) {
                    failed.insert(place);
                }
                let may_run = sweep.course.is_open(candidate, replicate);
                open += u64::from(may_run && !job.is_ended());
                if may_run && matches!(job.state, JobState::Queued) {
                    queue.insert(place);
                }
            }
            assert_eq!((&sweep.counts, &sweep.queue, sweep.open), (&counts, &queue, open));
            assert_eq!(sweep.failed, failed);
            if sweep.inventory.is_some() {
                assert_eq!(sweep.counts.total(), sweep.plan.jobs() as u64, "each job of the grid is counted once");
            }
            sweep.course.check_invariants(&sweep.plan);
        }
    }
}

/// The data set of a simulated sweep: as many cases as its split uses, content by name.
fn made_up_inventory(plan: &Plan) -> Inventory {
    let total = plan.candidates.first().map_or(0, |candidate| candidate.template.split.total());
    Inventory {
        content: ContentHash::of(format!("simulated {}", plan.dataset.name).as_bytes()),
        cases: (0..total).map(|case| format!("case-{case}")).collect(),
    }
}
