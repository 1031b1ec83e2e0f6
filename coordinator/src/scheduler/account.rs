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
        let mut is_done = vec![false; listing.len()];
        for (_, (), place) in shared(self.jobs.unlisted().map(|(id, _)| (id, ())), listing.sorted()) {
            is_done[place as usize] = true;
        }
        for (_, job, _) in shared(self.jobs.live().map(|(id, job)| (*id, job)), listing.sorted()) {
            *account.of(&job.state) += 1;
        }
        let mut kept = 0;
        for sweep in self.sweeps.values() {
            let mut unknown = 0;
            for (id, at, place) in shared(sweep.jobs.sorted(), listing.sorted()) {
                let has_succeeded = sweep.done_at(at).is_some();
                is_done[place as usize] |= has_succeeded;
                // what two sweeps list is known
                unknown += u64::from(!has_succeeded && self.jobs.get(&id).is_none());
                let is_kept = || has_succeeded || self.jobs.has_succeeded(&id);
                kept += u64::from(old.is_some_and(|old| old.number == sweep.number) && is_kept());
            }
            *account.of(&sweep.unknown()) += unknown;
        }
        account.succeeded += is_done.iter().filter(|is_done| **is_done).count() as u64;
        account.new = jobs - account.succeeded - account.retried - account.running - account.waiting;
        account.hidden = old.map_or(0, |old| old.counts.succeeded - kept);
        account
    }

    /// Whether a job has a result.
    #[must_use]
    pub fn has_succeeded(&self, id: &JobId) -> bool {
        self.jobs.get(id).map_or_else(|| self.done(*id).is_some(), |job| job.state == JobState::Succeeded)
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
        let mut facts = self.recalls(&jobs);
        facts.push(Fact::Deleted { sweep: name.to_owned() });
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
        let is_known = |place: u32, id: &JobId| sweep.done_at(place).is_some() || self.jobs.get(id).is_some();
        let is_shared = |id: &JobId| self.places_of(*id).any(|(other, _)| other != number);
        let known = (0..).zip(sweep.jobs.iter()).filter(|(place, id)| is_known(*place, id));
        known.map(|(_, id)| *id).filter(|id| !is_shared(id)).collect()
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
