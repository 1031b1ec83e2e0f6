//! What people look at: counts, workers, running jobs. Made from the state, never the other way round.

use super::{Found, JobState, State, Sweep};
use proto::ids::{Attempt, JobId, WorkerId};
use proto::spec::Trainer;

/// Where a sweep stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepState {
    /// No worker has offered the data set yet.
    WaitingForData,
    /// Jobs wait or run.
    Running,
    /// Every job has ended.
    Ended,
    /// The data set cannot serve the sweep.
    Rejected,
}

/// A sweep, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepView {
    /// Its name.
    pub sweep: String,
    /// Where it stands.
    pub state: SweepState,
    /// Number of its jobs.
    pub jobs: u64,
    /// Jobs by state.
    pub queued: u64,
    /// Running jobs.
    pub running: u64,
    /// Jobs with a result.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs that will not be needed, as their candidates were stopped before.
    pub dropped: u64,
    /// Epochs of all its jobs, without the dropped.
    pub epochs: u64,
    /// Epochs of the jobs that succeeded, and of the running attempts so far.
    pub epochs_done: u64,
    /// Whether its results are made up.
    pub simulated: bool,
    /// The last failure, or why it was rejected.
    pub problem: String,
}

/// A running attempt, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningView {
    /// The sweep.
    pub sweep: String,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// The candidate and the split seed.
    pub label: String,
    /// The last epoch that was measured.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
}

/// A worker, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerView {
    /// Its id.
    pub worker: String,
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// What it runs on.
    pub device: String,
    /// Jobs it runs at once.
    pub slots: u32,
    /// What it runs.
    pub running: Vec<RunningView>,
    /// Why it gets no jobs of some sweep.
    pub notices: Vec<String>,
    /// Whether it has registered since the coordinator started.
    pub connected: bool,
    /// Whether its last jobs failed, so that it gets none that another worker can take.
    pub quarantined: bool,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// Every sweep, in the order of submission.
    pub sweeps: Vec<SweepView>,
    /// Every worker that is connected or holds a lease.
    pub workers: Vec<WorkerView>,
    /// Epochs per second over the last minute, all workers together.
    pub epochs_per_second: f64,
}

impl State {
    /// Where everything stands; the rate is the driver's to add.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            sweeps: self.sweeps.values().map(|sweep| self.sweep_view(sweep)).collect(),
            workers: self.worker_views(),
            epochs_per_second: 0.0,
        }
    }

    fn sweep_view(&self, sweep: &Sweep) -> SweepView {
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
        SweepView {
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

    fn worker_views(&self) -> Vec<WorkerView> {
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
                WorkerView {
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
                        .filter_map(|job| self.running_view(*job))
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

    fn running_view(&self, id: JobId) -> Option<RunningView> {
        let job = self.jobs.get(&id)?;
        let JobState::Leased { holder, epoch, .. } = &job.state else { return None };
        let &(number, place) = job.places.first()?;
        let sweep = self.sweeps.get(&number)?;
        let candidate = sweep.candidate(place);
        let seeds = sweep.plan.replicates.get(sweep.coordinates(place).1)?;
        let values = candidate.values.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        Some(RunningView {
            sweep: sweep.plan.sweep.clone(),
            job: id,
            attempt: holder.attempt,
            label: format!("{values} #{}", seeds.split_seed),
            epoch: *epoch,
            epochs: candidate.template.training.epochs,
        })
    }
}
