//! What is worth telling: which sweeps have ended, and which have more jobs that failed, since the last look.

use proto::ids::JobId;
use proto::status::{Status, SweepState, SweepStatus};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Ids that an environment lists at most: one of its strings has 128 KiB on Linux.
const MAX_IDS: usize = 1000;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A sweep has ended, or cannot run.
    Ended,
    /// Jobs have failed finally.
    Failed,
}

/// Something that has happened to a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Occasion {
    pub(super) kind: Kind,
    pub(super) sweep: String,
    status: SweepStatus,
    at_ms: u64,
}

/// What has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Occasions {
    /// Of each sweep whether it was over, and how many of its jobs had failed.
    known: BTreeMap<String, (bool, u64)>,
    ends: Vec<Occasion>,
    failures: BTreeMap<String, Occasion>,
}

impl Occasions {
    /// What is so now is no news.
    pub(super) fn new(now: &Status) -> Self {
        let known = now.sweeps.iter().map(|sweep| (sweep.sweep.clone(), (sweep.state.is_over(), sweep.failed)));
        Self { known: known.collect(), ..Self::default() }
    }

    /// Finds what is new.
    pub(super) fn look(&mut self, status: &Status) {
        for sweep in &status.sweeps {
            let now = (sweep.state.is_over(), sweep.failed);
            let (was_over, had_failed) = self.known.insert(sweep.sweep.clone(), now).unwrap_or((false, 0));
            let occasion =
                |kind| Occasion { kind, sweep: sweep.sweep.clone(), status: sweep.clone(), at_ms: status.at_ms };
            if sweep.failed > had_failed {
                self.failures.insert(sweep.sweep.clone(), occasion(Kind::Failed));
            }
            if sweep.state.is_over() && !was_over {
                self.ends.push(occasion(Kind::Ended));
            }
        }
        // one that was deleted and comes again is new
        self.known.retain(|name, _| status.sweeps.iter().any(|sweep| sweep.sweep == *name));
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    pub(super) fn has_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Takes the sweeps with more failures.
    pub(super) fn failures(&mut self) -> Vec<Occasion> {
        std::mem::take(&mut self.failures).into_values().collect()
    }

    /// Takes the sweeps that have ended.
    pub(super) fn ends(&mut self) -> Vec<Occasion> {
        std::mem::take(&mut self.ends)
    }
}

impl Occasion {
    /// The variables of a command.
    pub(super) fn environment(&self, store: &Path, jobs: &[JobId]) -> Vec<(&'static str, String)> {
        let SweepStatus { jobs: all, succeeded, failed, cancelled, problem, .. } = &self.status;
        let listed: Vec<String> = jobs.iter().take(MAX_IDS).map(JobId::to_string).collect();
        let mut variables = vec![
            ("SPLITSWEEP_EVENT", self.event().to_owned()),
            ("SPLITSWEEP_SWEEP", self.sweep.clone()),
            ("SPLITSWEEP_STATE", self.state().to_owned()),
            ("SPLITSWEEP_JOB_COUNT", all.to_string()),
            ("SPLITSWEEP_DONE", succeeded.to_string()),
            ("SPLITSWEEP_FAILED", failed.to_string()),
            ("SPLITSWEEP_CANCELLED", cancelled.to_string()),
            ("SPLITSWEEP_PROBLEM", problem.clone()),
            ("SPLITSWEEP_STORE", store.display().to_string()),
        ];
        if let Some(last) = jobs.last() {
            variables.extend([("SPLITSWEEP_JOB", last.to_string()), ("SPLITSWEEP_JOBS", listed.join(" "))]);
        }
        variables
    }

    /// The body of a webhook's call.
    pub(super) fn json(&self, store: &Path, jobs: &[JobId]) -> String {
        let SweepStatus { jobs: all, succeeded, failed, cancelled, problem, .. } = &self.status;
        json!({
            "schema": "splitsweep.event/1",
            "event": self.event(),
            "sweep": self.sweep,
            "state": self.state(),
            "job_count": all,
            "done": succeeded,
            "failed": failed,
            "cancelled": cancelled,
            "problem": problem,
            "store": store.display().to_string(),
            "jobs": jobs.iter().map(JobId::to_string).collect::<Vec<_>>(),
            "at_ms": self.at_ms,
        })
        .to_string()
    }

    fn event(&self) -> &'static str {
        match self.kind {
            Kind::Ended => "sweep_ended",
            Kind::Failed => "job_failed",
        }
    }

    fn state(&self) -> &'static str {
        match self.status.state {
            SweepState::WaitingForData => "waiting_for_data",
            SweepState::Running => "running",
            SweepState::Ended => "ended",
            SweepState::Rejected => "rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    fn status(sweeps: &[(&str, SweepState, u64)]) -> Status {
        let sweep = |(name, state, failed): &(&str, SweepState, u64)| SweepStatus {
            sweep: (*name).to_owned(),
            state: *state,
            jobs: 4,
            succeeded: 4 - failed,
            failed: *failed,
            ..SweepStatus::default()
        };
        Status { sweeps: sweeps.iter().map(sweep).collect(), ..Status::default() }
    }

    #[test]
    fn each_end_and_each_failure_is_news_once() {
        use SweepState::{Ended, Running};
        let mut occasions = Occasions::new(&status(&[("old", Ended, 2), ("a", Running, 0)]));
        let names = |occasions: Vec<Occasion>| occasions.into_iter().map(|told| told.sweep).collect::<Vec<_>>();
        occasions.look(&status(&[("old", Ended, 2), ("a", Running, 1), ("b", Running, 0)]));
        assert!(occasions.has_failures() && !occasions.has_ends());
        occasions.look(&status(&[("old", Ended, 2), ("a", Running, 2), ("b", Ended, 0)]));
        assert_eq!(names(occasions.failures()), ["a"], "together");
        assert_eq!(names(occasions.ends()), ["b"], "also one that was not there before");
        occasions.look(&status(&[("old", Running, 0), ("a", Running, 2), ("b", Ended, 0)]));
        assert!(!occasions.has_failures() && !occasions.has_ends());
        occasions.look(&status(&[("old", Ended, 1), ("a", Ended, 2)]));
        assert_eq!(names(occasions.failures()), ["old"], "it was tried again and failed again");
        assert_eq!(names(occasions.ends()), ["old", "a"]);
        occasions.look(&status(&[("old", Ended, 1), ("a", Ended, 2), ("b", Ended, 0)]));
        assert_eq!(names(occasions.ends()), ["b"], "deleted, and submitted again");
    }

    #[test]
    fn a_command_can_be_started_however_many_jobs_have_failed() {
        let mut occasions = Occasions::default();
        occasions.look(&status(&[("a", SweepState::Running, 3)]));
        let failed = occasions.failures().remove(0);
        let jobs: Vec<JobId> = (0..100_000).map(JobId).collect();
        let environment = failed.environment(Path::new("s.db"), &jobs);
        let get = |name: &str| &environment.iter().find(|(variable, _)| *variable == name).unwrap().1;
        assert_eq!(get("SPLITSWEEP_JOBS").split(' ').count(), MAX_IDS);
        assert!(get("SPLITSWEEP_JOBS").len() < 128 << 10, "the most that a string of an environment has");
        assert_eq!(*get("SPLITSWEEP_JOB"), JobId(99_999).to_string(), "the last of all");
    }
}
