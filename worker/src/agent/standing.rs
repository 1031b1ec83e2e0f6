//! How the worker stands, in lines for people: what it says when it gets SIGUSR1. Pure, as `state.rs`.

use super::state::{Held, Registration, State};
use proto::measure::Measurement;
use std::time::{Duration, Instant};

/// The last epoch of an attempt that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latest {
    epoch: u32,
    loss: Option<f64>,
    /// How long the training had taken then.
    taken: Duration,
    at: Instant,
}

impl Latest {
    pub(super) fn new(now: Instant, measurement: &Measurement) -> Self {
        let Measurement { epoch, train_loss, seconds, .. } = *measurement;
        let taken = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self { epoch, loss: train_loss, taken, at: now }
    }
}

impl State {
    /// Whether the coordinator is reached, what runs and what waits, and what the devices say.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.profile.name, self.connection(now))];
        let running = self.attempts.values().filter_map(|held| Some((held.slot?, held)));
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|(slot, _)| *slot);
        let job = |(slot, held): &(usize, &Held)| {
            let device = &self.profile.devices[self.profile.device_of(*slot)].name;
            format!("  slot {slot}, {device}: {}", held.standing(now))
        };
        lines.extend(running.iter().map(job));
        lines.push(format!("  idle slots: {} of {}", self.idle.len(), self.profile.slots()));
        let ended = self.attempts.values().filter(|held| held.outcome.is_some()).count();
        let counts = [(self.waiting.len(), "waiting for room on a device"), (ended, "ended, not acknowledged yet")];
        lines.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("  {count} {what}")));
        lines.extend(self.readings.iter().map(|reading| format!("  {reading}")));
        lines
    }

    fn connection(&self, now: Instant) -> String {
        let url = &self.profile.coordinator;
        let draining = if self.is_draining() { ", draining" } else { "" };
        match (self.complaint, self.connected_since) {
            (Some(complaint), _) => {
                let time = since(now, self.reminder.began);
                format!("the coordinator at {url} {complaint} (for {time}){draining}")
            }
            (None, Some(began)) if self.registration == Registration::Yes => {
                format!("connected to {url} for {}{draining}", since(now, began))
            }
            _ => format!("connecting to {url}{draining}"),
        }
    }
}

impl Held {
    /// `job 0123456789ab, attempt 1: epoch 6 of 40, 12m 5s, loss 0.2312, 1h 8m left`.
    fn standing(&self, now: Instant) -> String {
        let (job, attempt, epochs) = (self.lease.job.short(), self.lease.attempt, self.epochs);
        let Some(Latest { epoch, loss, taken, at }) = self.latest else {
            return format!("job {job}, attempt {attempt}: no epoch yet, {}", since(now, self.assigned_at));
        };
        let passed = now.saturating_duration_since(at);
        let loss = loss.map_or_else(String::new, |loss| format!(", loss {loss:.4}"));
        let left = taken.as_secs_f64() / f64::from(epoch.max(1)) * f64::from(epochs.saturating_sub(epoch));
        let left = whole(Duration::try_from_secs_f64(left).unwrap_or_default().saturating_sub(passed));
        let taken = whole(taken.saturating_add(passed));
        format!("job {job}, attempt {attempt}: epoch {epoch} of {epochs}, {taken}{loss}, {left} left")
    }
}

fn since(now: Instant, then: Instant) -> humantime::FormattedDuration {
    whole(now.saturating_duration_since(then))
}

/// In whole seconds.
fn whole(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::agent::state::tests::profile;
    use crate::agent::{Action, Answer, Report};
    use proto::ids::WorkerId;
    use proto::measure::Scores;
    use proto::wire::{Assignment, Dataset, Lease, RegisterResponse};
    use tonic::Status;

    #[test]
    fn what_is_known_of_the_coordinator_and_of_each_job_is_said() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut profile = profile(2);
        (profile.name, profile.coordinator) = ("w".to_owned(), "http://head:7070".to_owned());
        profile.devices[0].name = "cpu".to_owned();
        let mut state = State::new(profile, WorkerId(1), start);
        assert_eq!(state.standing(start), ["w: connecting to http://head:7070", "  idle slots: 2 of 2"]);
        let Some(Action::Call(call, _)) = state.due(start).pop() else { panic!("it registers") };
        state.on_answer(at(1), call, Answer::Registered(Ok(RegisterResponse::default()))).unwrap();

        let lease = Lease { job: format!("{:032x}", 1), attempt: 1, token: format!("{:032x}", 1) };
        let dataset = Dataset { name: "ph2".to_owned(), format: 1, ..Dataset::default() };
        let assignment = Assignment { lease: Some(lease), dataset: Some(dataset), ..Assignment::default() };
        state.on_assigned(at(61), vec![assignment]);
        let job = "slot 0, cpu: job 000000000000, attempt 1:";
        assert_eq!(
            state.standing(at(63)),
            [
                "w: connected to http://head:7070 for 1m 2s".to_owned(),
                format!("  {job} no epoch yet, 2s"),
                "  idle slots: 1 of 2".to_owned()
            ]
        );
        let measurement =
            Measurement { epoch: 2, train_loss: Some(0.231_24), validation: Scores::default(), seconds: 10.0 };
        state.attempts.values_mut().for_each(|held| held.epochs = 8);
        state.on_report(at(73), 0, Report::Measured(measurement));
        assert_eq!(state.standing(at(74))[1], format!("  {job} epoch 2 of 8, 11s, loss 0.2312, 29s left"));

        let Some(call) = state.due(at(75)).into_iter().find_map(|action| match action {
            Action::Call(call, _) => Some(call),
            _ => None,
        }) else {
            panic!("it synchronises")
        };
        state.on_answer(at(80), call, Answer::Synchronized(Err(Status::unavailable("the disk is full")))).unwrap();
        assert_eq!(state.standing(at(90))[0], "w: the coordinator at http://head:7070 refuses calls (for 10s)");
    }
}
