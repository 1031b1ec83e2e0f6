//! What a submission, a retry or a deletion would do: decisions about sweeps, beside those about workers in `decide.rs`. Reads the state,
//! changes nothing.

use super::listing::shared;
use super::submit::misfit;
use super::{Decision, Deleted, Fact, Found, JobState, Listing, Record, Rejection, State, Submitted, Sweep};
use crate::plan::Plan;
use proto::data::Inventory;
use proto::ids::JobId;
use proto::spec::Trainer;
use std::borrow::Cow;
use std::sync::Arc;

impl State {
    /// The content that is known of the sweep of the plan's name, if the plan has the same data set.
    pub(super) fn kept_inventory(&self, plan: &Plan) -> Option<&Inventory> {
        let is_real = plan.trainer() == Trainer::Candle;
        self.predecessor(plan).and_then(|old| old.inventory.as_deref()).filter(|_| is_real)
    }

    /// The plan's data set as a worker has offered it, and the worker's name.
    pub(super) fn offered_inventory(&self, plan: &Plan) -> Option<(&Inventory, &str)> {
        let offers = || {
            self.workers.values().filter_map(|worker| match worker.offers.get(&plan.dataset) {
                Some(Found::Inventory(inventory)) => Some((&**inventory, &*worker.info.name)),
                Some(Found::Problem(_)) | None => None,
            })
        };
        // workers stand in no order that means anything: one whose data set fits, if there is any
        let fits = |(inventory, _): &(&Inventory, _)| misfit(plan, inventory).is_none();
        offers().find(fits).or_else(|| offers().next()).filter(|_| plan.trainer() == Trainer::Candle)
    }

    /// The jobs of a plan, if its data set is known.
    #[must_use]
    pub fn listing_for(&self, plan: &Plan) -> Option<Arc<Listing>> {
        let data = self.data_for(plan)?;
        let ready = self.listing.clone().filter(|listing| listing.fits(plan, &data));
        Some(ready.unwrap_or_else(|| Arc::new(Listing::of(plan, &data))))
    }

    fn data_for(&self, plan: &Plan) -> Option<Cow<'_, Inventory>> {
        let offered = || self.offered_inventory(plan).map(|(inventory, _)| inventory);
        let known = || self.kept_inventory(plan).or_else(offered).map(Cow::Borrowed);
        Self::data_of(plan).map(Cow::Owned).or_else(known)
    }

    /// What the submission of a plan would do.
    #[must_use]
    pub fn account(&self, plan: &Plan) -> Submitted {
        let jobs = plan.jobs() as u64;
        let mut account = Submitted { sweep: plan.sweep.clone(), jobs, ..Submitted::default() };
        let old = self.numbers.get(&plan.sweep).and_then(|number| self.sweeps.get(number));
        let Some(listing) = self.listing_for(plan) else {
            account.unknown = jobs;
            account.hidden = old.map_or(0, |old| old.counts.succeeded);
            return account;
        };
        account.succeeded = shared(self.jobs.done_ids().map(|id| (id, ())), listing.sorted()).len() as u64;
        for (_, job, _) in shared(self.jobs.live().map(|(id, job)| (*id, job)), listing.sorted()) {
            *account.of(&job.state) += 1;
        }
        for sweep in self.sweeps.values() {
            let listed = shared(sweep.jobs.sorted(), listing.sorted());
            // what two sweeps list is known
            let unknown = listed.iter().filter(|(id, ..)| !self.jobs.contains(id)).count() as u64;
            *account.of(&sweep.unknown()) += unknown;
        }
        account.new = jobs - account.succeeded - account.retried - account.running - account.waiting;
        account.hidden = old.map_or(0, |old| old.counts.succeeded - self.succeeded_in_both(old, &listing));
        account
    }

    fn succeeded_in_both(&self, sweep: &Sweep, listing: &Listing) -> u64 {
        let both = shared(sweep.jobs.sorted(), listing.sorted());
        both.iter().filter(|(id, ..)| self.has_succeeded(id)).count() as u64
    }

    /// Whether a job has a result.
    #[must_use]
    pub fn has_succeeded(&self, id: &JobId) -> bool {
        self.jobs.state(id) == Some(&JobState::Succeeded)
    }

    /// Somebody wants a sweep's failed and cancelled jobs tried again: its file, of that text, is submitted once more. The reply is the
    /// number of these jobs; if there are none, nothing changes.
    ///
    /// # Errors
    /// If there is no such sweep, or its data set does not fit it.
    pub fn retry_decision(&self, name: &str, text: String) -> Result<Decision<u64>, Rejection> {
        let sweep = self.named(name)?;
        let reply = match sweep.inventory {
            None if sweep.cancelled => sweep.plan.jobs() as u64,
            _ => sweep.counts.failed + sweep.counts.cancelled,
        };
        if reply == 0 {
            return Ok(Decision { facts: Vec::new(), records: Vec::new(), reply });
        }
        let Decision { facts, records, .. } = self.submit_decision(sweep.plan.as_ref().clone(), text)?;
        Ok(Decision { facts, records, reply })
    }

    /// Somebody deletes a sweep; the reply says what becomes of its results.
    ///
    /// # Errors
    /// If there is no such sweep.
    pub fn delete_decision(&self, name: &str) -> Result<Decision<Deleted>, Rejection> {
        let sweep = self.named(name)?;
        let jobs = self.jobs_only_of(sweep.number);
        let results = jobs.iter().filter(|id| self.has_succeeded(id)).count() as u64;
        let reply = Deleted { results, shared: sweep.counts.succeeded - results };
        let facts = vec![Fact::Deleted { sweep: name.to_owned() }];
        Ok(Decision { facts, records: vec![Record::Erased { jobs }], reply })
    }

    /// The sweep of that very name: no name must not stand for the sweep submitted last.
    pub(super) fn named(&self, name: &str) -> Result<&Sweep, Rejection> {
        let sweep = self.numbers.get(name).and_then(|number| self.sweeps.get(number));
        sweep.ok_or_else(|| Rejection::UnknownSweep(name.to_owned()))
    }

    /// The jobs of a sweep of which more is known, and that no other sweep lists.
    pub(super) fn jobs_only_of(&self, number: u64) -> Vec<JobId> {
        let Some(sweep) = self.sweeps.get(&number) else { return Vec::new() };
        let is_known = |id: &&JobId| self.jobs.contains(id);
        let is_shared = |id: &JobId| self.places_of(*id).any(|(other, _)| other != number);
        sweep.jobs.iter().filter(is_known).filter(|id| !is_shared(id)).copied().collect()
    }
}

impl Submitted {
    fn of(&mut self, state: &JobState) -> &mut u64 {
        match state {
            JobState::Succeeded => &mut self.succeeded,
            JobState::Failed { .. } | JobState::Cancelled => &mut self.retried,
            JobState::Leased { .. } => &mut self.running,
            JobState::Queued => &mut self.waiting,
        }
    }
}
