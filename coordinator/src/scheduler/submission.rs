//! Which jobs a sweep has: what a submission, the content of its data set and a cancellation do to them.

use super::listing::shared;
use super::{Counts, Course, Job, Listing, State, Sweep};
use crate::plan::Plan;
use proto::data::Inventory;
use proto::ids::{ContentHash, JobId};
use proto::spec::Trainer;
use std::collections::BTreeSet;
use std::sync::Arc;

impl State {
    /// The data set that a sweep of this plan will have, if that is known before it is submitted.
    #[must_use]
    pub fn data_of(plan: &Plan) -> Option<Inventory> {
        (plan.trainer() == Trainer::Simulated).then(|| made_up_inventory(plan))
    }

    /// Takes the jobs of the sweep that is submitted next, so that it need not make them itself.
    pub fn make_ready(&mut self, listing: Option<Arc<Listing>>) {
        self.listing = listing;
    }

    pub(super) fn submit(&mut self, plan: Arc<Plan>) {
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
            done: Vec::new(),
            marks: Vec::new(),
            is_ungraded: false,
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
            // what is done stays so: somebody may list it again
            let done = old.jobs.sorted().filter_map(|(id, place)| Some((id, old.done_at(place)?)));
            let unlisted: Vec<_> = done.filter(|(id, _)| self.places_of(*id).next().is_none()).collect();
            self.jobs.keep(unlisted.into_iter());
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

    pub(super) fn pin(&mut self, name: &str, inventory: Arc<Inventory>, by: &str) {
        let Some(sweep) = self.sweep_mut(name) else { return };
        sweep.inventory = Some(inventory);
        by.clone_into(&mut sweep.pinned_by);
        let number = sweep.number;
        self.enqueue(number);
    }

    /// Takes the jobs from a sweep that is no more. Those of which nothing is known go with it.
    fn forget(&mut self, old: &Sweep) {
        self.jobs.retain(|job| {
            job.places.retain(|&(taken, _)| taken != old.number);
            !job.places.is_empty() || job.has_history()
        });
    }

    /// Gives the jobs of a sweep their ids and their places, once the content of the data set is known.
    fn enqueue(&mut self, number: u64) {
        let Some(sweep) = self.sweeps.get(&number) else { return };
        let Some(data) = &sweep.inventory else { return };
        let ready = self.listing.take().filter(|listing| listing.fits(&sweep.plan, data));
        let listing = ready.unwrap_or_else(|| Arc::new(Listing::of(&sweep.plan, data)));
        // what another sweep lists as well is a job of its own from now on
        let mut done = vec![None; listing.len()];
        let mut listed = Vec::new();
        for other in self.sweeps.values().filter(|other| other.number != number) {
            for (id, at, place) in shared(other.jobs.sorted(), listing.sorted()) {
                match other.done_at(at) {
                    Some(fingerprint) => done[place as usize] = Some(fingerprint),
                    None if self.jobs.get(&id).is_none() => listed.push(id),
                    None => {}
                }
            }
        }
        for (_, fingerprint, place) in shared(self.jobs.unlisted(), listing.sorted()) {
            done[place as usize] = Some(fingerprint);
        }
        self.jobs.retain_unlisted(|id| listing.place_of(id).is_none());
        for id in listed {
            if let Some(job) = self.take_out(id) {
                self.jobs.put(id, job);
            }
        }
        let live = shared(self.jobs.live().map(|(id, _)| (*id, ())), listing.sorted());
        let Some(sweep) = self.sweeps.get_mut(&number) else { return };
        sweep.list(listing, done, live.iter().map(|(_, (), place)| *place));
        for (id, (), place) in live {
            self.change(id, |job| {
                job.requeue();
                job.places.push((number, place));
            });
        }
    }

    pub(super) fn cancel(&mut self, name: &str, shared: bool) {
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

    /// Forgets a sweep, and all that is known of the jobs that no other sweep lists.
    pub(super) fn delete(&mut self, name: &str) {
        let Some(number) = self.numbers.get(name).copied() else { return };
        let own = self.jobs_only_of(number);
        // so that their leases are no more
        for id in &own {
            if self.jobs.get(id).is_some_and(|job| !job.is_ended()) {
                self.change(*id, Job::cancel);
            }
        }
        self.jobs.erase(&own);
        self.numbers.remove(name);
        if let Some(old) = self.sweeps.remove(&number) {
            self.forget(&old);
        }
    }

    /// The places of a sweep's jobs of which more is known.
    pub(super) fn known_places(&self, number: u64) -> BTreeSet<u32> {
        let places = self.jobs.live().flat_map(|(_, job)| &job.places);
        let live = places.filter(|(of, _)| *of == number).map(|(_, place)| *place);
        let Some(sweep) = self.sweeps.get(&number) else { return live.collect() };
        live.chain(sweep.done_places()).collect()
    }

    /// How many jobs the cancellation of a sweep ends beside the [known ones](Self::cancellable).
    pub(super) fn count_unknown(&self, number: u64) -> u64 {
        let Some(sweep) = self.sweeps.get(&number).filter(|sweep| !sweep.cancelled) else { return 0 };
        let places = self.known_places(number);
        let is_unknown = |place: &u32| !places.contains(place) && !sweep.is_dropped(*place);
        (0..sweep.jobs.len() as u32).filter(is_unknown).count() as u64
    }

    /// The known jobs that the cancellation of a sweep ends: the unfinished that it still needs and no other sweep wants. With `shared` a
    /// sweep that was cancelled itself, or has dropped the job, does not want it.
    pub(super) fn cancellable(&self, number: u64, shared: bool) -> Vec<JobId> {
        let Some(sweep) = self.sweeps.get(&number) else { return Vec::new() };
        let wants = |&(other, place): &(u64, u32)| {
            let needs = |sweep: &Sweep| !sweep.cancelled && !sweep.is_dropped(place);
            other != number && (!shared || self.sweeps.get(&other).is_some_and(needs))
        };
        let needs = |job: &Job| job.places.iter().any(|(of, place)| *of == number && !sweep.is_dropped(*place));
        let ends = |job: &Job| !job.is_ended() && needs(job) && !job.places.iter().any(wants);
        self.jobs.live().filter(|(_, job)| ends(job)).map(|(id, _)| *id).collect()
    }

    /// Whether some sweep may still need the job.
    pub(super) fn is_wanted(&self, job: &Job) -> bool {
        let needs =
            |&(number, place): &(u64, u32)| self.sweeps.get(&number).is_some_and(|sweep| !sweep.is_dropped(place));
        job.places.iter().any(needs)
    }
}

/// The data set of a simulated sweep, content by name: as many cases as its split uses or, where that depends on the data set, as a
/// synthetic one has or a file lists.
fn made_up_inventory(plan: &Plan) -> Inventory {
    let lists = &plan.dataset.lists;
    let synthetic = || u64::from(plan.dataset.synthetic.unwrap_or_default().cases);
    let cases = match plan.sizes {
        None => plan.drawn().total(),
        Some(_) if lists.partitions.is_empty() => synthetic(),
        Some(_) => lists.named().len() as u64,
    };
    let content = ContentHash::of(format!("simulated {}", plan.dataset.name).as_bytes());
    let mut data = Inventory::new(content, (0..cases).map(|case| format!("case-{case}")).collect());
    if lists.fixed_test.is_some() {
        data.marks.fixed_test = (0..cases as u32 / 4).collect();
    }
    data
}
