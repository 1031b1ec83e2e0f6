//! Which jobs a worker gets, and why it gets none of some sweep. Reads the state, changes nothing.

use super::state::Worker;
use super::{Fact, Found, Grant, JobState, State, Sweep};
use proto::ids::{JobId, Lease, Token, WorkerId};
use proto::spec::Trainer;
use std::collections::BTreeSet;

impl State {
    /// The lease that is out for a job.
    pub(super) fn current_grant(&self, job: JobId) -> Option<Grant> {
        let entry = self.jobs.get(&job)?;
        let JobState::Leased { holder, .. } = &entry.state else { return None };
        let &(number, place) = entry.places.first()?;
        let sweep = self.sweeps.get(&number)?;
        let lease = Lease { job, attempt: holder.attempt, token: holder.token };
        Some(Grant { lease, dataset: sweep.plan.dataset.clone(), spec: sweep.spec(place)? })
    }

    /// Grants up to `room` jobs of the oldest sweeps that the worker can serve, in queue order.
    pub(super) fn grant(
        &self,
        worker: WorkerId,
        entry: &Worker,
        room: usize,
        except: &BTreeSet<JobId>,
        facts: &mut Vec<Fact>,
        grants: &mut Vec<Grant>,
    ) {
        let mut chosen = except.clone();
        let wanted = chosen.len() + room;
        for sweep in self.served().filter(|sweep| !sweep.queue.is_empty() && can_run(entry, sweep)) {
            for &place in &sweep.queue {
                if chosen.len() == wanted {
                    return;
                }
                let job = sweep.jobs[place as usize];
                let (Some(entry), Some(spec)) = (self.jobs.get(&job), sweep.spec(place)) else { continue };
                if chosen.insert(job) {
                    let attempt = entry.attempts.next();
                    let token = Token::of(format!("{:032x} {job} {attempt}", self.nonce).as_bytes());
                    facts.push(Fact::Granted { job, attempt, token, worker });
                    let lease = Lease { job, attempt, token };
                    grants.push(Grant { lease, dataset: sweep.plan.dataset.clone(), spec });
                }
            }
        }
    }
}

impl Worker {
    /// Jobs that the worker may be given: it has so many free slots and runs so many jobs.
    pub(super) fn room(&self, free_slots: u32, busy: usize) -> usize {
        let slots = if self.draining { 0 } else { self.info.slots as usize };
        slots.saturating_sub(busy).min(free_slots as usize)
    }
}

/// Whether the worker runs this kind of job at all: made-up results are never mixed with real ones.
pub(super) fn serves(worker: &Worker, sweep: &Sweep) -> bool {
    worker.info.simulated == (sweep.trainer() == Trainer::Simulated)
}

/// Whether the worker has the very data that the sweep is pinned to.
fn can_run(worker: &Worker, sweep: &Sweep) -> bool {
    let Some(pinned) = &sweep.inventory else { return false };
    let same = |found: &Found| matches!(found, Found::Inventory(inventory) if inventory.content == pinned.content);
    serves(worker, sweep) && (worker.info.simulated || worker.offers.get(&sweep.plan.dataset).is_some_and(same))
}

/// Why the worker gets no jobs of the sweep, for people.
pub(super) fn notice(worker: &Worker, sweep: &Sweep) -> Option<String> {
    let (name, data) = (&sweep.plan.sweep, &sweep.plan.dataset.name);
    match (worker.offers.get(&sweep.plan.dataset)?, &sweep.inventory) {
        (Found::Problem(problem), _) => Some(format!("no jobs of sweep `{name}`: {problem}")),
        (Found::Inventory(own), Some(pinned)) if own.content != pinned.content => Some(format!(
            "no jobs of sweep `{name}`: data set `{data}` has content {} here, but the sweep uses content {} (first offered by {})",
            own.content.short(),
            pinned.content.short(),
            sweep.pinned_by
        )),
        (Found::Inventory(_), _) => None,
    }
}
