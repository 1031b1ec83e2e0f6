//! What happened to a job: its attempts and, of those that failed, the end of what the trainer said.

use super::job_file::{FoundJob, JobError, find_job};
use crate::scheduler::Fact;
use crate::store::{Entry, Reader, StoreError, StoredResult, Wanted};
use proto::ids::{Attempt, JobId, WorkerId};
use proto::measure::FailureKind;
use std::collections::BTreeMap;
use std::fmt;

/// Why the coordinator gives an attempt up.
const SILENT: &str = "its worker was silent";
const NO_PROGRESS: &str = "it made no progress";

/// What is known of a job beside its result.
#[derive(Debug, Clone, PartialEq)]
pub struct JobHistory {
    /// Its id.
    pub job: JobId,
    /// A sweep that lists it.
    pub sweep: String,
    /// The candidate and the split seed, for people.
    pub label: String,
    /// What happened, in order.
    pub events: Vec<JobEvent>,
}

impl fmt::Display for JobHistory {
    /// Lines for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, sweep, label, events } = self;
        writeln!(f, "job {job} of sweep {sweep}: {label}")?;
        if events.is_empty() {
            writeln!(f, "no worker has had it yet")?;
        }
        for JobEvent { at, what, log } in events {
            writeln!(f, "{at}  {what}")?;
            log.lines().try_for_each(|line| writeln!(f, "  | {line}"))?;
        }
        Ok(())
    }
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEvent {
    /// When: UTC, to the millisecond (RFC 3339).
    pub at: String,
    /// What, in words.
    pub what: String,
    /// The end of what the trainer said, if the attempt failed and it said anything.
    pub log: String,
}

/// An attempt that ended without a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// When: UTC, to the millisecond (RFC 3339).
    pub at: String,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// Whose fault; `None` if the coordinator gave the attempt up: its worker was silent, or made no progress.
    pub kind: Option<FailureKind>,
    /// One line for people.
    pub message: String,
    /// Name of the worker; empty where it is not known.
    pub worker: String,
    /// The end of what the trainer said, if anything.
    pub log: String,
}

/// The history of the only job whose id begins with `prefix`, and its job file; `None` of a simulated job.
///
/// # Errors
/// If the store cannot be read, or no or several ids begin so.
pub fn job(reader: &Reader, prefix: &str) -> Result<(JobHistory, Option<String>), JobError> {
    find_job(reader, prefix, |found| {
        let file = match found.file() {
            Ok(file) => Some(file),
            Err(JobError::Simulated(_)) => None,
            Err(error) => return Err(error),
        };
        Ok((history(reader, found)?, file))
    })?
}

/// The history of the only job whose id begins with `prefix`.
///
/// # Errors
/// If the store cannot be read, or no or several ids begin so.
pub fn job_history(reader: &Reader, prefix: &str) -> Result<JobHistory, JobError> {
    find_job(reader, prefix, |found| history(reader, found))?
}

fn history(reader: &Reader, FoundJob { id: job, sweep, place }: FoundJob<'_>) -> Result<JobHistory, JobError> {
    let (sweep, label) = (sweep.plan.sweep.clone(), sweep.label(place).unwrap_or_default());
    let mut facts = Vec::new();
    reader.entries(Wanted::Of(job), |Entry { at, fact, .. }| {
        facts.extend((fact.job() == Some(job)).then_some((at, fact)));
        Ok::<(), StoreError>(())
    })?;
    let holders = Holders::of(&facts, reader.result(job)?);
    let event = |(at, fact): (String, Fact)| told(&fact, &holders).map(|(what, log)| JobEvent { at, what, log });
    Ok(JobHistory { job, sweep, label, events: facts.into_iter().filter_map(event).collect() })
}

/// Who had the attempts of a job. The journal has their ids; names come with failures and with the result.
#[derive(Default)]
struct Holders {
    ids: BTreeMap<Attempt, WorkerId>,
    names: BTreeMap<WorkerId, String>,
}

impl Holders {
    fn of(facts: &[(String, Fact)], result: Option<StoredResult>) -> Self {
        let mut holders = Self::default();
        let mut named: Vec<_> = result.map(|result| (result.attempt, result.worker)).into_iter().collect();
        for (_, fact) in facts {
            match fact {
                Fact::Granted { attempt, worker, .. } => holders.ids.extend([(*attempt, *worker)]),
                Fact::Failed { attempt, worker, .. } => named.push((*attempt, worker.to_string())),
                _ => {}
            }
        }
        let known = named.into_iter().filter(|(_, name)| !name.is_empty());
        holders.names = known.filter_map(|(attempt, name)| Some((*holders.ids.get(&attempt)?, name))).collect();
        holders
    }

    /// ` on worker gpu1 (0123456789ab)`; nothing where it is not known.
    fn place(&self, attempt: Attempt) -> String {
        let named = |id: &WorkerId| id.named(self.names.get(id).map_or("", String::as_str));
        self.ids.get(&attempt).map_or_else(String::new, |id| format!(" on worker {}", named(id)))
    }
}

/// The attempts that ended without a result of the jobs that `is_wanted`, in order.
///
/// # Errors
/// If the store cannot be read.
pub fn failures(reader: &Reader, is_wanted: impl Fn(JobId) -> bool) -> Result<Vec<Failure>, StoreError> {
    let mut failures = Vec::new();
    let given_up = |at, job, attempt, message: &str| Failure {
        at,
        job,
        attempt,
        kind: None,
        message: message.to_owned(),
        worker: String::new(),
        log: String::new(),
    };
    reader.entries(Wanted::Named(&["failed", "lost", "stalled"]), |Entry { at, fact, .. }| {
        let failure = match fact {
            Fact::Failed { job, attempt, kind, message, worker, log } => {
                let (message, worker, log) = (message.to_string(), worker.to_string(), log.to_string());
                Failure { at, job, attempt, kind: Some(kind), message, worker, log }
            }
            Fact::Lost { job, attempt } => given_up(at, job, attempt, SILENT),
            Fact::Stalled { job, attempt } => given_up(at, job, attempt, NO_PROGRESS),
            _ => return Ok(()),
        };
        failures.extend(is_wanted(failure.job).then_some(failure));
        Ok::<(), StoreError>(())
    })?;
    Ok(failures)
}

/// A fact about a job in words, and what its trainer said.
fn told(fact: &Fact, holders: &Holders) -> Option<(String, String)> {
    let what = match fact {
        Fact::Granted { attempt, .. } => format!("attempt {attempt} begins{}", holders.place(*attempt)),
        Fact::Revived { attempt, .. } => format!("attempt {attempt} goes on"),
        Fact::Released { attempt, too_large, .. } => {
            let why = if *too_large { ": it does not fit into the worker's memory" } else { "" };
            format!("attempt {attempt} is given back{why}")
        }
        Fact::Recalled { attempt, .. } => format!("attempt {attempt} is stopped: no sweep wants the job"),
        Fact::Lost { attempt, .. } => format!("attempt {attempt} is lost: {SILENT}"),
        Fact::Stalled { attempt, .. } => format!("attempt {attempt} is taken away: {NO_PROGRESS}"),
        Fact::Succeeded { attempt, .. } => format!("attempt {attempt} has succeeded"),
        Fact::Failed { attempt, kind, message, log, .. } => {
            let (place, kind) = (holders.place(*attempt), kind.name());
            return Some((format!("attempt {attempt} has failed{place}, {kind}: {message}"), log.to_string()));
        }
        _ => return None,
    };
    Some((what, String::new()))
}
