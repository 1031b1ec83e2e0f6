//! Where sweeps and workers stand, for people: made from the state, never the other way round.

use super::{Found, JobState, State, Sweep, Timestamp};
use proto::ids::{JobId, WorkerId};
use proto::spec::Trainer;
use proto::status::{RunningJob, Status, SweepState, SweepStatus, WorkerStatus};

impl State {
    /// Where everything stands, by the coordinator's monotonic clock; the rate and the time of the day are the driver's to add.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            sweeps: self.sweeps.values().map(|sweep| self.sweep_status(sweep)).collect(),
            workers: self.worker_statuses(),
            epochs_per_second: 0.0,
            at_ms: 0,
        }
    }

    /// The last failure of a job: which job, where, and why.
    fn failure(&self, id: JobId) -> Option<String> {
        let job = self.jobs.get(&id)?;
        let message = job.message.as_ref()?;
        let place = job.blamed.as_ref().map(|worker| format!(", attempt {} on worker {worker}", job.attempts));
        Some(format!("job {}{}: {message}", id.short(), place.unwrap_or_default()))
    }

    fn sweep_status(&self, sweep: &Sweep) -> SweepStatus {
        let state = match &sweep.inventory {
            _ if sweep.rejected.is_some() => SweepState::Rejected,
            _ if sweep.is_ended() => SweepState::Ended,
            None => SweepState::WaitingForData,
            Some(_) => SweepState::Running,
        };
        // the jobs of a sweep without content are not made yet; what would become of them is known
        let (queued, cancelled) = match &sweep.inventory {
            None if sweep.cancelled => (0, sweep.plan.jobs() as u64),
            None => (sweep.plan.jobs() as u64, 0),
            Some(_) => (sweep.counts.queued, sweep.counts.cancelled),
        };
        let per_replicate: u64 =
            sweep.plan.candidates.iter().map(|candidate| u64::from(candidate.template.training.epochs)).sum();
        let running_epochs: u64 = self
            .leases
            .values()
            .flatten()
            .filter_map(|job| self.jobs.get(job))
            .filter(|job| job.places.iter().any(|&(number, _)| number == sweep.number))
            .map(|job| if let JobState::Leased { advance, .. } = &job.state { u64::from(advance.epoch) } else { 0 })
            .sum();
        let failure = |place: &u32| self.failure(*sweep.jobs.get(*place as usize)?);
        let problem = sweep.rejected.clone().or_else(|| sweep.failed.last().and_then(failure));
        SweepStatus {
            sweep: sweep.plan.sweep.clone(),
            state,
            jobs: sweep.plan.jobs() as u64,
            queued,
            running: sweep.counts.running,
            succeeded: sweep.counts.succeeded,
            failed: sweep.counts.failed,
            cancelled,
            dropped: sweep.counts.dropped,
            epochs: per_replicate * sweep.plan.replicates.len() as u64 - sweep.epochs_dropped,
            epochs_done: sweep.epochs_succeeded + running_epochs,
            simulated: sweep.trainer() == Trainer::Simulated,
            problem: problem.unwrap_or_default(),
        }
    }

    /// The name of a worker, as people know it.
    #[must_use]
    pub fn worker_name(&self, id: WorkerId) -> String {
        self.workers.get(&id).map_or_else(|| id.alias(), |worker| worker.info.name.to_string())
    }

    /// The name of the sweep that lists a job; of several the first.
    #[must_use]
    pub fn sweep_of(&self, job: JobId) -> Option<&str> {
        let known = self.jobs.get(&job).and_then(|job| job.places.first().copied());
        let (number, _) = known.or_else(|| self.places_of(job).next())?;
        Some(&self.sweeps.get(&number)?.plan.sweep)
    }

    /// A worker as the log names it: by its name and its alias.
    #[must_use]
    pub fn worker_named(&self, id: WorkerId) -> String {
        id.named(&self.worker_name(id))
    }

    /// The worker that runs a job, as the log names it.
    #[must_use]
    pub fn holder_named(&self, job: JobId) -> String {
        let holder = self.jobs.get(&job).and_then(|job| job.holder());
        holder.map_or_else(String::new, |holder| self.worker_named(holder.worker))
    }

    /// When a worker last called.
    #[must_use]
    pub fn last_seen(&self, id: WorkerId) -> Option<Timestamp> {
        self.workers.get(&id).map(|worker| worker.seen)
    }

    /// Whether a worker is overdue.
    #[must_use]
    pub fn is_silent(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| worker.silent)
    }

    /// A job for people: the beginning of its id, its sweep, candidate and split seed.
    #[must_use]
    pub fn job_name(&self, id: JobId) -> String {
        let place = self.jobs.get(&id).and_then(|job| job.places.first().copied());
        let known = place.and_then(|(number, place)| Some((self.sweeps.get(&number)?, place)));
        let of = known.and_then(|(sweep, place)| Some(format!(" of {} ({})", sweep.plan.sweep, sweep.label(place)?)));
        format!("job {}{}", id.short(), of.unwrap_or_default())
    }

    fn worker_statuses(&self) -> Vec<WorkerStatus> {
        let unknown = self.leases.keys().filter(|worker| !self.workers.contains_key(worker));
        // one that was told to go is gone once it has given everything back
        let gone =
            |id: &WorkerId| self.workers.get(id).is_some_and(|worker| worker.draining) && !self.leases.contains_key(id);
        let mut views: Vec<_> = self
            .workers
            .keys()
            .filter(|id| !gone(id))
            .chain(unknown)
            .map(|id| {
                let known = self.workers.get(id);
                let mismatch = known.and_then(|worker| self.mismatch(worker));
                let notices = known.into_iter().flat_map(|worker| {
                    self.served().filter(|sweep| !sweep.is_ended()).filter_map(|sweep| {
                        match worker.offers.get(&sweep.plan.dataset)? {
                            Found::Problem(problem) => Some(problem.to_string()),
                            Found::Inventory(_) => super::grant::notice(worker, sweep),
                        }
                    })
                });
                WorkerStatus {
                    worker: id.alias(),
                    name: self.worker_name(*id),
                    host: known.map_or_else(String::new, |worker| worker.info.host.to_string()),
                    device: known.map_or_else(String::new, |worker| worker.info.device.to_string()),
                    slots: known.map_or(0, |worker| worker.info.slots),
                    running: self
                        .leases
                        .get(id)
                        .into_iter()
                        .flatten()
                        .filter_map(|job| self.running_job(*job))
                        .collect(),
                    notices: self.quarantine_notice(*id).into_iter().chain(mismatch).chain(notices).collect(),
                    connected: known.is_some(),
                    quarantined: self.is_quarantined(*id),
                    silent: known.is_some_and(|worker| worker.silent),
                    last_seen_ms: known.map(|worker| worker.seen.0),
                    readings: known.map_or_else(Vec::new, |worker| worker.readings.clone()),
                }
            })
            .collect();
        views.sort_by(|a, b| (&a.name, &a.worker).cmp(&(&b.name, &b.worker)));
        views
    }

    fn running_job(&self, id: JobId) -> Option<RunningJob> {
        let job = self.jobs.get(&id)?;
        let JobState::Leased { holder, advance, .. } = &job.state else { return None };
        let &(number, place) = job.places.first()?;
        let sweep = self.sweeps.get(&number)?;
        Some(RunningJob {
            sweep: sweep.plan.sweep.clone(),
            job: id,
            attempt: holder.attempt,
            label: sweep.label(place)?,
            epoch: advance.epoch,
            epochs: sweep.candidate(place).template.training.epochs,
            loss: advance.loss,
            seconds: advance.seconds,
            // of what the journal says the time is not known
            measured_ms: advance.seen.filter(|at| *at > self.restored).map(|at| at.0),
        })
    }
}
