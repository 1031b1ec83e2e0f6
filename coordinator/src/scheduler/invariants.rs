//! What must hold of a state at any time, for tests: what is derived from the jobs' states is what these say.

use super::{Counts, JobState, State};
use proto::ids::{JobId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    /// Panics if what is derived from the jobs' states is not what their states say. For tests.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn check_invariants(&self) {
        let mut expiries = BTreeSet::new();
        let mut leases: BTreeMap<WorkerId, BTreeSet<JobId>> = BTreeMap::new();
        for (id, job) in self.jobs.live() {
            assert_eq!((job.done_with(), self.done(*id)), (None, None), "{id} is live");
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
                assert_eq!(sweep.done_at(place), self.done(*id), "all that list {id} know that it is done");
                let job = self.job(*id).unwrap_or_default();
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
