//! What the worker's log says of a coordinator that does not do its part: at once, and again after pauses that grow.

use super::state::State;
use proto::error_chain;
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};
use tonic::Status;

/// A coordinator that does not do its part is spoken of again after this time, doubled up to the longest.
const FIRST_REMINDER: Duration = Duration::from_secs(60);
const MAX_REMINDER: Duration = Duration::from_secs(3600);

/// What is wrong with the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    NotReached,
    TakesNothing,
}

/// When a complaint is made again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reminder {
    /// When it was made first.
    pub(super) began: Instant,
    pub(super) due: Instant,
    /// Time between this one and the next.
    pub(super) pause: Duration,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReached => "is not reached",
            Self::TakesNothing => "refuses calls",
        })
    }
}

impl Reminder {
    /// None is made before there is a complaint.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, due: now, pause: FIRST_REMINDER }
    }

    /// Whether it is time to make it; then the next is due after twice the time.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.due <= now;
        if is_due {
            self.due = now + self.pause;
            self.pause = (self.pause * 2).min(MAX_REMINDER);
        }
        is_due
    }
}

impl State {
    /// Says what is wrong with the coordinator: at once, and again after pauses that grow.
    pub(super) fn complain(&mut self, now: Instant, complaint: Complaint, status: &Status) {
        let is_new = self.complaint.replace(complaint) != Some(complaint);
        if is_new {
            self.reminder = Reminder::new(now);
        }
        if !self.reminder.is_due(now) {
            return;
        }
        let since = Duration::from_secs(now.duration_since(self.reminder.began).as_secs());
        let since = if is_new { String::new() } else { format!(" (for {})", humantime::format_duration(since)) };
        let running = self.attempts.values().filter(|held| held.outcome.is_none()).count();
        let (url, reason) = (&self.profile.coordinator, reason(status));
        tracing::warn!(reason, running, "the coordinator at {url} {complaint}{since}; running jobs continue");
    }
}

/// Why a call failed: what the coordinator says, or what happened on the way there.
fn reason(status: &Status) -> String {
    // the library's own wrapper says no more than that something has failed
    let wrapped = |cause: &'_ (dyn Error + 'static)| cause.is::<tonic::transport::Error>();
    match status.source() {
        Some(cause) if wrapped(cause) => cause.source().map_or_else(|| cause.to_string(), error_chain::line),
        Some(cause) => error_chain::line(cause),
        None => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_made_again_after_pauses_that_grow() {
        let start = Instant::now();
        let mut reminder = Reminder::new(start);
        let said = (0..24 * 60).filter(|minute| reminder.is_due(start + Duration::from_secs(60 * minute)));
        let said: Vec<_> = said.collect();
        assert_eq!(said[..7], [0, 1, 3, 7, 15, 31, 63]);
        assert!(said[7..].array_windows().all(|[one, next]| next - one == 60), "{said:?}");
    }
}
