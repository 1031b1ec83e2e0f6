//! How a worker goes: because it was told to, or had nothing to do for too long. It gives back what it runs first.

use super::state::{Action, Registration, State};
use proto::measure::Outcome;
use std::time::{Duration, Instant};

/// A drain that cannot reach the coordinator ends after this; the leases then expire.
const DRAIN_LIMIT: Duration = Duration::from_secs(8);

/// The worker goes.
pub(super) struct Drain {
    /// When it goes, whatever it holds.
    pub(super) deadline: Instant,
    /// The coordinator knows, and grants nothing more.
    pub(super) confirmed: bool,
}

impl State {
    /// Notes whether there is something to do. A worker that had nothing for too long goes.
    pub(super) fn note_use(&mut self, now: Instant) {
        let is_used =
            !self.attempts.is_empty() || !self.inspecting.is_empty() || self.idle.len() < self.profile.slots();
        self.unused_since = if is_used { None } else { self.unused_since.or(Some(now)) };
        if self.draining.is_none() && self.unused_until().is_some_and(|until| until <= now) {
            let time = humantime::format_duration(self.profile.idle_timeout.unwrap_or_default());
            tracing::info!("nothing to do for {time} (--idle-timeout)");
            self.drain(now);
        }
    }

    pub(super) fn unused_until(&self) -> Option<Instant> {
        Some(self.unused_since? + self.profile.idle_timeout?)
    }

    /// The worker was told to go: it gives back what it runs. What has ended it still reports.
    pub fn drain(&mut self, now: Instant) {
        tracing::info!(jobs = self.attempts.len(), "draining: running jobs are given back");
        self.draining = Some(Drain { deadline: now + DRAIN_LIMIT, confirmed: false });
        // a call that waits for work would bring what nobody takes any more
        if let Some(synchronizing) = self.synchronizing.take() {
            self.actions.push(Action::Abandon(synchronizing.call));
        }
        self.next_synchronize = now;
        self.waiting.clear();
        for held in self.attempts.values_mut().filter(|held| held.outcome.is_none()) {
            held.outcome = Some(Outcome::Released);
            self.actions.extend(held.slot.take().map(Action::Stop));
        }
    }

    /// Whether it was told to go.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// Whether the worker may go. A lease that was granted in the moment of the drain is given back before; a worker that holds nothing
    /// does not wait for a coordinator that does not do its part.
    #[must_use]
    pub fn is_drained(&self, now: Instant) -> bool {
        let Some(drain) = &self.draining else { return false };
        let unknown = self.registration != Registration::Yes || self.complaint.is_some();
        (self.attempts.is_empty() && (drain.confirmed || unknown)) || drain.deadline <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::state::{Profile, tests::profile};
    use proto::ids::WorkerId;

    #[test]
    fn a_worker_with_nothing_to_do_goes_after_its_time() {
        let profile = Profile { idle_timeout: Some(Duration::from_secs(5)), ..profile(1) };
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut state = State::new(profile.clone(), WorkerId(1), start);
        state.due(start);
        assert_eq!(state.next_wake(start), start + 5 * second);
        state.due(start + 4 * second);
        assert!(!state.is_draining());
        // a job runs in its slot
        let slot = state.idle.pop();
        state.due(start + 9 * second);
        state.idle.extend(slot);
        state.due(start + 10 * second);
        assert!(!state.is_draining());
        state.due(start + 15 * second);
        assert!(state.is_draining() && state.is_drained(start + 15 * second), "nobody has registered it");
        let mut patient = State::new(Profile { idle_timeout: None, ..profile }, WorkerId(1), start);
        patient.due(start + 3600 * second);
        assert!(!patient.is_draining());
    }
}
