//! What happened. The journal is a list of the durable facts; the state is their fold.

use super::Timestamp;
use crate::plan::Plan;
use crate::race::{Look, Mark};
use proto::data::{Dataset, Inventory};
use proto::ids::{Attempt, JobId, SplitHash, Token, WorkerId};
use proto::measure::{FailureKind, JobResult, Scores, Verdict};
use proto::spec::Metric;
use proto::status::DeviceReading;
use proto::text::{Line, Tail};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a worker said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerInfo {
    /// For people; need not be unique.
    pub name: Line,
    /// The host it runs on.
    pub host: Line,
    /// What its slots run on.
    pub device: Line,
    /// How many jobs it runs at once.
    pub slots: u32,
    /// It makes results up.
    pub simulated: bool,
}

/// What a worker found where a data set should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The data set.
    Inventory(Arc<Inventory>),
    /// Why there is none.
    Problem(Line),
}

/// A worker's answer to the question for a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which data set.
    pub dataset: Dataset,
    /// What is there.
    pub found: Found,
}

/// What a result is worth to whoever decides how a sweep goes on. Nothing of the test cases: they are for reports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// Whether it is a model.
    pub verdict: Verdict,
    /// Scores of the validation cases.
    pub validation: Scores,
}

impl Grade {
    /// How a job with this grade stands at a look.
    #[must_use]
    pub fn mark(&self, metric: Metric) -> Mark {
        Mark { score: self.validation.get(metric), collapsed: self.verdict != Verdict::Trained }
    }
}

