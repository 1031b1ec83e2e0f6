//! What happened to a job, for people: its attempts and, of those that failed, the end of what the trainer said.

use super::job_file::{JobError, find_job};
use super::state;
use crate::scheduler::Fact;
use crate::store::{Entry, Reader, StoreError};
use proto::ids::JobId;
use std::fmt::Write as _;

/// The log of the only job whose id begins with `prefix`.
///
/// # Errors
/// If the store cannot be read, or no or several ids begin so.
pub fn job_log(reader: &Reader, prefix: &str) -> Result<String, JobError> {
    let state = state(reader)?;
    let (id, sweep, place) = find_job(reader, &state, prefix)?;
    let label = sweep.label(place).unwrap_or_default();
    let mut text = format!("job {id} of sweep {}: {label}\n", sweep.plan.sweep);
    let mut is_untouched = true;
    reader.entries(|Entry { at, fact, .. }| {
        // of the others nothing concerns one job
        if let Some(what) = told(&fact, id) {
            is_untouched = false;
            // writing to a string cannot fail
            let _ = writeln!(text, "{at}  {what}");
        }
        Ok::<(), StoreError>(())
    })?;
    if is_untouched {
        text.push_str("no worker has had it yet\n");
    }
    Ok(text)
}

/// A fact about the job in words.
fn told(fact: &Fact, id: JobId) -> Option<String> {
    Some(match fact {
        Fact::Granted { job, attempt, worker, .. } if *job == id => {
            format!("attempt {attempt} begins on worker {}", worker.alias())
        }
        Fact::Revived { job, attempt } if *job == id => format!("attempt {attempt} goes on"),
        Fact::Released { job, attempt, too_large } if *job == id => {
            let why = if *too_large { ": it does not fit into the worker's memory" } else { "" };
            format!("attempt {attempt} is given back{why}")
        }
        Fact::Recalled { job, attempt } if *job == id => {
            format!("attempt {attempt} is stopped: no sweep wants the job")
        }
        Fact::Lost { job, attempt } if *job == id => format!("attempt {attempt} is lost: its worker was silent"),
        Fact::Stalled { job, attempt } if *job == id => format!("attempt {attempt} is taken away: it made no progress"),
        Fact::Succeeded { job, attempt, .. } if *job == id => format!("attempt {attempt} has succeeded"),
        Fact::Failed { job, attempt, kind, message, worker, log } if *job == id => {
            let place = if worker.is_empty() { String::new() } else { format!(" on worker {worker}") };
            let mut text = format!("attempt {attempt} has failed{place} ({}): {message}", kind.name());
            for line in log.lines() {
                let _ = write!(text, "\n  | {line}");
            }
            text
        }
        _ => return None,
    })
}
