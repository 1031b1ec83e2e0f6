//! Which jobs a worker gets, and why it gets none of some sweep. Reads the state, changes nothing.

use super::state::Worker;
use super::{Found, Grant, Job, State, Sweep, Timestamp};
use proto::ids::{JobId, Lease, Token, WorkerId};
use proto::spec::{Precision, Trainer};
use std::cell::LazyCell;
use std::collections::BTreeSet;

impl State {
    /// The lease that is out for a job.
    pub(super) fn current_grant(&self, job: JobId) -> Option<Grant> {
        let entry = self.jobs.get(&job)?;
        let holder = entry.holder()?;
        let &(number, place) = entry.places.first()?;
        let sweep = self.sweeps.get(&number)?;
        sweep.grant(place, Lease { job, attempt: holder.attempt, token: holder.token })
    }

    /// Grants up to `room` jobs of the oldest sweeps that the worker can serve, in queue order; see [`quarantine`](super::quarantine).
    /// Those that are `spared` stay where they are.
    pub(super) fn grant(
        &self,
        now: Timestamp,
        worker: WorkerId,
        room: usize,
        spared: impl Fn(JobId, &Job) -> bool,
    ) -> Vec<Grant> {
        let mut grants = Vec::new();
        let Some(entry) = self.workers.get(&worker).filter(|_| room > 0) else { return grants };
        let is_quarantined = self.is_quarantined(worker);
        let mut chosen = BTreeSet::new();
        for sweep in self.served().filter(|sweep| !sweep.queue.is_empty() && can_run(entry, sweep)) {
            let others = LazyCell::new(|| self.others(now, worker, sweep));
            if is_quarantined && !others.is_empty() {
                continue;
            }
            for &place in &sweep.queue {
                let id = sweep.jobs[place as usize];
                let unknown = Job::default();
                let job = self.jobs.get(&id).unwrap_or(&unknown);
                let precision = sweep.candidate(place).template.training.precision;
                if !computes(entry, precision) {
                    continue;
                }
                let is_for_others =
                    job.failed_on.contains(&worker) && others.iter().any(|other| self.suits(*other, job, precision));
                if !is_for_others && !spared(id, job) && chosen.insert(id) {
                    let attempt = job.attempts.next();
                    let token = Token::of(format!("{:032x} {id} {attempt}", self.nonce).as_bytes());
                    let lease = Lease { job: id, attempt, token };
                    grants.extend(sweep.grant(place, lease));
                }
                if grants.len() == room {
                    return grants;
                }
            }
        }
        grants
    }
}

impl State {
    /// Why the worker has nothing to do while there is work of another kind only, for people.
    pub(super) fn mismatch(&self, worker: &Worker) -> Option<String> {
        let mut open = self.served().filter(|sweep| !sweep.is_ended()).peekable();
        let name = &open.peek()?.plan.sweep;
        let is_simulated = worker.info.simulated;
        open.all(|sweep| !serves(worker, sweep)).then(|| match is_simulated {
            true => format!("no jobs of sweep `{name}`: it is to be trained; start a worker without --simulate"),
            false => format!("no jobs of sweep `{name}`: it is simulated; start a worker with --simulate"),
        })
    }

    /// Whether there is another worker that the job can be given to: one that it neither failed on nor is too large for.
    pub(super) fn suits_another(&self, now: Timestamp, worker: WorkerId, id: JobId) -> bool {
        let Some(job) = self.jobs.get(&id) else { return false };
        let mut places = job.places.iter().filter_map(|(number, place)| Some((self.sweeps.get(number)?, *place)));
        places.any(|(sweep, place)| {
            let precision = sweep.candidate(place).template.training.precision;
            self.others(now, worker, sweep).iter().any(|other| self.suits(*other, job, precision))
        })
    }

    /// Whether a worker computes in such numbers, and the job neither failed on it nor is too large for it.
    fn suits(&self, worker: WorkerId, job: &Job, precision: Precision) -> bool {
        !job.failed_on.contains(&worker) && self.workers.get(&worker).is_some_and(|of| computes(of, precision))
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
pub(super) fn can_run(worker: &Worker, sweep: &Sweep) -> bool {
    let Some(pinned) = &sweep.inventory else { return false };
    let same = |found: &Found| matches!(found, Found::Inventory(inventory) if inventory.content == pinned.content);
    serves(worker, sweep) && (worker.info.simulated || worker.offers.get(&sweep.plan.dataset).is_some_and(same))
}

/// Whether the worker's device computes in such numbers.
fn computes(worker: &Worker, precision: Precision) -> bool {
    let is_cuda = worker.info.device.starts_with("cuda");
    worker.info.simulated
        || match precision {
            Precision::F32 => true,
            Precision::F64 => !is_cuda,
            Precision::Tf32 | Precision::Bf16 => is_cuda,
        }
}

/// Why the worker gets no jobs of the sweep, for people.
pub(super) fn notice(worker: &Worker, sweep: &Sweep) -> Option<String> {
    let (name, data) = (&sweep.plan.sweep, &sweep.plan.dataset.name);
    match (worker.offers.get(&sweep.plan.dataset)?, &sweep.inventory) {
        (Found::Problem(problem), _) => Some(format!("no jobs of sweep `{name}`: {problem}")),
        (Found::Inventory(own), Some(pinned)) if own.content != pinned.content => Some(format!(
            "no jobs of sweep `{name}`: data set `{data}` has content {} here, but the sweep uses content {} (first offered by {}); if the files were changed on purpose, give the data set another name",
            own.content.short(),
            pinned.content.short(),
            sweep.pinned_by
        )),
        (Found::Inventory(_), _) => {
            let precisions = sweep.plan.candidates.iter().map(|candidate| candidate.template.training.precision);
            let refused = precisions.filter(|precision| !computes(worker, *precision)).min()?;
            let device = if refused == Precision::F64 { "--device cpu" } else { "a CUDA device" };
            Some(format!(
                "no {refused} jobs of sweep `{name}`: {} does not compute in {refused}; start a worker with {device}",
                worker.info.device
            ))
        }
    }
}