impl From<&JobResult> for Grade {
    fn from(result: &JobResult) -> Self {
        Self { verdict: result.verdict, validation: result.validation.scores() }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact")]
pub enum Fact {
    /// A sweep file was submitted; it is the sweep's grid from now on.
    Submitted {
        /// The grid.
        plan: Box<Plan>,
        /// The file's text.
        text: String,
    },
    /// The content of a sweep's data set is known, and with it the ids of its jobs.
    Pinned {
        /// The sweep.
        sweep: String,
        /// The content.
        inventory: Inventory,
        /// Name of the worker that offered it first.
        by: String,
    },
    /// The data set cannot serve the sweep.
    Rejected {
        /// The sweep.
        sweep: String,
        /// Why.
        problem: String,
    },
    /// The sweep's unfinished jobs are not wanted any more.
    Cancelled {
        /// The sweep.
        sweep: String,
        /// Jobs that only cancelled sweeps share end, too. Journals that do not say so were written when they did not.
        #[serde(default)]
        shared: bool,
    },
    /// A worker was given the right to an attempt.
    Granted {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// Proof of the lease.
        token: Token,
        /// Who holds it.
        worker: WorkerId,
    },
    /// A lease that had lapsed was taken up again by its holder before anyone else got the job.
    Revived {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The holder gave the attempt back unfinished.
    Released {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// The job does not fit into the holder's memory: it goes to another worker, if there is one.
        #[serde(default, skip_serializing_if = "is_false")]
        too_large: bool,
    },
    /// No sweep wants the job any more: the holder is told to stop. It stands before the fact that cancels or deletes the last sweep that
    /// wanted the job; journals did not always say so there.
    Recalled {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The holder was silent for too long.
    Lost {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The holder called, and measured nothing for too long while another worker could have run the job.
    Stalled {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The attempt ended without a result.
    Failed {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// Whose fault.
        kind: FailureKind,
        /// One line for people.
        message: Line,
        /// Name of the worker. Journals did not always say.
        #[serde(default, skip_serializing_if = "is_empty")]
        worker: Line,
        /// The end of what the trainer said, if anything.
        #[serde(default, skip_serializing_if = "Tail::is_empty")]
        log: Tail,
    },
    /// The attempt ended with a result, which is in the result tables.
    Succeeded {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: Attempt,
        /// What it is worth; journals did not always say, then the result tables do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grade: Option<Grade>,
        /// The cases that it was trained, selected and tested on, if its worker said so. Journals did not always say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<SplitHash>,
    },
    /// A sweep is no more, nor what is known of the jobs that no other sweep lists.
    Deleted {
        /// The sweep.
        sweep: String,
    },
    /// Every candidate that was left in a sweep had its replicates up to a look, and was looked at.
    Looked {
        /// The sweep.
        sweep: String,
        /// What was seen and decided.
        look: Look,
    },
    /// A worker introduced itself.
    #[serde(skip)]
    Registered {
        /// Who.
        worker: WorkerId,
        /// What it said.
        info: WorkerInfo,
    },
    /// A worker called.
    #[serde(skip)]
    Seen {
        /// Who.
        worker: WorkerId,
        /// When.
        at: Timestamp,
        /// The number of its synchronisation, if it is one that is numbered.
        number: u64,
    },
    /// A worker told what its devices say of themselves.
    #[serde(skip)]
    Read {
        /// Who.
        worker: WorkerId,
        /// What they say.
        readings: Vec<DeviceReading>,
    },
    /// A worker has not called for so long that people should know.
    #[serde(skip)]
    Silent {
        /// Who.
        worker: WorkerId,
    },
    /// A worker answered the question for a data set.
    #[serde(skip)]
    Offered {
        /// Who.
        worker: WorkerId,
        /// The answer.
        offer: Offer,
    },
    /// A worker was told to go: it takes no job any more.
    #[serde(skip)]
    Draining {
        /// Who.
        worker: WorkerId,
    },
    /// A lease runs until then.
    #[serde(skip)]
    Renewed {
        /// The job.
        job: JobId,
        /// Its end.
        expires: Timestamp,
    },
    /// The coordinator stood still: the time in which it heard of no epoch begins anew.
    #[serde(skip)]
    Resumed {
        /// The job.
        job: JobId,
    },
    /// The holder handed in what cannot be. Once it may have been garbled on its way; again, and the attempt fails.
    #[serde(skip)]
    Refused {
        /// The job.
        job: JobId,
    },
    /// The current attempt has ended this epoch.
    #[serde(skip)]
    Progressed {
        /// The job.
        job: JobId,
        /// The epoch, counted from 1.
        epoch: u32,
        /// How long the training has taken so far.
        seconds: f64,
        /// The epoch's mean training loss, if it is finite.
        loss: Option<f64>,
    },
    /// A worker without leases was silent for so long that people need not see it any more.
    #[serde(skip)]
    Forgotten {
        /// Who.
        worker: WorkerId,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_empty(line: &Line) -> bool {
    line.is_empty()
}

impl Fact {
    /// Whether the fact belongs in the journal.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        match self {
            Self::Submitted { .. }
            | Self::Pinned { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Deleted { .. }
            | Self::Granted { .. }
            | Self::Revived { .. }
            | Self::Released { .. }
            | Self::Recalled { .. }
            | Self::Lost { .. }
            | Self::Stalled { .. }
            | Self::Failed { .. }
            | Self::Succeeded { .. }
            | Self::Looked { .. } => true,
            Self::Registered { .. }
            | Self::Seen { .. }
            | Self::Read { .. }
            | Self::Silent { .. }
            | Self::Offered { .. }
            | Self::Draining { .. }
            | Self::Renewed { .. }
            | Self::Resumed { .. }
            | Self::Refused { .. }
            | Self::Progressed { .. }
            | Self::Forgotten { .. } => false,
        }
    }

    /// The job that it is about.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::Granted { job, .. }
            | Self::Revived { job, .. }
            | Self::Released { job, .. }
            | Self::Recalled { job, .. }
            | Self::Lost { job, .. }
            | Self::Stalled { job, .. }
            | Self::Failed { job, .. }
            | Self::Succeeded { job, .. }
            | Self::Renewed { job, .. }
            | Self::Resumed { job }
            | Self::Refused { job }
            | Self::Progressed { job, .. } => Some(*job),
            Self::Submitted { .. }
            | Self::Pinned { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Deleted { .. }
            | Self::Looked { .. }
            | Self::Registered { .. }
            | Self::Seen { .. }
            | Self::Read { .. }
            | Self::Silent { .. }
            | Self::Offered { .. }
            | Self::Draining { .. }
            | Self::Forgotten { .. } => None,
        }
    }

    /// Whether there may be jobs now for workers that wait.
    #[must_use]
    pub fn brings_work(&self) -> bool {
        matches!(
            self,
            Self::Submitted { .. }
                | Self::Pinned { .. }
                | Self::Rejected { .. }
                | Self::Cancelled { .. }
                | Self::Deleted { .. }
                | Self::Draining { .. }
                | Self::Released { .. }
                | Self::Recalled { .. }
                | Self::Lost { .. }
                | Self::Stalled { .. }
                | Self::Failed { .. }
                | Self::Looked { .. }
        )
    }
}
