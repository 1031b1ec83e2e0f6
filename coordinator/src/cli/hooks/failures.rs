//! Which jobs have failed finally, and of which of them that was told.

use crate::results;
use crate::scheduler::JobState;
use crate::store::{Reader, StoreError};
use proto::ids::{Attempt, JobId};
use proto::status::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The jobs of each sweep that have failed, in the order of its queue, with their last attempts.
pub(super) type Failed = BTreeMap<String, Vec<(JobId, Attempt)>>;

/// Which jobs have failed by now: of the journal alone, as results say nothing of it.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn failed(store: &Path) -> Result<Failed, StoreError> {
    let state = results::state(&Reader::open(store)?)?;
    let mut failed = Failed::new();
    for sweep in state.sweeps().filter(|sweep| !sweep.failed.is_empty()) {
        let jobs = sweep.failed.iter().filter_map(|place| {
            let id = *sweep.jobs.get(*place as usize)?;
            let job = state.job(id).filter(|job| matches!(job.state, JobState::Failed { .. }))?;
            Some((id, job.attempts))
        });
        failed.insert(sweep.plan.sweep.clone(), jobs.collect());
    }
    Ok(failed)
}

/// The failures of each sweep that are no news: they were told, or were there at the start.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<String, BTreeSet<(JobId, Attempt)>>);

impl Told {
    pub(super) fn new(failed: Failed) -> Self {
        Self(failed.into_iter().map(|(sweep, jobs)| (sweep, jobs.into_iter().collect())).collect())
    }

    /// Takes the jobs of a sweep whose failure is news. One that is tried again and fails again is news again.
    pub(super) fn news(&mut self, sweep: &str, failed: &Failed) -> Vec<JobId> {
        let now = failed.get(sweep).map(Vec::as_slice).unwrap_or_default();
        let told = self.0.insert(sweep.to_owned(), now.iter().copied().collect()).unwrap_or_default();
        now.iter().filter(|job| !told.contains(job)).map(|(job, _)| *job).collect()
    }

    /// Forgets the sweeps that are not there any more: if they come again, their jobs have new attempts.
    pub(super) fn retain(&mut self, status: &Status) {
        self.0.retain(|name, _| status.sweeps.iter().any(|sweep| sweep.sweep == *name));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::scheduler::Fact;
    use crate::store::Store;
    use proto::data::Inventory;
    use proto::ids::{ContentHash, Token, WorkerId};
    use proto::measure::FailureKind;
    use proto::text::{Line, Tail};

    /// Submits a sweep again, or for the first time; the answer is its jobs.
    fn submit(path: &Path, name: &str, seeds: u32) -> Vec<JobId> {
        let plan = crate::plan::tests::sample(name, seeds);
        let mut store = Store::open(path).unwrap();
        let state = results::state(&Reader::open(path).unwrap()).unwrap();
        let mut facts = state.submit_decision(plan, String::new()).unwrap().facts;
        if state.sweep(name).is_none() {
            let cases = (0..60).map(|case| format!("case{case:02}")).collect();
            let inventory = Inventory::new(ContentHash::of(b"blobs"), cases);
            facts.push(Fact::Pinned { sweep: name.to_owned(), inventory, by: "w".to_owned() });
        }
        store.append(&facts, &[]).unwrap();
        let state = results::state(&Reader::open(path).unwrap()).unwrap();
        state.sweep(name).unwrap().jobs.iter().copied().collect()
    }

    /// Has an attempt of a job fail for good.
    fn fail(path: &Path, job: JobId, attempt: u32) {
        let (attempt, worker) = (Attempt(attempt), WorkerId(1));
        let failed = Fact::Failed {
            job,
            attempt,
            kind: FailureKind::TooLarge,
            message: Line::message("no luck"),
            log: Tail::default(),
            worker: Line::name("w"),
        };
        let facts = [Fact::Granted { job, attempt, token: Token(1), worker }, failed];
        Store::open(path).unwrap().append(&facts, &[]).unwrap();
    }

    #[test]
    fn each_failure_of_each_sweep_is_news_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let jobs = submit(&path, "a", 2);
        assert_eq!(submit(&path, "b", 2), jobs, "they share their jobs");
        for job in &jobs[..3] {
            fail(&path, *job, 1);
        }
        let mut told = Told::new(failed(&path).unwrap());
        fail(&path, jobs[3], 1);
        let now = failed(&path).unwrap();
        assert_eq!(told.news("a", &now), [jobs[3]], "what was there at the start is no news");
        assert_eq!(told.news("a", &now), []);
        assert_eq!(told.news("b", &now), [jobs[3]], "of both sweeps");
        submit(&path, "a", 2);
        assert_eq!(told.news("a", &failed(&path).unwrap()), []);
        fail(&path, jobs[1], 2);
        assert_eq!(told.news("a", &failed(&path).unwrap()), [jobs[1]], "it was tried again, and failed again");
        told.retain(&Status::default());
        assert_eq!(told.news("a", &failed(&path).unwrap()), [jobs[1]], "deleted, and submitted again");
    }
}
