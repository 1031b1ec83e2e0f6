//! Who ran what, and when: the attempts of the last facts of a journal.

use crate::scheduler::Fact;
use crate::store::{Entry, Reader, StoreError};
use proto::ids::{Attempt, JobId};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Maximum number of facts that are looked at.
const MAX_FACTS: usize = 20_000;

/// An attempt on a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The worker's alias.
    pub worker: String,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// When it began: milliseconds since 1970, UTC.
    pub began_ms: u64,
    /// When it ended, and how; `None` while it runs.
    pub ended: Option<(u64, End)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a result.
    Succeeded,
    /// By a failure.
    Failed,
    /// It was given back, taken away or lost: another attempt takes its place.
    Unfinished,
}

impl End {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unfinished => "not finished",
        }
    }
}

/// The attempts that began since then (milliseconds since 1970), in that order: of the last twenty thousand facts.
///
/// # Errors
/// If the journal cannot be read.
pub fn attempts(reader: &Reader, since_ms: u64) -> Result<Vec<Span>, StoreError> {
    let since = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since_ms)).to_string();
    Ok(spans(reader.last_entries(MAX_FACTS, &since)?))
}

fn spans(entries: Vec<Entry>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open: BTreeMap<(JobId, Attempt), usize> = BTreeMap::new();
    for Entry { at, fact, .. } in entries {
        let at = milliseconds(&at);
        let (job, attempt, end) = match fact {
            Fact::Granted { job, attempt, worker, .. } => {
                open.insert((job, attempt), spans.len());
                spans.push(Span { worker: worker.alias(), job, attempt, began_ms: at, ended: None });
                continue;
            }
            Fact::Revived { job, attempt } => {
                // it went on all the time
                if let Some(span) = open.get(&(job, attempt)).and_then(|index| spans.get_mut(*index)) {
                    span.ended = None;
                }
                continue;
            }
            Fact::Succeeded { job, attempt, .. } => (job, attempt, End::Succeeded),
            Fact::Failed { job, attempt, .. } => (job, attempt, End::Failed),
            Fact::Released { job, attempt, .. }
            | Fact::Recalled { job, attempt }
            | Fact::Lost { job, attempt }
            | Fact::Stalled { job, attempt } => (job, attempt, End::Unfinished),
            _ => continue,
        };
        if let Some(span) = open.get(&(job, attempt)).and_then(|index| spans.get_mut(*index)) {
            span.ended = Some((at, end));
        }
    }
    spans
}

fn milliseconds(at: &str) -> u64 {
    let time = humantime::parse_rfc3339_weak(at).unwrap_or(SystemTime::UNIX_EPOCH);
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::{End, spans};
    use crate::scheduler::Fact;
    use crate::store::Entry;
    use proto::ids::{Attempt, JobId, Token, WorkerId};

    const JOB: JobId = JobId(1);

    fn granted(attempt: u32) -> Fact {
        Fact::Granted { job: JOB, attempt: Attempt(attempt), token: Token(1), worker: WorkerId(7) }
    }

    #[test]
    fn attempts_begin_and_end_and_may_go_on() {
        let (job, first, second) = (JOB, Attempt(1), Attempt(2));
        let facts = [
            // it began before the first fact that is looked at
            Fact::Lost { job, attempt: Attempt(9) },
            granted(1),
            Fact::Lost { job, attempt: first },
            Fact::Revived { job, attempt: first },
            Fact::Recalled { job, attempt: first },
            granted(2),
            Fact::Stalled { job, attempt: second },
            granted(3),
        ];
        let entry = |(seconds, fact)| Entry { seq: 0, at: format!("1970-01-01T00:00:{seconds:02}.250Z"), fact };
        let spans = spans((0..).zip(facts).map(entry).collect());
        let found: Vec<_> = spans.iter().map(|span| (span.attempt.0, span.began_ms, span.ended)).collect();
        let unfinished = |ms| Some((ms, End::Unfinished));
        assert_eq!(found, [(1, 1250, unfinished(4250)), (2, 5250, unfinished(6250)), (3, 7250, None)]);
        assert!(spans.iter().all(|span| span.worker == WorkerId(7).alias()));
    }
}
