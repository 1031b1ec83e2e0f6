//! Where sweeps and workers stand, for people: made from the state, never the other way round.

use super::{Found, JobState, State, Sweep};
use proto::ids::{JobId, WorkerId};
use proto::spec::Trainer;
use proto::status::{RunningJob, Status, SweepState, SweepStatus, WorkerStatus};

impl State {
    /// Where everything stands; the rate is the driver's to add.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            sweeps: self.sweeps.values().map(|sweep| self.sweep_status(sweep)).collect(),
            workers: self.worker_statuses(),
            epochs_per_second: 0.0,
        }
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
            .map(|job| if let JobState::Leased { epoch, .. } = job.state { u64::from(epoch) } else { 0 })
            .sum();
        let failure = |place: &u32| self.jobs.get(sweep.jobs.get(*place as usize)?)?.message.clone();
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
                    name: known.map_or_else(|| id.alias(), |worker| worker.info.name.to_string()),
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
                    notices: self.quarantine_notice(*id).into_iter().chain(notices).collect(),
                    connected: known.is_some(),
                    quarantined: self.is_quarantined(*id),
                }
            })
            .collect();
        views.sort_by(|a, b| (&a.name, &a.worker).cmp(&(&b.name, &b.worker)));
        views
    }

    fn running_job(&self, id: JobId) -> Option<RunningJob> {
        let job = self.jobs.get(&id)?;
        let JobState::Leased { holder, epoch, .. } = &job.state else { return None };
        let &(number, place) = job.places.first()?;
        let sweep = self.sweeps.get(&number)?;
        let candidate = sweep.candidate(place);
        let seeds = sweep.plan.replicates.get(sweep.coordinates(place).1)?;
        let values = candidate.values.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        Some(RunningJob {
            sweep: sweep.plan.sweep.clone(),
            job: id,
            attempt: holder.attempt,
            label: format!("{values} #{}", seeds.split_seed),
            epoch: *epoch,
            epochs: candidate.template.training.epochs,
        })
    }
}
