//! What can be asked of the scheduler, and what it answers.

use super::Fact;
use proto::data::Dataset;
use proto::extras::Wanted;
use proto::ids::{Attempt, ContentHash, JobId, Lease, WorkerId};
use proto::measure::{JobResult, Measurement, Outcome};
use proto::spec::JobSpec;
use proto::status::DeviceReading;

/// What a request changes, and its reply, which must not leave before the changes are durable.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a decision that is not carried out is lost"]
pub struct Decision<R> {
    /// To be appended to the journal and applied, in order.
    pub facts: Vec<Fact>,
    /// To be written to the result tables with the facts.
    pub records: Vec<Record>,
    /// The answer.
    pub reply: R,
}

impl<R> Decision<R> {
    /// The reply to somebody who only asks what would happen.
    pub fn only_said(self) -> Self {
        Self { facts: Vec::new(), records: Vec::new(), reply: self.reply }
    }
}

/// Rows for the result tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Epochs of an attempt; those that are there already stay.
    Measurements {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// The epochs.
        measurements: Vec<Measurement>,
    },
    /// The result of a job.
    Result {
        /// The job.
        job: JobId,
        /// The attempt it is of.
        attempt: Attempt,
        /// Name of the worker.
        worker: String,
        /// The result.
        result: Box<JobResult>,
    },
    /// Nothing is kept of these jobs any more, but for what the journal says.
    Erased {
        /// The jobs.
        jobs: Vec<JobId>,
    },
}

/// Why a request changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The worker has not registered since the coordinator started.
    #[error("worker {0} is not registered with this coordinator: register again")]
    UnknownWorker(WorkerId),
    /// The worker has synchronised again since it sent this.
    #[error("a later call of this worker has come before")]
    Overtaken,
    /// No sweep has that name.
    #[error("no sweep is named `{0}`")]
    UnknownSweep(String),
    /// Another file was submitted for the sweep since somebody looked at it.
    #[error("another file of sweep `{0}` was submitted meanwhile: look at the sweep, and ask again")]
    Changed(String),
    /// The data set cannot serve the sweep.
    #[error("sweep `{sweep}` cannot run: {problem}")]
    Misfit {
        /// The sweep.
        sweep: String,
        /// Why.
        problem: String,
    },
}

/// What a worker handed in cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job {job}, attempt {attempt}: what was handed in cannot be true: {reason}")]
pub struct Breach {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// Why, for people.
    pub reason: String,
}

/// A worker's state, and what it has measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Synchronization {
    /// Every attempt that it runs or has yet to report.
    pub held: Vec<Lease>,
    /// Jobs it could start now.
    pub free_slots: u32,
    /// It was told to go: it takes no job any more, and gives back whatever it does not list.
    pub draining: bool,
    /// Epochs that it has not handed in yet.
    pub measurements: Vec<(Lease, Vec<Measurement>)>,
    /// The coordinator looks again whether there is work for a call that waits: the worker was not heard anew.
    pub repeated: bool,
    /// Counts the worker's synchronisations, so that one that was overtaken changes nothing; 0 if they are not counted.
    pub number: u64,
    /// What its devices say of themselves; empty if that is nothing new.
    pub readings: Vec<DeviceReading>,
}

impl Synchronization {
    /// The last epoch that it hands in of an attempt.
    #[must_use]
    pub(super) fn last_epoch(&self, lease: &Lease) -> Option<u32> {
        let of_lease = self.measurements.iter().filter(|(of, _)| of == lease);
        of_lease.flat_map(|(_, measurements)| measurements).map(|measurement| measurement.epoch).max()
    }
}

/// A lease that a worker should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The lease.
    pub lease: Lease,
    /// Where the images are.
    pub dataset: Dataset,
    /// The job.
    pub spec: JobSpec,
    /// What it is to hand in and keep beside its scores.
    pub wanted: Wanted,
}

/// What a worker should be doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Synchronized {
    /// Leases that it has and did not list.
    pub grants: Vec<Grant>,
    /// Listed leases that it does not have.
    pub stops: Vec<Lease>,
    /// Data sets that it should look for.
    pub wanted: Vec<Dataset>,
    /// Why it gets no jobs of some sweep.
    pub notices: Vec<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The lease.
    pub lease: Lease,
    /// Epochs that were not handed in yet.
    pub measurements: Vec<Measurement>,
    /// How it ended.
    pub outcome: Outcome,
    /// Every other attempt that the worker runs or has yet to report.
    pub held: Vec<Lease>,
    /// Jobs that the worker could start once this one has ended.
    pub free_slots: u32,
}

/// The answer to a [`Completion`].
#[derive(Debug, Clone, PartialEq)]
pub enum Completed {
    /// The outcome is durable; the next jobs.
    Recorded(Vec<Grant>),
    /// The worker does not hold the lease; nothing was changed.
    StaleLease,
}

/// The answer to a submission: a sweep's jobs by where they stood before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submitted {
    /// The sweep's name.
    pub sweep: String,
    /// Number of its jobs.
    pub jobs: u64,
    /// Had a result.
    pub succeeded: u64,
    /// Had failed or were cancelled, and are tried again.
    pub retried: u64,
    /// Were running.
    pub running: u64,
    /// Waited for a worker.
    pub waiting: u64,
    /// Nobody had asked for them.
    pub new: u64,
    /// No worker has offered the data set yet, so their ids are not known.
    pub unknown: u64,
    /// Results of the sweep that its new grid does not name.
    pub hidden: u64,
    /// The content that was taken for that of its data set, without anybody having seen it, as every job has a result under it.
    pub taken: Option<Taken>,
}

/// The answer to a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Results that go.
    pub results: u64,
    /// Results that stay, as other sweeps list their jobs.
    pub shared: u64,
}

/// The content of a data set, from an earlier sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The content.
    pub content: ContentHash,
    /// The sweep that had it.
    pub of: String,
}

impl std::fmt::Display for Taken {
    /// A sentence for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { content, of } = self;
        write!(
            f,
            "every job has a result already, on data set content {} of sweep `{of}`; if the files have changed since, give the data set another name",
            content.short()
        )
    }
}
